"""What tmux and screen show beside the shell: the label in a line of their own, and in the title of the terminal around them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import Desk, host
from terminal import Cell, Terminal, text_of

OWN = "set -g status-right 'mine'; set -g set-titles-string 'my title'; set -g status-style bg=blue"


@pytest.fixture(autouse=True)
def ended(name: str) -> Iterator[None]:
    yield
    host(name, "pkill -u bob '^(tmux.*|screen)$'; rm -f ~bob/.tmux.conf", check=False)


def label_of(row: list[Cell]) -> set[tuple[str, str]]:
    """The colours of the label in a row; none where it is not there."""
    place = text_of(row).find(" PRODUCTION ")
    return {(cell.foreground, cell.background) for cell in row[place : place + len(" PRODUCTION ")]} if place >= 0 else set()


@pytest.mark.parametrize("own", ["", OWN], ids=["plain", "own"])
def test_tmux(desk: Desk, name: str, own: str) -> None:
    if own:
        host(name, "cat > ~bob/.tmux.conf", stdin=own.replace("; ", "\n"))
    with Terminal(desk.terminal("bob", name, "tmux"), size=(100, 20)) as terminal:
        terminal.wait_for(lambda: label_of(terminal.cells[-1]), 10)
        assert label_of(terminal.cells[-1]) == {("brightwhite", "red")}
        terminal.wait_for(lambda: "PRODUCTION" in terminal.title)
        assert not own or "mine" in terminal.rows[-1]
        assert not own or "my title" in terminal.title
        terminal.send("tmux detach\r")
        terminal.wait_for("detached", 10)
    with Terminal(desk.terminal("bob", name, "tmux attach"), size=(100, 20)) as terminal:
        terminal.wait_for(lambda: label_of(terminal.cells[-1]), 10)
        assert terminal.rows[-1].count("PRODUCTION") == 1, "it is not added again"


def test_screen(desk: Desk, name: str) -> None:
    with Terminal(desk.terminal("bob", name, "screen"), size=(100, 20)) as terminal:
        terminal.wait_for(lambda: label_of(terminal.cells[-1]), 10)
        assert label_of(terminal.cells[-1]) <= {("brightwhite", "red"), ("white", "red")}
        terminal.wait_for(lambda: "PRODUCTION" in terminal.title)
