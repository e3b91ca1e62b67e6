"""The simulated moderator: everybody gets the floor in turn, until nothing is left to be settled."""

from __future__ import annotations

from collections import Counter

from agentmesh.providers.simulated.drafts import Draft
from agentmesh.providers.simulated.reading import Block, Reading

NEXT = "next_speaker"

_MOST = 4
"""So often an agent is called upon at most."""


def give_floor(reading: Reading) -> Draft | None:
    """The call that gives the floor to whoever has spoken least; None where the moderator speaks itself."""
    if not reading.can(NEXT) or any(reading.calls(NEXT, reading.turn)):
        return None
    names = reading.enum(NEXT, "agent")
    since = reading.since_task
    spoke = Counter(item.sender for item in since if isinstance(item, Block) and not item.notice)
    called = Counter(str(call.arguments.get("agent")) for call in reading.calls(NEXT, since))
    often = {name: max(spoke[name], called[name]) for name in names}
    waiting = [name for name in names if called[name] < _MOST]
    if not waiting or (min(often.values()) > 0 and _settled(reading, names)):
        return None
    return Draft(calls=((NEXT, {"agent": min(waiting, key=lambda name: (often[name], called[name]))}),))


def _settled(reading: Reading, names: tuple[str, ...]) -> bool:
    """Whether those who gave values last gave the same ones."""
    latest = {block.sender: block for block in reading.messages if block.sender in names and block.arithmetic.equations}
    given = [{(claim.text, claim.claimed) for claim in block.arithmetic.equations} for block in latest.values()]
    return all(values == given[0] for values in given)
