"""`agentmesh monitors`: every monitor that can be used by its name."""

from __future__ import annotations

from dataclasses import asdict

import click

from agentmesh.cli.options import json_flag
from agentmesh.cli.terminal import complain, one_line, printable, say, say_json
from agentmesh.monitors import registry


@click.command(name="monitors")
@json_flag
def command(as_json: bool) -> None:
    """List the monitors that a team file can name: built-in ones, and those that installed packages offer.

    A package offers one through the entry point group `agentmesh.monitors`. One that cannot be loaded is listed with
    the reason, and breaks no other.

    \b
    Example:
      agentmesh monitors
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    offers = list(registry.offers())
    if as_json:
        say_json({"monitors": [asdict(offer) for offer in offers]})
        return
    for offer in offers:
        if offer.error is not None:
            complain(printable(f"{offer.name} ({offer.origin}) cannot be used: {offer.error}"))
    usable = [offer for offer in offers if offer.error is None]
    width = max((len(offer.name) for offer in usable), default=0)
    for offer in usable:
        say(printable(f"{offer.name:<{width}}  {one_line(offer.about, 200)}"))
        known = (f"labels: {', '.join(offer.labels)}", f"cost: {offer.cost}", f"from: {offer.origin}")
        say(printable(f"{'':<{width}}  {'; '.join(fact for fact in known if not fact.endswith(': '))}"))
