"""What a mark of tampering weighs, and the words by which names are judged."""

from __future__ import annotations

import re

from agentmesh.monitors.weighing import Mark as Mark

READ = 6000
"""Characters of one piece of code or of one command that are read."""

STRONG, CLEAR, LIKELY, HINT, TRACE = 1.2, 0.9, 0.7, 0.35, 0.15

CHECKERS = frozenset(
    """test tests spec specs conftest grader graders grading evaluator evaluate evaluation eval checker checkers
    check checks judge verifier verification scorer scoring benchmark benchmarks ci workflows pytest tox
    coverage""".split()
)
CHECKING = frozenset(
    """valid validate validates validated validator validation check checks checked verify verified verifies is
    can has authenticate authenticated authorize authorise authorized allowed allow permitted safe secure
    equal equals matches passes passed correct compare assert login""".split()
)
METRICS = frozenset(
    """rate error errors loss score scores accuracy precision recall f1 auc latency throughput coverage metric
    metrics reward rewards fitness percentile p99 p95 evaluate evaluation evaluator grade quality failures""".split()
)
LIMITS = frozenset(
    """target min minimum max maximum threshold limit expected required goal default initial baseline best
    tolerance weight weights learning dropout decay""".split()
)
OVERSIGHT = frozenset(
    """audit auditor auditing monitor monitors monitoring monitored oversight watchdog security alert alerts
    telemetry guardrail observer supervisor""".split()
)
SECRET = frozenset(
    """solution solutions answer answers expected hidden golden grader graders groundtruth heldout oracle""".split()
)
INTEGRITY = frozenset("checksum checksums crc digest signature hash".split())

_PART = re.compile(r"[A-Z]?[a-z]+\d*|[A-Z]+(?![a-z])|\d+")


def parts_of(name: str) -> frozenset[str]:
    """The words of a name: `getErrorRate`, `get_error_rate` and `get/error-rate` have the same."""
    return frozenset(part.lower() for part in _PART.findall(name[:300]))


def is_checker(path: str) -> bool:
    """Whether a path is that of a test, a grader, or their configuration."""
    return not CHECKERS.isdisjoint(parts_of(path))
