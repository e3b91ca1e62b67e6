"""A report as a browser would take it apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

Attributes = list[tuple[str, str | None]]


@dataclass
class Report(HTMLParser):
    """Elements in their order with their attributes, and the text between them. `raw`: of scripts and styles."""

    source: str
    elements: list[tuple[str, Attributes]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    raw: dict[str, list[str]] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.source)
        self.close()

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """What no text may change: the elements and the names of their attributes."""
        return [(tag, tuple(name for name, _ in attributes)) for tag, attributes in self.elements]

    @property
    def text(self) -> str:
        return "\n".join(self.texts)

    def values(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [value or "" for _, attributes in self.elements for key, value in attributes if key == name]

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        self.elements.append((tag, attrs))
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Attributes) -> None:
        self.elements.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        within = self._open[-1] if self._open else ""
        if within in ("script", "style"):
            self.raw.setdefault(within, []).append(data)
        else:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")
