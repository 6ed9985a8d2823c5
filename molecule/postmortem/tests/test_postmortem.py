"""A real incident on db1, and the document of it: what the record tells, in whose words, and that no word of people's is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from desk import Desk, Done, host
from matrix import at_prompt, clear, enter
from terminal import Terminal

HOST = "db1"
RECEIPTS = "/var/lib/prod-access/receipts"
TITLE = "Orders table dropped"
QUESTION = r"Type the name of the database to go on"


@dataclass(frozen=True)
class Incident:
    """What was done, and where its documents are."""

    desk: Desk
    since: str
    folder: Path
    notes: Path

    def write(self, *more: str, title: str = TITLE, rc: int = 0, limit: str | None = None) -> Done:
        said = {
            "postmortem_title": title,
            "postmortem_from": self.since,
            "postmortem_folder": str(self.folder),
            "postmortem_notes": str(self.notes),
        }
        return self.desk.play("postmortem", "-e", json.dumps(said), *more, limit=limit, rc=rc)

    def lint(self, rc: int) -> str:
        return self.desk.play("postmortem", "--tags", "lint", "-e", f"postmortem_folder={self.folder}", limit=None, rc=rc).stderr

    def path(self, name: str = "postmortem.md", title: str = "orders-table-dropped") -> Path:
        return self.folder / f"{self.since[:10]}-{title}" / name

    @property
    def text(self) -> str:
        return self.path().read_text()


def rows() -> str:
    return host(HOST, "cd / && sudo -u postgres psql -XAtqc 'SELECT count(*) FROM orders' shop 2>&1", check=False)


@pytest.fixture(scope="module")
def incident(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Incident]:
    """alice drops a table, and believes that it is staging; the table comes back from a dump of before."""
    folder = tmp_path_factory.mktemp("postmortem")
    before = rows()
    host(HOST, "cd / && sudo -u postgres pg_dump -Fc -t orders -f /var/tmp/orders.dump shop")
    ended = host(HOST, "date -u +%FT%TZ")
    host(HOST, f"mkdir -p {RECEIPTS}; cat >{RECEIPTS}/backup.json", stdin=json.dumps({"ended": ended, "ok": True}))
    time.sleep(1)
    since = host(HOST, "date -u +%FT%T.%6NZ")
    (folder / "notes.yml").write_text(
        yaml.safe_dump({"notes": [{"time": since, "who": "alice", "text": "alice thought that this was stage1."}]})
    )
    try:
        # Without this zsh asks her what it should be like.
        assert desk.ssh("alice", HOST, "touch .zshrc").returncode == 0
        with Terminal([*desk.terminal("alice", HOST)], size=(200, 50)) as terminal:
            clear(terminal)
            enter(terminal, "announce cleaning up the copy on staging")
            terminal.send("sudo -u postgres psql -X shop\r")
            terminal.see(r"shop=# ")
            terminal.send("DROP TABLE orders;\r")
            terminal.see(QUESTION)
            terminal.send("shop\r")
            terminal.see(r"DROP TABLE\r?\n.*shop=# ")
            terminal.send("\\q\r")
            terminal.settled(lambda: at_prompt(terminal), 10)
            terminal.send("exit\r")
        assert "does not exist" in rows()
        host(HOST, "cd / && sudo -u postgres pg_restore -d shop /var/tmp/orders.dump")
        host(HOST, "python3 -", stdin=_TOLD)
        assert rows() == before
        yield Incident(desk, since, folder / "postmortems", folder / "notes.yml")
    finally:
        host(HOST, f"rm -rf {RECEIPTS} /var/tmp/orders.dump")


# What a restore tells the journal.
_TOLD = """
import sys
sys.path.insert(0, "/usr/lib/prod-access")
from prod_access._journal import tell
tell("restore", "backup", "restore of orders: good", {"PART": "orders", "RESULT": "good"}, wait=1)
"""


@pytest.fixture(scope="module")
def written(incident: Incident) -> Incident:
    incident.write()
    return incident


def test_the_record_tells_what_happened(written: Incident) -> None:
    data = json.loads(written.path("timeline.json").read_text())
    print(json.dumps(data, indent=1)[:6000])
    began = data["events"][data["moments"]["began"]]
    assert (began["host"], began["kind"], began["person"], began["details"]["answer"]) == (HOST, "guard", "developer 1", "confirmed")
    assert ["DROP TABLE", "orders", HOST] in data["marks"]
    (announced,) = [event for event in data["events"] if event["kind"] == "announcement"]
    assert (announced["person"], announced["what"]) == ("developer 1", "cleaning up the copy on staging")
    assert data["events"][data["moments"]["restored"]]["kind"] == "restore"
    assert 0 <= data["defence"]["rpo"] < 300
    assert 0 < data["defence"]["rto"] < 300
    (host_data,) = [host for host in data["hosts"] if host["name"] == HOST]
    assert (host_data["source"], host_data["label"], host_data["environment"]) == ("journal", "PRODUCTION", "production")
    (note,) = [event for event in data["events"] if event["kind"] == "note"]
    assert (note["person"], note["what"]) == ("developer 1", "developer 1 thought that this was stage1.")
