"""What the journal of a host is told: fields that nobody's text can add to, and never a wait."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._event_sources import read_journal
from ansible_collections.safetynet.prod_access.plugins.module_utils._journal import entry, harmless, tell, tell_of_access, tell_of_run
from hypothesis import given
from hypothesis import strategies as st


def test_an_entry_as_it_is_sent(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        path = str(tmp_path / "journal")
        journal.bind(path)
        (tmp_path / "loginuid").write_text("1900")
        assert tell("guard", "sql", "refused", {"WHY": "no\nPRIORITY=0"}, journal=path, loginuid=str(tmp_path / "loginuid")) is None
        assert (
            journal.recv(10000).decode()
            == """\
MESSAGE=refused
PRIORITY=5
SYSLOG_IDENTIFIER=prod-access-sql
PROD_ACCESS_KIND=guard
PROD_ACCESS_WHY=no PRIORITY=0
PROD_ACCESS_LOGINUID=1900
"""
        )
        journal.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        answers = {tell("guard", "sql", "refused", {}, journal=path) for _attempt in range(1000)}
        assert tell("guard", "sql", "refused", {}, wait=0.01, journal=path) == f"the journal ({path}) takes nothing: timed out"
    assert answers == {None, f"the journal ({path}) takes nothing: Resource temporarily unavailable"}
    assert tell("guard", "sql", "refused", {}, journal=path) == f"the journal ({path}) takes nothing: Connection refused"
    nowhere = str(tmp_path / "nowhere")
    assert tell("guard", "sql", "refused", {}, journal=nowhere, loginuid=nowhere) is not None


@given(st.text(), st.text())
def test_no_text_makes_a_field_of_its_own(message: str, why: str) -> None:
    lines = entry("guard", "sql", message, {"WHY": why}, why).decode().split("\n")
    assert len(lines) == 7
    assert all(line.isprintable() for line in lines)


@given(st.text())
def test_what_is_harmless_stays_so(text: str) -> None:
    assert harmless(text).isprintable()
    assert harmless(harmless(text)) == harmless(text)


def test_whose_access_was_changed(tmp_path: Path) -> None:
    changes = [
        {"act": "save", "person": None, "before": [], "after": ["memory"], "why": []},
        {"act": "write_keys", "person": "alice", "before": ["key A"], "after": ["key B"], "why": []},
        {"act": "write_rules", "person": "alice", "before": [], "after": ["everything"], "why": []},
        {"act": "close_account", "person": "dave", "before": ["account"], "after": [], "why": []},
    ]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        path = str(tmp_path / "journal")
        journal.bind(path)
        tell_of_access(changes, "ops on desk", journal=path)
        alice, dave = (journal.recv(10000).decode() for _person in range(2))
    assert "MESSAGE=access of alice changed by ops on desk: -key A; +key B; +everything\n" in alice
    assert "PROD_ACCESS_ACTION=write_keys write_rules\nPROD_ACCESS_OWNER=ops on desk\nPROD_ACCESS_TARGET=alice\n" in alice
    assert "MESSAGE=access of dave changed by ops on desk: -account\n" in dave


@pytest.mark.parametrize(
    ("changes", "error", "result", "status"),
    [
        (0, "", "nothing was changed", "0"),
        (1, "", "1 change", "0"),
        (3, "", "3 changes", "0"),
        (0, "no sudo", "failed: no sudo", "1"),
        (2, "no sudo", "2 changes; failed: no sudo", "1"),
    ],
)
def test_what_came_of_a_run(tmp_path: Path, changes: int, error: str, result: str, status: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        path = str(tmp_path / "journal")
        journal.bind(path)
        tell_of_run("site", "ann on desk", changes, error, journal=path)
        fields = dict(line.split("=", 1) for line in journal.recv(10000).decode().splitlines())
    assert fields["MESSAGE"] == f"playbook site, run by ann on desk: {result}"
    assert (fields["PROD_ACCESS_RESULT"], fields["PROD_ACCESS_STATUS"]) == (result, status)
    assert (fields["PROD_ACCESS_PLAYBOOK"], fields["PROD_ACCESS_OWNER"]) == ("site", "ann on desk")
    assert (fields["PROD_ACCESS_KIND"], fields["SYSLOG_IDENTIFIER"]) == ("automation", "prod-access-run")


def test_what_automation_did_is_roots_alone_to_say() -> None:
    fields = {"PROD_ACCESS_KIND": "automation", "MESSAGE": "x", "_TRANSPORT": "journal", "__REALTIME_TIMESTAMP": "1795688100000000"}
    kinds = []
    for uid in ("0", "1000"):
        event = read_journal(json.dumps({**fields, "_UID": uid}).encode(), {"1000": "alice"}, "web1")
        assert event is not None
        kinds.append(event.kind)
    assert kinds == ["automation", "unverified"]
