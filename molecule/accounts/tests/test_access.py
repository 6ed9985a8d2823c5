"""What people find once the playbook has run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from desk import FLEET, HOSTS, SSH, Desk, host


@pytest.mark.parametrize("name", HOSTS)
class TestDemo:
    def test_a_granted_person_logs_in_and_finds_their_account(self, desk: Desk, name: str) -> None:
        done = desk.ssh("alice", name, 'id -un; id -Gn; echo "$SHELL"; stat -c "%U %a" ~; getent passwd alice')
        assert done.returncode == 0, done
        who, groups, shell, home, entry = done.stdout.splitlines()
        assert who == "alice"
        assert set(groups.split()) == {"alice", "payments", "adm", "systemd-journal", "prod-access"}
        assert shell == "/bin/zsh"
        assert home == "alice 700"
        assert entry.split(":")[2:5:2] == ["12001", "Alice Murphy"]

    def test_names_in_any_script_arrive_whole(self, desk: Desk, name: str) -> None:
        assert host(name, "getent passwd carol").split(":")[4] == "Carol Szabó"

    def test_a_departed_person_never_gets_an_account(self, desk: Desk, name: str) -> None:
        assert not desk.logs_in("dave", name)
        assert host(name, "getent passwd dave", check=False) == ""

    def test_sftp_works(self, desk: Desk, name: str, tmp_path: Any) -> None:
        command = ["sftp", *SSH[1:], "-b", "-", f"alice@{name}"]
        done = subprocess.run(
            command, input=f"put /etc/hostname sent\nget sent {tmp_path}/back\nrm sent\n", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done
        assert (tmp_path / "back").exists()

    def test_forwarding_works(self, desk: Desk, name: str) -> None:
        done = desk.ssh("alice", name, "-W", "localhost:22")
        assert done.stdout.startswith("SSH-2.0-OpenSSH"), done

    def test_nobody_logs_in_with_a_key_in_their_home(self, desk: Desk, name: str) -> None:
        """Only what root wrote counts: who could add a key would outlive their own departure."""
        desk.key("smuggled")
        host(
            name,
            "install -d -o alice -m 700 ~alice/.ssh && cat > ~alice/.ssh/authorized_keys && chown alice ~alice/.ssh/*",
            stdin=desk.key("smuggled"),
        )
        assert not desk.logs_in("alice", name, key="smuggled")
        host(name, "rm -r ~alice/.ssh")

    def test_other_accounts_keep_their_own_keys(self, desk: Desk, name: str) -> None:
        assert desk.ssh("deploy", name, "true").returncode == 0

    def test_nobody_of_ours_has_a_password(self, desk: Desk, name: str) -> None:
        for login in ("alice", "bob", "carol"):
            assert host(name, f"passwd --status {login}").split()[1] == "L"

    def test_sshd_reads_our_file_for_each_person(self, desk: Desk, name: str) -> None:
        for login in ("alice", "bob", "carol"):
            said = host(name, f"sshd -T -C user={login}")
            assert "authorizedkeysfile /etc/ssh/authorized_keys.d/%u" in said
            assert "authenticationmethods publickey" in said
        assert "authorizedkeysfile .ssh/authorized_keys" in host(name, "sshd -T -C user=root")

    def test_the_host_can_say_who_has_access_and_why(self, desk: Desk, name: str) -> None:
        people = {entry["person"]: entry for entry in json.loads(host(name, "prod-access-accounts --json list"))}
        assert people["bob"]["why"] == [
            "prod_access_grants_payments[0] (group production): team payments: They build the payments API and run it."
        ]
        assert people["dave"]["access"] is False
        assert "alice (Alice Murphy): access" in host(name, "prod-access-accounts list")

    def test_only_root_can_write_what_opens_doors(self, desk: Desk, name: str) -> None:
        found = host(
            name,
            "cd /etc/ssh && stat -c '%U:%G %a %n' $PWD/authorized_keys.d{,/*} /var/lib/prod-access/*.json /usr/sbin/prod-access-accounts",
        )
        modes = {line.split(" ")[2]: line.split(" ")[:2] for line in found.splitlines()}
        assert all(owner == "root:root" for owner, _mode in modes.values()), found
        assert modes["/etc/ssh/authorized_keys.d"][1] == "755"
        assert modes["/etc/ssh/authorized_keys.d/alice"][1] == "644"
        assert modes["/var/lib/prod-access/accounts.json"][1] == "600"


def test_a_narrow_grant_reaches_only_its_host() -> None:
    assert FLEET.exists()
    why = {entry["person"]: entry["why"] for entry in json.loads(host("db1", "prod-access-accounts --json list"))}
    assert any(line.startswith("prod_access_grants_reindex[0] (group db)") for line in why["bob"])
    assert not any("reindex" in line for line in why["alice"])


@pytest.fixture
def crowd(desk: Desk, clean: Callable[..., None]) -> Iterator[list[str]]:
    """People enough to be made together; and one with an end, who is made alone."""
    people = [f"many{number}" for number in range(12)]
    clean(*people, "alone")
    for number, login in enumerate(people):
        desk.person(login, name=f"Vielé {number}", grant={"groups": ["adm"] if number % 2 else []}, uid=12100 + number)
    desk.person("alone", name="Vielé 99", grant={"groups": ["adm"]}, uid=12199, until="2099-01-01T00:00:00Z")
    yield people
    for login in (*people, "alone"):
        del desk.people[login]
    desk.grants = []


def found(name: str, login: str, uid: int) -> str:
    """All that there is of an account, without what tells it from another."""
    said = host(
        name,
        f"getent passwd {login}; getent group {login}; getent shadow {login} | cut -d: -f1-7; id -Gn {login} | tr ' ' '\n' | sort; "
        f"find ~{login} -printf '%P %M %U %G %s\n' | sort; grep -c ^{login}: /etc/subuid /etc/subgid /etc/gshadow",
    )
    return said.replace(login, "LOGIN").replace(str(uid), "UID")


@pytest.mark.parametrize("name", HOSTS)
def test_many_who_are_made_together_are_as_one_who_is_made_alone(desk: Desk, crowd: list[str], name: str) -> None:
    host(name, "mkdir -p /etc/skel/deep && echo hello >/etc/skel/deep/file && ln -s deep/file /etc/skel/link")
    try:
        desk.access(limit=name)
    finally:
        host(name, "rm -r /etc/skel/deep /etc/skel/link")
    alone = found(name, "alone", 12199)
    for number, login in enumerate(crowd):
        expected = alone if number % 2 else alone.replace("adm\n", "", 1)
        assert found(name, login, 12100 + number).replace(f"Vielé {number}", "Vielé 99") == expected
        assert host(name, f"passwd --status {login}").split()[1] == "L"
    assert desk.logs_in(crowd[0], name)
    assert "hello" in desk.ssh(crowd[0], name, "cat link").stdout


def test_where_newusers_would_set_passwords_useradd_makes_them_all(desk: Desk, crowd: list[str]) -> None:
    """Some distributions build it without PAM."""
    host("web1", "printf '#!/bin/sh\necho --crypt-method; touch /run/newusers-ran-$#\n' >/run/newusers && chmod 755 /run/newusers")
    host("web1", "mount --bind /run/newusers /usr/sbin/newusers")
    try:
        desk.access(limit="web1")
        assert host("web1", "ls /run/newusers-ran-*") == "/run/newusers-ran-1"
    finally:
        host("web1", "umount /usr/sbin/newusers; rm /run/newusers*")
    assert all(desk.logs_in(login, "web1") for login in crowd[:2])


def test_where_newusers_makes_none_useradd_makes_them_all(desk: Desk, crowd: list[str]) -> None:
    host("web1", "mount --bind /bin/false /usr/sbin/newusers")
    try:
        desk.access(limit="web1")
    finally:
        host("web1", "umount /usr/sbin/newusers")
    assert all(desk.logs_in(login, "web1") for login in crowd[:2])
