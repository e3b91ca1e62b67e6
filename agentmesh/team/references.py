"""Code that a file names: imported only with consent."""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

from agentmesh.errors import AgentMeshError

UNLOADED: Collection[str] = frozenset({"unloaded"})
"""Passed as `allow`: references are checked for their form, and nothing is imported. Such a team cannot run."""


class ReferenceFault(AgentMeshError):
    """A reference that may not be followed, or leads nowhere."""


def load_reference(reference: str, allow: Collection[str]) -> Any:
    """The object that `package.module:name` names. Raises: ReferenceFault."""
    module, colon, name = reference.partition(":")
    package = module.partition(".")[0]
    if not colon or not name or not package:
        raise ReferenceFault(f"'{reference}' is no package.module:name")
    if allow is UNLOADED:
        return _placeholder(name)
    if package not in allow:
        raise ReferenceFault(
            f"a run would import '{reference}': consent with --allow {package}, or allow=['{package}'] in Python"
        )
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ReferenceFault(f"'{reference}' cannot be imported: {error}") from error
    return found


def _placeholder(name: str) -> Callable[[str], str]:
    def unloaded(text: str) -> str:
        """Stands for a function that was not imported."""
        raise ReferenceFault(f"'{name}' was not imported: this team was only checked")

    unloaded.__name__ = name.rpartition(".")[2]
    return unloaded
