"""What the tests of backups ask hosts."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterable
from typing import Any

from desk import ENVIRONMENT, ROOT, Desk, host

CLIENTS = ("web1", "web2", "db1", "stage1")
REPOSITORIES = ("backup1", "backup2")
DATABASES = ("db1", "stage1")  # PostgreSQL 15 and MariaDB 10.11; PostgreSQL 17 and MariaDB 11.8

# Where a host has what leads to the repository of its files.
FOLDER = "/etc/prod-access/backup/backup1"
# How it gets there by hand.
RESTIC = f"--repository-file {FOLDER}/restic.repository --password-file {FOLDER}/restic.password --cacert {FOLDER}/ca.crt"
CONFIG = "/etc/prod-access/backup/config.json"
BACK = f"[ ! -e /root/config.json ] || mv /root/config.json {CONFIG}"
_CHANGE = "import json, sys; p = sys.argv[1]; c = json.load(open(p)); c.update(json.loads(sys.argv[2])); json.dump(c, open(p, 'w'))"


def settings(path: str = CONFIG, **changes: object) -> str:
    """A command that changes the settings of a host, until they are put BACK."""
    return f"cp -n {path} /root/config.json; python3 -c {shlex.quote(_CHANGE)} {path} {shlex.quote(json.dumps(changes))}"


def receipt(name: str, which: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(host(name, f"cat /var/lib/prod-access/receipts/{which}.json"))
    return found


def psql(name: str, sql: str, database: str = "shop") -> str:
    return host(name, f"cd /; su postgres -c 'psql -XAtq -v ON_ERROR_STOP=1 -d {database} -f -'", stdin=sql)


def now(name: str) -> str:
    """The time of a host, at the beginning of its next second."""
    return host(name, "sleep $(date +%N | awk '{print 1 - $1 / 1e9}'); date -u +%Y-%m-%dT%H:%M:%SZ")


def snapshots(name: str) -> list[dict[str, Any]]:
    """What the repository has of a host, as the host itself sees it."""
    found: list[dict[str, Any]] = json.loads(
        host(name, f'restic {RESTIC} --key-hint "$(cat {FOLDER}/restic.key)" snapshots --json --no-lock')
    )
    return found


def restore(desk: Desk, name: str, *options: str, rc: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run the playbook; desk.write() has written the inventory."""
    return desk.play("restore", *_extra(options), limit=name, rc=rc, write=False)


def restoring(desk: Desk, name: str, *options: str) -> subprocess.Popen[bytes]:
    """The playbook, running."""
    argv = ["ansible-playbook", "-i", str(desk.inventory), "playbooks/restore.yml", "--limit", name, *_extra(options)]
    return subprocess.Popen(argv, cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _extra(options: Iterable[str]) -> list[str]:
    return [word for option in options for word in ("-e", option)]
