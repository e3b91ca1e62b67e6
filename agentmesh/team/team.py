"""The composition root: a declared team, ready to run any number of tasks."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Unpack

import anyio

from agentmesh.agents.base import Occupant
from agentmesh.agents.verifier import Verifier
from agentmesh.errors import ConfigError, ToolError
from agentmesh.events import RunResumed
from agentmesh.journal.base import DEFAULT_JOURNAL, RunRecord
from agentmesh.messages import Part
from agentmesh.runner import Check, Runner, RunPlan
from agentmesh.runner.member import Asked
from agentmesh.runner.replay import Replayed, damage, replayed
from agentmesh.runner.resume import gone_through
from agentmesh.team.definition import Definition
from agentmesh.team.given import RunOptions, limits_of, refuse_no_task, run_options
from agentmesh.team.kept import Added, Address, Kept, begun, forked, gone_on_with, opened, raised_by
from agentmesh.team.members import Before
from agentmesh.team.nested import NestedTeam, Purse, paid, through, verifying
from agentmesh.team.parts import hold, let_go
from agentmesh.team.prices import prices_of, refuse_unpriced
from agentmesh.team.result import RunResult
from agentmesh.team.run import EndedRun, Run
from agentmesh.team.serving import Serving, from_record, live, recorded
from agentmesh.team.watches import make_watches
from agentmesh.team.working import check_of_merged, checks_merged, works_of

if TYPE_CHECKING:
    from agentmesh.tools.workspaces.works import Works


class Team(Definition):
    """Agents on an enforced topology. The definition only: each run has a state of its own.

    `agents`: `Agent` objects, or plain functions `fn(text) -> str`. `topology`: a `Topology`, or a `networkx.DiGraph`.
    `models`: by name; a value is `provider:model[@base_url]`, a `ModelConfig`, a provider, or `fn(request)`.
    `monitors`: by name, or a list; a class is made anew for each run, a function is `fn(event) -> Finding | None`; a
    pair (monitor, MonitorConfig) sets threshold and interventions. `verify`: `fn(answer) -> bool`,
    `{"agent": Agent(...)}`, or a `VerifyConfig`. `answer`: a JSON Schema, or a pydantic class. `allow`: packages that
    names may be imported from.

    Raises: ConfigError, TopologyError, with everything that is wrong.
    """

    async def run(self, task: str, **options: Unpack[RunOptions]) -> RunResult:
        """Give the team a task and wait for the end of the run.

        Ends in a result whatever happens to agents and models; see `result.outcome`. Raises: JournalError.
        """
        async with self._begun(task, options) as run:
            return await run.driven()

    def run_sync(self, task: str, **options: Unpack[RunOptions]) -> RunResult:
        """As `run`, for code that is not asynchronous. Raises: RuntimeError inside a running event loop."""
        if _inside_a_loop():
            raise RuntimeError("run_sync cannot wait inside a running event loop: use `await team.run(...)` there")
        return anyio.run(lambda: self.run(task, **options))

    @asynccontextmanager
    async def start(self, task: str, **options: Unpack[RunOptions]) -> AsyncIterator[Run]:
        """A run to watch and to act upon while it lasts. Leaving the block before its end cancels it."""
        async with self._begun(task, options) as run, run.driving():
            yield run

    async def resume(self, run_id: str, *, added: Added | None = None, **options: Unpack[RunOptions]) -> RunResult:
        """Go on with a recorded run: after a crash, an interruption, or a limit that is `added` to.

        `journal` names the journal that holds it. A run that has ended for good is given as it is. Raises: RunNotFound,
        RunTaken, JournalError; RunChanged if the team is another, or asks its models something else, than then.
        """
        async with self.resuming(run_id, added=added, **options) as run:
            return await run.result()

    async def fork(self, run_id: str, at: int, **options: Unpack[RunOptions]) -> RunResult:
        """A new run that goes on from event `at` of a recorded one, whose log stays as it is. See `resume`.

        What it inherits it does not pay for. The team may be another one, as long as all that it inherits could have
        come of it. Raises: RunNotFound, ConfigError, RunChanged, JournalError.
        """
        async with self.forking(run_id, at, **options) as run:
            return await run.result()

    async def replay(self, run_id: str, *, journal: Address = DEFAULT_JOURNAL, asked: Asked | None = None) -> Replayed:
        """Go through a recorded run without any model, and compare each event. Raises: RunNotFound, JournalError.

        `asked` is told what each model call asked: key, hash, request.
        """
        async with opened(journal) as store:
            run_id = (await store.status(run_id)).record.run_id
            damaged = await store.first_damage(run_id)
            if damaged is not None:
                return Replayed(damage(damaged))
            events = await store.events(run_id)
            kept = Kept(run_id, journal=store, recorded=events, resumed=RunResumed(at=events[-1].id))
            before = await self._before(kept)
        return await replayed(replace(self._plan(kept.started.task, {}, kept, before, None)[0], asked=asked))

    @asynccontextmanager
    async def resuming(
        self, run_id: str, *, added: Added | None = None, **options: Unpack[RunOptions]
    ) -> AsyncIterator[Run]:
        """As `resume`, to watch and to act upon."""
        raised = raised_by(added or {})
        options = run_options(options)
        address, durability = options.get("journal") or DEFAULT_JOURNAL, options.get("durability", "full")
        async with gone_on_with(address, durability, run_id, self.hash, self.description, raised) as kept:
            if kept.log is None:
                read = self._form.read if self._form else None
                yield EndedRun(RunResult(kept.run_id, kept.recorded, _read_value=read))
                return
            self.refuse_unready()
            async with self._open() as serving:
                serving.refuse_changed(kept.run_id, kept.started.servers)
                run = self._run(kept.started.task, options, kept, serving, await self._before(kept))
                async with run.driving():
                    yield run

    @asynccontextmanager
    async def forking(self, run_id: str, at: int, **options: Unpack[RunOptions]) -> AsyncIterator[Run]:
        """As `fork`, to watch and to act upon."""
        options = run_options({"journal": DEFAULT_JOURNAL, **options})
        address, durability = options["journal"], options.get("durability", "full")
        assert address is not None
        self.refuse_unready()
        await self._refuse_unfit()
        record = self._record("", options)
        async with self._open() as serving, forked(address, durability, record, run_id, at) as kept:
            run = self._run(kept.started.task, options, kept, serving, await self._before(kept))
            async with run.driving():
                yield run

    @asynccontextmanager
    async def _begun(
        self, task: str, options: RunOptions, before: Before | None = None, within: Purse | None = None
    ) -> AsyncIterator[Run]:
        options = run_options(options)
        refuse_no_task(task)
        self.refuse_unready()
        await self._refuse_unfit()
        address, durability = options.get("journal"), options.get("durability", "full")
        async with self._open() as serving, begun(address, durability, self._record(task, options)) as new:
            yield self._run(task, options, new, serving, before, within)

    async def _refuse_unfit(self) -> None:
        """A folder, repository or branch that is not there is said before anything is spent. Raises: ConfigError."""
        works = works_of(self.agents, self._merge, "", self._folder)
        if works is not None:
            try:
                await works.refuse_unfit()
            except ToolError as error:
                raise ConfigError(str(error)) from error
        for team in self._members.assembly.teams.values():
            await team._refuse_unfit()  # noqa: SLF001 - another object of this class

    async def _before(self, kept: Kept) -> Before | None:
        """Of a run that continues another one: that one's agents, with all that they remembered at its end."""
        continued = kept.started.continues
        if continued is None:
            return None
        assert kept.journal is not None, "what is gone on with is in a journal"
        events = await kept.journal.events(continued)
        earlier = Kept(continued, None, kept.journal, events, RunResumed(at=events[-1].id))
        plan, made = self._plan(earlier.started.task, {}, earlier, await self._before(earlier), None)
        runner = Runner(plan)
        await gone_through(runner)
        return Before.of(runner, made)

    def _record(self, task: str, options: RunOptions) -> RunRecord:
        run_id = uuid.uuid4().hex[:12]
        if options.get("journal") is None:
            return RunRecord(run_id, self.name, task, 0.0)
        made = options.get("made", {})
        return RunRecord(run_id, self.name, task, time.time(), made, self.hash, self.description)

    def _run(
        self,
        task: str,
        options: RunOptions,
        kept: Kept,
        serving: Serving,
        before: Before | None = None,
        within: Purse | None = None,
    ) -> Run:
        plan, made = self._plan(task, options, kept, before, within, serving)

        def finish(runner: Runner) -> RunResult:
            async def go_on(text: str) -> RunResult:
                again: RunOptions = {**options, "parts": ()}  # the files belong to the task of the first run
                async with self._begun(text, again, Before.of(runner, made)) as run:
                    return await run.driven()

            nested = {name: tuple(one.results) for name, one in made.items() if isinstance(one, NestedTeam)}
            read = self._form.read if self._form else None
            return RunResult(plan.run_id, tuple(runner.events), nested, runner.kept, read, go_on)

        return Run(Runner(plan), finish)

    def _plan(
        self,
        task: str,
        options: RunOptions,
        kept: Kept,
        before: Before | None,
        within: Purse | None,
        serving: Serving | None = None,
    ) -> tuple[RunPlan, Mapping[str, Occupant]]:
        seed, limits = options.get("seed"), options.get("limits")
        parts = tuple(options.get("parts", ()))
        if kept.recorded:
            seed, parts = kept.started.seed if seed is None else seed, kept.started.parts
        serving = serving or recorded(kept.recorded)
        members = self._members.served(serving.tools(self._members.assembly.wanted))
        made = (
            before.occupants
            if before
            else members.occupants(seed, lambda name: self._nested(name, {**options, "seed": seed}))
        )
        allowed = (self.limits if limits is None else limits_of(limits)).raised(**kept.added)
        assembly = self._members.assembly
        refuse_unpriced(self._members, self.topology.phases, allowed)
        works = works_of(self.agents, self._merge, kept.run_id, self._folder)
        return RunPlan(
            run_id=kept.run_id,
            team=self.name,
            task=task,
            phases=self.topology.phases,
            members=through(members.of(made), within),
            topology_hash=self.topology.hash,
            policy=self.topology.policy,
            limits=allowed,
            seed=seed,
            parts=parts,
            monitors=make_watches(assembly.monitors),
            verify=self._checking(verifying(self._members.verifier(seed), within) or self._verify, works),
            works=works,
            servers=serving.offers,
            verify_retries=self._verify_retries,
            answer_fault=self._form.fault if self._form else None,
            rewrites=assembly.rewrites,
            untils=self._untils,
            summarisers=paid(self._members.summarisers(), within),
            judges=self._members.judges(),
            bounds=lambda phases, used: self._members.bounds(phases, allowed, retries=self._verify_retries, used=used),
            ask=options.get("ask"),
            watch=options.get("watch"),
            continues=before.run_id if before else None,
            untrusted=before.untrusted if before else {},
            team_hash="" if kept.log is None else self.hash,
            prices=prices_of(self._members),
            log=kept.log,
            recorded=kept.recorded,
            resumed=kept.resumed,
            heard_later=kept.heard_later,
            words=None if kept.journal is None or not kept.recorded else partial(kept.journal.said, kept.run_id),
        ), made

    def _checking(self, check: Check | Verifier | None, works: Works | None) -> Check | Verifier | None:
        """How an answer is checked: where work is merged, what was merged is checked."""
        if works is None or self._merge is None or isinstance(check, Verifier):
            return check
        if check is None and not checks_merged(self.topology.phases, self._merge):
            return None
        return check_of_merged(works, self.topology.nodes, self._verify_config, check)

    def _nested(self, name: str, options: RunOptions) -> NestedTeam:
        """The occupant of a node that is a team. Whoever answers the questions of the outer run answers its own too."""
        team = self._members.assembly.teams[name]
        watch = options.get("watch")
        shared: RunOptions = {
            "seed": options.get("seed"),
            "ask": options.get("ask"),
            "watch": watch if getattr(watch, "nested", False) else None,
        }

        async def run(text: str, parts: tuple[Part, ...], purse: Purse) -> RunResult:
            inner: Team = team
            asks: RunOptions = {} if options.get("ask") or options.get("journal") is None else {"ask": purse.ask}
            async with inner._begun(text, {**shared, **asks, "parts": parts}, within=purse) as run:
                return await run.driven()

        return NestedTeam(name, run)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Serving]:
        """Servers of tools are asked now, and let go with this run.

        Providers are closed when the last run that holds them, of whatever team, has ended in this event loop.
        """
        held, then, assembly = self._made(), self._recording, self._members.assembly
        hold(held)
        try:
            async with live(assembly) if then is None else from_record(then, assembly) as serving:
                yield serving
        finally:
            with anyio.CancelScope(shield=True):
                await let_go(held)


def _inside_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
