"""What the journal of a host is told: fields that nobody's text can add to, and never a wait."""

from __future__ import annotations

import socket
from pathlib import Path

from ansible_collections.safetynet.prod_access.plugins.module_utils._journal import entry, harmless, tell, tell_of_access
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
