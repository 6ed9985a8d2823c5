# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked back, and the log of changes in which PostgreSQL says when a table was dropped: text alone."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any, Iterator, Mapping

from ._moment import Moment

BEFORE_DROP = "before_drop"
_COMMIT = re.compile(
    r"tx:\s*(?P<xid>\d+), lsn: .* desc: COMMIT (?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?P<fraction>\.\d+)? UTC(?P<rest>;.*|$)"
)
# The kinds of statistics that are dropped with what they are of; 2 are those of tables (PgStat_Kind, PostgreSQL 15 to 17).
_DROPPED = re.compile(r"\b2/(\d+)/(\d+)\b")


@dataclass(frozen=True)
class Wanted:
    """What is asked back. ``moment`` is None for the one before it was dropped. One of the others says what."""

    moment: Moment | None
    table: tuple[str, ...] = ()
    database: str = ""
    files: str = ""
    host: bool = False

    @property
    def mariadb(self) -> bool:
        """Two names are MariaDB's, database and table; three are PostgreSQL's, with a schema between them."""
        return len(self.table) == 2

    @property
    def name(self) -> str:
        return ".".join(self.table) or self.database or self.files or "the whole host"


def parse(params: Mapping[str, Any], now: int) -> tuple[Wanted | None, list[str]]:
    """Read what is asked, and all that is wrong with it. ``now`` is the time in seconds since 1970."""
    faults = []
    said = [name for name in ("table", "database", "files", "host") if params.get(name)]
    if len(said) != 1:
        faults.append("say what is wanted back: one of restore_table, restore_database, restore_files and restore_host")
    table = tuple((params.get("table") or "").split(".")) if params.get("table") else ()
    if table and not (len(table) in (2, 3) and all(_is_name(part) for part in table)):
        faults.append(f"restore_table: `{params['table']}` is no table; write database.schema.table, or database.table for MariaDB")
    database, files = params.get("database") or "", params.get("files") or ""
    if database and not _is_name(database):
        faults.append(f"restore_database: `{database}` is no name of a database")
    if files and (not files.startswith("/") or ".." in files.split("/")):
        faults.append(f"restore_files: `{files}` has to be absolute and without `..`")
    moment = _moment(params.get("to"), now, faults)
    if moment is None and not table:
        faults.append(f"restore_to: {BEFORE_DROP} is for tables; write a time, such as {Moment(now - 3600)}")
    return (None if faults else Wanted(moment, table, database, files, bool(params.get("host")))), sorted(set(faults))


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[^\s\"'`\\;]{1,63}", text) is not None


def _moment(value: Any, now: int, faults: list[str]) -> Moment | None:
    if value == BEFORE_DROP:
        return None
    try:
        if not isinstance(value, (str, datetime.date)) or value == "":
            raise ValueError("there is none")
        moment = Moment.parse(value)
    except ValueError as error:
        faults.append(f"restore_to: {error}; write a time with its zone, such as {Moment(now - 3600)}, or {BEFORE_DROP}")
        return Moment(now)
    if moment.epoch > now:
        faults.append(f"restore_to: {moment} is in the future; it is {Moment(now)}")
    return moment


def label(prefix: str, name: str, moment: Moment) -> str:
    """A name for a schema, a database or a folder of what came back, which the same request gives again."""
    short = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:24]
    return f"{prefix}_{short}_" + re.sub("[-:Z]", "", str(moment)).replace("T", "_")


@dataclass(frozen=True)
class Drop:
    """The end of a table: the transaction that dropped it, and when it was committed, to the microsecond (RFC 3339, UTC)."""

    xid: int
    time: str
    oid: int
    temporary: bool = False
    """Whether nothing on disk went with it, as with a temporary table, or with a partitioned one that has no partitions."""

    @property
    def moment(self) -> Moment:
        return Moment.parse(self.time)


def drops(printed: str, database: int) -> Iterator[Drop]:
    """The tables of a database that were dropped, of ``pg_waldump --rmgr=Transaction`` with TZ=UTC, the first one first."""
    for line in printed.splitlines():
        commit = _COMMIT.search(line)
        if commit is None:
            continue
        stats = commit["rest"].partition("dropped stats: ")[2].partition(";")[0]
        temporary = "; rels: " not in commit["rest"]
        for where, oid in _DROPPED.findall(stats):
            if int(where) == database:
                yield Drop(int(commit["xid"]), commit["time"].replace(" ", "T") + (commit["fraction"] or "") + "Z", int(oid), temporary)


def segments(first: str, last: str, size: int = 16 << 20) -> list[str]:
    """The names of segments of WAL from one to another, which are of the same timeline. ``size`` is that of one, in bytes."""
    per_log = (1 << 32) // size
    timeline = last[:8]
    start, stop = (int(name[8:16], 16) * per_log + int(name[16:24], 16) for name in (first, last))
    return [f"{timeline}{number // per_log:08X}{number % per_log:08X}" for number in range(start, stop + 1)]


def ago(seconds: int) -> str:
    """A span of time as people say it."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} seconds"
