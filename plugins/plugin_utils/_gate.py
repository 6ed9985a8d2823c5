# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate: the whole inventory is resolved and checked once, inside the play, before the first connection to any host.

It sits in the action plugins that touch hosts, so that no ``--limit``, ``--tags``, ``serial`` or foreign playbook walks
around it. Ansible runs each host's task in a process of its own; the first to come checks, and leaves its verdict with
the answers for the hosts of the play in the run's own temporary directory, for the others to find.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.utils.display import Display

from ..module_utils._access import Access
from ..module_utils._moment import Moment
from ..module_utils._node import Path, Problem
from ..module_utils._resolve import PEOPLE, Model, located, read
from . import _history, _inventory, _raw, _taken

_display = Display()


@dataclass(frozen=True)
class Verdict:
    """What the whole inventory came to: the number of errors, who is known, whose each key is, the environments of the play's hosts, and
    the folder with each one's access."""

    errors: int
    people: Sequence[str]
    key_owners: Mapping[str, str]
    environments: Mapping[str, str | None]
    folder: str

    def is_production(self, host: str, production: Sequence[str]) -> bool:
        """Whether the environment of a host is one of these. One that is a template is taken for production: nobody can say."""
        said = self.environments.get(host) or ""
        return said in production or "{{" in said

    def access(self, host: str) -> Access:
        try:
            with open(_host_file(self.folder, host), encoding="utf-8") as stream:
                return Access.from_data(json.load(stream))
        except FileNotFoundError:
            raise AnsibleError(f"{host} is not in the inventory, which alone says who has access to it") from None


@dataclass(frozen=True)
class Checked:
    """The inventory, parsed, with all that is wrong with it as lines for people."""

    model: Model
    problems: Sequence[Problem]
    lines: Mapping[tuple[str, Path], str]

    def show(self) -> None:
        show(self.problems, self.lines)

    @property
    def errors(self) -> int:
        return sum(not problem.warning for problem in self.problems)

    @property
    def summary(self) -> str:
        model = self.model
        warnings = len(self.problems) - self.errors
        read = f"{counted(len(model.teams), 'team')}, {counted(len(model.hosts), 'host')}"
        people = f"{len(model.people)} {'person' if len(model.people) == 1 else 'people'}"
        return f"{people}, {read}: {counted(self.errors, 'error')}, {counted(warnings, 'warning')}"


def show(problems: Sequence[Problem], lines: Mapping[tuple[str, Path], str]) -> None:
    """Say what is wrong, each in a line of its own, with where it stands."""
    for problem in problems:
        where = located(problem, lines)
        kind, color = ("WARNING", C.COLOR_WARN) if problem.warning else ("ERROR", C.COLOR_ERROR)
        _display.display(f"{kind}: {problem}" + (f"  ({where})" if where else ""), color=color, stderr=True)


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def check(task_vars: Mapping[str, Any], *, history: bool = False, incidents: Mapping[str, int] | None = None) -> Checked:
    """Read and check the inventory, and, if asked to, what git remembers of it. Contacts no host.

    ``incidents`` are those that are open, with when they began, in microseconds since 1970.
    """
    inventory, raw = _inventory.collect(task_vars)
    targets = [host for host in task_vars["ansible_play_hosts_all"] if host in inventory.hosts]
    now = Moment(int(time.time()))
    model, problems = read(inventory, now, targets)
    if history:
        problems += _history.forgotten(model, raw.people_files)
    if incidents and not any(not problem.warning for problem in problems):
        scope = next((scope for scope, path in raw.lines if path == (PEOPLE,)), "")
        problems += _taken.warnings(inventory, model, _inventory.folders(task_vars), incidents, now, scope)
    return Checked(model, _raw.merged(raw, problems), raw.lines)


def verdict(task_vars: Mapping[str, Any]) -> Verdict:
    """The verdict of this run, from the process that came first."""
    hosts: list[str] = list(task_vars["ansible_play_hosts_all"])
    play = hashlib.sha256(json.dumps(hosts).encode()).hexdigest()[:16]
    folder = os.path.join(C.DEFAULT_LOCAL_TMP, f"prod-access-{play}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _find(folder)
        if found is None:
            checked = check(task_vars)
            checked.show()
            if not checked.errors:
                for host in filter(checked.model.hosts.__contains__, hosts):
                    with open(_host_file(folder, host), "w", encoding="utf-8") as stream:
                        json.dump(checked.model.access(host).to_data(), stream)
            people = checked.model.people
            owners = {key.fingerprint: login for login, person in people.items() for key in person.keys}
            environments = {host: checked.model.environment(host) for host in hosts if host in checked.model.hosts}
            found = {"errors": checked.errors, "people": sorted(people), "key_owners": owners, "environments": environments}
            with open(os.path.join(folder, "verdict.json"), "w", encoding="utf-8") as stream:
                json.dump(found, stream)
    return Verdict(**found, folder=folder)


def _find(folder: str) -> dict[str, Any] | None:
    try:
        with open(os.path.join(folder, "verdict.json"), encoding="utf-8") as stream:
            found: dict[str, Any] = json.load(stream)
            return found
    except FileNotFoundError:
        return None


def _host_file(folder: str, host: str) -> str:
    # A host's name can hold any character; a hash cannot leave the folder.
    return os.path.join(folder, hashlib.sha256(host.encode()).hexdigest() + ".json")
