# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sudo on a host: which one it is, what it reads, whether that is sound, and what it says that somebody may do."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from dataclasses import dataclass
from typing import Iterator, Optional, Sequence, Tuple

from . import _files
from ._command import PATH, HostError, attempt, run
from ._sudoers import Entry, Power, listed, listed_line
from ._trial import Trial

MAIN = "/etc/sudoers"
FOLDER = "/etc/sudoers.d"
FILE = os.path.join(FOLDER, "prod-access")
# What sudo records, and who may read their own record: the role audit writes it.
AUDIT_FILE = os.path.join(FOLDER, "prod-access-audit")
# That everybody may read their own record is no power over a host, and shown nowhere; as sudo -l has it.
OWN_RECORD = "(root) NOPASSWD: /usr/bin/my-record"
MODE = 0o440
TRIAL = Trial("sudo", (FILE, AUDIT_FILE, MAIN), "/usr/sbin/prod-access-sudo undo")
_INCLUDE_LINES = f"# The next line is safetynet.prod_access's: without it sudo does not read the rules of our people.\n@include {FILE}\n"
# sudoers(5), "Including other files from within sudoers": since 1.9.1 with @, before with #.
_INCLUDE_FOLDER = re.compile(rf'(?m)^[ \t]*[@#]includedir[ \t]+"?{re.escape(FOLDER)}/?"?[ \t]*$')


@dataclass(frozen=True)
class Implementation:
    """sudo, or sudo-rs, and its version."""

    name: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))}"


def is_installed() -> bool:
    return shutil.which("sudo", path=PATH) is not None


def implementation() -> Implementation:
    """Which sudo this host has."""
    done = attempt(["sudo", "-V"])
    said = done.stdout + done.stderr
    match = re.match(r"(?:Sudo version|(sudo-rs)) (\d+)\.(\d+)(?:\.(\d+))?", said)
    if match is None:
        raise HostError(f"`sudo -V` says {said[:80]!r}, which is no sudo that is known", "see: type sudo")
    return Implementation(match.group(1) or "sudo", tuple(int(part or 0) for part in match.group(2, 3, 4)))


def lacks(entries: Sequence[Entry]) -> Iterator[tuple[str, Implementation, str]]:
    """What the entries need and the sudo of this host does not have, with the users concerned."""
    needs = [(", ".join(entry.users), need) for entry in entries for need in _needs(entry)]
    if not needs:
        return  # Most rules are good for every sudo.
    sudo = implementation()
    for who, (what, original, rewritten) in needs:
        since = original if sudo.name == "sudo" else rewritten
        if since is None or sudo.version < since:
            yield who, sudo, what


_Version = Optional[Tuple[int, ...]]


def _needs(entry: Entry) -> Iterator[tuple[str, _Version, _Version]]:
    """What not every sudo has, and since when sudo, and sudo-rs, have it: sudoers(5)."""
    if any(" ^" in command for command in entry.commands):
        yield "a pattern for arguments (sudo 1.9.10 or newer, not sudo-rs)", (1, 9, 10), None
    if entry.until is not None:
        yield "an end of a rule, NOTAFTER (sudo 1.8.20 or newer, not sudo-rs)", (1, 8, 20), None
    if any(command.startswith("sudoedit ") for command in entry.commands):
        yield "sudoedit (sudo-rs 0.2.8 or newer)", (0,), (0, 2, 8)


def includes(main: str) -> bool:
    """Whether the main file reads ours, by the directory or by a line of our own."""
    return reads_folder(main) or _INCLUDE_LINES in main


def reads_folder(main: str) -> bool:
    """Whether the main file reads every file of the directory."""
    return _INCLUDE_FOLDER.search(main) is not None


def with_include(main: str) -> str:
    return (main if main.endswith("\n") else main + "\n") + _INCLUDE_LINES


def without_include(main: str) -> str:
    return main.replace(_INCLUDE_LINES, "")


def is_sound() -> bool:
    """Whether our file is as sudo wants it: sudo passes over one that others can write."""
    try:
        return _files.is_ours(FILE, MODE) and stat.S_ISREG(os.lstat(FILE).st_mode)
    except FileNotFoundError:
        return True


def oddities() -> list[str]:
    """What of others' files in the directory sudo passes over, or objects to."""
    found = []
    for name in sorted(os.listdir(FOLDER)) if os.path.isdir(FOLDER) else ():
        path = os.path.join(FOLDER, name)
        if path in (FILE, AUDIT_FILE) or name.startswith(".prod-access"):
            continue
        about = os.stat(path) if os.path.exists(path) else os.lstat(path)
        if "." in name or name.endswith("~"):
            if name != "README":
                found.append(f"{path} is passed over by sudo: its name has a dot or ends in ~")
        elif about.st_uid != 0 or about.st_mode & 0o022:
            found.append(f"{path} is passed over by sudo: others than root can write it; see: ls -l {path}")
    return found


def faults(main: str | None = None, ours: str | None = None, name: str = "prod-access") -> list[str]:
    """What visudo(8) objects to in the whole tree, as it is or as it would be; each with its file and line.

    A copy is checked, since a file that is checked alone hides clashes with the others.
    """
    candidate = main is not None or ours is not None
    # One of its own: check mode takes no lock, and must not stand in the way of a run that does.
    with tempfile.TemporaryDirectory(prefix="prod-access-sudoers-", dir="/run") as place:
        folder = os.path.join(place, "sudoers.d")
        if os.path.isdir(FOLDER):
            shutil.copytree(FOLDER, folder, symlinks=False, ignore=shutil.ignore_patterns(".*"), ignore_dangling_symlinks=True)
        else:
            os.mkdir(folder)
        text = _files.read_text(MAIN) if main is None else main
        if text is None:
            return [f"{MAIN} is missing"]
        if candidate:
            _put(os.path.join(folder, name), ours)
        copy = os.path.join(place, "sudoers")
        _put(copy, _relocated(text, folder))
        done = attempt(["visudo", "-c", "-f", copy])
        if done.returncode == 0:
            return []
        said = (done.stderr + done.stdout).replace(folder, FOLDER).replace(copy, MAIN)
        return _complaints(said) or [said.strip()]


def _relocated(main: str, folder: str) -> str:
    """The main file, reading the copies; an include of others is read where it is."""
    text = _INCLUDE_FOLDER.sub(f"@includedir {folder}", main.replace(f"@include {FILE}\n", f"@include {folder}/prod-access\n"))
    return re.sub(r'(?m)^([@#]include(?:dir)?[ \t]+"?)(?!/)', r"\1/etc/", text)


def _complaints(said: str) -> list[str]:
    """The lines of visudo that name a file and a line; what follows them shows the place with a caret."""
    return [line.strip() for line in said.splitlines() if re.match(r"\s*(>>> )?/\S+:\d+", line)]


def _put(path: str, text: str | None) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    if text is not None:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)


def powers(login: str) -> frozenset[Power]:
    """What sudo itself says that somebody may do here (sudo(8), -l -U)."""
    return listed(run(["sudo", "-n", "-l", "-U", login], mend="see: sudo -l -U " + login)) - listed_line(OWN_RECORD)


def install(ours: str | None, main: str | None, file: str = FILE) -> None:
    """Put the files in force, on trial until :data:`TRIAL` ends."""
    _files.make_folder(_files.STATE, 0o755)
    TRIAL.begin()
    if ours is None:
        _files.remove(file)
    else:
        os.makedirs(FOLDER, mode=0o750, exist_ok=True)
        _files.write(file, ours, mode=MODE)
    if main is not None:
        _files.write(MAIN, main, mode=MODE)


def undo() -> None:
    """Put sudo's files back as :func:`install` found them."""
    if TRIAL.undo():
        TRIAL.end()
