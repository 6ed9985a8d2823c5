"""What is asked back, and what the log of changes says of tables that were dropped."""
# Messages and a program's output stand whole, as people see them.
# ruff: noqa: E501

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._wanted import Drop, ago, drops, label, parse, segments

NOW = Moment.parse("2026-11-26T12:00:00Z").epoch
# Of pg_waldump 17 and 15; the messages of caches are cut short.
LOG = """\
rmgr: Transaction len (rec/tot):     34/    34, tx:        799, lsn: 0/0B036000, prev 0/0B035FD0, desc: COMMIT 2026-11-26 11:57:08.100000 UTC
rmgr: Transaction len (rec/tot):   2925/  2925, tx:        800, lsn: 0/0B036E08, prev 0/0B036DD0, desc: COMMIT 2026-11-26 11:57:09.648645 UTC; \
rels: base/16385/16431 base/16385/16427; dropped stats: 2/16385/16427 2/16385/16435 3/16385/7; inval msgs: catcache 80 catcache 79
rmgr: Transaction len (rec/tot):    821/   821, tx:        786, lsn: 0/0C016170, prev 0/0C016138, desc: COMMIT 2026-11-26 11:57:10 UTC; \
rels: base/5/16427; dropped stats: 2/5/16427; inval msgs: catcache 80
rmgr: Transaction len (rec/tot):    453/   453, tx:        787, lsn: 0/0C016200, prev 0/0C016170, desc: COMMIT 2026-11-26 11:57:11 UTC; \
dropped stats: 2/5/16430; inval msgs: catcache 80
rmgr: Transaction len (rec/tot):     54/    54, tx:        801, lsn: 0/0C016270, prev 0/0C016238, desc: ABORT 2026-11-26 11:57:10.5 UTC; \
rels: base/16385/99; dropped stats: 2/16385/99
"""


def test_drops_of_one_database() -> None:
    first, second = drops(LOG, 16385)
    assert first == Drop(800, "2026-11-26T11:57:09.648645Z", 16427)
    assert second.oid == 16435
    assert first.moment == Moment.parse("2026-11-26T11:57:09Z")
    assert list(drops(LOG, 5)) == [Drop(786, "2026-11-26T11:57:10Z", 16427), Drop(787, "2026-11-26T11:57:11Z", 16430, temporary=True)]


def test_segments_follow_one_another_over_logs_and_sizes() -> None:
    assert segments("0000000100000000000000FE", "000000010000000100000001") == [
        "0000000100000000000000FE",
        "0000000100000000000000FF",
        "000000010000000100000000",
        "000000010000000100000001",
    ]
    assert segments("000000010000000000000003", "000000020000000100000000", 1 << 30) == [
        "000000020000000000000003",
        "000000020000000100000000",
    ]


@pytest.mark.parametrize(
    ("params", "name", "mariadb"),
    [
        ({"table": "shop.public.orders", "to": "before_drop"}, "shop.public.orders", False),
        ({"table": "shop.orders", "to": "2026-11-26T11:00:00Z"}, "shop.orders", True),
        ({"database": "shop", "to": datetime.datetime(2026, 11, 26, 11, tzinfo=datetime.UTC)}, "shop", False),
        ({"files": "/etc", "to": "2026-11-26T11:00:00+01:00"}, "/etc", False),
        ({"host": True, "to": "2026-11-26T11:00:00Z"}, "the whole host", False),
    ],
)
def test_what_can_be_asked(params: dict[str, Any], name: str, mariadb: bool) -> None:
    wanted, faults = parse(params, NOW)
    assert faults == []
    assert wanted is not None
    assert (wanted.name, wanted.mariadb) == (name, mariadb)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (
            {"to": "2026-11-26T11:00:00Z"},
            ["say what is wanted back: one of restore_table, restore_database, restore_files and restore_host"],
        ),
        (
            {"table": "a.b.c", "database": "d", "to": "2026-11-26T11:00:00Z"},
            ["say what is wanted back: one of restore_table, restore_database, restore_files and restore_host"],
        ),
        (
            {"table": "a", "to": "2026-11-26T11:00:00Z"},
            ["restore_table: `a` is no table; write database.schema.table, or database.table for MariaDB"],
        ),
        (
            {"table": "a.b;.c", "to": "2026-11-26T11:00:00Z"},
            ["restore_table: `a.b;.c` is no table; write database.schema.table, or database.table for MariaDB"],
        ),
        ({"database": "a b", "to": "2026-11-26T11:00:00Z"}, ["restore_database: `a b` is no name of a database"]),
        ({"files": "etc", "to": "2026-11-26T11:00:00Z"}, ["restore_files: `etc` has to be absolute and without `..`"]),
        ({"files": "/a/../b", "to": "2026-11-26T11:00:00Z"}, ["restore_files: `/a/../b` has to be absolute and without `..`"]),
        (
            {"files": "/a", "to": "before_drop"},
            ["restore_to: before_drop is for tables; write a time, such as 2026-11-26T11:00:00Z"],
        ),
        (
            {"table": "a.b.c", "to": "2026-11-26T12:00:01Z"},
            ["restore_to: 2026-11-26T12:00:01Z is in the future; it is 2026-11-26T12:00:00Z"],
        ),
        (
            {"table": "a.b.c", "to": ""},
            ["restore_to: there is none; write a time with its zone, such as 2026-11-26T11:00:00Z, or before_drop"],
        ),
        (
            {"table": "a.b.c", "to": "2026-11-26T11:00:00"},
            ["restore_to: the time has no zone; write a time with its zone, such as 2026-11-26T11:00:00Z, or before_drop"],
        ),
    ],
)
def test_what_cannot_be_asked(params: dict[str, Any], said: list[str]) -> None:
    assert parse(params, NOW) == (None, said)


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert len(parse({"table": "a", "database": "b c", "to": "x"}, NOW)[1]) == 4


def test_a_label_is_the_same_each_time_and_fits_into_a_name() -> None:
    moment = Moment.parse("2026-11-26T00:00:00Z")
    assert label("restored", "orders", moment) == "restored_orders_20261126_000000"
    assert label("restored", "/etc/ssh", moment) == "restored_etc_ssh_20261126_000000"
    assert len(label("restored", "Ä" + "x" * 100, moment) + "_unfinished") <= 63


def test_spans_of_time() -> None:
    assert [ago(seconds) for seconds in (0, 119, 120, 7200, 200000)] == ["0 seconds", "119 seconds", "2 minutes", "2 hours", "2 days"]
