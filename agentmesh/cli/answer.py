"""`agentmesh answer`: what a person says to a question of a run."""

from __future__ import annotations

import time
from collections.abc import Sequence

import anyio
import click

from agentmesh.cli.journals import existing, journal_option, person, status_of
from agentmesh.cli.options import json_flag
from agentmesh.cli.terminal import complain, one_line, say_json
from agentmesh.config.language import one_of
from agentmesh.errors import AgentMeshError
from agentmesh.events import Answered, Event, Question
from agentmesh.reporting import summary
from agentmesh.team.result import RunResult


@click.command(name="answer")
@click.argument("run_id", metavar="RUN_ID")
@click.argument("question_id", metavar="QUESTION_ID")
@click.argument("text", metavar="TEXT")
@journal_option
@json_flag
def command(run_id: str, question_id: str, text: str, journal: str, as_json: bool) -> None:
    """Answer a question of a run: of a human agent, of `ask_human`, of a tool to be approved, of a withheld message.

    Only records the answer, with who gave it and when: a run that is under way hears it within a second, one that
    waits goes on with `agentmesh resume`. The end of a question's id is enough if it is unmistakable. To a tool that
    is to be approved say `yes`, or why not; to a withheld message `release`, or anything else.

    \b
    Examples:
      agentmesh answer 013df140921a main#1/boss/1/1 "Take the second one."
      agentmesh answer 013d m7 release
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    events, waits = anyio.run(_answer, journal, run_id, question_id, text)
    if as_json:
        say_json(summary(events))
    complain("recorded" + ("" if waits else f"; `agentmesh resume {events[0].run_id}` goes on"))


async def _answer(journal: str, run_id: str, question_id: str, text: str) -> tuple[Sequence[Event], bool]:
    async with existing(journal) as store:
        status = await status_of(store, run_id)
        run_id = status.record.run_id
        events = await store.events(run_id)
        if status.outcome is not None:
            raise AgentMeshError(f"run {run_id} has ended ({status.outcome}): it asks nothing any more")
        said = {word.question_id for word in await store.said(run_id) if isinstance(word, Answered)}
        question = _found(run_id, question_id, RunResult(run_id, events).questions, said)
        word = Answered(
            agent=question.agent, question_id=question.question_id, content=text, by=person(), given=time.time()
        )
        await store.say(run_id, word)
        return events, status.running


def _found(run_id: str, question_id: str, asked: Sequence[Question], said: set[str]) -> Question:
    """The question that is meant. Raises: AgentMeshError."""
    exact = [one for one in asked if one.question_id == question_id]
    meant = exact or [one for one in asked if one.question_id.endswith("/" + question_id)]
    if len(meant) != 1:
        found = "several questions of" if meant else "no question of"
        listed = one_of(one_line(one.question_id) for one in asked)
        raise AgentMeshError(f"'{question_id}' is {found} run {run_id}; it asks: {listed}")
    if meant[0].question_id in said:
        raise AgentMeshError(f"'{meant[0].question_id}' was answered already, and waits for `agentmesh resume`")
    return meant[0]
