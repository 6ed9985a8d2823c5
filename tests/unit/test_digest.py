"""Events drawn together: nothing is lost, what matters stays by itself, and there are never more than people can look at."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._digest import (
    SILENCE,
    Danger,
    Digest,
    Item,
    backups,
    dangers,
    digest,
    fit,
    receipts,
    share,
)
from ansible_collections.safetynet.prod_access.plugins.module_utils._event import Event, instant, written
from ansible_collections.safetynet.prod_access.plugins.module_utils._event_sources import UNKNOWN_TIME
from hypothesis import given
from hypothesis import strategies as st

START = instant("2026-11-25T12:00:00Z")
SECOND = 1_000_000


def event(seconds: float = 0, kind: str = "command", what: str = "id", **more: Any) -> Event:
    return Event(START + int(seconds * SECOND), "db1", kind, what, **more)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (event(kind="sql", what="DROP TABLE orders"), [("DROP TABLE", ("orders",))]),
        (event(kind="sql", what="SELECT 1"), []),
        (event(kind="guard", what="x", details={"action": "DROP TABLE a, b"}), [("DROP TABLE", ("a", "b"))]),
        (event(kind="guard", what="x", details={"action": "rm -rf /etc"}), [("rm", ("/etc",))]),
        (event(kind="guard", what="x"), []),
        (event(what="psql -c 'TRUNCATE orders' shop"), [("TRUNCATE", ("orders",))]),
        (event(kind="sudo", what="/usr/sbin/reboot"), [("reboot", ())]),
        (event(what="rm -rf /tmp/x"), []),
        (event(what="rm -rf '/etc"), []),
        (event(what="sudo rm"), []),
        (event(what="echo rm"), []),
        (event(what="sudo"), []),
        (event(kind="login", what="rm -rf /etc"), []),
    ],
)
def test_what_destroys_data_is_known_also_where_nobody_was_asked(given: Event, found: list[Any]) -> None:
    assert dangers(given) == [Danger(*one) for one in found]


def test_what_is_alike_and_near_is_one_item_that_counts() -> None:
    made = digest([event(0, record="1"), event(30, record="2"), event(500), event(501, what="ls")], 100)
    first, later, other = made.to_data(START, START)["items"]
    assert (first["count"], first["last"], first["record"]) == (2, written(START + 30 * SECOND), "1")
    assert first["more"] == [{"time": written(START + 30 * SECOND), "what": "id", "record": "2"}]
    assert "count" not in later
    assert other["what"] == "ls"
    assert "heavy" not in first


def test_of_many_only_some_are_kept_as_they_were() -> None:
    (item,) = digest([event(second) for second in range(20)], 100).items
    assert (item.count, len(item.more)) == (20, 2)


def test_what_is_heavy_says_so_and_what_it_destroys() -> None:
    (item,) = digest([event(kind="sql", what="DROP TABLE orders")], 10).items
    data = item.to_data()
    assert (data["heavy"], data["dangers"]) == (True, [["DROP TABLE", "orders"]])
    assert Item.of(event(kind="announcement", what="x"), []).to_data()["heavy"]
    long = Item.of(event(what="x" * 500), []).to_data()["what"]
    assert long == "x" * 400 + "… (100 more characters)"


KINDS = ("command", "sql", "guard", "login", "announcement", "recording")


@given(
    events=st.lists(
        st.builds(
            event,
            st.integers(0, 100_000),
            st.sampled_from(KINDS),
            st.sampled_from(["id", "ls", "DROP TABLE a", "SELECT 1", "rm -rf /etc"]),
            person=st.sampled_from(["alice", "bob", ""]),
        ),
        max_size=120,
    ),
    most=st.integers(1, 20),
)
def test_no_event_is_lost_whatever_is_drawn_together(events: list[Event], most: int) -> None:
    made = digest(sorted(events, key=lambda one: one.time), most)
    fit({"db1": made}, most)
    assert sum(item.count for item in made.items) == len(events)
    # Each kind keeps one item, or two where some of it is heavy.
    assert len(made.items) <= max(most, 2 * len(KINDS))
    assert all(item.event.time <= item.last for item in made.items)
    if events:
        assert min(item.event.time for item in made.items) == min(one.time for one in events)
        assert max(item.last for item in made.items) == max(one.time for one in events)


def test_what_matters_stays_by_itself_among_very_many() -> None:
    events = [event(second, what=f"command{second % 700} {second}", person=f"p{second % 7}") for second in range(5000)]
    events.append(event(4000.5, "guard", "confirmed: DROP TABLE orders", person="alice", details={"action": "DROP TABLE orders"}))
    made = digest(sorted(events, key=lambda one: one.time), 50)
    assert len(made.items) <= 100
    assert [item.count for item in made.items if item.dangers] == [1]
    assert made.destroyed


def test_hosts_on_which_nothing_heavy_happened_are_drawn_together_first() -> None:
    quiet = digest([event(second, what=f"x{second}") for second in range(90)], 100)
    loud = digest([*(event(second, what=f"x{second}") for second in range(90)), event(91, "sql", "DROP TABLE a")], 100)
    fit({"quiet": quiet, "loud": loud}, 100)
    assert len(loud.items) == 91
    assert len(quiet.items) < 10
    assert not quiet.destroyed
    fit({"loud": loud}, 100)
    assert len(loud.items) == 91
    assert not Digest(1).coarsen(99)


def test_what_is_heavy_is_never_hidden_in_what_is_not() -> None:
    made = digest([event(second, "sql", f"{what} t{second}") for second in range(40) for what in ("SELECT", "DROP TABLE")], 100)
    fit({"db1": made}, 1)
    assert [(item.is_heavy, item.count) for item in made.items] == [(False, 40), (True, 40)]


def test_silence_is_known_of_hosts_that_say_that_they_are_there() -> None:
    beats = [event(second, "heartbeat", "recording") for second in (200, 260, 320, 1000, 1181, 1361)]
    made = digest([*beats, UNKNOWN], 100).to_data(START, START + 2000 * SECOND)
    times = [[instant(time) - START for time in pair] for pair in made["silences"]]
    pairs = [(0, 200), (320, 1000), (1000, 1181), (1361, 2000)]
    assert times == [[begin * SECOND, end * SECOND] for begin, end in pairs]
    assert made["items"] == []
    assert (made["unplaced"], made["counts"]) == (1, {"heartbeat": 6, "unreadable": 1})
    assert digest([event(0), event(5000)], 100).to_data(START, START + 9000 * SECOND)["silences"] == []
    assert digest([], 100).to_data(START, START + 9000 * SECOND)["silences"] == []
    whole = digest([event(second, "heartbeat", "x") for second in range(0, 600, 60)], 100)
    assert whole.to_data(START, START + 600 * SECOND)["silences"] == []
    assert SILENCE == 180 * SECOND


UNKNOWN = Event(UNKNOWN_TIME, "db1", "unreadable", "?")


def test_the_clock_is_judged_by_the_shortest_way() -> None:
    def late(seconds: float, way: float, kind: str = "command") -> Event:
        return event(seconds, kind, received=written(START + int((seconds + way) * SECOND)))

    assert digest([late(1, 40), late(2, 0.5), late(3, 5)], 100).ahead == SECOND // 2
    assert digest([late(1, 3), late(2, -7)], 100).ahead == -7 * SECOND
    # Not each of very many is looked at, but each sign of life is.
    many = [late(second, 5) for second in range(600)]
    assert digest([*many, late(700, 1)], 100).ahead == 5 * SECOND
    assert digest([*many, late(700, 1, "heartbeat")], 100).ahead == SECOND
    assert digest([event()], 100).ahead is None


def test_of_backups_the_last_of_each_part_and_result_counts() -> None:
    def backup(seconds: int, part: str, result: str) -> Event:
        return event(seconds, "backup", "x", details={"part": part, "result": result})

    found = backups([backup(1, "files", "good"), backup(2, "files", "good"), backup(3, "files", "failed"), backup(4, "pg", "good")])
    assert [one["time"][17:19] for one in found] == ["02", "03", "04"]


def test_receipts_are_read_as_far_as_they_are_receipts() -> None:
    found = receipts(
        {"backup": {"ended": "2026-11-25T02:00:00Z"}, "restore-pg": {"ended": "x", "ok": False}, "odd": [], "odder": {"ended": 1}}
    )
    assert list(found) == [
        {"kind": "backup", "part": "", "ended": "2026-11-25T02:00:00Z", "ok": True},
        {"kind": "restore", "part": "pg", "ended": "x", "ok": False},
    ]


def test_very_many_different_ones_do_not_fill_the_memory() -> None:
    made = digest([event(number / 100, what=f"x{number}") for number in range(10_050)], 10)
    assert sum(item.count for item in made.items) == 10_050
    assert len(made._known) == 50


def test_each_host_has_its_share() -> None:
    assert [share(hosts) for hosts in (0, 1, 50, 500, 5000)] == [2000, 2000, 1000, 100, 100]
