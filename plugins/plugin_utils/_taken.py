# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access that a change of the inventory takes away while an incident is open: a reaction against people, unless it says otherwise.

The inventory is compared with what git had of it just before the incident began: the files of group_vars and host_vars, as data. Nothing of
an earlier time is run, and hosts are in the groups that they are in now.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import yaml

from ..module_utils._access import HostPerson
from ..module_utils._model import BECAUSE
from ..module_utils._moment import Moment
from ..module_utils._node import Problem
from ..module_utils._resolve import EXTRA, PEOPLE, PREFIX, Inventory, Model, read
from ._postmortem_files import git_bytes, revision_before
from ._report import sudo_lines

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KINDS = {"group_vars": "group", "host_vars": "host"}
_MOST_HOSTS = 3


def warnings(
    inventory: Inventory, after: Model, folders: Iterable[str], incidents: Mapping[str, int], now: Moment, scope: str
) -> list[Problem]:
    """A warning for each person who loses something, and whose entry does not say why."""
    before = _before(inventory, folders, min(incidents.values()), now)
    if before is None:
        return []
    names = ", ".join(sorted(incidents))
    said = " | ".join(BECAUSE)
    return [
        Problem(
            (PEOPLE, login),
            f"loses {lost} while {names} is open",
            f"if that is no reaction to it, say `because: {said}`; else take back what is taken, and let an action of the post-mortem "
            "change what people work with"
            + ("" if login in after.people else "; put the person back, with `state: departed`, as a deleted entry cannot say why"),
            warning=True,
            scope=scope,
        )
        for login, lost in taken(before, after, now).items()
    ]


def taken(before: Model, after: Model, now: Moment) -> dict[str, str]:
    """What each person loses, in words, from one inventory to the next on the same hosts; those who have a reason for it left out."""
    lost: dict[str, dict[str, list[str]]] = {}
    for host in after.hosts:
        old, new = before.access(host).people, after.access(host).people
        for login, person in old.items():
            if person == new.get(login) or (login in after.people and after.people[login].because):
                continue
            for what in _lost(person, new.get(login), now):
                lost.setdefault(login, {}).setdefault(what, []).append(host)
    return {login: "; ".join(_on(what, hosts) for what, hosts in found.items()) for login, found in sorted(lost.items())}


def _on(what: str, hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - _MOST_HOSTS} more" if len(hosts) > _MOST_HOSTS else ""
    return f"{what} on {', '.join(hosts[:_MOST_HOSTS])}{more}"


def _lost(old: HostPerson, new: HostPerson | None, now: Moment) -> Iterator[str]:
    if not old.in_force(now):
        return
    if new is None or not new.in_force(now):
        yield "all access"
        return
    if old.keys_in_force(now) and not new.keys_in_force(now):
        yield "all keys"
    full = any(grant.sudo == "full" for grant in new.in_force(now))
    rights = [{line for grant in person.in_force(now) for line in sudo_lines(grant)} for person in (old, new)]
    if not full and rights[0] - rights[1]:
        yield f"sudo ({', '.join(sorted(rights[0] - rights[1]))})"
    groups = [{group for grant in person.in_force(now) for group in grant.groups} for person in (old, new)]
    if groups[0] - groups[1]:
        yield f"groups ({', '.join(sorted(groups[0] - groups[1]))})"
    ends = (old.end(), new.end())
    if ends[1] is not None and (ends[0] is None or ends[1] < ends[0]):
        yield f"access after {ends[1]}"


def _before(inventory: Inventory, folders: Iterable[str], time: int, now: Moment) -> Model | None:
    """The inventory as it was before a time, in microseconds; None where git has none, or one that cannot be read."""
    scopes: dict[str, dict[str, Any]] = {scope: {} for scope in inventory.scopes}
    scopes[EXTRA] = dict(inventory.scopes.get(EXTRA, {}))
    for folder in folders:
        revision = revision_before(folder, time)
        packed = git_bytes(folder, "archive", "--format=tar", revision) if revision else None
        for scope, variables in variables_of(packed) if packed else ():
            if scope in scopes:
                scopes[scope].update(variables)
    model, problems = read(Inventory(scopes, inventory.hosts), now, [])
    return None if any(not problem.warning for problem in problems) or not model.people else model


def variables_of(packed: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Our variables in the files of group_vars and host_vars of an archive of git's, by the scope that they are of."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            path = PurePosixPath(member.name)
            if (
                not member.isfile()
                or len(path.parts) < 2
                or path.parts[0] not in _KINDS
                or path.suffix not in (".yml", ".yaml", ".json", "")
            ):
                continue
            stream = archive.extractfile(member)
            try:
                data = yaml.load(stream.read() if stream else b"", Loader=_Loader)  # noqa: S506 - one of the safe loaders
            except yaml.YAMLError:
                continue
            if isinstance(data, dict):
                entity = os.path.splitext(path.parts[1])[0] if len(path.parts) == 2 else path.parts[1]
                ours = {str(name): value for name, value in data.items() if str(name).startswith(PREFIX)}
                yield f"{_KINDS[path.parts[0]]} {entity}", ours
