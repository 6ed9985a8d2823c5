"""What people ask for, as they say it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._event import Event, instant
from ansible_collections.safetynet.prod_access.plugins.module_utils._event_filter import Filter, collapsed, passes, when
from ansible_collections.safetynet.prod_access.plugins.module_utils._event_sources import UNKNOWN_TIME

NOW = instant("2026-11-25T12:34:56Z")
EVENT = Event(NOW, "db1", "sql", "DROP TABLE orders", "alice", details={"database": "shop"})


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("now", "2026-11-25T12:34:56Z"),
        ("today", "2026-11-25T00:00:00Z"),
        ("yesterday", "2026-11-24T00:00:00Z"),
        ("2 hours ago", "2026-11-25T10:34:56Z"),
        ("1 Week ago", "2026-11-18T12:34:56Z"),
        ("90s", "2026-11-25T12:33:26Z"),
        ("999999 weeks ago", "1970-01-01T00:00:01Z"),
        ("2026-11-20", "2026-11-20T00:00:00Z"),
        ("2026-11-20 08:30", "2026-11-20T08:30:00Z"),
        ("2026-11-20 08:30:15", "2026-11-20T08:30:15Z"),
        ("2026-11-20T08:30:15+01:00", "2026-11-20T07:30:15Z"),
    ],
)
def test_times_as_people_say_them(text: str, time: str) -> None:
    assert when(text, NOW) == instant(time)


@pytest.mark.parametrize("text", ["", "tomorrow", "2 moons ago", "2026-13-01", "2026-11-20T08:30:15", "hours ago"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        when(text, NOW)


def test_matching() -> None:
    assert Filter().matches(EVENT)
    assert Filter("alice", frozenset(("sql", "sudo")), "drop table", NOW, NOW + 1).matches(EVENT)
    assert Filter(text="SHOP").matches(EVENT)
    for wanted in (Filter("bob"), Filter(kinds=frozenset(("sudo",))), Filter(text="select"), Filter(since=NOW + 1), Filter(until=NOW)):
        assert not wanted.matches(EVENT)
    assert Filter(since=NOW).matches(Event(UNKNOWN_TIME, "db1", "unreadable", "x"))


def test_what_a_record_must_hold() -> None:
    names = {"12001": "alice", "5": "x"}
    assert Filter("alice").needles(names) == [(b"alice", b"12001")]
    assert Filter("#77").needles(names) == [(b"77",)]
    assert Filter(kinds=frozenset(("sudo", "sql"))).needles(names)[0][-1] == b'"sudo"'
    assert Filter(kinds=frozenset(("sudo", "unverified"))).needles(names) == []
    assert Filter(text="rm -rf /Data").word == b"data"
    assert Filter(text="--").word == b""
    assert Filter(text="refused").word == b""
    assert passes(b"a 12001 b", [(b"alice", b"12001")], b"")
    assert not passes(b"a 12002 b", [(b"alice", b"12001")], b"")
    assert passes(b"xDROPx", [], b"drop") and not passes(b"x", [], b"drop")
    assert passes(b'{"MESSAGE":[100]}', [], b"drop")


def test_the_days_of_files() -> None:
    assert Filter(since=NOW, until=NOW).days() == ("2026-11-24", "2026-12-26")
    assert Filter().days() == ("1970-01-01", "9999-12-30")


SUDO = "/bin/sh -c 'echo BECOME-SUCCESS-auvaprwtfeeayuqepaprrgkgssaphcfv ; /usr/bin/python3'"
BROUGHT = (
    "/bin/sh -c 'echo BECOME-SUCCESS-dqiguhramdwldwakkvmialdxlvvgoelk ; /usr/bin/python3 "
    "/home/deploy/.ansible/tmp/ansible-tmp-1795694815.4651709-25475-120850401865867/AnsiballZ_setup.py'"
)


def ran(second: int, what: str, **values: Any) -> Event:
    return replace(Event(second * 1_000_000, "web1", "command", what, person="deploy", user="root", session="c32"), **values)


@pytest.mark.parametrize("first", [SUDO, BROUGHT])
def test_the_commands_of_an_ansible_connection_are_counted(first: str) -> None:
    events = [
        ran(0, first, kind="sudo"),
        ran(1, "/usr/bin/locale -a"),
        ran(1, "restarting", kind="announcement"),
        ran(2, "/usr/bin/id", person="alice", session="4"),
        ran(3, first, kind="sudo"),
        ran(4, "ended after 0 s", kind="sudo", status=0),
        ran(5, "/usr/bin/vim", details={"terminal": "/dev/pts/0"}),
        ran(63, "/usr/bin/id", host="db1"),
        ran(70, "/usr/bin/id", host="db1"),
        ran(80, "/usr/bin/id"),
    ]
    counted = ran(4, "and 3 more of this connection of Ansible; --all shows them")
    assert list(collapsed(events)) == [events[0], *events[2:4], *events[6:9], counted, *events[9:]]
    assert list(collapsed(events[:5])) == [
        events[0],
        *events[2:4],
        replace(counted, time=3_000_000, what=counted.what.replace("3", "2", 1)),
    ]


@pytest.mark.parametrize(
    "what",
    [
        SUDO.replace("'echo", "'id; echo"),
        SUDO.replace("python3'", "python3 -c id'"),
        SUDO + " id",
        SUDO.replace("auva", "AUVA"),
        BROUGHT.replace("AnsiballZ_", "mine_"),
        "/usr/bin/id",
    ],
)
def test_what_only_looks_like_ansible_hides_nothing(what: str) -> None:
    events = [ran(0, what, kind="sudo"), ran(1, "/usr/bin/id")]
    assert list(collapsed(events)) == events


def test_a_connection_that_comes_again_later_is_another_one() -> None:
    events = [ran(0, SUDO), ran(1, "/usr/bin/id"), ran(55, "/usr/bin/id", host="db1"), ran(62, SUDO), ran(63, "/usr/bin/id")]
    texts = [event.what for event in collapsed(events)]
    one = "and 1 more of this connection of Ansible; --all shows them"
    assert texts == [SUDO, "/usr/bin/id", one, SUDO, one]


def test_one_command_of_ansible_is_itself() -> None:
    assert list(collapsed([ran(0, SUDO, kind="sudo")])) == [ran(0, SUDO, kind="sudo")]
