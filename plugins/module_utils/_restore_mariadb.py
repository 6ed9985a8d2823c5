# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of MariaDB as it was in the last dump before a moment: brought back beside the live one, and swapped in when asked."""

from __future__ import annotations

import re
import subprocess
import time
from typing import Any, Mapping

from . import _backup_client, _files, _side
from ._backup_client import STATE
from ._backup_parts import mariadb_program, mariadb_query, snapshot_before
from ._command import HostError
from ._drills import load_dump
from ._moment import Moment
from ._sql_text import identifier, literal
from ._wanted import Wanted, label


def act(config: Mapping[str, Any], wanted: Wanted, step: str, *, check: bool) -> dict[str, Any]:
    """A step: see ``_restore.act``. Raises HostError."""
    if wanted.moment is None:
        raise ValueError("a table of MariaDB without a moment")
    restic = _backup_client.repository(config)
    last = snapshot_before(config, restic, "mariadb", wanted.moment)
    moment = Moment.parse(last["time"])
    count, size = restic.listed(last["id"], "")
    if not count:
        raise HostError(f"the backup of {moment} is empty", "choose another moment")
    # Indexes and the pages of tables are not in a dump.
    _side.check_room(3 * size)
    says = [f"{wanted.name} comes back as it was at {moment}, the last dump before {wanted.moment}"]
    if step == "plan" or check:
        return {"changed": step != "plan", "says": says, "moment": str(moment)}
    database, table = wanted.table
    beside = label("restored", table, moment)
    changed = not _count(f"schemata WHERE schema_name = {literal(beside)}")
    if changed:
        with _side.scratch("restore", "mysql") as folder, _side.mariadb(folder) as client:
            load_dump(restic, last["id"], client, timeout=config["timeout"])
            references = _take_references(client, database, table)
            _files.write(_memory(beside), _files.dumped(references), 0o600)
            _copy(client, database, table, beside)
    where = f"{beside}.{table}"
    rows = int(mariadb_query(f"SELECT count(*) FROM {identifier(beside, '`')}.{identifier(table, '`')}"))
    if step == "bring":
        says = [f"{where} has {rows} rows, as of {moment}", "lost is whatever changed since; MariaDB's binlog is not laid upon it"]
        return {"changed": changed, "says": says, "where": where, "rows": rows, "moment": str(moment)}
    kept, notes = _swap(database, table, beside)
    says = [f"{wanted.name} is back in its place, with {rows} rows", *notes]
    if kept:
        says.append(f"what it replaced is kept as {kept}.{table}; when nobody misses it: DROP DATABASE {kept}")
    return {"changed": True, "says": says, "where": wanted.name, "rows": rows, "moment": str(moment)}


def _count(what: str) -> bool:
    return mariadb_query(f"SELECT count(*) FROM information_schema.{what}") != "0"


def _copy(client: list[str], database: str, table: str, beside: str) -> None:
    """From the side instance into a database of its own, which gets its name when all of it is there."""
    beginning = f"{beside}_unfinished"
    mariadb_query(f"DROP DATABASE IF EXISTS {identifier(beginning, '`')}; CREATE DATABASE {identifier(beginning, '`')}")
    dump = [
        mariadb_program("mariadb-dump", "mysqldump"),
        "--no-defaults",
        *client,
        "--quick",
        "--hex-blob",
        "--skip-triggers",
        database,
        table,
    ]
    with subprocess.Popen(dump, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as source:
        load = [mariadb_program("mariadb", "mysql"), "--max-allowed-packet=1G", beginning]
        loaded = subprocess.run(load, stdin=source.stdout, capture_output=True, text=True, check=False)
        said = source.stderr.read() if source.stderr else ""
    if loaded.returncode or source.returncode:
        mariadb_query(f"DROP DATABASE IF EXISTS {identifier(beginning, '`')}")
        words = (said if source.returncode else loaded.stderr).strip()
        raise HostError(f"{database}.{table} could not be brought back: {words[-300:]}", "see whether it was there at that moment")
    names = [identifier(name, "`") for name in (beginning, beside, table)]
    mariadb_query(f"CREATE DATABASE {names[1]}; RENAME TABLE {names[0]}.{names[2]} TO {names[1]}.{names[2]}; DROP DATABASE {names[0]}")


def _memory(beside: str) -> str:
    return f"{STATE}/{beside}.json"


def _take_references(client: list[str], database: str, table: str) -> list[str]:
    """The references of a table to others, which are taken from it: they would go along to another database, and lead nowhere there."""
    where = f"{identifier(database, '`')}.{identifier(table, '`')}"
    try:
        made = mariadb_query(f"SHOW CREATE TABLE {where}", "--no-defaults", *client, "--raw")
    except HostError:
        raise HostError(f"there was no {database}.{table} at that moment", "choose another one") from None
    references = [line.strip().rstrip(",") for line in made.splitlines() if re.match(r"\s+CONSTRAINT `.*` FOREIGN KEY ", line)]
    for one in references:
        mariadb_query(f"ALTER TABLE {where} DROP FOREIGN KEY {one.split()[1]}", "--no-defaults", *client)
    return references


_INBOUND = """
SELECT group_concat(DISTINCT table_schema, '.', table_name) FROM information_schema.key_column_usage
WHERE referenced_table_schema = {database} AND referenced_table_name = {table}
"""


def _swap(database: str, table: str, beside: str) -> tuple[str, list[str]]:
    """One statement, which the server does whole or not at all. Triggers would keep it from being done, and are said by the server."""
    name, live = identifier(table, "`"), identifier(database, "`")
    back = f"{identifier(beside, '`')}.{name} TO {live}.{name}"
    kept, moves = "", [back]
    if _count(f"tables WHERE table_schema = {literal(database)} AND table_name = {literal(table)}"):
        inbound = mariadb_query(_INBOUND.format(database=literal(database), table=literal(table)))
        if inbound not in ("", "NULL"):
            raise HostError(
                f"{inbound} refer to {database}.{table}, and would go on referring to what is replaced", "copy the rows by hand"
            )
        kept = label("replaced", table, Moment(int(time.time())))
        mariadb_query(f"CREATE DATABASE IF NOT EXISTS {identifier(kept, '`')}")
        moves = [f"{live}.{name} TO {identifier(kept, '`')}.{name}", back]
    references: list[str] = _files.load(_memory(beside)) or []
    mariadb_query(f"RENAME TABLE {', '.join(moves)}; DROP DATABASE {identifier(beside, '`')}")
    notes = []
    for one in references:
        add = f"ALTER TABLE {live}.{name} ADD {one}"
        try:
            mariadb_query(add)
        except HostError as error:
            mariadb_query(f"SET foreign_key_checks = 0; {add}")
            notes.append(f"rows that are there do not keep {one.split()[1]}: {error}")
    _files.remove(_memory(beside))
    return kept, notes
