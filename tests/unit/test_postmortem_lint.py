"""What a post-mortem lacks, and where it turns against people: by its line, and with the reason."""

from __future__ import annotations

import re

import pytest
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._postmortem_document import OPEN
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._postmortem_lint import actions, front, is_open, lint, similar
from ansible_collections.safetynet.prod_access.tests.unit import incidents

NEW = incidents.document(incidents.timeline())
ROW = f"| {OPEN} | | | | |"
GOOD_ROW = "| Show the host's name in psql | carol | 2026-12-01 | read the prompt of db1 | |"
DONE = NEW.replace(ROW, GOOD_ROW).replace(OPEN, "We know.")


def said(text: str) -> list[str]:
    """Each finding with the text of its line."""
    lines = text.splitlines()
    return [f"{lines[fault.line - 1]} -> {fault.what}" for fault in lint(text)]


def test_a_document_that_has_everything_has_no_fault() -> None:
    assert lint(DONE) == []


def test_each_question_that_nobody_has_answered_is_pointed_out() -> None:
    found = said(NEW)
    waiting = [line for line in found if "waits for an answer" in line]
    assert len(waiting) == len([line for line in NEW.splitlines() if OPEN in line and not line.startswith("|")])
    assert all(OPEN in line.partition(" -> ")[0] for line in waiting)
    assert [line for line in found if "there is no action" in line and line.startswith("<!-- actions -->")]
    # An answer that was deleted, and a question that was.
    empty = re.sub(r"(<!-- question: prompt -->)\n\nWe know.", r"\1", DONE)
    assert said(empty) == [
        "### Was the prompt red, and did it help? <!-- question: prompt --> -> 'Was the prompt red, and did it help?' has no answer: write "
        "what you know, or that nobody knows"
    ]
    gone = re.sub(r"### .*<!-- question: prompt -->\n", "", DONE)
    (fault,) = lint(gone)
    assert fault.what.startswith(
        "the question 'Was the prompt red, and did it help?' is gone: its heading ended in <!-- question: prompt -->"
    )
    renamed = DONE.replace("### Was the prompt red, and did it help?", "### Red?")
    assert lint(renamed) == []


def test_an_action_has_an_owner_a_date_and_a_check() -> None:
    def of_row(row: str) -> list[str]:
        return [line.partition(" -> ")[2].partition(":")[0] for line in said(DONE.replace(GOOD_ROW, row))]

    assert of_row("| Show it | | soon | | |") == ["an action without an owner", "an action without a date", "an action without a check"]
    assert of_row("| | carol | 2026-02-30 | look | |") == ["a row without an action", "an action without a date"]
    assert of_row("| Show it | carol |") == ["an action without a date", "an action without a check"]
    assert of_row("") == ["there is no action"]
    assert of_row(f"{GOOD_ROW}\n\n| other | table |\n|---|---|\n| a | |") == []
    assert [(action.fields["owner"], action.is_done) for action in actions(DONE.replace("db1 | |", "db1 | yes |"))] == [("carol", True)]
    assert len(lint("# Nothing\n")) == 14


@pytest.mark.parametrize(
    "action",
    [
        "Remove access of developers to production",
        "Revoke sudo",
        "Developers no longer get root: take away their root rights",
        "Restrict ssh to operations",
        "No access for developers",
        "sudo for operations only",
        "Access only for seniors",
        "Disable the account",
    ],
)
def test_to_take_access_away_is_no_action(action: str) -> None:
    (line,) = said(DONE.replace("Show the host's name in psql", action))
    assert "to take access away treats people as the fault" in line


@pytest.mark.parametrize(
    "action", ["Ask before DROP in every database", "Move the key to a vault", "Remove the old table", "Show the prompt in red"]
)
def test_other_actions_are(action: str) -> None:
    assert said(DONE.replace("Show the host's name in psql", action)) == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("It was human error.", "it ends the question too early"),
        ("He should have checked the prompt.", "it tells of a world that was not"),
        ("She FAILED TO look.", "it measures a person by what came after"),
        ("A careless change.", "it judges a person"),
        ("Who is to blame?", "it looks for somebody"),
        ("We will be more careful.", "care is no defence"),
        ("He was reprimanded.", "nobody tells what happened"),
    ],
)
def test_words_that_blame_are_pointed_out_with_the_reason(words: str, why: str) -> None:
    (line,) = said(DONE.replace("We know.", words, 1))
    assert line.startswith(f"{words} -> '")
    assert why in line


def test_only_what_people_wrote_themselves_is_looked_at() -> None:
    why = incidents.dropped(why="human error, of course")
    data = incidents.timeline(incidents.found(*why))
    assert lint(incidents.document(data).replace(ROW, GOOD_ROW).replace(OPEN, "We know.")) == []
    assert lint(DONE.replace("We know.", "`carelessly` <!-- blame -->", 1)) == []
    # Of evidence whose end was taken away nobody can say what is people's.
    assert lint(re.sub(r"<!-- /evidence: about -->\n", "", DONE)) == []


def test_when_it_is_closed() -> None:
    assert is_open(NEW)
    assert not is_open(NEW.replace("closed:", "closed: 2026-12-01  # all agreed"))
    assert is_open("# no front\nclosed: 2026-12-01\n")
    assert is_open("---\nclosed: 2026-12-01\nno end")
    assert front('---\nclosed: "2026-12-01"\nodd line\n---\n') == {"closed": "2026-12-01"}
    assert front("") == {}
    (fault,) = lint(DONE.replace("closed:", "closed: yes"))
    assert (fault.line, fault.what.partition(";")[0]) == (1, "closed: 'yes' is no day")


def test_earlier_ones_that_are_like_it() -> None:
    mine = [["DROP TABLE", "orders", "db1"]]
    others = {
        "2026-01-01-same": ({"marks": [["DROP TABLE", "orders", "db1"], ["rm", "", "web1"]]}, DONE),
        "2026-02-01-object": ({"marks": [["TRUNCATE", "orders", "db2"]]}, NEW),
        "2026-03-01-command": ({"marks": [["DROP TABLE", "users", "db3"]]}, ""),
        "2026-04-01-host": ({"marks": [["rm", "/etc", "db1"]]}, ""),
        "2026-05-01-other": ({"marks": [["rm", "", "web1"]]}, ""),
        "2026-06-01-nothing": ({}, ""),
    }
    found = similar(mine, others)
    assert [one["folder"][11:] for one in found] == ["same", "object", "command", "host"]
    assert found[0] == {
        "folder": "2026-01-01-same",
        "same": ["command DROP TABLE", "object orders", "host db1"],
        "open": ["Show the host's name in psql"],
    }
    assert similar([], others) == []
