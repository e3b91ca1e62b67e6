"""Uncoordinated teams: the same work claimed twice, promises broken, plans that exclude each other, no convergence.

Look-alikes: a claim that is ceded, parts of one file, promises kept, a difference that evidence or a vote settles.
"""

from __future__ import annotations

from agentmesh.evaluation.calibration.play import Play
from agentmesh.evaluation.calibration.scenarios.base import look_alike, pathology
from agentmesh.evaluation.calibration.stage import Call
from agentmesh.evaluation.calibration.topics import question
from agentmesh.events import Event, VoteCast
from agentmesh.messages import BoardEntry, Position

_LABEL = "coordination_failure"


def _claim(play: Play, agent: str, item: str, start: int, end: int, version: int, *, onset: bool = False) -> Call:
    entry = BoardEntry(id=f"c{version}", kind="claim", owner=agent, path=item, start=start, end=end)
    arguments: dict[str, object] = {"board": "notes", "path": item, "start": start, "end": end}
    effects: tuple[Event, ...] = (play.stage.board(agent, entry, version),)
    return Call("claim", arguments, f"claimed as c{version}", effects=effects, onset=(_LABEL,) if onset else ())


def committed(play: Play, agent: str, item: str, version: int, state: str = "open") -> Call:
    """What an agent commits itself to on a board, or what it says became of that."""
    entry = BoardEntry.model_validate(
        {"id": f"p-{item}", "kind": "commitment", "owner": agent, "text": f"deliver {item}", "state": state}
    )
    arguments: dict[str, object] = {"board": "notes", "text": entry.text, "state": state}
    return Call("commit_to", arguments, "noted", effects=(play.stage.board(agent, entry, version),))


@pathology(_LABEL, "claiming", agents=2)
def same_work_claimed_twice(play: Play) -> None:
    """Two agents take the same piece, say so, and both work on it as if the other were not there."""
    play.begin()
    play.healthy(play.warm_up_turns())
    first, second = play.names
    item, on_board = play.item(), play.chance(0.5)
    play.speak(first, play.say("take", item=item), calls=[_claim(play, first, item, 1, 80, 1)] if on_board else [])
    play.stage.onset(_LABEL)
    play.speak(second, play.say("take", item=item), calls=[_claim(play, second, item, 20, 90, 2)] if on_board else [])
    for _ in range(play.rng.randint(3, 6)):
        for name in (first, second):
            play.work(name, item=item)
    play.end_by_limit()


@pathology(_LABEL, "promising", "stall", agents=2)
def broken_promises(play: Play) -> None:
    """One agent promises a piece that the other waits for, works on something else, and promises the next."""
    play.begin()
    play.healthy(play.warm_up_turns())
    first, second = play.names
    on_board, version = play.chance(0.5), 0
    for at in range(play.rng.randint(3, 5)):
        item, version = play.items[at % len(play.items)], version + 1
        elsewhere = [other for other in play.items if other not in play.items[: at + 1]] or [play.items[0]]
        if at == 1:  # the first promise has been passed over
            play.stage.onset(_LABEL)
        calls = [committed(play, first, item, version)] if on_board else []
        play.speak(first, play.say("commit", item=item, peer=second), calls=calls)
        play.work(
            second,
            item=play.rng.choice(elsewhere),
            after=play.say("wait_for", item=item, other=play.item(), peer=first),
        )
        play.work(first, item=play.rng.choice(elsewhere))
        play.work(second, item=play.rng.choice(elsewhere), after=play.say("ask", item=item, peer=first))
    play.end_by_limit()


@pathology(_LABEL, "designing", agents=2)
def plans_that_exclude_each_other(play: Play) -> None:
    """Both define how the same piece looks, each in its own way, and build on that without a word about the other's."""
    play.begin()
    play.healthy(play.warm_up_turns())
    item = play.item()
    designs = play.rng.sample(
        ("list of pairs", "nested dict", "csv_v2", "dates as ints", "one row per day", "utf16"), 2
    )
    play.work(play.names[0], item=item, before=play.say("decide_design", item=item, name=designs[0]))
    play.stage.onset(_LABEL)
    for at in range(play.rng.randint(6, 10)):
        mine = (at + 1) % 2
        play.work(play.names[mine], item=play.item(), before=play.say("decide_design", item=item, name=designs[mine]))
    play.end_by_limit()


@pathology(_LABEL, "settling", "repetition", "stall")
def no_convergence(play: Play) -> None:
    """Everybody says its own answer again, round after round; nobody moves, shows anything new, or calls a vote."""
    asked = question(play.rng)
    play.begin(f"{play.task()} And then: {asked.text}")
    play.healthy(play.warm_up_turns())
    answers = [asked.right, *asked.wrong]
    for at, name in enumerate(play.names):
        _state(play, name, answers[at], "state_bare")
    play.stage.onset(_LABEL)
    for _ in range(play.rng.randint(4, 8)):
        for at, name in enumerate(play.names):
            _state(play, name, answers[at], play.rng.choice(("persist", "state_bare")))
    play.end_by_limit()


@pathology(_LABEL, "dividing", agents=2)
def writes_what_the_other_claims(play: Play) -> None:
    """Both claim pieces of their own on a board; from the onset on one of them writes what the other has claimed."""
    item = _divided(play)
    first, second = play.names
    for at in range(play.rng.randint(3, 6)):
        onset = (_LABEL,) if at == 0 else ()
        result = f"edited {item}: 1 passage, from line {play.rng.randint(1, 30)}"
        arguments: dict[str, object] = {"path": item, "old": play.fact_again(), "new": play.find(item).fact}
        play.speak(second, play.say("status", item=item), calls=[Call("edit_file", arguments, result, onset=onset)])
        play.work(first, item=item)
    play.end_by_limit()


@look_alike(_LABEL, "dividing", agents=2)
def writes_what_it_claims(play: Play) -> None:
    """Both claim lines of the same piece on a board, and each edits its own."""
    item = _divided(play)
    for at in range(play.rng.randint(6, 12)):
        name, first = play.names[at % 2], play.rng.randint(1, 30) + 40 * (at % 2)
        arguments: dict[str, object] = {"path": item, "old": play.fact_again(), "new": play.find(item).fact}
        result = f"edited {item}: 1 passage, from line {first}"
        told = play.say("take", item=f"{item}, from {first}")
        play.speak(name, told, calls=[Call("edit_file", arguments, result)])
        play.work(name)
    play.end_well()


def _divided(play: Play) -> str:
    """Two agents have divided the lines of an item, after some healthy work."""
    play.begin()
    play.healthy(play.warm_up_turns())
    item = play.item()
    for at, name in enumerate(play.names):
        start = 1 + 40 * at
        claim = _claim(play, name, item, start, start + 39, at + 1)
        play.speak(name, play.say("take", item=f"{item}, {start}-{start + 39}"), calls=[claim])
    return item


@look_alike(_LABEL, "claiming", agents=2)
def claim_that_is_ceded(play: Play) -> None:
    """Two agents take the same piece; the second sees it and takes another."""
    play.begin()
    play.healthy(play.warm_up_turns())
    first, second = play.names
    item, other = play.item(), play.item()
    play.speak(first, play.say("take", item=item))
    play.speak(second, play.say("take", item=item))
    play.work(first, item=item)
    play.speak(second, play.say("cede", item=item, other=other))
    for _ in range(play.rng.randint(3, 6)):
        play.work(first, item=item)
        play.work(second, item=other)
    play.end_well()


@look_alike(_LABEL, "claiming", agents=2)
def parts_of_one_piece(play: Play) -> None:
    """Two agents work on the same piece, each on lines of its own."""
    play.begin()
    play.healthy(play.warm_up_turns())
    first, second = play.names
    item = play.item()
    middle = play.rng.randint(30, 60)
    play.speak(first, play.say("take", item=f"{item}, 1-{middle}"), calls=[_claim(play, first, item, 1, middle, 1)])
    play.speak(
        second, play.say("take", item=f"{item}, {middle + 1}-99"), calls=[_claim(play, second, item, middle + 1, 99, 2)]
    )
    for _ in range(play.rng.randint(3, 6)):
        for name in (first, second):
            play.work(name, item=item)
    play.end_well()


@look_alike(_LABEL, "promising", agents=2)
def promises_kept(play: Play) -> None:
    """One agent promises a piece that the other waits for, and the piece comes."""
    play.begin()
    play.healthy(play.warm_up_turns())
    first, second = play.names
    on_board, version = play.chance(0.5), 0
    for at in range(play.rng.randint(3, 5)):
        item, version = play.items[at % len(play.items)], version + 2
        calls = [committed(play, first, item, version)] if on_board else []
        play.speak(first, play.say("commit", item=item, peer=second), calls=calls)
        play.work(second, after=play.say("wait_for", item=item, other=play.item(), peer=first))
        step = play.find(item)
        kept = [committed(play, first, item, version + 1, "kept")] if on_board else []
        play.speak(first, play.say("claim_item", item=item, fact=step.fact), calls=[step.call, *kept])
        play.work(second, before=play.say("thanks", peer=first))
    play.end_well()


@look_alike(_LABEL, "designing", agents=2)
def plans_made_to_fit(play: Play) -> None:
    """Both define how a piece looks; one gives way, and both build on the same."""
    play.begin()
    play.healthy(play.warm_up_turns())
    item = play.item()
    designs = play.rng.sample(
        ("list of pairs", "nested dict", "csv_v2", "dates as ints", "one row per day", "utf16"), 2
    )
    for name, design in zip(play.names, designs, strict=True):
        play.work(name, item=item, before=play.say("decide_design", item=item, name=design))
    play.speak(
        play.names[1],
        play.say("cede", item=designs[0], other=designs[0]),
        play.say("decide_design", item=item, name=designs[0]),
    )
    for _ in range(play.rng.randint(5, 8)):
        play.work(before=play.say("decide_design", item=item, name=designs[0]) if play.chance(0.5) else "")
    play.end_well()


@look_alike(_LABEL, "settling")
def settled_by_evidence(play: Play) -> None:
    """Answers differ; workings are shown, and one after another comes round. Or it is put to a vote."""
    asked = question(play.rng)
    play.begin(f"{play.task()} And then: {asked.text}")
    play.healthy(play.warm_up_turns())
    answers = [asked.right, *asked.wrong]
    for at, name in enumerate(play.names):
        _state(play, name, answers[at], "state_bare")
    for at, name in enumerate(play.names):
        _state(play, name, answers[at], "persist", look=asked.call if at == 0 else None)
    if play.chance(0.5):
        for name in play.names:
            play.stage.emit(VoteCast(agent=name, vote="box", ranking=(asked.right,)))
    else:
        for name in play.names[1:]:
            told = play.say("yield_evidence", answer=asked.right, working=asked.working)
            play.stage.turn(name, told, [asked.call], position=Position(answer=asked.right, evidence=(asked.working,)))
    told = play.say("quorum", answer=asked.right)
    play.stage.doubtful("premature_termination")  # it says nothing of the items that the user asked for as well
    play.stage.turn(play.names[0], told, to=["user"])
    play.stage.end("completed", "answered", told)


def _state(play: Play, name: str, answer: str, act: str, look: Call | None = None) -> None:
    told = play.say(act, answer=answer)
    play.stage.turn(name, told, [look] if look else [], position=Position(answer=answer))
