"""The ladder of a monitor: what its findings set in motion, rung by rung, and which parameters each rung takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from agentmesh.messages import RungName

RUNGS: tuple[RungName, ...] = get_args(RungName)
TAKES: Mapping[str, str] = {
    "dissent": "agent",
    "reassign": "agent",
    "enter_phase": "phase",
    "switch_topology": "phase",
}
"""The parameter of each rung that takes one."""
NEEDS = frozenset({"enter_phase", "switch_topology"})
"""Rungs that are nothing without their parameter."""
FREE = frozenset({"note", "withhold", "cut_edge", "isolate", "halt"})
"""Rungs that add no turn to a run: such a one, where it is the last, is done again at every finding."""
ENTERING = frozenset({"enter_phase", "switch_topology", "replan"})
"""Rungs after which a phase, and those behind it, are gone through once more."""
_FORM = "a rung's name, or a mapping such as {dissent: {agent: NAME}}"


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung: an intervention with its parameters."""

    kind: RungName
    agent: str | None = None
    phase: str | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters that were given."""
        given = {"agent": self.agent, "phase": self.phase}
        return {name: value for name, value in given.items() if value is not None}


def rung_of(given: str | Mapping[str, Any]) -> Rung:
    """A rung as a ladder of the YAML has it."""
    if isinstance(given, str):
        return Rung(given)  # type: ignore[arg-type]
    [(kind, parameters)] = given.items()
    return Rung(kind, **parameters)  # type: ignore[arg-type]


def ladder_of(given: Iterable[str | Mapping[str, Any]]) -> tuple[Rung, ...]:
    """All rungs of a ladder."""
    return tuple(map(rung_of, given))


def _checked(given: Any) -> Any:
    """The rung as it was given. Raises: PydanticCustomError, which names the place within it."""
    if isinstance(given, Rung):
        return {given.kind: given.parameters} if given.parameters else given.kind
    if isinstance(given, str):
        _known(given, ())
        if given in NEEDS:
            raise _wrong((), f"'{given}' needs `{TAKES[given]}`; write {{{given}: {{{TAKES[given]}: NAME}}}}")
        return given
    if not isinstance(given, Mapping) or len(given) != 1:
        raise _wrong((), f"found {_found(given)}; allowed: {_FORM}")
    [(kind, parameters)] = given.items()
    _known(kind, (kind,))
    _check_parameters(kind, parameters)
    return {kind: dict(parameters)} if parameters else kind


def _known(kind: Any, place: tuple[str, ...]) -> None:
    from agentmesh.config.language import did_you_mean  # which knows of the whole language, and so of this

    if kind not in RUNGS:
        why = f"unknown intervention '{kind}'; allowed: {', '.join(RUNGS)}{did_you_mean(str(kind), RUNGS)}"
        raise _wrong(place, why, at_key=bool(place))


def _check_parameters(kind: str, given: Any) -> None:
    from agentmesh.config.language import did_you_mean

    takes = TAKES.get(kind)
    parameters = {} if given is None and takes is None else given
    if not isinstance(parameters, Mapping):
        allowed = f"a mapping, {{{takes}: NAME}}" if takes else f"nothing: write {kind} alone"
        raise _wrong((kind,), f"found {_found(given)}; allowed: {allowed}")
    for key in parameters:
        if key != takes:
            allowed = f"allowed: {takes}{did_you_mean(str(key), [takes])}" if takes else "it takes none"
            raise _wrong((kind, str(key)), f"unknown parameter '{key}' of {kind}; {allowed}", at_key=True)
    if takes and takes not in parameters and kind in NEEDS:
        raise _wrong((kind,), f"'{kind}' needs `{takes}`; write {{{kind}: {{{takes}: NAME}}}}")
    if takes and takes in parameters and not isinstance(parameters[takes], str):
        raise _wrong((kind, takes), f"found {_found(parameters[takes])}; allowed: the name of one {takes}")


def _found(given: Any) -> str:
    from agentmesh.config.problems import found

    return f"a mapping with {len(given)} keys" if isinstance(given, Mapping) and len(given) > 1 else found(given)


def _wrong(place: tuple[str, ...], message: str, *, at_key: bool = False) -> PydanticCustomError:
    return PydanticCustomError("rung", "{message}", {"place": place, "message": message, "at_key": at_key})


def _schema() -> dict[str, Any]:
    alone = [kind for kind in RUNGS if kind not in NEEDS]
    with_parameter = [
        {
            "type": "object",
            "properties": {
                kind: {
                    "type": "object",
                    "properties": {takes: {"type": "string", "description": f"Name of the {takes}"}},
                    "required": [takes] if kind in NEEDS else [],
                    "additionalProperties": False,
                }
            },
            "required": [kind],
            "additionalProperties": False,
        }
        for kind, takes in TAKES.items()
    ]
    return {"anyOf": [{"type": "string", "enum": alone}, *with_parameter]}


Intervention = Annotated[RungName | dict[str, dict[str, str]], PlainValidator(_checked), WithJsonSchema(_schema())]
"""A rung in a file: its name, or a mapping from its name to its parameters."""
