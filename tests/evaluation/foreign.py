"""What tests of readers share: where the recordings are, and reading that may not fail."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from agentmesh.evaluation.readers import Trace, read_traces

TRACES = Path(__file__).parents[1] / "cases" / "traces"


def traces_of(path: Path, format: str | None = None) -> list[Trace]:
    """The traces of a file without faults."""
    found = list(read_traces(path, format))
    traces = [one for one in found if isinstance(one, Trace)]
    assert traces == found, [one for one in found if not isinstance(one, Trace)]
    assert traces
    return traces


def as_written(traces: Iterable[Trace]) -> str:
    """The traces as a native file: strict JSON, and text that UTF-8 can hold."""
    return "".join(f"{json.dumps(trace.to_json(), allow_nan=False, ensure_ascii=False)}\n" for trace in traces)
