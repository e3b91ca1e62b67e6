"""A user's labelled traces as runs whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from agentmesh.errors import TraceError
from agentmesh.evaluation.calibration.runs import LabelledRun


def labelled_traces(path: str | PathLike[str]) -> Iterator[LabelledRun]:
    """The traces of a file in the format of `agentmesh audit`, each with `labels` and, if it is known, `onset`.

    `labels` holds 1 for what the trace shows and 0 for what it does not; about the others nothing is claimed. `onset`
    is the `i` of the first event that shows it: one number, or one for each label. Raises: TraceError.
    """
    from agentmesh.evaluation.readers import Trace, read_traces
    from agentmesh.evaluation.readers.source import Document, Source

    traces = (read for read in read_traces(path, "native") if isinstance(read, Trace))
    records = (record for record in Source(Path(path)).records() if isinstance(record, Document))
    held = (record for record in records if _is_trace(record.value))
    for record, trace in zip(held, traces, strict=True):
        yield _labelled(trace, record.value, f"{path}:{record.line}")


def _is_trace(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("events"), list)


def _labelled(trace: Any, value: Mapping[str, Any], where: str) -> LabelledRun:
    from agentmesh.evaluation.traced import events_of

    labels = value.get("labels")
    if not isinstance(labels, dict) or not all(truth in (0, 1) for truth in labels.values()):
        raise TraceError(f'{where}: this trace has no labels; expected "labels": {{"work_stop": 1, "stall": 0}}')
    placed = list(events_of(trace))
    shown = [label for label, truth in labels.items() if truth]
    given = {label: _onset(value.get("onset"), label, where) for label in shown}
    starts = {label: None if i is None else _place(placed, i, where) for label, i in given.items()}
    truth = [frozenset(label for label in shown if at >= (starts[label] or 0)) for at in range(len(placed))]
    return LabelledRun(
        name=trace.id,
        events=tuple(event for event, _ in placed),
        labels=truth,
        onsets=starts,
        unclear=_Absent(labels),
    )


def _onset(onset: Any, label: str, where: str) -> int | None:
    found = onset.get(label) if isinstance(onset, dict) else onset
    if found is not None and type(found) is not int:
        raise TraceError(f"{where}: onset is {found!r}; expected the `i` of an event, or one for each label")
    return found


def _place(placed: list[tuple[Any, int | None]], i: int, where: str) -> int:
    for at, (_, place) in enumerate(placed):
        if place is not None and place >= i:
            return at
    raise TraceError(f"{where}: onset is {i}, and no event has that number or a later one")


class _Absent(Mapping[str, int]):
    """Of every label that a trace does not mention, nothing is claimed from its first event on."""

    def __init__(self, mentioned: Iterable[str]) -> None:
        self._mentioned = frozenset(mentioned)

    def __getitem__(self, label: str) -> int:
        if label in self._mentioned:
            raise KeyError(label)
        return 0

    def __iter__(self) -> Iterator[str]:
        return iter(())  # there is no end to them

    def __len__(self) -> int:
        return 0
