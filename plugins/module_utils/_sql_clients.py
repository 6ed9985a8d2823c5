# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients that people type SQL into: how they are led to a proxy, and asked how much data is at stake."""

from __future__ import annotations

import glob
import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import Mapping, Sequence

from . import _sql
from ._sql_proxy import Conversation, Mariadb, Postgresql, Session

# Debian's psql is this program, which finds the cluster that is meant.
_PG_WRAPPER = "/usr/share/postgresql-common/pg_wrapper"
_SECONDS = 2
_MOST_COUNTED = 3
_WHOLE = ("DROP SCHEMA", "DROP DATABASE")

# Each line of what these print is: exact or about, what was counted, and the number of rows.
_PSQL_ROWS = """\
SELECT 'about', nspname || '.' || relname, reltuples::bigint
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE c.oid = to_regclass(:'name') AND relkind <> 'v';
SELECT format('SELECT %L, %L, count(*) FROM %s', 'exact', nspname || '.' || relname, c.oid::regclass)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE c.oid = to_regclass(:'name') \\gexec
"""
_PSQL_TABLES = """\
SELECT 'about', count(*) || ' tables', sum(greatest(reltuples, 0))::bigint
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE relkind IN ('r', 'm')
AND CASE WHEN :'schema' = '' THEN nspname !~ '^(pg_|information_schema$)' ELSE n.oid = to_regnamespace(:'schema') END
"""
_MARIADB_ROWS = """\
SELECT 'about', concat(table_schema, '.', table_name), table_rows
FROM information_schema.tables WHERE table_schema = @schema AND table_name = @table;
EXECUTE IMMEDIATE concat(
    'SELECT ''exact'', concat(@schema, ''.'', @table), count(*) FROM `',
    replace(@schema, '`', '``'), '`.`', replace(@table, '`', '``'), '`'
);
"""
_MARIADB_TABLES = """\
SELECT 'about', concat(count(*), ' tables'), sum(table_rows)
FROM information_schema.tables WHERE table_schema = @schema;
"""


@dataclass(frozen=True)
class Route:
    """What to start, so that a client of this host's server uses other sockets."""

    command: list[str]
    sockets: Mapping[str, str]
    """The paths of the server's sockets, by the names that the others have in their folder."""
    variables: Mapping[str, str] = field(default_factory=dict)


class Client:
    """A kind of client."""

    conversation: type[Conversation]
    # Short options that take a value, which may stand in the same word.
    _valued: str

    def is_script(self, arguments: Sequence[str]) -> bool:
        """Whether the options say that nobody types."""
        raise NotImplementedError

    def route(self, program: str, arguments: Sequence[str], folder: str) -> Route | None:
        """The way through sockets in a folder; None where the client would not use a socket of this host."""
        raise NotImplementedError

    def database(self, session: Session, finding: _sql.Finding) -> str:
        """The name of the database in which data is at stake."""
        raise NotImplementedError

    def stakes(self, session: Session, finding: _sql.Finding, arguments: Sequence[str]) -> list[str]:
        """How much data is at stake, a line for each object."""
        return [
            _stake(name, self._count(session, _sql.Finding(finding.action, (name,)), arguments)) if index < _MOST_COUNTED else name
            for index, name in enumerate(finding.names)
        ]

    def _count(self, session: Session, finding: _sql.Finding, arguments: Sequence[str]) -> str:
        """What the server says of the one object of a finding."""
        raise NotImplementedError

    def _given(self, arguments: Sequence[str]) -> set[str]:
        """The names of the options, as getopt_long(3) finds them."""
        given = set()
        for word in arguments[: arguments.index("--") if "--" in arguments else None]:
            if word.startswith("--"):
                given.add(word[2:].partition("=")[0])
            elif word.startswith("-"):
                end = next((place for place, letter in enumerate(word) if letter in self._valued), len(word))
                given.update(word[1 : end + 1])
        return given


class Psql(Client):
    """psql(1). A host that the person names, in an option or a connection string, counts more than PGHOST."""

    conversation = Postgresql
    _valued = "cdfFhLopPRTUv"

    def is_script(self, arguments: Sequence[str]) -> bool:
        """Whether a file is named."""
        return not {"f", "fil", "file"}.isdisjoint(self._given(arguments))

    def route(self, program: str, arguments: Sequence[str], folder: str) -> Route | None:
        """Without Debian's wrapper, the server's folder is the one that libpq has as its default there."""
        variables = {name: os.environ.get(name, "") for name in ("PGHOST", "PGPORT", "PGDATABASE")}
        rest = list(arguments)
        if os.path.exists(_PG_WRAPPER):
            say = 'printf "%s\\0" "$PGHOST" "$PGPORT" "$PGDATABASE" "$@"'
            said = _output([_PG_WRAPPER, "sh", "-c", say, program, *arguments]).split("\0")[:-1]
            if len(said) < len(variables):
                return None
            variables, rest = dict(zip(variables, said)), said[len(variables) :]
        host = variables["PGHOST"] or "/var/run/postgresql"
        sockets = {os.path.basename(path): path for path in glob.glob(f"{glob.escape(host)}/.s.PGSQL.*") if path[-1:].isdigit()}
        if not (host.startswith("/") and sockets):
            return None
        set_ones = {name: value for name, value in variables.items() if value}
        return Route([program, *rest], sockets, {**set_ones, "PGHOST": folder})

    def database(self, session: Session, finding: _sql.Finding) -> str:
        """The connection's, unless a whole other one is dropped."""
        if finding.action != "DROP DATABASE" or not finding.names:
            return session.database
        name = finding.names[0]
        return _sql.unquoted(name) if name.startswith('"') else name.lower()

    def _count(self, session: Session, finding: _sql.Finding, arguments: Sequence[str]) -> str:
        folder, _dot, port = session.server.rpartition("/.s.PGSQL.")
        name = finding.names[0]
        schema = name if finding.action == "DROP SCHEMA" else ""
        limits = f"-c statement_timeout={_SECONDS}s -c default_transaction_read_only=on"
        variables = {
            "PGDATABASE": self.database(session, finding),
            "PGOPTIONS": f"{os.environ.get('PGOPTIONS', '')} {limits}",
            "PGCONNECT_TIMEOUT": str(_SECONDS),
        }
        command = ["psql", "-XqAtw", "-F\t", "-h", folder, "-p", port, "-U", session.user, "-v", f"name={name}", "-v", f"schema={schema}"]
        return _output(command, _PSQL_TABLES if finding.action in _WHOLE else _PSQL_ROWS, variables)


class MariadbClient(Client):
    """mariadb(1), also as mysql(1)."""

    conversation = Mariadb
    _valued = "#DehpPSu"

    def is_script(self, arguments: Sequence[str]) -> bool:
        """Whether batch mode is asked for."""
        return not {"B", "bat", "batc", "batch"}.isdisjoint(self._given(arguments))

    def route(self, program: str, arguments: Sequence[str], folder: str) -> Route | None:
        """The client itself says which server it means, from its options and the files with more of them."""
        given = self._given(arguments)
        # A port means TCP, unless a socket is named as well; no variable shows that.
        if not {"P", "port"}.isdisjoint(given) and {"S", "socket"}.isdisjoint(given):
            return None
        end = list(arguments).index("--") if "--" in arguments else len(arguments)
        shown = _output([program, *arguments[:end], "--help"])
        meant = dict(re.findall(r"^(host|protocol|socket) +(\S.*)?$", shown, re.M))
        socket = meant.get("socket", "")
        is_local = meant.get("host") in ("(No default value)", "localhost") and meant.get("protocol", "").lower() in ("", "socket")
        if not (is_local and os.path.exists(socket)):
            return None
        name = os.path.basename(socket)
        # A newer client wants TLS also where nothing leaves the host, and gets none from the proxy.
        return Route([program, *arguments[:end], f"--socket={folder}/{name}", "--skip-ssl", *arguments[end:]], {name: socket})

    def database(self, session: Session, finding: _sql.Finding) -> str:
        """The one that the object's name begins with, if it does; a schema is a database here."""
        name = finding.names[0] if finding.names else ""
        if finding.action in _WHOLE:
            return _sql.unquoted(name)
        parts = re.fullmatch(r"(`(?:[^`]|``)*`|[^.`]+)\..+", name, re.S)
        return _sql.unquoted(parts.group(1)) if parts else session.database

    def _count(self, session: Session, finding: _sql.Finding, arguments: Sequence[str]) -> str:
        texts = {"schema": self.database(session, finding), "table": _sql.unquoted(finding.names[0])}
        script = f"SET max_statement_time = {_SECONDS};\n"
        # In hexadecimal nothing needs to be escaped.
        script += "".join(f"SET @{name} = convert(x'{text.encode().hex()}' USING utf8mb4);\n" for name, text in texts.items())
        script += _MARIADB_TABLES if finding.action in _WHOLE else _MARIADB_ROWS
        files = [word for word in arguments if word.startswith(("--defaults", "--no-defaults"))]
        options = ["--batch", "--raw", "--skip-column-names", "--force", f"--socket={session.server}", f"--user={session.user}"]
        return _output(["mariadb", *files, *options], script)


CLIENTS: Mapping[str, Client] = {"psql": Psql(), "mariadb": MariadbClient(), "mysql": MariadbClient()}


def _output(command: list[str], script: str = "", variables: Mapping[str, str] | None = None) -> str:
    """What a program prints, or printed until it took too long."""
    try:
        done = subprocess.run(
            command,
            input=os.fsencode(script),
            env={**os.environ, **(variables or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=2 * _SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return os.fsdecode(error.stdout or b"")
    except OSError:
        return ""
    return os.fsdecode(done.stdout)


def _stake(name: str, said: str) -> str:
    """How many rows there are: the last line says it best."""
    found = re.findall(r"^(exact|about)\t(.*)\t(\d+)$", said, re.M)
    if not found:
        return f"{name}: an unknown number of rows"
    how, shown, rows = found[-1]
    return f"{shown}: {'about ' if how == 'about' else ''}{int(rows):,} row{'' if rows == '1' else 's'}"
