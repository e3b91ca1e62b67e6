"""HTML that is safe by construction: whatever is not `Markup` is text, and is escaped where it enters an element."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

_JOINERS = "\u200c\u200d"
"""Format characters that scripts and emoji need."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_RETURNS = re.compile("\r\n?")
_VOID = frozenset({"meta", "input", "rect", "circle", "path", "polygon", "line"})
"""Elements without content; those of SVG are closed as XML wants it, which HTML takes as well."""

Attribute = str | int | float | bool | None


class Markup(str):
    """Text that is HTML already. Made by `element` and `join`, and of constants in this folder; never of an event."""

    __slots__ = ()


Content = str | Markup | None


def visible(text: str) -> str:
    """The text with characters that hide, reorder or control written out: a report shows what was there."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, _RETURNS.sub("\n", text)))


def _shown(char: str) -> str:
    if char in "\n\t" or char in _JOINERS or unicodedata.category(char) not in _HIDDEN:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escaped(text: str) -> Markup:
    """Text as HTML, safe between tags and between the quotes of an attribute."""
    return text if isinstance(text, Markup) else Markup(html.escape(visible(text)))


def join(parts: Iterable[Content], between: str = "") -> Markup:
    """Parts one after the other, None being nothing."""
    return Markup(escaped(between).join(escaped(part) for part in parts if part is not None))


def element(name: str, /, *content: Content, **attributes: Attribute) -> Markup:
    """One element.

    Names of attributes lose a last `_`, and `_` within becomes `-`: `class_`, `aria_label`. True is an attribute
    without a value; None and False are left out.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in _VOID:
        return Markup(f"<{name}{given}/>")
    return Markup(f"<{name}{given}>{join(content)}</{name}>")


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if isinstance(value, bool):
        return f" {name}" if value else ""
    if isinstance(value, float):
        value = number(value)
    return f' {name}="{escaped(str(value))}"'


def number(value: float) -> str:
    """A coordinate: one digit after the point, if it says anything."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[Content]], figures: Collection[int] = ()
) -> Markup:
    """A table in a box that scrolls sideways where it is too wide. `figures`: columns of numbers."""
    kinds = ["n" if at in figures else None for at in range(len(head))]
    top = (element("th", name, scope="col", class_=kind) for name, kind in zip(head, kinds, strict=True))
    body = (
        element("tr", *(element("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    )
    inner = (element("caption", caption), element("thead", element("tr", *top)), element("tbody", *body))
    return element("div", element("table", *inner), class_="wide", tabindex=0, role="region", aria_label=caption)
