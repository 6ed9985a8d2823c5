"""The question of a guard: what a person sees, what counts as yes, and what the journal keeps."""

from __future__ import annotations

import os
import pty
import select
import socket
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._confirm import Answer, Question, ask, entry, harmless, note
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


def test_what_the_journal_keeps(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        path = str(tmp_path / "journal")
        journal.bind(path)
        (tmp_path / "loginuid").write_text("1900")
        note(DROP, Answer(True, "cleaning up"), journal=path, loginuid=str(tmp_path / "loginuid"))
        assert (
            journal.recv(10000).decode()
            == """\
MESSAGE=confirmed: DROP TABLE orders (database shop on db1): cleaning up
PRIORITY=5
SYSLOG_IDENTIFIER=prod-access-sql
PROD_ACCESS_KIND=guard
PROD_ACCESS_ACTION=DROP TABLE orders
PROD_ACCESS_ANSWER=confirmed
PROD_ACCESS_WHY=cleaning up
PROD_ACCESS_TARGET=database shop on db1
PROD_ACCESS_LOGINUID=1900
"""
        )
        journal.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        for _attempt in range(1000):
            note(DROP, Answer(False), journal=path)
    note(DROP, Answer(False), journal=path)
    note(DROP, Answer(False), journal=str(tmp_path / "missing"), loginuid=str(tmp_path / "missing"))
    assert b"MESSAGE=refused: DROP TABLE orders (database shop on db1)\n" in entry(DROP, Answer(False), "1900")


@given(st.text(), st.text())
def test_no_text_makes_a_field_of_its_own(action: str, why: str) -> None:
    lines = entry(Question("sql", action, (why,), "", ""), Answer(True, why), why).decode().split("\n")
    assert len(lines) == 10
    assert all(line.isprintable() for line in lines)


@given(st.text())
def test_what_is_harmless_stays_so(text: str) -> None:
    assert harmless(text).isprintable()
    assert harmless(harmless(text)) == harmless(text)
