"""The live view: agents at work and the messages between them, drawn on a terminal with rich."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import anyio
from rich.console import Console, Group, OverflowMethod, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agentmesh.cli.progress import AgentProgress, Note, RunProgress
from agentmesh.cli.terminal import count, one_line, usd
from agentmesh.topology.shapes import shortened, shortened_names, text_cells

REFRESH_S = 0.1
_NAME_WIDTH = 24
"""The least that long names get, in characters, where the terminal is not narrow."""
_STATE_WIDTH = 34
"""What long names leave for the state."""
_NUMBERS_WIDTH = 34
"""What the columns of numbers and the gaps take."""
_SHORTEST_TAIL = 8
_STYLES = {"waiting": "dim", "done": "green", "failed": "bold red", "stopped": "yellow"}
_MARKS = {"delivered": ("→", ""), "refused": ("✗", "bold red"), "withheld": ("⏸", "yellow")}
_ASCII = {"→": "->", "✗": "x", "⏸": "||", "…": "..", "·": "-", "●": "*", "○": "."}


class LiveView:
    """Draws a `RunProgress` in place. Its height is bounded by the terminal's, whatever the number of agents."""

    def __init__(self, progress: RunProgress, console: Console, clock: Callable[[], float] = time.time) -> None:
        self._progress = progress
        self._console = console
        self._clock = clock
        self._plain_ascii = not (console.encoding or "").lower().startswith("utf")
        self._overflow: OverflowMethod = "crop" if self._plain_ascii else "ellipsis"
        self._live: Live | None = None
        self._labels: dict[tuple[int, int], dict[str, str]] = {}

    def start(self) -> None:
        """Take the terminal's last lines."""
        # Each time a new one: one that was stopped believes that its last picture is still what stands there.
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            vertical_overflow="crop",
            get_renderable=self.frame,
        )
        self._live.start()

    def stop(self) -> None:
        """Leave the last picture where it is and give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    async def keep_drawing(self) -> None:
        """Draw until cancelled; nothing is drawn between `stop` and `start`."""
        while True:
            if self._live is not None:
                self._live.refresh()
            await anyio.sleep(REFRESH_S)

    def frame(self) -> RenderableType:
        """The picture of this moment."""
        room = max(self._console.size.height - 6, 4)
        shown = min(len(self._progress.notes), max(2, room // 3))
        agents = self._shown_agents(room - shown)
        parts: list[RenderableType] = [self._heading(), self._table(agents)]
        if shown:
            parts += [self._counts(), *map(self._note, list(self._progress.notes)[-shown:])]
        return Group(*parts)

    def _shown_agents(self, room: int) -> list[AgentProgress]:
        """Those who act, then those who acted last, in the team's order."""
        everyone = list(self._progress.agents.values())
        if len(everyone) <= room:
            return everyone
        chosen = sorted(everyone, key=lambda agent: (not agent.active, -agent.touched))[: max(room - 1, 1)]
        names = {agent.name for agent in chosen}
        return [agent for agent in everyone if agent.name in names]

    def _heading(self) -> Text:
        progress = self._progress
        elapsed = 0.0 if progress.started is None else self._now() - progress.started
        words = [one_line(progress.team or "starting", 30)]
        if progress.phase:
            words.append(f"phase {progress.phase}" + (f", round {progress.round}" if progress.round else ""))
        words.append(f"{max(elapsed, 0.0):.1f} s")
        if progress.outcome is not None:
            words.append(progress.outcome)
        return self._text(" · ".join(words), "bold")

    def _table(self, agents: list[AgentProgress]) -> Table:
        table = Table(box=None, pad_edge=False, expand=True, padding=(0, 2, 0, 0), header_style="dim")
        labels = self._names(self._name_width())
        table.add_column("agent", no_wrap=True, overflow=self._overflow)
        table.add_column("state", no_wrap=True, overflow=self._overflow, ratio=1)
        for title in ("turns", "calls", "tokens", "cost"):
            table.add_column(title, justify="right", no_wrap=True)
        widest = max((text_cells(labels[agent.name]) for agent in agents), default=0)
        room = self._console.width - widest - _NUMBERS_WIDTH
        for agent in agents:
            table.add_row(self._text(labels[agent.name]), self._state(agent, room), *_numbers(agent.turns, agent.usage))
        total = len(self._progress.agents)
        hidden = total - len(agents)
        label = f"all {total}" if hidden else "all"
        more = self._text(f"{hidden} more not shown" if hidden else "", "dim")
        table.add_row(Text(label, "bold"), more, *_numbers(self._progress.turns, self._progress.usage), style="bold")
        return table

    def _state(self, agent: AgentProgress, room: int) -> Text:
        if not agent.active:
            return self._text(f"○ {agent.doing}", _STYLES.get(agent.state, ""))
        seconds = max(self._now() - (agent.since or 0.0), 0.0)
        text = self._text(f"● {one_line(agent.doing, 40)} {seconds:.1f} s", "cyan")
        room -= len(text) + 3
        if agent.attempts and room >= _SHORTEST_TAIL:
            text.append_text(self._text(f"  {one_line(agent.attempts[-1], room + 1)}", "yellow"))
        elif agent.writing and room >= _SHORTEST_TAIL:
            # What was written last is the news: the tail is shown, not the beginning.
            text.append_text(self._text(f"  …{one_line(agent.writing, 1000)[-room:].lstrip()}", "dim"))
        return text

    def _counts(self) -> Text:
        progress = self._progress
        words = [count(progress.delivered, "message")]
        words += [
            f"{number} {what}"
            for number, what in ((progress.refused, "refused"), (progress.withheld, "withheld"))
            if number
        ]
        return self._text(", ".join(words), "dim")

    def _note(self, note: Note) -> Text:
        labels = self._names(min(self._name_width(), self._console.width // 3 - 2))
        who, recipient = (labels.get(name) or shortened(one_line(name, 80)) for name in (note.who, note.recipient))
        if note.verdict not in _MARKS:
            line = self._text(f"! {note.verdict.replace('_', ' ')} {who}: ", "yellow")
        else:
            mark, style = _MARKS[note.verdict]
            line = self._text(f"{who} {mark} {recipient} ", style or "bold")
            if note.verdict != "delivered":
                line.append(f"{note.verdict}: ", style)
        line.append_text(self._text(note.text))
        return line

    def _name_width(self) -> int:
        width = self._console.width
        return max(min(_NAME_WIDTH, width // 3), width - _NUMBERS_WIDTH - _STATE_WIDTH)

    def _names(self, width: int) -> dict[str, str]:
        """Each agent's name as it is shown, all of them different, kept until the terminal or the team changes."""
        key = (width, len(self._progress.agents))
        if key not in self._labels:
            names = {name: one_line(name, 200) for name in self._progress.agents}
            # Without Unicode a mark of omission takes two characters.
            short = shortened_names(names.values(), width - 2 * self._plain_ascii)
            self._labels = {
                **dict(list(self._labels.items())[-1:]),
                key: {name: short[at] for name, at in names.items()},
            }
        return self._labels[key]

    def _now(self) -> float:
        return self._progress.now if self._progress.outcome is not None else self._clock()

    def _text(self, text: str, style: str = "") -> Text:
        """Text is never read as markup: a `Text` holds characters alone."""
        if self._plain_ascii:
            text = "".join(_ASCII.get(char, char) for char in text).encode("ascii", "replace").decode("ascii")
        return Text(text, style, no_wrap=True, overflow=self._overflow)


def _numbers(turns: int, usage: Any) -> tuple[str, str, str, str]:
    return str(turns), str(usage.model_calls), f"{usage.tokens:,}", usd(usage.cost_usd)
