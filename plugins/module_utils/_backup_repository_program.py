# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``prod-access-backup-repository``: what only the host that holds backups may do with them."""

from __future__ import annotations

import argparse
import glob
import json
import os
import sys
import time
from functools import partial
from typing import Any, Callable, Mapping

from . import _backup_repository, _pgbackrest, _receipts
from ._backup_repository import create_stanza
from ._command import HostError
from ._files import alone
from ._pgbackrest import Cluster
from ._postgres import backups, pgbackrest
from ._receipt import Outcome

_LOCK = "/run/prod-access-backup-repository.lock"
_DAY = 86400
_HOURS = 3600


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="prod-access-backup-repository", description="Look after the backups that this host holds for others."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    postgresql = commands.add_parser("postgresql", help="back up every cluster of PostgreSQL, and copy what came of it")
    postgresql.add_argument("--full", action="store_true", help="a full backup, whenever the last one was")
    postgresql.add_argument("stanza", nargs="*", help="these alone, such as db1-17-main")
    commands.add_parser("maintain", help="remove what is too old, check everything, make the second copy")
    commands.add_parser("copy", help="make the second copy of what pgbackrest holds")
    check = commands.add_parser("check", help="read back and check a part of each repository")
    check.add_argument("--subset", help="how much: 1%% to 100%%, or a size such as 500M")
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
    if options.command == "maintain":
        _each_client(config, faults, "prune", lambda name: prune(config, name))
    if options.command in ("maintain", "check"):
        subset = getattr(options, "subset", None) or config["subset"]
        _each_client(config, faults, "check", lambda name: check(config, name, subset))
        for stanza in stanzas():
            _try(faults, f"verify {stanza}", partial(verify, stanza))
    if options.command in ("maintain", "copy") and stanzas():
        _try(faults, "copy", lambda: copy(config))
    if options.command == "maintain" and stanzas():
        _try(faults, "check of the copy", lambda: _check_copy(config))
    return _told(config, options.command, faults)


def _told(config: Mapping[str, Any], command: str, faults: list[str]) -> int:
    now = int(time.time())
    # A later run that does one thing alone does not hide what another found.
    name = {"maintain": "check"}.get(command, command)
    _receipts.keep("repository", Outcome(name, now, now, "; ".join(faults)), 8 * _DAY)
    for fault in faults:
        sys.stderr.write(f"prod-access-backup-repository: {fault}\n")
    return 1 if faults else 0


def _try(faults: list[str], what: str, do: Callable[[], Any]) -> None:
    """One thing that goes wrong keeps no other from being done."""
    try:
        do()
    except (HostError, OSError, ValueError) as error:
        faults.append(f"{what}: {error}")


def _each_client(config: Mapping[str, Any], faults: list[str], what: str, do: Callable[[str], Any]) -> None:
    for name in _backup_repository.clients():
        if os.path.exists(f"{_backup_repository.restic_folder(config, name)}/config"):
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


def _check_copy(config: Mapping[str, Any]) -> None:
    restic = _backup_repository.copies(config)
    restic.run("forget", "--group-by", "tags", *_keep(config["keep"]), "--prune", timeout=24 * _HOURS)
    restic.run("check", f"--read-data-subset={config['subset']}", timeout=24 * _HOURS)


# --- Files -------------------------------------------------------------------------------------------------------------------------


def _keep(keep: Mapping[str, Any]) -> list[str]:
    return [f"--keep-{name}={value}" for name, value in keep.items() if value]


def prune(config: Mapping[str, Any], name: str) -> None:
    """Remove what is too old, of each part of a client by itself. No client can do that."""
    restic = _backup_repository.repository(config, name)
    restic.run("unlock", timeout=600)
    restic.run("forget", "--group-by", "host,tags", *_keep(config["keep"]), "--prune", timeout=24 * _HOURS)


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
        folder = _backup_repository.restic_folder(config, name)
        files = glob.glob(f"{glob.escape(folder)}/snapshots/*")
        newest = max((os.stat(path).st_mtime for path in files), default=0)
        clients[name] = {
            "files": {"snapshots": len(files), "newest": int(newest)} if os.path.exists(f"{folder}/config") else None,
            "postgresql": postgresql,
        }
    return {"clients": clients, "disks": _disks(config), "receipts": _receipts.read("repository")}


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
        seen = {f"files of {name}": client["files"], **client["postgresql"]}
        for what, found in seen.items():
            if found is not None and now - found["newest"] > config["max_age"]:
                age = f"{(now - found['newest']) // _HOURS} hours old" if found["newest"] else "not there"
                alarms.append(f"the newest backup of {what} is {age}")
    _receipts.keep("repository", Outcome("watch", now, now, "; ".join(alarms)), 3 * _HOURS)
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
        for what, found in {"files": client["files"], **client["postgresql"]}.items():
            if found is not None:
                newest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(found["newest"])) if found["newest"] else "none"
                count = found.get("backups", found.get("snapshots"))
                sys.stdout.write(f"{name} {what}: {count}, newest {newest}\n")
    return 0
