"""The second tier of monitors: a judge is asked about a suspicion, and its verdict goes into the log as a finding."""

from __future__ import annotations

from typing import Protocol

import anyio

from agentmesh.events import Event, FindingRecorded, RunStarted
from agentmesh.messages import Outcome, Reply
from agentmesh.monitors.judge import ATTEMPTS, Passage, Verdict, judge_request, passage_of, verdict_of
from agentmesh.providers.ask import ask
from agentmesh.providers.base import Request
from agentmesh.providers.encoding import mended
from agentmesh.runner.asking import reply_to
from agentmesh.runner.past import INTERRUPTED
from agentmesh.runner.turn import Shell
from agentmesh.scheduler import Judge


class Judged(Shell, Protocol):
    """The run whose monitors suspect something."""

    events: list[Event]

    def stop(self, outcome: Outcome, reason: str) -> None:
        """End the run."""
        ...


class Judging:
    """Asks the judges of one run. What they are paid with is their monitors' own."""

    def __init__(self, runner: Judged) -> None:
        self._runner = runner
        self._scopes: set[anyio.CancelScope] = set()

    def cancel(self) -> None:
        """Ask nobody any more: the run is about to end."""
        for scope in self._scopes:
            scope.cancel()

    async def judge(self, command: Judge) -> None:
        """Have a suspicion judged, and record the verdict. Where none can be had the first tier's word stands."""
        suspicion = command.suspicion
        finding = suspicion.finding
        passages = self._passages(finding.evidence)
        scope = anyio.CancelScope()
        self._scopes.add(scope)
        try:
            with scope:
                verdict = await self._verdict(command, passages)
        except anyio.get_cancelled_exc_class():
            if not self._runner.ending:
                self._runner.stop("cancelled", INTERRUPTED)
            self._record(suspicion, finding, "unjudged")  # the end of the log waits for it
            raise
        except Exception as error:  # a limit, or a provider, which may be anybody's code: why stands in the log
            why = f"{finding.why or finding.label} (no verdict of its judge: {type(error).__name__})"
            self._record(suspicion, finding.model_copy(update={"why": why}), "unjudged")
            return
        finally:
            self._scopes.discard(scope)
        if scope.cancelled_caught:
            self._record(suspicion, finding, "unjudged")
            return
        quotes = "; ".join(f'"{quote}"' for quote in verdict.quotes)
        why = mended(f"{verdict.why}: {quotes}" if quotes else verdict.why)
        judged = finding.model_copy(update={"why": why, "score": verdict.confidence})
        self._record(suspicion, judged, "confirmed" if verdict.confirmed else "dismissed")

    def _record(self, suspicion: FindingRecorded, finding: object, verdict: str) -> None:
        # A judge that says yes has decided: how sure it is says no more about whether to act.
        update = {"finding": finding, "judge": verdict, "suspicion": suspicion.id, "threshold": 0.0}
        self._runner.record(suspicion.model_copy(update={**update, "id": 0}))

    async def _verdict(self, command: Judge, passages: list[Passage]) -> Verdict:
        runner, finding = self._runner, command.suspicion.finding
        provider, config = runner.plan.judges[finding.monitor]
        started = runner.events[0]
        task = started.task if isinstance(started, RunStarted) else ""
        first = judge_request(finding, passages, task, config.instructions, config.max_output_tokens)
        calls = 0

        async def paid(request: Request) -> Reply:
            nonlocal calls
            key = f"{runner.plan.run_id}/{command.place}/monitor:{finding.monitor}/{command.suspicion.id}/{calls}"
            calls += 1
            return await reply_to(runner, provider, request, key)

        asked = await ask(paid, first, lambda value: verdict_of(value, passages), attempts=ATTEMPTS)
        return asked.value

    def _passages(self, evidence: tuple[int, ...]) -> list[Passage]:
        """What there is to read in the events that a finding names; a text that went to several is read once."""
        events = self._runner.events
        read = (passage_of(events[id_ - 1]) for id_ in sorted(set(evidence)) if 0 < id_ <= len(events))
        return list({(one.agent, one.text): one for one in read if one is not None}.values())
