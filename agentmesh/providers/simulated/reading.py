"""Reading a canonical request: who is asked, what was sent to it by whom, and what it did itself so far.

Only the text and the tools count. Names of senders are labels, and of the instructions only two things are looked at:
whether they ask for a promise, and whether they ask for a summary.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from agentmesh.messages import USER, ChatMessage
from agentmesh.providers.base import Request
from agentmesh.providers.simulated.problems import Arithmetic, arithmetic

_BLOCK = re.compile(
    r"^<(?P<tag>message|notice|notes)(?P<attributes>(?: [\w-]+=\"[^\"\n]*\")*)>\n(?P<text>.*?)\n?^</(?P=tag)>[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
_NOTE = re.compile(r"^(?P<who>[^\s:]+)(?: (?P<kind>[^\s:]+))?(?: (?P<task>[^\s:]+))?: (?P<text>\".*\")$", re.MULTILINE)
SAID, HELD, CALLED = "I-said", "I-hold", "I-called"
"""How lines of an agent's own notes begin that are about itself; the others begin with a sender."""
_ATTRIBUTE = re.compile(r"([\w-]+)=\"([^\"]*)\"")
_ESCAPED = re.compile(
    r"&lt;(?=\s*/?\s*(?:message|notice|attachment|notes)\b|[|\uff5c]|</?SYS>>"
    r"|/?(?:start_of_turn|end_of_turn|bos|eos|s|tool_call|tool_response)>)",
    re.IGNORECASE,
)
_NAME = re.compile(r"You are \"([^\"\n]+)\"")
_RECIPIENTS = re.compile(r"(?:Your reply goes to|You may message): ([^\n]+?)\.(?:\s|$)")
_POSITION = "Position: "
_BELOW_POSITION = re.compile(r"\n(?:Evidence|Changed because): ")
_CONFIDENCE = re.compile(r" \(confidence [\d.e-]+\)$")
_REPAIRS = ("You returned neither", "Your reply was cut off")
"""How the notices begin that do not start a turn, but ask for another reply within it."""
_MEMO = "simulated"

REPORTS = frozenset({"handoff", "proposal", "decision"})
"""Kinds of messages that report on work instead of asking for it."""


@dataclass(frozen=True)
class Block:
    """One message or notice that the agent was sent."""

    text: str
    sender: str = ""
    kind: str = ""
    task: str = ""
    notice: bool = False
    tagged: bool = True
    """Whether it says who wrote it."""
    position: str = ""
    """The answer that its writer stated beside the text."""

    @cached_property
    def arithmetic(self) -> Arithmetic:
        """What can be computed or checked in the text and in the position beside it."""
        return arithmetic(f"{self.text}\n{self.position}" if self.position else self.text)


@dataclass(frozen=True)
class Call:
    """A tool call that the agent made itself."""

    name: str
    arguments: Mapping[str, Any]
    id: str


@dataclass(frozen=True)
class Own:
    """An earlier reply of the agent."""

    text: str
    calls: tuple[Call, ...]
    position: str = ""
    """The answer that it stated beside the text."""


@dataclass(frozen=True)
class Result:
    """What a tool call of the agent brought."""

    call_id: str
    text: str


Item = Block | Own | Result


@dataclass(frozen=True)
class Reading:
    """A request as a model understands it. `items` are in their order."""

    name: str
    items: tuple[Item, ...]
    tools: Mapping[str, Mapping[str, Any]]
    may_call: bool
    must_call: bool
    seed: int
    schema: Mapping[str, Any] | None
    replies: int
    """How many replies the agent has given before."""
    results: Mapping[str, str] = field(default_factory=dict)
    """Results by call id."""
    system: str = ""
    """All that the agent was told before anything was sent to it."""

    def can(self, tool: str) -> bool:
        """Whether a tool is there and may be called now."""
        return self.may_call and tool in self.tools

    @cached_property
    def messages(self) -> tuple[Block, ...]:
        """Everything that others sent, without the run's notices."""
        return tuple(item for item in self.items if isinstance(item, Block) and not item.notice)

    @cached_property
    def request(self) -> Block:
        """What the agent was last asked to do; an empty block if nothing."""
        for block in reversed(self.messages):
            if block.kind not in REPORTS:
                return block
        return self.messages[-1] if self.messages else Block("")

    @cached_property
    def task(self) -> Block | None:
        """The user's latest words, if the agent has seen any."""
        return next((block for block in reversed(self.messages) if block.sender == USER), None)

    @cached_property
    def since_request(self) -> tuple[Item, ...]:
        """What came after the request."""
        place = next((n for n in range(len(self.items) - 1, -1, -1) if self.items[n] is self.request), -1)
        return self.items[place + 1 :]

    @cached_property
    def since_task(self) -> tuple[Item, ...]:
        """What came after the user's latest words; everything if the agent has not seen any."""
        place = next((n for n in range(len(self.items) - 1, -1, -1) if self.items[n] is self.task), -1)
        return self.items[place + 1 :]

    @cached_property
    def this_turn(self) -> tuple[Item, ...]:
        """What came after the latest message of another agent."""
        for place in range(len(self.items) - 1, -1, -1):
            item = self.items[place]
            if isinstance(item, Block) and not item.notice:
                return self.items[place + 1 :]
        return self.items

    @cached_property
    def turn(self) -> tuple[Item, ...]:
        """What the agent did since it was last told something, by others or by the run."""
        for place in range(len(self.items) - 1, -1, -1):
            item = self.items[place]
            if isinstance(item, Block) and not _asks_again(item):
                return self.items[place + 1 :]
        return self.items

    @cached_property
    def recipients(self) -> tuple[str, ...]:
        """Whom a reply reaches, as the agent was told when its context began."""
        told = _RECIPIENTS.findall(self.system)
        return tuple(told[-1].split(", ")) if told else ()

    def enum(self, tool: str, parameter: str) -> tuple[str, ...]:
        """The values that a tool's schema allows for a parameter, or for the items of one; none if it names none."""
        described = self.tools.get(tool, {}).get("properties", {}).get(parameter, {})
        return tuple(map(str, described.get("enum") or described.get("items", {}).get("enum") or ()))

    def calls(self, tool: str, items: tuple[Item, ...]) -> Iterator[Call]:
        """The agent's calls of one tool among some items."""
        return (call for item in items if isinstance(item, Own) for call in item.calls if call.name == tool)


def read(request: Request) -> Reading:
    """Understand a request. Messages that were read for an earlier request of the context are not read again."""
    known: list[tuple[ChatMessage, tuple[Item, ...]]] = request.memo.setdefault(_MEMO, [])
    items: list[Item] = []
    for place, message in enumerate(request.messages):
        if place >= len(known) or known[place][0] is not message:
            del known[place:]
            known.append((message, tuple(_items(message))))
        items.extend(known[place][1])
    system = "\n".join(text_in(message) for message in request.messages if message["role"] == "system")
    names = _NAME.findall(system)
    return Reading(
        # Instructions may quote the phrase; the framework's own text comes after them.
        name=names[-1] if names else "",
        items=_attributed(items),
        tools={tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in request.tools},
        may_call=request.tool_choice != "none",
        must_call=request.tool_choice == "required",
        seed=request.seed or 0,
        schema=request.response_schema,
        replies=sum(isinstance(item, Own) for item in items),
        results={item.call_id: item.text for item in items if isinstance(item, Result)},
        system=system,
    )


def _items(message: ChatMessage) -> Iterator[Item]:
    match message["role"]:
        case "user":
            yield from _blocks(text_in(message))
        case "assistant":
            calls = (
                Call(call["function"]["name"], _decoded(call["function"]["arguments"]), call["id"])
                for call in message.get("tool_calls") or ()
            )
            yield _own(text_in(message), tuple(calls))
        case "tool":
            yield Result(message.get("tool_call_id", ""), text_in(message))
        case "system":
            return


def _blocks(text: str) -> Iterator[Item]:
    found = False
    for match in _BLOCK.finditer(text):
        found = True
        said = dict(_ATTRIBUTE.findall(match["attributes"]))
        notice = match["tag"] == "notice"
        text = _ESCAPED.sub("<", match["text"])
        if match["tag"] == "notes":
            yield from _noted(text)
            continue
        text, position = (text, "") if notice else _parted(text)
        yield Block(
            text=text,
            sender=said.get("from", ""),
            kind=said.get("kind", ""),
            task=said.get("task", ""),
            notice=notice,
            position=position,
        )
    if not found and text.strip():
        yield Block(text=text, sender=USER, tagged=False)


def _noted(notes: str) -> Iterator[Item]:
    """What the agent once wrote down for itself, as if it stood in its context still."""
    for match in _NOTE.finditer(notes):
        try:
            text = json.loads(match["text"])
        except ValueError:
            continue
        match match["who"]:
            case sender if sender == SAID:
                yield Own(text, ())
            case sender if sender == HELD:
                yield Own(text, (), text)
            case sender if sender == CALLED:
                yield Own("", (Call(match["kind"] or "", _decoded(text), ""),))
            case sender:
                yield Block(text=text, sender=sender, kind=match["kind"] or "", task=match["task"] or "")


def _parted(text: str) -> tuple[str, str]:
    """A message's text without the position that stands below it, and the answer of that position.

    A message that is nothing but a position says its answer.
    """
    said, found, below = text.rpartition("\n\n" + _POSITION)
    if not found:
        if not text.startswith(_POSITION):
            return text, ""
        below = text.removeprefix(_POSITION)
    answer = _CONFIDENCE.sub("", _BELOW_POSITION.split(below, maxsplit=1)[0]).strip()
    return said.strip() or answer, answer


def _own(text: str, calls: tuple[Call, ...]) -> Own:
    """A reply as its writer meant it: a contribution in structured form is text with a position beside it."""
    if text.startswith("{"):
        said = _decoded(text)
        position = said.get("position")
        if isinstance(said.get("text"), str) and "position" in said:
            answer = position.get("answer") if isinstance(position, dict) else ""
            return Own(said["text"], calls, str(answer or ""))
    return Own(text, calls)


def _asks_again(block: Block) -> bool:
    """Whether the run asks for another reply within the same turn."""
    return block.notice and (not block.tagged or block.text.startswith(_REPAIRS))


def _attributed(items: list[Item]) -> tuple[Item, ...]:
    """The items, where untagged text is the user's in a conversation without a team, and the run's within one."""
    untagged = [place for place, item in enumerate(items) if isinstance(item, Block) and not item.tagged]
    if untagged and any(isinstance(item, Block) and item.tagged for item in items):
        for place in untagged:
            items[place] = Block(text=cast(Block, items[place]).text, notice=True, tagged=False)
    return tuple(items)


def text_in(message: ChatMessage) -> str:
    """The text of a chat message; images and files are left out."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if part.get("type") == "text")
    return content or ""


def _decoded(arguments: str) -> dict[str, Any]:
    try:
        decoded = json.loads(arguments)
    except ValueError:
        return {"": arguments}
    return decoded if isinstance(decoded, dict) else {"": arguments}
