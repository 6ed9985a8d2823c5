"""What people find once the playbook has run."""

from __future__ import annotations

import json
import subprocess
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
