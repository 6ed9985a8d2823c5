# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proofs that backups of a host can be restored: part by part, into a scratch place, compared, and thrown away."""

from __future__ import annotations

import contextlib
import glob
import os
import sqlite3
import time
from functools import partial
from typing import Any, Callable, Mapping

from . import _files, _mariadb_log, _side
from ._backup_parts import MANIFEST, SPOOL, like
from ._command import HostError, attempt
from ._mariadb import mariadb_query
from ._moment import Moment
from ._postgres import backups, found_clusters, psql
from ._receipt import Outcome
from ._restic import Restic
from ._restic_text import pattern
from ._sql_text import identifier


def files(config: Mapping[str, Any], restic: Restic) -> Outcome:
    """Files of the last backup, by their checksums, modes, owners and times, and all that was noted when they were saved."""
    started = int(time.time())
    manifest = _files.load(MANIFEST)
    if manifest is None:
        raise HostError("there has been no backup of files yet", "make one: systemctl start prod-access-backup")
    # What was left out of the backup on purpose was not left out when it was noted: patterns are restic's to read.
    moment, held = restic.holds(manifest["snapshot"], {entry["path"] for entry in manifest["files"]})
    wanted = [entry for entry in manifest["files"] if entry["path"] in held][: config["drill_files"]]
    if not wanted:
        raise HostError("none of the files that were noted is in the backup", "see whether backup_exclude leaves everything out")
    with _side.scratch("files", "root") as folder:
        _side.check_room(sum(entry["size"] for entry in wanted))
        includes = [f"--include={pattern(entry['path'])}" for entry in wanted]
        restic.run("restore", manifest["snapshot"], f"--target={folder}", *includes, timeout=config["timeout"])
        wrong = [entry["path"] for entry in wanted if not _is_alike(folder, entry)]
    if wrong:
        raise HostError(f"{len(wrong)} of {len(wanted)} files came back different, such as {wrong[0]}", "check the repository at once")
    return _proven("files", started, {"files": len(wanted), "moment": moment[:19] + "Z"})


def _is_alike(folder: str, entry: Mapping[str, Any]) -> bool:
    path = folder + entry["path"]
    with contextlib.suppress(OSError):
        return {"path": entry["path"], **like(path, os.lstat(path))} == entry
    return False


def _proven(name: str, started: int, facts: Mapping[str, Any]) -> Outcome:
    """What was proven: how long it took, and how much of the past would have been lost."""
    lost = started - Moment.parse(facts["moment"]).epoch
    return Outcome(name, started, started, facts={"lost_seconds_at_most": lost, **facts, "seconds": int(time.time()) - started})


def postgresql(config: Mapping[str, Any], _restic: Restic) -> Outcome:
    """Every cluster, up to the last change that reached the repository."""
    started = int(time.time())
    facts: dict[str, Any] = {"tables": 0, "rows": 0, "moment": "", "lost_seconds_at_most": 0}
    for cluster in found_clusters():
        stanza = cluster.stanza(config["name"])
        found = backups(stanza)
        if not found:
            raise HostError(f"there is no backup of {stanza}", "see the repository's host")
        lost = int(psql(cluster, "postgres", "SELECT extract(epoch FROM now() - last_archived_time)::bigint FROM pg_stat_archiver") or 0)
        facts["lost_seconds_at_most"] = max(facts["lost_seconds_at_most"], lost)
        with _side.scratch("postgresql", "postgres") as folder:
            _side.check_room(found[-1].size)
            with _side.postgresql(cluster, stanza, folder, target=["--type=default"]) as side:
                _count(side, config, facts)
            facts["moment"] = facts["moment"] or str(Moment(found[-1].stop))
    return _proven("postgresql", started, facts)


def _count(side: _side.Side, config: Mapping[str, Any], facts: dict[str, Any]) -> None:
    """Read every row of every table, which finds pages that are damaged, and do the team's own checks."""
    facts["moment"], *databases = side.psql("postgres", _DATABASES).splitlines()
    for database in databases:
        counts = list(map(int, side.psql(database, _COUNTS).split()))
        facts["tables"] += len(counts)
        facts["rows"] += sum(counts)
    for check in config["checks"]:
        if check["engine"] == "postgresql" and check["database"] in databases:
            check_database(check, partial(side.psql, check["database"]), '"', facts)


_DATABASES = """
SELECT coalesce(to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '');
SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate
"""
_COUNTS = """
SELECT format('SELECT count(*) FROM %I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%' \\gexec
"""


def check_database(check: Mapping[str, Any], ask: Callable[[str], str], quote: str, facts: dict[str, Any]) -> None:
    """One of the team's own checks on what came back. Raises HostError where it is not true."""
    where = f"{check['database']}.{check.get('table', 'query')}"
    table = ".".join(identifier(part, quote) for part in check.get("table", "").split("."))
    if "table" in check:
        rows = int(ask(f"SELECT count(*) FROM {table}"))
        facts[f"rows of {where}"] = rows
        if rows < check.get("rows", 1):
            raise HostError(
                f"{where} came back with {rows} rows, and not the {check.get('rows', 1)} that backup_checks asks for", "see where they went"
            )
    if "newest" in check:
        facts[f"newest of {where}"] = ask(f"SELECT max({identifier(check['newest'], quote)}) FROM {table}")
    if "query" in check:
        said = ask(check["query"])
        if said.lower() not in ("t", "true", "1", "yes"):
            raise HostError(
                f"{where}: the query of backup_checks says `{said}`, and not that all is well", "see what has changed in the data"
            )


def mariadb(config: Mapping[str, Any], restic: Restic) -> Outcome:
    """The last dump, into an empty server of its own, and upon it the log of changes as far as it was saved."""
    started = int(time.time())
    last = _last(config, restic, "mariadb")
    dumped = Moment.parse(last["time"])
    facts: dict[str, Any] = {"tables": 0, "rows": 0, "moment": str(dumped)}
    log = _mariadb_log.whole_until(config, restic, Moment(started)) if config["mariadb_binlog"] else None
    start = _mariadb_log.position_in(restic, last["id"]) if log else None
    with _side.scratch("mariadb", "mysql") as folder, _side.mariadb(folder) as client:
        _mariadb_log.load_dump(restic, last["id"], client)
        # Of a log that was saved before the dump, the dump has all.
        if log and start and Moment.parse(log["time"]) > dumped:
            facts["moment"] = str(Moment.parse(log["time"]))
            names = _mariadb_log.chain_in(restic, log, start)
            _mariadb_log.replay(_mariadb_log.fetch(restic, log, names, folder), start, Moment(started), dumped, client)

        def ask(sql: str, database: str = "mysql") -> str:
            return mariadb_query(sql, "--no-defaults", *client, database)

        for row in ask(_MARIADB_TABLES).splitlines():
            facts["tables"] += 1
            facts["rows"] += int(ask(f"SELECT count(*) FROM {'.'.join(identifier(part, '`') for part in row.split(chr(9)))}"))
        for check in config["checks"]:
            if check["engine"] == "mariadb":
                check_database(check, partial(ask, database=check["database"]), "`", facts)
    return _proven("mariadb", started, facts)


_MARIADB_TABLES = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')
"""


def _last(config: Mapping[str, Any], restic: Restic, tag: str) -> dict[str, Any]:
    snapshots = restic.usable(tag=tag, host=config["name"])
    if not snapshots:
        raise HostError(f"there is no backup of {tag}", "make one: systemctl start prod-access-backup")
    return snapshots[-1]


def sqlite(config: Mapping[str, Any], restic: Restic) -> Outcome:
    started = int(time.time())
    with _restored(config, restic, "sqlite") as (folder, moment):
        rows = 0
        for path in config["sqlite"]:
            with contextlib.closing(sqlite3.connect(f"file:{folder}{SPOOL}/sqlite{path}?mode=ro", uri=True)) as database:
                (said,) = database.execute("PRAGMA integrity_check(1)").fetchone()
                if said != "ok":
                    raise HostError(f"{path} came back damaged: {said}", "check the repository at once")
                for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    rows += database.execute(f"SELECT count(*) FROM {identifier(name, chr(34))}").fetchone()[0]
        return _proven("sqlite", started, {"rows": rows, "moment": moment})


def redis(config: Mapping[str, Any], restic: Restic) -> Outcome:
    started = int(time.time())
    with _restored(config, restic, "redis") as (folder, moment):
        (path,) = glob.glob(f"{folder}{SPOOL}/redis/dump.rdb")
        tried = attempt(["redis-check-rdb", path], timeout=600)
        keys = [line.split()[1] for line in tried.stdout.splitlines() if "keys read" in line]
        if tried.returncode or not keys:
            raise HostError(f"what Redis saved came back damaged: {tried.stdout.strip()[-200:]}", "check the repository at once")
        return _proven("redis", started, {"rows": int(keys[0]) if keys[0].isdigit() else 0, "moment": moment})


@contextlib.contextmanager
def _restored(config: Mapping[str, Any], restic: Restic, tag: str) -> Any:
    """The last snapshot of a part, whole, in a scratch folder; and its moment."""
    last = _last(config, restic, tag)
    with _side.scratch(tag, "root") as folder:
        restic.run("restore", last["id"], f"--target={folder}", timeout=config["timeout"])
        yield folder, last["time"][:19] + "Z"


PARTS: dict[str, Callable[[Mapping[str, Any], Restic], Outcome]] = {
    "files": files,
    "postgresql": postgresql,
    "mariadb": mariadb,
    "sqlite": sqlite,
    "redis": redis,
}
