"""Tasks that are made: the same for the same words, right by a second reckoning, and hard where they say so."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.errors import ConfigError
from agentmesh.evaluation.tasks import EvalTask
from agentmesh.evaluation.tasks.generators import GENERATORS, generate
from agentmesh.providers.simulated.problems import arithmetic
from agentmesh.providers.simulated.scheduling import schedule
from agentmesh.tools.calculator import evaluate, number_text

FACT = re.compile(r"^- [^:\n]+: (\d+) for (\w+)$", re.MULTILINE)
JOB = re.compile(r"^- (\w+): (\d+) hours?(?:, after ([\w ]+))?$", re.MULTILINE)
ESTIMATE = re.compile(r"^- [^:\n]+: (\d+)$", re.MULTILINE)
SEEDS = st.integers(0, 10**6)
PER_KIND = settings.default.max_examples // 4 if settings.default else 25


def best(texts: Iterable[str]) -> list[str]:
    """The options with the greatest sum of weights in some texts."""
    sums: Counter[str] = Counter()
    for weight, option in FACT.findall("\n".join(texts)):
        sums[option] += int(weight)
    return [option for option, total in sums.items() if total == max(sums.values())]


@settings(max_examples=PER_KIND)
@given(SEEDS, st.integers(1, 8), st.integers(1, 4), st.sampled_from(["tree", "sequence"]))
def test_the_value_of_a_sum_is_what_the_calculator_finds(seed: int, depth: int, width: int, shape: str) -> None:
    (task,) = generate(f"arithmetic:n=1,seed={seed},depth={depth},width={width},shape={shape}")
    (problem,) = arithmetic(task.prompt).problems
    assert number_text(evaluate(problem.text)) == str(task.answer)
    operations = len(re.findall(r"[-+*/]", problem.text))
    assert operations == task.metadata["operations"] == depth * width + width
    assert all(int(number) < 1000 for number in re.findall(r"\d+", problem.text))


@settings(max_examples=PER_KIND)
@given(SEEDS, st.integers(2, 6), st.integers(2, 6), st.data())
def test_of_a_hidden_profile_only_enough_members_together_know_the_right_option(
    seed: int, options: int, members: int, data: st.DataObject
) -> None:
    needed = data.draw(st.integers(2, members))
    names = "+".join(f"a{n}" for n in range(members))
    (task,) = generate(f"hidden_profile:n=1,seed={seed},options={options},needed={needed},agents={names}")
    decoy = [task.metadata["decoy"]]
    assert best([task.prompt]) == decoy
    assert best([task.prompt, *task.private.values()]) == [task.answer] != decoy
    told = list(task.private.values())
    assert len(told) == members
    for start in range(members):
        some = [told[(start + n) % members] for n in range(needed)]
        assert best([task.prompt, some[0]]) == decoy
        assert best([task.prompt, *some[:-1]]) == decoy
        assert best([task.prompt, *some]) == [task.answer]
    assert task.check is not None
    assert set(task.check.choices) == {option for _, option in FACT.findall(task.prompt)}


@settings(max_examples=PER_KIND)
@given(SEEDS, st.integers(2, 4), st.integers(1, 3), st.sampled_from([0, 0.5, 1]))
def test_no_schedule_is_shorter_than_the_shortest(seed: int, jobs: int, machines: int, links: float) -> None:
    (task,) = generate(f"scheduling:n=1,seed={seed},jobs={jobs},machines={machines},links={links}")
    asked = {name: (int(hours), set(after.split(" and ")) - {""}) for name, hours, after in JOB.findall(task.prompt)}
    assert len(asked) == jobs
    assert task.answer == tried(asked, machines)


@settings(max_examples=PER_KIND)
@given(SEEDS, st.integers(5, 7), st.integers(1, 3), st.sampled_from([0.3, 0.6]))
def test_larger_schedules_come_to_the_same_by_another_search(seed: int, jobs: int, machines: int, links: float) -> None:
    (task,) = generate(f"scheduling:n=1,seed={seed},jobs={jobs},machines={machines},links={links}")
    asked = schedule(task.prompt)
    assert asked is not None
    assert asked.answer(asked.read(task.prompt)) == str(task.answer)


def tried(jobs: Mapping[str, tuple[int, set[str]]], machines: int) -> int:
    """The shortest time by trying all machines for all jobs, in all orders."""
    times: list[int] = []
    for order in permutations(jobs):
        if any(not jobs[name][1] <= set(order[:at]) for at, name in enumerate(order)):
            continue
        for chosen in product(range(machines), repeat=len(order)):
            free = [0] * machines
            ends: dict[str, int] = {}
            for name, machine in zip(order, chosen, strict=True):
                hours, after = jobs[name]
                ends[name] = free[machine] = max([free[machine], *(ends[other] for other in after)]) + hours
            times.append(max(ends.values()))
    return min(times)


@settings(max_examples=PER_KIND)
@given(SEEDS, st.integers(4, 16), st.integers(2, 4))
def test_clues_are_shared_out_whole_and_lie_about_the_quantity(seed: int, clues: int, members: int) -> None:
    names = [f"a{n}" for n in range(members)]
    (task,) = generate(f"estimation:n=1,seed={seed},clues={clues},agents={'+'.join(names)}")
    told = ESTIMATE.findall("\n".join(task.private.values()))
    assert set(task.private) == set(names)
    assert len(told) == clues
    assert ESTIMATE.findall(task.prompt) == []
    assert isinstance(task.answer, int)
    assert all(0.5 * task.answer < int(clue) < 1.5 * task.answer for clue in told)


def test_more_clues_come_nearer() -> None:
    def error(clues: int) -> float:
        off = []
        for task in generate(f"estimation:n=200,clues={clues}"):
            assert isinstance(task.answer, int)
            told = [int(clue) for clue in ESTIMATE.findall(task.prompt)]
            off.append(abs(sum(told) / clues / task.answer - 1))
        return sum(off) / len(off)

    assert error(1) > 1.5 * error(4) > 2 * error(16)


@settings(max_examples=PER_KIND)
@given(SEEDS, st.integers(3, 10))
def test_an_expert_orders_all_items_and_estimates_are_of_them(seed: int, items: int) -> None:
    (known,) = generate(f"ranking:n=1,seed={seed},items={items}")
    (told,) = generate(f"ranking:n=1,seed={seed},items={items},agents=ann+ben,spread=0.01")
    for task in (known, told):
        assert isinstance(task.answer, list)
        asked = re.search(r"first: (.+)\.$", task.prompt, re.MULTILINE)
        assert asked is not None
        assert sorted(task.answer) == asked[1].split(", ")
    for name, text in told.private.items():
        estimates = {item: int(kg) for item, kg in re.findall(rf"^- (\w+) \({name}\): (\d+)$", text, re.MULTILINE)}
        # As good as exact, they give the expert's order.
        assert sorted(estimates, key=lambda item: -estimates[item]) == told.answer


def test_ideas_ask_for_other_things_in_every_task() -> None:
    tasks = generate("ideas:n=66,things=2,seed=4")
    assert len({task.prompt for task in tasks}) == 66
    for task in tasks:
        assert isinstance(task.answer, list)
        assert task.check is not None
        assert task.check.enough == -(-7 * len(task.answer) // 10)
        assert len(set(task.answer)) == len(task.answer) == task.metadata["ideas"]
        assert {idea.rpartition(" (")[2] for idea in task.answer} == {f"{thing})" for thing in task.metadata["things"]}


@pytest.mark.parametrize("kind", GENERATORS)
def test_words_name_tasks_and_another_seed_names_others(kind: str) -> None:
    tasks = generate(f"{kind}:n=12,seed=1")
    assert tasks == generate(f"{kind}: seed=1 , n=12") == generate(f"{kind}:n=20,seed=1")[:12]
    assert all(isinstance(task, EvalTask) for task in tasks)
    assert len({task.id for task in tasks}) == 12
    assert len({task.prompt for task in tasks}) == 12
    assert not {task.prompt for task in generate(f"{kind}:n=12,seed=2")} >= {task.prompt for task in tasks}
    assert all(task.metadata["kind"] == kind and 0 <= task.metadata["difficulty"] <= 1 for task in tasks)
    assert len(generate(kind)) == 50


@pytest.mark.parametrize("kind", sorted(set(GENERATORS) - {"arithmetic"}))
def test_what_is_no_arithmetic_holds_nothing_to_compute(kind: str) -> None:
    for task in generate(f"{kind}:n=20"):
        held = arithmetic("\n".join([task.prompt, *task.private.values()]))
        assert (held.problems, held.incomplete) == ((), False)


def test_every_machine_makes_the_same_tasks() -> None:
    text = repr([task.model_dump(mode="json") for kind in GENERATORS for task in generate(f"{kind}:n=5,seed=7")])
    # Whoever changes what generators make changes this, and what results kept from before can be compared with.
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "5a904d7d879c74eb"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("aritmetic:n=2", "unknown generator 'aritmetic'; allowed: arithmetic, coding, estimation, hidden_profile, "),
        ("aritmetic:n=2", "; did you mean 'arithmetic'?"),
        ("arithmetic:dpth=3", "unknown key 'dpth'; allowed: n, seed, depth, width, shape; did you mean 'depth'?"),
        ("arithmetic:n=x", "'n': found the text 'x'; allowed: a whole number"),
        ("arithmetic:n=0", "'n': found the text '0'; allowed: 1 or more"),
        ("arithmetic:shape=trees", "'shape': found the text 'trees'; allowed: tree or sequence; did you mean 'tree'?"),
        ("arithmetic:depth", "'depth' is no parameter; write name=value, such as n=50"),
        ("arithmetic:n=1,n=2", "parameter 'n' stands twice; give it once"),
        ("hidden_profile:agents=ann", "'agents': give two or more different names, such as ann+ben+cy"),
        ("hidden_profile:agents=ann+ann", "'agents': give two or more different names, such as ann+ben+cy"),
        ("hidden_profile:needed=4", "'needed' is 4; it is at most the number of agents, 3"),
        ("hidden_profile:agents=a+b+c+d+e+f+g+h+i", "'agents' names 9; name 2 to 8"),
        ("ideas:n=67", "'n' is 67; with things=2 there are 66 different tasks"),
        ("scheduling:links=2", "'links': found the text '2'; allowed: 1 or less"),
    ],
)
def test_what_is_wrong_is_said_with_what_is_allowed(spec: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        generate(spec)
    assert str(raised.value).startswith(f"{spec}: ")
    assert said in str(raised.value)


def by_trying(kind: str, figures: list[int]) -> int:
    """What a riddle comes to, by trying everything."""
    match kind, figures:
        case "ages", [old, times, young]:
            return next(years for years in range(1000) if old + years == times * (young + years))
        case "backwards", [added, times, result]:
            return next(number for number in range(10_000) if (number + added) * times == result)
        case "payments", [total, *coins]:
            counts = [range(total // coin + 1) for coin in coins]
            return sum(sum(n * coin for n, coin in zip(some, coins, strict=True)) == total for some in product(*counts))
        case _:
            a, b, c, d = figures
            return d + (d - c) + ((d - c) - (c - b)) * ((c - b) - (b - a) == (d - c) - (c - b))


@settings(max_examples=PER_KIND)
@given(SEEDS)
def test_riddles_are_right_by_trying_everything_and_their_kinds_take_turns(seed: int) -> None:
    kinds = ["payments", "ages", "sequence", "backwards"]
    tasks = generate(f"riddles:n=8,seed={seed},kinds={'+'.join(kinds)}")
    assert [task.metadata["riddle"] for task in tasks] == kinds * 2
    for task in tasks:
        figures = [int(number) for number in re.findall(r"\d+", task.prompt)]
        assert task.answer == by_trying(task.metadata["riddle"], figures)


def test_riddles_of_no_known_kind_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"found jokes; allowed: one or more of ages\+backwards"):
        generate("riddles:kinds=jokes")
