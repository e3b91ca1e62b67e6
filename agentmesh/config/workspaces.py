"""Where agents work on files: their workspaces, how programs are confined there, and how finished work is merged."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from agentmesh.config.base import Config, PositiveInt

Confinement = Literal["auto", "bubblewrap", "landlock", "none"]
CheckCommand = Annotated[tuple[str, ...], Field(min_length=1)]


class ProgramLimits(Config):
    """What one program that an agent runs may use."""

    seconds: float = Field(120.0, gt=0, description="Seconds until it is killed with all its children")
    output: PositiveInt = Field(100_000, description="Bytes that are kept of what it writes; the rest is dropped")
    memory_mb: PositiveInt = Field(2048, description="Address space of each of its processes, in MiB")
    processes: PositiveInt = Field(64, description="Processes and threads at once")
    file_mb: PositiveInt = Field(256, description="Size of a file that it writes, in MiB")


class WorkspaceConfig(Config):
    """The files that an agent works on: `read_file`, `write_file` and the other tools of a workspace act here alone."""

    kind: Literal["directory", "git_worktree", "container"] = Field(
        "directory",
        description="`directory`: the folder itself; `git_worktree`: a worktree and branch of the repository for this "
        "agent alone; `container`: the folder, with programs run in a container",
    )
    path: str = Field(".", description="The folder, or the repository; relative to where the run is started")
    base: str | None = Field(
        None, description="Branch from which worktrees begin and into which finished work is merged; by default HEAD's"
    )
    programs: tuple[str, ...] = Field(
        (), description="Programs that `run` may start, by name; any that is found if absent"
    )
    confinement: Confinement = Field(
        "auto",
        description="How programs are kept within the workspace: by bubblewrap or Landlock, whichever is there; `none` "
        "lets them do whatever this user may",
    )
    read: tuple[str, ...] = Field(
        (), description="Further paths that confined programs may read; one inside the workspace is read only"
    )
    network: bool = Field(False, description="Whether confined programs reach the network")
    environment: dict[str, str] = Field(
        default_factory=dict, description="Variables of programs beside PATH, HOME, LANG and TMPDIR; all else is unset"
    )
    limits: ProgramLimits = Field(default_factory=ProgramLimits, description="What each program may use")
    image: str | None = Field(None, min_length=1, description="Image of the container, for `kind: container`")

    @model_validator(mode="after")
    def _keys_go_with_kind(self) -> WorkspaceConfig:
        if self.kind == "container" and self.image is None:
            raise ValueError("`kind: container` needs `image: NAME`")
        if self.kind != "container" and self.image is not None:
            raise ValueError("`image` goes with kind: container; say that, or remove it")
        if self.kind != "git_worktree" and self.base is not None:
            raise ValueError("`base` goes with kind: git_worktree; say that, or remove it")
        return self


def _command(given: Any) -> Any:
    """`verify: [python, check.py]` is short for `verify: {command: [python, check.py]}`."""
    # Tuples, because a validator before strict JSON hands on Python values, of which no list passes for one.
    if isinstance(given, list | tuple):
        return {"command": tuple(given)}
    if isinstance(given, dict) and isinstance(given.get("command"), list):
        return {**given, "command": tuple(given["command"])}
    return given


class MergeCheck(Config):
    """A program that must succeed on what was merged."""

    command: CheckCommand = Field(description="Program and arguments: 0 means that it holds")
    timeout_s: float = Field(300.0, gt=0, description="Seconds that it may take")


class MergeConfig(Config):
    """What becomes of finished work in worktrees: it is merged where it can be and checks hold, or goes back."""

    verify: Annotated[
        MergeCheck | None, BeforeValidator(_command, json_schema_input_type=MergeCheck | CheckCommand | None)
    ] = Field(None, description="Must succeed after every merge, beside what the task itself demands")
    retries: int = Field(2, ge=0, description="Times that work which conflicts, or fails a check, goes back")
    resolver: str | None = Field(None, description="A worker to whom it goes instead of its author, with both versions")
