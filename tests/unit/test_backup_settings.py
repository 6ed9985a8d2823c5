"""What the inventory says of backups: what is refused, in which words, and what is not."""
# Messages and a program's output stand whole, as people see them.
# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.safetynet.prod_access.plugins.module_utils._backup_settings import check

GOOD = """
backup_name: web1
backup_address: web1.example.com
backup_to: backup1
backup_postgresql_to: backup1
backup_paths: [/etc, /srv/a b]
backup_exclude: ["*.tmp"]
backup_schedule: "*-*-* 02:00:00"
backup_jitter: 0
backup_max_age: 93600
backup_timeout: 60
backup_attempts: 3
backup_bandwidth: 0
backup_postgresql: true
backup_postgresql_restart: false
backup_mariadb: false
backup_redis: false
backup_sqlite: [/srv/app/app.sqlite]
backup_before: [[/usr/bin/true, --now]]
backup_after: []
backup_drill_schedule: weekly
backup_drill_max_age: 777600
backup_drill_files: 50
backup_drill_memory: 2048
backup_checks:
  - {engine: postgresql, database: shop, table: public.orders, rows: 0, newest: placed_at}
  - {engine: mariadb, database: shop, table: orders}
  - {engine: mariadb, database: shop, query: SELECT 1}
backup_metrics: /var/lib/metrics
backup_repository_name: backup1
backup_repository_address: 2001:db8::1
backup_repository_restic: true
backup_repository_port: 8000
backup_repository_folder: /srv/backup
backup_repository_schedule: daily
backup_repository_maintenance: daily
backup_repository_keep: {within: 1m7d, daily: 0, yearly: 10}
backup_repository_postgresql_keep_full: 1
backup_repository_postgresql_full_every: 7
backup_repository_subset: 500M
backup_repository_watermark: 85
backup_repository_max_age: 93600
backup_repository_copy: s3:https://s3.example.com/backups
backup_repository_copy_environment: /root/s3.env
backup_repository_metrics: /var/lib/metrics
"""
WRONG = {
    "backup_name: Web 1": "backup_name: `Web 1` cannot be the name of a certificate and of a folder; take at most 63 of a-z, 0-9, . and -",
    "backup_name: 5": 'backup_name: must be text; YAML reads this as the number 5; quote it: "5"',
    "backup_address: 'a;b'": "backup_address: `a;b` is no name or address of a host; write the name by which the others reach it",
    "backup_address: 5": 'backup_address: must be text; YAML reads this as the number 5; quote it: "5"',
    "backup_to: backup9": "backup_to: backup9 is not in the inventory; name a host that has the role backup_repository",
    "backup_to: 5": 'backup_to: must be text; YAML reads this as the number 5; quote it: "5"',
    "backup_paths: [etc]": "backup_paths[0]: `etc` is not absolute; begin it with /",
    "backup_paths: [/srv/../etc]": "backup_paths[0]: `/srv/../etc` has `..` in it; write the path that is meant",
    "backup_paths: /etc": "backup_paths: must be a list, not the text '/etc'; write it as [a, b], or as lines that begin with `- `",
    "backup_sqlite: [5]": 'backup_sqlite[0]: must be text; YAML reads this as the number 5; quote it: "5"',
    "backup_attempts: 0": "backup_attempts: 0 is out of range; take a number of 1 to 10",
    "backup_before: [[rm, -rf]]": "backup_before[0][0]: `rm` is not absolute; begin it with /",
    "backup_before: [[]]": "backup_before[0]: is empty; write the program and its arguments: [/usr/bin/example, --now]",
    "backup_before: [/bin/true]": "backup_before[0]: must be a list, not the text '/bin/true'; write it as [a, b], or as lines that begin with `- `",
    "backup_checks: [{engine: oracle, database: shop, query: a}]": "backup_checks[0].engine: `oracle` is not known; say postgresql or mariadb",
    "backup_checks: [{engine: mariadb, database: shop}]": "backup_checks[0]: checks nothing; add `table:`, or a `query:` that is true of a good backup",
    "backup_checks: [{engine: mariadb, database: a b, query: c}]": (
        "backup_checks[0].database: `a b` is no name that is safe in SQL; take one without blanks, quotes and semicolons"
    ),
    "backup_checks: [{engine: mariadb, database: 5, query: c}]": (
        'backup_checks[0].database: must be text; YAML reads this as the number 5; quote it: "5"'
    ),
    "backup_checks: [{engine: mariadb, database: a, table: b.c}]": "backup_checks[0].table: `b.c` is no table of a database; write orders",
    "backup_checks: [{engine: postgresql, database: a, table: b}]": "backup_checks[0].table: `b` is no table of a schema; write public.orders",
    "backup_checks: [{engine: mariadb, database: a, table: 5}]": 'backup_checks[0].table: must be text; YAML reads this as the number 5; quote it: "5"',
    "backup_checks: [{database: a, table: b.c}]": "backup_checks[0]: `engine` is missing; add `engine:`",
    "backup_checks: [{engine: mariadb, database: a, query: b, rows: 1}]": "backup_checks[0].rows: belongs to a table; add `table:`",
    "backup_checks: [5]": "backup_checks[0]: must be a dictionary, not the number 5; "
    "write its keys below it: engine, database, table, rows, newest, query",
    "backup_repository_keep: {daily: 7}": "backup_repository_keep: `within` is missing; add `within:`",
    "backup_repository_keep: {within: 0d}": (
        "backup_repository_keep.within: `0d` is no time that is kept whole; write 14d, or 1m7d; "
        "never nothing, or a host could have its backups displaced"
    ),
    "backup_repository_keep: {within: 7}": 'backup_repository_keep.within: must be text; YAML reads this as the number 7; quote it: "7"',
    "backup_repository_keep: {within: 7d, daily: -1}": "backup_repository_keep.daily: -1 is out of range; take a number of 0 to 9999",
    "backup_repository_postgresql_keep_full: 0": "backup_repository_postgresql_keep_full: 0 is out of range; take a number of 1 to 9999",
    "backup_repository_subset: 0%": "backup_repository_subset: `0%` is no part of a repository; write a share of it, 1% to 100%, or a size such as 500M",
    "backup_repository_subset: 5": 'backup_repository_subset: must be text; YAML reads this as the number 5; quote it: "5"',
    "backup_repository_copy: rest:https://me:secret@host/": (
        "backup_repository_copy: has a password in it; "
        "give it to restic by backup_repository_copy_environment, a file of root's on that host"
    ),
    "backup_repository_copy: copies": "backup_repository_copy: `copies` is not absolute; begin it with /",
    "backup_repository_copy: 5": 'backup_repository_copy: must be text; YAML reads this as the number 5; quote it: "5"',
}


def said(text: str) -> list[str]:
    settings: dict[str, Any] = yaml.safe_load(text)
    return [str(problem) for problem in check(settings, ["web1", "backup1"])]


def test_what_is_good() -> None:
    assert said(GOOD) == []
    assert said('backup_repository_copy_environment: ""\nbackup_repository_copy: /srv/copy') == []


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong(text: str) -> None:
    assert said(text) == [WRONG[text]]


def test_all_is_said_at_once() -> None:
    assert len(said("backup_attempts: 0\nbackup_jitter: -1\nbackup_paths: [a, b]")) == 4
