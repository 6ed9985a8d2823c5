"""A backup that all tests start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import Desk, each, host
from proofs import CLIENTS, DATABASES, REPOSITORIES, psql

# Beside the shop, whose size is the point where time is measured.
_LEDGER = "CREATE TABLE lines (id int PRIMARY KEY, text text); INSERT INTO lines SELECT n, md5(n::text) FROM generate_series(1, 1000) AS n"
_NOTES = "PRAGMA journal_mode = wal; CREATE TABLE IF NOT EXISTS notes (id integer PRIMARY KEY, text text)"
_OURS = "/var/lib/prod-access/restored /var/lib/prod-access/receipts /srv/proof"


@pytest.fixture(scope="session", autouse=True)
def first_backup(desk: Desk) -> Iterator[None]:
    """A good backup of every host, and of every cluster, in the repositories."""
    desk.write()
    host("web2", f"systemctl start redis-server; mkdir -p /srv/app; sqlite3 /srv/app/app.sqlite '{_NOTES}'")
    each(_have_ledger, DATABASES)
    # The one that the role began with may still be at work.
    at_work = "systemctl show -P ActiveState prod-access-backup-postgresql | grep -q ^activating"
    backup = f"while {at_work}; do sleep 0.2; done; systemctl start prod-access-backup-postgresql"
    each(lambda name: host(name, backup), REPOSITORIES)
    # Nor does one begin by itself meanwhile.
    each(lambda name: host(name, "systemctl stop prod-access-backup.timer; prod-access-backup run"), CLIENTS)
    yield
    # Other scenarios see hosts without receipts, and none comes by a timer meanwhile.
    each(
        lambda name: host(name, f"systemctl stop 'prod-access-backup*.timer' prod-access-drill.timer; rm -rf {_OURS}"),
        (*CLIENTS, *REPOSITORIES),
    )
    each(lambda name: psql(name, "DROP DATABASE ledger", "postgres") + psql(name, "DROP TABLE quiet"), DATABASES)
    host("web2", "systemctl disable --quiet --now redis-server; rm -rf /srv/app")


def _have_ledger(name: str) -> None:
    psql(name, "DROP DATABASE IF EXISTS ledger", "postgres")
    psql(name, "CREATE DATABASE ledger", "postgres")
    psql(name, _LEDGER, "ledger")
    # Pages of another database that VACUUM will mark, with no other change to them since the backup.
    psql(name, "DROP TABLE IF EXISTS quiet")
    psql(name, "CREATE TABLE quiet WITH (autovacuum_enabled = off) AS SELECT generate_series(1, 1000) AS id")
