"""Guards before what cannot be undone: a person is asked, and scripts, programs and automation are not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import Desk, host
from journal import Journal
from matrix import at_prompt
from terminal import Terminal

QUESTION = "Type the name of this host to go on, anything else to stop:"


@pytest.fixture(autouse=True)
def shop(name: str) -> Iterator[None]:
    host(name, "install -d -m 777 /var/lib/mysql /var/lib/mysql/shop; install -o bob -m 600 /dev/null ~bob/.zshrc")
    yield
    host(name, "rm -rf /var/lib/mysql")


def asked(desk: Desk, name: str, shell: str, command: str, *answers: str) -> Terminal:
    """A person's terminal after a command was typed, and its questions answered."""
    with Terminal(desk.terminal("bob", name, f"exec {shell} -l"), size=(100, 30)) as terminal:
        terminal.settled(lambda: at_prompt(terminal), 10)
        terminal.send(f"clear; {command}; echo ended-$((6 * 7))\r" if shell != "fish" else f"clear; {command}; echo ended-(math 6 x 7)\r")
        for answer in answers:
            terminal.settled(lambda: terminal.before_cursor.endswith(": "))
            terminal.send(answer)
        terminal.wait_for("ended-42", 10)
        return terminal


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("sudo", ["", "sudo "])
def test_rm(desk: Desk, name: str, journal: Journal, shell: str, sudo: str) -> None:
    terminal = asked(desk, name, shell, f"{sudo}rm -rf /var/lib/mysql/shop", "no\r")
    assert f"[ PRODUCTION ] rm -rf /var/lib/mysql/shop\n  |   /var/lib/mysql/shop on {name}\n  | {QUESTION} no" in str(terminal)
    assert "stopped; nothing was done" in str(terminal)
    host(name, "test -d /var/lib/mysql/shop")
    asked(desk, name, shell, f"{sudo}rm -rf /var/lib/mysql/shop", "\x03")
    host(name, "test -d /var/lib/mysql/shop")
    asked(desk, name, shell, f"{sudo}rm -rf /var/lib/mysql/shop", f"{name}\r")
    host(name, "test ! -e /var/lib/mysql/shop")
    entries = journal()
    assert [entry["PROD_ACCESS_ANSWER"] for entry in entries] == ["refused", "refused", "confirmed"]
    # The journal's own stamp is not to be had in a container of Debian 13.
    assert {entry.get("_AUDIT_LOGINUID", entry["PROD_ACCESS_LOGINUID"]) for entry in entries} == {host(name, "id -u bob")}
    assert entries[0]["PROD_ACCESS_ACTION"] == "rm -rf /var/lib/mysql/shop"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_guard_that_is_gone_is_in_nobody_s_way(desk: Desk, name: str, shell: str) -> None:
    programs = ("/usr/sbin/prod-access-guard", "/usr/lib/prod-access/bin/prod-access-sql")
    host(name, "; ".join(f"mv {program} {program}.away" for program in programs))
    try:
        terminal = asked(desk, name, shell, "psql; rm -rf /var/lib/mysql/shop")
        assert "psql" in str(terminal)
        assert "prod-access-" not in str(terminal), terminal
        host(name, "test ! -e /var/lib/mysql/shop")
    finally:
        host(name, "; ".join(f"mv {program}.away {program}" for program in programs))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_is_not_asked(desk: Desk, name: str, journal: Journal, shell: str) -> None:
    for command in (
        "mkdir -p ~/build/x && rm -r ~/build",
        "sh -c 'rm -rf /var/lib/mysql/shop'",
        "systemctl is-active ssh",
        "sudo systemctl is-active ssh",
        "dd if=/dev/zero of=/tmp/zeros-of-bob bs=1 count=1",
        "echo sudo rm -rf /etc",
    ):
        assert QUESTION not in str(asked(desk, name, shell, command)), command
    host(name, "rm /tmp/zeros-of-bob; test ! -e /var/lib/mysql/shop")
    assert journal() == []


def test_a_disk_in_use(desk: Desk, name: str) -> None:
    device = host(
        name,
        "truncate -s 8M /root/disk && mkfs.ext4 -q /root/disk && mkdir -p /mnt/disk && device=$(losetup -f --show /root/disk)"
        " && mount $device /mnt/disk && echo $device",
    )
    try:
        for command in (f"sudo dd if=/dev/zero of={device} count=0 conv=notrunc", f"sudo mkfs.ext4 -n {device}", f"sudo wipefs {device}"):
            terminal = asked(desk, name, "bash", command, "\r")
            assert f"{device} on {name} is in use: /mnt/disk" in str(terminal)
            assert "stopped; nothing was done" in str(terminal)
        terminal = asked(desk, name, "bash", f"sudo wipefs {device}", f"{name}\r")
        assert "ext4" in str(terminal), "who means it goes on"
        assert "/mnt/disk on" in str(asked(desk, name, "bash", "sudo rm -rf /mnt/disk", "\r"))
    finally:
        host(name, f"umount /mnt/disk; losetup -d {device}; rm -rf /root/disk /mnt/disk")


@pytest.mark.parametrize("command", ["systemctl reboot", "sudo systemctl poweroff", "sudo reboot", "sudo shutdown -r now"])
def test_the_end_of_a_host_is_asked_about(desk: Desk, name: str, command: str) -> None:
    terminal = asked(desk, name, "bash", command, "web9\r")
    assert "stopped; nothing was done" in str(terminal) or f"won't {command.split()[1]} {name}" in str(terminal), terminal
    assert host(name, "systemctl list-jobs --no-legend") in ("", "No jobs running.")


def test_a_person_without_a_terminal_is_refused_with_a_way_out_and_automation_passes(desk: Desk, name: str, journal: Journal) -> None:
    """molly-guard does all but the deed with --molly-guard-do-nothing."""
    nothing = "reboot --molly-guard-do-nothing"
    refused = desk.ssh("bob", name, f"sudo {nothing}")
    assert refused.returncode != 0
    assert f"bob has no terminal here, and so cannot be asked whether {name} is meant." in refused.stderr
    assert "sudo prod-access-guard allow-reboot" in refused.stderr
    assert "demo mode" in host(name, f"{nothing} 2>&1")
    assert "demo mode" in host(name, f"systemd-run --quiet --wait --pipe {nothing} 2>&1")
    assert "demo mode" in desk.ssh("deploy", name, f"sudo {nothing} 2>&1").stdout
    try:
        assert desk.ssh("bob", name, "sudo prod-access-guard allow-reboot").returncode == 0
        assert "demo mode" in desk.ssh("bob", name, f"sudo {nothing} 2>&1").stdout
    finally:
        host(name, "rm -f /run/prod-access-reboot-allowed")
    assert desk.ssh("bob", name, f"sudo {nothing}").returncode != 0
    said = [(entry["PROD_ACCESS_ANSWER"], entry["PROD_ACCESS_WHY"]) for entry in journal()]
    assert said == [("refused", "no terminal"), ("confirmed", "allowed beforehand"), ("refused", "no terminal")]


def test_why(desk: Desk, name: str, journal: Journal) -> None:
    desk.play("molecule/prompt/converge.yml", "-e", "prompt_ask_why=true", limit=name)
    try:
        terminal = asked(desk, name, "bash", "rm -rf /var/lib/mysql/shop", f"{name}\r", "It moved to db2.\r")
        assert "Why? (goes to the journal, empty is fine): It moved to db2." in str(terminal)
        (entry,) = journal()
        assert entry["PROD_ACCESS_WHY"] == "It moved to db2."
        host(name, "test ! -e /var/lib/mysql/shop")
    finally:
        desk.play("molecule/prompt/converge.yml", limit=name)


def test_each_guard_has_a_switch(desk: Desk, name: str) -> None:
    desk.play("molecule/prompt/converge.yml", "-e", '{"prompt_guards": ["reboot", "disk", "sql"]}', limit=name)
    try:
        assert "guards=reboot disk sql" in host(name, "cat /etc/prod-access/environment")
        assert QUESTION not in str(asked(desk, name, "bash", "rm -rf /var/lib/mysql/shop"))
        host(name, "test ! -e /var/lib/mysql/shop")
    finally:
        desk.play("molecule/prompt/converge.yml", limit=name)
