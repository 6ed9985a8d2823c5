"""What people announce goes on record with their own name, whatever they say and whoever they have become."""

from __future__ import annotations

import json
import shlex

import pytest
from desk import HOSTS, Desk, host

EVERY_HOST = pytest.mark.parametrize("name", HOSTS)


def entries(name: str, since: str, kind: str = "announcement") -> list[dict[str, str]]:
    said = host(name, f"journalctl --sync; journalctl --since=@{since} -o json PROD_ACCESS_KIND={kind}")
    return [json.loads(line) for line in said.splitlines()]


@EVERY_HOST
@pytest.mark.parametrize("way", ["{}", "sudo -n {}", "sudo -n -i {}", "sudo -n su -c '{}'", "sh -c '{}'"])
def test_it_has_the_name_of_whoever_logged_in(desk: Desk, name: str, way: str) -> None:
    since = host(name, "date +%s.%N")
    done = desk.ssh("alice", name, way.format("announce restarting search"))
    assert (done.returncode, done.stdout) == (0, f"announced from {name}: restarting search\n"), done
    (entry,) = entries(name, since)
    assert entry["MESSAGE"] == "restarting search"
    # The journal's own stamp is not to be had in a container of Debian 13.
    assert entry.get("_AUDIT_LOGINUID", entry["PROD_ACCESS_LOGINUID"]) == host(name, "id -u alice")


@EVERY_HOST
def test_no_text_forges_a_field_or_another_line(desk: Desk, name: str) -> None:
    since = host(name, "date +%s.%N")
    text = "x\nPROD_ACCESS_LOGINUID=0\nPRIORITY=0 \x1b[2J$(id) `id` %n привет"
    done = desk.ssh("alice", name, f"announce {shlex.quote(text)}")
    assert done.returncode == 0, done
    assert "\x1b" not in done.stdout
    (entry,) = entries(name, since)
    assert entry["MESSAGE"] == "x PROD_ACCESS_LOGINUID=0 PRIORITY=0 [2J$(id) `id` %n привет"
    assert entry["PROD_ACCESS_LOGINUID"] == host(name, "id -u alice")
    assert entry["PRIORITY"] == "5"


@EVERY_HOST
def test_what_says_nothing_or_too_much_is_refused(desk: Desk, name: str) -> None:
    for text in ("''", "'  '", "x" * 501):
        done = desk.ssh("alice", name, f"announce {text}")
        assert done.returncode == 2
        assert "announce: say it in 1 to 500 characters, not" in done.stderr
    assert desk.ssh("alice", name, "announce").returncode == 2
    assert "example: announce restarting search" in desk.ssh("alice", name, "announce --help").stdout


def test_where_nobody_can_be_told_that_is_said(desk: Desk) -> None:
    host("web1", "mount --bind /dev/null /run/systemd/journal/socket")
    try:
        done = desk.ssh("alice", "web1", "announce restarting search")
    finally:
        host("web1", "umount /run/systemd/journal/socket")
    assert done.returncode == 1
    assert "announce: nobody was told, since the journal (/run/systemd/journal/socket) takes nothing:" in done.stderr


@EVERY_HOST
def test_a_change_of_access_is_told_too(desk: Desk, name: str) -> None:
    desk.forget("nora")
    since = host(name, "date +%s.%N")
    desk.person("nora", grant={"sudo": "full"})
    try:
        desk.access("--check", limit=name)
        assert entries(name, since, "access_change") == [], "nothing has happened yet"
        desk.access(limit=name)
        told = [entry for entry in entries(name, since, "access_change") if entry["PROD_ACCESS_TARGET"] == "nora"]
        assert len(told) == 1
        assert told[0]["MESSAGE"].startswith("access of nora changed by root on ")
        assert "create_account" in told[0]["PROD_ACCESS_ACTION"]
        assert "write_rules" in told[0]["PROD_ACCESS_ACTION"]
    finally:
        desk.forget("nora")
