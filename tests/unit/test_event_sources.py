"""Lines of the collector as events: real ones, hostile ones, and what is never believed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._event import KINDS, Event
from ansible_collections.safetynet.prod_access.plugins.module_utils._event_filter import Filter, passes
from ansible_collections.safetynet.prod_access.plugins.module_utils._event_sources import (
    IDENTIFIERS,
    NEEDLES,
    OUR_KINDS,
    UNKNOWN_TIME,
    read,
    read_journal,
)
from hypothesis import given
from hypothesis import strategies as st

RECORDS = Path(__file__).parent / "records"
FILES = sorted(RECORDS.glob("*.jsonl"))
NAMES = dict(
    item.split(":") for item in "0:root 102:postgres 104:postgres 1900:deploy 12001:alice 12002:bob 12003:carol 12004:mallory".split()
)
# What journald stamps on what alice's own programs send.
ALICE = {"_UID": "12001", "_AUDIT_LOGINUID": "12001", "_TRANSPORT": "syslog", "_EXE": "/usr/bin/logger"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_real_programs_recorded(file: Path) -> None:
    events = [read(line, NAMES) for line in file.read_bytes().splitlines(keepends=True)]
    expected = file.with_suffix(".events").read_text().splitlines()
    for event, text in zip(events, expected, strict=True):
        assert (event and event.to_data()) == json.loads(text)


def test_every_kind_of_people_was_recorded() -> None:
    kinds = {json.loads(line)["kind"] for file in FILES for line in file.with_suffix(".events").read_text().splitlines() if line != "null"}
    assert kinds == {"login", "logout", "session", "command", "sudo", "sql", "guard", "recording", "unverified"}
    assert set(NEEDLES) | {"unverified", "unreadable"} == set(KINDS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_filter_leaves_out_what_it_asks_for(file: Path) -> None:
    """What is looked for in the bytes of a record is never more than what is in the event."""
    for line in file.read_bytes().splitlines():
        event = read(line, NAMES)
        if event is None:
            continue
        words = [word for text in (event.what, *event.details.values()) for word in text.split()]
        wanted = [Filter(person=event.person), Filter(kinds=frozenset((event.kind,))), *(Filter(text=word.upper()) for word in words)]
        for each in wanted:
            assert each.matches(event), each
            assert passes(line, each.needles(NAMES), each.word), each


def line(journal: Any, **others: Any) -> bytes:
    return json.dumps({"seq": 1, "received": "2026-11-25T12:00:00Z", "host": "db1", "journal": journal, **others}).encode()


def event(journal: Any, names: dict[str, str] = NAMES, **others: Any) -> Event:
    found = read(line(journal, **others), names)
    assert found is not None
    return found


def sudo(act: str = "accept", stamps: dict[str, str] = ALICE, **data: Any) -> Event:
    said = {"submituser": "alice", "command": "/bin/x", "runargv": ["x", "a b"], "runuser": "root", **data}
    return event({**stamps, "SYSLOG_IDENTIFIER": "sudo", "MESSAGE": "@cee:" + json.dumps({"sudo": {act: said}})})


REAL_SUDO = {**ALICE, "_EXE": "/usr/bin/sudo"}


def test_a_person_is_whom_the_stamp_names() -> None:
    assert sudo().person == "alice"
    assert sudo(stamps={**ALICE, "_AUDIT_LOGINUID": "12009"}, submituser="alice").person == "#12009"
    assert sudo(stamps={"_UID": "0", "_TRANSPORT": "syslog", "_EXE": "/usr/bin/sudo"}, submituser="root").person == ""
    assert sudo(stamps={**REAL_SUDO, "_AUDIT_LOGINUID": "4294967295", "_SYSTEMD_OWNER_UID": "12002", "_UID": "0"}).kind == "unverified"
    assert sudo(stamps={**REAL_SUDO, "_AUDIT_LOGINUID": "4294967295", "_SYSTEMD_OWNER_UID": "12001"}).person == "alice"
    assert sudo(stamps={**REAL_SUDO, "_AUDIT_LOGINUID": "1; DROP"}).person == ""


def test_nobody_speaks_for_somebody_else() -> None:
    forged = [
        sudo(submituser="bob"),
        sudo(stamps={**ALICE, "_TRANSPORT": "journal"}),
        sudo(stamps={"_UID": "12001", "_TRANSPORT": "syslog", "_COMM": "logger"}),
        sudo(stamps={"_UID": "12001", "_TRANSPORT": "syslog"}),
        event({**ALICE, "SYSLOG_IDENTIFIER": "sshd", "MESSAGE": "Accepted publickey for bob from 192.0.2.1 port 1 ssh2"}),
        event({**ALICE, "SYSLOG_IDENTIFIER": "sshd", "MESSAGE": "Connection closed by invalid user x 192.0.2.1 port 1 [preauth]"}),
        event(
            {**ALICE, "_EXE": "/usr/sbin/sshd", "SYSLOG_IDENTIFIER": "sshd", "MESSAGE": "Accepted publickey for bob from 192.0.2.1 port 1"}
        ),
        event({"_UID": "0", "_COMM": "sshd", "SYSLOG_IDENTIFIER": "sshd", "MESSAGE": "Accepted publickey for bob from 192.0.2.1 port 1"}),
        event(
            {**ALICE, "SYSLOG_IDENTIFIER": "login", "MESSAGE": "pam_unix(login:session): session opened for user bob(uid=12002) by (uid=0)"}
        ),
        event(
            {**ALICE, "SYSLOG_IDENTIFIER": "systemd-logind", "SESSION_ID": "4", "USER_ID": "bob", "MESSAGE": "New session 4 of user bob."}
        ),
        event({**ALICE, "SYSLOG_IDENTIFIER": "CRON", "MESSAGE": "(bob) CMD (x)"}),
        event({**ALICE, "SYSLOG_IDENTIFIER": "snoopy", "MESSAGE": "anything"}),
        event({**ALICE, "SYSLOG_IDENTIFIER": "mysql-server_auditing", "MESSAGE": " db1,root,localhost,1,1,QUERY,x,'DROP TABLE x',0"}),
        event({**ALICE, "PROD_ACCESS_KIND": "heartbeat", "_TRANSPORT": "journal", "MESSAGE": "x"}),
        event({**ALICE, "PROD_ACCESS_KIND": "announcement", "MESSAGE": "by syslog"}),
        event({**ALICE, "PROD_ACCESS_KIND": "sudo", "_TRANSPORT": "journal", "MESSAGE": "x"}),
        event({**ALICE, "PROD_ACCESS_KIND": "guard", "PROD_ACCESS_LOGINUID": "12002", "_TRANSPORT": "journal", "MESSAGE": "x"}),
    ]
    for found in forged:
        assert found.kind == "unverified", found
        assert found.person in ("alice", ""), found
        assert found.details["doubt"], found


def ours(**fields: str) -> Event:
    return event({"_TRANSPORT": "journal", "_UID": "12001", "PROD_ACCESS_KIND": "announcement", "MESSAGE": "restarting", **fields})


def test_the_word_of_our_own_programs() -> None:
    """It counts where the journal has no stamp, and the user may give it."""
    assert ours(PROD_ACCESS_LOGINUID="12001").person == "alice"
    assert ours(PROD_ACCESS_LOGINUID="12001", _UID="0").person == "alice"
    assert ours(PROD_ACCESS_LOGINUID="12002").person == ""
    assert ours(PROD_ACCESS_LOGINUID="4294967295").person == ""
    assert ours(PROD_ACCESS_LOGINUID="12001", _AUDIT_LOGINUID="12001").person == "alice"
    assert ours().person == ""
    for kind in OUR_KINDS:
        found = ours(PROD_ACCESS_KIND=kind, PROD_ACCESS_STATUS="3", PROD_ACCESS_TARGET="db1", PROD_ACCESS_WHY="token=x", _UID="0")
        assert (found.kind, found.status, found.details) == (kind, 3, {"target": "db1", "why": "token=***"})


def test_sudo_in_full() -> None:
    assert sudo().what == "/bin/x 'a b'"
    assert sudo().details["doubt"] == "sent by /usr/bin/logger"
    assert "doubt" not in sudo(stamps=REAL_SUDO).details
    assert sudo(runargv="x").what == "/bin/x"
    assert sudo(runargv=["x", "it's \"\\"]).what == '/bin/x "it\'s \\"\\\\"'
    rejected = sudo("reject", reason="command not allowed")
    assert (rejected.what, rejected.status) == ("command not allowed: /bin/x 'a b'", 1)
    alert = sudo("alert", reason="problem parsing sudoers", command="")
    assert (alert.what, alert.status) == ("problem parsing sudoers", 1)
    assert sudo("exit", exit_value=3).what == "ended"
    assert sudo("exit", exit_value="3").status is None
    assert sudo("exit", exit_value=True, run_time={}).what == "ended after ? s"
    assert sudo("exit", signal="TERM", run_time={"seconds": 4}).what == "killed by TERM after 4 s"
    assert sudo(iolog_offset={}).kind == "command"
    assert sudo(stamps={**REAL_SUDO, "_UID": "0"}, submituser="root").kind == "sudo"
    for message in (
        "@cee:",
        "@cee:[]",
        '@cee:{"sudo":1}',
        '@cee:{"sudo":{"accept":1}}',
        '@cee:{"sudo":{"steal":{}}}',
        '@cee:{"sudo":{"accept":{',
    ):
        found = event({**ALICE, "SYSLOG_IDENTIFIER": "sudo", "MESSAGE": message})
        assert (found.kind, found.person) == ("unreadable", "alice")


def test_sudo_in_its_own_words_where_nobody_asked_it_for_json() -> None:
    stamps = {**REAL_SUDO, "SYSLOG_IDENTIFIER": "sudo"}
    where = "TTY=pts/0 ; PWD=/home/alice ; USER=postgres ; "
    found = event({**stamps, "MESSAGE": f"   alice : {where}ENV=A=1 ; COMMAND=/usr/bin/psql ; COMMAND=x"})
    assert (found.kind, found.what, found.user, found.status) == ("sudo", "/usr/bin/psql ; COMMAND=x", "postgres", None)
    assert found.details == {"directory": "/home/alice"}
    found = event({**stamps, "MESSAGE": f"alice : command not allowed ; {where}COMMAND=/bin/sh"})
    assert (found.user, found.status) == ("alice", 1)


def test_what_was_not_recorded() -> None:
    root = {"_UID": "0", "_TRANSPORT": "syslog"}
    opened = "pam_unix(login:session): session opened for user alice(uid=12001) by LOGIN(uid=0)"
    found = event({**root, "_EXE": "/usr/bin/login", "SYSLOG_IDENTIFIER": "login", "MESSAGE": opened})
    assert (found.kind, found.person) == ("login", "alice")
    failed = event({**ALICE, "_EXE": "/usr/bin/su", "SYSLOG_IDENTIFIER": "su", "MESSAGE": "FAILED SU (to root) alice on pts/0"})
    assert (failed.person, failed.user, failed.status, failed.details) == ("alice", "root", 1, {})
    job = event({**root, "_EXE": "/usr/sbin/cron", "SYSLOG_IDENTIFIER": "CRON", "MESSAGE": "(root) CMD (x)"})
    assert (job.person, job.user) == ("", "root")
    assert read(line({**root, "SYSLOG_IDENTIFIER": "systemd-logind", "MESSAGE": "Removed something"}), NAMES) is None
    assert read(line({**root, "SYSLOG_IDENTIFIER": "kernel", "MESSAGE": "x"}), NAMES) is None
    assert read(line({**root, "SYSLOG_IDENTIFIER": "snoopy", "MESSAGE": "login=(unknown) tty=(none) file=/bin/x argv=x"}), NAMES) is None
    database = {"_UID": "103", "_TRANSPORT": "syslog", "_EXE": "/usr/sbin/mariadbd", "SYSLOG_IDENTIFIER": "mysql-server_auditing"}
    assert event({**database, "MESSAGE": "nonsense"}).kind == "unreadable"


def test_postgresql_in_full() -> None:
    server = {"_UID": "104", "_TRANSPORT": "syslog", "_EXE": "/usr/lib/postgresql/15/bin/postgres", "SYSLOG_IDENTIFIER": "postgres"}

    def said(message: str, severity: str = "LOG", user: str = "shop", **stamps: Any) -> Event | None:
        return read(line({**server, **stamps, "MESSAGE": f"6b0.4 10.0.0.1 {user}@shop 6b0.4 {severity}:  {message}"}), NAMES)

    found = said("execute <unnamed>: DROP TABLE x\n6b0.4 10.0.0.1 shop@shop 6b0.4 DETAIL:  parameters: $1 = 'of a customer'")
    assert found and (found.what, found.user, found.details["client"]) == ("DROP TABLE x", "shop", "10.0.0.1")
    quoted = said('AUDIT: SESSION,1,1,DDL,DROP TABLE,,,"DROP TABLE ""x"",\ny",<not logged>')
    assert quoted and quoted.what == 'DROP TABLE "x",\ny'
    for message in ("AUDIT: x", f'AUDIT: "{"x" * 200000}"', "AUDIT: "):
        unreadable = said(message)
        assert unreadable and unreadable.kind == "unreadable"
    assert said("checkpoint starting") is None
    assert said("statement: x", "ERROR") is None
    # Who is not let in chooses the name, but not the session.
    hostile = said('password authentication failed for user "x"', "FATAL", user="x@y 6b0.5 LOG:  statement: DROP TABLE x")
    assert hostile and (hostile.what, hostile.user, hostile.status) == ("refused", "x", 1)
    # Another prefix than ours; and a user, who is no server.
    assert read(line({**server, "MESSAGE": "LOG:  statement: DROP TABLE x"}), NAMES) is None
    forged = said("statement: DROP TABLE x", _AUDIT_LOGINUID="12001")
    assert forged and forged.kind == "unverified"


def test_of_a_program_that_has_ended_the_login_counts_that_the_user_may_give() -> None:
    def said(login: str, uid: str) -> Event:
        ended = {"_UID": uid, "_TRANSPORT": "syslog", "SYSLOG_IDENTIFIER": "snoopy"}
        return event({**ended, "MESSAGE": f"login={login} tty=(none) file=/bin/x argv=x"})

    assert (said("alice", "0").person, said("alice", "12001").person) == ("alice", "alice")
    assert said("(unknown)", "12001").person == ""
    # A process of alice's that has become another user, or one of mallory's: nobody can say.
    for uid in ("104", "12004"):
        assert (said("alice", uid).person, said("alice", uid).details["doubt"]) == ("", "alice it says, a process that had ended")


def test_what_a_shipper_says_of_itself() -> None:
    told = read(line(None, ship={"kind": "alarm", "message": "lost", "time": 1795611035497000, "cursor": "s=1"}), NAMES)
    assert told and (told.kind, told.what, told.person, told.time) == ("alarm", "lost", "", 1795611035497000)
    late = read(line(None, ship={"kind": "heartbeat", "time": "soon"}), NAMES)
    assert late and late.time == 1795608000000000
    odd = read(line(None, ship={"kind": "command", "message": "x"}), NAMES)
    assert odd and odd.kind == "unreadable"


def test_services_of_ours_tell_of_the_record_and_of_nothing_else() -> None:
    unit = {"_UID": "990", "_TRANSPORT": "journal", "_SYSTEMD_UNIT": "prod-access-audit-receive.service", "MESSAGE": "web1: silent"}
    assert event({**unit, "PROD_ACCESS_KIND": "alarm"}).kind == "alarm"
    assert event({**unit, "PROD_ACCESS_KIND": "access_change"}).kind == "unverified"
    assert event({**unit, "PROD_ACCESS_KIND": "alarm", "_SYSTEMD_UNIT": "session-1.scope"}).kind == "unverified"


LAUREL = {"SYSLOG_IDENTIFIER": "laurel", "_TRANSPORT": "stdout", "_SYSTEMD_UNIT": "auditd.service", "_UID": "999"}


@pytest.mark.parametrize("forged", [{"_SYSTEMD_UNIT": "session-4.scope"}, {"_TRANSPORT": "syslog"}, {"_TRANSPORT": "journal"}])
def test_nobody_but_auditd_s_laurel_speaks_for_the_kernel(forged: dict[str, str]) -> None:
    found = read(line({**LAUREL, "MESSAGE": '{"SYSCALL": {"auid": 12001}, "EXECVE": {"ARGV": ["x"]}}', **forged}), NAMES)
    assert found and (found.kind, found.person) == ("unverified", "")


@pytest.mark.parametrize(("message", "kind"), [("parse error", "recording"), ('{"half": ', "unreadable")])
def test_what_laurel_says_in_words(message: str, kind: str) -> None:
    found = read(line({**LAUREL, "MESSAGE": message}), NAMES)
    assert found and found.kind == kind


def test_laurel_in_full() -> None:
    call = {"syscall": 59, "success": "yes", "exit": 0, "auid": 12001, "euid": 0, "ses": 4, "exe": "/usr/bin/a%20b", "tty": "(none)"}

    def said(**data: Any) -> Event | None:
        message = json.dumps({"ID": "1795611035.497:8", "SYSCALL": call, **data})
        return read(line({**LAUREL, "MESSAGE": message}), NAMES)

    found = said(EXECVE={"argc": 2, "ARGV": ["a", "50%25", "-pw=%ff"]})
    assert found and (found.what, found.person, found.user, found.session) == ("a 50% '-pw=\ufffd'", "alice", "root", "4")
    assert (found.time, found.details["program"]) == (1795611035497000, "/usr/bin/a b")
    denied = said(SYSCALL={**call, "success": "no", "exit": -13}, PATH=[{"name": "/root/x"}])
    assert denied and (denied.what, denied.status) == ("/root/x", 13)
    for path in (None, [], [1]):
        nameless = said(SYSCALL={**call, "exit": -13}, PATH=path)
        assert nameless and nameless.what == "''"
    assert said(SYSCALL={**call, "exit": -2}) is None
    assert said(SYSCALL={**call, "exit": "x"}) is None
    assert said(SYSCALL={**call, "syscall": 2, "exit": -13}) is None
    assert said(SYSCALL=None) is None
    assert said(SYSCALL={**call, "auid": 2**32 - 1}) is None
    for broken in ({"EXECVE": {}}, {"EXECVE": {"ARGV": "x"}}, {"CONFIG_CHANGE": [], "PROCTITLE": 1}):
        unreadable = said(**broken)
        assert unreadable and unreadable.kind == "unreadable"
    odd = said(ID="x", EXECVE={"ARGV": ["x"]}, CWD={"cwd": "/root"})
    assert odd and (odd.time, odd.details["directory"]) == (1795608000000000, "/root")


def test_a_journal_on_its_own() -> None:
    stamps = {**REAL_SUDO, "SYSLOG_IDENTIFIER": "sudo", "__CURSOR": "s=1", "__REALTIME_TIMESTAMP": "1795611075925121"}
    said = json.dumps({"sudo": {"exit": {"exit_value": 0}}})
    found = read_journal(json.dumps({**stamps, "MESSAGE": list(f"@cee:{said}".encode())}).encode(), NAMES, "db1")
    assert found and (found.host, found.record, found.time, found.status) == ("db1", "s=1", 1795611075925121, 0)
    for text in (b"", b"[]", b"\xff"):
        found = read_journal(text, NAMES, "db1")
        assert found and (found.kind, found.time) == ("unreadable", UNKNOWN_TIME)


HOSTILE = [
    b"",
    b"\n",
    b"null",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"host": "db1", "received": "2026-11-25T12:00:00Z", "journal": {"MESSAGE": "' + b"\xff\xfe" * 100,
    b'{"host": 1, "received": NaN, "seq": Infinity}',
    b'{"host": "db1", "received": "9999999-01-01T00:00:00Z", "journal": {}}',
    b'{"host": "db1", "received": "2026-11-25T12:00:00Z", "seq": ' + b"9" * 500_000 + b', "journal": []}',
    b'{"host": "db1", "received": "2026-11-25T12:00:00Z", "seq": ' + b"9" * 5_000_000 + b"}",
    b'{"host": "\\ud800", "received": "2026-11-25T12:00:00Z"}',
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_cannot_be_read_is_said_to_be(text: bytes) -> None:
    start = time.process_time()
    found = read(text, NAMES)
    assert time.process_time() - start < 2
    assert found and (found.kind, found.person) == ("unreadable", "")
    found.to_json()


def test_a_huge_argument_is_cut_and_said_to_be() -> None:
    found = sudo(runargv=["x", "y" * 500_000])
    assert found.kind == "sudo" and len(found.what) < 5000
    assert found.what.endswith("more characters)")
    start = time.process_time()
    huge = sudo(runargv=["x", "y" * 10_000_000])
    assert huge.kind == "unreadable" and len(huge.what) < 600
    assert time.process_time() - start < 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=6), below, max_size=3),
    max_leaves=6,
)
FIELDS = [
    *("MESSAGE", "_UID", "_EXE", "_COMM", "_AUDIT_LOGINUID", "_SYSTEMD_OWNER_UID", "_TRANSPORT", "_SOURCE_REALTIME_TIMESTAMP"),
    *("SESSION_ID", "USER_ID", "PROD_ACCESS_STATUS", "PROD_ACCESS_LOGINUID", "PROD_ACCESS_X", "_SYSTEMD_SESSION"),
]
MESSAGES = st.sampled_from(
    [
        *("pam_unix(su:session): session opened for user x(uid=1) by y(uid=2)", "New session", "Removed session 1.", "(a) CMD (b)"),
        *(
            "@cee:{}",
            "a,b,c,1,2,QUERY,d,'e',0",
            "login=a tty=x file=y argv=z argv=",
            "Accepted a for b from c port 1",
            "AUDIT: ",
            "statement: x",
        ),
    ]
)
LINES = st.fixed_dictionaries(
    {"host": st.just("db1") | JSON, "received": st.just("2026-11-25T12:00:00Z") | JSON},
    optional={
        "seq": JSON,
        "journal": st.dictionaries(
            st.sampled_from(FIELDS), st.sampled_from(["0", "12001", "syslog", "journal", "/usr/sbin/sshd"]) | MESSAGES | JSON
        )
        .flatmap(lambda fields: st.sampled_from(IDENTIFIERS).map(lambda name: {**fields, "SYSLOG_IDENTIFIER": name}))
        .flatmap(lambda fields: st.sampled_from(["", *sorted(OUR_KINDS)]).map(lambda kind: {**fields, "PROD_ACCESS_KIND": kind}))
        | JSON,
        "laurel": st.dictionaries(st.sampled_from(["ID", "SYSCALL", "EXECVE", "CWD", "PATH", "PROCTITLE", "CONFIG_CHANGE"]), JSON),
        "ship": st.dictionaries(st.sampled_from(["kind", "message", "time", "cursor"]), MESSAGES | JSON),
    },
)


@given(LINES)
def test_junk_is_an_event_or_none(data: dict[str, Any]) -> None:
    found = read(json.dumps(data).encode(), NAMES)
    assert found is None or Event.from_data(json.loads(found.to_json())) == found


@given(
    st.dictionaries(
        st.sampled_from(FIELDS), st.sampled_from(["12002", "0", "bob", "/usr/bin/sudo", "sudo", "syslog", "journal"]) | MESSAGES | st.text()
    )
)
def test_whatever_alice_sends_is_never_of_somebody_else(said: dict[str, str]) -> None:
    """She chooses every field that does not begin with an underscore, and can make journald see any program."""
    stamps = {name: text for name, text in said.items() if not name.startswith("_") or name in ("_EXE", "_COMM", "_TRANSPORT")}
    for name in (*IDENTIFIERS, ""):
        for kind in ("", *sorted(OUR_KINDS)):
            fields = {**stamps, "_UID": "12001", "_AUDIT_LOGINUID": "12001", "SYSLOG_IDENTIFIER": name, "PROD_ACCESS_KIND": kind}
            found = read(line(fields), NAMES)
            assert found is None or found.person == "alice"
