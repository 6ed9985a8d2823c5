"""What is painted on a terminal, and in which colour, as shells of the fleet write it."""

from __future__ import annotations

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._painted import Painted, hue, painted

# As bash 5.2 with readline 8.2 begins, by the role prompt.
BASH = "\x1b[?2004h\x1b[38;5;231;48;5;160m PRODUCTION \x1b[0m nobody@web1:/$ "


def colours(text: str) -> list[tuple[str, str]]:
    return [(piece.text, piece.colour) for piece in painted(text)]


def test_a_label_is_told_from_what_follows_it() -> None:
    assert painted(BASH) == [Painted(" PRODUCTION ", "red"), Painted(" nobody@web1:/$ ")]


@pytest.mark.parametrize(
    ("parameters", "colour"),
    [
        ("97;41", "red"),
        ("101", "red"),
        ("38;5;231;48;5;160", "red"),
        ("38;2;255;255;255;48;2;178;0;0", "red"),
        ("48:2:178:0:0", "red"),
        ("30;43", "amber"),
        ("38;5;16;48;5;214", "amber"),
        ("38;2;0;0;0;48;2;255;176;0", "amber"),
        ("30;42", "green"),
        ("38;5;16;48;5;71", "green"),
        ("44", "blue"),
        ("45", "another colour"),
        ("47", "grey"),
        ("48;5;240", "grey"),
        ("48;5;9", "red"),
        ("31", ""),
        ("38;5;160", ""),
        ("", ""),
        ("41;49", ""),
        ("41;0", ""),
        ("41;48", ""),
        ("48;5", ""),
        ("48;2;1", ""),
        ("1;7;41;4", "red"),
    ],
)
def test_colours(parameters: str, colour: str) -> None:
    assert colours(f"\x1b[{parameters}mX") == [("X", colour)]


def test_a_colour_lasts_until_another_one_comes() -> None:
    assert colours("a\x1b[41mb\x1b[1mc\x1b[0md") == [("a", ""), ("bc", "red"), ("d", "")]


def test_what_is_for_the_terminal_alone_paints_nothing() -> None:
    assert colours("\x1b]0;a title\x07\x1b[2J\x1b[1;1Hb\r\n\x1b(Bc\x1b[>4;1m\x1bP+q\x1b\\d\x07") == [("b\ncd", "")]
    assert colours("") == []


def test_hues() -> None:
    assert hue((255, 120, 110)) == "another colour"
    assert hue((0, 200, 190)) == "green"
