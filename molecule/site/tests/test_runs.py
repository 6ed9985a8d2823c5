"""Every run of our playbooks tells of itself: who ran what, and what came of it; once on each host that it touched."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from desk import HOSTS, Desk, host

# What they record goes there.
WITH_COLLECTOR = "web1,web2,log1,backup1"


def runs(name: str, since: str) -> list[dict[str, str]]:
    said = host(name, f"journalctl --sync; journalctl --since=@{since} -o json PROD_ACCESS_KIND=automation")
    return [json.loads(line) for line in said.splitlines()]


@pytest.fixture
def since() -> dict[str, str]:
    return {name: host(name, "date +%s.%N") for name in HOSTS}


def test_a_run_is_one_event_on_each_host_that_it_touched(desk: Desk) -> None:
    desk.access()
    since = {name: host(name, "date +%s.%N") for name in HOSTS}
    desk.access("--check")
    assert [runs(name, since[name]) for name in HOSTS] == [[], []]
    desk.access(limit="web1")
    (run,) = runs("web1", since["web1"])
    assert run["PROD_ACCESS_PLAYBOOK"] == "access"
    assert run["PROD_ACCESS_OWNER"].startswith("root on ")
    assert run["PROD_ACCESS_RESULT"] == "nothing was changed"
    assert run["_UID"] == "0"
    assert runs("web2", since["web2"]) == []


def test_it_is_named_by_what_somebody_started_and_says_what_was_done(desk: Desk, since: dict[str, str]) -> None:
    desk.forget("nora")
    desk.person("nora", grant={"sudo": "full"})
    try:
        desk.play("safetynet.prod_access.onboard", "-e", "person=nora", limit="web1")
        (run,) = runs("web1", since["web1"])
        assert run["PROD_ACCESS_PLAYBOOK"] == "onboard"
        assert run["PROD_ACCESS_RESULT"].endswith(" changes")
    finally:
        desk.forget("nora")


def test_site_is_one_run_although_it_is_several_plays(desk: Desk, since: dict[str, str]) -> None:
    desk.play("site", limit=WITH_COLLECTOR)
    for name in HOSTS:
        assert [run["PROD_ACCESS_PLAYBOOK"] for run in runs(name, since[name])] == ["site"], name


def test_runs_that_only_read_are_told_where_they_read_and_change_nothing(desk: Desk, since: dict[str, str], tmp_path: Path) -> None:
    """To read everybody's access, or record, is of interest to everybody."""
    reads = {
        "access_report": ["-e", f"access_report_folder={tmp_path}/report"],
        "postmortem": ["-e", f"postmortem_folder={tmp_path} postmortem_title=Tried postmortem_from=today postmortem_collector="],
    }
    for playbook, arguments in reads.items():
        done = desk.play(playbook, "--check", *arguments)
        assert "changed=0" in done.stdout
    assert [runs(name, since[name]) for name in HOSTS] == [[], []]
    for playbook, arguments in reads.items():
        done = desk.play(playbook, *arguments)
        assert not re.search("changed=[1-9]", done.stdout)
    for name in HOSTS:
        told = [(run["PROD_ACCESS_PLAYBOOK"], run["PROD_ACCESS_RESULT"], run["PROD_ACCESS_STATUS"]) for run in runs(name, since[name])]
        assert told == [(playbook, "nothing was changed", "0") for playbook in reads], name


def test_a_run_of_audit_is_one_event_on_each_host(desk: Desk, since: dict[str, str]) -> None:
    desk.play("audit", "--check", limit=WITH_COLLECTOR)
    assert [runs(name, since[name]) for name in HOSTS] == [[], []]
    desk.play("audit", limit=WITH_COLLECTOR)
    for name in HOSTS:
        assert [run["PROD_ACCESS_PLAYBOOK"] for run in runs(name, since[name])] == ["audit"], name


def test_the_selftest_of_the_record_tells_what_came_of_it(desk: Desk, since: dict[str, str]) -> None:
    """As the others do, also where it fails: the shipper of one host is stopped."""
    host("web1", "systemctl stop prod-access-audit-ship")
    try:
        desk.play("audit_selftest", "-e", "ansible_user=carol audit_selftest_cron=false", rc=2)
    finally:
        host("web1", "systemctl start prod-access-audit-ship")
    (good,) = runs("web2", since["web2"])
    assert (good["PROD_ACCESS_PLAYBOOK"], good["PROD_ACCESS_STATUS"]) == ("audit_selftest", "0")
    (bad,) = runs("web1", since["web1"])
    assert bad["PROD_ACCESS_RESULT"].startswith("failed: the record is not what it is promised to be")


def test_a_failure_is_told_too(desk: Desk, since: dict[str, str]) -> None:
    host("web1", "mv /etc/sudoers /etc/sudoers.kept; echo broken >/etc/sudoers")
    try:
        desk.person("nora", grant={"sudo": "full"})
        desk.access(rc=2)
    finally:
        host("web1", "mv /etc/sudoers.kept /etc/sudoers")
        desk.forget("nora")
    (run,) = runs("web1", since["web1"])
    assert "failed: " in run["PROD_ACCESS_RESULT"], run["PROD_ACCESS_RESULT"]
    assert run["PROD_ACCESS_STATUS"] == "1"
    (run,) = runs("web2", since["web2"])
    assert run["PROD_ACCESS_STATUS"] == "0"


def test_site_that_fails_before_access_tells_so_and_fails(desk: Desk, since: dict[str, str]) -> None:
    host("web1", "mv /usr/local/bin/announce /usr/local/bin/announce.kept; ln -s /dev/null /usr/local/bin/announce")
    try:
        done = desk.play("site", limit=WITH_COLLECTOR, rc=2)
    finally:
        host("web1", "mv -f /usr/local/bin/announce.kept /usr/local/bin/announce")
    (run,) = runs("web1", since["web1"])
    assert run["PROD_ACCESS_RESULT"] == (
        "failed: /usr/local/bin/announce is a symbolic link; look at what it points to, then: rm /usr/local/bin/announce"
    )
    assert "rescued=1" in done.stdout
    assert [run["PROD_ACCESS_STATUS"] for run in runs("web2", since["web2"])] == ["0"]


def test_a_run_that_touches_no_host_tells_nothing_there(desk: Desk, since: dict[str, str]) -> None:
    desk.person("nora", grant={"sudo": "all"})
    try:
        desk.access(rc=2)
        desk.play("site", rc=2)
    finally:
        desk.forget("nora")
    desk.play("site", "-e", "prod_access_environment=nowhere", rc=2)
    # These contact no host at all.
    desk.play("validate", limit=None)
    desk.play("postmortem", "--tags", "lint", "-e", f"postmortem_folder={desk.folder}", limit=None)
    assert [runs(name, since[name]) for name in HOSTS] == [[], []]
