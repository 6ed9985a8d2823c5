"""Which commands are asked about: what reaches further than its words say, and nothing else."""

from __future__ import annotations

import os

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._guard import Place, question, sudo_of

PLACE = Place(
    host="web1",
    guards=frozenset({"rm", "disk", "reboot"}),
    protected=("/data/search", "/data/shop"),
    in_use={"/dev/sda": "/", "/dev/sda1": "/", "/dev/sdb": "/data/shop", "/dev/dm-0": "swap"},
    resolve=lambda path: {"/dev/root": "/dev/sda1"}.get(path, os.path.normpath(os.path.join("/etc/app", path))),
)


def asked(*argv: str, place: Place = PLACE) -> tuple[str, ...]:
    found = question(argv, place)
    return found.facts if found else ()


@pytest.mark.parametrize(
    ("options", "run_as"),
    [
        ("", ""),
        ("-n", ""),
        ("-i", ""),
        ("-", None),
        ("-- ", ""),
        ("PGPORT=5433", ""),
        ("-u postgres", "-u postgres"),
        ("-upostgres", "-u postgres"),
        ("-iu postgres", "-u postgres"),
        ("-nupostgres -g shop", "-u postgres -g shop"),
        ("--user=postgres", "-u postgres"),
        ("--user postgres -E --group=shop", "-u postgres -g shop"),
        ("--preserve-env=PGPORT -p u: -u postgres", "-u postgres"),
    ],
)
def test_the_command_of_sudo(options: str, run_as: str | None) -> None:
    argv = ["/usr/bin/sudo", *options.split(), "rm", "-u"]
    sudo = sudo_of(argv)
    if run_as is None:
        assert argv[sudo.words] == "-", "a command of that name"
    else:
        assert argv[sudo.words] == "rm"
        assert sudo.run_as == run_as.split()


def test_no_command_of_sudo() -> None:
    assert question(["sudo", "-l"], PLACE) is None
    assert question(["sudo", "-u"], PLACE) is None
    assert sudo_of(["rm", "-rf"]).words == 0


@pytest.mark.parametrize(
    ("command", "fact"),
    [
        ("rm -rf /", "/ on web1"),
        ("rm -r -- /etc", "/etc on web1"),
        ("rm --recursive /var/lib/", "/var/lib on web1"),
        ("rm -fR ..", "/etc on web1"),
        ("/bin/rm -rf /srv/../usr", "/usr on web1"),
        ("sudo rm -rf /var/lib/postgresql", "/var/lib/postgresql on web1"),
        ("rm -rf /var/lib/postgresql/15/main", "/var/lib/postgresql/15/main on web1"),
        ("rm -rf /home/alice/", "/home/alice on web1"),
        ("rm -rf /data", "/data on web1, with /data/search in it"),
        ("rm -rf /data/shop", "/data/shop on web1"),
        ("rm -rf -- -x /boot/grub", "/boot/grub on web1"),
        ("rm -rf " + " ".join(f"/srv/{name}" for name in "abcdefghij"), "10 entries of /srv on web1"),
        ("dd if=/dev/zero of=/dev/sda bs=1M", "/dev/sda on web1 is in use: /"),
        ("dd of=/dev/root", "/dev/sda1 on web1 is in use: /"),
        ("mkfs.ext4 -L x /dev/sdb", "/dev/sdb on web1 is in use: /data/shop"),
        ("sudo -u root wipefs -a /dev/dm-0", "/dev/dm-0 on web1 is in use: swap"),
        ("systemctl reboot", "web1 stops serving"),
        ("systemctl --no-block isolate rescue.target", "web1 stops serving"),
        ("sudo systemctl poweroff", "web1 stops serving"),
        ("shutdown -r now", "web1 stops serving"),
        ("halt", "web1 stops serving"),
        ("init 6", "web1 stops serving"),
        ("telinit 0", "web1 stops serving"),
    ],
)
def test_asked(command: str, fact: str) -> None:
    found = question(command.split(), PLACE)
    assert found is not None
    assert found.facts == (fact,)
    assert (found.answer, found.answer_is) == ("web1", "the name of this host")
    assert found.action == command.removeprefix("sudo -u root ").removeprefix("sudo ")


@pytest.mark.parametrize(
    "command",
    [
        "rm /etc/passwd",
        "rm -f /etc",
        "rm -rf build",
        "rm -rf /etc/app/old",
        "rm -rf /home/alice/tmp",
        "rm -rf /var/libx",
        "rm -rf " + " ".join(f"/srv/{name}" for name in "abcdefghi"),
        "rm -rf",
        "rm --force --verbose /etc",
        "rmdir -r /etc",
        "dd if=/dev/sda of=disk.img",
        "dd if=/dev/zero of=/dev/sdc",
        "mkfs.ext4 /dev/sdc1",
        "systemctl status reboot.target",
        "systemctl restart shop.service",
        "systemctl",
        "systemctl start shop.service",
        "shutdown -c",
        "reboot --help",
        "init",
        "sudo -l",
        "echo reboot",
    ],
)
def test_not_asked(command: str) -> None:
    assert asked(*command.split()) == ()


def test_each_guard_has_a_switch() -> None:
    for guard, command in (("rm", "rm -rf /etc"), ("disk", "dd of=/dev/sda"), ("reboot", "halt")):
        assert asked(*command.split(), place=Place("web1", frozenset({guard}), in_use=PLACE.in_use))
        assert not asked(*command.split(), place=Place("web1", frozenset({"rm", "disk", "reboot"} - {guard}), in_use=PLACE.in_use))
