"""MCP servers whose tools agents may call."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import Field, field_validator, model_validator

from agentmesh.config.base import Config
from agentmesh.config.secrets import unfit

SEPARATOR = "__"
"""Between the name of a server and that of its tool."""
ALL = "*"
"""In place of the name of a tool: all that the server has."""


class ServerConfig(Config):
    """One MCP server: a program that speaks over its standard streams, or an address. Its tools are NAME__TOOL."""

    command: str | None = Field(None, min_length=1, description="Program that is the server; no shell")
    args: tuple[str, ...] = Field((), description="Its arguments")
    environment: dict[str, str] = Field(
        default_factory=dict, description="Its variables beside PATH, HOME, LANG and TMPDIR; all else is unset"
    )
    folder: str | None = Field(None, description="Where it is started; by default where the run is")
    url: str | None = Field(
        None, min_length=1, description="Address of a server over HTTP, such as http://127.0.0.1:8000/mcp"
    )
    headers_env: dict[str, str] = Field(
        default_factory=dict, description="By header: the environment variable that holds its value"
    )
    timeout_s: float = Field(60.0, gt=0, description="Seconds that connecting, or one call, may take")
    trust: Literal["trusted", "untrusted"] = Field(
        "untrusted", description="`trusted`: what its tools return may lead to tools that require trust"
    )

    @field_validator("url")
    @classmethod
    def _without_secrets(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if not url.startswith(("http://", "https://")):
            raise ValueError("an address begins with http:// or https://")
        if wrong := unfit(url):
            raise ValueError(wrong.replace("`api_key_env`", "`headers_env`"))
        return url

    @model_validator(mode="after")
    def _one_way(self) -> ServerConfig:
        if (self.command is None) == (self.url is None):
            raise ValueError("give exactly one of `command` and `url`")
        given = [key for key in ("args", "environment", "folder") if key in self.model_fields_set]
        if self.url is not None and given:
            raise ValueError(f"`{given[0]}` goes with `command`, not with `url`; remove it")
        if self.command is not None and self.headers_env:
            raise ValueError("`headers_env` goes with `url`, not with `command`; remove it")
        return self


def asked_of(tool: str, servers: Collection[str]) -> tuple[str, str] | None:
    """The server, and the tool of it or `*`, that an entry of an agent's `tools` names; None if it names neither."""
    named = [server for server in servers if tool.startswith(server + SEPARATOR) and tool != server + SEPARATOR]
    if not named:
        return None
    server = max(named, key=len)
    return server, tool.removeprefix(server + SEPARATOR)
