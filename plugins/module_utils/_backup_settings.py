# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says of backups: checked as a whole, before any host is touched."""

from __future__ import annotations

import re
from typing import Any, Callable, Iterable, Mapping

from ._node import Node, Problem
from ._restic_text import has_secret

# A certificate's common name, a user of restic's server, a folder and a part of a stanza's name.
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}", re.ASCII)
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,252}", re.ASCII)
_NAME_OF_SQL = re.compile(r"[^\s\"'`\\;]{1,63}")
_SUBSET = re.compile(r"(100|[1-9]\d?)%|[1-9]\d*[KMG]", re.ASCII)
_DURATION = re.compile(r"([1-9]\d*[hdmy])+", re.ASCII)
_YEAR = 366 * 86400

ENGINES = ("postgresql", "mariadb")
_CHECK = ("engine", "database", "table", "rows", "newest", "query")
_KEEP = ("within", "daily", "weekly", "monthly", "yearly")


def check(settings: Mapping[str, Any], hosts: Iterable[str]) -> list[Problem]:
    """All that is wrong with variables of a role; ``hosts`` are those of the inventory. A variable that is not known is not looked at."""
    problems: list[Problem] = []
    parsers = _parsers(frozenset(hosts))
    for name, value in settings.items():
        parsers[name](Node(value, (name,), problems))
    return problems


def _parsers(hosts: frozenset[str]) -> dict[str, Callable[[Node], None]]:
    def known(node: Node) -> None:
        name = node.text()
        if name is not None and name not in hosts:
            node.wrong(f"{name} is not in the inventory", "name a host that has the role backup_repository")

    return {
        "backup_name": _name,
        "backup_address": _address,
        "backup_to": known,
        "backup_postgresql_to": known,
        "backup_paths": _paths,
        "backup_exclude": _excluded,
        "backup_schedule": _text,
        "backup_jitter": _between(0, 86400),
        "backup_max_age": _between(60, _YEAR),
        "backup_timeout": _between(60, 7 * 86400),
        "backup_attempts": _between(1, 10),
        "backup_bandwidth": _between(0, 100_000_000),
        "backup_postgresql": _flag,
        "backup_postgresql_restart": _flag,
        "backup_mariadb": _flag,
        "backup_mariadb_binlog": _flag,
        "backup_mariadb_restart": _flag,
        "backup_redis": _flag,
        "backup_sqlite": _paths,
        "backup_before": _commands,
        "backup_after": _commands,
        "backup_drill_schedule": _text,
        "backup_drill_max_age": _between(60, _YEAR),
        "backup_drill_files": _between(1, 10_000),
        "backup_drill_memory": _between(128, 1_000_000),
        "backup_checks": _checks,
        "backup_metrics": _path,
        "backup_repository_name": _name,
        "backup_repository_address": _address,
        "backup_repository_restic": _flag,
        "backup_repository_port": _between(1, 65535),
        "backup_repository_folder": _path,
        "backup_repository_schedule": _text,
        "backup_repository_maintenance": _text,
        "backup_repository_keep": _keep,
        "backup_repository_postgresql_keep_full": _between(1, 9999),
        "backup_repository_postgresql_full_every": _between(1, 366),
        "backup_repository_subset": _subset,
        "backup_repository_watermark": _between(1, 99),
        "backup_repository_max_age": _between(60, _YEAR),
        "backup_repository_copy": _copy,
        "backup_repository_copy_files": _flag,
        "backup_repository_copy_environment": _optional_path,
        "backup_repository_metrics": _path,
    }


def _between(low: int, high: int) -> Callable[[Node], None]:
    def parse(node: Node) -> None:
        node.number(low, high)

    return parse


def _flag(node: Node) -> None:
    node.flag()


def _text(node: Node) -> None:
    node.text()


def _name(node: Node) -> None:
    name = node.text()
    if name is not None and not NAME.fullmatch(name):
        node.wrong(f"`{name}` cannot be the name of a certificate and of a folder", "take at most 63 of a-z, 0-9, . and -")


def _address(node: Node) -> None:
    address = node.text()
    if address is not None and not _ADDRESS.fullmatch(address):
        node.wrong(f"`{address}` is no name or address of a host", "write the name by which the others reach it")


def _path(node: Node) -> None:
    path = node.text()
    if path is None:
        return
    if not path.startswith("/"):
        node.wrong(f"`{path}` is not absolute", "begin it with /")
    elif ".." in path.split("/"):
        node.wrong(f"`{path}` has `..` in it", "write the path that is meant")


def _optional_path(node: Node) -> None:
    if node.value != "":
        _path(node)


def _paths(node: Node) -> None:
    for item in node.items():
        _path(item)


def _excluded(node: Node) -> None:
    for item in node.items():
        item.text()


def _commands(node: Node) -> None:
    for item in node.items():
        words = item.items()
        if words:
            _path(words[0])
        elif isinstance(item.value, list):
            item.wrong("is empty", "write the program and its arguments: [/usr/bin/example, --now]")
        for word in words[1:]:
            word.text()


def _checks(node: Node) -> None:
    for item in node.items():
        fields = item.fields(_CHECK, ("engine", "database"))
        if "engine" in fields:
            fields["engine"].choice(*ENGINES)
        for name in ("database", "newest"):
            if name in fields:
                _name_of_sql(fields[name])
        if "table" in fields:
            _table(fields["table"], fields.get("engine"))
        if "rows" in fields:
            fields["rows"].number(0, 10**15)
        if "query" in fields:
            fields["query"].text()
        if isinstance(item.value, dict) and not ({"table", "query"} & set(fields)):
            item.wrong("checks nothing", "add `table:`, or a `query:` that is true of a good backup")
        for name in ("rows", "newest"):
            if name in fields and "table" not in fields:
                fields[name].wrong("belongs to a table", "add `table:`")


def _table(node: Node, engine: Node | None) -> None:
    table = node.text()
    if table is None:
        return
    parts = table.split(".")
    wanted = 1 if engine is not None and engine.value == "mariadb" else 2
    if len(parts) != wanted:
        node.wrong(
            f"`{table}` is no table of {'a database' if wanted == 1 else 'a schema'}",
            "write orders" if wanted == 1 else "write public.orders",
        )
    for part in parts:
        _name_of_sql(node.below(0, part) if len(parts) > wanted else Node(part, node.path, node.problems))


def _name_of_sql(node: Node) -> None:
    name = node.text()
    if name is not None and not _NAME_OF_SQL.fullmatch(name):
        node.wrong(f"`{name}` is no name that is safe in SQL", "take one without blanks, quotes and semicolons")


def _keep(node: Node) -> None:
    fields = node.fields(_KEEP, ("within",))
    for name, field in fields.items():
        if name != "within":
            field.number(0, 9999)
            continue
        within = field.text()
        if within is not None and not _DURATION.fullmatch(within):
            field.wrong(
                f"`{within}` is no time that is kept whole", "write 14d, or 1m7d; never nothing, or a host could have its backups displaced"
            )


def _subset(node: Node) -> None:
    subset = node.text()
    if subset is not None and not _SUBSET.fullmatch(subset):
        node.wrong(f"`{subset}` is no part of a repository", "write a share of it, 1% to 100%, or a size such as 500M")


def _copy(node: Node) -> None:
    copy = node.text()
    if copy is None:
        return
    if has_secret(copy):
        node.wrong("has a password in it", "give it to restic by backup_repository_copy_environment, a file of root's on that host")
    elif ":" not in copy.split("/")[0]:
        _path(node)
