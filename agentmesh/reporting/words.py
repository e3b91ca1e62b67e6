"""Numbers, times and costs as a report writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def count(number: float, singular: str, plural: str = "") -> str:
    """`1 turn`, `2 turns`, `1,200 tokens`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def usd(cost: float | None) -> str:
    """A cost; `unknown` where a price is missing, never 0."""
    if cost is None:
        return "unknown"
    if cost == 0:
        return "$0"
    return f"${cost:,.2f}" if cost >= 1 else f"${cost:.4f}" if cost >= 0.0001 else "<$0.0001"


def span(seconds: float) -> str:
    """A length of time in the unit that suits it: `120 ms`, `3.4 s`, `12 min`, `5.2 h`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def offset(ts: float, start: float) -> str:
    """A moment as the time since the run began: `+3.214 s`, `+1:02:03`."""
    seconds = max(ts - start, 0.0)
    if seconds < 600:
        return f"+{seconds:.3f} s"
    hours, rest = divmod(int(seconds), 3600)
    return f"+{hours}:{rest // 60:02}:{rest % 60:02}"


def moment(ts: float) -> str:
    """A moment of the calendar, in UTC; nothing of a log without times."""
    try:
        return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if ts > 0 else ""
    except (OverflowError, ValueError, OSError):
        return ""


def shortened(text: str, width: int) -> str:
    """The text on one line, its end left out where it is longer than `width`."""
    line = " ".join(text[: 4 * width].split())
    return line if len(line) <= width and len(text) <= 4 * width else line[: width - 1].rstrip() + "…"


def size(of: int) -> str:
    """A number of bytes: `812 bytes`, `1.2 MB`."""
    return f"{of:,} bytes" if of < 10_000 else f"{of / 1e3:,.0f} kB" if of < 1e6 else f"{of / 1e6:,.1f} MB"
