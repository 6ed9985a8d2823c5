"""From whoever does something on a host, by the host's own shipper and the collector, to a chat."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from chats import COLLECTOR, Chat, told
from desk import HOSTS, Desk, host, until
from matrix import at_prompt
from terminal import Terminal


@pytest.fixture(scope="module")
def chat(desk: Desk) -> Iterator[Chat]:
    """A chat that is told of nothing from before: what waited on hosts is at the collector when the service begins."""
    word = f"waited-{time.time_ns():x}"
    search = f"prod-access-audit search --json --since '10 minutes ago' --kind announcement --text {word}"
    for name in HOSTS:
        assert desk.ssh("alice", name, f"announce {word}").returncode == 0
    until(lambda: len(host(COLLECTOR, search).splitlines()) == len(HOSTS), 30, "all that waited is at the collector")
    with told() as (chat, _other):
        yield chat


@pytest.mark.parametrize("name", HOSTS)
def test_an_announcement_is_told_within_seconds(desk: Desk, chat: Chat, name: str) -> None:
    began = time.time()
    assert desk.ssh("alice", name, f"announce restarting search on {name}").returncode == 0
    assert chat.has(1, f"restarting search on {name}") == [f"alice on {name}: restarting search on {name}"]
    assert next(message["at"] for message in chat.messages() if f"on {name}" in message["message"]) - began < 8


def test_a_first_shell_of_root_and_a_run_of_a_playbook_are_told(desk: Desk, chat: Chat) -> None:
    assert desk.ssh("alice", "web1", "echo true | sudo -n -i; echo true | sudo -n -i").returncode == 0
    (line,) = chat.has(1, "root shell", seconds=20)
    assert line.startswith("alice on web1 has a root shell, by sudo")
    desk.access(limit="web1")
    (line,) = chat.has(1, "playbook access", seconds=20)
    assert ", run by " in line
    assert "web1" in line


@pytest.mark.parametrize("name", HOSTS)
def test_what_people_were_asked_is_told_with_what_they_said(desk: Desk, chat: Chat, name: str) -> None:
    """At a terminal, by the guard of the host."""
    folder = f"/var/lib/mysql/of-{name}"
    host(name, f"install -d -m 777 /var/lib/mysql {folder}")
    try:
        with Terminal(desk.terminal("alice", name, "exec bash -l"), size=(100, 30)) as terminal:
            for answer in ("no", name):
                terminal.settled(lambda: at_prompt(terminal), 10)
                terminal.send(f"clear; rm -rf {folder}\r")
                terminal.settled(lambda: terminal.before_cursor.endswith(": "), 10)
                terminal.send(f"{answer}\r")
            until(lambda: host(name, f"test -e {folder} || echo gone"), 10, "it is removed")
    finally:
        host(name, "rm -rf /var/lib/mysql")
    asked = f"alice on {name} was asked about rm -rf {folder} ({folder} on {name})"
    assert chat.has(2, asked) == [f"{asked}, and stopped", f"{asked}, and said yes"]
