"""All of it taken off hosts, an earlier version put there, and today's over that: nobody is ever left outside."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk import ENVIRONMENT, ROOT, Desk, host, until

# Debian 12, 13, and one with databases. What is tried of the collector itself would end the record of all others.
LEAVING = ("web1", "web2", "stage1")
# An earlier state of this repository, with the roles of today.
EARLIER = "9965f19"
# As long as a server of PostgreSQL runs that was started with archive_mode.
ARCHIVES = {"stage1": ["/etc/postgresql/17/main/conf.d/prod-access-backup.conf"]}
OURS = "alice", "bob", "carol"


def leave(desk: Desk, *arguments: str, **options: Any) -> dict[str, dict[str, Any]]:
    """What the module answered, by host."""
    options = {"limit": ",".join(LEAVING), **options}
    done = desk.play("uninstall", *arguments, env={"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}, **options)
    tasks = [task for play in json.loads(done.stdout[done.stdout.index("{") :])["plays"] for task in play["tasks"]]
    return {name: answer for task in tasks if "Take all" in task["task"]["name"] for name, answer in task["hosts"].items()}


def test_it_wants_to_be_told_that_it_is_meant(desk: Desk) -> None:
    done = desk.play("uninstall", limit="web1", rc=2)
    assert "-e uninstall=true" in done.stdout + done.stderr
    assert desk.logs_in("alice", "web1")
    assert desk.ssh("alice", "web1", "sudo -n true").returncode == 0


def test_it_is_refused_to_whoever_is_root_by_our_rules(desk: Desk) -> None:
    answer = leave(desk, "-e", "uninstall=true", "-e", "ansible_user=carol", limit="web1", rc=2)["web1"]
    assert "this run is connected as carol, who becomes root by a rule of ours" in answer["msg"]
    assert desk.ssh("carol", "web1", "sudo -n true").returncode == 0


@contextlib.contextmanager
def no_other_way_in(name: str) -> Iterator[None]:
    """Connections that are open stay so: the tests' own, and Ansible's."""
    try:
        host(
            name,
            "echo 'PermitRootLogin no' >/etc/ssh/sshd_config.d/01-test.conf; mv /home/deploy/.ssh /home/deploy/.away; systemctl reload ssh",
        )
        yield
    finally:
        host(name, "rm /etc/ssh/sshd_config.d/01-test.conf; mv /home/deploy/.away /home/deploy/.ssh; systemctl reload ssh")


def test_it_is_refused_where_nobody_else_could_become_root(desk: Desk) -> None:
    leave(desk, "--check", limit="web1")
    with no_other_way_in("web1"):
        answer = leave(desk, "-e", "uninstall=true", limit="web1", rc=2)["web1"]
    assert "nobody could log in and become root any more; nothing was changed" in answer["msg"]
    # While sshd reads its configuration anew, nobody gets in for a moment.
    until(lambda: desk.ssh("alice", "web1", "sudo -n true").returncode == 0, 5, "alice is in, and root")


def test_it_is_refused_where_sshd_would_take_no_keys_from_a_home(desk: Desk) -> None:
    host("web1", "chmod g+w /home/alice")
    answer = leave(desk, "-e", "uninstall=true", limit="web1", rc=2)["web1"]
    host("web1", "chmod g-w /home/alice")
    assert "sshd may refuse keys in homes that others can write: /home/alice; nothing was changed" in answer["msg"]
    assert desk.logs_in("alice", "web1")


STARTED = "systemctl show -p ActiveEnterTimestampMonotonic --value 'postgresql@*' mariadb"


@pytest.fixture(scope="module")
def left(desk: Desk) -> Iterator[dict[str, Any]]:
    """The hosts without any of ours."""
    before = {name: host(name, f"id -u alice; {STARTED}") for name in LEAVING}
    told = leave(desk, "--check")
    with desk.session("alice", "web1") as session:
        answers = leave(desk, "-e", "uninstall=true")
        assert session.poll() is None
    yield {"before": before, "told": told, "answers": answers}
    for name in LEAVING:
        host(name, "rm -f " + " ".join(f"/home/{login}/.ssh/authorized_keys" for login in OURS))
    host("stage1", "systemctl restart mariadb")


def test_check_mode_says_just_what_is_done(left: dict[str, Any]) -> None:
    for name in LEAVING:
        assert left["answers"][name]["changes"] == left["told"][name]["changes"]
        assert {"act": "remove", "path": "/etc/sudoers.d/prod-access"} in left["told"][name]["changes"]


@pytest.mark.parametrize("name", LEAVING)
def test_nothing_of_ours_is_left_but_what_is_said(left: dict[str, Any], name: str) -> None:
    homes = "-path '*/.local/state/prod-access' -prune"
    found = host(name, f"find / -xdev -path /proc -prune -o -path /sys -prune -o {homes} -o -name '*prod-access*' -print")
    assert sorted(found.split()) == sorted(["/etc/prod-access", "/var/lib/prod-access", *ARCHIVES.get(name, [])])
    assert host(name, "ls /etc/prod-access").split() == ["backup"]
    assert set(host(name, "ls /var/lib/prod-access").split()) <= {"accounts.json", "ledger.json", "backup", "receipts"}
    assert host(name, "grep -rl safetynet /etc /usr/local /usr/sbin /usr/bin", check=False).split() == ARCHIVES.get(name, [])
    for path in ("/var/lib/prod-access", "/etc/prod-access/backup"):
        assert any(line.startswith(f"{path}: ") for line in left["answers"][name]["left"])
    # As Debian's packages brought them.
    assert "/etc/" not in host(name, "dpkg --verify bash zsh-common screen readline-common", check=False)


@pytest.mark.parametrize("name", LEAVING)
def test_the_host_is_sound(left: dict[str, Any], name: str) -> None:
    host(name, "sshd -t && visudo -c >/dev/null")
    assert host(name, "systemctl --failed --no-legend") == ""
    assert host(name, "systemctl is-enabled pgbackrest.service 2>/dev/null", check=False) in ("", "disabled", "not-found")
    assert host(name, f"id -u alice; {STARTED}") == left["before"][name]


@pytest.mark.parametrize("name", LEAVING)
def test_people_are_in_and_have_nothing_of_ours(desk: Desk, left: dict[str, Any], name: str) -> None:
    said = desk.ssh(
        "alice", name, "stat -c %U:%a ~/.ssh/authorized_keys; bash -lic 'echo in' 2>&1 | grep -v job.control; sudo -n true 2>&1"
    )
    assert said.stdout.splitlines()[:1] == ["alice:600"]
    assert "in\n" in said.stdout
    assert "sudo: a password is required" in said.stdout
    assert "No such file" not in said.stdout


def test_databases_record_no_more(left: dict[str, Any]) -> None:
    assert host("stage1", "cd /; runuser -u postgres -- psql -Atc 'show log_statement'") == "none"
    # One that the server was started with goes at its end.
    loaded = host("stage1", "mariadb -N -e \"SELECT plugin_status FROM information_schema.plugins WHERE plugin_name = 'SERVER_AUDIT'\"")
    assert loaded in ("", "DELETED")
    assert host("stage1", "mariadb -N -e \"SHOW GLOBAL VARIABLES LIKE 'server_audit_logging'\"") in ("", "server_audit_logging\tOFF")


def test_the_others_have_heard_of_it(left: dict[str, Any]) -> None:
    search = "prod-access-audit search --since '10 minutes ago' --kind automation --text uninstall --host "
    for name in LEAVING:
        until(lambda name=name: "nothing is recorded here any more" in host("log1", search + name), 10, f"the last word of {name}")  # type: ignore[misc]


def test_a_second_time_there_is_nothing_to_do(desk: Desk, left: dict[str, Any]) -> None:
    assert not any(answer["changed"] for answer in leave(desk, "-e", "uninstall=true").values())


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of somebody who has an earlier version."""
    home = tmp_path_factory.mktemp("earlier")
    place = home / "ansible_collections/safetynet/prod_access"
    place.mkdir(parents=True)
    tree = subprocess.run(["git", "archive", EARLIER], cwd=ROOT, capture_output=True, check=False)
    if tree.returncode:
        pytest.skip(f"this checkout does not have the history back to {EARLIER}: git fetch --unshallow")
    subprocess.run(["tar", "-x", "-C", place], input=tree.stdout, check=True)
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("ANSIBLE_CONFIG", "ANSIBLE_HOME")}
    return environment | {"ANSIBLE_HOME": str(home), "ANSIBLE_COLLECTIONS_PATH": str(home), "ANSIBLE_PIPELINING": "1"}


class Visitor(threading.Thread):
    """Logs in again and again."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(daemon=True)
        self.desk = desk
        self.times: list[bool] = []
        self.goes_on = True

    def run(self) -> None:
        while self.goes_on:
            self.times.append(self.desk.logs_in("alice", "web1"))
            time.sleep(1)


def test_todays_version_over_an_earlier_one(desk: Desk, left: dict[str, Any], earlier: dict[str, str], installed: dict[str, str]) -> None:
    play(desk, earlier, "site", "--limit", "web1")
    before = host("web1", "id alice; cat /etc/sudoers.d/prod-access; cat /etc/ssh/authorized_keys.d/alice")
    visitor = Visitor(desk)
    visitor.start()
    try:
        assert "host: programs of this version" in play(desk, installed, "access", "--limit", "web1", "--check", "--diff")
        play(desk, installed, "site", "--limit", ",".join(LEAVING))
    finally:
        visitor.goes_on = False
        visitor.join()
    assert len(visitor.times) > 3
    assert all(visitor.times)
    assert host("web1", "id alice; cat /etc/sudoers.d/prod-access; cat /etc/ssh/authorized_keys.d/alice") == before
    for name in LEAVING:
        assert desk.ssh("alice", name, "sudo -n id -u").stdout.strip() == "0"
    assert "changed=0" in play(desk, installed, "access", "--limit", "web1", "--check")


def play(desk: Desk, environment: dict[str, str], playbook: str, *arguments: str) -> str:
    desk.write()
    command = ["ansible-playbook", "-i", str(desk.inventory), f"safetynet.prod_access.{playbook}", *arguments]
    done = subprocess.run(command, cwd=Path(environment["ANSIBLE_HOME"]), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + os.linesep + done.stderr
