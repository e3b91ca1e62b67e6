"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def model_and_overrides(function: Decorated) -> Decorated:
    """`-m MODEL` and `-O path=value`, for every command that reads a team file."""
    override = click.option(
        "-O",
        "overrides",
        metavar="PATH=VALUE",
        multiple=True,
        help="Override anything in the file, such as -O limits.turns=20. Repeatable.",
    )
    model = click.option(
        "-m",
        "--model",
        metavar="MODEL",
        help="Use this model in place of the file's `default`: provider:model[@base_url], simulated:PROFILE or echo. "
        "With scripted:FILE every agent plays from a file, with replay:RUN_ID from a recorded run.",
    )
    return override(model(function))


def json_flag(function: Decorated) -> Decorated:
    """`--json`: JSON on stdout and nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else there.")(
        function
    )


def allow_option(function: Decorated) -> Decorated:
    """`--allow PACKAGE`: consent to what the file imports by `ref:`."""
    return click.option(
        "--allow",
        metavar="PACKAGE",
        multiple=True,
        help="Let the file import tools, functions and monitors from this package. Repeatable.",
    )(function)
