"""From whoever does something on a host, by the host's own shipper and the collector, to a chat."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from chats import Chat, told
from desk import HOSTS, Desk


@pytest.fixture(scope="module")
def chat() -> Iterator[Chat]:
    with told() as (chat, _other):
        yield chat


@pytest.mark.parametrize("name", HOSTS)
def test_an_announcement_is_told_within_seconds(desk: Desk, chat: Chat, name: str) -> None:
    began = time.time()
    assert desk.ssh("alice", name, f"announce restarting search on {name}").returncode == 0
    assert chat.has(1, f"restarting search on {name}") == [f"alice on {name}: restarting search on {name}"]
    assert next(message["at"] for message in chat.messages() if name in message["message"]) - began < 8


def test_a_first_shell_of_root_and_a_run_of_a_playbook_are_told(desk: Desk, chat: Chat) -> None:
    assert desk.ssh("alice", "web1", "echo true | sudo -n -i; echo true | sudo -n -i").returncode == 0
    (line,) = chat.has(1, "root shell", seconds=20)
    assert line.startswith("alice on web1 has a root shell, by sudo")
    desk.access(limit="web1")
    (line,) = chat.has(1, "playbook access", seconds=20)
    assert ", run by " in line
    assert "web1" in line
