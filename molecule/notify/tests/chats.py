"""The collector, a host that sends to it, and the chats that it tells, as the tests see them."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from desk import host, until

# converge.yml has the same default.
COLLECTOR = os.environ.get("COLLECTOR", "log1")
LOGS = "/var/log/prod-access"
WEBHOOKS = "stage1"
CANARIES = ("notify-canary-one", "notify-canary-two")
SERVICE = "prod-access-audit-notify"
STATE = "/var/lib/private/prod-access/notify"


class Chat:
    """A real webhook, and what came to it."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.port = port
        self.folder = f"/run/chats/{port}"
        self.unit = f"chat-{port}"

    def start(self) -> None:
        host(WEBHOOKS, "cat >/run/receiver.py", stdin=Path(__file__).with_name("receiver.py").read_text())
        self.clear()
        self.up()

    def up(self) -> None:
        host(
            WEBHOOKS,
            f"systemctl stop {self.unit} 2>/dev/null; systemctl reset-failed {self.unit} 2>/dev/null; "
            f"systemd-run -q --unit={self.unit} python3 /run/receiver.py {self.port} {self.folder}; "
            f"until python3 -c 'import socket; socket.create_connection((\"localhost\", {self.port}))' 2>/dev/null; do sleep 0.05; done",
        )

    def down(self) -> None:
        host(WEBHOOKS, f"systemctl stop {self.unit}")

    def answers(self, mode: str) -> None:
        host(WEBHOOKS, f"echo {mode} >{self.folder}/mode")

    def clear(self) -> None:
        host(WEBHOOKS, f"mkdir -p {self.folder}; rm -f {self.folder}/messages {self.folder}/refused; echo 200 >{self.folder}/mode")

    def messages(self, file: str = "messages") -> list[dict[str, Any]]:
        return [json.loads(line) for line in host(WEBHOOKS, f"cat {self.folder}/{file} 2>/dev/null", check=False).splitlines()]

    def lines(self) -> list[str]:
        """All lines of all messages, in the order in which they came."""
        return [line for message in self.messages() for line in message["message"].split("\n")]

    def has(self, count: int, text: str, seconds: float = 15) -> list[str]:
        """The lines with a text, once there are so many, and a while after it no more."""
        until(
            lambda: sum(text in line for line in self.lines()) >= count,
            seconds,
            f"{count} lines with {text!r} at {self.name}: {self.lines()}",
        )
        time.sleep(1)
        found = [line for line in self.lines() if text in line]
        assert len(found) == count, found
        return found


@contextlib.contextmanager
def told() -> Iterator[tuple[Chat, Chat]]:
    """Both chats, and the service that tells them, which begins with nothing to tell."""
    chats = Chat("operations", 8098), Chat("on-call", 8099)
    for chat in chats:
        chat.start()
    host(COLLECTOR, f"systemctl stop {SERVICE}; rm -rf {STATE}; systemctl enable -q --now {SERVICE}")
    until(lambda: "waiting" in host(COLLECTOR, f"{SERVICE} status", check=False), 30, "the service runs")
    try:
        yield chats
    finally:
        for chat in chats:
            chat.down()
        host(COLLECTOR, f"systemctl disable -q --now {SERVICE}; rm -rf {STATE}")


class Sender:
    """Brings what the journal of a host has into the collector's files, by the contract of _event_sources."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.since = host(name, "date +%s.%N")
        self.last: list[dict[str, Any]] = []
        self.sequence = int(time.time() * 1000)
        logins = host(name, "getent passwd").splitlines()
        names = {fields[2]: fields[0] for fields in (line.split(":") for line in logins)}
        host(COLLECTOR, f"mkdir -p {LOGS}/{name}; cat >{LOGS}/{name}/names.json", stdin=json.dumps(names))

    def send(self, *matches: str) -> None:
        """Send what came since the last time."""
        now = host(self.name, "date +%s.%N")
        journal = host(self.name, f"journalctl --sync; journalctl --since=@{self.since} -o json --all --no-pager {' '.join(matches)}")
        self.since = now
        self.last = [{"journal": json.loads(line)} for line in journal.splitlines()]
        self.write(self.last)

    def write(self, records: list[dict[str, Any]]) -> None:
        lines = ""
        for record in records:
            self.sequence += 1
            received = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            lines += json.dumps({"seq": self.sequence, "received": received, "host": self.name, **record}) + "\n"
        host(COLLECTOR, f"cat >>{LOGS}/{self.name}/$(date -u +%F).jsonl", stdin=lines)

    def announce(self, *texts: str, login: str = "alice") -> None:
        """What people say, as the journal of the host would have it: real entries take a login each."""
        uid = host(self.name, f"id -u {login}")
        self.write(
            [
                {
                    "journal": {
                        "MESSAGE": text,
                        "PROD_ACCESS_KIND": "announcement",
                        "PROD_ACCESS_LOGINUID": uid,
                        "SYSLOG_IDENTIFIER": "prod-access-announce",
                        "_AUDIT_LOGINUID": uid,
                        "_TRANSPORT": "journal",
                        "_UID": uid,
                        "__REALTIME_TIMESTAMP": str(time.time_ns() // 1000 + number),
                    }
                }
                for number, text in enumerate(texts)
            ]
        )
