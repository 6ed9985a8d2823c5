"""The record looks at itself: a table of what is seen, by what, and as whose."""

from __future__ import annotations

import re

from desk import FLEET, Desk, host

OPERATOR = ("-e", "ansible_user=carol", "-e", "audit_selftest_cron=false")
LIMIT = "web1,web2,db1"


def table(said: str) -> dict[str, dict[str, str]]:
    """What is said of each canary, by host."""
    found: dict[str, dict[str, str]] = {}
    rows: dict[str, str] = {}
    for line in said.splitlines():
        if header := re.match(r"(\w+): canaries of carol", line):
            rows = found.setdefault(header[1], {})
        elif row := re.match(r"  (\S.{17}) (.+)", line):
            rows[row[1].strip()] = row[2]
    return found


def test_the_table_says_what_is_seen_and_what_is_not(desk: Desk) -> None:
    before = host("web1", "crontab -u carol -l 2>&1; ls /tmp | sort", check=False)
    found = table(desk.play("audit_selftest", *OPERATOR, limit=LIMIT).stdout)
    assert sorted(found) == ["db1", "web1", "web2"]
    for name, rows in found.items():
        for canary in ("ssh command", "interactive shell", "script", "base64 | sh", "python", "sudo -i", "su", "at"):
            seen = re.match(r"seen by ([\w, ]+), as carol's, after (\d+\.\d) s$", rows[canary])
            assert seen, (name, canary, rows[canary])
            assert float(seen[2]) < 5, (name, canary, rows[canary])
        assert rows["sudo -i"].startswith("seen by snoopy, sudo, "), name
        for canary in ("shell builtin", "static binary", "systemd-run"):
            assert rows[canary].startswith("not seen: "), (name, canary)
        assert rows["cron"] == "not tried: not asked for"
    for canary in ("postgresql", "mariadb"):
        assert found["db1"][canary].startswith(f"seen, not whose by {canary}, after ")
        assert found["web1"][canary] == "not tried: no such database on this host"
    assert host("web1", "crontab -u carol -l 2>&1; ls /tmp | sort", check=False) == before


def test_a_record_that_does_not_arrive_is_a_broken_promise(desk: Desk) -> None:
    host("web1", "systemctl stop prod-access-audit-ship")
    try:
        done = desk.play("audit_selftest", *OPERATOR, limit="web1", rc=2)
    finally:
        host("web1", "systemctl start prod-access-audit-ship")
    assert table(done.stdout)["web1"]["su"] == "not seen: see what this host records: /etc/prod-access/audit.json"
    assert "the record is not what it is promised to be" in done.stdout


def test_no_canary_sings_in_check_mode(desk: Desk) -> None:
    assert FLEET.exists()
    done = desk.play("audit_selftest", "--check", *OPERATOR, limit="web1")
    assert "canaries of" not in done.stdout
