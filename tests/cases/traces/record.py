"""Records the traces in this folder by running the libraries they come from: no network, no key, simulated models.

    uv run --no-project --python 3.11 --with langgraph==1.2.24 --with langchain-core==1.8.3 \
        --with autogen-agentchat==0.7.5 --with autogen-ext==0.7.5 --with tiktoken==0.14.0 \
        --with inspect-ai==0.3.285 --with opentelemetry-sdk==1.45.2 --with opentelemetry-util-genai==1.3b0 \
        --with opentelemetry-exporter-otlp-json-file==0.66b1 python tests/cases/traces/record.py

Everywhere the same story: a planner asks a worker for a sum, the worker asks a calculator, the planner answers.
`versions.json` says which version of which library wrote which file. Times and ids differ between recordings.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import socket
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TASK = "What is 6 * 7, and is it even?"
ASKED = "worker, please compute 6 * 7. \u2713"
COMPUTED = "The calculator says 42."
ANSWER = "6 * 7 is 42, and it is even."
WRITTEN_BY = {
    "langgraph": ("langgraph", "langchain-core"),
    "openai": ("langchain-core",),
    "autogen": ("autogen-agentchat", "autogen-ext"),
    "inspect": ("inspect-ai",),
    "otel": ("opentelemetry-sdk", "opentelemetry-util-genai", "opentelemetry-exporter-otlp-json-file"),
}


def calculated(expression: str) -> str:
    """What the calculator of every story answers."""
    left, right = expression.split("*")
    return str(int(left) * int(right))


# LangGraph ------------------------------------------------------------------------------------------------------


def langgraph() -> None:
    """What users save: update chunks, streamed values, a state, its messages, and the history of a thread."""
    from langchain_core.load import dumps
    from langchain_core.messages import HumanMessage, convert_to_openai_messages, messages_to_dict

    asked = {"messages": [HumanMessage(TASK)]}
    plain = {"default": lambda value: value.model_dump(mode="json")}
    write_lines("langgraph_updates.jsonl", graph().stream(asked, thread("a"), stream_mode="updates"), **plain)
    write_lines("langgraph_values.jsonl", graph().stream(asked, thread("b"), stream_mode="values"), **plain)
    parts = graph().stream(asked, thread("c"), stream_mode="updates", version="v2")
    write_lines("langgraph_parts.jsonl", parts, **plain)
    app = graph()
    state = app.invoke(asked, thread("d"))
    write("langgraph_state.json", dumps(state, pretty=True))
    write("langgraph_messages.json", json.dumps(messages_to_dict(state["messages"])))
    history = [snapshot._asdict() for snapshot in app.get_state_history(thread("d"))]
    history = [{key: value for key, value in one.items() if key in KEPT} for one in history]
    write("langgraph_history.json", json.dumps(history, **plain))
    write_lines("openai_chats.jsonl", [{"messages": convert_to_openai_messages(state["messages"])}] * 2)
    write("openai_messages.json", json.dumps(convert_to_openai_messages(state["messages"]), indent=2))


KEPT = ("values", "next", "config", "metadata", "created_at")


def thread(name: str) -> Any:
    """The configuration of one thread."""
    return {"configurable": {"thread_id": f"thread-{name}"}}


def graph() -> Any:
    """A planner, a worker and its tools over a shared list of messages."""
    from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.tools import tool
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import END, START, MessagesState, StateGraph
    from langgraph.prebuilt import ToolNode

    call = {"name": "calculator", "args": {"expression": "6 * 7"}, "id": "call_1"}
    models = {
        "planner": FakeMessagesListChatModel(responses=[AIMessage(ASKED, name="planner"), AIMessage(ANSWER)]),
        "worker": FakeMessagesListChatModel(responses=[AIMessage("", tool_calls=[call]), AIMessage(COMPUTED)]),
    }

    def node(name: str) -> Callable[[MessagesState], Any]:
        return lambda state: {"messages": [models[name].invoke(state["messages"])]}

    built = StateGraph(MessagesState)
    for name in models:
        built.add_node(name, node(name))
    built.add_node("tools", ToolNode([tool("calculator", description="Multiplies two numbers.")(calculated)]))
    built.add_edge(START, "planner")
    built.add_conditional_edges("planner", lambda state: END if state["messages"][-1].content == ANSWER else "worker")
    built.add_conditional_edges("worker", lambda state: "tools" if state["messages"][-1].tool_calls else "planner")
    built.add_edge("tools", "worker")
    return built.compile(checkpointer=InMemorySaver())


# AutoGen AgentChat ----------------------------------------------------------------------------------------------


async def autogen() -> None:
    """A result, a stream with one message per line and the result at its end, and the saved state of a team."""
    from autogen_agentchat.agents import AssistantAgent
    from autogen_agentchat.conditions import TextMentionTermination
    from autogen_agentchat.teams import RoundRobinGroupChat
    from autogen_core import FunctionCall
    from autogen_core.models import CreateResult, ModelInfo, RequestUsage
    from autogen_ext.models.replay import ReplayChatCompletionClient

    info = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)
    call = CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="call_1", name="calculator", arguments='{"expression": "6 * 7"}')],
        usage=RequestUsage(prompt_tokens=10, completion_tokens=5),
        cached=False,
        thought="The calculator knows.",
    )

    def calculator(expression: str) -> str:
        """Multiplies two numbers."""
        return calculated(expression)

    def team() -> RoundRobinGroupChat:
        planner = AssistantAgent("planner", ReplayChatCompletionClient([ASKED, ANSWER], model_info=info))
        client = ReplayChatCompletionClient([call, COMPUTED], model_info=info)
        worker = AssistantAgent("worker", client, tools=[calculator], reflect_on_tool_use=True)
        ends = TextMentionTermination("even.", sources=["planner"])
        return RoundRobinGroupChat([planner, worker], termination_condition=ends)

    chat = team()
    write("autogen_result.json", (await chat.run(task=TASK)).model_dump_json(indent=2))
    write("autogen_state.json", json.dumps(await chat.save_state()))
    streamed = [json.loads(item.model_dump_json()) async for item in team().run_stream(task=TASK)]
    write_lines("autogen_stream.jsonl", streamed)


# Inspect --------------------------------------------------------------------------------------------------------


def inspect() -> None:
    """One evaluation of two samples as `.eval` (as written, with its members deflated, in chunks) and as `.json`."""
    os.environ["INSPECT_DISABLE_MODEL_INFO"] = "1"
    from inspect_ai import Task, eval
    from inspect_ai.agent import handoff, react
    from inspect_ai.dataset import Sample
    from inspect_ai.log._recorders.chunked import convert_eval_logs_to_chunked
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import includes
    from inspect_ai.tool import tool

    @tool
    def calculator() -> Any:
        async def execute(expression: str) -> str:
            """Multiplies two numbers.

            Args:
                expression: such as 6 * 7
            """
            return calculated(expression)

        return execute

    def outputs() -> Iterator[ModelOutput]:
        name = "mockllm/model"
        for _ in range(2):
            for output in (
                ModelOutput.for_tool_call(name, "transfer_to_worker", {}, content=ASKED),
                ModelOutput.for_tool_call(name, "calculator", {"expression": "6 * 7"}, content=""),
                ModelOutput.from_content(name, COMPUTED),
                ModelOutput.for_tool_call(name, "submit", {"answer": "42"}, content=ANSWER),
            ):
                output.usage = ModelUsage(input_tokens=10, output_tokens=5, total_tokens=15)
                yield output

    worker = react(name="worker", description="Computes.", tools=[calculator()], submit=False)
    planner = react(name="planner", tools=[handoff(worker)])
    samples = [Sample(id="first", input=TASK, target="42"), Sample(id="second", input=TASK, target="43")]
    sums = Task(name="sums", dataset=samples, solver=planner, scorer=includes())
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for form in ("eval", "json"):
            model = get_model("mockllm/model", custom_outputs=outputs(), memoize=False)
            eval(sums, model=model, log_format=form, log_dir="logs", display="none", max_samples=1, log_model_api=False)
        (written,) = Path("logs").glob("*.eval")
        (HERE / "inspect.eval").write_bytes(written.read_bytes())
        deflate(written, HERE / "inspect_deflated.eval")
        convert_eval_logs_to_chunked(str(written), "chunked", chunk_size=4)
        (HERE / "inspect_chunked.eval").write_bytes((Path("chunked") / written.name).read_bytes())
        (written,) = Path("logs").glob("*.json")
        write("inspect.json", json.dumps(json.loads(written.read_text())))
        os.chdir(HERE)


def deflate(source: Path, target: Path) -> None:
    """The same members with the compression that Inspect used before Zstandard."""
    with zipfile.ZipFile(source) as read, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written:
        for member in read.infolist():
            written.writestr(member.filename, read.read(member))


# OpenTelemetry --------------------------------------------------------------------------------------------------


def otel() -> None:
    """The same spans as OTLP in JSON, and as the SDK prints them."""
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

    otlp, console = io.StringIO(), io.StringIO()
    provider = TracerProvider(resource=Resource({"service.name": "sums"}))
    provider.add_span_processor(BatchSpanProcessor(FileSpanExporter(stream=otlp)))
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=console)))
    for number in (1, 2):
        spans(provider, f"conversation-{number}")
    provider.shutdown()
    write("otel_otlp.jsonl", otlp.getvalue())
    write("otel_console.json", console.getvalue())


def spans(provider: Any, conversation: str) -> None:
    """A team of two agents: each call's input repeats what came before it, as in real traces."""
    from opentelemetry.util.genai import types
    from opentelemetry.util.genai.handler import TelemetryHandler

    telemetry = TelemetryHandler(tracer_provider=provider)

    def message(role: str, part: Any) -> types.InputMessage:
        return types.InputMessage(role=role, parts=[part])

    def chat(instructions: str, seen: list[Any], part: Any, reason: str = "stop") -> None:
        with telemetry.inference("openai", request_model="sums-1", conversation_id=conversation) as call:
            call.system_instruction = [types.TextPart(instructions)]
            call.input_messages = list(seen)
            call.output_messages = [types.OutputMessage(role="assistant", parts=[part], finish_reason=reason)]
        seen.append(message("assistant", part))

    planner = [message("user", types.TextPart(TASK))]
    worker = [message("user", types.TextPart(ASKED))]
    with telemetry.workflow("sums", conversation_id=conversation) as run:
        run.input_messages = list(planner)
        with telemetry.invoke_local_agent(agent_name="planner", conversation_id=conversation):
            chat("Plan.", planner, types.TextPart(ASKED))
        with telemetry.invoke_local_agent(agent_name="worker", conversation_id=conversation) as agent:
            agent.input_messages = list(worker)
            wanted = types.ToolCallRequestPart(name="calculator", arguments={"expression": "6 * 7"}, id="call_1")
            chat("Compute.", worker, wanted, "tool_calls")
            with telemetry.tool("calculator", tool_call_id="call_1", agent_name="worker") as call:
                call.arguments = {"expression": "6 * 7"}
                call.tool_result = "42"
            worker.append(message("tool", types.ToolCallResponsePart(response="42", id="call_1")))
            chat("Compute.", worker, types.TextPart(COMPUTED))
            agent.output_messages = [types.OutputMessage("assistant", [types.TextPart(COMPUTED)], "stop")]
        planner.append(message("user", types.TextPart(COMPUTED)))
        with telemetry.invoke_local_agent(agent_name="planner", conversation_id=conversation):
            chat("Plan.", planner, types.TextPart(ANSWER))
        run.output_messages = [types.OutputMessage("assistant", [types.TextPart(ANSWER)], "stop")]


# Writing --------------------------------------------------------------------------------------------------------

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def write_lines(name: str, values: Any, **options: Any) -> None:
    """One JSON value per line."""
    write(name, "".join(json.dumps(value, **options) + "\n" for value in values))


def write(name: str, text: str) -> None:
    """A file whose UUIDs are numbered in the order in which they come."""
    numbers: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        return numbers.setdefault(found[0], f"00000000-0000-4000-8000-{len(numbers) + 1:012d}")

    (HERE / name).write_text(UUID.sub(numbered, text).rstrip("\n") + "\n", encoding="utf-8", newline="\n")


def check() -> None:
    """No file is large, and none tells of the machine on which it was written."""
    private = [str(Path.home()), str(Path.cwd()), tempfile.gettempdir(), socket.gethostname(), "site-packages"]
    for file in sorted(HERE.iterdir()):
        if file.name == Path(__file__).name or file.is_dir():
            continue
        assert file.stat().st_size < 100_000, (file.name, file.stat().st_size)
        texts = [file.read_bytes()]
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                texts = [archive.read(member) for member in archive.namelist()]
        for word in private:
            assert len(word) < 4 or not any(word.encode() in text for text in texts), (file.name, word)


def main() -> None:
    """Record everything, and say with which versions."""
    langgraph()
    asyncio.run(autogen())
    inspect()
    otel()
    told = {kind: {name: version(name) for name in names} for kind, names in WRITTEN_BY.items()}
    write("versions.json", json.dumps(told, indent=2))
    check()


if __name__ == "__main__":
    main()
