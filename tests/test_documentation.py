"""Every code block of README.md and docs/ runs, and what it prints is what the page says.

A page is a session in an empty folder that holds only `topologies/`. Its blocks run in order:

- `python`: executed, all blocks of a page in one namespace; what it prints is the `text` block that follows, if any.
- `yaml`: loaded if it is a whole team, else every key of it is checked against the language. `yaml wrong` is neither:
  the console block after it shows what is said about it. `yaml script` holds the replies of scripted models.
- `console`: each `$ command` runs, one of agentmesh alone in this process and any other in a shell; the lines up to the
  next one are its output, stdout and stderr.
- `json` and `toml`: parsed. `text`: the output of the Python block before it.

A block with `title="NAME"` is written to that file first. In outputs `...` stands for any text, alone on a line for any
lines; seconds, run ids, token counts and the address of a server may be others than the page's.
`python -m tests.test_documentation` writes the outputs of now into the pages.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast

import pytest
from click.testing import CliRunner
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from agentmesh.cli.commands import commands as main
from agentmesh.config.loader import load_team_text
from agentmesh.config.models import TeamConfig
from agentmesh.providers.scripted import load_script

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"python", "yaml", "console", "json", "toml", "text"}

_FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARIABLE = [
    (re.compile(r"\b\d+(\.\d+)? s\b"), "SECONDS"),
    (re.compile(r"\+\d+\.\d{3}\b"), "+SECONDS"),
    (re.compile(r"\b(seconds)=[\d.e-]+"), r"\1=SECONDS"),
    (re.compile(r"\b(passed|failed) in [\d.]+s"), r"\1 in SECONDS"),
    (re.compile(r'"(seconds|ts)": [\d.e-]+'), r'"\1": SECONDS'),
    (re.compile(r'("run_id": ")[^"]+'), r"\1RUN"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "RUN"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b"), "DATE"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\b[\d,]+ \+ [\d,]+ tokens"), "N + N tokens"),
    (re.compile(r'("(?:input|output)_tokens": )\d+'), r"\1N"),
]


class Block(NamedTuple):
    """A fenced block: where it begins in the page, its language, the rest of its first line, its text."""

    start: int
    language: str
    attributes: str
    text: str

    @property
    def title(self) -> str | None:
        found = re.search(r'title="([^"]+)"', self.attributes)
        return found[1] if found else None


def blocks(page: str) -> list[Block]:
    return [Block(found.start(3), found[1], found[2], found[3]) for found in _FENCE.finditer(page)]


class Output(NamedTuple):
    """What a page shows after `head`, the lines of a command, and what came of it."""

    head: str
    expected: str
    actual: str


def commands(text: str) -> Iterator[tuple[str, str, str]]:
    """Each command of a console block: its lines, what they mean, the output that follows."""
    for part in re.split(r"^(?=\$ )", text, flags=re.MULTILINE)[1:]:
        head, _, output = part.partition("\n")
        while head.endswith("\\"):
            more, _, output = output.partition("\n")
            head += f"\n{more}"
        yield f"{head}\n", re.sub(r"\\\n(> )?\s*", "", head.removeprefix("$ ")), output


class Session:
    """A page at work: a folder, a namespace, and the environment of the commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespace: dict[str, Any] = {"__name__": "__page__"}
        shutil.copytree(ROOT / "topologies", folder / "topologies")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "AGENTMESH_"))}
        binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**kept, "PATH": binaries, "NO_COLOR": "1", "COLUMNS": "120", "PYTHONPATH": str(folder)}

    def prepare(self, block: Block) -> None:
        if block.title:
            path = self.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")

    def python(self, block: Block) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block.text, block.title or "<block>", "exec"), self.namespace)
        return printed.getvalue()

    def named(self, word: str) -> list[str]:
        """The files that a pattern names, or the word itself."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.glob(word)) if "*." in word else [word]

    def shell(self, command: str) -> str:
        """What the command prints. The project's own environment stands in for the one that uv would make."""
        command = command.replace("pip install uv && uv run ", "")
        words, ending = command.removesuffix(" 2>/dev/null"), command.endswith(" 2>/dev/null")
        if words.startswith("agentmesh ") and not re.search(r"[|;&<>$\\]", re.sub(r'"[^"]*"', "", words)):
            arguments = [name for word in shlex.split(words)[1:] for name in self.named(word)]
            result = CliRunner().invoke(main, arguments, env={"NO_COLOR": "1", "COLUMNS": "120"})
            assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
            return result.stdout if ending else result.output
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout


def normal(text: str) -> str:
    for pattern, word in _VARIABLE:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def agrees(expected: str, actual: str) -> bool:
    """Whether the output is the expected one, `...` standing for anything."""
    pattern = ""
    for line in normal(expected).splitlines():
        pattern += "(?s:.*)" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n"
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in normal(actual).splitlines())) is not None


def check_yaml(block: Block, folder: Path) -> None:
    kind = block.attributes.split()[:1]
    if kind == ["wrong"]:
        return
    if kind == ["script"]:
        load_script(folder / str(block.title))
        return
    data = YAML(typ="safe").load(block.text)
    if {"version", "agents", "topology"} <= set(data):
        load_team_text(block.text, folder=folder, environment={})
        return
    for key, value in data.items():
        adapter: TypeAdapter[Any] = TypeAdapter(cast(Any, TeamConfig.model_fields[key].annotation))
        adapter.validate_json(json.dumps(value))


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENTMESH_JOURNAL")  # a page's runs are its own
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield Session(tmp_path)
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def played(page: str, session: Session) -> Iterator[tuple[Block, list[Output]]]:
    """Each block of a page after it ran, with all that it shows of what was printed."""
    printed = ""
    for block in blocks(page):
        session.prepare(block)
        outputs: list[Output] = []
        match block.language:
            case "python":
                assert not printed, f"a Python block prints what the page does not show:\n{printed}"
                printed = session.python(block)
            case "text":
                outputs.append(Output("", block.text, printed))
                printed = ""
            case "console":
                outputs += [Output(head, said, session.shell(command)) for head, command, said in commands(block.text)]
            case "yaml":
                check_yaml(block, session.folder)
            case "json":
                json.loads(block.text)
            case "toml":
                tomllib.loads(block.text)
            case _:
                pytest.fail(f"a block of no known language: {block.language or 'none'}\n{block.text}")
        yield block, outputs
    assert not printed, f"a Python block prints what the page does not show:\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_runs_and_prints_what_the_page_says(page: Path, session: Session) -> None:
    for _, outputs in played(page.read_text(encoding="utf-8"), session):
        for head, expected, actual in outputs:
            assert agrees(expected, actual), f"{head}printed:\n{actual}\nthe page says:\n{expected}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        file = page.parent / path if path else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^a-z0-9 _-]", "", line.lower()).replace(" ", "-") for line in headings}, target


def test_every_page_is_reached_from_the_index() -> None:
    reached: set[Path] = set()
    ahead = [ROOT / "docs" / "index.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        for target in re.findall(r"\]\(([^)\s#]+\.md)", page.read_text(encoding="utf-8")):
            linked = (page.parent / target).resolve()
            ahead += [linked] if "://" not in target and linked not in {*reached, *ahead} else []
    missing = [page.name for page in PAGES[1:] if page.resolve() not in reached]
    assert not missing


def test_generated_pages_and_pictures_say_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    drifted = [path.name for path, text in generate.pages().items() if path.read_text(encoding="utf-8") != text]
    assert not drifted, "run `make docs`"


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("took 1.5 s", "took 0.2 s", True),
        ("10 + 2 tokens", "1,234 + 5 tokens", True),
        ("a ... c", "a b c", True),
        ("a ... c", "a b\nc", False),
        ("a\n", "a\nb\n", False),
        ("1 turn", "2 turns", False),
    ],
)
def test_outputs_are_compared_but_for_what_varies(expected: str, actual: str, same: bool) -> None:
    assert agrees(expected, actual) is same


def rewritten(page: str, session: Session) -> str:
    """The page with the outputs of now. An output that agrees stays as it is."""
    pieces: list[str] = []
    at = 0
    for block, outputs in played(page, session):
        if outputs:
            shown = [said if agrees(said, actual) else f"{actual.strip()}\n" for _, said, actual in outputs]
            text = "".join(output.head + said for output, said in zip(outputs, shown, strict=True))
            pieces += [page[at : block.start], text]
            at = block.start + len(block.text)
    return "".join([*pieces, page[at:]])


if __name__ == "__main__":
    for path in PAGES:
        with TemporaryDirectory() as folder, contextlib.chdir(folder):
            sys.path.insert(0, folder)
            path.write_text(rewritten(path.read_text(encoding="utf-8"), Session(Path(folder))), encoding="utf-8")
            sys.path.remove(folder)
