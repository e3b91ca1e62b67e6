"""What pictures and texts of a topology say in words: orders, parts, joins, and what edges carry."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from agentmesh.messages import USER
from agentmesh.topology.phases import Edge, Join, Phase, Until
from agentmesh.topology.shapes import Link, part_of, shortened, text_cells

LABEL_CELL = 6.4
"""Width of a letter of what is written on lines."""
COMMAND = 32
"""Longer commands are shortened to so many cells."""


def phase_title(phase: Phase, index: int, count: int) -> str:
    """The name of a phase, with its number where there are several."""
    return f"{index + 1} · {phase.name}" if count > 1 else phase.name


def order_text(phase: Phase) -> str:
    """The order of a phase in words: how it goes on, how often, and until when."""
    return ", ".join(order_words(phase))


def order_words(phase: Phase) -> list[str]:
    """The same, thought by thought."""
    words = [phase.order.replace("_", " ")]
    if phase.order == "moderator" and phase.moderator is not None:
        words = [f"{phase.moderator} moderates"]
    if phase.rounds is not None:
        what = "speaker" if phase.order == "moderator" else "round"
        most = "up to " if phase.end in ("converged", "answer") else ""
        words.append(f"{most}{_counted(phase.rounds, what)}")
    if phase.end == "converged":
        words.append("until all agree")
    elif phase.end == "answer":
        words.append("until an answer")
    planning = phase.planning
    if planning is not None and planning.judge is not None:
        words.append(f"up to {_counted(planning.max_cycles, 'cycle')}")
    return [*words, *_repeated(phase)]


def _repeated(phase: Phase) -> list[str]:
    """Whether the phase begins again, and with what memory."""
    words = [f"until {until_text(phase.until)}"] if phase.until else []
    if phase.max_iterations > 1:
        words.append(f"up to {phase.max_iterations} times")
    return words + ["fresh memory each time"] * (phase.fresh and phase.max_iterations > 1)


def until_text(until: Until) -> str:
    """What must hold for a phase to be over."""
    said = f"somebody says {shortened(until.promise, COMMAND)} and " if until.promise is not None else ""
    if until.command is not None:
        return f"{said}{shortened(shlex.join(until.command), COMMAND)} succeeds"
    return f"{said}{shortened(until.function or '', COMMAND)} holds"


def join_text(join: Join) -> str:
    """What a join waits for; nothing is said of the usual one."""
    if join == "any":
        return ""
    return "waits for a quorum" if join == "quorum" else f"waits for {join}"


def part_text(phase: Phase, name: str) -> str:
    """What a node is to its phase; nothing of an agent like others."""
    part = part_of(phase, name)
    if part == "vote":
        method = phase.votes[name].method
        return f"{method if method == 'plurality' else method.capitalize()} vote"
    return "" if part in ("agent", "task", "answer") else part


def role_text(phase: Phase, name: str, roles: Mapping[str, str]) -> str:
    """What a node is, in a word or two: its declared role, or its part in the phase; nothing if its name says so."""
    part = part_text(phase, name)
    role = part if part_of(phase, name) in ("vote", "board", "moderator") else roles.get(name) or part
    return "" if role.lower() in name.lower() else role


def more_of(phase: Phase, name: str) -> list[str]:
    """What a tooltip adds: of a vote what can be voted for, and how it decides."""
    vote = phase.votes.get(name)
    if vote is None:
        return []
    said = [f"options: {', '.join(vote.options)}"] * bool(vote.options)
    said += [f"candidates: {', '.join(vote.candidates)}"] * bool(vote.candidates)
    said += [f"weights: {', '.join(f'{who} {weight:g}' for who, weight in vote.weights.items())}"] * bool(vote.weights)
    return said + [f"ties: {vote.ties}"] * (vote.ties != "seed")


def note(edge: Edge | None) -> str:
    """What is special about an edge, in a few letters: what it carries, its bound, its trust."""
    if edge is None:
        return ""
    words: list[str] = [edge.carries] if edge.carries != "full" else []
    words += [f"≤ {edge.max_messages}"] if edge.max_messages is not None else []
    return ", ".join([*words, *(["untrusted"] if edge.trust == "untrusted" else [])])


def line_notes(link: Link) -> tuple[str, ...]:
    """The note of a line, if both its directions say the same; else that of the edge there, and of the one back."""
    there, back = note(link.there), note(link.back)
    return (there,) if link.back is None or there == back else (there, back)


def written_width(link: Link) -> float:
    """The width of what is written on a line; what its two directions say stands one after the other."""
    notes = line_notes(link)
    return sum(text_cells(words) * LABEL_CELL + 10 for words in notes if words)


def tooltip_notes(edge: Edge) -> list[str]:
    """The same in full."""
    said = [] if edge.max_messages is None else [f"at most {_counted(edge.max_messages, 'message')}"]
    said += [f"rewritten by {edge.rewrite}"] * bool(edge.rewrite)
    if edge.carries == "position":
        said.append("carries the position alone")
    elif edge.carries == "summary":
        said.append("carries a summary")
    return said + ["what passes is untrusted"] * (edge.trust == "untrusted")


def common_note(phase: Phase) -> str:
    """What all edges beside those of `user` say alike, where they are so many that once is enough."""
    inner = [edge for edge in phase.edges if USER not in edge.pair]
    notes = {note(edge) for edge in inner}
    return notes.pop() if len(notes) == 1 and len(inner) > 4 else ""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
