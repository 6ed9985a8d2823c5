"""A backup that all tests start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import host
from proofs import CLIENTS


@pytest.fixture(scope="session", autouse=True)
def first_backup() -> Iterator[None]:
    """A good backup of every host, and of every cluster, in the repositories."""
    for name in ("backup1", "backup2"):
        # The one that the role began with may still be at work.
        host(
            name,
            "while systemctl is-active -q prod-access-backup-postgresql; do sleep 0.2; done; systemctl start prod-access-backup-postgresql",
        )
    for name in CLIENTS:
        host(name, "prod-access-backup run")
    yield
    host("web2", "systemctl stop redis-server; apt-get -qq purge redis-server >/dev/null; rm -rf /srv/app")
    for name in CLIENTS:
        # Other scenarios see hosts without receipts, and none comes by a timer meanwhile.
        host(name, "systemctl stop prod-access-backup.timer prod-access-drill.timer")
        host(name, "rm -rf /var/lib/prod-access/restored /var/lib/prod-access/receipts /srv/proof")
