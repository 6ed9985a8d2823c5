# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``prod-access-backup-repository``: what only the host that holds backups may do with them."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from functools import partial
from typing import Any, Callable, Iterable, Mapping, Sequence

from . import _backup_repository, _files, _pgbackrest, _receipts
from ._backup_repository import create_stanza
from ._command import HostError
from ._files import alone
from ._moment import Moment
from ._pgbackrest import Cluster
from ._postgres import backups, pgbackrest
from ._receipt import Outcome
from ._restic import WRONG_CLOCK, Restic

_LOCK = "/run/prod-access-backup-repository.lock"
_DAY = 86400
_HOURS = 3600
# No backup takes longer (backup_timeout).
_SLOWEST = 8 * _DAY


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="prod-access-backup-repository", description="Look after the backups that this host holds for others."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    postgresql = commands.add_parser("postgresql", help="back up every cluster of PostgreSQL, and copy what came of it")
    postgresql.add_argument("--full", action="store_true", help="a full backup, whenever the last one was")
    postgresql.add_argument("stanza", nargs="*", help="these alone, such as db1-17-main")
    maintain = commands.add_parser("maintain", help="remove what is too old, check everything, make the second copy")
    commands.add_parser("copy", help="make the second copy of what pgbackrest holds")
    check = commands.add_parser("check", help="read back and check a part of each repository")
    check.add_argument("--subset", help="how much: 1%% to 100%%, or a size such as 500M")
    for command in (maintain, check):
        command.add_argument("name", nargs="*", help="these clients and stanzas alone, such as db1 or db1-17-main")
    commands.add_parser("watch", help="look after disks and the age of backups")
    status = commands.add_parser("status", help="what is here, of whom and how old")
    status.add_argument("--json", action="store_true", help="print it as JSON")
    options = parser.parse_args(arguments)
    try:
        config = _backup_repository.read_config()
        if options.command == "status":
            return _show(status_of(config), as_json=options.json)
        if options.command == "watch":
            return _watch(config)
        with alone(_LOCK, wait=True):
            return _work(config, options)
    except (HostError, OSError) as error:
        sys.stderr.write(f"prod-access-backup-repository: {error}\n")
        return 1


def _work(config: Mapping[str, Any], options: argparse.Namespace) -> int:
    faults: list[str] = []
    if options.command == "postgresql":
        wanted = {name: one for name, one in stanzas().items() if name in options.stanza or not options.stanza}
        for name in wanted:
            _try(faults, f"postgresql {name}", partial(_backup, config, name, full=options.full))
        if wanted:
            _try(faults, "copy", lambda: copy(config))
    names = getattr(options, "name", ())
    unknown = sorted(set(names) - set(_backup_repository.clients()) - set(stanzas()))
    if unknown:
        raise HostError(f"{', '.join(unknown)}: nothing is here of that name", "see `prod-access-backup-repository status`")
    if options.command == "maintain":
        _each_client(config, faults, names, "prune", lambda name: prune(config, name))
    if options.command in ("maintain", "check"):
        subset = getattr(options, "subset", None) or config["subset"]
        _each_client(config, faults, names, "check", lambda name: check(config, name, subset))
        for stanza in stanzas():
            if not names or stanza in names:
                _try(faults, f"verify {stanza}", partial(verify, stanza))
    if options.command in ("maintain", "copy") and stanzas() and not names:
        _try(faults, "copy", lambda: copy(config))
    if options.command == "maintain" and config["copy_files"]:
        _each_client(config, faults, names, "copy", lambda name: copy_files(config, name))
    if options.command == "maintain" and (stanzas() or config["copy_files"]) and not names:
        _try(faults, "check of the copy", lambda: _check_copy(config))
    return _told(config, options.command, faults)


def _told(config: Mapping[str, Any], command: str, faults: list[str]) -> int:
    now = int(time.time())
    # A later run that does one thing alone does not hide what another found.
    name = {"maintain": "check"}.get(command, command)
    _receipts.keep("repository", _outcome(name, faults, now), 8 * _DAY)
    for fault in faults:
        sys.stderr.write(f"prod-access-backup-repository: {fault}\n")
    return 1 if faults else 0


def _outcome(name: str, faults: Sequence[str], now: int) -> Outcome:
    """Each fault by itself: a text has an end, behind which another one would not be seen."""
    return Outcome(name, now, now, "".join(faults[:1]), tuple(faults[1:]))


def _try(faults: list[str], what: str, do: Callable[[], Any]) -> None:
    """One thing that goes wrong keeps no other from being done."""
    try:
        do()
    except (HostError, OSError, ValueError) as error:
        faults.append(f"{what}: {error}")


def _each_client(config: Mapping[str, Any], faults: list[str], names: Sequence[str], what: str, do: Callable[[str], Any]) -> None:
    for name in _backup_repository.clients():
        if (not names or name in names) and os.path.exists(f"{_backup_repository.restic_folder(config, name)}/config"):
            _try(faults, f"{what} of {name}", partial(do, name))


# --- PostgreSQL --------------------------------------------------------------------------------------------------------------------


def stanzas() -> dict[str, Cluster]:
    """The stanzas of all clients."""
    found = {}
    for name in _backup_repository.clients():
        for data in _backup_repository.client(name)["clusters"]:
            cluster = Cluster.parse(data)
            found[cluster.stanza(name)] = cluster
    return found


def _backup(config: Mapping[str, Any], stanza: str, *, full: bool) -> None:
    if not os.path.exists(f"{_backup_repository.STANZAS}/{stanza}/backup.info"):
        create_stanza(stanza)
    last = max((one.stop for one in backups(stanza) if one.kind == "full"), default=0)
    kind = "full" if full or time.time() - last > config["postgresql_full_every"] * _DAY else "incr"
    pgbackrest(f"--stanza={stanza}", f"--type={kind}", "backup")


def verify(stanza: str) -> None:
    """Read all that there is of a stanza, and compare checksums. Raises HostError: pgbackrest itself ends with zero, whatever it finds."""
    bad = _pgbackrest.faults(pgbackrest(f"--stanza={stanza}", "--output=text", "--verbose", "verify"))
    if bad:
        raise HostError(f"there are faults: {'; '.join(bad[:3])}", "make a full backup, and see /var/log/pgbackrest/")


# --- The second copy ---------------------------------------------------------------------------------------------------------------


def copy(config: Mapping[str, Any]) -> None:
    """Take up what pgbackrest holds into a repository that its user cannot reach. What was there stays there, whatever is gone here."""
    restic = _backup_repository.copies(config)
    saved = restic.backup("--exclude-caches", "/var/lib/pgbackrest", tags=["postgresql"], timeout=24 * _HOURS)
    if saved["unread"]:
        raise HostError(f"the second copy lacks files: {', '.join(saved['unread'][:3])}", "it is made again at the next run")


def copy_files(config: Mapping[str, Any], name: str) -> None:
    """Copy the files and dumps of a client to where the second copy is: what is there stays, but for what is pruned there."""
    source = ["--from-repo", _backup_repository.restic_folder(config, name)]
    password = ("--from-password-file", _backup_repository.password(name))
    # A lock of root's in it would be one that its server, and so its client, cannot read. Nothing is removed meanwhile but by us.
    _backup_repository.copies(config).run("copy", "--no-lock", *source, timeout=24 * _HOURS, other_password=password)


def _check_copy(config: Mapping[str, Any]) -> None:
    restic = _backup_repository.copies(config)
    restic.run("forget", "--group-by", "host,tags", *_keep(config["keep"]), "--prune", timeout=24 * _HOURS)
    restic.run("check", f"--read-data-subset={config['subset']}", timeout=24 * _HOURS)


# --- Files -------------------------------------------------------------------------------------------------------------------------


def _keep(keep: Mapping[str, Any]) -> list[str]:
    return [f"--keep-tag={WRONG_CLOCK}", *(f"--keep-{name}={value}" for name, value in keep.items() if value)]


def prune(config: Mapping[str, Any], name: str) -> None:
    """Remove what is too old, of each part of a client by itself. No client can do that."""
    restic = _backup_repository.repository(config, name)
    restic.run("unlock", timeout=600)
    apart = _set_apart(restic, _backup_repository.restic_folder(config, name))
    restic.run("forget", "--group-by", "host,tags", *_keep(config["keep"]), "--prune", timeout=24 * _HOURS)
    if apart:
        raise HostError(
            f"{len(apart)} of its backups have a time that they did not arrive at, such as {apart[0]}; they are kept until somebody looks",
            f"see the clock of that host (timedatectl), and docs/backup.md about {WRONG_CLOCK}",
        )


def _set_apart(restic: Restic, folder: str) -> list[str]:
    """Backups that cannot have been begun when they say, by the time of this host: what is kept is not counted by them.

    What is within so many days of the newest one is kept, and so one of the future, sent on purpose or by a wrong clock, would displace
    all good ones; and one of the past would be the first to go. Returns the times that they say.
    """
    wrong, apart = [], []
    for one in restic.snapshots():
        if WRONG_CLOCK in (one.get("tags") or ()):
            apart.append(one["time"][:19])
            continue
        with contextlib.suppress(FileNotFoundError):
            late = os.stat(f"{folder}/snapshots/{one['id']}").st_mtime - Moment.parse(one["time"]).epoch
            if not -_HOURS <= late <= _SLOWEST:
                wrong.append(one["id"])
                apart.append(one["time"][:19])
    if wrong:
        restic.run("tag", f"--add={WRONG_CLOCK}", *wrong, timeout=600)
    return apart


def check(config: Mapping[str, Any], name: str, subset: str) -> None:
    """Check a repository, and read back and check a part of its data, another one each time."""
    restic = _backup_repository.repository(config, name)
    restic.run("unlock", timeout=600)
    restic.run("check", f"--read-data-subset={subset}", timeout=24 * _HOURS)


# --- What is seen from here --------------------------------------------------------------------------------------------------------


def status_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What is here: times are seconds since 1970, 0 where there is none."""
    clients = {}
    for name in _backup_repository.clients():
        known = _backup_repository.client(name)
        postgresql = {}
        for data in known["clusters"]:
            stanza = Cluster.parse(data).stanza(name)
            found = backups(stanza)
            postgresql[stanza] = {"backups": len(found), "newest": max((one.stop for one in found), default=0)}
        clients[name] = {"parts": _parts(config, name, known.get("parts", ())), "postgresql": postgresql}
    return {"clients": clients, "disks": _disks(config), "receipts": _receipts.read("repository")}


def _parts(config: Mapping[str, Any], name: str, parts: Iterable[str]) -> dict[str, dict[str, int]]:
    """The snapshots of each part of a client, and when the newest one arrived here: what a client says of its own time is not asked."""
    found = {part: {"snapshots": 0, "newest": 0} for part in parts}
    folder = _backup_repository.restic_folder(config, name)
    if not os.path.exists(f"{folder}/config"):
        return found
    for path, tags in _tags(config, name, set(os.listdir(f"{folder}/snapshots"))).items():
        for part in tags:
            if part in found:
                with contextlib.suppress(FileNotFoundError):
                    found[part]["newest"] = max(found[part]["newest"], int(os.stat(f"{folder}/snapshots/{path}").st_mtime))
                found[part]["snapshots"] += 1
    return found


def _tags(config: Mapping[str, Any], name: str, ids: set[str]) -> dict[str, list[str]]:
    """What each snapshot is of. To read them takes restic a second, so that those that were read are remembered."""
    path = f"{_backup_repository.FOLDER}/clients/{name}/snapshots.json"
    known: dict[str, list[str]] = _files.load(path) or {}
    if not ids <= set(known):
        known = {one["id"]: one.get("tags") or [] for one in _backup_repository.repository(config, name).snapshots()}
        _files.write(path, _files.dumped(known), 0o600)
    return {one: tags for one, tags in known.items() if one in ids}


def _disks(config: Mapping[str, Any]) -> dict[str, int]:
    """The percentage in use of each disk that backups are on."""
    found = {}
    for path in (config["folder"], "/var/lib/pgbackrest", config["copy"]):
        if path.startswith("/") and os.path.isdir(path):
            disk = os.statvfs(path)
            found[path] = round(100 - 100 * disk.f_bavail / disk.f_blocks)
    return found


def _watch(config: Mapping[str, Any]) -> int:
    status, now = status_of(config), int(time.time())
    alarms = [
        f"{path} is full to {used} %, above {config['watermark']} %" for path, used in status["disks"].items() if used > config["watermark"]
    ]
    for name, client in status["clients"].items():
        seen = {**{f"{part} of {name}": found for part, found in client["parts"].items()}, **client["postgresql"]}
        for what, found in seen.items():
            if now - found["newest"] > config["max_age"]:
                age = f"{(now - found['newest']) // _HOURS} hours old" if found["newest"] else "not there"
                alarms.append(f"the newest backup of {what} is {age}")
    _receipts.keep("repository", _outcome("watch", alarms, now), 3 * _HOURS)
    parts = ["watch", "check", "postgresql", "copy"]
    whole = _receipts.close("repository", parts, [], config["metrics"])
    for alarm in filter(None, [whole["alarm"]]):
        sys.stderr.write(f"prod-access-backup-repository: {alarm}\n")
    return 1 if whole["alarm"] else 0


def _show(status: Mapping[str, Any], *, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(json.dumps(status, indent=1) + "\n")
        return 0
    for path, used in status["disks"].items():
        sys.stdout.write(f"{path}: {used} % in use\n")
    for name, client in status["clients"].items():
        for what, found in {**client["parts"], **client["postgresql"]}.items():
            newest = Moment(found["newest"]) if found["newest"] else "none"
            sys.stdout.write(f"{name} {what}: {found.get('backups', found.get('snapshots'))}, newest {newest}\n")
    return 0
