"""Teams from Python and from files: what is accepted, what is refused, what an answer looks like."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from pydantic import BaseModel

from agentmesh import (
    Agent,
    ConfigError,
    FilePart,
    Limits,
    Reply,
    Request,
    Team,
    Topology,
    TopologyError,
    VerifyConfig,
    View,
)
from agentmesh.events import ContextStarted, MessageDelivered, MessageTransformed, RunStarted
from tests.runner.run_checks import calls, says, team, well_formed

pytestmark = pytest.mark.anyio


def write(path: Path, text: str) -> str:
    file = path / "team.yaml"
    file.write_text(text)
    return str(file)


SOLO = """
version: 1
name: one
agents:
  a: {instructions: "Answer."}
topology: {kind: solo, agent: a}
"""


async def test_a_team_from_a_file_asks_the_function_given_as_its_model(tmp_path: Path) -> None:
    asked: list[Request] = []

    def model(request: Request) -> str:
        asked.append(request)
        return "from the function"

    result = await Team.from_yaml(write(tmp_path, SOLO), models={"default": model}).run("the task")
    assert result.answer == "from the function"
    [request] = asked
    assert request.agent == "a"
    assert str(request.messages[0]["content"]).startswith("Answer.")
    assert request.messages[1]["content"] == '<message from="user">\nthe task\n</message>'
    assert request.tools == []


def test_everything_wrong_with_a_file_comes_at_once_with_its_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
version: 1
agents:
  a: {tools: [ghost]}
  b: {kind: function}
  c: {}
topology:
  kind: graph
  edges: [user -> a, a -> b, c -> user]
monitors:
  nobody: {}
verify: {function: "somewhere:check"}
""",
    )
    with pytest.raises(ConfigError) as caught:
        Team.from_yaml(path)
    found = {(problem.line, problem.path) for problem in caught.value.problems}
    assert {line for line, _ in found} >= {4, 5, 11, 12}
    text = str(caught.value)
    for words in (
        "there is no tool 'ghost'",
        "kind: function needs",
        "there is no monitor 'nobody'",
        "consent with --allow somewhere",
        "no message can ever reach 'c'",
    ):
        assert words in text
    assert all(line.startswith(f"{path}:") for line in text.splitlines())


def test_faults_of_the_graph_alone_are_topology_errors(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match="the cycle a -> b -> a has no bound"):
        team(says(), Topology.graph(["user -> a", "a -> b", "b -> a", "b -> user"]))
    with pytest.raises(TopologyError, match=r"team\.yaml:\d+:\d+: topology: nobody may answer"):
        Team.from_yaml(write(tmp_path, SOLO.replace("{kind: solo, agent: a}", "{kind: graph, edges: [user -> a]}")))


def test_warnings_do_not_stop_a_team() -> None:
    made = team(says(), Topology.graph(["user -> a", "a -> user"]))
    assert ["single points of failure" in problem.message for problem in made.warnings] == [True]


async def test_a_networkx_graph_is_a_topology() -> None:
    graph: nx.DiGraph[str] = nx.DiGraph([("user", "a"), ("a", "b"), ("b", "user")])
    result = await Team([Agent(name=name, function=lambda view: view.agent) for name in "ab"], graph).run("task")
    assert result.answer == "b"


async def test_plain_functions_are_agents_named_after_themselves() -> None:
    def writer(text: str) -> str:
        return f"draft of {text}"

    async def critic(view: View) -> str:
        return f"better {view.messages[0].content}"

    result = await Team([writer, critic], Topology.chain(["writer", "critic"])).run("a poem")
    assert result.answer == "better draft of a poem"


def test_agents_need_names_of_their_own_and_a_place_on_the_graph() -> None:
    with pytest.raises(ConfigError, match="agents named more than once: a"):
        Team([Agent(name="a"), Agent(name="a")], Topology.solo("a"))
    with pytest.raises(ConfigError, match="'b' is no agent; agents: a"):
        Team([Agent(name="a")], Topology.chain(["a", "b"]))
    with pytest.raises(ConfigError, match="'user' are reserved"):
        Team([Agent(name="user")], Topology.graph([("a", "user"), ("user", "a")], nodes=["user"]))


def test_tools_of_one_agent_have_different_names() -> None:
    def send_message(text: str) -> str:
        return text

    def calculator(text: str) -> str:
        return text

    with pytest.raises(ConfigError, match="a tool may not be named 'send_message'"):
        Team([Agent(name="a", tools=(send_message,))], Topology.solo("a"))
    with pytest.raises(ConfigError, match="two tools are named 'calculator'"):
        Team([Agent(name="a", tools=("calculator", calculator))], Topology.solo("a"))


async def test_names_are_imported_only_with_consent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "borrowed_code.py").write_text(
        "def agent(text: str) -> str:\n    return text.upper()\n\ndef fine(answer: str) -> bool:\n    return True\n\n"
        "def shout(text: str) -> str:\n    return text + '!'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    path = write(
        tmp_path,
        """
version: 1
agents:
  a: {kind: function, function: "borrowed_code:agent"}
  b: {kind: function, function: "borrowed_code:agent"}
topology:
  kind: graph
  edges: [user -> a, {from: a, to: b, rewrite: "borrowed_code:shout"}, b -> user]
verify: {function: "borrowed_code:fine"}
""",
    )
    with pytest.raises(ConfigError, match="consent with --allow borrowed_code") as caught:
        Team.from_yaml(path)
    assert len(caught.value.problems) == 4
    assert "borrowed_code" not in sys.modules
    result = await Team.from_yaml(path, allow=["borrowed_code"]).run("task")
    assert (result.outcome, result.answer) == ("verified", "TASK!")
    with pytest.raises(ConfigError, match="cannot be imported"):
        Team([Agent(name="a", function="borrowed_code:ghost")], Topology.solo("a"), allow=["borrowed_code"])
    with pytest.raises(ConfigError, match=r"is no package\.module:name"):
        Team([Agent(name="a", function="borrowed_code")], Topology.solo("a"), allow=["borrowed_code"])


async def test_functions_given_in_python_need_no_consent(tmp_path: Path) -> None:
    path = write(tmp_path, SOLO.replace('instructions: "Answer."', "kind: function"))
    result = await Team.from_yaml(path, functions={"a": lambda view: f"read {view.text}"}).run("task")
    assert result.answer == "read task"


async def test_an_edge_rewrites_what_it_carries() -> None:
    topology = Topology.graph(["user -> a", {"from": "a", "to": "b", "rewrite": "censor"}, "b -> user"])
    result = await team(
        lambda request: str(request.messages[-1]["content"]),
        topology,
        tools={"censor": lambda text: text.replace("secret", "***")},
    ).run("a secret")
    [changed] = [e for e in result.events if isinstance(e, MessageTransformed)]
    assert "secret" not in changed.content
    assert changed.by == "censor"
    well_formed(result.events)


@pytest.mark.parametrize("broken", [lambda text: 1 / 0, lambda text: None])
async def test_a_rewrite_that_fails_lets_nothing_pass(broken: Any) -> None:
    topology = Topology.graph(["user -> a", {"from": "a", "to": "b", "rewrite": "f"}, "b -> user"])

    def model(request: Request) -> Reply:
        return calls("send_message", recipients=["b"], content="x")

    result = await team(model, topology, tools={"f": broken}).run("task")
    assert result.outcome == "failed"
    assert result.reason.startswith("rewrite f: ")
    assert [e.recipient for e in result.events if isinstance(e, MessageDelivered)] == ["a"]
    well_formed(result.events)


# The form of the answer


class Sum(BaseModel):
    total: int
    parts: list[int] = []


async def test_a_typed_answer_is_repaired_and_read() -> None:
    replies = iter(["it is 5", '{"total": "five"}', '```json\n{"total": 5, "parts": [2, 3]}\n```'])
    result = await team(lambda request: next(replies), answer=Sum).run("2 + 3")
    assert result.value == Sum(total=5, parts=[2, 3])
    assert result.usage.model_calls == 3


async def test_an_answer_by_json_schema_from_a_file(tmp_path: Path) -> None:
    form = "answer: {schema: {type: object, properties: {n: {type: integer}}, required: [n]}}\n"
    replies = iter(['{"n": "x"}', '{"n": 7}'])
    made = Team.from_yaml(write(tmp_path, SOLO + form), models={"default": lambda request: next(replies)})
    assert (await made.run("task")).value == {"n": 7}


async def test_only_the_one_who_answers_is_held_to_the_form() -> None:
    seen: dict[str, Any] = {}

    def model(request: Request) -> str:
        seen[request.agent] = request.response_schema
        return "free text" if request.agent == "a" else "[1]"

    result = await team(model, Topology.chain(["a", "b"]), answer=list[int]).run("task")
    assert result.value == [1]
    assert seen["a"] is None
    assert seen["b"]["type"] == "array"


async def test_an_answer_that_never_takes_its_form_fails() -> None:
    result = await team(says("no json"), answer=Sum, agents={"a": {"max_steps": 2}}).run("task")
    assert result.outcome == "failed"
    assert "max_steps" in result.reason
    assert result.value is None


def test_a_schema_that_cannot_be_checked_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"answer\.schema\.patternProperties: .* cannot be checked"):
        team(says(), answer={"type": "object", "patternProperties": {}})


# What a run is given


async def test_the_seed_is_logged_and_sent_to_the_models() -> None:
    seeds: list[int | None] = []

    def model(request: Request) -> str:
        seeds.append(request.seed)
        return "ok"

    one = team(model)
    result = await one.run("task", seed=11)
    await one.run("task")
    assert seeds == [11, None]
    started = result.events[0]
    assert isinstance(started, RunStarted)
    assert (started.seed, started.task, started.topology_hash) == (11, "task", one.topology.hash)


async def test_a_run_goes_on_with_agents_that_remember() -> None:
    prompts: list[list[Any]] = []

    def model(request: Request) -> str:
        prompts.append(list(request.messages))
        return f"answer {len(prompts)}"

    first = await team(model).run("one")
    second = await first.continue_("two")
    third = await second.continue_("three")
    assert third.answer == "answer 3"
    assert prompts[2][: len(prompts[1])] == prompts[1]
    assert [len(prompt) for prompt in prompts] == [2, 4, 6]
    assert len({first.run_id, second.run_id, third.run_id}) == 3
    assert isinstance(second.events[0], RunStarted)
    assert second.events[0].continues == first.run_id
    assert not [e for e in second.events if isinstance(e, ContextStarted)]
    well_formed(third.events)


async def test_a_run_can_be_continued_twice_and_the_two_know_nothing_of_each_other() -> None:
    prompts: list[str] = []

    def model(request: Request) -> str:
        prompts.append(str([item["content"] for item in request.messages]))
        return "ok"

    first = await team(model, Topology.flat(["a", "b"], rounds=1)).run("the trunk")
    await first.continue_("left branch")
    prompts.clear()
    await (await first.continue_("right branch")).continue_("twig")
    assert "the trunk" in prompts[0]
    assert "right branch" in prompts[-1]
    assert "left branch" not in str(prompts)


async def test_teams_of_functions_programs_and_people_go_on_too() -> None:
    agents = [
        Agent(name="f", function=lambda view: view.text),
        Agent.model_validate({"name": "c", "command": {"argv": ["cat"], "format": "text"}}),
        Agent(name="h", kind="human"),
    ]
    made = Team(agents, Topology.chain(["f", "c", "h"]))
    first = await made.run("one", ask=lambda agent, question: question.splitlines()[0])
    assert first.answer == "c: one"
    assert (await first.continue_("two")).answer == "c: two"


async def test_agents_with_fresh_memory_do_not_remember_the_run_before() -> None:
    sizes: list[int] = []

    def model(request: Request) -> str:
        sizes.append(len(request.messages))
        return "ok"

    first = await team(model, agents={"a": {"memory": "fresh"}}).run("one")
    await first.continue_("two")
    assert sizes == [2, 2]


async def test_files_beside_the_task_reach_the_first_agent() -> None:
    contents: list[Any] = []

    def model(request: Request) -> str:
        contents.append(request.messages[-1]["content"])
        return "ok"

    await team(model, Topology.chain(["a", "b"])).run("read", parts=[FilePart(name="a.pdf", data="QUJD")])
    assert [part["type"] for part in contents[0]] == ["text", "text", "file"]
    assert isinstance(contents[1], str)


async def test_files_are_not_sent_again_when_a_run_goes_on() -> None:
    contents: list[Any] = []

    def model(request: Request) -> str:
        contents.append(request.messages[-1]["content"])
        return "ok"

    first = await team(model).run("read", parts=[FilePart(name="a.pdf", data="QUJD")])
    await first.continue_("and now?")
    assert contents[1] == '<message from="user">\nand now?\n</message>'


def test_replicas_stand_for_themselves(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
version: 1
agents:
  p: {}
  w: {replicas: 3}
topology: {kind: hierarchy, planner: p, workers: [w]}
""",
    )
    made = Team.from_yaml(path, models={"default": lambda request: "done"})
    assert made.topology.nodes == ("p", "w-1", "w-2", "w-3")
    assert made.run_sync("task").answer == "done"


def test_bounds_of_a_team_know_its_agents() -> None:
    made = team(
        says(),
        Topology.chain(["a", "b"]),
        agents={"a": {"max_steps": 2}},
        limits=Limits(tokens=1000),
        verify=VerifyConfig(command=("true",), retries=1),
    )
    # One turn of a, two of b; and the last one, of one call, that a run may come to which has used up its tokens.
    assert (made.bounds.turns, made.bounds.model_calls, made.bounds.messages) == (3 + 1, 2 + 16 + 1, 4)
    assert made.bounds.tokens == 1000
