"""The instrument that reads prompts from terminals, without a host: what bytes make of cells, and what is found among them."""

from __future__ import annotations

import pytest
from label import Seen, look
from rows import GROUPS, Case, Row
from terminal import Ink

RED = "\x1b[38;5;231;48;5;160m PRODUCTION \x1b[m "
ROWS = {row.id: row for rows in GROUPS.values() for row in rows}


def ink(text: str, pieces: int = 1000) -> Ink:
    ink = Ink(60, 10, answer=lambda _: None)
    data = text.encode()
    for at in range(0, len(data), pieces):
        ink.feed(data[at : at + pieces])
    return ink


def seen(text: str, row: str = "bash-typed-vi", host: str = "web1") -> Seen:
    screen = ink(text)
    before = screen.screen.display[screen.screen.cursor.y].split("mark")[0]
    return look(screen.cells(), screen.screen.cursor.y, before, Case(ROWS[row], host))


def wrong(text: str, row: str = "bash-typed-vi", host: str = "web1") -> str:
    return seen(text, row, host).verdict(Case(ROWS[row], host))


@pytest.mark.parametrize("pieces", [1, 2, 7, 1000])
def test_what_a_terminal_keeps_to_itself_is_not_drawn(pieces: int) -> None:
    """Sequences that pyte does not know: strings, private ones, a cursor's shape, titles, marks of prompts."""
    text = "\x1bP+q6d73\x1b\\a\x1b[>4;1m\x1b[=5u\x1b[2 qb\x1b]133;A\x07\x1bktitle\x1b\\c\x1b]0;here\x07\x1b[?2004h❯"
    drawn = ink(text, pieces)
    assert drawn.screen.display[0].rstrip() == "abc❯"
    assert drawn.screen.title == "here"
    assert drawn.cursor_shape == "2"


def test_a_label_is_found_by_its_colours() -> None:
    assert wrong(f"{RED}me@web1:~$ mark") == ""
    assert seen("\x1b[97;41m PRODUCTION \x1b[m me@web1:~$ mark").shows == "16"
    assert seen("\x1b[38;2;255;255;255;48;2;178;0;0m PRODUCTION \x1b[m me@web1:~$ mark").shows == "true"
    assert seen("[PRODUCTION] me@web1:~$ mark").shows == "plain"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("me@web1:~$ mark", "shows none, not 256"),
        ("\x1b[30;42m PRODUCTION \x1b[m me@web1:~$ mark", "shows black on green, not 256"),
        ("\x1b[38;5;231;48;5;160m PRODUCTION me@web1:~$ mark", "shows something else"),
        ("\x1b[38;5;231;48;5;160mPRODUCTION\x1b[m me@web1:~$ mark", "shows something else"),
        (f"me@web1:~$ {RED} mark", "shows something else"),
        (f"{RED}{RED}me@web1:~$ mark", "there is more than one label"),
        (f"{RED}$ mark", "the person's own prompt is not there: @"),
        (f"{RED}me@web1:~$ \x1b[48;5;160mmark", "the label's colour runs on"),
        (f"{RED}me@web1:~$ ls\r\nme@web1:~$ mark", "shows none, not 256"),
        ("\x1b[30;43m STAGING \x1b[m me@web1:~$ mark", "shows none, not 256"),
    ],
)
def test_what_is_not_a_label_in_front_of_the_prompt(text: str, fault: str) -> None:
    assert fault in wrong(text)


def test_a_label_above_a_prompt_of_two_lines_is_told_apart() -> None:
    text = f"{RED}zed in ~\r\nown% mark"
    assert seen(text, "zsh-two-lines").above
    assert wrong(text, "zsh-two-lines") == ""
    assert wrong(text, "zsh-typed") != ""


def test_a_hole_must_be_one() -> None:
    assert wrong("bash-5.2$ mark", "bash-norc") == ""
    assert "the hole is closed" in wrong(f"{RED}bash-5.2$ mark", "bash-norc")


def test_rows_have_names_of_their_own() -> None:
    rows: list[Row] = [row for rows in GROUPS.values() for row in rows]
    assert len(rows) == len({row.id for row in rows})
