"""What tests of the audit have in common: people who work on hosts, and the collector as they would ask it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from desk import Desk, Done, host, until

COLLECTOR = "log1"
FOLDER = "/var/log/prod-access"
RECEIVE, SHIP = "prod-access-audit-receive", "prod-access-audit-ship"

Event = dict[str, Any]


def search(*arguments: str, since: str = "10 minutes ago") -> list[Event]:
    """What the collector answers."""
    words = " ".join(f"'{argument}'" for argument in arguments)
    said = host(COLLECTOR, f"prod-access-audit search --json --since '{since}' {words}")
    return [json.loads(line) for line in said.splitlines()]


def soon(*arguments: str, seconds: float = 5, suits: Callable[[Event], bool] = lambda event: True) -> Event:
    """The first event that suits, which is there in so many seconds."""
    found: list[Event] = []

    def is_there() -> bool:
        found[:] = filter(suits, search(*arguments))
        return bool(found)

    until(is_there, seconds, f"an event that suits at {COLLECTOR}: {arguments}")
    return found[0]


def lines(name: str) -> list[dict[str, Any]]:
    """All lines that the collector has of a host, but for one that is being written."""
    whole = "perl -ne 'print if /\\n$/'"
    said = host(COLLECTOR, f"for f in {FOLDER}/{name}/*.jsonl*; do case $f in *.gz) zcat $f;; *) {whole} $f;; esac; done")
    return [json.loads(line) for line in said.splitlines()]


def canary(word: str) -> str:
    return f"{word}-{time.time_ns():x}"


def ran(desk: Desk, login: str, name: str, command: str) -> Done:
    done = desk.ssh(login, name, command)
    assert done.returncode == 0, done
    return done


def verify(folder: str = FOLDER, *hosts: str) -> dict[str, Any]:
    said = host(COLLECTOR, f"prod-access-audit --folder {folder} verify --json --silence 1e9 {' '.join(hosts)}", check=False)
    answer: dict[str, Any] = json.loads(said)
    return answer
