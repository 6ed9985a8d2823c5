# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``prod-access-guard``, which asks a person before a dangerous command, and then runs it.

Shells start it for commands as a person types them, molly-guard for all that ends a host. It is a seat belt, no lock: it stands
in the way of nobody who means it, of no script, and of no program.
"""

from __future__ import annotations

import argparse
import contextlib
import grp
import os
import pwd
import socket
import subprocess
import sys
import time
from typing import Iterator

from . import _confirm, _environment, _guard
from ._names import GROUP

_SQL = "/usr/lib/prod-access/bin/prod-access-sql"
_SQL_CLIENTS = ("psql", "mariadb", "mysql")
_PROTECTED = "/etc/prod-access/protected"
_ALLOWED = "/run/prod-access-reboot-allowed"
_ALLOWED_FOR = 600
_NOBODY = 2**32 - 1
_PSEUDO = ("/dev", "/proc", "/run", "/sys")


def main(arguments: list[str]) -> int:
    """What shells, molly-guard and people start."""
    parser = argparse.ArgumentParser(prog="prod-access-guard", description="Ask before what cannot be undone on this host.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="ask about a command if it is dangerous here, then run it; shells do this")
    run.add_argument("argv", nargs=argparse.REMAINDER)
    commands.add_parser("molly", help="let somebody end this host or not; molly-guard starts this")
    commands.add_parser("allow-reboot", help=f"let this host be ended without a terminal for {_ALLOWED_FOR // 60} minutes; for root")
    chosen = parser.parse_args(arguments)
    if chosen.command == "run":
        return _run(chosen.argv) if chosen.argv else 2
    return _molly() if chosen.command == "molly" else _allow_reboot()


def _run(argv: list[str]) -> int:
    environment = _environment.read()
    question = None
    # Whatever is wrong here must not stand in the way of the command.
    with contextlib.suppress(Exception):
        question = _guard.question(argv, _place(environment))
    if question is not None:
        terminal = _terminal()
        if terminal is not None:
            answer = _confirm.ask(question, environment, terminal)
            os.close(terminal)
            _confirm.note(question, answer)
            if not answer.confirmed:
                sys.stderr.write("stopped; nothing was done\n")
                return 1
    argv = _guarded_client(argv, environment)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        return 127


def _guarded_client(argv: list[str], environment: _environment.Environment) -> list[str]:
    """For a client of a database that sudo starts, the command that puts the guard of its SQL before it, if sudo allows that."""
    sudo = _guard.sudo_of(argv)
    client = os.path.basename(argv[sudo.words]) if 0 < sudo.words < len(argv) else ""
    if client not in _SQL_CLIENTS or not ("sql" in environment.guards or _environment.records_sql()) or not os.access(_SQL, os.X_OK):
        return argv
    asked = subprocess.run(["sudo", "-n", *sudo.run_as, "-l", _SQL, client], capture_output=True, stdin=subprocess.DEVNULL, check=False)
    return [*argv[: sudo.words], _SQL, client, *argv[sudo.words + 1 :]] if asked.returncode == 0 else argv


def _place(environment: _environment.Environment) -> _guard.Place:
    mounts = [(fields[0], fields[1]) for fields in _table("/proc/self/mounts")]
    uses = [*mounts, *((fields[0], "swap") for fields in _table("/proc/swaps"))]
    protected = [line[0] for line in _table(_PROTECTED) if line[0].startswith("/")]
    protected += [place for source, place in mounts if not place.startswith(_PSEUDO)]
    in_use = {device: what for source, what in uses if source.startswith("/dev/") for device in _devices(source)}
    return _guard.Place(socket.gethostname().partition(".")[0], environment.guards, tuple(protected), in_use, os.path.realpath)


def _table(path: str) -> list[list[str]]:
    """The words of each line; none where there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return [line.split() for line in stream if line.strip()]
    except OSError:
        return []


def _devices(source: str) -> Iterator[str]:
    """A block device, with those that it is a part of, or made of (sysfs(5))."""
    todo = [os.path.basename(os.path.realpath(source))]
    while todo:
        name = todo.pop()
        yield f"/dev/{name}"
        block = os.path.realpath(f"/sys/class/block/{name}")
        if os.path.exists(f"{block}/partition"):
            todo.append(os.path.basename(os.path.dirname(block)))
        with contextlib.suppress(OSError):
            todo += os.listdir(f"{block}/slaves")


def _terminal() -> int | None:
    try:
        return os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None


def _molly() -> int:
    """Zero lets molly-guard go on to its own question, which it asks on terminals alone."""
    person = _person()
    command = os.environ.get("MOLLYGUARD_CMD", "reboot")
    question = _confirm.Question("reboot", command, (socket.gethostname(),), "", "")
    if person is None or "reboot" not in _environment.read().guards or sys.stdin.isatty():
        return 0
    with contextlib.suppress(OSError):
        if time.time() - os.stat(_ALLOWED).st_mtime < _ALLOWED_FOR:
            _confirm.note(question, _confirm.Answer(True, "allowed beforehand"))
            return 0
    _confirm.note(question, _confirm.Answer(False, "no terminal"))
    sys.stderr.write(
        f"prod-access-guard: {person} has no terminal here, and so cannot be asked whether {socket.gethostname()} is meant. "
        f"Either log in with a terminal (ssh -t), or first say: sudo prod-access-guard allow-reboot\n"
    )
    return 1


def _person() -> str | None:
    """Who of our people began this session, by the login UID; None for automation, which has none, or is none of them."""
    try:
        with open("/proc/self/loginuid", encoding="ascii") as stream:
            uid = int(stream.read())
        login = pwd.getpwuid(uid).pw_name if uid != _NOBODY else ""
        return login if login in grp.getgrnam(GROUP).gr_mem else None
    except (OSError, ValueError, KeyError):
        return None


def _allow_reboot() -> int:
    try:
        with open(_ALLOWED, "w", encoding="utf-8"):
            os.utime(_ALLOWED)
    except OSError as error:
        sys.stderr.write(f"prod-access-guard: {_ALLOWED}: {error.strerror}; run it as root\n")
        return 1
    return 0
