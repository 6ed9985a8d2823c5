# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says, as Ansible has loaded it: the variables of groups and hosts and ``-e``, never facts.

A module result with ``ansible_facts`` could replace ``prod_access_people`` in a task's variables. So each variable is taken
from the group or host that sets it, through the same loaders that Ansible uses.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from typing import Any

from ansible.inventory.helpers import sort_groups
from ansible.vars.plugins import get_vars_from_inventory_sources, get_vars_from_path

from ..module_utils._resolve import EXTRA, PREFIX, Inventory
from ._raw import Raw


class _Unread:
    """Stands for a value that is not plain data, such as an encrypted string."""


def collect(task_vars: Mapping[str, Any]) -> tuple[Inventory, Raw]:
    """Read the whole inventory: every group, every host."""
    hostvars = task_vars["hostvars"]
    inventory, loader = hostvars._inventory, hostvars._loader
    sources = [source for source in inventory._sources if source is not None]
    basedir = loader.get_basedir()
    raw = Raw()
    places = folders(task_vars)
    scopes: dict[str, dict[str, Any]] = {EXTRA: _ours(hostvars._variable_manager.extra_vars)}

    def scope(kind: str, entity: Any) -> str:
        name = f"{kind} {entity.name}"
        if name not in scopes:
            variables = dict(entity.get_vars() if kind == "host" else entity.vars)
            variables.update(get_vars_from_inventory_sources(loader, sources, [entity], "task"))
            variables.update(get_vars_from_path(loader, basedir, [entity], "task"))
            scopes[name] = _ours(variables)
            # Only files that say something of ours are worth a second reading.
            if scopes[name]:
                for folder in places:
                    for file in _vars_files(loader, os.path.join(folder, f"{kind}_vars"), entity.name):
                        raw.read_vars_file(name, file)
        return name

    for group in inventory.groups.values():
        scope("group", group)
    hosts = {
        name: (*(scope("group", group) for group in sort_groups(host.get_groups())), scope("host", host), EXTRA)
        for name, host in inventory.hosts.items()
    }
    for source in sources:
        for file in _files(loader, source):
            raw.read_inventory_file(file)
    return Inventory(scopes, hosts), raw


def folders(task_vars: Mapping[str, Any]) -> list[str]:
    """The folders that group_vars and host_vars may be in: the playbook's and the inventory's."""
    hostvars = task_vars["hostvars"]
    sources = [source for source in hostvars._inventory._sources if source is not None and os.path.exists(source)]
    return list(dict.fromkeys((hostvars._loader.get_basedir(), *map(_folder, sources))))


def _folder(source: str) -> str:
    return os.path.realpath(source if os.path.isdir(source) else os.path.dirname(source) or ".")


def _files(loader: Any, source: str) -> list[str]:
    if os.path.isdir(source):
        entries = (os.path.join(source, name) for name in sorted(loader.list_directory(source)))
        return [entry for entry in entries if os.path.isfile(entry) and not os.access(entry, os.X_OK)]
    return [source] if os.path.isfile(source) and not os.access(source, os.X_OK) else []


def _vars_files(loader: Any, path: str, name: str) -> list[str]:
    return list(loader.find_vars_files(path, name)) if os.path.isdir(path) else []


def _ours(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): _plain(value) for name, value in variables.items() if name.startswith(PREFIX)}


def _plain(value: Any) -> Any:
    """Plain data, without Ansible's tags, and never templated."""
    if value is None or isinstance(value, bool):
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value.date(), value.timetz())
    if isinstance(value, datetime.date):
        return datetime.date(value.year, value.month, value.day)
    return _Unread()
