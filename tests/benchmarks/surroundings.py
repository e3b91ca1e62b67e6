"""What the package costs before it does anything: the time of its import, and what is installed with it."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DISTRIBUTION = "agentmesh-topology"


def import_ms(statement: str, repeats: int) -> float:
    """Milliseconds that an import takes in a fresh interpreter, the median of so many."""
    code = f"import time; t = time.perf_counter(); {statement}; print((time.perf_counter() - t) * 1000)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
        for _ in range(repeats)
    ]
    return statistics.median(times)


def core_packages() -> list[str] | None:
    """All that `pip install` of the package alone brings to this machine, itself included, by its installed metadata.

    None where something it requires is not installed, so that the list would be too short.
    """
    seen: dict[tuple[str, str], None] = {}
    waiting = [(DISTRIBUTION, "")]
    try:
        while waiting:
            package = waiting.pop()
            if package not in seen:
                seen[package] = None
                waiting += _required(*package)
    except PackageNotFoundError:
        return None
    return sorted({name for name, _ in seen})


def _required(name: str, extra: str) -> Iterator[tuple[str, str]]:
    for line in distribution(name).requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            required = canonicalize_name(requirement.name)
            yield required, ""
            yield from ((required, wanted) for wanted in requirement.extras)
