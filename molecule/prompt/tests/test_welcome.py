"""A person who logs in is greeted: the first time with the words of the team, then in one line, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import HOSTS, Desk, each, host
from matrix import at_prompt
from terminal import Terminal

STATEMENTS = ("you are valued", "you are expected to learn", "you are trusted", "you are thought competent")


@pytest.fixture(params=["bash", "zsh", "fish", "sh"])
def person(desk: Desk, request: pytest.FixtureRequest) -> Iterator[str]:
    login = f"new{request.param}"
    desk.forget(login)
    desk.person(login, grant={"sudo": "full"}, shell=f"/bin/{request.param}")
    desk.access()
    for name in HOSTS:
        host(name, f"install -o {login} -m 600 /dev/null ~{login}/.zshrc")
    yield login
    desk.forget(login)


def shown(desk: Desk, login: str, name: str, *typed: str) -> list[str]:
    with Terminal(desk.terminal(login, name), size=(100, 40)) as terminal:
        terminal.settled(lambda: at_prompt(terminal), 10)
        for line in typed:
            terminal.send(line + "\r")
            terminal.settled(lambda: at_prompt(terminal), 10)
        return terminal.rows


def test_the_first_login_and_the_next_ones(desk: Desk, person: str) -> None:
    def is_greeted(name: str) -> None:
        first = "\n".join(shown(desk, person, name))
        assert all(statement in first for statement in STATEMENTS), first
        assert f" PRODUCTION  {name} | " in first
        with desk.session("alice", name):
            again = "\n".join(shown(desk, person, name, "clear", "sudo -i", "exit", "bash -l"))
        assert not any(statement in again for statement in STATEMENTS)
        assert "also here" not in again, "no greeting after sudo, nor in another shell"
        with desk.session("alice", name):
            line = next(row for row in shown(desk, person, name) if " | " in row)
        assert "alice" in line
        assert person not in line.partition("|")[2]

    each(is_greeted, HOSTS)


def test_receipts_are_shown_where_there_are_any(desk: Desk) -> None:
    host("web1", "mkdir -p /var/lib/prod-access/receipts")
    for kind, ended in (("backup", "2026-11-24T02:10:33Z"), ("restore", "2026-11-20T03:00:00Z")):
        host("web1", f"cat > /var/lib/prod-access/receipts/{kind}.json", stdin=f'{{\n "ended": "{ended}",\n "ok": true\n}}\n')
    try:
        assert "last backup 2026-11-24 02:10Z | last proven restore 2026-11-20 03:00Z" in "\n".join(shown(desk, "bob", "web1"))
    finally:
        host("web1", "rm -r /var/lib/prod-access/receipts")
    assert "last backup" not in "\n".join(shown(desk, "bob", "web1"))


def test_what_is_wrong_with_backups_is_shown(desk: Desk) -> None:
    host("web1", "mkdir -p /var/lib/prod-access/receipts")
    text = '{\n "alarm": "files failed: no network",\n "ended": "2026-11-24T02:10:33Z",\n "good_until": 1764000000,\n "name": "backup"\n}\n'
    host("web1", "cat > /var/lib/prod-access/receipts/backup.json", stdin=text)
    try:
        seen = "\n".join(shown(desk, "bob", "web1"))
        assert "last backup: files failed: no network" in seen
        assert "last backup: 2026-11-24 02:10Z, which is too long ago" in seen
    finally:
        host("web1", "rm -r /var/lib/prod-access/receipts")


def test_the_words_are_the_teams_own(desk: Desk) -> None:
    desk.play("molecule/prompt/converge.yml", "-e", '{"prompt_welcome": ["Hello from $(id) `id` %n."]}', limit="web1")
    host("web1", "rm -rf ~bob/.local/state/prod-access")
    try:
        assert "Hello from $(id) `id` %n." in shown(desk, "bob", "web1")
    finally:
        desk.play("molecule/prompt/converge.yml", limit="web1")
