"""A server that speaks Chat Completions, Responses and Messages, and misbehaves on demand.

Run it as a program: its first line of output is the port. `GET /_requests` gives everything received since the last
`POST /_reset`: a JSON list of {"path", "headers", "body"}, the body in base64, byte for byte.

The model's name says what happens: parts joined with `+`, each with its numbers after `:`.

    fail:STATUS[:TIMES[:RETRY_AFTER]]   answers STATUS, the first TIMES requests for this model (else all)
    error:CODE                          400 with this code; `error:param` names a parameter
    drop[:TIMES]  malformed[:TIMES]     closes the connection; answers with broken JSON
    raw:BASE64[:TIMES]                  answers with these bytes (URL-safe base64); a stream if they begin with `data:`
    slow:MILLISECONDS                   waits in the middle of the body
    tools  bad-arguments  refuse        calls the first tool twice; with broken JSON; refuses
    no-schema  no-json                  400 for a JSON schema; 400 for JSON mode too
    no-usage  plain  cut  reason        tells no usage; never streams; ends a stream too early; reasons first
    leaks:STATUS  leaks:garbage         answers with the request's headers wherever it can; the same as broken JSON
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 429: "Too Many Requests"}
CODES = {
    "param": {"message": "Unsupported parameter", "type": "invalid_request_error", "param": "top_k"},
    "too-long": {"message": "This model's maximum context length is 10 tokens", "code": "context_length_exceeded"},
    "quota": {"message": "You exceeded your current quota", "code": "insufficient_quota"},
    "filter": {"message": "The prompt was blocked", "code": "content_filter"},
}


class Seen:
    """What the server saw since the last reset."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.asked: Counter[str] = Counter()
        self.open = 0
        self.most_open = 0


class Server:
    """The server; each request stays with what was seen when it came."""

    def __init__(self) -> None:
        self.seen = Seen()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, with keep-alive."""
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        _, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        seen = self.seen
        if path == "/_requests":
            listed = [{**given, "body": base64.b64encode(given["body"]).decode()} for given in seen.requests]
            await answer(writer, 200, {"requests": listed, "most_open": seen.most_open})
            return True
        if path == "/_reset":
            self.seen = Seen()
            await answer(writer, 200, {})
            return True
        seen.requests.append({"path": path, "headers": headers, "body": body})
        seen.open += 1
        seen.most_open = max(seen.most_open, seen.open)
        try:
            return await self._answer(path, json.loads(body), writer, headers)
        finally:
            seen.open -= 1

    async def _answer(
        self, path: str, asked: dict[str, Any], writer: asyncio.StreamWriter, headers: dict[str, str]
    ) -> bool:
        model = asked["model"]
        self.seen.asked[model] += 1
        behaviours = {name: numbers for name, *numbers in (part.split(":") for part in model.split("+"))}
        if "leaks" in behaviours:
            await leak(writer, behaviours["leaks"][0], headers, APIS[path.removeprefix("/v1")]().whole(asked, {}))
            return True
        if await self._fails(behaviours, asked, writer):
            return True
        if self._now(behaviours, "drop", model):
            return False
        if self._now(behaviours, "malformed", model):
            await answer(writer, 200, b'{"choices": [')
            return True
        if "raw" in behaviours and self._now({"raw": behaviours["raw"][1:]}, "raw", model):
            content = base64.urlsafe_b64decode(behaviours["raw"][0])
            if content.startswith(b"data:"):
                await stream(writer, [content.decode().removeprefix("data:")], 0)
                return False
            await answer(writer, 200, content)
            return True
        api = APIS[path.removeprefix("/v1")]()
        pause = float(behaviours["slow"][0]) / 1000 if "slow" in behaviours else 0.0
        if asked.get("stream") and "plain" not in behaviours:
            await stream(writer, api.events(asked, behaviours), pause)
            return False
        await answer(writer, 200, api.whole(asked, behaviours), pause=pause)
        return True

    async def _fails(
        self, behaviours: dict[str, list[str]], asked: dict[str, Any], writer: asyncio.StreamWriter
    ) -> bool:
        if "fail" in behaviours:
            status, *rest = behaviours["fail"]
            if not rest or self.seen.asked[asked["model"]] <= int(rest[0]):
                headers = f"retry-after: {rest[1]}\r\n" if len(rest) > 1 else ""
                message = {"message": f"failing with {status}, sk-secret-1234567890"}
                await answer(writer, int(status), {"error": message}, headers)
                return True
        if "error" in behaviours:
            code = behaviours["error"][0]
            await answer(writer, 429 if code == "quota" else 400, {"error": CODES[code]})
            return True
        form = asked.get("response_format") or (asked.get("text") or asked.get("output_config") or {}).get("format")
        kind = (form or {}).get("type")
        if (kind == "json_schema" and "no-schema" in behaviours) or (kind == "json_object" and "no-json" in behaviours):
            await answer(writer, 400, {"error": {"message": f"{kind} is not supported"}})
            return True
        return False

    def _now(self, behaviours: dict[str, list[str]], name: str, model: str) -> bool:
        if name not in behaviours:
            return False
        return not behaviours[name] or self.seen.asked[model] <= int(behaviours[name][0])


class Chat:
    """Chat Completions."""

    def whole(self, asked: dict[str, Any], behaviours: dict[str, list[str]]) -> dict[str, Any]:
        """The answer in one piece."""
        message: dict[str, Any] = {"role": "assistant", "content": said(asked["messages"])}
        reason = "stop"
        if called := calls(asked, behaviours):
            message |= {"content": None, "tool_calls": called}
            reason = "tool_calls"
        if "refuse" in behaviours:
            message |= {"content": None, "refusal": "I cannot help with that"}
        choices = [{"index": 0, "message": message, "finish_reason": reason}]
        usage = {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "prompt_tokens_details": {"cached_tokens": 40},
            "completion_tokens_details": {"reasoning_tokens": 5},
        }
        return {"id": "c", "choices": choices} | ({} if "no-usage" in behaviours else {"usage": usage})

    def events(self, asked: dict[str, Any], behaviours: dict[str, list[str]]) -> list[Any]:
        """The answer as a stream."""
        whole = self.whole(asked, behaviours)
        message, reason = whole["choices"][0]["message"], whole["choices"][0]["finish_reason"]
        pieces: list[dict[str, Any]] = [{"role": "assistant"}]
        text = message.get("content") or ""
        pieces += [{"content": text[start : start + 7]} for start in range(0, len(text), 7)]
        for index, call in enumerate(message.get("tool_calls") or ()):
            arguments = call["function"]["arguments"]
            opening = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
            pieces.append({"tool_calls": [opening]})
            pieces += [{"tool_calls": [{"index": index, "function": {"arguments": part}}]} for part in arguments]
        listed: list[Any] = [{"choices": [{"index": 0, "delta": piece}]} for piece in pieces]
        if "cut" in behaviours:
            return listed
        listed.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        listed.append({"choices": [], "usage": whole.get("usage")})
        return [*listed, "[DONE]"]


class Responses:
    """The Responses API."""

    def whole(self, asked: dict[str, Any], behaviours: dict[str, list[str]]) -> dict[str, Any]:
        """The answer in one piece."""
        part = {"type": "output_text", "text": said(asked["input"]), "annotations": []}
        if "refuse" in behaviours:
            part = {"type": "refusal", "refusal": "I cannot help with that"}
        output: list[dict[str, Any]] = [{"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}]
        if called := calls(asked, behaviours):
            output = [{"type": "function_call", "call_id": call["id"], **call["function"]} for call in called]
        if "reason" in behaviours:
            output.insert(0, {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "opaque"})
        usage = {
            "input_tokens": 100,
            "output_tokens": 20,
            "input_tokens_details": {"cached_tokens": 40},
            "output_tokens_details": {"reasoning_tokens": 5},
        }
        return {"id": "r", "status": "completed", "error": None, "output": output, "usage": usage}

    def events(self, asked: dict[str, Any], behaviours: dict[str, list[str]]) -> list[Any]:
        """The answer as a stream."""
        text = said(asked["input"])
        listed: list[Any] = [{"type": "response.created", "response": {"id": "r"}}]
        pieces = [text[start : start + 7] for start in range(0, len(text), 7)]
        listed += [{"type": "response.output_text.delta", "delta": piece} for piece in pieces]
        if "cut" in behaviours:
            return listed
        return [*listed, {"type": "response.completed", "response": self.whole(asked, behaviours)}]


class Messages:
    """The Messages API."""

    def whole(self, asked: dict[str, Any], behaviours: dict[str, list[str]]) -> dict[str, Any]:
        """The answer in one piece."""
        content: list[dict[str, Any]] = [{"type": "text", "text": said(asked["messages"])}]
        reason = "end_turn"
        if called := calls(asked, behaviours):
            reason = "tool_use"
            content = [
                {
                    "type": "tool_use",
                    "id": call["id"],
                    "name": call["function"]["name"],
                    "input": json.loads(call["function"]["arguments"]),
                }
                for call in called
            ]
        if "reason" in behaviours:
            content.insert(0, {"type": "thinking", "thinking": "Let me see.", "signature": "signed"})
        if "refuse" in behaviours:
            content, reason = [], "refusal"
        usage = {
            "input_tokens": 50,
            "cache_read_input_tokens": 40,
            "cache_creation_input_tokens": 10,
            "output_tokens": 20,
            "output_tokens_details": {"thinking_tokens": 5},
        }
        return {"id": "m", "type": "message", "content": content, "stop_reason": reason, "usage": usage}

    def events(self, asked: dict[str, Any], behaviours: dict[str, list[str]]) -> list[Any]:
        """The answer as a stream."""
        whole = self.whole(asked, behaviours)
        listed: list[Any] = [{"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}]
        for index, block in enumerate(whole["content"]):
            listed += self._block(index, block)
        if "cut" in behaviours:
            return listed
        delta = {
            "type": "message_delta",
            "delta": {"stop_reason": whole["stop_reason"]},
            "usage": {"output_tokens": 20},
        }
        return [*listed, {"type": "ping"}, delta, {"type": "message_stop"}]

    def _block(self, index: int, block: dict[str, Any]) -> list[Any]:
        def delta(kind: str, name: str, value: str) -> dict[str, Any]:
            return {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: value}}

        match block["type"]:
            case "text":
                empty: dict[str, Any] = {"type": "text", "text": ""}
                text = block["text"]
                deltas = [delta("text_delta", "text", text[start : start + 7]) for start in range(0, len(text), 7)]
            case "tool_use":
                empty = {**block, "input": {}}
                deltas = [delta("input_json_delta", "partial_json", part) for part in json.dumps(block["input"])]
            case _:
                empty = {"type": "thinking", "thinking": "", "signature": ""}
                deltas = [
                    delta("thinking_delta", "thinking", block["thinking"]),
                    delta("signature_delta", "signature", block["signature"]),
                ]
        start = {"type": "content_block_start", "index": index, "content_block": empty}
        return [start, *deltas, {"type": "content_block_stop", "index": index}]


APIS: dict[str, type[Chat] | type[Responses] | type[Messages]] = {
    "/chat/completions": Chat,
    "/responses": Responses,
    "/messages": Messages,
}


def said(messages: list[dict[str, Any]]) -> str:
    """What the server answers: JSON to those who want it, else what was said last."""
    last: Any = next((message.get("content") for message in reversed(messages) if message.get("role") == "user"), "")
    if isinstance(last, list):
        last = " ".join(part.get("text") or part.get("content") or part["type"] for part in last)
    return last.removeprefix("say ") if last.startswith("say ") else f"You said: {last}"


def calls(asked: dict[str, Any], behaviours: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Two calls of the first tool, as Chat Completions writes them."""
    if not asked.get("tools") or not {"tools", "bad-arguments"} & set(behaviours):
        return []
    tool = asked["tools"][0]
    name = tool.get("name") or tool["function"]["name"]
    arguments = '{"x": ' if "bad-arguments" in behaviours else '{"x": 1}'
    return [
        {"id": f"call_{letter}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for letter in "ab"
    ]


async def leak(writer: asyncio.StreamWriter, how: str, headers: dict[str, str], whole: dict[str, Any]) -> None:
    """What a server answers that repeats all that it was sent."""
    everything = " ".join(headers.values())
    if how == "garbage":
        await answer(writer, 200, b'{"choices": [' + everything.encode())
        return
    if how == "200":
        text = json.dumps(whole).replace("You said: ", "You sent: " + json.dumps(everything)[1:-1] + " ")
        await answer(writer, 200, text.encode())
        return
    error = dict.fromkeys(("message", "param"), everything)
    located = f"location: http://127.0.0.1:9/?key={everything}\r\nx-sent: {everything}\r\n"
    await answer(writer, int(how), {"error": error, "sent": everything}, located)


async def answer(
    writer: asyncio.StreamWriter, status: int, content: Any, headers: str = "", *, pause: float = 0.0
) -> None:
    """A whole HTTP answer."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    head = f"HTTP/1.1 {status} {REASONS.get(status, 'Other')}\r\ncontent-type: application/json\r\n{headers}"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body[: len(body) // 2])
    await writer.drain()
    if pause:
        await asyncio.sleep(pause)
    writer.write(body[len(body) // 2 :])
    await writer.drain()


async def stream(writer: asyncio.StreamWriter, events: list[Any], pause: float) -> None:
    """Server-sent events, ended by closing the connection; cut in odd places, as networks do."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    async for chunk in _chunks(events, pause):
        writer.write(chunk)
        await writer.drain()


async def _chunks(events: list[Any], pause: float) -> AsyncIterator[bytes]:
    for number, event in enumerate(events):
        data = event if isinstance(event, str) else json.dumps(event)
        name = f"event: {event['type']}\r\n" if isinstance(event, dict) and "type" in event else ""
        line = f"{name}data: {data}\r\n\r\n".encode()
        if number == 1:
            await asyncio.sleep(pause)
        yield line[:5]
        yield line[5:]


async def main() -> None:
    """Serve until stopped."""
    server = await asyncio.start_server(Server().serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
