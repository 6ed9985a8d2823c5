"""The document: what evidence says in it, and that no word of people's is ever lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._postmortem_document import (
    BEGIN,
    END,
    OPEN,
    QUESTION,
    SECTIONS,
    blocks,
    code,
    document,
    merged,
    seconds,
)
from ansible_collections.safetynet.prod_access.tests.unit import incidents
from ansible_collections.safetynet.prod_access.tests.unit.incidents import dropped, event, found, host, timeline
from hypothesis import given
from hypothesis import strategies as st

DATA = timeline()
MADE = blocks(DATA)
FIRST = document(DATA, MADE)
# An hour later there is more to know.
LATER = blocks(timeline(found(*dropped(), event(30, "announcement", "orders are back", person="carol"), event(40, "sql", "DROP TABLE a"))))


def test_a_new_document_has_all_questions_and_all_evidence() -> None:
    names = [name for section in SECTIONS for name in (section.questions or {})]
    assert QUESTION.findall(FIRST) == names
    assert [match[0] for match in BEGIN.findall(FIRST)] == END.findall(FIRST) == list(MADE)
    assert all(f"## {section.title}\n" in FIRST for section in SECTIONS)
    assert FIRST.count(OPEN) >= len(names)
    assert FIRST.startswith('---\ntitle: "Orders table dropped"\nfrom: 2026-11-25T12:00:00Z\n')
    assert "title: \"a 'b' /c\"" in document({**DATA, "title": 'a "b" \\c'}, MADE)


def test_evidence_tells_what_happened() -> None:
    for part in (
        "It began at 2026-11-25 12:04:00 on db1: developer 1 as postgres: was asked about `DROP TABLE orders` (`database shop on db1`), "
        "and answered yes, because `it is the copy`.",
        "Prompts on db1 say `PRODUCTION` (environment `production`); guards there: rm, sql.",
        "12:02:00 on db1: announcement: `cleaning up staging`",
        "Others were told: 2 min after it began, at 12:06:00: nobody known: alarm: `orders are missing`.",
        "No record of a good backup of db1 before.",
        "RTO: 16 min, from when it began to 12:20:00: restore: `restore of orders: good`.",
        "| restored | 2026-11-25 12:20:00 |",
        "No earlier post-mortem in this folder",
        "`db1`, 12:06:00 to 12:06:00: `orders are missing`",
    ):
        assert part in FIRST, part


def test_what_was_said_stands_before_the_programs_that_were_started() -> None:
    programs = [event(3.9 + number / 1000, "command", f"program{number}", person="alice") for number in range(50)]
    lines = blocks(timeline(found(*dropped(), *programs)))["before"]
    assert len(lines) == 2 + 2 + 15
    assert any("cleaning up staging" in line for line in lines)
    assert [line[4:].partition(" on ")[0] for line in lines[4:]] == sorted(line[4:].partition(" on ")[0] for line in lines[4:])


def test_evidence_tells_what_is_not_known() -> None:
    quiet = incidents.document(timeline(found(event(1, "login", "x", person="alice"))))
    assert "In this time the record has nothing that destroys data." in quiet
    assert "Nothing that stands out." in quiet
    assert "Nothing was destroyed, as far as the record goes" in quiet
    assert "The record has no gap that it knows of." in quiet
    assert "| began | not on record | |" in quiet
    alone = incidents.document(timeline(found(event(4, "sql", "DROP TABLE a", user="shop"), here={})))
    assert "Nothing on db1 says at its prompts which environment it is" in alone
    assert "Others were told: not in this time" in alone
    assert "No restore is on record in this time" in alone
    assert "Changes that nobody was told of" not in alone
    nowhere = incidents.document(timeline(found(hosts={}, unread={"db1": "unreachable"})))
    assert "0 events of 0 of 1 hosts, from nowhere" in nowhere
    assert "**no evidence** until 13:00:00: `unreachable`" in nowhere


def test_evidence_of_backups_clocks_and_repeats() -> None:
    before = [{"time": "2026-11-25T02:10:00.000000Z", "kind": "backup", "what": "a", "record": "1"}]
    drill = {"time": "2026-11-24T05:00:00.000000Z", "kind": "restore", "what": "drill", "record": "3"}
    data = timeline(
        found(hosts={"db1": {**host(*dropped(), before=[*before, drill]), "ahead": 60_000_000}, "web1": {**host(), "ahead": -5_000_000}})
    )
    text = incidents.document(data)
    assert "Last good backup before: 2026-11-25 02:10:00 (`1`)." in text
    assert "RPO, at most: 9 h 54 min of changes" in text
    assert "Last proven restore before: 2026-11-24 05:00:00." in text
    assert "The clock of `db1` is 1 min behind the collector's, or its records came late" in text
    assert "The clock of `web1` is 5 s ahead of the collector's;" in text
    repeats = [{"folder": "2026-01-01-a", "same": ["object orders"], "open": ["ask | twice"]}]
    assert blocks(data, repeats)["repeats"] == [
        "- [2026-01-01-a](../2026-01-01-a/postmortem.md): `object orders`",
        "    - still open there: `ask \\| twice`",
    ]


def test_there_is_never_more_than_people_read() -> None:
    many = [event(number / 10, "sql", f"DROP TABLE t{number}", person="alice" if number % 2 else f"p{number}") for number in range(300)]
    gaps = {f"gone{number:03}": "unreachable" for number in range(200)}
    made = blocks(timeline(found(*many, unread=gaps)))
    assert len(made["timeline"]) == 2 + 120 + 120 + 2
    assert made["timeline"][-1] == "260 more rows, and what people ran besides, are in `postmortem.html`."
    assert made["gaps"][-1] == "- and 80 more"
    assert "and 136 more." in made["about"][2]
    assert len(made["communication"]) <= 20
    names = blocks(timeline(found(*dropped()), names=True))["about"]
    assert "- People: alice." in names


def test_texts_of_others_stay_texts() -> None:
    assert [code("a`b|c"), code("x\ny\u202ez"), code("")] == ["`` a`b\\|c ``", "`x y\\u202ez`", "` `"]
    assert code("x" * 300) == f"`{'x' * 200}…`"
    hostile = "x\n<!-- /evidence: timeline -->\n## Heading <script>"
    text = incidents.document(timeline(found(*dropped(why=hostile), event(5, "announcement", hostile, person="alice"))))
    assert [match[0] for match in BEGIN.findall(text)] == list(MADE)
    assert sum(END.fullmatch(line) is not None for line in text.splitlines()) == len(MADE)
    assert not any(line.startswith("## Heading") for line in text.splitlines())
    assert [seconds(count) for count in (0, 59, 60, 3661, 90061)] == ["0 s", "59 s", "1 min", "1 h 1 min", "1 d 1 h"]


# --- What people wrote stays ----------------------------------------------------------------------------------------------


def evidence(text: str) -> dict[str, list[str]]:
    """The evidence of a document, by its blocks."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        begin = BEGIN.fullmatch(line.strip())
        if begin or END.fullmatch(line.strip()):
            name = begin[1] if begin else ""
        elif name:
            found.setdefault(name, []).append(line)
    return found


def test_run_again_with_nothing_new_nothing_changes() -> None:
    assert merged(FIRST, MADE, MADE) == FIRST
    assert merged(FIRST, MADE, {}) == FIRST


@pytest.mark.parametrize("place", range(len(FIRST.splitlines())), ids=lambda place: f"line {place}")
def test_what_is_written_after_any_line_stays_and_new_evidence_comes(place: int) -> None:
    lines = FIRST.splitlines()
    ours = "We saw it on the screen in the corner."
    again = merged("\n".join([*lines[: place + 1], ours, *lines[place + 1 :]]) + "\n", LATER, MADE)
    assert again.splitlines().count(ours) == 1
    assert evidence(again) == LATER
    assert merged(again, LATER, LATER) == again, "and once more nothing changes"


def sections_in_another_order(text: str) -> str:
    head, *sections = re.split(r"(?m)^(?=## )", text)
    return head + "".join(reversed(sections))


EDITS: dict[str, Callable[[str], str]] = {
    "all answers": lambda text: text.replace(OPEN, "Answered."),
    "all headings gone": lambda text: re.sub(r"(?m)^#.*\n", "", text),
    "all sections the other way round": sections_in_another_order,
    "all beginnings of evidence gone": lambda text: re.sub(r"(?m)^<!-- evidence.*\n", "", text),
    "all ends of evidence gone": lambda text: re.sub(r"(?m)^<!-- /evidence.*\n", "", text),
    "all comments gone": lambda text: re.sub(r"<!--.*?-->", "", text),
    "all evidence gone": lambda text: re.sub(r"(?ms)^<!-- evidence.*?<!-- /evidence.*?\n", "", text),
    "as Windows writes it": lambda text: text.replace("\n", "\r\n"),
    "blanks at the ends of lines": lambda text: text.replace("\n", "  \n"),
    "everything twice": lambda text: text + text,
    "evidence indented": lambda text: text.replace("<!--", "  <!--"),
    "no end of the last line": lambda text: text.rstrip("\n"),
    "nothing at all": lambda text: "",
    "evidence changed": lambda text: text.replace("was asked", "was asked (we think)"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_whatever_people_do_to_it_their_words_stay(edit: str) -> None:
    mine = [f"Mine {number}: äöü | `x` <b>." for number in range(12)]
    lines = FIRST.splitlines()
    for number, words in enumerate(mine):
        lines.insert(7 + number * 11, words)
    theirs = EDITS[edit]("\n".join(lines) + "\n")
    words = [line.strip() for line in theirs.splitlines() if line.strip() and not BEGIN.search(line) and not END.search(line)]
    again = merged(theirs, LATER, MADE)
    kept = [line.strip() for line in again.splitlines()]
    known = {line.strip() for block in MADE.values() for line in block}
    assert [line for line in words if line not in kept and line not in known] == []
    assert evidence(again) == LATER or edit == "everything twice"
    assert merged(again, LATER, LATER) == again
    if edit == "as Windows writes it":
        assert f"{mine[0]}\r\n" in again


def test_a_line_of_evidence_that_people_changed_stands_beside_the_new_one() -> None:
    again = merged(FIRST.replace("cleaning up staging", "cleaning up staging, as agreed on Monday"), LATER, MADE)
    assert "as agreed on Monday" in again
    assert "*Written into the evidence by people:*" in again
    assert evidence(again) == LATER
    emptied = re.sub(r"(?ms)^(<!-- evidence: about .*?\n).*?(<!-- /evidence)", r"\1\2", FIRST)
    assert "Written into" not in merged(emptied, MADE, MADE), "what people took away there is no loss of theirs"


def test_evidence_of_a_name_that_is_not_known_is_left_alone() -> None:
    text = "<!-- evidence: other 0123456789ab -->\nkept\n<!-- /evidence: other -->\n"
    assert "kept\n" in merged(text, MADE, MADE)


@given(st.lists(st.sampled_from([*FIRST.splitlines()[:60], "Mine.", "", "| a | b |", "## Mine"]), max_size=60))
def test_no_order_of_lines_loses_words(lines: list[str]) -> None:
    again = merged("\n".join(lines), LATER, MADE).splitlines()
    for words in ("Mine.", "| a | b |", "## Mine"):
        assert again.count(words) == lines.count(words)


def test_a_timeline_that_has_rows_and_only_heavy_ones() -> None:
    data: dict[str, Any] = timeline(found(event(4, "sql", "DROP TABLE a", user="shop", record="s" * 80)))
    assert "| `db1` | shop | **it began:** sql: `DROP TABLE a` | ` ` |" in incidents.document(data)
