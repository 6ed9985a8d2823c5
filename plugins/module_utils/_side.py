# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances of databases beside the live ones, made of a backup: reached by a socket of their own, and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from typing import Iterator, Sequence

from ._backup_client import STATE
from ._command import HostError, attempt
from ._mariadb import mariadb_program
from ._pgbackrest import Cluster, invalid_pages
from ._postgres import pgbackrest, postgres_argv, program, psql

SCRATCH = f"{STATE}/scratch"
# What a standby or a recovery must not have less of than its origin (PostgreSQL's documentation, "Hot Standby").
_AT_LEAST = ("max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions", "max_locks_per_transaction")
# pgbackrest restores them in any case.
_ALWAYS = ("postgres", "template0", "template1")
_CONFIG = """\
listen_addresses = ''
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
port = {port}
hba_file = '{folder}/pg_hba.conf'
ident_file = '{folder}/pg_ident.conf'
archive_mode = off
fsync = off
full_page_writes = off
hot_standby = on
shared_buffers = 64MB
max_wal_size = 4GB
autovacuum = off
logging_collector = off
cluster_name = 'prod-access-side'
lc_messages = 'C'
log_error_verbosity = terse
shared_preload_libraries = '{libraries}'
"""


@contextlib.contextmanager
def scratch(name: str, owner: str) -> Iterator[str]:
    """A folder of a database's user, empty before and gone after."""
    folder = f"{SCRATCH}/{name}"
    clear(folder)
    os.makedirs(SCRATCH, mode=0o711, exist_ok=True)
    os.makedirs(folder, mode=0o700)
    shutil.chown(folder, owner, owner)
    try:
        yield folder
    finally:
        clear(folder)


def clear(folder: str) -> None:
    """Remove what is in a scratch folder, and first end what a killed run left running in it."""
    with contextlib.suppress(OSError, ValueError), open(f"{folder}/data/postmaster.pid", encoding="ascii") as file:
        _kill(int(file.readline()), folder)
    with contextlib.suppress(OSError, ValueError), open(f"{folder}/mariadb.pid", encoding="ascii") as file:
        _kill(int(file.readline()), folder)
    shutil.rmtree(folder, ignore_errors=True)


def _kill(pid: int, folder: str) -> None:
    """End a process, if its arguments say that it is of this folder: its number may be another's by now."""
    with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
        if folder not in file.read():
            return
    os.kill(pid, 3)
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.05)


def room(folder: str) -> int:
    """The bytes that are free where a folder is, or would be."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def check_room(needed: int, folder: str = SCRATCH) -> None:
    """Raises HostError where there is not so much, and a tenth more."""
    free = room(folder)
    if free < needed * 1.1:
        raise HostError(
            f"{needed * 1.1 / 2**20:.0f} MiB are needed in {folder}, and {free / 2**20:.0f} MiB are free",
            "make room there, or mount a disk",
        )


class Side:
    """A cluster beside the live one."""

    def __init__(self, live: Cluster, folder: str) -> None:
        self.live = live
        self.folder = folder

    def argv(self, name: str, *arguments: str) -> list[str]:
        """A client's program that talks to it."""
        return postgres_argv(program(self.live, name), "-h", self.folder, "-p", str(self.live.port), *arguments)

    def psql(self, database: str, sql: str) -> str:
        done = attempt(self.argv("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"), data=sql + ";\n", timeout=3600)
        if done.returncode:
            said = "; ".join(done.stderr.strip().splitlines()[-2:])
            raise HostError(f"the side instance: {said}", "see whether it holds what was asked for")
        return done.stdout.rstrip("\n")

    def wait_until_open(self) -> None:
        """Recovery is over when changes are taken. A server that ended before that says why."""
        while True:
            with contextlib.suppress(HostError):
                if self.psql("postgres", "SELECT pg_is_in_recovery()") == "f":
                    return
            if not os.path.exists(f"{self.folder}/data/postmaster.pid"):
                said = _last_words(self.folder)
                raise HostError(f"the side instance stopped: {said}", "choose a moment for which there are changes in the repository")
            time.sleep(0.1)


@contextlib.contextmanager
def postgresql(live: Cluster, stanza: str, folder: str, *, target: Sequence[str], database: str = "") -> Iterator[Side]:
    """A cluster as it was at a moment, and open for changes, which nobody else sees.

    ``target`` are pgbackrest's options of that moment; ``database`` the one that is brought back, or all. Files of the others are
    zeroes then, and changes of their pages passed over, as PostgreSQL can from 13 on (pgBackRest's guide, "Restore Selected Databases").
    """
    data = f"{folder}/data"
    only = [f"--db-include={database}"] if database not in ("", *_ALWAYS) and float(live.version) >= 13 else []
    options = [f"--stanza={stanza}", f"--pg1-path={data}", f"--tablespace-map-all={folder}/tablespaces", "--archive-mode=off"]
    pgbackrest(*options, "--process-max=4", *only, *target, "restore", timeout=24 * 3600)
    _configure(live, folder, "ignore_invalid_pages = on\n" if only else "")
    control = program(live, "pg_ctl")
    start = ["start", "-D", data, "-w", "-t", "86400", "-s", "-l", f"{folder}/log", "-o", f"-c config_file={folder}/side.conf"]
    side = Side(live, folder)
    try:
        # It inherits the pipes of whoever starts it, and so there must be none.
        none = subprocess.DEVNULL
        done = subprocess.run(postgres_argv(control, *start), stdin=none, stdout=none, stderr=none, check=False)
        if done.returncode:
            raise HostError(f"the side instance did not start: {_last_words(folder)}", "choose another moment, or check the repository")
        side.wait_until_open()
        if only:
            _check_pages(side, database)
        yield side
    finally:
        attempt(postgres_argv(control, "stop", "-D", data, "-m", "immediate", "-s"), timeout=120)


def _check_pages(side: Side, database: str) -> None:
    listed = (line.split(" ", 1) for line in side.psql("postgres", "SELECT oid || ' ' || datname FROM pg_database").splitlines())
    numbers = [number for number, name in listed if name in (database, *_ALWAYS)]
    with open(f"{side.folder}/log", encoding="utf-8", errors="replace") as log:
        found = invalid_pages(log, numbers)
    if found:
        raise HostError(
            f"changes are of pages that the backup does not have: {'; '.join(found[:3])}",
            "choose an earlier moment, or check the repository",
        )


def _configure(live: Cluster, folder: str, more: str) -> None:
    shown = "; ".join(f"SHOW {name}" for name in ("shared_preload_libraries", *_AT_LEAST))
    libraries, *values = psql(live, "postgres", shown).splitlines()
    text = _CONFIG.format(socket=folder, folder=folder, port=live.port, libraries=libraries.replace("'", "''"))
    text += "".join(f"{name} = {value}\n" for name, value in zip(_AT_LEAST, values)) + more
    for name, what in (("side.conf", text), ("pg_hba.conf", "local all all peer\n"), ("pg_ident.conf", "")):
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            file.write(what)


def _last_words(folder: str) -> str:
    try:
        with open(f"{folder}/log", encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if "FATAL" in line or "ERROR" in line or "PANIC" in line]
    except OSError:
        return "it said nothing"
    return "; ".join(lines[-2:]) or "it said nothing"


@contextlib.contextmanager
def mariadb(folder: str) -> Iterator[list[str]]:
    """An empty server beside the live one. Gives the options that lead a client to it."""
    data, socket = f"{folder}/data", f"{folder}/socket"
    install = mariadb_program("mariadb-install-db", "mysql_install_db")
    done = attempt(
        [install, "--no-defaults", f"--datadir={data}", "--user=mysql", "--skip-test-db", "--auth-root-authentication-method=socket"],
        timeout=300,
    )
    if done.returncode:
        raise HostError(f"{install}: {done.stderr.strip()[-300:]}", "see whether there is room on the disk")
    server = [
        mariadb_program("mariadbd", "mysqld"), "--no-defaults", "--user=mysql", f"--datadir={data}", f"--socket={socket}",
        f"--pid-file={folder}/mariadb.pid", f"--log-error={folder}/log", "--skip-networking", "--skip-log-bin",
        "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-buffer-pool-size=256M", "--max-allowed-packet=1G",
    ]  # fmt: skip
    process = subprocess.Popen(
        server, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    client = [f"--socket={socket}", "--user=root"]
    try:
        deadline = time.monotonic() + 120
        while attempt([mariadb_program("mariadb-admin", "mysqladmin"), "--no-defaults", *client, "ping"]).returncode:
            if process.poll() is not None or time.monotonic() > deadline:
                raise HostError(
                    f"the side instance of MariaDB did not start: {_last_words(folder)}", "see whether there is room on the disk"
                )
            time.sleep(0.1)
        yield client
    finally:
        process.kill()
        process.wait()
