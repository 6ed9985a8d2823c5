"""What the tests of backups ask hosts."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from desk import Desk, host

CLIENTS = ("web1", "web2", "db1", "stage1")
DATABASES = ("db1", "stage1")  # PostgreSQL 15 and MariaDB 10.11; PostgreSQL 17 and MariaDB 11.8


def receipt(name: str, which: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(host(name, f"cat /var/lib/prod-access/receipts/{which}.json"))
    return found


def psql(name: str, sql: str, database: str = "shop") -> str:
    return host(name, f"su postgres -c 'psql -XAtq -v ON_ERROR_STOP=1 -d {database} -f -'", stdin=sql)


def now(name: str) -> str:
    """The time of a host, at the beginning of its next second."""
    return host(name, "sleep $(date +%N | awk '{print 1 - $1 / 1e9}'); date -u +%Y-%m-%dT%H:%M:%SZ")


def snapshots(name: str) -> list[dict[str, Any]]:
    """What the repository has of a host, as the host itself sees it."""
    folder = "/etc/prod-access/backup/backup1"
    options = f"--repository-file {folder}/restic.repository --password-file {folder}/restic.password --cacert {folder}/ca.crt"
    found: list[dict[str, Any]] = json.loads(host(name, f"restic {options} snapshots --json --no-lock"))
    return found


def restore(desk: Desk, name: str, *options: str, rc: int | None = 0) -> subprocess.CompletedProcess[str]:
    arguments = [word for option in options for word in ("-e", option)]
    return desk.play("restore", *arguments, limit=name, rc=rc)
