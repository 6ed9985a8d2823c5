# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``prod-access-sql``: starts a client of a database, and asks before what is typed in it destroys data."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Sequence

from . import _confirm, _environment, _journal, _sql
from ._environment import Environment
from ._redact import redact
from ._sql_clients import CLIENTS, Client
from ._sql_proxy import Proxy, Session

_USAGE = f"""\
usage: prod-access-sql {{{",".join(CLIENTS)}}} [ARGUMENT ...]

Start the client with its arguments. Before a statement typed in it would drop, truncate, or change every row, a question is
asked on the terminal, where that is guarded; where statements are recorded, those that change something go to the journal.
Scripts, and connections that do not go through a socket of this host, are left alone.
"""


def main(arguments: list[str]) -> int:
    """What the shells of people start in the place of a client."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name not in CLIENTS:
        (sys.stdout if name == "--help" else sys.stderr).write(_USAGE)
        return 0 if name == "--help" else 2
    client, environment = CLIENTS[name], _environment.read()
    if ("sql" in environment.guards or _environment.records_sql()) and os.isatty(0) and os.isatty(1) and not client.is_script(rest):
        status = _run_guarded(name, rest, environment)
        if status is not None:
            return status
    program = shutil.which(name)
    if program:
        os.execv(program, [name, *rest])
    sys.stderr.write(f"prod-access-sql: {name} is missing on this host; install the package that brings it\n")
    return 127


def _run_guarded(name: str, arguments: Sequence[str], environment: Environment) -> int | None:
    """Run the client through a proxy; None, and nothing has happened, where that cannot be."""
    client = CLIENTS[name]
    folder = Path(tempfile.mkdtemp(prefix="prod-access-sql-"))
    try:
        try:
            route = client.route(name, arguments, str(folder))
            if route is None:
                return None
            proxy = Proxy(folder, route.sockets, client.conversation, _Judge(client, arguments, environment))
        except OSError as error:
            sys.stderr.write(f"prod-access-sql: {name} is not guarded this time: {error}\n")
            return None
        status = _run(route.command, {**os.environ, **route.variables})
        proxy.finish()
        return status
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str], variables: dict[str, str]) -> int:
    """Run the client to its end. Signals of the terminal are its own business, those for this process are for it."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        # Not ignored, since the client would inherit that.
        signal.signal(number, lambda received, frame: None)
    process = subprocess.Popen(command, env=variables)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, frame: process.send_signal(received))
    status = process.wait()
    return status if status >= 0 else 128 - status


class _Judge:
    """Asks the person, on the terminal, one question at a time; and tells the journal what ran, in the name of whoever typed it.

    The server knows its own accounts, and not who uses them.
    """

    def __init__(self, client: Client, arguments: Sequence[str], environment: Environment) -> None:
        self._client = client
        self._arguments = arguments
        self._environment = environment
        self._one_at_a_time = threading.Lock()
        self._records = _environment.records_sql()

    def __call__(self, session: Session, statement: str, findings: list[_sql.Finding]) -> bool:
        if findings and "sql" in self._environment.guards and not self._confirms(session, findings):
            return False
        if self._records:
            fields = {"DATABASE": self._client.database(session, findings[0]) if findings else session.database, "ACCOUNT": session.user}
            _journal.tell("sql", "sql", redact(statement), fields, wait=1)
        return True

    def _confirms(self, session: Session, findings: list[_sql.Finding]) -> bool:
        with self._one_at_a_time:
            host = socket.gethostname()
            database = self._client.database(session, findings[0])
            where = f"database {database} on {host}" if database else f"no database selected on {host}"
            stakes = [line for finding in findings for line in self._client.stakes(session, finding, self._arguments)]
            question = _confirm.Question(
                guard="sql",
                action="; ".join(map(str, findings)),
                facts=(where, *dict.fromkeys(stakes)),
                answer=database or host,
                answer_is="the name of the database" if database else "the name of the host",
            )
            answer = self._ask(question)
            _confirm.note(question, answer)
            return answer.confirmed

    def _ask(self, question: _confirm.Question) -> _confirm.Answer:
        try:
            terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
        except OSError:
            return _confirm.Answer(False)
        try:
            return _confirm.ask(question, self._environment, terminal)
        finally:
            os.close(terminal)
