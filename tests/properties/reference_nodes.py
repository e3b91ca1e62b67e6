"""Of the reference: nodes that are no agents. Votes and boards, by the letter of the rules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


def key(option: str) -> str:
    """Answers are the same if they differ in case, white space and outer punctuation alone."""
    return " ".join(option.split()).strip(" .,;:!?\"'`").casefold()


@dataclass
class Message:
    sender: str
    to: str
    content: str
    kind: str = "text"
    position: str | None = None


@dataclass
class Poll:
    """One vote in one phase. `rule`: {method, options, candidates, weights, ties}."""

    ballots: dict[str, list[str]] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    closed: bool = False

    def refuses(self, rule: Mapping[str, Any], message: Message, may: Sequence[str]) -> str | None:
        """One ballot a voter, of what may be voted for; one entry a candidate; nothing once it is counted."""
        if self.closed:
            return "vote_closed"
        if message.kind == "ballot" and message.sender not in may:
            return "no_ballot"
        if message.kind != "ballot":
            return "already_sent" if message.sender in self.entries else None
        if message.sender in self.ballots:
            return "already_voted"
        ranking = list(map(key, json.loads(message.content)))
        known = list(map(key, rule["candidates"] or rule["options"]))
        return "no_option" if not all(ranking) or (known and not set(ranking) <= set(known)) else None

    def take(self, message: Message, content: str) -> None:
        if message.kind == "ballot":
            self.ballots[message.sender] = json.loads(content)
        else:
            self.entries[message.sender] = content

    def forget(self, name: str) -> None:
        """Whoever is replaced has not voted."""
        if not self.closed:
            self.ballots.pop(name, None)
            self.entries.pop(name, None)

    def all_in(self, rule: Mapping[str, Any], able: Sequence[str], may: Sequence[str]) -> bool:
        """Nobody is left who may still vote or enter something. Candidates vote only if nobody else may."""
        voters = [one for one in able if one in may]
        entering = [one for one in able if one in rule["candidates"]]
        return all(one in self.ballots for one in voters) and all(one in self.entries for one in entering)

    def result(self, rule: Mapping[str, Any], voters: Sequence[str], seed: str) -> str | None:
        """What won: an option in the words of the first who named it, or a candidate's own words."""
        ballots = {one: self.ballots[one] for one in voters if one in self.ballots}
        choices = list(rule["options"])
        if rule["candidates"]:
            choices = [one for one in rule["candidates"] if one in self.entries]
            named = {one: [x for x in ranking if key(x) in map(key, choices)] for one, ranking in ballots.items()}
            ballots = {one: ranking for one, ranking in named.items() if ranking}
        if not ballots:
            return None
        words = {key(choice): choice for choice in choices}
        for ranking in ballots.values():
            for option in ranking:
                words.setdefault(key(option), option.strip())
        scores = dict.fromkeys(words, 0.0)
        for voter, ranking in ballots.items():
            for place, option in enumerate(dict.fromkeys(map(key, ranking))):
                points = len(words) - 1 - place if rule["method"] == "borda" else int(place == 0)
                scores[option] += rule["weights"].get(voter, 1.0) * points
        tied = [option for option, score in scores.items() if score == max(scores.values())]
        decided = [key(option) for option in ballots.get(rule["ties"], []) if key(option) in tied]
        drawn = min(tied, key=lambda option: hashlib.sha256(f"{seed}|{option}".encode()).digest())
        winner = words[tied[0] if len(tied) == 1 else decided[0] if decided else drawn]
        return self.entries[winner] if rule["candidates"] else winner


@dataclass
class Sheet:
    """One board: its versions, and the claims on it as (owner, path, first, last)."""

    versions: list[str] = field(default_factory=lambda: [""])
    claims: dict[str, tuple[str, str, int, int]] = field(default_factory=dict)
    made: int = 0

    def call(self, name: str, tool: str, *given: Any) -> Any:
        """What came of it: what is read, or whether it was accepted."""
        if tool == "read":
            return len(self.versions) - 1, self.versions[-1], list(self.claims.items())
        if tool == "write":
            text, version = given
            accepted: bool = version == len(self.versions) - 1
            self.versions += [text] * accepted
            return accepted
        path, first, last = given
        others = [claim[2:] for claim in self.claims.values() if claim[0] != name and claim[1] == path]
        if any(start <= last and first <= stop for start, stop in others):
            return False
        self.made += 1
        self.claims[f"c{self.made}"] = (name, path, first, last)
        return True

    def free(self, name: str | None = None) -> None:
        """Claims end with the phase, and with whoever is isolated or replaced."""
        self.claims = {id_: claim for id_, claim in self.claims.items() if name is not None and claim[0] != name}
