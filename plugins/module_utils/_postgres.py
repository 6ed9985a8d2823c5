# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL and pgbackrest on a host, run as their own user."""

from __future__ import annotations

import os

from ._command import HostError, attempt, run
from ._pgbackrest import Backup, Cluster, backups_of, clusters, errors
from ._steps import user_id

POSTGRES = "postgres"


def postgres_argv(*argv: str) -> list[str]:
    """A command as the user of PostgreSQL, in a directory that this user can enter."""
    as_user = [f"--reuid={POSTGRES}", f"--regid={POSTGRES}", "--init-groups"]
    return ["setpriv", *as_user, "env", "--chdir=/", "HOME=/var/lib/postgresql", *argv]


def has_postgres() -> bool:
    return user_id(POSTGRES) is not None


def found_clusters() -> list[Cluster]:
    """The clusters of PostgreSQL on this host."""
    return clusters(run(["pg_lsclusters", "--no-header"])) if os.path.exists("/usr/bin/pg_lsclusters") else []


def program(cluster: Cluster, name: str) -> str:
    """A program of the cluster's version. By its name alone, a script of Debian's would look for it, for a tenth of a second."""
    return f"/usr/lib/postgresql/{cluster.version}/bin/{name}"


def psql(cluster: Cluster, database: str, sql: str, *, timeout: float = 60) -> str:
    """What a statement gives, unaligned. Raises HostError with the server's words."""
    command = [program(cluster, "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-p", str(cluster.port), "-d", database, "-f", "-"]
    done = attempt(postgres_argv(*command), data=sql + ";\n", timeout=timeout)
    if done.returncode:
        said = "; ".join(done.stderr.strip().splitlines()[-3:])
        raise HostError(
            f"PostgreSQL {cluster}: {said}", f"see whether it is up: systemctl status postgresql@{cluster.version}-{cluster.name}"
        )
    return done.stdout.rstrip("\n")


def pgbackrest(*arguments: str, timeout: float = 24 * 3600) -> str:
    """What pgbackrest prints, run as its own user. Raises HostError with its words."""
    done = attempt(postgres_argv("pgbackrest", *arguments), timeout=timeout)
    if done.returncode:
        said = errors(done.stderr + done.stdout) or [done.stderr.strip()]
        raise HostError(f"pgbackrest {arguments[-1]}: {'; '.join(said[:3])}", "see /var/log/pgbackrest/")
    return done.stdout


def backups(stanza: str) -> list[Backup]:
    return backups_of(pgbackrest(f"--stanza={stanza}", "--output=json", "--io-timeout=10", "info", timeout=120), stanza)
