# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a post-mortem still lacks, and where it turns against people; which are open; and which are like another one. No I/O."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._postmortem_document import ACTIONS, BEGIN, OPEN, QUESTION, SECTIONS, end_of

_FIELDS = ("action", "owner", "until", "how it will be checked", "done")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_FRONT = re.compile(r"(\w+):\s*(.*?)\s*(?:#.*)?")
_HEADING = re.compile(r"#{1,6}\s")
_COMMENT = re.compile(r"<!--.*?-->")
_CODE = re.compile(r"(`+).*?\1")

# Words that look for somebody, with what to ask in their place. Of a machine one may say that it failed to do something.
_SOMEBODY = r"(?:he|she|they|we|i|you|somebody|someone|(?:developers?|operators?|person|people|team)(?: \d+)?)"
_BLAMING = (
    (
        "it looks for somebody: whoever did it did what made sense; say what information led to it",
        r"blam\w*|culprits?|guilt\w*|at fault|(?:his|her|their|whose|my) fault",
        r"who is responsible|responsible for the (?:outage|incident|loss)",
    ),
    (
        "it judges a person: say what they saw, and what made it look right",
        r"careless\w*|negligen\w*|sloppy|reckless\w*|lazy|stupid\w*|incompeten\w*|unprofessional\w*|irresponsibl\w*|dumb",
    ),
    (
        "it ends the question too early: ask what made the error easy, and what could have caught it",
        r"(?:human|user|operator|pilot) error",
    ),
    (
        "it tells of a world that was not: say what was known then, and why it was done so",
        r"(?:should|could|would|ought to) (?:not |never )?have (?:known|seen|noticed|checked|asked|read|been|done|thought|looked|paid)",
        r"should'?ve|ought to have",
    ),
    (
        "it measures a person by what came after: say what they did, and what they knew",
        rf"{_SOMEBODY} (?:failed to|neglected to|forgot to|didn'?t bother|did not bother)",
    ),
    (
        "nobody tells what happened when telling it is punished",
        r"disciplin\w*|warning letter|reprimand\w*|punish\w*|sacked",
    ),
    (
        "care is no defence, and ends with the day: change what people work with",
        r"more careful|pay(?:ing)? (?:more )?attention|be careful|try harder",
    ),
)
_BLAME = {re.compile(rf"\b(?:{'|'.join(words)})\b", re.I): why for why, *words in _BLAMING}
_POWER = r"(?:access|sudo|root|permissions?|privileges?|rights?|logins?|accounts?|ssh|keys?|credentials?)"
_TAKE = r"(?:remov|revok|withdr[ae]w|restrict|limit|reduc|tak(?:e|ing)|strip|den(?:y|ied)|forbid|lock|disabl|delet|cut|clos|ban|block)\w*"
_REMOVES = re.compile(
    rf"\b{_TAKE}\b[^.;|]{{0,60}}?\b{_POWER}\b|\bno (?:more )?{_POWER}\b|\b{_POWER}\b[^.;|]{{0,40}}\b(?:only for|for \w+ only)\b", re.I
)
_WHY_NOT = (
    "to take access away treats people as the fault, and the next mistake is made by those who keep it; "
    "say what would have shown the mistake, made it small, or mended it"
)


@dataclass(frozen=True)
class Fault:
    """One thing to look at, by its line."""

    line: int
    what: str


def front(text: str) -> dict[str, str]:
    """What stands between the two lines of dashes at the top."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---":
        return {}
    said: dict[str, str] = {}
    for line in lines[1:]:
        if line.strip() == "---":
            return said
        match = _FRONT.fullmatch(line.strip())
        if match:
            said[match[1]] = match[2].strip("'\"")
    return {}


def is_open(text: str) -> bool:
    """Whether an incident is still open: until its document says on which day it was closed."""
    return not front(text).get("closed")


def lint(text: str) -> list[Fault]:
    """All that there is to look at, in the order of the lines."""
    lines = list(_theirs(text))
    found = [*_front_faults(text), *_unanswered(lines), *_action_faults(lines)]
    for number, line in lines:
        words = _CODE.sub("", _COMMENT.sub("", line))
        if _HEADING.match(words) and QUESTION.search(line):
            continue  # Our own words.
        found += [Fault(number, f"'{match.group()}': {why}") for pattern, why in _BLAME.items() for match in pattern.finditer(words)]
    return sorted(found, key=lambda fault: fault.line)


def _theirs(text: str) -> Iterator[tuple[int, str]]:
    """The lines that people wrote, with their numbers: without the top, and without evidence."""
    lines = text.splitlines()
    place = next((number + 1 for number, line in enumerate(lines) if number and line.strip() == "---"), 0) if front(text) else 0
    while place < len(lines):
        begin = BEGIN.fullmatch(lines[place].strip())
        end = end_of(lines, place, begin[1]) if begin else None
        if end is None:
            yield place + 1, lines[place]
        place = (place if end is None else end) + 1


def _front_faults(text: str) -> Iterator[Fault]:
    closed = front(text).get("closed", "")
    if closed and not _is_date(closed):
        yield Fault(1, f"closed: '{closed}' is no day; write it like 2026-12-01, or leave it empty as long as this is open")


def _unanswered(lines: Sequence[tuple[int, str]]) -> Iterator[Fault]:
    known = {name: question for section in SECTIONS for name, question in (section.questions or {}).items()}
    asked: dict[str, tuple[int, list[str]]] = {}
    answer: list[str] = []
    for number, line in lines:
        name = QUESTION.search(line)
        if name:
            answer = []
            asked[name[1]] = (number, answer)
        elif _HEADING.match(line):
            answer = []
        else:
            answer.append(line)
            if OPEN in line and not line.lstrip().startswith("|"):
                yield Fault(number, f"{OPEN} waits for an answer: write what you know, or that nobody knows")
    for missing, question in known.items():
        number, given = asked.get(missing, (1, []))
        if missing not in asked:
            mend = f"its heading ended in <!-- question: {missing} -->; put that behind the heading of its answer"
            yield Fault(1, f"the question '{question}' is gone: {mend}")
        elif not any(line.strip() for line in given):
            yield Fault(number, f"'{question}' has no answer: write what you know, or that nobody knows")


@dataclass(frozen=True)
class Action:
    """One row of the table of actions."""

    line: int
    fields: Mapping[str, str]

    @property
    def is_done(self) -> bool:
        return bool(self.fields["done"])


def actions(text: str) -> list[Action]:
    """The actions of a document."""
    return _actions(list(_theirs(text)))


def _actions(lines: Sequence[tuple[int, str]]) -> list[Action]:
    found: list[Action] = []
    columns: list[str] = []
    for number, line in lines:
        if not line.lstrip().startswith("|"):
            columns = []
            continue
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        names = [cell.lower() for cell in cells]
        if not columns:
            columns = names  # A table's first row.
        elif {"action", "owner"} <= set(columns) and not all(set(cell) <= set("-: ") for cell in cells):
            said = dict(zip(columns, cells, strict=False))
            fields = {name: said.get(name, "").replace(OPEN, "").strip() for name in _FIELDS}
            if any(fields.values()):
                found.append(Action(number, fields))
    return found


def _action_faults(lines: Sequence[tuple[int, str]]) -> Iterator[Fault]:
    found = _actions(lines)
    if not found:
        place = next((number for number, line in lines if line.strip() == f"<!-- {ACTIONS} -->"), 1)
        yield Fault(place, "there is no action: what will be different? Write rows of action, owner, until, how it will be checked")
    for action in found:
        if not action.fields["action"]:
            yield Fault(action.line, "a row without an action: say what will be different")
        if not action.fields["owner"]:
            yield Fault(action.line, "an action without an owner: what everybody does, nobody does; name one person or team")
        if not _is_date(action.fields["until"]):
            yield Fault(action.line, "an action without a date: write the day by which it is done, like 2026-12-01")
        if not action.fields["how it will be checked"]:
            yield Fault(action.line, "an action without a check: say how somebody will see that it works")
        taken = _REMOVES.search(action.fields["action"])
        if taken:
            yield Fault(action.line, f"'{taken.group()}': {_WHY_NOT}")


def _is_date(text: str) -> bool:
    try:
        return _DATE.fullmatch(text) is not None and bool(datetime.date.fromisoformat(text))
    except ValueError:
        return False


def similar(marks: Iterable[Sequence[str]], others: Mapping[str, tuple[Mapping[str, Any], str]]) -> list[dict[str, Any]]:
    """Earlier documents that have something in common with this one, the most alike first.

    ``others`` maps folders to what their timelines and documents hold.
    """
    mine = [set(values) - {""} for values in zip(*marks, strict=True)] or [set(), set(), set()]
    found = []
    for folder, (data, text) in others.items():
        theirs = [set(values) - {""} for values in zip(*data.get("marks", ()), strict=True)] or [set(), set(), set()]
        same = [sorted(one & other) for one, other in zip(mine, theirs, strict=True)]
        if any(same):
            reasons = [f"{name} {thing}" for name, things in zip(("command", "object", "host"), same, strict=True) for thing in things[:5]]
            left = [action.fields["action"] for action in actions(text) if not action.is_done]
            found.append({"folder": folder, "same": reasons, "open": left, "_rank": (bool(same[1]), bool(same[0]), len(reasons))})
    found.sort(key=lambda one: (one["_rank"], one["folder"]), reverse=True)
    return [{name: value for name, value in one.items() if name != "_rank"} for one in found[:10]]
