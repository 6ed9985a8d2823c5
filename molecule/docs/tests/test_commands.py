"""Each command of the documentation, as it stands there, by the collection as users install it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import commands
import pytest
from commands import Command
from desk import FLEET, ROOT, Desk

ALL = list(dict.fromkeys(commands.commands()))


def once(found: list[Command]) -> Iterator[Command]:
    """What several pages say runs once, where most is said of what it prints; README's tour has an inventory of its own."""
    for command in found:
        alike = [one for one in found if (one.text, one.where) == (command.text, command.where) and one.page != "README.md"]
        if command.page == "README.md" or command is max(alike, key=lambda one: len(one.prints)):
            yield command


HERE = list(once([command for command in ALL if not command.reason]))


def test_what_does_not_run_here_is_what_is_listed() -> None:
    """A pattern that fits no command any more is a left-over, but for what other pages are to bring."""
    to_come = {
        "restic .*",
        r"ansible-playbook .*safetynet\.prod_access\.restore .*",
        "(apt|gpasswd|ansible-builder) .*",
        r"make (demo|test|bench|docs)",
    }
    unused = {pattern for pattern in commands.NOT_HERE if not any(re.fullmatch(pattern, command.text) for command in ALL)}
    assert unused <= to_come
    assert len(HERE) > 25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, desk: Desk) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("reader")
    desk.forget("ann", hosts=["web1"])


def prepared(folder: Path, command: Command, desk: Desk) -> Path:
    """The reader's current directory, with what the pages told them to write. The tour has one of its own."""
    place = folder / ("tour" if command.page == "README.md" else "work")
    if not place.exists():
        place.mkdir()
        for page in [ROOT / "README.md"] if command.page == "README.md" else commands.PAGES[1:]:
            for name, text in commands.files(page).items():
                # An inventory that a page shows a part of is the fleet's.
                if command.page == "README.md" or not name.startswith(("inventory/", "group_vars/")):
                    (place / name).parent.mkdir(parents=True, exist_ok=True)
                    (place / name).write_text(text)
        if command.page != "README.md":
            (place / "inventory").symlink_to(FLEET / "inventory")
    if command.page == "README.md":
        tour(place, command, desk)
    return place


def tour(place: Path, command: Command, desk: Desk) -> None:
    """README's two files: her key is one that we have, and is what the tour says that it is at this step."""
    people = place / "inventory/group_vars/all.yml"
    text = commands.files(ROOT / "README.md")["inventory/group_vars/all.yml"]
    key = desk.key("ann")
    if ends(command) == 2:
        weak = place / "weak"
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "1024", "-N", "", "-C", "ann@laptop", "-f", weak], check=True)
        key = weak.with_suffix(".pub").read_text().strip()
    text = re.sub(r"ssh-ed25519 \S+ \S+", key.replace(" ann", " ann@laptop") if key.endswith(" ann") else key, text)
    if "offboard" in command.text or command.text == "ssh ann@web1":
        text = text.replace("    name: Ann Example\n", "    name: Ann Example\n    state: departed\n")
    people.write_text(text)
    overlay = (FLEET / "inventory/zz_fleet.yml").read_text().partition("  hosts:")[0]
    (place / "inventory/zz_fleet.yml").write_text(overlay)


def ends(command: Command) -> int:
    """README's first check finds an error, and its second one does not."""
    if command.page == "README.md" and "validate" in command.text:
        return 2 if command.prints[0].startswith("ERROR") else 0
    return commands.ENDS.get((command.page, command.text), 0)


def named(said: str) -> str:
    """Hosts by name where a person would have reached them by that; the fleet's have addresses alone."""
    for name, address in re.findall(r"Host (\S+)\n  HostName (\S+)", (FLEET / "ssh_config").read_text()):
        said = said.replace(address, name)
    return said


@pytest.mark.parametrize("command", HERE, ids=lambda command: f"{command.page}: {command.text}"[:120])
def test_command(command: Command, folder: Path, desk: Desk, installed: dict[str, str]) -> None:
    place = prepared(folder, command, desk)
    if command.where:
        person, name = command.where.split("@")
        done = desk.ssh(person, name, command.line())
    elif command.text.startswith("ssh "):
        person, name = command.text.split()[1].split("@")
        done = desk.ssh(person, name, *command.text.split()[2:])
    else:
        argv = shlex.split(command.line())
        if argv[0] == "ansible-playbook" and "-i" not in argv:
            argv += ["-i", "inventory"]
        assert shutil.which(argv[0], path=installed["PATH"]), (
            f"{argv[0]}: say in commands.py where it is typed, or why it does not run here"
        )
        done = subprocess.run(argv, cwd=place, env=installed, capture_output=True, text=True, check=False)
    said = named(done.stdout + done.stderr)
    assert done.returncode == ends(command), said
    assert commands.missing(command.prints, said) == [], said
