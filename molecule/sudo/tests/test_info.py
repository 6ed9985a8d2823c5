"""What is really on a host: who can log in and become what, and what did not come from the inventory."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from desk import FLEET, HOSTS, Desk, answer, host

Clean = Callable[..., None]


def read(name: str, arguments: str = "", inventory: Path = FLEET / "inventory") -> dict[str, Any]:
    return answer(name, "access_info", arguments, inventory)


def account(found: dict[str, Any], login: str) -> dict[str, Any]:
    entry: dict[str, Any] = next(entry for entry in found["accounts"] if entry["login"] == login)
    return entry


@pytest.mark.parametrize("name", HOSTS)
def test_people_of_ours(name: str) -> None:
    found = read(name)
    alice = account(found, "alice")
    assert (alice["ours"], alice["logs_in"], alice["password"], alice["closed"]) == (True, True, "locked", False)
    assert alice["sudo"] == ["(ALL : ALL) NOPASSWD: ALL"]
    assert alice["strong_groups"] == ["adm", "systemd-journal"]
    (key,) = alice["keys"]
    assert (key["type"], key["person"], key["file"], key["until"]) == ("ED25519", "alice", "/etc/ssh/authorized_keys.d/alice", None)
    assert key["fingerprint"] == host(name, "ssh-keygen -lf /etc/ssh/authorized_keys.d/alice").split()[1]
    (bobs,) = account(found, "bob")["keys"]
    assert bobs["until"] == "2099-01-31T18:00:00Z"
    assert account(found, "root")["logs_in"]
    assert not account(found, "daemon")["logs_in"]
    assert [stray for stray in found["strays"] if stray["person"] in ("alice", "bob")] == []


_STRAYS = """
set -e
useradd --create-home guest
mkdir /home/guest/.ssh
cat > /home/guest/.ssh/authorized_keys2
chown -R guest: /home/guest/.ssh
echo guest:secret | chpasswd
gpasswd -a guest disk
useradd --non-unique --uid 0 toor
touch /srv/left
chown 59999 /srv/left
echo 'guest ALL=(ALL) ALL' > /etc/sudoers.d/guest
chmod 440 /etc/sudoers.d/guest
"""


@pytest.fixture
def strays(desk: Desk) -> Iterator[None]:
    host("web1", _STRAYS, stdin='from="10.0.0.0/8",expiry-time="20991231" ' + (FLEET / "keys/alice@laptop.pub").read_text())
    yield
    host("web1", "rm /srv/left /etc/sudoers.d/guest; userdel -f toor; userdel -rf guest")


@pytest.mark.usefixtures("strays")
def test_what_did_not_come_from_the_inventory() -> None:
    found = read("web1", "with_files=true")
    guest = account(found, "guest")
    assert (guest["ours"], guest["password"], guest["logs_in"]) == (False, "set", True)
    assert guest["sudo"] == ["(ALL) ALL"]
    said = {
        (stray["kind"], stray["person"]): stray["what"] for stray in found["strays"] if "guest" in stray["what"] or "toor" in stray["what"]
    }
    assert said["key", "alice"].endswith("in /home/guest/.ssh/authorized_keys2, for guest")
    assert said["uid 0", None] == "toor has uid 0"
    assert said["group", None] == "guest is in disk"
    assert said["account", None].startswith("guest (uid ")
    assert {"kind": "sudo", "what": "guest: (ALL) ALL", "login": "guest", "person": None} in found["strays"]
    assert {"kind": "sudo", "what": "/etc/sudoers.d/guest is a file of others", "login": None, "person": None} in found["strays"]
    assert "/srv/left" in found["files"]
    assert guest["keys"][0]["until"] == "20991231"


def test_a_foreign_match_is_asked_for_each_account() -> None:
    """Where sshd looks elsewhere for one account, the keys are found there."""
    host(
        "web1",
        "cat > /etc/ssh/sshd_config.d/zz.conf && cp /root/.ssh/authorized_keys /srv/keys-of-deploy",
        stdin="Match User deploy\n    AuthorizedKeysFile /srv/keys-of-%u\n",
    )
    try:
        assert [key["file"] for key in account(read("web1"), "deploy")["keys"]] == ["/srv/keys-of-deploy"]
        assert account(read("web1"), "alice")["keys"]
    finally:
        host("web1", "rm /etc/ssh/sshd_config.d/zz.conf /srv/keys-of-deploy")


def test_the_report_explains_a_person_and_names_what_it_could_not_read(desk: Desk, tmp_path: Path) -> None:
    """Declared and found side by side; a host that does not answer is never shown as being in order."""
    desk.write()
    gone = {"all": {"hosts": {"gone1": {"ansible_host": "192.0.2.1", "ansible_ssh_timeout": 2}}}}
    (desk.inventory / "zz_gone.yml").write_text(yaml.safe_dump(gone))
    host("web1", "gpasswd -a bob disk; gpasswd -d alice adm")
    try:
        done = desk.play("access_report", "-e", f"access_report_folder={tmp_path}/out", "-e", "person=bob", limit="web1,gone1", write=False)
    finally:
        host("web1", "gpasswd -d bob disk; gpasswd -a alice adm")
    assert "web1: full" in done.stdout
    assert "team payments: They build the payments API and run it." in done.stdout
    assert "drift: in the group disk, which no grant gives" in done.stdout
    assert "gone1  state unknown: unreachable: " in done.stdout
    data = json.loads((tmp_path / "out/access.json").read_text())
    assert {(line["person"], line["host"], line["what"]) for line in data["drift"]} == {
        ("bob", "web1", "in the group disk, which no grant gives"),
        ("alice", "web1", "not in the group adm"),
    }
    assert [one["problem"] is None for one in data["hosts"]] == [one["name"] == "web1" for one in data["hosts"]]
    assert any("deploy" in stray["what"] for stray in data["strays"])
    rows = list(csv.DictReader((tmp_path / "out/access.csv").read_text().splitlines()))
    assert {row["power"] for row in rows if row["person"] == "bob" and row["host"] == "web1"} == {"full"}
    assert "Bob O'Brien" in (tmp_path / "out/access.html").read_text()


def test_the_report_of_an_order_that_is_kept_shows_no_drift(desk: Desk, tmp_path: Path) -> None:
    desk.access()
    desk.play("access_report", "-e", f"access_report_folder={tmp_path}/out", "--check")
    assert not (tmp_path / "out").exists()
    desk.play("access_report", "-e", f"access_report_folder={tmp_path}/out")
    assert json.loads((tmp_path / "out/access.json").read_text())["drift"] == []
