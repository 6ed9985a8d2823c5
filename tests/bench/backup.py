"""Measure what this adds to restic and pgbackrest run by hand, on the fleet: python tests/bench/backup.py [PAIRS].

The fleet has to be as molecule/backup/converge.yml leaves it. Of each pair one half is the tools' own commands, with the options that we
give them, and the other half is ours; both have the same data before them, and take turns at being first. Compared are the medians, of
seconds by the clock and of seconds of the processor on the host that runs the command, its children included. Others' work on the machine
changes the first more.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).resolve().parents[2] / "molecule/default"))

from desk import host

FILES, MEGABYTES = 500, 200
HOST, DATABASE, REPOSITORY, STANZA = "web1", "stage1", "backup1", "stage1-17-main"
MOST = 10

_DATA = f"""
rm -rf /srv/bench; mkdir -p /srv/bench
for number in $(seq {FILES}); do head -c {MEGABYTES * 1000000 // FILES} /dev/urandom >/srv/bench/$number; done
"""
# As much again that is new, for each of the two.
_ROWS = """
DROP TABLE IF EXISTS bench;
CREATE TABLE bench AS SELECT n, md5(random()::text) || md5(random()::text) || md5(random()::text) || md5(random()::text) AS text
    FROM generate_series(1, 1500000) AS n;
CHECKPOINT;
"""
_FOLDER = "/etc/prod-access/backup/backup1"
_RESTIC = f"restic --repository-file {_FOLDER}/restic.repository --password-file {_FOLDER}/restic.password --cacert {_FOLDER}/ca.crt"
_PATHS = "/etc /home /opt /root /srv /usr/local /var/lib/prod-access /var/spool"
_FILES_BY_HAND = f"""
export RESTIC_CACHE_DIR=/var/cache/prod-access-backup HOME=/root
{_RESTIC} backup --json --tag files --one-file-system --exclude-caches --host=web1 -- {_PATHS}
"""
_POSTGRESQL_BY_HAND = f"""
su postgres -c 'pgbackrest --stanza={STANZA} --type=full backup'
HOME=/root RESTIC_CACHE_DIR=/var/cache/prod-access-backup restic -r /srv/prod-access-backup/copy \\
    --password-file /etc/prod-access/backup-repository/copy.password backup --json --tag postgresql --exclude-caches /var/lib/pgbackrest
"""
# What a proof does: a copy of the cluster, as it was last, in which every row of every table is read.
_PROOF_BY_HAND = f"""
set -e
bin=/usr/lib/postgresql/17/bin folder=/var/lib/prod-access/backup/scratch/bench
as() {{ setpriv --reuid=postgres --regid=postgres --init-groups env --chdir=/ HOME=/var/lib/postgresql "$@"; }}
rm -rf $folder; mkdir -m 0700 $folder; chown postgres: $folder
as pgbackrest --stanza={STANZA} --pg1-path=$folder/data --archive-mode=off --process-max=4 --type=default restore
cat >$folder/side.conf <<end
listen_addresses = ''
unix_socket_directories = '$folder'
hba_file = '$folder/pg_hba.conf'
ident_file = '$folder/pg_ident.conf'
fsync = off
full_page_writes = off
shared_buffers = 64MB
max_wal_size = 4GB
autovacuum = off
end
echo 'local all all peer' >$folder/pg_hba.conf; : >$folder/pg_ident.conf
trap 'as $bin/pg_ctl stop -D $folder/data -m immediate -s; rm -rf $folder' EXIT
as $bin/pg_ctl start -D $folder/data -w -t 600 -s -l $folder/log -o "-c config_file=$folder/side.conf" >/dev/null 2>&1
ask() {{ as $bin/psql -h $folder -XAtq "$@"; }}
until [ "$(ask -c 'SELECT pg_is_in_recovery()')" = f ]; do sleep 0.1; done
for database in $(ask -c 'SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate'); do
    ask -d $database -c "SELECT format('SELECT count(*) FROM %I.%I', schemaname, tablename) FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema')" | ask -d $database -f -
done
"""


class Kind(NamedTuple):
    """Two ways to do the same on one host, and what has to be there before each."""

    name: str
    host: str
    by_hand: str
    ours: str
    before: Callable[[], object] = lambda: None


KINDS = (
    Kind(
        f"files: {FILES:,} new ones of {MEGABYTES} MB, over TLS",
        HOST,
        _FILES_BY_HAND,
        "prod-access-backup run files",
        lambda: host(HOST, _DATA),
    ),
    Kind(
        "PostgreSQL: a full backup with 1,500,000 new rows, and its second copy",
        REPOSITORY,
        _POSTGRESQL_BY_HAND,
        f"prod-access-backup-repository postgresql --full {STANZA}",
        lambda: _sql(_ROWS),
    ),
    Kind("PostgreSQL: a cluster brought back, every row read", DATABASE, _PROOF_BY_HAND, "prod-access-backup drill postgresql"),
)


def main(pairs: int) -> int:
    missed = False
    print(
        f"| medians of {pairs} pairs | by hand | ours | more | by hand, processor | ours, processor | more |\n|---|---|---|---|---|---|---|"
    )
    try:
        for kind in KINDS:
            clock, processor = _compare(kind, pairs)
            missed |= clock[2] > MOST and processor[2] > MOST
            print(
                f"| {kind.name} | " + " | ".join(f"{a:.1f} s | {b:.1f} s | {more:+.0f} %" for a, b, more in (clock, processor)) + " |",
                flush=True,
            )
    finally:
        host(HOST, "rm -rf /srv/bench")
        _sql("DROP TABLE IF EXISTS bench")
    print(f"\nunder {MOST} % more is wanted" + (": missed" if missed else ""))
    return 1 if missed else 0


def _sql(sql: str) -> None:
    host(DATABASE, "su postgres -c 'psql -XAtq -v ON_ERROR_STOP=1 -f - shop'", stdin=sql)


def _compare(kind: Kind, pairs: int) -> list[tuple[float, float, float]]:
    found: dict[str, list[tuple[float, float]]] = {kind.by_hand: [], kind.ours: []}
    for number in range(pairs):
        for command in (kind.by_hand, kind.ours) if number % 2 else (kind.ours, kind.by_hand):
            kind.before()
            found[command].append(_seconds(kind.host, command))
    return [_ratio([one[which] for one in found[kind.by_hand]], [one[which] for one in found[kind.ours]]) for which in (0, 1)]


def _ratio(by_hand: Sequence[float], ours: Sequence[float]) -> tuple[float, float, float]:
    """Both medians, and the median of how much more ours took of each pair, in percent."""
    more = statistics.median(100 * (b / a - 1) for a, b in zip(by_hand, ours, strict=True))
    return statistics.median(by_hand), statistics.median(ours), more


def _seconds(name: str, command: str) -> tuple[float, float]:
    """By the clock, and of the processor, on the host."""
    timed = f"run() {{\n( {command}\n) >/run/bench.log 2>&1\n}}\nTIMEFORMAT='%R %U %S'\ntime run"
    try:
        clock, user, system = map(float, host(name, "bash -e 2>&1", stdin=timed).split())
    except (AssertionError, ValueError):
        raise SystemExit(f"bench: on {name} this failed:\n{command}\n{host(name, 'tail -n 20 /run/bench.log')}") from None
    return clock, user + system


if __name__ == "__main__":
    try:
        sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 5))
    except subprocess.SubprocessError as error:
        raise SystemExit(f"bench: {error}") from None
