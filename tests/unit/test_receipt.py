"""Receipts: what stays proven when a run fails, what grows old, and what people are told."""

from __future__ import annotations

from typing import Any

from ansible_collections.safetynet.prod_access.plugins.module_utils._receipt import Outcome, alarms, metrics, plain, receipt, whole

GOOD = Outcome("mariadb", 1000, 1000, facts={"bytes": 5000, "seconds": 3.5})


def test_a_good_one() -> None:
    assert receipt(GOOD, None, 600) == {
        "name": "mariadb",
        "ok": True,
        "ended": "1970-01-01T00:16:40Z",
        "ended_epoch": 1000,
        "facts": {"bytes": 5000, "seconds": 3.5},
        "failed": "",
        "warnings": [],
        "tried": "1970-01-01T00:16:40Z",
        "seconds": 3.5,
        "good_until": 1600,
    }


def test_what_was_good_stays_known_when_the_next_one_fails() -> None:
    before = receipt(GOOD, None, 600)
    after = receipt(Outcome("mariadb", 1500, 1520, failed='no "server"\n at C:\\'), before, 600)
    assert {name: after[name] for name in ("ended", "ended_epoch", "facts", "good_until")} == {
        name: before[name] for name in ("ended", "ended_epoch", "facts", "good_until")
    }
    assert (after["ok"], after["failed"], after["seconds"]) == (False, "no 'server' at C:/", 20)
    assert alarms([after], 1590) == ["mariadb failed at 1970-01-01T00:25:00Z: no 'server' at C:/"]
    assert alarms([after], 1601)[1] == "mariadb: the last good one is of 1970-01-01T00:16:40Z"


def test_one_that_never_was_good() -> None:
    never = receipt(Outcome("files", 1500, 1520, failed="no network"), None, 600)
    assert "ended" not in never
    assert alarms([never], 1500) == ["files failed at 1970-01-01T00:25:00Z: no network", "files: the last good one is of never"]
    assert whole("backup", [never], [], 1500)["ok"] is False
    assert "ended" not in whole("backup", [never], [], 1500)


def test_one_of_a_clock_that_was_ahead_is_no_silence() -> None:
    ahead = receipt(Outcome("files", 90_000, 90_000), None, 600)
    assert alarms([ahead], 90_000 - 60) == []
    (said,) = alarms([ahead], 90_000 - 61)
    assert said.startswith("files: the last good one is of 1970-01-02T01:00:00Z, which is in the future")


def test_a_dump_that_has_shrunk_is_told() -> None:
    before = receipt(GOOD, None, 600)
    less = receipt(Outcome("mariadb", 2000, 2000, warnings=("odd",), facts={"bytes": 2499}), before, 600)
    assert less["warnings"] == ["odd", "it has shrunk from 5000 bytes to 2499; see whether data is missing"]
    assert alarms([less], 2000) == [f"mariadb: {warning}" for warning in less["warnings"]]
    assert receipt(Outcome("mariadb", 2000, 2000, facts={"bytes": 2500}), before, 600)["warnings"] == []
    assert receipt(Outcome("mariadb", 2000, 2000), before, 600)["warnings"] == []


def test_all_of_them_are_as_old_as_the_oldest() -> None:
    parts: list[dict[str, Any]] = [receipt(GOOD, None, 600), receipt(Outcome("files", 900, 900), None, 600)]
    assert whole("backup", parts, ["a database is not backed up"], 1000) == {
        "name": "backup",
        "ok": True,
        "ended": "1970-01-01T00:15:00Z",
        "alarm": "a database is not backed up",
        "good_until": 1500,
        "parts": ["files", "mariadb"],
    }
    assert whole("backup", [], [], 0) == {"name": "backup", "ok": False, "alarm": "", "good_until": 0, "parts": []}


def test_what_prometheus_reads() -> None:
    text = metrics("backup", [receipt(GOOD, None, 600), receipt(Outcome('a"b\n', 1, 2, failed="no"), None, 600)])
    assert 'prod_access_backup_last_good_seconds{part="mariadb"} 1000\n' in text
    assert 'prod_access_backup_ok{part="a_b_"} 0\n' in text
    assert 'prod_access_backup_bytes{part="mariadb"} 5000\n' in text
    assert "# TYPE prod_access_backup_duration_seconds gauge\n" in text


def test_text_of_a_receipt_is_safe_for_a_shell_that_reads_lines() -> None:
    assert plain('a"b\\c\n"ended": "x') == "a'b/c 'ended': 'x"
    assert len(plain("x" * 1000)) == 500
    many = [receipt(Outcome(str(number), 0, 0, "x" * 1000), None, 600) for number in range(5)]
    assert "4 failed at" in whole("backup", many, [], 0)["alarm"], "the last one is seen as well"
