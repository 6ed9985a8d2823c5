# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of a host: told to say which statements change the shape of data, and in whose name, without being started anew."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass, field
from typing import Callable, Iterator

from . import _files
from ._command import HostError, attempt
from ._tree import Change

_POSTGRESQL_FILE = "prod-access-audit.conf"
_POSTGRESQL = {
    "log_line_prefix": "%c %h %u@%d %c ",
    "syslog_ident": "postgres",
    "syslog_facility": "LOCAL0",
    "syslog_split_messages": "off",
    "syslog_sequence_numbers": "off",
}
_MARIADB_FILE = "/etc/mysql/mariadb.conf.d/90-prod-access-audit.cnf"
_MARIADB = {
    "server_audit_output_type": "syslog",
    "server_audit_syslog_ident": "mysql-server_auditing",
    "server_audit_events": "CONNECT,QUERY_DDL,QUERY_DML_NO_SELECT,QUERY_DCL",
    "server_audit_query_log_limit": "8192",
    "server_audit_logging": "ON",
}


@dataclass
class Database:
    """What is to be done with one kind of database."""

    name: str
    on: bool
    why: str = ""
    changes: list[Change] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    steps: list[Callable[[], None]] = field(default_factory=list)


def plan(wanted: bool) -> Iterator[Database]:
    """The databases of this host."""
    clusters = sorted(glob.glob("/etc/postgresql/*/*/conf.d"))
    for folder in clusters:
        version, cluster = folder.split("/")[3:5]
        name = f"postgresql {version}/{cluster}"
        yield _postgresql(name, folder) if wanted else _without_postgresql(name, folder)
    if os.path.isdir("/etc/mysql/mariadb.conf.d") and os.path.exists("/usr/sbin/mariadbd"):
        yield _mariadb() if wanted else _without_mariadb()


class _Cluster:
    """One PostgreSQL server, by its socket."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.file = os.path.join(folder, _POSTGRESQL_FILE)
        text = _files.read_text(os.path.join(os.path.dirname(folder), "postgresql.conf")) or ""
        port = re.search(r"(?m)^\s*port\s*=?\s*'?(\d+)", text)
        self._port = port.group(1) if port else "5432"

    def ask(self, query: str) -> list[str]:
        """The lines of an answer, as the server's own administrator. Raises HostError, with what it said instead."""
        client = ["psql", "-XAtq", "-F", "\t", "-p", self._port, "-d", "postgres", "-c", query]
        done = attempt(["runuser", "-u", "postgres", "--", "env", "--chdir=/", "PGOPTIONS=-c log_statement=none", *client])
        if done.returncode != 0:
            raise HostError((done.stderr.strip().splitlines() or ["it does not answer"])[0][:300], "mend that, and run again")
        return done.stdout.splitlines()

    def settings_of_others(self) -> list[tuple[str, str, str]]:
        """Where, which and how, in the order in which later ones count instead of earlier ones."""
        lines = self.ask("SELECT sourcefile || ':' || sourceline, name, setting FROM pg_file_settings WHERE error IS NULL ORDER BY seqno")
        names = ("log_destination", "log_statement", *_POSTGRESQL)
        found = []
        for line in lines:
            where, name, setting = line.split("\t", 2)
            if name in names and not where.startswith(self.file + ":"):
                found.append((where, name, setting))
        return found

    def comes_later(self, where: str) -> bool:
        """Whether what stands there counts instead of what stands in our file."""
        folder, name = os.path.split(where.rpartition(":")[0])
        return name == "postgresql.auto.conf" or (folder == self.folder and name > _POSTGRESQL_FILE)


def _postgresql(name: str, folder: str) -> Database:
    cluster = _Cluster(folder)
    try:
        theirs = cluster.settings_of_others()
    except HostError as error:
        return Database(name, False, f"it cannot be asked: {error}")
    said = {setting: value for _where, setting, value in theirs}
    places = [place.strip() for place in said.get("log_destination", "stderr").split(",")]
    more = said.get("log_statement")
    settings = {
        # What it logs, and where to, beyond this, stays as it is.
        "log_destination": ",".join([*places, *([] if "syslog" in places else ["syslog"])]),
        "log_statement": more if more in ("mod", "all") else "ddl",
        **_POSTGRESQL,
    }
    instead = [
        f"{setting} = {value} in {where}"
        for where, setting, value in theirs
        if cluster.comes_later(where) and settings[setting].lower() != value.lower()
    ]
    if instead:
        return Database(name, False, f"{'; '.join(instead)} counts instead of ours: remove it there, or by ALTER SYSTEM RESET")
    text = (
        "# Managed by safetynet.prod_access: statements that change the shape of data go to the journal, and from there to the collector.\n"
    )
    text += "".join(f"{setting} = '{value}'\n" for setting, value in settings.items())
    database = Database(name, True, "it knows accounts of its own, no people; statements that read are not recorded")
    before = _files.read_text(cluster.file)
    if before != text:
        database.changes.append(Change(cluster.file, before, text, 0o644))
        database.steps.append(lambda: _put_postgresql(cluster, before, text))
    return database


def _put_postgresql(cluster: _Cluster, before: str | None, text: str) -> None:
    """Let the server itself look at the file; then let it read it."""
    _files.write(cluster.file, text)
    try:
        wrong = cluster.ask(
            "SELECT sourcefile || ':' || sourceline || ' ' || name || ': ' || coalesce(error, 'another line counts instead') "
            "FROM pg_file_settings WHERE error IS NOT NULL OR NOT applied"
        )
        faults = [fault for fault in wrong if fault.startswith(cluster.file + ":")]
        if faults:
            raise HostError(f"PostgreSQL refuses {'; '.join(faults)}", "its configuration is as it was; see pg_file_settings")
        if cluster.ask("SELECT pg_reload_conf()") != ["t"]:
            raise HostError("PostgreSQL does not read its configuration again", "it is as it was; see its log")
    except BaseException:
        if before is None:
            _files.remove(cluster.file)
        else:
            _files.write(cluster.file, before)
        raise


def _without_postgresql(name: str, folder: str) -> Database:
    """Without our file; a server that is down reads that when it starts."""
    cluster = _Cluster(folder)
    database = Database(name, False, "not asked for")
    before = _files.read_text(cluster.file)
    if before is not None:
        database.changes.append(Change(cluster.file, before, None, 0))
        database.steps += [lambda: _files.remove(cluster.file), lambda: _ignore(cluster.ask("SELECT pg_reload_conf()"))]
    return database


def _ignore(_answer: list[str] | None) -> None:
    """Of a server that does not answer, nothing is wanted."""


def _sql(query: str) -> list[str] | None:
    """What MariaDB answers to its own administrator; None where it does not."""
    done = attempt(["mariadb", "--no-defaults", "--user=root", "--skip-column-names", "--batch", "--execute", query])
    return done.stdout.splitlines() if done.returncode == 0 else None


def _mariadb() -> Database:
    text = (
        "# Managed by safetynet.prod_access. The plugin was installed in the running server; loose: a server without it starts as well.\n"
    )
    text += "[mariadb]\n" + "".join(f"loose_{name} = {value}\n" for name, value in _MARIADB.items())
    database = Database("mariadb", True, "it knows accounts of its own, no people; statements that read are not recorded")
    loaded = _sql("SELECT plugin_status FROM information_schema.plugins WHERE plugin_name = 'SERVER_AUDIT'")
    if loaded is None:
        return Database("mariadb", False, "it does not answer root on its socket; run again when it is up")
    if loaded == ["DELETED"]:
        return Database("mariadb", False, "the server lets go of its plugin server_audit at its next start: run again after that")
    if loaded != ["ACTIVE"] and not glob.glob("/usr/lib/mysql/plugin/server_audit.so"):
        return Database("mariadb", False, "this server has no plugin server_audit")
    now = _sql("SHOW GLOBAL VARIABLES LIKE 'server_audit_%'") if loaded == ["ACTIVE"] else []
    values = dict(line.split("\t", 1) for line in now or () if "\t" in line)
    # It says its events in an order of its own.
    wrong = {name: value for name, value in _MARIADB.items() if sorted(values.get(name, "").split(",")) != sorted(value.split(","))}
    before = _files.read_text(_MARIADB_FILE)
    if before != text:
        database.changes.append(Change(_MARIADB_FILE, before, text, 0o644))
        database.steps.append(lambda: _files.write(_MARIADB_FILE, text))
    if loaded != ["ACTIVE"]:
        database.words.append("mariadb loads its plugin server_audit")
        database.steps.append(lambda: _tell_mariadb("INSTALL SONAME 'server_audit'"))
    if wrong:
        database.words.append("mariadb records what changes data")
        for name, value in wrong.items():
            said = value if value.isdigit() or value == "ON" else f"'{value}'"
            database.steps.append(lambda name=name, said=said: _tell_mariadb(f"SET GLOBAL {name} = {said}"))  # type: ignore[misc]
    return database


def _without_mariadb() -> Database:
    database = Database("mariadb", False, "not asked for")
    before = _files.read_text(_MARIADB_FILE)
    if before is not None:
        database.changes.append(Change(_MARIADB_FILE, before, None, 0))
        for statement in ("SET GLOBAL server_audit_logging = OFF", "UNINSTALL SONAME 'server_audit'"):
            database.steps.append(lambda statement=statement: _ignore(_sql(statement)))  # type: ignore[misc]
        database.steps.append(lambda: _files.remove(_MARIADB_FILE))
    return database


def _tell_mariadb(statement: str) -> None:
    if _sql(statement) is None:
        raise HostError(f"MariaDB does not take: {statement}", "run it by hand, as root, to see why")
