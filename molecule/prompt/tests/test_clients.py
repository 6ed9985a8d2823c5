"""Clients that say where they are before they begin: what they are given, and how they end, is as without that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import Desk, host
from matrix import at_prompt, enter
from terminal import Terminal

# mongosh is in no release of Debian: this stands in for it. It says what it was given.
_MONGOSH = """#!/bin/sh
printf '<%s>' "$@"
echo
exit 7
"""


@pytest.fixture(autouse=True)
def mongosh(name: str) -> Iterator[None]:
    host(name, "install -m 755 /dev/stdin /usr/local/bin/mongosh", stdin=_MONGOSH)
    yield
    host(name, "rm /usr/local/bin/mongosh")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_arguments_and_exit_codes_pass_on(desk: Desk, name: str, shell: str) -> None:
    status = "$status" if shell == "fish" else "$?"
    with Terminal(desk.terminal("bob", name, f"touch ~/.zshrc; exec {shell} -l"), size=(100, 30)) as terminal:
        terminal.settled(lambda: at_prompt(terminal), 10)
        for command, said in (
            ("mongosh 'a b' '' '$x*'", ("<a b><><$x*>", "ended 7")),
            ("redis-cli -p 1 ping", ("Could not connect to Redis at 127.0.0.1:1: Connection refused", "ended 1")),
            ("node -e 'process.exit(3)'", ("ended 3",)),
        ):
            enter(terminal, f"clear; {command}; echo ended {status}")
            assert all(text in str(terminal) for text in said), terminal
            # node with something to run is no client that a person types in.
            assert (f" PRODUCTION  {name}" in terminal.rows) == (not command.startswith("node")), terminal
    done = desk.ssh("bob", name, f"{shell} -lc \"mongosh 'a b'\"")
    assert (done.returncode, done.stdout) == (7, "<a b>\n"), "and where no person is, nothing is said"
