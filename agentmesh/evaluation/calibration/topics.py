"""What simulated teams work on: items, tools, facts that come up, questions with a right answer. The same for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from agentmesh.evaluation.calibration.stage import Call


@dataclass(frozen=True)
class Topic:
    """A subject. In its texts `{item}` stands for a piece of the work, `{n}`, `{m}`, `{p}` for numbers."""

    name: str
    goal: str
    items: tuple[str, ...]
    facts: tuple[str, ...]
    """Clauses that say something new and particular about an item."""
    tools: tuple[tuple[str, Mapping[str, str], str], ...]
    """Name, arguments and result of the calls by which an item is worked on."""
    ideas: tuple[str, ...]
    twists: tuple[str, ...]
    """Small changes that make two ideas out of one."""


@dataclass(frozen=True)
class Found:
    """What one step of work brought: the call that shows it, and the fact that can be reported."""

    item: str
    call: Call
    fact: str


def numbers(rng: Random) -> dict[str, str]:
    """Numbers for the slots of a text."""
    return {"n": str(rng.randint(3, 97)), "m": str(rng.randint(104, 9876)), "p": f"{rng.uniform(0.5, 99):.2f}"}


def found(topic: Topic, item: str, rng: Random) -> Found:
    """One step of work on an item, with new facts."""
    slots = {"item": item, **numbers(rng)}
    name, arguments, result = rng.choice(topic.tools)
    filled: dict[str, object] = {key: value.format(**slots) for key, value in arguments.items()}
    return Found(item, Call(name, filled, result.format(**slots)), rng.choice(topic.facts).format(**slots))


@dataclass(frozen=True)
class Question:
    """A question with its right answer, wrong ones, and how the right one, or a wrong one, is worked out."""

    text: str
    right: str
    wrong: tuple[str, ...]
    working: str
    misreading: str
    call: Call


def question(rng: Random) -> Question:
    """A sum with steps that can be shown."""
    a, b, c = rng.randint(12, 89), rng.randint(13, 79), rng.randint(5, 60)
    value = a * b + c
    slips = tuple(str(value + slip) for slip in rng.sample([10, -10, 1, -1, b, -a, 100, -100, 2 * c], 3))
    expression = f"{a} * {b} + {c}"
    return Question(
        text=f"{a} pallets hold {b} boxes each, and {c} boxes stand apart. How many boxes are there?",
        right=str(value),
        wrong=slips,
        working=f"{a} * {b} = {a * b}, and {a * b} + {c} = {value}",
        misreading=f"{a} * {b} + {c} = {slips[0]}",
        call=Call("calculator", {"expression": expression}, str(value)),
    )


WRITING = Topic(
    "writing",
    "Write the staff handbook. Sections: {items}. Each needs a draft, sources, and a second pair of eyes.",
    (
        "the section on travel", "the section on holidays", "the glossary", "the chapter on pay",
        "the fire drill page", "the section on laptops", "the preface", "the page about parking",
        "the chapter on safety", "the index", "the contact list", "the section on pensions",
    ),
    (
        "{item} cites the 2019 rules, and those were replaced in 2022",
        "{item} runs to {m} words, {n} of them in one sentence",
        "paragraph {n} of {item} contradicts page {m} of the contract",
        "the union's letter says \"no more than {n} hours a week\", and {item} says {m}",
        "{item} names a form, HR-{m}, that nobody issues any longer",
        "two footnotes of {item} point at the same source",
        "the lawyer's memo wants the word \"employee\" in {item}, not \"worker\"",
        "{item} leaves out part-timers, who are {p} percent of the staff",
    ),
    (
        ("read_document", {"name": "{item}", "page": "{n}"}, "page {n}: {m} words, last edited on 2024-03-{n}"),
        ("write_document", {"name": "{item}", "text": "Draft {m} of {item}, {n} paragraphs"}, "saved {m} characters"),
        ("search_sources", {"query": "{item} rule {m}"}, "{n} hits; first: circular {m}, section {n}"),
    ),
    (
        "a comic strip for new starters", "a quiz at the end of every chapter", "one page per question people ask",
        "short films with the porters", "a wall calendar with all deadlines", "a printed pocket edition",
        "letters from former apprentices", "a flow chart for sick leave", "a glossary that children could read",
        "recorded interviews with the night shift", "maps of every building", "a weekly riddle by post",
    ),
    ("in colour", "for the canteen", "with bigger type", "in a second language", "on thicker paper", "for managers"),
)  # fmt: skip

CODE = Topic(
    "code",
    "Mend the booking service. Modules: {items}. Each needs its fault found, a patch, and its tests green.",
    (
        "`calendar.py`", "`invoice.py`", "`refunds.py`", "`search_index.py`", "`seat_map.py`", "`retry_queue.py`",
        "`currency.py`", "`login_form.py`", "`mailer.py`", "`pdf_export.py`", "`cache_layer.py`", "`timezones.py`",
    ),
    (
        "{item} raises KeyError at line {n} when the REST API sends no `offset`",
        "{item} holds {n} connections open after {m} requests", "line {n} of {item} compares a date with a string",
        "{item} takes {p} ms per call, {n} times what it took in release {m}",
        "the loop at line {n} of {item} never reaches its last element", "commit {m} removed the lock around {item}",
        "{item} rounds {p} down to a whole number before it multiplies",
        "the rest of {item} is dead code since release {m}",
    ),
    (
        ("read_file", {"path": "src/{item}", "start": "{n}"}, "{n}: def load(offset): return rows[offset + {m}]"),
        ("edit_file", {"path": "src/{item}", "line": "{n}", "text": "value = rows.get({m})"}, "1 line replaced"),
        ("run_tests", {"module": "{item}", "seed": "{m}"}, "{n} passed in {p} s"),
    ),
    (
        "a queue between the two services", "a nightly job that rebuilds the index",
        "signed links instead of sessions", "one table for all currencies", "a proxy that replays old traffic",
        "feature flags per customer", "a small state machine for refunds", "caching seat maps at the edge",
        "a ledger that only ever grows", "splitting the mailer out", "property tests for the calendar",
        "moving dates to integers",
    ),
    ("with a timeout", "behind a flag", "in a thread", "with more logging", "in another folder", "with a shorter name"),
)  # fmt: skip

DATA = Topic(
    "data",
    "Clean the survey of 2023. Columns: {items}. Each needs its odd values explained, mended and counted.",
    (
        "`birth_year`", "`postcode`", "`income`", "`household`", "`region`", "`language`", "`visit_date`",
        "`weight_kg`", "`height_cm`", "`phone`", "`rooms`", "`fuel`",
    ),
    (
        "{n} of {m} rows have no {item}", "{item} holds the value -{m} in {n} rows, all from one interviewer",
        "{item} was typed in two units: {p} and {m} stand for the same thing",
        "after row {m}, {item} is shifted by one column",
        "the codebook gives {item} the range 1 to {n}, and {m} turns up",
        "the mean of {item} falls from {m} to {p} without the duplicates",
        "{item} carries trailing blanks in the northern files only",
        "the interviewers of region {n} skipped {item} altogether",
    ),
    (
        ("query", {"sql": "SELECT COUNT(*) FROM survey WHERE {item} > {m}"}, "{n}"),
        ("plot", {"column": "{item}", "bins": "{n}"}, "peak at {p}, {m} outside"),
        ("apply_fix", {"column": "{item}", "rule": "clip at {m}"}, "{n} rows changed"),
    ),
    (
        "impute from the neighbours on the same street", "drop the whole northern wave", "weight by census tract",
        "call back a tenth of the households", "model the interviewer as a random effect",
        "keep two versions side by side", "compare with the water company's records", "ask the printers about form 7",
        "bound the answer from both sides", "let two people code it blind", "use the 2013 wave as a prior",
        "publish only medians",
    ),
    ("by month", "for renters", "with a seed", "on a sample", "in logs", "per region"),
)  # fmt: skip

PLANNING = Topic(
    "planning",
    "Plan the harbour festival. Parts: {items}. Each needs a price, a permit and somebody who answers for it.",
    (
        "the main stage", "the ferry shuttle", "the food stalls", "the children's tent", "the first-aid post",
        "the fireworks", "the press breakfast", "the rest area", "the volunteers' rota", "the sound system",
        "the toilets", "the rain cover",
    ),
    (
        "the permit for {item} costs {m} euro and takes {n} days",
        "{item} needs {n} metres of quay, and berth {m} has fewer",
        "the ferry does not sail after 22:{n}, so {item} has to close before",
        "the firm that built {item} in 2021 went bankrupt", "the fire brigade allows {m} people at {item}, not more",
        "quote {m} for {item} leaves out the crane, {p} euro an hour", "{item} would stand on the fishermen's nets",
        "at high water, {item} lies {p} metres from the edge",
    ),
    (
        ("price_lookup", {"what": "{item}", "days": "{n}"}, "{m} euro, valid until the {n}th"),
        ("book", {"what": "{item}", "slot": "{n}:00"}, "held under number {m}"),
        ("permit_office", {"subject": "{item}", "year": "2025"}, "file {m}: {n} days, fee {p} euro"),
    ),
    (
        "a parade of rowing boats", "a night market under the bridge", "a choir on the lightship", "a soup contest",
        "kites over the breakwater", "a swim to the buoy", "open doors at the shipyard", "a treasure hunt by tram",
        "storytellers in the fishing huts", "a silent disco on the ferry", "a repair café for bicycles",
        "a tug of war",
    ),
    ("at dusk", "for families", "with lanterns", "on the other quay", "an hour longer", "with a band"),
)  # fmt: skip

SUPPORT = Topic(
    "support",
    "Work through the open tickets: {items}. Each needs its cause, a reply to the customer, and a note in the log.",
    (
        "ticket 4411", "ticket 4418", "ticket 4423", "ticket 4430", "ticket 4437", "ticket 4442", "ticket 4449",
        "ticket 4455", "ticket 4460", "ticket 4466", "ticket 4471", "ticket 4478",
    ),
    (
        "the customer of {item} paid {p} twice on the {n}th",
        "{item} comes from firmware {m}, which loses its clock in the cold",
        "the parcel of {item} has been at depot {n} since Tuesday",
        "for {item} the log shows {m} failed logins from one address",
        "the photo in {item} shows model {m}, and the invoice says {n}",
        "the voucher in {item} ran out {n} days before it was posted",
        "{item} is the same fault as case {m}, which was a loose cable",
        "the courier in {item} rang at number {n} instead of {m}",
    ),
    (
        ("lookup_order", {"reference": "{item}", "page": "{n}"}, "order {m}: {p} euro, {n} parts"),
        ("read_log", {"case": "{item}", "hours": "{n}"}, "{m} lines; last: code {n}"),
        ("send_reply", {"case": "{item}", "text": "Refund {p}, reference {m}"}, "sent as mail {m}"),
    ),
    (
        "a page that shows where each parcel is", "refunds without a form below ten euro",
        "a call back within the hour", "stickers with the serial number", "spare cables in every box",
        "one name per customer from start to end", "a public list of known faults", "a museum of broken parts",
        "training by the couriers", "a tone that says wait", "letters by hand for the worst cases",
        "a truce with the depot",
    ),
    ("on weekends", "for regulars", "by text message", "with a smile", "in the app", "for small parcels"),
)  # fmt: skip

SUMS = Topic(
    "sums",
    "Fill in the worksheet of estimates. Lines: {items}. Each needs its figure, how it was reached, and a cross-sum.",
    (
        "line A1", "line A2", "line A3", "line B1", "line B2", "line B3", "line C1", "line C2", "line C3", "line D1",
        "line D2", "line D3",
    ),
    (
        "{item} comes to {m} with the factor {p}", "{item} counts the {n} pallets of line E4 a second time",
        "the unit of {item} is dozens: {n} means {m} pieces", "without tax {item} is {p}, and with it {m}",
        "the cross-sum of {item} is off by {n}", "{item} divides by the number of weeks, {n}, where months are meant",
        "the source of {item}, table {m}, was withdrawn", "{item} uses last year's rate of {p}",
    ),
    (
        ("calculator", {"expression": "{m} * {n} + {p}"}, "{m}{n}.5"),
        ("read_table", {"table": "{m}", "row": "{item}"}, "{p}; {n}; {m}"),
        ("write_cell", {"cell": "{item}", "value": "{p}"}, "written, total {m}"),
    ),
    (
        "estimate from the bottom up", "scale last year's total", "take the median of three quotes",
        "bound it from above", "ask the two oldest foremen", "count pallets from the photograph",
        "work back from the invoice", "split it by season", "use the fuel bill as a proxy",
        "sample every tenth crate", "weigh one and multiply", "compare with the sister plant",
    ),
    ("per week", "with tax", "rounded up", "in dozens", "for the north", "without breakage"),
)  # fmt: skip

TOPICS = (WRITING, CODE, DATA, PLANNING, SUPPORT, SUMS)
