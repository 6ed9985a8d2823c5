# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which commands a person is asked about before they run, and what the question is. No I/O."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Callable, Iterator, Mapping, Sequence

from ._confirm import Question

# hier(7). Whoever removes one of these, or a directory that holds one, removes more than files of their own.
PROTECTED = """
    / /bin /boot /dev /etc /home /lib /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /usr /usr/bin /usr/lib /usr/local
    /usr/sbin /usr/share /var /var/backups /var/lib /var/log /var/mail /var/spool /var/www
""".split()
# Nothing below these is anybody's own.
PROTECTED_TREES = """
    /boot /etc/pam.d /etc/ssh /etc/sudoers.d /etc/systemd /var/lib/docker /var/lib/dpkg /var/lib/mongodb /var/lib/mysql
    /var/lib/postgresql /var/lib/prod-access /var/lib/redis
""".split()
# A glob that the shell has written out: so many entries of one protected directory are meant as all of it.
_MANY = 10

_DISK_TOOLS = frozenset("blkdiscard mke2fs mkfs mkswap shred wipefs".split())
_ENDS = frozenset("emergency exit halt hibernate hybrid-sleep kexec poweroff reboot rescue soft-reboot suspend".split())
_ENDING_TARGETS = frozenset(f"{name}.target" for name in _ENDS)
# sudo(8): the options that take a value of their own.
_SUDO_VALUES = {
    "chdir": "D", "chroot": "R", "close-from": "C", "command-timeout": "T", "group": "g", "host": "h",
    "other-user": "U", "prompt": "p", "role": "r", "type": "t", "user": "u",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a command would run.

    ``protected`` are directories beside those that every host has, ``in_use`` says of block devices what uses them, and
    ``resolve`` follows the links of a path.
    """

    host: str
    guards: frozenset[str]
    protected: tuple[str, ...] = ()
    in_use: Mapping[str, str] = field(default_factory=dict)
    resolve: Callable[[str], str] = os.path.normpath


@dataclass(frozen=True)
class Sudo:
    """What stands before a command: sudo's options that have values, by their short names, and how many words it is in all."""

    values: Mapping[str, str]
    words: int

    @property
    def run_as(self) -> list[str]:
        """The options that say as whom the command is to run. Not all others go with ``sudo -l``."""
        return [word for name in "ug" if name in self.values for word in (f"-{name}", self.values[name])]


def sudo_of(argv: Sequence[str]) -> Sudo:
    """The sudo that a command begins with; no words where there is none."""
    values: dict[str, str] = {}
    if os.path.basename(argv[0]) != "sudo":
        return Sudo(values, 0)
    place = 1
    while place < len(argv):
        word = argv[place]
        if word == "--":
            return Sudo(values, place + 1)
        if word.startswith("-") and word != "-":
            name, value = _option(word)
            place += 1
            if name:
                if value is None:
                    value = "".join(argv[place : place + 1])
                    place += 1
                values[name] = value
        elif "=" in word:
            place += 1
        else:
            return Sudo(values, place)
    return Sudo(values, place)


def _option(word: str) -> tuple[str, str | None]:
    """The option that takes a value in a word of options, if there is one; and the value, None when it is the next word."""
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        return _SUDO_VALUES.get(name, ""), value if equals else None
    found = next((index for index, letter in enumerate(word) if letter in _SUDO_VALUES.values()), None)
    return (word[found], word[found + 1 :] or None) if found is not None else ("", None)


def question(argv: Sequence[str], place: Place) -> Question | None:
    """What to ask before a command runs; None when it just runs."""
    command = argv[sudo_of(argv).words :]
    if not command:
        return None
    name = os.path.basename(command[0])
    for guard, dangers in (("rm", _removals), ("disk", _overwritten), ("reboot", _endings)):
        if guard in place.guards:
            facts = tuple(dict.fromkeys(dangers(name, command[1:], place)))
            if facts:
                return Question(guard, " ".join(command), facts, place.host, "the name of this host")
    return None


def _removals(name: str, arguments: Sequence[str], place: Place) -> Iterator[str]:
    if name != "rm":
        return
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [word for word in arguments[:end] if word.startswith("-") and word != "-"]
    targets = [word for word in arguments[:end] if word not in options] + list(arguments[end + 1 :])
    if not any(word == "--recursive" or (not word.startswith("--") and set("rR") & set(word)) for word in options):
        return
    protected = [*PROTECTED, *place.protected]
    real = [place.resolve(target) for target in targets]
    for path in real:
        held = next((known for known in protected if _is_in(known, path)), None)
        if held is not None:
            yield f"{path} on {place.host}" + (f", with {held} in it" if held != path else "")
        elif any(_is_in(path, tree) for tree in PROTECTED_TREES) or os.path.dirname(path) == "/home":
            yield f"{path} on {place.host}"
    for folder in dict.fromkeys(map(os.path.dirname, real)):
        entries = sum(os.path.dirname(path) == folder for path in real)
        if folder in protected and entries >= _MANY:
            yield f"{entries} entries of {folder} on {place.host}"


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _overwritten(name: str, arguments: Sequence[str], place: Place) -> Iterator[str]:
    if name == "dd":
        paths = [word[len("of=") :] for word in arguments if word.startswith("of=")]
    elif name in _DISK_TOOLS or name.startswith("mkfs."):
        paths = [word for word in arguments if not word.startswith("-")]
    else:
        return
    for path in paths:
        device = place.resolve(path)
        if device in place.in_use:
            yield f"{device} on {place.host} is in use: {place.in_use[device]}"


def _endings(name: str, arguments: Sequence[str], place: Place) -> Iterator[str]:
    words = [word for word in arguments if not word.startswith("-")]
    ends = {
        "systemctl": bool(words) and (words[0] in _ENDS or (words[0] in ("isolate", "start") and bool(_ENDING_TARGETS & set(words[1:])))),
        "shutdown": not {"-c", "--help", "--show"} & set(arguments),
        "init": words[:1] in (["0"], ["1"], ["6"]),
        "telinit": words[:1] in (["0"], ["1"], ["6"]),
    }
    if ends.get(name, name in ("halt", "poweroff", "reboot") and "--help" not in arguments):
        yield f"{place.host} stops serving"
