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
from collections.abc import Iterator, Mapping
from typing import Any

from ansible import constants as C
from ansible.inventory.helpers import sort_groups
from ansible.inventory.manager import IGNORED
from ansible.utils.path import unfrackpath
from ansible.vars.plugins import get_vars_from_inventory_sources, get_vars_from_path

from ..module_utils._node import Problem, shown
from ..module_utils._resolve import EXTRA, PREFIX, Inventory, close
from ._raw import Raw, says_something, short


class _Unread:
    """Stands for a value that is not plain data, such as an encrypted string, or one that holds itself."""


def collect(task_vars: Mapping[str, Any]) -> tuple[Inventory, Raw]:
    """Read the whole inventory: every group, every host."""
    hostvars = task_vars["hostvars"]
    inventory, loader = hostvars._inventory, hostvars._loader
    sources = task_vars["ansible_inventory_sources"]
    scopes: dict[str, dict[str, Any]] = {EXTRA: _ours(hostvars._variable_manager.extra_vars)}

    def scope(kind: str, entity: Any) -> str:
        name = f"{kind} {entity.name}"
        if name not in scopes:
            variables = dict(entity.get_vars() if kind == "host" else entity.vars)
            variables.update(get_vars_from_inventory_sources(loader, sources, [entity], "task"))
            variables.update(get_vars_from_path(loader, task_vars["playbook_dir"], [entity], "task"))
            scopes[name] = _ours(variables)
        return name

    for group in inventory.groups.values():
        scope("group", group)
    hosts = {
        name: (*(scope("group", group) for group in sort_groups(host.get_groups())), scope("host", host), EXTRA)
        for name, host in inventory.hosts.items()
    }
    raw = Raw()
    for name, file in vars_files(loader, task_vars):
        # Only files that say something of ours are worth a second reading.
        if scopes.get(name):
            raw.read_vars_file(name, file)
    for file in source_files(task_vars):
        raw.read_inventory_file(file)
        if file not in inventory._inventory.processed_sources:
            raw.problems.append(unread(file))
    raw.problems.extend(_strangers(loader, task_vars))
    return Inventory(scopes, hosts), raw


def folders(variables: Mapping[str, Any]) -> list[str]:
    """The folders that group_vars and host_vars may be in: the playbook's and the inventory's."""
    sources = filter(os.path.exists, variables["ansible_inventory_sources"])
    return list(dict.fromkeys((os.path.realpath(variables["playbook_dir"]), *map(_folder, sources))))


def _folder(source: str) -> str:
    return os.path.realpath(source if os.path.isdir(source) else os.path.dirname(source) or ".")


def vars_files(loader: Any, variables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The files of group_vars and host_vars that Ansible reads for the groups and hosts that there are, each with whose it is."""
    for kind, path, entries, known in _vars_folders(variables):
        for name in sorted(known.intersection({*entries, *(os.path.splitext(entry)[0] for entry in entries)})):
            yield from ((f"{kind} {name}", file) for file in loader.find_vars_files(path, name))


def _strangers(loader: Any, variables: Mapping[str, Any]) -> Iterator[Problem]:
    """Files that say something of ours of groups and hosts that there are not: nobody reads what has a misspelled name."""
    for kind, path, entries, known in _vars_folders(variables):
        for entry in entries:
            name, ending = os.path.splitext(entry)
            if known.isdisjoint((entry, name)) and ending in ("", *C.YAML_FILENAME_EXTENSIONS) and not entry.startswith("."):
                for file in loader.find_vars_files(path, entry):
                    if says_something(file):
                        mend = close(name, known, "the inventory")
                        yield Problem((short(file),), f"is not read: there is no {kind} {shown(name)}", mend, warning=True)


def _vars_folders(variables: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str], set[str]]]:
    """The folders of files of variables: whose they are, where, what is in them, and the names that Ansible reads there."""
    groups = variables["groups"]
    names = {"group": set(groups), "host": {"localhost", *groups["all"]}}
    for folder in folders(variables):
        for kind, known in names.items():
            path = os.path.join(folder, f"{kind}_vars")
            if os.path.isdir(path):
                yield kind, path, sorted(os.listdir(path)), known


def source_files(variables: Mapping[str, Any]) -> Iterator[str]:
    """The inventory's sources, and those that a folder of them holds; as Ansible finds them."""
    for source in variables["ansible_inventory_sources"]:
        yield from _below(source if "," in source else unfrackpath(source, follow=False))


def _below(source: str) -> Iterator[str]:
    if os.path.isdir(source):
        for name in sorted(os.listdir(source)):
            if not IGNORED.search(name.encode()):
                yield from _below(os.path.join(source, name))
    elif source != "/etc/ansible/hosts" or os.path.exists(source):  # Where Ansible looks when nobody names one.
        yield source


def unread(source: str) -> Problem:
    """Ansible warns, and goes on without it; what a host would then seem to grant nobody would be taken away there."""
    if "," in source or os.path.exists(source):
        what = "Ansible could not read this source of the inventory, as it warns: hosts and groups may be missing"
        mend = "mend it, take it out, or have Ansible pass over it (`inventory_ignore_patterns` in ansible.cfg)"
    else:
        what, mend = "there is no such source of the inventory", "name one that there is: -i"
    return Problem((short(source),), what, mend, scope=source)


def _ours(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): _finite(value) for name, value in variables.items() if name.startswith(PREFIX)}


def _finite(value: Any) -> Any:
    try:
        return _plain(value)
    except RecursionError:  # An alias in YAML can make it hold itself.
        return _Unread()


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
