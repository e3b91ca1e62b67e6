"""Games of two: known scores, equilibria, the folk region, and agreement before play."""

from __future__ import annotations

import sys
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import settings

from agentmesh.errors import AgentMeshError, MissingExtra
from agentmesh.evaluation.games import Match, Setting, measures, play, resume
from agentmesh.evaluation.games.equilibria import equilibria, frontier, minmax, position, table_of
from agentmesh.evaluation.games.players import axelrod
from agentmesh.team.kept import opened
from tests.evaluation.games.matches import match_of, moves

if TYPE_CHECKING:
    from pathlib import Path

NIGHTLY = settings.default is not None and settings.default.max_examples > 100
C, D = "cooperate", "defect"


class _StandIn(ModuleType):
    """As much of axelrod as a match needs: importing the library takes 20 seconds."""

    class Action:
        C, D = "C", "D"

    class Player:
        def __init__(self) -> None:
            self.history: list[str] = []

        def update_history(self, own: str, other: str) -> None:
            self.history.append(own)

        def set_seed(self, seed: int) -> None:
            assert seed >= 0

        def set_match_attributes(self, **told: Any) -> None:
            assert told["length"] == 20

    class TitForTat(Player):
        def strategy(self, opponent: Any) -> str:
            assert len(self.history) == len(opponent.history)
            return opponent.history[-1] if opponent.history else "C"

    class Alternator(Player):
        def strategy(self, opponent: Any) -> str:
            return "D" if self.history[-1:] == ["C"] else "C"

    class CyclerCCD(Player):
        def strategy(self, opponent: Any) -> str:
            return "D" if len(self.history) % 3 == 2 else "C"

    DefaultGame = None
    all_strategies = (TitForTat, Alternator, CyclerCCD)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Any:
    if NIGHTLY:
        pytest.importorskip("axelrod")  # in the group `nightly`
        return axelrod()
    made = _StandIn("axelrod")
    monkeypatch.setitem(sys.modules, "axelrod", made)
    return made


@pytest.mark.usefixtures("library")
def test_reference_strategies_reach_in_a_team_the_scores_that_axelrod_gives_them() -> None:
    match = match_of(
        "prisoners-dilemma", players={"a": "axelrod:TitForTat", "b": "axelrod:Alternator"}, rounds=20, talk=True
    )
    first, second = zip(*moves(match), strict=True)
    assert second == (C, D) * 10
    assert first == (C, *second[:-1])
    assert match.result.answer == "played, 20 rounds: a 48, b 53", "as axelrod.Match has it"


@pytest.mark.usefixtures("library")
def test_a_match_that_was_cut_off_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    setting = Setting(
        "prisoners-dilemma",
        players={"a": "axelrod:CyclerCCD", "b": None},
        rounds=20,
        memory=1,
        talk=True,
        select="vote",
    )
    whole = anyio.run(play, setting, 1)

    async def cut(after: str, journal: Path) -> Match:
        with anyio.CancelScope() as scope:

            def watch(event: Any) -> None:
                if (event.type, event.agent, getattr(event, "turn", 0)) == (after, "referee", 12):
                    scope.cancel()

            await play(setting, 1, journal=journal, watch=watch)
        assert scope.cancelled_caught
        async with opened(journal) as store:
            [status] = await store.runs()
        return await resume(setting, status.record.run_id, 1, journal=journal)

    for after in ("turn_started", "turn_ended"):
        match = anyio.run(cut, after, tmp_path / f"{after}.db")
        assert match.result.answer == whole.result.answer
        assert match.game.log == whole.game.log
        assert [acts[0] for acts in moves(match)] == ([C, C, D] * 7)[:20]
        again = anyio.run(partial(resume, setting, match.result.run_id, 1, journal=tmp_path / f"{after}.db"))
        assert again.game.log == whole.game.log, "what has ended stays as it is"


@pytest.mark.skipif(not NIGHTLY, reason="importing axelrod takes 20 s of CPU time")
@pytest.mark.parametrize("names", [("TitForTat", "Defector"), ("Grudger", "Alternator"), ("WinStayLoseShift", "Bully")])
def test_a_match_of_strategies_is_the_match_that_axelrod_plays_itself(names: tuple[str, str], library: Any) -> None:
    match = match_of("prisoners-dilemma", players={name: f"axelrod:{name}" for name in names}, rounds=20)
    theirs = library.Match([getattr(library, name)() for name in names], turns=20).play()
    assert moves(match) == [tuple({"C": C, "D": D}[str(act)] for act in pair) for pair in theirs]


@pytest.mark.usefixtures("library")
def test_a_strategy_that_there_is_not_is_refused_with_the_closest_one() -> None:
    with pytest.raises(AgentMeshError, match=r"no strategy 'TitForTatt'; .* did you mean 'TitForTat'"):
        match_of("prisoners-dilemma", players={"a": "axelrod:TitForTatt", "b": None})
    with pytest.raises(AgentMeshError, match="in stag-hunt there are other moves"):
        match_of("stag-hunt", players={"a": "axelrod:TitForTat", "b": None})


def test_a_library_that_is_missing_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "axelrod", None)
    monkeypatch.setitem(sys.modules, "nashpy", None)
    for use in (axelrod, lambda: equilibria(table_of("stag-hunt"))):
        with pytest.raises(MissingExtra, match=r"pip install 'agentmesh-topology\[games\]'"):
            use()


def test_nashpy_finds_the_known_equilibria_of_four_games() -> None:
    def pure(game: str) -> set[tuple[str, ...]]:
        found = equilibria(table_of(game))
        return {tuple(move for side in one for move, chance in side.items() if chance == 1) for one in found}

    assert pure("prisoners-dilemma") == {(D, D)}
    assert pure("public-goods") == {("rest", "rest")}
    assert pure("stag-hunt") == {("stag", "stag"), ("hare", "hare"), ()}, "and one in mixed moves"
    assert pure("battle-of-the-sexes") == {("opera", "opera"), ("football", "football"), ()}
    [mixed] = [one for one in equilibria(table_of("battle-of-the-sexes")) if 1 not in one[0].values()]
    assert mixed[0] == pytest.approx({"opera": 10 / 17, "football": 7 / 17})


def test_payoffs_lie_between_minmax_and_the_pareto_frontier() -> None:
    table = table_of("prisoners-dilemma")
    assert minmax(table) == (1, 1)
    assert sorted(frontier(table)) == [(0, 5), (3, 3), (5, 0)]
    assert [position(table, payoff) for payoff in ((1, 1), (2, 2), (3, 3))] == pytest.approx([0, 0.5, 1])
    assert position(table, (0, 5)) is None, "less than it could secure alone"
    assert minmax(table_of("battle-of-the-sexes")) == pytest.approx((70 / 17, 70 / 17))
    below = {("a", "a"): (1, 1), ("a", "b"): (0, 3), ("b", "a"): (3, 0), ("b", "b"): (0, 0)}
    assert sorted(frontier(below)) == [(0, 3), (3, 0)], "either of these by turns is better for both than (1, 1)"
    with pytest.raises(AgentMeshError, match="no table says all about 'dining'"):
        table_of("dining")


def test_copies_that_each_expect_the_other_to_go_on_never_meet_in_the_battle_of_the_sexes() -> None:
    match = match_of("battle-of-the-sexes", rounds=8)
    assert all(one != other for one, other in moves(match))
    figures = {one.name: one.estimate.value for one in measures([match.game])}
    assert figures["pairs that do the same"] == 0
    assert figures["each gets its minmax"] == 0
    assert moves(match_of("battle-of-the-sexes", rounds=8, talk=True)) == moves(match), "own words bind nobody"


@pytest.mark.parametrize(
    ("select", "where"), [("leader", "opera"), ("vote", "opera"), ("ordering", "opera"), ("focal", "football")]
)
def test_every_way_to_agree_before_play_makes_copies_meet(select: str, where: str) -> None:
    match = match_of("battle-of-the-sexes", rounds=5, select=select, talk=True)
    assert moves(match) == [(where, where)] * 5
    figures = {one.name: one.estimate.value for one in measures([match.game])}
    assert figures["way from minmax to Pareto"] == pytest.approx(1)
    assert figures["did as announced"] == 1


def test_an_agreement_is_kept_only_where_breaking_it_brings_nothing() -> None:
    assert set(moves(match_of("stag-hunt", rounds=3))) == {("hare", "hare")}
    assert set(moves(match_of("stag-hunt", rounds=3, select="leader"))) == {("stag", "stag")}
    assert set(moves(match_of("prisoners-dilemma", rounds=3, select="leader"))) == {(D, D)}
    goods = match_of("public-goods", rounds=3, select="vote")
    assert set(moves(goods)) == {("rest",) * 4}
