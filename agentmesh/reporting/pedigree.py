"""The lineage of a population as SVG: a column for each generation, and the champion's line through them."""

from __future__ import annotations

from collections.abc import Iterator

from agentmesh.reporting.family import Descent, Family, Member
from agentmesh.reporting.markup import Markup, element, join, number
from agentmesh.reporting.words import count, shortened

_WIDE, _HIGH = 96, 20
_ACROSS, _DOWN = 196, 27
_LEFT, _TOP = 46, 34
_PALE, _FULL = 0.05, 0.45
"""How opaque the colour of somebody is who is never right, and who always is: text on it has to stay legible."""
_LETTERS = 15
_COLOURS = 6


def pedigree(family: Family) -> Markup:
    """The picture, and what its lines mean."""
    if not family.members:
        return element("figure", element("p", "Lineage: there is nothing to show.", class_="note"))
    picture = element("div", _drawn(family), class_="picture tall")
    left = count(family.left_out, "individual")
    note = element("p", f"{left} left out of the picture, the least right ones.", class_="note")
    return element("figure", _legend(family), picture, note if family.left_out else None)


def _drawn(family: Family) -> Markup:
    wide = _LEFT + _ACROSS * (len(family.generations) - 1) + _WIDE + 20
    high = _TOP + _DOWN * family.rows + 8
    ranks = {how: nth for nth, how in enumerate(family.ways)}
    heads = (
        element("text", f"generation {number_}", x=_LEFT + _ACROSS * at, y=18, class_="of")
        for at, number_ in enumerate(family.generations)
    )
    # The champion's line last, so that it lies above the others.
    ordered = sorted(family.descents, key=lambda one: (one.own, one.main))
    lines = (part for one in ordered for part in _line(one, ranks))
    nodes = (_node(member, family.champion) for member in family.members)
    caption = f"Lineage of {family.champion}"
    return element(
        "svg", element("title", caption), *heads, *lines, *nodes, viewBox=f"0 0 {wide} {high}", width=wide,
        height=high, role="img", aria_label=caption, class_="chart pedigree",
    )  # fmt: skip


def _place(member: Member) -> tuple[float, float]:
    """The middle of its left side."""
    return _LEFT + _ACROSS * member.column, _TOP + _DOWN * member.row + _HIGH / 2


def _line(descent: Descent, ranks: dict[str, int]) -> Iterator[Markup]:
    (x, y), (to_x, to_y) = _place(descent.parent), _place(descent.child)
    if descent.parent.column == descent.child.column:
        # Of the first generation a model writes the others on the pattern of one: a bow beside the column.
        curve = f"M{number(x)} {number(y)}C{number(x - 36)} {number(y)} {number(x - 36)} {number(to_y)} "
    else:
        x += _WIDE
        half = (to_x - x) / 2
        curve = f"M{number(x)} {number(y)}C{number(x + half)} {number(y)} {number(to_x - half)} {number(to_y)} "
    curve += f"{number(to_x)} {number(to_y)}"
    if descent.main:
        yield element("path", d=curve, class_="descent main")
    said = element("title", f"{descent.child.name}: {descent.how} of {' + '.join(descent.child.parents)}")
    kind = f"descent {_kind(descent.how, ranks)}{' own' if descent.own else ''}"
    yield element("g", said, element("path", d=curve), class_=kind)


def _node(member: Member, champion: str) -> Markup:
    x, y = _place(member)
    kinds = ["node", *(["main"] if member.main else []), *(["champion"] if member.name == champion else [])]
    kinds += [] if member.parents else ["first"]
    share = f"{100 * member.success:.0f} %"
    parents = f" of {' + '.join(member.parents)}" if member.parents else ""
    said = f"{member.name}: right on {share}; {member.how}{parents}" + (f"; {member.why}" if member.why else "")
    box = element("rect", x=x, y=y - _HIGH / 2, width=_WIDE, height=_HIGH, rx=4, class_="ground")
    shade = element("rect", x=x, y=y - _HIGH / 2, width=_WIDE, height=_HIGH, rx=4, fill_opacity=_shade(member.success))
    return element(
        "g", element("title", said), box, shade,
        element("text", shortened(member.name, _LETTERS - len(share) - 1), x=x + 7, y=y + 4),
        element("text", share, x=x + _WIDE - 6, y=y + 4, class_="figure"), class_=" ".join(kinds),
    )  # fmt: skip


def _shade(success: float) -> str:
    return f"{_PALE + (_FULL - _PALE) * min(max(success, 0.0), 1.0):.2f}"


def _kind(how: str, ranks: dict[str, int]) -> str:
    return "kept" if how == "kept" else f"c{ranks[how] % _COLOURS}"


def _legend(family: Family) -> Markup:
    ways = family.ways
    ranks = {how: nth for nth, how in enumerate(ways)}

    def items() -> Iterator[Markup]:
        main = element("path", d="M-12 0H12", class_="descent main")
        yield element("li", _sign(main), " the champion's line")
        for how, times in ways.items():
            path = element("path", d="M-12 0H12", class_=f"descent own {_kind(how, ranks)}")
            yield element("li", _sign(path), f" {how}: {times:,}")
        if without := sum(not member.parents for member in family.members):
            box = element(
                "g", element("rect", x=-11, y=-6, width=22, height=12, rx=3, class_="ground"), class_="node first"
            )
            yield element("li", _sign(box), f" without parents: {without:,}")

    return element("ul", join(items()), class_="legend")


def _sign(drawn: Markup) -> Markup:
    return element(
        "svg", drawn, viewBox="-13 -8 26 16", width=26, height=16, aria_hidden="true", class_="chart pedigree"
    )
