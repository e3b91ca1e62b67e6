"""What the run says to agents: fixed templates, filled with names from the team and with the agent's own words only."""

from __future__ import annotations

from collections.abc import Sequence

from agentmesh.events import Notice

TEMPLATES = {
    "answer_now": "The discussion is over. Reply with the final answer to the user's task: your reply is the answer.",
    "refused": "Your message to '{recipient}' was not delivered: {why}.",
    "decide_only": "Your text was not delivered: a judge answers only by calling decide{{decision, reason}}.",
    "refuted": "Your answer was checked from outside the team and is not right. Find what is wrong and answer again.",
    "task_failed": "Task {task} came back without a handoff: the turn of {worker} failed.",
    "task_blocked": "Task {task} was not started: it depends on {depends_on}, which did not succeed.",
    "handoff_lost": "The handoff of task {task} by {worker} could not be delivered to you.",
    "task_abandoned": "Task {task} was not started: nobody is left who could do it.",
    "note": "A monitor of this run noticed: {label}. Reconsider before you go on.",
}


QUIET = frozenset({"note", "refused"})
"""Templates that are read with the agent's next turn and never start one: else a refusal could repeat for ever."""


def notice(agent: str, template: str, **facts: str) -> Notice:
    """The notice to an agent, as an event."""
    return Notice(agent=agent, template=template, content=TEMPLATES[template].format(**facts))


def refusal(sender: str, recipient: str, allowed: Sequence[str], reason: str) -> str:
    """Why a message was refused and what is allowed, in one sentence for its sender."""
    others = f"it may message: {', '.join(allowed)}" if allowed else "it may message nobody now"
    match reason:
        case "no_edge":
            return f"'{sender}' may not message '{recipient}'; {others}"
        case "max_messages":
            return f"the edge from '{sender}' to '{recipient}' has carried all the messages it may; {others}"
        case "already_sent":
            return f"'{sender}' has already written to '{recipient}' in this turn; one message per recipient and turn"
        case "tools_only":
            return f"'{sender}' acts through its tools here and does not send free messages"
        case "limit":
            return f"no more messages may be sent: the limit of the run or of '{sender}' is reached"
        case "answer_pending":
            return "an answer is already being checked"
        case _:
            return f"the run is ending ({reason})"
