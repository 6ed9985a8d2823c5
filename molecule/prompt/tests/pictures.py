"""The pictures of docs/prompts.md: what is typed at real terminals to take them."""

from __future__ import annotations

from typing import NamedTuple

from desk import Desk
from homes import HOMES
from matrix import clear, enter, furnish
from picture import svg
from terminal import Terminal


class Scene(NamedTuple):
    host: str
    title: str
    lines: tuple[str, ...]
    # Typed, and not sent.
    last: str


PICTURES = {
    "production": Scene("web1", "ssh web1", ("sudo -i", "zsh", "fish", "sh", "su - pia"), "sudo systemctl stop payments"),
    "staging": Scene("stage1", "ssh stage1", ("sudo -i",), "systemctl stop payments"),
}


def take(desk: Desk, name: str) -> str:
    scene = PICTURES[name]
    furnish("pia", scene.host, HOMES["bash"]["skel"])
    with Terminal(desk.terminal("pia", scene.host), size=(72, 24), env={"LC_ALL": "C.UTF-8"}) as terminal:
        clear(terminal)
        for line in scene.lines:
            enter(terminal, line)
        terminal.send(scene.last)
        terminal.settled(scene.last)
        return svg(terminal.cells, title=scene.title, cursor=terminal.cursor)
