# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table or a database of PostgreSQL as it was: brought back beside the live one, and swapped in when that is asked for.

A side instance is made of the backup, up to the moment. What was asked for goes from there into the live server, in one transaction,
under a name of its own. Nothing that is live is touched before the swap, and the swap keeps what it replaces.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from typing import Any, Iterator, Mapping, Sequence

from . import _files, _side
from ._backup_parts import CATALOG, keep_catalog
from ._command import HostError, attempt
from ._moment import Moment
from ._pgbackrest import Backup, Cluster
from ._postgres import backups, found_clusters, pgbackrest, postgres_argv, program, psql
from ._sql_text import identifier, literal
from ._wanted import Drop, Wanted, ago, drops, label, segments

_BATCH = 16
# Each of them takes an instance of its own.
_MOST_TRIED = 5
_NEWEST = """
SELECT attname FROM pg_attribute WHERE attrelid = {table}::regclass AND attnum > 0 AND NOT attisdropped
AND atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) ORDER BY attnum LIMIT 1
"""


@dataclass(frozen=True)
class Plan:
    """What will be done, as far as it can be known before anything is: from which backup, and up to which moment.

    ``otherwise`` is what will be, where it was another table that was dropped then.
    """

    cluster: Cluster
    stanza: str
    label: str
    moment: Moment
    drop: Drop | None
    otherwise: Plan | None = None

    def to_data(self) -> dict[str, Any]:
        drop = asdict(self.drop) if self.drop else None
        otherwise = self.otherwise.to_data() if self.otherwise else None
        about = {"stanza": self.stanza, "label": self.label, "moment": str(self.moment), "drop": drop, "otherwise": otherwise}
        return {"cluster": self.cluster.to_data(), **about}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Plan:
        drop = Drop(**data["drop"]) if data["drop"] else None
        otherwise = cls.from_data(data["otherwise"]) if data["otherwise"] else None
        return cls(Cluster.parse(data["cluster"]), data["stanza"], data["label"], Moment.parse(data["moment"]), drop, otherwise)

    @property
    def target(self) -> list[str]:
        """pgbackrest's options of the moment."""
        if self.drop is not None:
            return [
                f"--set={self.label}",
                "--type=xid",
                f"--target={self.drop.xid}",
                "--target-exclusive",
                "--target-action=promote",
            ]
        at = str(self.moment).replace("T", " ").replace("Z", "+00")
        return [f"--set={self.label}", "--type=time", f"--target={at}", "--target-action=promote"]

    def words(self) -> str:
        if self.drop is not None:
            return f"all that was committed before transaction {self.drop.xid} dropped it at {self.drop.time}"
        return f"all that was committed up to {self.moment}"


def plan(config: Mapping[str, Any], wanted: Wanted, cluster_name: str = "") -> Plan:
    """Find the cluster, the moment and the backup. Raises HostError where it cannot be, before anything is done."""
    database = wanted.table[0] if wanted.table else wanted.database
    cluster = _cluster(database, cluster_name, live=bool(wanted.table))
    stanza = cluster.stanza(config["name"])
    found = [one for one in backups(stanza) if not one.error]
    if not found:
        raise HostError(f"there is no backup of {stanza}", "see `prod-access-backup-repository status` on the repository's host")
    _push_changes(cluster)
    if wanted.moment is not None:
        return _plan_of(cluster, stanza, found, wanted.moment)
    what = None
    maybe = _drops_of(cluster, stanza, wanted, found)
    for drop in [one for one in maybe if found[0].stop < one.moment.epoch] or maybe[-1:]:
        what = _plan_of(cluster, stanza, found, drop.moment, drop, what)
    if what is None:
        raise ValueError("a drop of no table")
    return what


def _plan_of(
    cluster: Cluster, stanza: str, found: Sequence[Backup], moment: Moment, drop: Drop | None = None, otherwise: Plan | None = None
) -> Plan:
    # The second that a backup ended in may have changes that came after it.
    usable = [one for one in found if one.stop < moment.epoch]
    if not usable:
        first = Moment(found[0].stop + 1)
        raise HostError(f"{moment} is before the end of the first backup", f"the earliest moment that can come back is {first}")
    _side.check_room(usable[-1].size)
    return Plan(cluster, stanza, usable[-1].label, moment, drop, otherwise)


def _cluster(database: str, name: str, *, live: bool) -> Cluster:
    """The cluster that has a database."""
    found = [one for one in found_clusters() if name in ("", str(one))]
    if live:
        sql = f"SELECT count(*) FROM pg_database WHERE datname = {literal(database)}"
        found = [one for one in found if psql(one, "postgres", sql) == "1"]
    if not found:
        raise HostError(
            f"no cluster of this host has a database {database}", "see `psql -l`; one that was dropped comes back by restore_database"
        )
    if len(found) > 1:
        names = ", ".join(map(str, found))
        raise HostError(f"several clusters may be meant: {names}", f"say which: -e restore_cluster={found[0]}")
    return found[0]


def _push_changes(cluster: Cluster) -> None:
    """Have all changes up to now in the repository. One more is made, since recovery to a moment wants to see one that is later."""
    segment = psql(cluster, "postgres", "SELECT txid_current() \\g /dev/null\nSELECT pg_walfile_name(pg_switch_wal())")
    deadline = time.monotonic() + 60
    while psql(cluster, "postgres", "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver")[8:24] < segment[8:24]:
        if time.monotonic() > deadline:
            raise HostError(f"WAL of {cluster} does not reach the repository", "see /var/log/postgresql/ and /var/log/pgbackrest/")
        time.sleep(0.05)


# --- When a table was dropped ------------------------------------------------------------------------------------------------------


def _drops_of(cluster: Cluster, stanza: str, wanted: Wanted, found: Sequence[Backup]) -> list[Drop]:
    """The transaction that dropped a table, from the log of changes, which knows numbers alone. Those that dropped tables that no backup
    has seen may be meant as well: the last that turns out to have dropped this one is the one. Oldest first.
    """
    database, table = wanted.table[0], ".".join(wanted.table[1:])
    if float(cluster.version) < 15:
        raise HostError("PostgreSQL before 15 does not log which table is dropped", "say a time: -e restore_to=...")
    number = int(psql(cluster, "postgres", f"SELECT oid FROM pg_database WHERE datname = {literal(database)}"))
    if psql(cluster, database, f"SELECT to_regclass({literal(_quoted(wanted.table[1:]))}) IS NOT NULL") == "t":
        raise HostError(f"{wanted.name} is there, and was not dropped", "say a time: -e restore_to=...")
    known: dict[str, Any] = (_files.load(f"{CATALOG}/{cluster.version}-{cluster.name}.json") or {}).get(database, {})
    names = {oid: name for name, numbers in known.items() for where, oid in numbers if where == number}
    seen: list[Drop] = []
    maybe: list[Drop] = []
    for drop in _all_drops(cluster, stanza, number, found[0]):
        seen.append(drop)
        if names.get(drop.oid) == table or not (drop.oid in names or drop.temporary):
            maybe.insert(0, drop)
        if names.get(drop.oid) == table or len(maybe) == _MOST_TRIED:
            return maybe
    if maybe:
        return maybe
    raise _not_dropped(wanted, f"since {Moment(found[0].stop)} {_dropped(seen, names)}")


def _dropped(drops_of: Sequence[Drop], names: Mapping[int, str]) -> str:
    return "; ".join(f"{names.get(drop.oid, 'a temporary table')} was, at {drop.time}" for drop in drops_of[:5]) or "no table was"


def _not_dropped(wanted: Wanted, what_was: str) -> HostError:
    return HostError(f"the log of changes does not say that {wanted.name} was dropped: {what_was}", "say a time: -e restore_to=...")


def _all_drops(cluster: Cluster, stanza: str, database: int, first: Backup) -> Iterator[Drop]:
    """The drops of a database, the last one first: its own log as long as it reaches, then the repository's."""
    last = psql(cluster, "postgres", "SELECT last_archived_wal FROM pg_stat_archiver")
    size = int(psql(cluster, "postgres", "SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'"))
    names = segments(first.wal_start, last, size)
    with _side.scratch("wal", "postgres") as folder:
        after: list[str] = []
        while names:
            batch, names = names[-_BATCH:], names[:-_BATCH]
            for name in batch:
                _fetch(cluster, stanza, folder, name)
            # What begins at the end of a batch goes on in the first segment of the one that was read before.
            done = attempt(
                postgres_argv(
                    "TZ=UTC", program(cluster, "pg_waldump"), "--rmgr=Transaction", f"--path={folder}", batch[0], (batch + after)[-1]
                ),
                timeout=3600,
            )
            found = list(drops(done.stdout, database))
            yield from reversed(found)
            for name in [*batch[1:], *after]:
                os.unlink(f"{folder}/{name}")
            after = batch[:1]


def _fetch(cluster: Cluster, stanza: str, folder: str, name: str) -> None:
    """A segment of the log. What the cluster still has under this name is complete, since all of them have been archived."""
    target = f"{folder}/{name}"
    if os.path.exists(target):
        return
    if os.path.exists(f"{cluster.data}/pg_wal/archive_status/{name}.done") and os.path.exists(f"{cluster.data}/pg_wal/{name}"):
        os.symlink(f"{cluster.data}/pg_wal/{name}", target)
    else:
        pgbackrest(f"--stanza={stanza}", "archive-get", name, target)


@contextlib.contextmanager
def _open(what: Plan, database: str) -> Iterator[_side.Side]:
    """The side instance of a plan, with one database."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(_side.scratch("restore", "postgres"))
        yield stack.enter_context(_side.postgresql(what.cluster, what.stanza, folder, target=what.target, database=database))


# --- A table -----------------------------------------------------------------------------------------------------------------------


def _quoted(names: Sequence[str]) -> str:
    return ".".join(identifier(name) for name in names)


def bring_table(config: Mapping[str, Any], wanted: Wanted, what: Plan) -> tuple[Plan, dict[str, Any]]:
    """Bring a table back into a schema of its own. Where that is there from an earlier run, it is left as it is.

    Returns by which of several plans that was, and what is to be known of it.
    """
    database, table = wanted.table[0], wanted.table[1:]
    name = _quoted(table)
    tried = []
    plan_of: Plan | None = what
    while plan_of is not None:
        what = plan_of
        schema = label("restored", table[1], what.moment)
        found = _remembered(what.cluster, database, schema)
        if found is not None:
            return what, {"changed": False, **found}
        with _open(what, database) as side:
            number = side.psql(database, f"SELECT to_regclass({literal(name)})::oid")
            if what.drop is None or number == str(what.drop.oid):
                if not number:
                    raise HostError(f"there was no {wanted.name} at {what.moment}", "choose another moment")
                _side.check_room(int(side.psql(database, f"SELECT pg_total_relation_size({literal(name)})")), what.cluster.data)
                memory = _look_at(config, side, wanted, what)
                _move(side, database, table, schema, memory)
                _load(side, what.cluster, database, schema, memory)
                return what, {"changed": True, **memory}
        tried.append(f"another table was, which no backup has seen, at {what.drop.time}")
        plan_of = what.otherwise
    raise _not_dropped(wanted, "; ".join(tried))


def _remembered(cluster: Cluster, database: str, schema: str) -> dict[str, Any] | None:
    """What was said of a schema when it was brought back, which stands in its comment."""
    sql = f"SELECT coalesce(obj_description(oid, 'pg_namespace'), '{{}}') FROM pg_namespace WHERE nspname = {literal(schema)}"
    said = psql(cluster, database, sql)
    if not said:
        return None
    try:
        found: dict[str, Any] = json.loads(said)
    except ValueError:
        found = {}
    if found.get("schema") != schema:
        raise HostError(f"there is a schema {schema} in {database} already, which is not ours", "rename it, or drop it")
    return found


def _look_at(config: Mapping[str, Any], side: _side.Side, wanted: Wanted, what: Plan) -> dict[str, Any]:
    """What people want to know of it, and what leads to it from other tables."""
    database, table = wanted.table[0], wanted.table[1:]
    name = _quoted(table)
    column = next((check["newest"] for check in config["checks"] if _is_of(check, wanted)), "")
    column = column or side.psql(database, _NEWEST.format(table=literal(name)))
    inbound = side.psql(
        database,
        "SET search_path = ''; SELECT json_agg(json_build_array(conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)))"
        f" FROM pg_constraint WHERE contype = 'f' AND confrelid = {literal(name)}::regclass AND conrelid <> confrelid AND conparentid = 0",
    )
    views = side.psql(database, "SET search_path = '';" + _VIEWS.format(table=literal(name)))
    return {
        "schema": label("restored", table[1], what.moment),
        "table": list(wanted.table),
        "rows": int(side.psql(database, f"SELECT count(*) FROM {name}")),
        "newest_column": column,
        "newest": side.psql(database, f"SELECT max({identifier(column)}) FROM {name}") if column else "",
        "moment": what.drop.time if what.drop else str(what.moment),
        "words": what.words(),
        "inbound": json.loads(inbound or "null") or [],
        "views": views.split(", ") if views else [],
    }


def _is_of(check: Mapping[str, Any], wanted: Wanted) -> bool:
    return "newest" in check and check["database"] == wanted.table[0] and check.get("table", "").split(".") == list(wanted.table[1:])


def _move(side: _side.Side, database: str, table: Sequence[str], schema: str, memory: dict[str, Any]) -> None:
    """In the side instance, the table goes to the schema with all that is its own; its references to others are remembered and dropped."""
    target = identifier(schema)
    tree = f"SELECT relid::regclass FROM pg_partition_tree({literal(_quoted(table))}::regclass)"
    family = f"(SELECT {literal(_quoted(table))}::regclass AS relid UNION {tree})"
    side.psql(
        database,
        f"""
SET search_path = '';
CREATE SCHEMA {target};
CREATE TABLE {target}.family AS SELECT relid::oid AS relid FROM {family} AS f;
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT s.stxname, n.nspname FROM pg_catalog.pg_statistic_ext AS s JOIN pg_catalog.pg_namespace AS n ON n.oid = s.stxnamespace
        WHERE s.stxrelid IN (SELECT relid FROM {target}.family) LOOP
        EXECUTE format('ALTER STATISTICS %I.%I SET SCHEMA {target}', one.nspname, one.stxname);
    END LOOP;
    FOR one IN SELECT relid::regclass AS name FROM {target}.family LOOP
        EXECUTE format('ALTER TABLE %s SET SCHEMA {target}', one.name);
    END LOOP;
END $$""",
    )
    references = side.psql(
        database,
        "SET search_path = ''; SELECT json_agg(json_build_array(conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)))"
        f" FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND conrelid IN (SELECT relid FROM {target}.family)",
    )
    memory["references"] = json.loads(references or "null") or []
    drops_of = "".join(f"ALTER TABLE {where} DROP CONSTRAINT {name};\n" for where, name, _text in memory["references"])
    side.psql(database, f"{drops_of}DROP TABLE {target}.family")


def _load(side: _side.Side, cluster: Cluster, database: str, schema: str, memory: Mapping[str, Any]) -> None:
    """Let the schema flow from the side instance into the live one, in one transaction, with how it came there as its comment."""
    dump = side.argv("pg_dump", f"--schema={identifier(schema)}", "--no-publications", "--no-subscriptions", database)
    load = [
        program(cluster, "psql"),
        "-Xq",
        "-v",
        "ON_ERROR_STOP=1",
        "--single-transaction",
        "-p",
        str(cluster.port),
        "-d",
        database,
        "-f",
        "-",
    ]
    errors = subprocess.PIPE
    with subprocess.Popen(dump, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors) as source:
        with subprocess.Popen(postgres_argv(*load), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors) as live:
            if source.stdout is None or live.stdin is None:
                raise ValueError("programs without pipes")
            try:
                while chunk := source.stdout.read(1 << 20):
                    live.stdin.write(chunk)
                if source.wait() == 0:
                    live.stdin.write(_afterwards(schema, memory).encode())
                else:
                    # Half of it is not committed.
                    live.stdin.write(b"\nSELECT 1 / 0;\n")
                live.stdin.close()
            except BrokenPipeError:
                pass
            said = (live.stderr.read() if live.stderr else b"").decode(errors="replace")
        source.kill()
        dumped = (source.stderr.read() if source.stderr else b"").decode(errors="replace")
    if live.returncode or source.returncode:
        words = (dumped if source.returncode > 0 else said).strip().splitlines()[:3]
        raise HostError(
            f"it could not be brought into {database}: {'; '.join(words)}", "nothing of it is left there; mend that, and run again"
        )


def _constraint(where: str, name: str, text: str) -> str:
    """Add a reference; one that rows do not keep is for new rows alone, rather than for none."""
    add = f"ALTER TABLE {where} ADD CONSTRAINT {name} {text}"
    late = add if "NOT VALID" in add else f"{add} NOT VALID"
    return (
        f"DO $outer$ BEGIN EXECUTE {literal(add)}; EXCEPTION WHEN foreign_key_violation THEN EXECUTE {literal(late)};"
        f" RAISE WARNING '%', {literal(f'{name} of {where} is not valid for rows that are there')}; END $outer$;\n"
    )


def _afterwards(schema: str, memory: Mapping[str, Any]) -> str:
    references = "".join(_constraint(*one) for one in memory["references"])
    return f"\nSET search_path = '';\n{references}COMMENT ON SCHEMA {identifier(schema)} IS {literal(json.dumps(memory))};\n"


def lost(cluster: Cluster, memory: Mapping[str, Any], now: int) -> str:
    """What has happened to the table since the moment, in words."""
    database, *table = memory["table"]
    name, side = _quoted(table), _quoted([memory["schema"], table[1]])
    if psql(cluster, database, f"SELECT to_regclass({literal(name)}) IS NOT NULL") != "t":
        if "dropped" in memory["words"]:
            return "nothing: every change that was committed before the drop is there"
        return f"whatever changed between {memory['moment']} and the drop"
    keys = psql(
        cluster,
        database,
        "SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)"
        " FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid"
        f" AND a.attnum = ANY (i.indkey) WHERE i.indisprimary AND i.indrelid = {literal(side)}::regclass",
    )
    since = ago(now - Moment.parse(memory["moment"]).epoch)
    if not keys:
        return f"whatever changed in the {since} since {memory['moment']}; it has no primary key to compare by"
    new, gone = (
        psql(cluster, database, f"SELECT count(*) FROM (SELECT {keys} FROM {one} EXCEPT SELECT {keys} FROM {other}) AS x", timeout=3600)
        for one, other in ((name, side), (side, name))
    )
    return f"{new} rows that are new in the {since} since, and every change to the others; {gone} rows are in what came back alone"


# --- The swap ----------------------------------------------------------------------------------------------------------------------


def swap_in(cluster: Cluster, memory: Mapping[str, Any], now: int) -> str:
    """Put what came back in the place of the live table, in one transaction. What it replaces goes to a schema of its own."""
    database, space, table = memory["table"]
    live, back = _quoted([space, table]), _quoted([memory["schema"], table])
    there = psql(cluster, database, f"SELECT to_regclass({literal(live)}) IS NOT NULL") == "t"
    kept = label("replaced", table, Moment(now))
    if there:
        views = psql(cluster, database, _VIEWS.format(table=literal(live)))
        if views:
            raise HostError(f"{views} look at {live}, and would look at what is replaced", "drop these views, swap, and create them again")
    steps = ["BEGIN", "SET LOCAL lock_timeout = '10s'", "SET LOCAL search_path = ''"]
    if there:
        steps += [f"CREATE SCHEMA {identifier(kept)}", *_moves(cluster, database, live, kept)]
    steps += [f"ALTER TABLE IF EXISTS {where} DROP CONSTRAINT IF EXISTS {name}" for where, name, _text in memory["inbound"]]
    steps += _moves(cluster, database, back, space)
    existing = [one for one in memory["inbound"] if psql(cluster, database, f"SELECT to_regclass({literal(one[0])}) IS NOT NULL") == "t"]
    script = ";\n".join(steps) + ";\n" + "".join(_constraint(*one) for one in existing)
    script += f"DROP SCHEMA {identifier(memory['schema'])};\nCOMMIT"
    psql(cluster, database, script, timeout=24 * 3600)
    # It has another number now, and may be dropped again.
    keep_catalog(cluster)
    return kept if there else ""


_VIEWS = """
SELECT string_agg(DISTINCT r.ev_class::regclass::text, ', ') FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid
WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = {table}::regclass AND r.ev_class <> d.refobjid
"""


def _moves(cluster: Cluster, database: str, table: str, schema: str) -> list[str]:
    """The statements that move a table, its partitions and its statistics to a schema."""
    sql = f"""
SET search_path = '';
WITH family AS (SELECT {literal(table)}::pg_catalog.regclass::oid AS relid
    UNION SELECT relid::oid FROM pg_catalog.pg_partition_tree({literal(table)}::pg_catalog.regclass))
SELECT format('ALTER STATISTICS %I.%I SET SCHEMA {identifier(schema)}', n.nspname, s.stxname) FROM pg_catalog.pg_statistic_ext AS s
    JOIN pg_catalog.pg_namespace AS n ON n.oid = s.stxnamespace WHERE s.stxrelid IN (SELECT relid FROM family)
UNION ALL SELECT format('ALTER TABLE %s SET SCHEMA {identifier(schema)}', relid::pg_catalog.regclass) FROM family"""
    return psql(cluster, database, sql).splitlines()


# --- A database --------------------------------------------------------------------------------------------------------------------


def bring_database(wanted: Wanted, what: Plan) -> dict[str, Any]:
    """Bring a database back under a name of its own."""
    name = label("restored", wanted.database, what.moment)
    cluster = what.cluster
    if psql(cluster, "postgres", f"SELECT count(*) FROM pg_database WHERE datname = {literal(name)}") == "1":
        return {"changed": False, "database": name, "moment": str(what.moment)}
    with _open(what, wanted.database) as side:
        size = side.psql("postgres", f"SELECT pg_database_size(oid) FROM pg_database WHERE datname = {literal(wanted.database)}")
        if not size:
            raise HostError(f"there was no database {wanted.database} at {what.moment}", "choose another moment")
        _side.check_room(int(size), cluster.data)
        # It gets its name when all of it is there.
        beginning = f"{name}_unfinished"
        psql(cluster, "postgres", f"DROP DATABASE IF EXISTS {identifier(beginning)}")
        archive = f"{side.folder}/dump"
        _run(side.argv("pg_dump", "--format=directory", "--jobs=2", "--compress=0", f"--file={archive}", wanted.database))
        psql(cluster, "postgres", f"CREATE DATABASE {identifier(beginning)} TEMPLATE template0")
        port = ["-p", str(cluster.port)]
        _run(postgres_argv(program(cluster, "pg_restore"), *port, "--jobs=2", "--exit-on-error", f"--dbname={beginning}", archive))
        psql(cluster, "postgres", f"ALTER DATABASE {identifier(beginning)} RENAME TO {identifier(name)}")
    return {"changed": True, "database": name, "moment": str(what.moment)}


def _run(argv: list[str]) -> None:
    done = attempt(argv, timeout=24 * 3600)
    if done.returncode:
        raise HostError(f"{done.stderr.strip()[-300:]}", "nothing that is live was touched; mend that, and run again")
