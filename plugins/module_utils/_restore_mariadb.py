# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of MariaDB as it was at a moment: a dump and the log of changes since, beside the live one, and swapped in when asked."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from typing import Any, Mapping

from . import _backup_client, _files, _mariadb_log, _side
from ._backup_client import STATE
from ._backup_parts import snapshot_before
from ._binlog import Position
from ._command import HostError, run
from ._mariadb import mariadb_program, mariadb_query
from ._moment import Moment
from ._restic import Restic
from ._sql_text import identifier, literal
from ._wanted import Wanted, label


class NoTableError(HostError):
    """A table that was not there at a moment."""


@dataclass(frozen=True)
class Plan:
    """What a table comes back from: a dump; the log from ``start`` on, if there is one; and up to where: a moment or a drop."""

    dump: str
    dumped: Moment
    moment: Moment
    log: Mapping[str, Any] | None = None
    names: tuple[str, ...] = ()
    start: Position | None = None
    drop: Position | None = None
    missing: str = ""

    def to_data(self) -> dict[str, Any]:
        places = {name: [place.file, place.byte] for name, place in (("start", self.start), ("drop", self.drop)) if place}
        log = {name: self.log[name] for name in ("id", "time", "paths")} if self.log else None
        times = {"dumped": str(self.dumped), "moment": str(self.moment)}
        return {"dump": self.dump, "log": log, "names": list(self.names), "missing": self.missing, **times, **places}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Plan:
        places = {name: Position(*data[name]) for name in ("start", "drop") if name in data}
        dumped, moment = Moment.parse(data["dumped"]), Moment.parse(data["moment"])
        return cls(data["dump"], dumped, moment, data["log"], tuple(data["names"]), missing=data["missing"], **places)

    @property
    def words(self) -> str:
        if not self.start:
            return f"all that the dump of {self.dumped} has"
        return f"all that was logged before {'the drop at ' if self.drop else ''}{self.moment}"

    @property
    def lost(self) -> str:
        if self.drop:
            return "nothing: every change that was logged before the drop is there"
        since = f"whatever changed since {self.moment if self.start else self.dumped}"
        return f"{since}: {self.missing}" if self.missing else since


def act(config: Mapping[str, Any], wanted: Wanted, step: str, known: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """A step: see ``_restore.act``. Raises HostError."""
    restic = _backup_client.repository(config)
    plan = Plan.from_data(known) if known else _plan(config, restic, wanted)
    database, table = wanted.table
    if step == "plan" or check:
        says = [f"{wanted.name} comes back with {plan.words}", f"from the dump of {plan.dumped}"]
        says[-1] += ", and the log of changes since" if plan.start else ""
        return {"changed": step != "plan", "says": says, "moment": str(plan.moment), "known": plan.to_data()}
    beside = label("restored", table, plan.moment) + ("_dropped" if plan.drop else "")
    changed = not _count(f"schemata WHERE schema_name = {literal(beside)}")
    brought = not changed
    while not brought:
        try:
            _bring(restic, plan, database, table, beside)
            brought = True
        except NoTableError:
            if plan.drop is None:
                raise
            # `DROP TABLE IF EXISTS` is logged as well where there was none: the one before it is meant.
            plan = _plan(config, restic, wanted, plan.drop)
    where = f"{beside}.{table}"
    rows = int(mariadb_query(f"SELECT count(*) FROM {identifier(beside, '`')}.{identifier(table, '`')}"))
    answer = {"where": where, "rows": rows, "moment": str(plan.moment)}
    if step == "bring":
        says = [f"{where} has {rows} rows", f"it has {plan.words}", f"lost is {plan.lost}"]
        return {"changed": changed, "says": says, **answer}
    kept, notes = _swap(database, table, beside)
    says = [f"{wanted.name} is back in its place, with {rows} rows", *notes]
    if kept:
        says.append(f"what it replaced is kept as {kept}.{table}; when nobody misses it: DROP DATABASE {kept}")
    return {"changed": True, "says": says, **answer, "where": wanted.name}


# --- From what -----------------------------------------------------------------------------------------------------------------------


def _plan(config: Mapping[str, Any], restic: Restic, wanted: Wanted, before: Position | None = None) -> Plan:
    """Find the dump and the log; of drops the last one, or the last one ``before`` another. Without a log, the dump is what there is."""
    missing = "there is no log of changes on this host"
    if config["mariadb_binlog"]:
        try:
            # What was changed just now is wanted as well.
            _mariadb_log.save(config, restic)
            missing = ""
        except HostError as error:
            missing = error.what
    now = Moment(int(time.time()))
    log = _mariadb_log.whole_until(config, restic, wanted.moment or now)
    drop, moment = None, wanted.moment
    if moment is None:
        drop, moment = _drop_of(restic, log, wanted, before)
    last = snapshot_before(config, restic, "mariadb", moment)
    dumped = Moment.parse(last["time"])
    count, size = restic.listed(last["id"], "")
    if not count:
        raise HostError(f"the backup of {dumped} is empty", "choose another moment")
    # Indexes and the pages of tables are not in a dump.
    _side.check_room(3 * size)
    start = _mariadb_log.position_in(restic, last["id"])
    if start is None or log is None:
        return Plan(last["id"], dumped, moment, missing=missing or f"the dump of {dumped} was made without a log of changes")
    until = Moment.parse(log["time"])
    if drop or until >= moment or not missing:
        missing = ""
    else:
        # What is there of the log is not all of it.
        moment = until
    if moment <= dumped:
        return Plan(last["id"], dumped, moment, missing=missing)
    names = _mariadb_log.chain_in(restic, log, start)
    _side.check_room(3 * size + sum(names.values()))
    return Plan(last["id"], dumped, moment, log, tuple(names), start, drop, missing)


def _drop_of(restic: Restic, log: Mapping[str, Any] | None, wanted: Wanted, before: Position | None) -> tuple[Position, Moment]:
    database, table = wanted.table
    if _count(f"tables WHERE table_schema = {literal(database)} AND table_name = {literal(table)}"):
        raise HostError(f"{wanted.name} is there, and was not dropped", "say a time: -e restore_to=...")
    found = []
    if log is not None:
        with _side.scratch("restore", "mysql") as folder:
            names = _mariadb_log.names_in(restic, log)
            _side.check_room(sum(names.values()))
            paths = _mariadb_log.fetch(restic, log, names, folder)
            found = _mariadb_log.drops(paths, database, table)
    places = [one.position for one in found]
    found = found[: places.index(before)] if before else found
    if not found:
        raise HostError(f"the log of changes does not say that {wanted.name} was dropped", "say a time: -e restore_to=...")
    return found[-1].position, Moment.parse(found[-1].time)


# --- Beside the live one -------------------------------------------------------------------------------------------------------------


def _bring(restic: Restic, plan: Plan, database: str, table: str, beside: str) -> None:
    with _side.scratch("restore", "mysql") as folder, _side.mariadb(folder) as client:
        _mariadb_log.load_dump(restic, plan.dump, client)
        if plan.start and plan.log:
            paths = _mariadb_log.fetch(restic, plan.log, plan.names, folder)
            _mariadb_log.replay(paths, plan.start, plan.drop or plan.moment, plan.dumped, client)
        # Neither goes along to another database; both are given to it where it belongs.
        memory = {"references": _take_references(client, database, table), "triggers": _dumped(client, database, table, _TRIGGERS)}
        _files.write(_memory(beside), _files.dumped(memory), 0o600)
        _copy(client, database, table, beside)


def _count(what: str) -> bool:
    return mariadb_query(f"SELECT count(*) FROM information_schema.{what}") != "0"


def _copy(client: list[str], database: str, table: str, beside: str) -> None:
    """From the side instance into a database of its own, which gets its name when all of it is there."""
    beginning = f"{beside}_unfinished"
    mariadb_query(f"DROP DATABASE IF EXISTS {identifier(beginning, '`')}; CREATE DATABASE {identifier(beginning, '`')}")
    with subprocess.Popen(
        _dump(client, database, table, _ROWS), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as source:
        load = [mariadb_program("mariadb", "mysql"), "--max-allowed-packet=1G", beginning]
        loaded = subprocess.run(load, stdin=source.stdout, capture_output=True, text=True, check=False)
        said = source.stderr.read() if source.stderr else ""
    if loaded.returncode or source.returncode:
        mariadb_query(f"DROP DATABASE IF EXISTS {identifier(beginning, '`')}")
        words = (said if source.returncode else loaded.stderr).strip()
        raise HostError(f"{database}.{table} could not be brought back: {words[-300:]}", "see whether it was there at that moment")
    names = [identifier(name, "`") for name in (beginning, beside, table)]
    mariadb_query(f"CREATE DATABASE {names[1]}; RENAME TABLE {names[0]}.{names[2]} TO {names[1]}.{names[2]}; DROP DATABASE {names[0]}")


_ROWS = ("--quick", "--hex-blob", "--skip-triggers")
_TRIGGERS = ("--no-create-info", "--no-data", "--triggers", "--compact")


def _dump(client: list[str], database: str, table: str, options: tuple[str, ...]) -> list[str]:
    return [mariadb_program("mariadb-dump", "mysqldump"), "--no-defaults", *client, *options, database, table]


def _dumped(client: list[str], database: str, table: str, options: tuple[str, ...]) -> str:
    return run(_dump(client, database, table, options))


def _memory(beside: str) -> str:
    return f"{STATE}/{beside}.json"


def _take_references(client: list[str], database: str, table: str) -> list[str]:
    """The references of a table to others, which are taken from it: they would go along to another database, and lead nowhere there."""
    where = f"{identifier(database, '`')}.{identifier(table, '`')}"
    try:
        made = mariadb_query(f"SHOW CREATE TABLE {where}", "--no-defaults", *client, "--raw")
    except HostError:
        raise NoTableError(f"there was no {database}.{table} at that moment", "choose another one") from None
    references = [line.strip().rstrip(",") for line in made.splitlines() if re.match(r"\s+CONSTRAINT `.*` FOREIGN KEY ", line)]
    for one in references:
        mariadb_query(f"ALTER TABLE {where} DROP FOREIGN KEY {one.split()[1]}", "--no-defaults", *client)
    return references


_INBOUND = """
SELECT group_concat(DISTINCT table_schema, '.', table_name) FROM information_schema.key_column_usage
WHERE referenced_table_schema = {database} AND referenced_table_name = {table}
"""

_LIVE_TRIGGERS = """
SELECT group_concat('DROP TRIGGER ', trigger_schema, '.', trigger_name SEPARATOR '; ') FROM information_schema.triggers
WHERE event_object_schema = {database} AND event_object_table = {table}
"""


def _swap(database: str, table: str, beside: str) -> tuple[str, list[str]]:
    """One statement, which the server does whole or not at all; and then what belongs to the table in its place alone."""
    name, live = identifier(table, "`"), identifier(database, "`")
    back = f"{identifier(beside, '`')}.{name} TO {live}.{name}"
    kept, moves = "", [back]
    if _count(f"tables WHERE table_schema = {literal(database)} AND table_name = {literal(table)}"):
        inbound = mariadb_query(_INBOUND.format(database=literal(database), table=literal(table)))
        if inbound not in ("", "NULL"):
            raise HostError(
                f"{inbound} refer to {database}.{table}, and would go on referring to what is replaced", "copy the rows by hand"
            )
        triggers = mariadb_query(_LIVE_TRIGGERS.format(database=literal(database), table=literal(table)))
        if triggers not in ("", "NULL"):
            raise HostError(
                f"{database}.{table} has triggers, and so MariaDB moves it to no other database",
                f"drop them, as those of the restored table come with it: {triggers}",
            )
        kept = label("replaced", table, Moment(int(time.time())))
        mariadb_query(f"CREATE DATABASE IF NOT EXISTS {identifier(kept, '`')}")
        moves = [f"{live}.{name} TO {identifier(kept, '`')}.{name}", back]
    memory = _files.load(_memory(beside))
    if memory is None:
        raise HostError(f"what belonged to {beside}.{table} is not known any more", f"DROP DATABASE {beside}, and bring it back again")
    mariadb_query(f"RENAME TABLE {', '.join(moves)}; DROP DATABASE {identifier(beside, '`')}")
    notes = []
    for one in memory["references"]:
        add = f"ALTER TABLE {live}.{name} ADD {one}"
        try:
            mariadb_query(add)
        except HostError as error:
            mariadb_query(f"SET foreign_key_checks = 0; {add}")
            notes.append(f"rows that are there do not keep {one.split()[1]}: {error}")
    if memory["triggers"]:
        mariadb_query(memory["triggers"], database)
    _files.remove(_memory(beside))
    return kept, notes
