"""The question of a guard: what a person sees, what counts as yes, and what the journal keeps."""

from __future__ import annotations

import os
import pty
import select
import termios
import threading
from collections.abc import Iterator

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils import _journal
from ansible_collections.safetynet.prod_access.plugins.module_utils._confirm import Answer, Question, ask, note
from ansible_collections.safetynet.prod_access.plugins.module_utils._environment import Environment
from hypothesis import given
from hypothesis import strategies as st

PRODUCTION = Environment(name="production", label="PRODUCTION", sgr_16="97;41", ask_why=True)
DROP = Question("sql", "DROP TABLE orders", ("database shop on db1", "public.orders: 500,000 rows"), "shop", "the name of the database")


def test_the_question_as_a_person_sees_it() -> None:
    assert (
        DROP.text(PRODUCTION, {"TERM": "dumb"})
        == """\
[ PRODUCTION ] DROP TABLE orders
  database shop on db1
  public.orders: 500,000 rows
Type the name of the database to go on, anything else to stop: """
    )
    assert DROP.text(PRODUCTION, {"TERM": "xterm"}).startswith("\x1b[97;41m[ PRODUCTION ]\x1b[0m DROP TABLE orders\n")


@given(st.text(), st.lists(st.text(), max_size=9))
def test_a_question_is_short_and_harmless_whatever_things_are_called(name: str, facts: list[str]) -> None:
    text = Question("sql", f"DROP TABLE {name}", tuple(facts), "shop", "the name").text(PRODUCTION, {})
    assert text.startswith("[ PRODUCTION ] DROP TABLE")
    assert len(text.split("\n")) <= 6
    assert text.replace("\n", "").isprintable()
    assert len(text.split("\n")[0]) < 220


def test_facts_that_do_not_fit_are_counted() -> None:
    text = Question("sql", "x", tuple("abcde"), "shop", "the name").text(PRODUCTION, {})
    assert text.split("\n")[1:5] == ["  a", "  b", "  c", "  and 2 more"]


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A person's side and a program's side of a terminal in a mode that a client might have left."""
    person, program = pty.openpty()
    mode = termios.tcgetattr(program)
    mode[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(program, termios.TCSANOW, mode)
    yield person, program
    os.close(person)
    os.close(program)


def answered(terminal: tuple[int, int], *lines: str, environment: Environment = PRODUCTION, question: Question = DROP) -> Answer:
    """What comes of typing these, each when it is asked for."""
    person, program = terminal
    before = termios.tcgetattr(program)
    shown = ""

    def type_lines() -> None:
        nonlocal shown
        for line in lines:
            seen = ""
            while not seen.endswith(": "):
                seen += os.read(person, 1000).decode()
            shown += seen
            os.write(person, line.encode())

    # What is typed ahead is no answer. It takes a moment to arrive.
    os.write(person, b"shop\r")
    select.select([program], [], [])
    typing = threading.Thread(target=type_lines)
    typing.start()
    answer = ask(question, environment, program)
    typing.join()
    assert termios.tcgetattr(program) == before
    return answer


def test_only_the_answer_itself_is_a_yes(terminal: tuple[int, int]) -> None:
    assert answered(terminal, "shop\r", "cleaning up\x1b[2J\r") == Answer(True, "cleaning up [2J")
    assert answered(terminal, " shop \r", "\r") == Answer(True)
    assert answered(terminal, "sho\x7fop\r", "\r") == Answer(True)
    assert answered(terminal, "shop\r", environment=Environment()) == Answer(True)
    for line in ("\r", "y\r", "yes\r", "SHOP\r", "shop2\r", "\x03", "shop\x03", "\x1a", "\x04"):
        assert answered(terminal, line) == Answer(False), repr(line)


def test_breaking_off_at_why_is_a_no(terminal: tuple[int, int]) -> None:
    assert answered(terminal, "shop\r", "because\x03") == Answer(False)
    assert answered(terminal, "shop\r", "\x04") == Answer(False)


def test_no_answer_can_be_right_where_none_is_named(terminal: tuple[int, int]) -> None:
    assert answered(terminal, "\r", question=Question("sql", "x", (), "", "nothing")) == Answer(False)


def test_what_is_no_terminal_says_no() -> None:
    with open(os.devnull) as file:
        assert ask(DROP, PRODUCTION, file.fileno()) == Answer(False)


def test_what_the_journal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr(_journal, "tell", lambda *said: told.append(said))
    note(DROP, Answer(True, "cleaning up"))
    note(DROP, Answer(False))
    assert told == [
        (
            "guard",
            "sql",
            "confirmed: DROP TABLE orders (database shop on db1): cleaning up",
            {"ACTION": "DROP TABLE orders", "ANSWER": "confirmed", "WHY": "cleaning up", "TARGET": "database shop on db1"},
        ),
        (
            "guard",
            "sql",
            "refused: DROP TABLE orders (database shop on db1)",
            {"ACTION": "DROP TABLE orders", "ANSWER": "refused", "WHY": "", "TARGET": "database shop on db1"},
        ),
    ]
