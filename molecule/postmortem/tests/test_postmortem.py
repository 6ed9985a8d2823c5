"""A real incident on db1, and the document of it: what the record tells, in whose words, and that no word of people's is lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
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

    def write(self, *more: str, title: str = TITLE, rc: int = 0, limit: str | None = HOST) -> Done:
        said = {
            "postmortem_title": title,
            "postmortem_collector": "",
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
        # How long it took is told in whole seconds.
        host(HOST, "sleep 1; cd / && sudo -u postgres pg_restore -d shop /var/tmp/orders.dump")
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
    incident.write(limit=None)
    return incident


def test_the_record_tells_what_happened(written: Incident) -> None:
    data = json.loads(written.path("timeline.json").read_text())
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


def test_the_collector_tells_the_same_and_has_what_the_host_has_not(written: Incident, tmp_path: Path) -> None:
    other = Incident(written.desk, written.since, tmp_path, written.notes)
    other.write("-e", "postmortem_collector=log1")
    data = json.loads(other.path("timeline.json").read_text())
    (db1,) = [one for one in data["hosts"] if one["name"] == HOST]
    assert (db1["source"], db1["skew"]) == ("collector", None)
    began = data["events"][data["moments"]["began"]]
    assert (began["kind"], began["person"], began["details"]["answer"]) == ("guard", "developer 1", "confirmed")
    assert began["record"].isdecimal()
    assert began["received"] > began["time"]
    assert [event["kind"] for event in data["events"] if event.get("dangers")][:2] == ["guard", "sql"], "the statement itself is on record"
    assert "from the collector" in other.text


def test_no_name_is_left_unless_names_are_asked_for(written: Incident, tmp_path: Path) -> None:
    for name in ("postmortem.md", "postmortem.html", "timeline.json"):
        text = written.path(name).read_text()
        assert not re.search(r"\balice\b|Alice Murphy", text), name
        assert "developer 1" in text
    named = Incident(written.desk, written.since, tmp_path, written.notes)
    named.write("-e", "postmortem_names=true")
    assert "alice as postgres" in named.text


def test_the_document_asks_what_the_record_cannot_know_and_lint_finds_it_open(written: Incident) -> None:
    assert "developer 1 as postgres: was asked about `DROP TABLE orders` (`database shop on db1`), and answered yes" in written.text
    assert "Prompts on db1 say `PRODUCTION`" in written.text
    said = written.lint(rc=2)
    file = f"{written.path()}"
    line = next(number for number, text in enumerate(written.text.splitlines(), 1) if text == "[…]")
    assert re.search(rf"{re.escape(file.rpartition('/postmortems/')[2])}:{line}: \[…\] waits for an answer", said), said


def test_what_people_wrote_stays_when_it_runs_again_and_lint_is_content(written: Incident) -> None:
    row = "| Say the host in psql's prompt | operations | 2027-01-31 | look at the prompt of db1 | |"
    answered = written.text.replace("| […] | | | | |", row).replace("[…]", "We answered this.\nIn two lines.")
    head, *sections = re.split(r"(?m)^(?=## )", answered)
    # Sections moved, one heading and one end of evidence gone, and a word within the evidence.
    moved = head + "".join(reversed(sections)).replace("## Gaps in defence\n", "").replace("<!-- /evidence: gaps -->\n", "")
    moved = moved.replace("cleaning up the copy on staging", "cleaning up the copy on staging (so they believed)")
    written.path().write_text(moved)
    before = {line for block in json.loads(written.path("timeline.json").read_text())["evidence"].values() for line in block}
    announced = written.desk.ssh("carol", HOST, "announce orders are back")
    assert announced.returncode == 0, announced
    written.write()
    again = written.text
    kept = again.splitlines()
    assert [line for line in moved.splitlines() if line not in kept and line not in before and not line.startswith("<!--")] == []
    assert "(so they believed)" in again
    assert "orders are back" in again
    assert "operator 1" in again, "new evidence is there"
    assert row in again
    assert written.lint(rc=0) == ""


def test_an_earlier_one_that_is_like_it_is_named_with_what_is_still_open_there(written: Incident) -> None:
    done = written.write(title="Orders dropped again")
    assert "like " in done.stdout
    again = written.path(title="orders-dropped-again").read_text()
    folder = written.path().parent.name
    assert f"[{folder}](../{folder}/postmortem.md): `command DROP TABLE`, `object orders`, `host db1`" in again
    assert "still open there: `Say the host in psql's prompt`" in again


def test_all_that_is_wrong_with_what_was_asked_is_said_before_any_host_is_touched(incident: Incident, tmp_path: Path) -> None:
    (tmp_path / "notes.yml").write_text("notes: [{tim: now, text: x}]\n")
    said = {
        "postmortem_title": "",
        "postmortem_from": "soon",
        "postmortem_notes": str(tmp_path / "notes.yml"),
        "postmortem_folder": str(tmp_path / "x"),
    }
    done = incident.desk.play("postmortem", "-e", json.dumps(said), limit=None, rc=2)
    shown = " ".join((done.stdout + done.stderr).split())
    for part in (
        "postmortem_title: say in a few words what happened",
        "postmortem_from: not an RFC 3339 time ('soon')",
        "notes.yml: notes[0].tim: unknown key; did you mean `time`?",
    ):
        assert part in shown
    assert "Read what" not in shown
    assert not (tmp_path / "x").exists()


def test_no_word_of_what_was_asked_is_lost(incident: Incident, tmp_path: Path) -> None:
    """As a shell leaves it: its quotes do not reach Ansible."""
    folder = ["-e", f"postmortem_folder={tmp_path}"]
    incident.desk.play("postmortem", *folder, "-e", "postmortem_title=Orders table dropped", "-e", "postmortem_from=5 days ago", limit=HOST)
    (data,) = (json.loads(path.read_text()) for path in tmp_path.glob("*-orders-table-dropped/timeline.json"))
    assert data["title"] == "Orders table dropped"
    assert datetime.fromisoformat(data["until"]) - datetime.fromisoformat(data["from"]) == timedelta(days=5)
    # The collector is younger than that: the time before its first record is no time in which nothing happened.
    (gap,) = (gap for gap in data["gaps"] if gap["why"] == "the collector has nothing of it from before")
    first = min(event["time"] for event in data["events"] if event["host"] == HOST)
    assert (gap["host"], gap["from"]) == (HOST, data["from"])
    assert abs(datetime.fromisoformat(gap["until"]) - datetime.fromisoformat(first)) < timedelta(seconds=5)
    done = incident.desk.play("postmortem", *folder, "-e", "postmortem_title=a b postmortem_from=2 hours ago", limit=HOST, rc=2)
    assert "Ansible would drop `b hours ago`; put what has blanks into quotes" in " ".join((done.stdout + done.stderr).split())


def test_check_mode_writes_nothing(incident: Incident, tmp_path: Path) -> None:
    empty = Incident(incident.desk, incident.since, tmp_path / "x", incident.notes)
    empty.write("--check")
    assert not (tmp_path / "x").exists()


def test_a_host_that_cannot_be_reached_is_a_gap(incident: Incident, tmp_path: Path) -> None:
    alone = Incident(incident.desk, incident.since, tmp_path, incident.notes)
    alone.write("-e", json.dumps({"ansible_port": 1}), limit="web1")
    data = json.loads(alone.path("timeline.json").read_text())
    assert [(gap["host"], gap["kind"]) for gap in data["gaps"] if gap["host"] == "web1"] == [("web1", "none")]
    assert "could not be reached" in alone.text
    assert "0 of 1 hosts" in alone.text


def test_while_it_is_open_validate_warns_of_access_that_is_taken_away(written: Incident) -> None:
    desk = written.desk
    desk.write()
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "all"]):
        # As it was before the incident.
        date = {"GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z"}
        subprocess.run(["git", *command], cwd=desk.inventory, check=True, capture_output=True, env={**os.environ, **date})
    teams = desk.inventory / "group_vars/all/teams.yml"
    teams.write_text(teams.read_text().replace("- alice\n", ""))

    def warned() -> bool:
        done = desk.play("validate", "-e", f"postmortem_folder={written.folder}", limit=None, write=False)
        assert "loses all access on" not in done.stderr or "prod_access_people.alice: loses all access" in done.stderr
        return "prod_access_people.alice: loses all access" in done.stderr

    assert warned()
    document = written.path()
    open_documents = [document, written.path(title="orders-dropped-again")]
    texts = {path: path.read_text() for path in open_documents if path.exists()}
    for path, text in texts.items():
        path.write_text(text.replace("closed:", "closed: 2026-12-01", 1))
    assert not warned(), "nothing is open any more"
    for path, text in texts.items():
        path.write_text(text)
    people = desk.inventory / "group_vars/all/people.yml"
    people.write_text(people.read_text().replace("  alice:\n", "  alice:\n    because: own request\n"))
    assert not warned()
