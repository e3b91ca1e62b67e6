"""What the run says to agents: fixed templates, filled with names from the team and with the agent's own words only."""

from __future__ import annotations

from collections.abc import Sequence

from agentmesh.events import ITERATING, Notice
from agentmesh.topology.phases import Phase

TEMPLATES = {
    "answer_now": "The discussion is over. Reply with the final answer to the user's task: your reply is the answer.",
    "speak_now": "The phase '{phase}' begins, and it is your turn to speak. Your reply goes to: {names}.",
    "vote_now": "It is time to vote. Rank what you are for, best first, by calling vote{{ranking}}; or reply with your "
    "answer alone, which then is your ballot. Nobody sees it before all are in.",
    "plan_now": "The phase '{phase}' begins. Hand out what has to be done now, or reply with the answer.",
    "choose_speaker": "Choose who speaks next by calling next_speaker{{agent}}. You may call on: {names}.",
    "have_floor": "'{moderator}' gives you the floor. Your reply goes to: {names}.",
    "refused": "Your message to '{recipient}' was not delivered: {why}.",
    "decide_only": "Your text was not delivered: a judge answers only by calling decide{{decision, reason}}.",
    "refuted": "Your answer was checked from outside the team and is not right. Find what is wrong and answer again.",
    "board_refused": "What you put on the board '{board}' was not accepted when the round was over: {why}.",
    "task_failed": "Task {task} came back without a handoff: the turn of {worker} failed.",
    "task_blocked": "Task {task} was not started: it depends on {depends_on}, which did not succeed.",
    "task_refused": "Task {task} has failed: what {worker} handed off could not be accepted in {attempts} attempts. "
    "{why}",
    "board_so_far": "Your tasks so far, whose ids are not used again:\n{tasks}",
    "handoff_lost": "The handoff of task {task} by {worker} could not be delivered to you.",
    "task_abandoned": "Task {task} was not started: nobody is left who could do it.",
    "wrap_up": "The run has come to its limit, and this is its last turn. Reply now, in plain text, with the best "
    "answer to the user's task that you can give from what you know; tools can no longer be called.",
    "ask_evidence": "Say what shows your present answer to be right: the result of a tool, a number, a quote, or a "
    "step that can be done again. Do it anew from the task alone, and keep or change your position by that only.",
    "dissent": "You are the devil's advocate on what {names} last said. Find what is wrong with it, or not shown by "
    "any evidence, and make the strongest true case against it. If all of it stands, say so, and what shows it.",
    "reset": "Your context begins anew: what was said before is no longer shown to you. Go on from the task alone.",
    "vote_again": "Answer the task anew and alone: nobody else's answer is shown to you, and yours is shown to nobody "
    "before all have answered.",
    "task_again": "The user's task is:\n\n{task}",
    "iteration": "{head}{work}{tried}",
    "plan_anew": "{head} The last {idle} iterations came to nothing new. Write the plan in {plan} anew, from what you "
    "find on disk and not from what the plan says now; do nothing else in this iteration.",
    "replan": "What was planned and is not done yet is given up. Plan anew, from the task alone.",
    "reassigned": "Task {task} was given to somebody else: what you still return for it does not count.",
    "given_up": "Task {task} was given up: what you still return for it does not count.",
    "agreed_order": "This order was agreed before you begin: {names}. Your place in it: {place}. Where you cannot all "
    "do the same, or each of you would rather have another thing, whoever comes earlier goes first, and whoever comes "
    "later gives way.",
    "agreed_rule": "This rule was agreed before you begin: where you have to do the same, or to begin with one of "
    "several things, take the one whose name comes first in the alphabet.",
    "human_says": "A person in charge of this run says: {text}",
    "note": "A monitor of this run noticed: {label}. Reconsider before you go on.",
}


QUIET = frozenset(
    {
        "note",
        "refused",
        "board_refused",
        "board_so_far",
        "reassigned",
        "given_up",
        "agreed_order",
        "agreed_rule",
        *ITERATING,
    }
)
"""Templates that are read with the agent's next turn and never start one: else a refusal could repeat for ever."""


def notice(agent: str, template: str, **facts: str) -> Notice:
    """The notice to an agent, as an event."""
    return Notice(agent=agent, template=template, content=TEMPLATES[template].format(**facts))


def agreed(phase: Phase) -> list[Notice]:
    """What those who take part in a phase are told to have agreed upon."""
    names = phase.participants
    match phase.agreed:
        case None:
            return []
        case "focal":
            return [notice(name, "agreed_rule") for name in names]
        case "ordering":
            return [
                notice(name, "agreed_order", names=listed(names), place=f"{place} of {len(names)}")
                for place, name in enumerate(names, 1)
            ]


def listed(names: Sequence[str]) -> str:
    """Names as a notice gives them."""
    return ", ".join(names) or "nobody"


REFUSALS = {
    "no_edge": "'{sender}' may not message '{recipient}'; {others}",
    "max_messages": "the edge from '{sender}' to '{recipient}' has carried all the messages it may; {others}",
    "already_sent": "'{sender}' has already written to '{recipient}' in this turn; one message per recipient and turn",
    "tools_only": "'{sender}' acts through its tools here and does not send free messages",
    "no_position": "'{recipient}' hears only the position of '{sender}', and none was stated",
    "not_summarised": "'{recipient}' hears only summaries of what '{sender}' writes, and none could be made",
    "edge_limit": "'{recipient}' hears only summaries of what '{sender}' writes, and their limit is used up; {others}",
    "no_option": "the ballot names what cannot be voted for at '{recipient}'",
    "no_ballot": "'{sender}' is voted for at '{recipient}', and has no ballot there",
    "already_voted": "'{sender}' has voted at '{recipient}' already",
    "vote_closed": "the vote '{recipient}' is closed",
    "not_released": "a person looked at the message to '{recipient}' and did not let it pass",
    "limit": "no more messages may be sent: the limit of the run or of '{sender}' is reached",
    "kept_back": "a monitor of this run wants you to go on before you answer",
    "answer_pending": "an answer is already being checked",
}
"""By reason: why a message was refused. Any other reason is how the run is ending."""


def refusal(sender: str, recipient: str, allowed: Sequence[str], reason: str) -> str:
    """Why a message was refused and what is allowed, in one sentence for its sender."""
    others = f"it may message: {', '.join(allowed)}" if allowed else "it may message nobody now"
    template = REFUSALS.get(reason, "the run is ending ({reason})")
    return template.format(sender=sender, recipient=recipient, others=others, reason=reason)
