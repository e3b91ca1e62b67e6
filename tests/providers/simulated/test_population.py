"""Parameters of simulated models: each by its mechanism, where more of it does more, and none of it does nothing."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agentmesh import Team
from agentmesh.errors import ConfigError
from agentmesh.messages import ChatMessage, Reply
from agentmesh.providers.base import Request
from agentmesh.providers.simulated import profile_named, respond
from agentmesh.providers.simulated.drafts import value_in
from agentmesh.providers.simulated.server import make_server
from agentmesh.providers.simulated.skill import DOMAINS, PARAMETERS, Mind
from agentmesh.tools.calculator import Expression, expression_at
from agentmesh.tools.graph import definition
from tests.providers.storm import nightly

TOPOLOGIES = Path(__file__).parents[3] / "topologies"
TASK, RIGHT = "What is 17*23+4?", "17*23 + 4 = 395"
WIDE = "(3+4+5) + (6+7+8) + (2+9+4) + (5+5+6)"
STEPS = "Start with 12, add 30, multiply by 4, subtract 5, add 19, multiply by 2, add 7, subtract 3, add 44."
NOTHING = "worker,skill=1,span=40,sycophancy=0,laziness=0,contagion=0,persuasion=0,noise=0,heterogeneity=0"
SEEDS = range(60 if nightly() else 40)
CALCULATOR: dict[str, Any] = {
    "type": "function",
    "function": {"name": "calculator", "parameters": {"properties": {"expression": {"type": "string"}}}},
}


def said(sender: str, text: str) -> str:
    return f'<message from="{sender}">\n{text}\n</message>'


def asked(model: str, *texts: str, seed: int = 0, name: str = "ann", tools: tuple[dict[str, Any], ...] = ()) -> Reply:
    """The reply to messages in turn with the agent's own replies."""
    messages: list[ChatMessage] = [{"role": "system", "content": f'You are "{name}".'}]
    messages += [{"role": "assistant" if n % 2 else "user", "content": text} for n, text in enumerate(texts)]
    return respond(Request(agent=name, messages=messages, tools=list(tools), seed=seed), profile_named(model))


def value(reply: Reply) -> Fraction | None:
    return value_in(reply.text)


def share(model: str, *texts: str, begins: str) -> float:
    """How often a reply begins so, over seeds."""
    return sum(asked(model, *texts, seed=seed).text.startswith(begins) for seed in SEEDS) / len(SEEDS)


def mind(model: str, name: str = "ann", seed: int = 0) -> Mind:
    return Mind(profile_named(model), seed, name, 0)


def sum_of(text: str) -> Expression:
    return expression_at(text, 0)[0]


def falls(shares: list[float]) -> bool:
    """Whether each is below the one before."""
    return all(later < earlier for earlier, later in pairwise(shares))


# Names


def test_every_parameter_stands_in_the_name_of_a_model() -> None:
    given = ",".join(f"{parameter}={3 if parameter == 'span' else 0.25}" for parameter in PARAMETERS)
    profile = profile_named(f"novice,{given}")
    assert profile.name == f"novice,{given}"
    assert {parameter: getattr(profile, parameter) for parameter in PARAMETERS} == {
        parameter: 3 if parameter == "span" else 0.25 for parameter in PARAMETERS
    }


def test_a_skill_beside_the_name_counts_where_the_name_gives_none() -> None:
    assert profile_named("worker,noise=0.1", skill=0.3).skill == 0.3
    assert profile_named("worker,skill=0.8", skill=0.3).skill == 0.8


def test_skill_in_a_domain_is_the_skill_where_nothing_else_is_said() -> None:
    profile = profile_named("worker,skill=0.8,facts=0.2")
    assert {domain: profile.skill_in(domain) for domain in DOMAINS} == {**dict.fromkeys(DOMAINS, 0.8), "facts": 0.2}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("worker,skil=0.8", "unknown parameter 'skil' .* allowed: arithmetic, .*did you mean 'skill'"),
        ("worker,skill=1.5", "'skill' .* is '1.5'; give a number from 0 to 1"),
        ("worker,skill=nan", "'skill' .* is 'nan'; give a number from 0 to 1"),
        ("worker,noise", "'noise' .* is ''; give a number from 0 to 1"),
        ("worker,span=0", "'span' .* is '0'; give a whole number from 1"),
        ("worker,span=2.5", "'span' .* is '2.5'; give a whole number from 1"),
        ("worker,skill=1,skill=1", "'skill' stands twice"),
        ("worke,skill=1", "unknown profile 'worke' .*did you mean 'worker'"),
    ],
)
def test_a_wrong_name_is_refused_with_what_is_allowed(name: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        profile_named(name)


# One agent


def test_each_operation_beyond_the_span_makes_the_next_one_harder() -> None:
    shares = [share(f"worker,fading=0.9,span={span}", f"Compute {WIDE}", begins="3 + 4") for span in (12, 6, 3)]
    assert shares == [1.0] * 3, "it always answers"
    right = [
        sum(value(asked(f"worker,fading=0.9,span={span}", f"Compute {WIDE}", seed=seed)) == 64 for seed in SEEDS)
        for span in (12, 8, 5, 2)
    ]
    assert right[0] == len(SEEDS)
    assert falls(list(map(float, right)))
    assert right[-1] < 10


def test_what_a_reply_has_computed_before_counts_for_the_span_and_a_calculator_does_not() -> None:
    apart = [mind("worker,fading=0.5,span=2", seed=seed).compute(sum_of("3+4+5")).value == 12 for seed in SEEDS]
    behind = [
        mind("worker,fading=0.5,span=2", seed=seed).compute(sum_of("3+4+5"), carried=2).value == 12 for seed in SEEDS
    ]
    assert all(apart)
    assert sum(behind) < 20
    [call] = asked("worker,fading=0.5,span=1", f"Compute {WIDE}", tools=(CALCULATOR,)).tool_calls
    assert call.name == "calculator"


def test_laziness_does_without_the_tool_and_shows_nothing() -> None:
    def lazy(laziness: float) -> float:
        replies = [asked(f"worker,laziness={laziness}", TASK, seed=seed, tools=(CALCULATOR,)) for seed in SEEDS]
        assert all(bool(reply.tool_calls) != bool(reply.text) for reply in replies)
        return sum(not reply.tool_calls for reply in replies) / len(SEEDS)

    shares = [lazy(laziness) for laziness in (0, 0.3, 0.7, 1)]
    assert (shares[0], shares[-1]) == (0, 1)
    assert falls(shares[::-1])
    assert "Step by step" not in asked("worker,laziness=1", TASK, said("bob", "17*23 + 4 = 400")).text


def test_a_lazy_agent_says_what_it_said_before_or_else_what_it_hears_first() -> None:
    heard = said("user", TASK) + "\n" + said("bob", "17*23 + 4 = 400") + "\n" + said("cy", RIGHT)
    assert asked("worker,laziness=1", heard).text.startswith("17*23 + 4 = 400")
    assert asked("worker", heard).text.startswith(RIGHT)
    again = asked("worker,laziness=1", said("user", TASK), "17*23 + 4 = 391", heard).text
    assert again.startswith("17*23 + 4 = 391")


def test_a_lazy_worker_hands_in_the_bare_result() -> None:
    task = '<message from="boss" kind="task" task="t1">\nCompute 17*23+4\n</message>'
    for model, evidence in (("worker,laziness=1", ""), ("worker", RIGHT)):
        [call] = asked(model, task, tools=(definition("hand_off", {}),)).tool_calls
        assert (call.name, call.arguments["summary"], call.arguments["evidence"]) == ("hand_off", "395", evidence)


def test_laziness_spreads_with_the_share_of_peers_who_show_no_work() -> None:
    bare, shown = "17*23 + 4 = 395", "17*23 + 4 = 395\nThe calculator gives 395."
    shares = []
    for texts in ((shown, shown), (bare, shown), (bare, bare)):
        heard = "\n".join([said("user", TASK), *map(said, ("bob", "cy"), texts)])
        replies = [asked("worker,contagion=0.9", heard, seed=seed, tools=(CALCULATOR,)) for seed in SEEDS]
        shares.append(sum(bool(reply.tool_calls) for reply in replies) / len(SEEDS))
    assert shares[0] == 1
    assert falls(shares)
    assert shares[-1] < 0.25


def test_heterogeneity_spreads_skill_around_its_mean_and_knowledge_between_agents() -> None:
    def spread(heterogeneity: float) -> tuple[float, float, float]:
        skills = [mind(f"worker,skill=0.6,heterogeneity={heterogeneity}", f"a{n}").skill_in("facts") for n in range(99)]
        return min(skills), sum(skills) / len(skills), max(skills)

    assert spread(0)[::2] == (0.6, 0.6)
    low, mean, high = spread(1)
    assert 0.2 <= low < 0.25
    assert 0.95 < high <= 1.0
    assert mean == pytest.approx(0.6, abs=0.05)

    def alike(model: str) -> int:
        return sum(mind(model, "ann").own("fact", n) == mind(model, "bob").own("fact", n) for n in range(100))

    assert alike("worker") == alike("worker,heterogeneity=0") == 100
    assert 30 < alike("worker,heterogeneity=0.3") < 70
    assert alike("worker,heterogeneity=1") == 0
    assert mind("worker").own("fact", 1) != mind("expert").own("fact", 1), "another model knows something else"


def test_copies_slip_alike_and_agents_that_differ_do_not() -> None:
    def agreeing_when_wrong(model: str) -> int:
        answers = [[value(asked(model, TASK, seed=seed, name=name)) for name in ("ann", "bob")] for seed in SEEDS]
        return sum(first == second != 395 for first, second in answers)

    copies = agreeing_when_wrong("worker,skill=0.6,heterogeneity=0")
    assert copies == sum(value(asked("worker,skill=0.6,heterogeneity=0", TASK, seed=seed)) != 395 for seed in SEEDS)
    some = agreeing_when_wrong("worker,skill=0.6,heterogeneity=0.5")
    assert copies > some > agreeing_when_wrong("worker,skill=0.6,heterogeneity=1")


# What comes from others


def test_sycophancy_gives_in_to_peers_by_its_chance_and_not_before_any_has_spoken() -> None:
    alone, heard = said("user", TASK), said("bob", "17*23 + 4 = 417") + "\n" + said("cy", "17*23 + 4 = 417")
    shares = []
    for sycophancy in (0, 0.3, 0.7, 1):
        model = f"expert,sycophancy={sycophancy}"
        assert share(model, alone, begins=RIGHT) == 1, "nobody is there to give in to"
        shares.append(share(model, alone, RIGHT, heard + "\n" + heard, begins=RIGHT))
        [first] = {bool(asked(model, alone, seed=seed, tools=(CALCULATOR,)).tool_calls) for seed in SEEDS}
        assert first, "a blind answer is worked out as ever"
    assert (shares[0], shares[-1]) == (1, 0)
    assert falls(shares)
    calls = asked("expert,sycophancy=1", alone, RIGHT, heard, tools=(CALCULATOR,)).tool_calls
    assert not calls, "who gives in asks no tool"


def test_noise_misreads_figures_of_other_agents_in_a_fixed_way_and_never_those_of_the_user() -> None:
    def heard(noise: float) -> Counter[str]:
        texts = (asked(f"expert,noise={noise}", said("bob", "17*23 + 4"), seed=seed).text for seed in SEEDS)
        return Counter(text.partition("\n")[0] for text in texts)

    right = [heard(noise)[RIGHT] for noise in (0, 0.1, 0.3, 1)]
    assert (right[0], right[-1]) == (len(SEEDS), 0)
    assert falls(list(map(float, right)))
    assert heard(0.3) == heard(0.3)
    assert share("expert,noise=1", said("user", TASK), begins=RIGHT) == 1


def test_a_task_that_it_was_given_is_read_as_right_as_the_words_of_the_user() -> None:
    given = said("planner", "Compute 17*23 + 4").replace(">", ' kind="task">', 1)
    assert share("expert,noise=1", given, begins=RIGHT) == 1


def test_an_answer_has_the_line_that_the_user_asks_for_and_so_has_one_made_of_such_answers() -> None:
    asked_for = asked("expert", said("user", f"{TASK} End with a line `Answer: NUMBER`."), seed=1).text
    assert asked_for == f"{RIGHT}\nStep by step: 391, then 395.\nAnswer: 395"
    given = {"a": 395, "b": 395, "c": 417}
    others = "\n".join(said(name, f"17*23 + 4 = {value}\nAnswer: {value}") for name, value in given.items())
    assert asked("expert", others).text.endswith("I do not agree with c (417).\nAnswer: 395")
    assert "Answer" not in asked("expert", said("user", TASK)).text


def test_the_same_figure_in_one_message_is_misread_in_one_way() -> None:
    text = asked("expert,noise=1", said("bob", "17 + 17 + 17")).text
    operands = set(text.partition(" = ")[0].split(" + "))
    assert len(operands) == 1
    assert operands != {"17"}


def test_conviction_is_said_in_words_and_counts_as_further_voices() -> None:
    quiet, loud = (asked(f"worker,persuasion={persuasion}", TASK).text for persuasion in (0, 1))
    assert loud == f"{quiet}\nThat is definitely, undoubtedly, certainly right."
    words = ("", "\nThat is certainly right.", "\nThat is definitely, certainly right.")
    shares = []
    for conviction in words:
        wrong, others = said("bob", f"17*23 + 4 = 417{conviction}"), [said(name, RIGHT) for name in ("cy", "dee")]
        heard = "\n".join([said("user", TASK), wrong, *others])
        shares.append(share("worker,skill=0.2", heard, begins=RIGHT))
    assert shares[0] > 0.9
    assert shares[0] > shares[-1]
    assert shares == sorted(shares, reverse=True)


def test_who_has_not_seen_the_task_and_has_no_tool_passes_on_what_most_say() -> None:
    answers = [said("a", "17*23 + 4 = 417"), said("b", RIGHT), said("c", "17*23 + 4 = 417")]
    assert asked("expert", "\n".join(answers)).text.startswith("17*23 + 4 = 417\nI agree with a, c.")
    assert asked("expert", said("user", TASK) + "\n" + "\n".join(answers[:2])).text.startswith(RIGHT)


def test_samples_of_one_agent_know_no_more_than_it_does_and_have_luck_of_their_own() -> None:
    model = "worker,skill=0.6,heterogeneity=1"
    ann, again, ben = (mind(model, name) for name in ("ann", "ann-sample-2", "ben"))
    assert [again.own("fact", n) for n in range(9)] == [ann.own("fact", n) for n in range(9)]
    assert again.own("fact") != ben.own("fact")
    assert again.skill_in("facts") == ann.skill_in("facts") != ben.skill_in("facts")
    chain = sum_of("3 + 4 + 5 + 6 + 7")
    values = [[mind(model, name, seed).compute(chain).value for seed in SEEDS] for name in ("ann", "ann-sample-2")]
    assert values[0] != values[1]


# Teams


@pytest.mark.parametrize("task", [f"Compute {WIDE}", STEPS] if nightly() else [STEPS])
def test_where_every_parameter_is_nothing_every_team_is_right(task: str) -> None:
    answers = {}
    for file in sorted(TOPOLOGIES.glob("*.yaml")) + sorted((TOPOLOGIES / "scaling").glob("*.yaml")):
        result = Team.from_yaml(file, model=f"simulated:{NOTHING}").run_sync(task, seed=3)
        answers[f"{file.parent.name}/{file.stem}"] = value_in(result.answer or "")
    assert len(answers) > 15
    assert set(answers.values()) == {Fraction(64 if task != STEPS else 412)}, answers


FEW = range(12 if nightly() else 6)
BARE = ("agents.worker.tools=[]", "agents.judge.tools=[]")


def right(file: str, model: str, task: str, gold: int, *overrides: str, seeds: range = FEW) -> int:
    team = Team.from_yaml(TOPOLOGIES / file, overrides=(f'models.default="simulated:{model}"', *overrides))
    return sum(value_in(team.run_sync(task, seed=seed).answer or "") == gold for seed in seeds)


def test_parts_done_in_fresh_contexts_save_a_wide_task_and_a_sequence_has_none() -> None:
    model = "worker,span=3,fading=0.9"
    alone = [right("scaling/single.yaml", model, task, gold, BARE[0]) for task, gold in ((WIDE, 64), (STEPS, 412))]
    split = [right("hierarchy.yaml", model, task, gold, *BARE) for task, gold in ((WIDE, 64), (STEPS, 412))]
    assert alone[0] <= len(FEW) / 3
    assert split[0] == len(FEW)
    assert split[1] < len(FEW)


def test_each_handoff_of_a_chain_loses_what_noise_misreads() -> None:
    kept = [right("chain.yaml", f"worker,noise={noise}", STEPS, 412) for noise in (0, 0.02, 0.3)]
    assert kept[0] == len(FEW)
    assert falls(list(map(float, kept)))


@pytest.fixture
def server() -> Iterator[str]:
    with make_server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield "http://{}:{}/v1".format(*running.server_address[:2])
        running.shutdown()
        thread.join()


def test_over_http_a_population_says_the_same(server: str) -> None:
    model = "worker,skill=0.7,sycophancy=0.5,laziness=0.3,contagion=0.5,persuasion=0.5,noise=0.1,heterogeneity=0.5"
    heard = "\n".join([said("user", TASK), said("bob", "17*23 + 4 = 417"), said("cy", "17*23 + 4 = 389")])
    for seed in range(8):
        messages = [{"role": "system", "content": 'You are "ann".'}, {"role": "user", "content": heard}]
        body = json.dumps({"model": model, "messages": messages, "seed": seed}).encode()
        request = urllib.request.Request(f"{server}/chat/completions", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            there = json.load(answer)
        assert there["choices"][0]["message"]["content"] == asked(model, heard, seed=seed).text
        assert there["model"] == model
