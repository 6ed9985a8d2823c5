# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB's log of changes: saved file by file, fetched again, and laid upon a dump in a side instance."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from typing import IO, Any, Iterable, Iterator, Mapping, Sequence

from . import _binlog, _files
from ._backup_client import STATE
from ._binlog import Drop, Position
from ._command import PATH, HostError
from ._mariadb import close_log, has_binlog, mariadb_program, written
from ._moment import Moment
from ._receipt import Outcome
from ._restic import Restic
from ._restic_text import at, pattern

TAG = "binlog"
DUMP = "mariadb.sql"
_SEEN = f"{STATE}/binlog.json"
_LOCK = "/run/prod-access-binlog.lock"
_HEAD = 1 << 16
_OTHER = "choose the moment of a dump: `prod-access-backup status` and `restic snapshots` have them"
_CHUNK = 1 << 20
# What is granted by the log is granted to users of the dump. Whoever is root by them, our way into the side instance stays.
_BEFORE = b"FLUSH PRIVILEGES;\n"
_AFTER = b"GRANT ALL PRIVILEGES ON *.* TO root@localhost IDENTIFIED VIA unix_socket WITH GRANT OPTION;\n"


# --- Saved -------------------------------------------------------------------------------------------------------------------------


def save(config: Mapping[str, Any], restic: Restic) -> Outcome:
    """All closed files of the log, the one that was open until now among them. Nothing is sent where nothing was written."""
    started = int(time.time())
    if not has_binlog():
        raise HostError(
            "MariaDB was started without log_bin, and so a table comes back as of the last dump alone",
            "set backup_mariadb_restart, or run systemctl restart mariadb when it suits",
        )
    with _files.alone(_LOCK, wait=True):
        return _save(config, restic, started)


def _save(config: Mapping[str, Any], restic: Restic, started: int) -> Outcome:
    # Asked before a file is closed: what is written meanwhile is sent the next time.
    last = written()
    if (_files.load(_SEEN) or {}).get("written") == last:
        return Outcome(TAG, started, started)
    beginning, open_one = close_log()
    folder = os.path.dirname(beginning)
    # Everything else in that folder is left out; and what is still written to.
    excluded = [f"{folder}/*", f"!{pattern(beginning)}.[0-9]*", f"{folder}/{open_one}"]
    options = [*(f"--exclude={one}" for one in excluded), f"--host={config['name']}", "--", folder]
    # The log is whole up to the time that it says.
    saved = restic.backup(at(started), *options, tags=[TAG], timeout=config["timeout"])
    if saved["unread"]:
        raise HostError(f"could not read {saved['unread'][0]}", "see the journal for what is wrong with the disk")
    _files.write(_SEEN, _files.dumped({"written": last}), 0o600)
    facts = {"sent": saved["data_added"], "seconds": round(saved["total_duration"], 1), "snapshot": saved["snapshot_id"]}
    return Outcome(TAG, started, started, facts=facts)


# --- Fetched -----------------------------------------------------------------------------------------------------------------------


def position_in(restic: Restic, dump: str) -> Position | None:
    """Up to where the log is in the dump of a snapshot, of which the beginning alone is read. None where there was no log."""
    with restic.started("dump", "--no-lock", dump, f"/{DUMP}", stdin=subprocess.DEVNULL) as source:
        head = source.stdout.buffer.read(_HEAD) if source.stdout else b""  # type: ignore[attr-defined]
        # Asked to end, it would wait for somebody to read the rest. It holds no lock that it would have to take away.
        source.kill()
    return _binlog.position_of(head)


def whole_until(config: Mapping[str, Any], restic: Restic, moment: Moment) -> dict[str, Any] | None:
    """The first snapshot of the log that is whole up to a moment, or else the last one. None where there is none."""
    snapshots = restic.usable(tag=TAG, host=config["name"])
    later = [one for one in snapshots if Moment.parse(one["time"]) >= moment]
    return [*later, *reversed(snapshots)][0] if snapshots else None


def fetch(restic: Restic, snapshot: Mapping[str, Any], names: Iterable[str], folder: str) -> list[str]:
    """Bring files of the log to a folder. Returns their paths there."""
    (place,) = snapshot["paths"]
    names = list(names)
    includes = [f"--include={pattern(f'{place}/{name}')}" for name in names]
    restic.run("restore", snapshot["id"], f"--target={folder}", *includes, timeout=24 * 3600)
    return [f"{folder}{place}/{name}" for name in names]


def chain_in(restic: Restic, snapshot: Mapping[str, Any], start: Position) -> dict[str, int]:
    """The files of a snapshot that lead on from a dump's position, and their bytes. Raises HostError where they do not begin with it."""
    there = names_in(restic, snapshot)
    found = _binlog.chain(there, start.file)
    if not found:
        raise HostError(f"{start.file}, with which the log goes on from the dump, is not in the backup of {snapshot['time'][:19]}", _OTHER)
    return {name: there[name] for name in found}


def names_in(restic: Restic, snapshot: Mapping[str, Any]) -> dict[str, int]:
    """The files of a snapshot, in their order, and their bytes."""
    (place,) = snapshot["paths"]
    there = restic.names(snapshot["id"], place)
    return {name: there[name] for name in _binlog.files(there)}


def drops(paths: Sequence[str], database: str, table: str) -> list[Drop]:
    """Where a table was dropped, the first time first. Raises HostError where a file is damaged."""
    found: list[Drop] = []
    for path in paths:
        with _read([path], "--base64-output=decode-rows") as source:
            lines = (line.decode(errors="replace").rstrip("\n") for line in source.stdout or ())
            found += _binlog.drops(os.path.basename(path), lines, database, table)
    return found


# --- Laid upon a dump --------------------------------------------------------------------------------------------------------------


def load_dump(restic: Restic, dump: str, client: Sequence[str]) -> None:
    """Feed the dump of a snapshot to a server, as it comes."""
    with restic.started("dump", dump, f"/{DUMP}", stdin=subprocess.DEVNULL) as source:
        _feed(client, source.stdout.buffer if source.stdout else None)  # type: ignore[attr-defined]
        errors = source.stderr.read() if source.stderr else ""
    if source.returncode:
        raise restic.failed("dump", source.returncode, errors)


def replay(paths: Sequence[str], start: Position, stop: Moment | Position, dumped: Moment, client: Sequence[str]) -> None:
    """Lay the log upon a dump: from its position on, up to a moment or the beginning of an event. Raises HostError.

    ``dumped`` is when the dump was made: a file of that name which was begun later is another server's.
    """
    with open(paths[0], "rb") as file:
        if _binlog.begun(file.read(8)) > dumped.epoch:
            raise HostError(f"{start.file} was begun after the dump of {dumped}, and so is another server's", "choose a later moment")
    if isinstance(stop, Position):
        until, paths = f"--stop-position={stop.byte}", paths[: [os.path.basename(path) for path in paths].index(stop.file) + 1]
    else:
        until = f"--stop-datetime={str(stop).replace('T', ' ').rstrip('Z')}"
    with _read(paths, f"--start-position={start.byte}", until) as source:
        _feed(client, source.stdout, before=_BEFORE, after=_AFTER)


@contextlib.contextmanager
def _read(paths: Sequence[str], *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """mariadb-binlog at work on files. Raises HostError where one is damaged."""
    argv = [mariadb_program("mariadb-binlog", "mysqlbinlog"), "--no-defaults", "--verify-binlog-checksum", *options, *paths]
    # It takes and writes times in the zone that it is in.
    zone = {"PATH": PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=zone) as source:
        yield source
        said = source.stderr.read().decode(errors="replace").strip() if source.stderr else ""
    if source.returncode:
        raise HostError(f"the log of changes is damaged: {said[-300:]}", "choose a moment before that, and check the repository")


def _feed(client: Sequence[str], stream: IO[bytes] | None, *, before: bytes = b"", after: bytes = b"") -> None:
    """Let a server read what a program writes. Raises HostError with the server's words."""
    argv = [mariadb_program("mariadb", "mysql"), "--no-defaults", *client, "--max-allowed-packet=1G", "--binary-mode"]
    none = subprocess.DEVNULL
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=none, stderr=subprocess.PIPE) as reader:
        if reader.stdin is None or reader.stderr is None or stream is None:
            raise ValueError("a program without a pipe")
        with contextlib.suppress(BrokenPipeError):
            reader.stdin.write(before)
            shutil.copyfileobj(stream, reader.stdin, _CHUNK)
            reader.stdin.write(after)
            reader.stdin.close()
        stream.close()
        said = reader.stderr.read().decode(errors="replace").strip()
    if reader.returncode:
        raise HostError(f"the side instance of MariaDB would not take it: {said[-300:]}", "see which version of MariaDB made it")
