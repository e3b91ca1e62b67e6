"""What agents can be told beside their instructions: a few general sentences, and those of the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentmesh.errors import ConfigError


@dataclass(frozen=True)
class Prompt:
    """One sentence or more, by a name of its own."""

    name: str
    text: str


AS_WRITTEN = Prompt("as written", "")
OWN = (
    Prompt("step by step", "Work step by step, and check each step before you take the next one."),
    Prompt("say what is unsure", "Say what you are not sure of, and check that before you answer."),
)


def read_prompts(path: str | Path) -> tuple[Prompt, ...]:
    """Prompts from a file of YAML or JSON: `name: text`. Raises: ConfigError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        told = YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ConfigError(f"it cannot be read: {getattr(error, 'strerror', None) or error}", str(path)) from error
    fit = isinstance(told, Mapping) and all(isinstance(one, str) and one for pair in told.items() for one in pair)
    if not fit or not told:
        raise ConfigError("it holds no prompts; write one a line, such as `brief: Answer in one word.`", str(path))
    return tuple(Prompt(name, text.strip()) for name, text in told.items())
