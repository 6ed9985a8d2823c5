# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is backed up on a host, part by part: how it is brought to the repository, and what came of it."""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import hashlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import time
import urllib.parse
from typing import Any, Callable, Iterator, Mapping

from . import _files, _mariadb_log
from ._backup_client import STATE
from ._command import HostError, attempt
from ._mariadb import has_binlog, mariadb_program
from ._mariadb_log import DUMP
from ._moment import Moment
from ._pgbackrest import Cluster
from ._postgres import backups, found_clusters, pgbackrest, psql
from ._receipt import Outcome
from ._restic import Restic, end
from ._restic_text import at, summary

MANIFEST = f"{STATE}/manifest.json"
CATALOG = f"{STATE}/catalog"
SPOOL = f"{STATE}/spool"
_REDIS = "/etc/redis/redis.conf"
# Databases in /var/lib that the system makes anew, or that say who was logged in.
_OF_DEBIAN = ("command-not-found", "wtmpdb")
# What files of a host are not: other programs' data, which are backed up by themselves or made anew, and our own.
_NEVER = [f"{STATE}/spool", f"{STATE}/scratch", "/var/lib/prod-access/restored"]
_SAMPLE_BYTES = 64 * 1024 * 1024
# As many as a drill compares, and again as many for what changes meanwhile.
_SAMPLES = 2
_CHUNK = 1 << 20
# The last line of a dump that is whole.
_TRAILER = b"-- Dump completed"


# --- Files -------------------------------------------------------------------------------------------------------------------------


def files(config: Mapping[str, Any], restic: Restic) -> Outcome:
    started = int(time.time())
    paths = [path for path in config["paths"] if os.path.lexists(path)]
    if not paths:
        raise HostError("none of backup_paths is there", "name directories that this host has")
    sample = _sample(paths, config["drill_files"] * _SAMPLES)
    excluded = [f"--exclude={pattern}" for pattern in [*_NEVER, *config["exclude"]]]
    options = ["--one-file-system", "--exclude-caches", *excluded, f"--host={config['name']}", "--", *paths]
    saved = restic.backup(*options, tags=["files"], timeout=config["timeout"])
    sample = [entry for entry in sample if _entry(entry["path"]) == entry]
    _files.write(MANIFEST, _files.dumped({"snapshot": saved["snapshot_id"], "files": sample}), 0o600)
    warnings = [f"could not read {len(saved['unread'])} files, such as {saved['unread'][0]}"] if saved["unread"] else []
    warnings += [f"{path} is not there" for path in config["paths"] if path not in paths]
    warnings += ["no file was saved: see backup_paths and backup_exclude"] if not saved["total_files_processed"] else []
    facts = {
        "bytes": saved["total_bytes_processed"],
        "files": saved["total_files_processed"],
        "sent": saved["data_added"],
        "seconds": round(saved["total_duration"], 1),
        "snapshot": saved["snapshot_id"],
    }
    return Outcome("files", started, started, warnings=tuple(warnings), facts=facts)


def _sample(paths: list[str], wanted: int) -> list[dict[str, Any]]:
    """Files chosen at random, with all that a restored one must have in common with them."""
    found: list[str] = []
    for seen, path in enumerate(_walk(paths), 1):
        if len(found) < wanted:
            found.append(path)
        elif (place := random.randrange(seen)) < wanted:  # noqa: S311
            found[place] = path
    entries, total = [], 0
    for path in found:
        entry = _entry(path)
        if entry is not None and total + entry["size"] <= _SAMPLE_BYTES:
            entries.append(entry)
            total += entry["size"]
    return sorted(entries, key=lambda entry: str(entry["path"]))


def _walk(paths: list[str]) -> Iterator[str]:
    for path in paths:
        if os.path.isfile(path) and not os.path.islink(path):
            yield path
        device = os.lstat(path).st_dev
        for folder, folders, names in os.walk(path):
            folders[:] = [name for name in folders if _is_within(os.path.join(folder, name), device)]
            yield from (os.path.join(folder, name) for name in names if _is_within(os.path.join(folder, name), device))


def _is_within(path: str, device: int) -> bool:
    with contextlib.suppress(OSError):
        return os.lstat(path).st_dev == device and path not in _NEVER
    return False


def _entry(path: str) -> dict[str, Any] | None:
    """What a file is; None where it is no plain file, is gone, or cannot be told in text."""
    with contextlib.suppress(OSError, UnicodeEncodeError):
        path.encode()
        found = os.lstat(path)
        if stat.S_ISREG(found.st_mode):
            return {"path": path, **like(path, found)}
    return None


def like(path: str, found: os.stat_result) -> dict[str, Any]:
    """What a restored file has in common with the one that was saved."""
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return {
        "size": found.st_size,
        "mode": found.st_mode,
        "owner": [found.st_uid, found.st_gid],
        "modified": found.st_mtime_ns,
        "sha256": _digest(path),
        "xattrs": {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in names},
    }


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


# --- MariaDB -----------------------------------------------------------------------------------------------------------------------


def mariadb(config: Mapping[str, Any], restic: Restic) -> Outcome:
    """All databases at one moment. restic is let finish only after the dump has ended well, so that half a dump is never a snapshot."""
    started = int(time.time())
    dump = [
        mariadb_program("mariadb-dump", "mysqldump"),
        "--all-databases", "--single-transaction", "--quick", "--routines", "--events", "--triggers", "--hex-blob",
        *(["--master-data=2"] if has_binlog() else []),
    ]  # fmt: skip
    saved, size, rows = pipe(restic, dump, DUMP, config)
    # Even a server without databases has users.
    warnings = () if rows else ("the dump is empty: there is no row in it; see options of mariadb-dump in /etc/mysql",)
    return Outcome("mariadb", started, started, warnings=warnings, facts={"bytes": size, **_of(saved)})


def _of(saved: Mapping[str, Any]) -> dict[str, Any]:
    return {"sent": saved["data_added"], "seconds": round(saved["total_duration"], 1), "snapshot": saved["snapshot_id"]}


def pipe(restic: Restic, argv: list[str], name: str, config: Mapping[str, Any]) -> tuple[dict[str, Any], int, bool]:
    """What a program dumps, as a file of a snapshot. Raises HostError where it fails, stops early or takes too long: then there is none.

    The program's output passes through here, and restic hears of its end only when all is well. The snapshot is of the time of the first
    output, which a dump begins with once it has its moment. Returns what restic says, the bytes, and whether there are rows.
    """
    deadline = time.monotonic() + config["timeout"]
    source = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    with contextlib.ExitStack() as stack:
        stack.callback(end_if_alive, source)
        with _ended_at(deadline, source):
            first = source.stdout.read(_CHUNK) if source.stdout else b""
            arguments = ["backup", "--json", at(int(time.time())), "--tag", name.partition(".")[0], f"--host={config['name']}"]
            process = stack.enter_context(restic.started(*arguments, "--stdin", f"--stdin-filename={name}", stdin=subprocess.PIPE))
            size, last, rows = _pump(source, process, first)
        if process.poll():
            raise restic.failed("backup", process.returncode, process.stderr.read() if process.stderr else "")
        errors = source.stderr.read().decode(errors="replace") if source.stderr else ""
        if source.wait() or not last.rstrip().rpartition(b"\n")[2].startswith(_TRAILER):
            said = "; ".join(errors.strip().splitlines()[-2:]) or f"it stopped after {size} bytes"
            end(process)
            raise HostError(f"{argv[0]} failed: {said}", "nothing was saved of it; see whether the database is up")
        if process.stdin:
            process.stdin.close()
            process.stdin = None
        try:
            printed, said = process.communicate(timeout=max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            end(process)
            raise HostError(f"restic backup of {name} was not done in {config['timeout']} s", "raise backup_timeout") from None
        if process.returncode:
            raise restic.failed("backup", process.returncode, said or printed)
        return summary(printed), size, rows


def _pump(source: subprocess.Popen[bytes], process: subprocess.Popen[str], chunk: bytes) -> tuple[int, bytes, bool]:
    """Let bytes pass from one program to another, from a first chunk on. Returns how many, the last of them, and whether rows were seen."""
    size, last, rows = 0, b"", False
    if source.stdout is None or process.stdin is None:
        raise ValueError("programs without pipes")
    try:
        while chunk:
            process.stdin.buffer.write(chunk)  # type: ignore[attr-defined]
            size += len(chunk)
            rows = rows or b"\nINSERT INTO " in last + chunk
            last = (last + chunk)[-4096:]
            chunk = source.stdout.read(_CHUNK)
        process.stdin.flush()
    except BrokenPipeError:
        process.wait()
        end(source)
    return size, last, rows


@contextlib.contextmanager
def _ended_at(deadline: float, source: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a program that is not done in time, which is the end of its output."""
    signal.signal(signal.SIGALRM, lambda _number, _frame: os.killpg(source.pid, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, max(0.001, deadline - time.monotonic()))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def end_if_alive(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        end(process)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


# --- SQLite and Redis --------------------------------------------------------------------------------------------------------------


def sqlite(config: Mapping[str, Any], restic: Restic) -> Outcome:
    """Each database, copied by SQLite itself while others write to it, and found whole before it is sent."""
    started = int(time.time())
    with spool("sqlite") as folder:
        for path in config["sqlite"]:
            target = folder + path
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            _copy_sqlite(path, target)
        return _spooled("sqlite", folder, config, restic, started)


def _copy_sqlite(path: str, target: str) -> None:
    if not os.path.isfile(path):
        raise HostError(f"{path} is not there", "take it out of backup_sqlite, or see where it went")
    try:
        with contextlib.ExitStack() as stack:
            address = f"file:{urllib.parse.quote(path)}?mode=ro"
            source = stack.enter_context(contextlib.closing(sqlite3.connect(address, uri=True, timeout=60)))
            copied = stack.enter_context(contextlib.closing(sqlite3.connect(target)))
            source.backup(copied)
            (said,) = copied.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise HostError(f"{path}: {error}", f"see what is wrong with it: sqlite3 {path} 'PRAGMA integrity_check'") from None
    if said != "ok":
        raise HostError(f"{path} is damaged: {said}", "restore it from an older backup")


def redis(config: Mapping[str, Any], restic: Restic) -> Outcome:
    """What Redis gives its replicas, found whole before it is sent. Its password is read from its own configuration."""
    started = int(time.time())
    settings = dict(re.findall(r'^(port|requirepass|unixsocket) +"?([^"\n]+?)"?$', _files.read_text(_REDIS) or "", re.M))
    by_socket = settings.get("port") == "0"
    way = ["-s", settings.get("unixsocket", "/run/redis/redis-server.sock")] if by_socket else ["-p", settings.get("port", "6379")]
    # An argument could be seen by everybody; what root's programs have in their environment by root alone.
    secret = {"REDISCLI_AUTH": settings["requirepass"]} if "requirepass" in settings else {}
    with spool("redis") as folder:
        path = f"{folder}/dump.rdb"
        tried = attempt(["redis-cli", *way, "--rdb", path], timeout=config["timeout"], environment=secret)
        if tried.returncode:
            said = (tried.stderr or tried.stdout).strip().splitlines()[-1:]
            raise HostError(f"redis: {''.join(said)}", "see its password in /etc/redis/redis.conf, and journalctl -u redis-server")
        tried = attempt(["redis-check-rdb", path], timeout=600)
        if tried.returncode:
            raise HostError(f"what redis gave is damaged: {tried.stdout.strip().splitlines()[-1:]}", "see the journal of redis-server")
        return _spooled("redis", folder, config, restic, started)


@contextlib.contextmanager
def spool(name: str) -> Iterator[str]:
    """A folder of root's alone, empty before and gone after."""
    folder = f"{SPOOL}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _spooled(name: str, folder: str, config: Mapping[str, Any], restic: Restic, started: int) -> Outcome:
    saved = restic.backup(f"--host={config['name']}", "--", folder, tags=[name], timeout=config["timeout"])
    if saved["unread"]:
        raise HostError(f"could not read {saved['unread'][0]}", "see the journal for what is wrong with the disk")
    return Outcome(name, started, started, facts={"bytes": saved["total_bytes_processed"], **_of(saved)})


# --- PostgreSQL --------------------------------------------------------------------------------------------------------------------


def postgresql(config: Mapping[str, Any], _restic: Restic) -> Outcome:
    """That changes of every cluster arrive, up to this moment, and that there is a backup which they can be laid upon.

    The backups themselves are made by the repository's host, on its own timer.
    """
    started = int(time.time())
    facts: dict[str, Any] = {"bytes": 0, "clusters": {}}
    clusters = found_clusters()
    for cluster in clusters:
        stanza = cluster.stanza(config["name"])
        # A repository that cannot be reached is known at once by this, and by a check only after a while.
        found = [one for one in backups(stanza) if not one.error]
        pgbackrest(f"--stanza={stanza}", "--archive-timeout=60", "check", timeout=300)
        if not found:
            raise HostError(
                f"there is no backup of {stanza} yet",
                f"see how the first one goes: systemctl status prod-access-backup-postgresql on {config['postgresql_to']}",
            )
        last = found[-1]
        facts["bytes"] += last.size
        facts["clusters"][str(cluster)] = {"backup": last.label, "stop": last.stop, "backups": len(found)}
        if started - last.stop > 2 * config["max_age"]:
            raise HostError(
                f"the last backup of {stanza} is {(started - last.stop) // 3600} hours old", f"see why on {config['postgresql_to']}"
            )
        keep_catalog(cluster)
    facts["seconds"] = int(time.time()) - started
    return Outcome("postgresql", started, started, facts=facts)


def keep_catalog(cluster: Cluster) -> None:
    """Remember which table has which number, since the log of changes has numbers alone. Tables that are gone are remembered too."""
    path = f"{CATALOG}/{cluster.version}-{cluster.name}.json"
    known: dict[str, Any] = _files.load(path) or {}
    names = psql(cluster, "postgres", "SELECT json_agg(json_build_array(oid::bigint, datname)) FROM pg_database WHERE datallowconn")
    for number, database in json.loads(names):
        tables = psql(cluster, database, _TABLES)
        for oid, name in json.loads(tables or "null") or []:
            # One that was dropped and made anew has another number: the old one stays known.
            numbers = known.setdefault(database, {}).setdefault(name, [])
            if [number, oid] not in numbers:
                numbers.append([number, oid])
    os.makedirs(CATALOG, mode=0o700, exist_ok=True)
    _files.write(path, _files.dumped(known), 0o600)


_TABLES = """
SELECT json_agg(json_build_array(c.oid::bigint, n.nspname || '.' || c.relname))
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""


def snapshot_before(config: Mapping[str, Any], restic: Restic, tag: str, moment: Moment) -> dict[str, Any]:
    """The last snapshot of a part that was begun before a moment. Raises HostError."""
    snapshots = restic.usable(tag=tag, host=config["name"])
    usable = [one for one in snapshots if Moment.parse(one["time"]).epoch < moment.epoch]
    if not usable:
        first = f"the earliest one is of {Moment.parse(snapshots[0]['time'])}" if snapshots else "there is none at all"
        raise HostError(f"there is no backup of {tag} from before {moment}", f"choose another moment: {first}")
    return usable[-1]


# --- What is not covered -----------------------------------------------------------------------------------------------------------


def uncovered(config: Mapping[str, Any]) -> list[str]:
    """Databases and filesystems of this host that nobody backs up, as sentences."""
    found = [
        f"the filesystem at {path} is not backed up, though what is around it is: add it to backup_paths, or to backup_exclude"
        for path in _left_out(config)
    ]
    if not config["postgresql"]:
        found += [f"PostgreSQL {cluster} is not backed up: set backup_postgresql" for cluster in found_clusters()]
    for name, folder, files_of in (("mariadb", "/var/lib/mysql", "*/"), ("redis", "/var/lib/redis", "*.rdb")):
        if not config[name] and glob.glob(f"{folder}/{files_of}"):
            found.append(f"{name} has data in {folder} and is not backed up: set backup_{name}")
    for path in _sqlite_files():
        if path not in config["sqlite"]:
            found.append(f"the SQLite database {path} is not backed up: add it to backup_sqlite")
    for name, folder in (("MongoDB", "/var/lib/mongodb"), ("Elasticsearch", "/var/lib/elasticsearch"), ("InfluxDB", "/var/lib/influxdb")):
        if os.path.isdir(folder):
            found.append(f"{name} has data in {folder}, which we cannot back up: see backup_before")
    return found


def _left_out(config: Mapping[str, Any]) -> Iterator[str]:
    """Where filesystems on this host's disks are mounted below what is backed up: restic stays on those of the paths that it is given."""
    done = attempt(["findmnt", "--json", "--list", "--real", "--output=TARGET,SOURCE,FSTYPE"])
    for mount in json.loads(done.stdout)["filesystems"] if done.returncode == 0 else ():
        path, source = mount["target"], mount["source"] or ""
        above = [one for one in config["paths"] if path.startswith(one.rstrip("/") + "/")]
        excluded = any(fnmatch.fnmatchcase(path, pattern) or path.startswith(f"{pattern}/") for pattern in config["exclude"])
        if not above or excluded or path in config["paths"] or not (source.startswith("/dev/") or mount["fstype"] == "zfs"):
            continue
        with contextlib.suppress(OSError):
            if os.path.isdir(path) and os.lstat(path).st_dev != os.lstat(max(above, key=len)).st_dev:
                yield path


def _sqlite_files() -> list[str]:
    """Databases of SQLite in places where services keep theirs, and nobody's own."""
    found = []
    for folder in ("/srv", "/var/lib", "/opt"):
        for path in glob.glob(f"{folder}/*/*.sqlite*") + glob.glob(f"{folder}/*/*.db"):
            with contextlib.suppress(OSError), open(path, "rb") as stream:
                if (
                    stream.read(16) == b"SQLite format 3\0"
                    and not path.endswith(("-wal", "-shm"))
                    and os.path.basename(os.path.dirname(path)) not in _OF_DEBIAN
                ):
                    found.append(path)
    return sorted(found)


PARTS: dict[str, Callable[[Mapping[str, Any], Restic], Outcome]] = {
    "files": files,
    "postgresql": postgresql,
    "mariadb": mariadb,
    _mariadb_log.TAG: _mariadb_log.save,
    "sqlite": sqlite,
    "redis": redis,
}


def wanted(config: Mapping[str, Any]) -> list[str]:
    """The parts that this host has."""
    having = {**config, "files": True, _mariadb_log.TAG: config["mariadb"] and config["mariadb_binlog"]}
    return [name for name in PARTS if having[name]]
