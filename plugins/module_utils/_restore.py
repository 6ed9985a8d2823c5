# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked back on a host, whatever it is: planned, brought back beside what is live, and told to people."""

from __future__ import annotations

import os
import shutil
import time
from typing import Any, Mapping

from . import _backup_client, _files, _journal, _restore_mariadb, _restore_postgresql, _side
from ._backup_parts import snapshot_before
from ._command import HostError
from ._files import alone
from ._host_module import HostModule
from ._moment import Moment
from ._restic_text import pattern
from ._wanted import Wanted, label, parse

RESTORED = f"{_files.STATE}/restored"
_LOCK = "/run/prod-access-restore.lock"


def act(wanted: Wanted, step: str, cluster: str, known: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """Do a step: ``plan`` finds out what there is, ``bring`` brings it back beside what is live, ``swap`` puts it in its place.
    ``known`` is what an earlier step of the same run found out, which spares this one the search.

    Raises HostError where that cannot be, and then everything is as it was.
    """
    config = _backup_client.read_config()
    with alone(_LOCK):
        if wanted.files or wanted.host:
            return _files_step(config, wanted, step, check=check)
        if wanted.mariadb:
            return _restore_mariadb.act(config, wanted, step, known, check=check)
        return _postgresql_step(config, wanted, step, cluster, known, check=check)


def _manage(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """All that the module does, and its answer."""
    # The host's clock is the one that its backups are by.
    wanted, faults = parse(params, int(time.time()))
    if wanted is None:
        return {"failed": True, "msg": "; ".join(faults), "changes": []}
    try:
        answer = act(wanted, params["step"], params["cluster"], params["known"], check=check)
    except ValueError as error:
        return {"failed": True, "msg": str(error), "changes": []}
    _told(answer, wanted.name)
    return answer


def _told(answer: Mapping[str, Any], what: str) -> None:
    if answer.get("changed"):
        _journal.tell("restore", "backup", f"{what}: {'; '.join(answer['says'])}", {"PART": what, "RESULT": "good"}, wait=1)


def _postgresql_step(
    config: Mapping[str, Any], wanted: Wanted, step: str, cluster: str, known: Mapping[str, Any], *, check: bool
) -> dict[str, Any]:
    plan = _restore_postgresql.Plan.from_data(known) if known else _restore_postgresql.plan(config, wanted, cluster)
    says = [f"{wanted.name} comes back with {plan.words()}", f"from the backup {plan.label} of {plan.cluster}, and the changes since"]
    if step == "plan" or check:
        return {"changed": step != "plan", "says": says, "moment": str(plan.moment), "known": plan.to_data()}
    if not wanted.table:
        return _database(wanted, plan)
    plan, memory = _restore_postgresql.bring_table(config, wanted, plan)
    database, space, table = wanted.table
    where = f"{memory['schema']}.{table}"
    newest = f", the newest of {memory['newest_column']} {memory['newest']}" if memory["newest_column"] else ""
    answer = {name: memory[name] for name in ("rows", "newest", "moment", "views")}
    if step == "bring":
        says = [f"{where} of database {database} has {memory['rows']} rows{newest}", f"it has {memory['words']}"]
        says.append(f"lost is {_restore_postgresql.lost(plan.cluster, memory, int(time.time()))}")
        if memory["views"]:
            says.append(f"views that looked at it are not brought back: {', '.join(memory['views'])}")
        return {"changed": memory["changed"], "says": says, "where": where, "known": plan.to_data(), **answer}
    kept = _restore_postgresql.swap_in(plan.cluster, memory, int(time.time()))
    says = [f"{wanted.name} is back in its place, with {memory['rows']} rows{newest}"]
    if kept:
        says.append(f"what it replaced is kept as {kept}.{table}; when nobody misses it: DROP SCHEMA {kept} CASCADE")
    return {"changed": True, "says": says, "where": f"{space}.{table}", **answer}


def _database(wanted: Wanted, plan: _restore_postgresql.Plan) -> dict[str, Any]:
    answer = _restore_postgresql.bring_database(wanted, plan)
    says = [
        f"database {wanted.database} is back as {answer['database']}, with {plan.words()}",
        f"look at it: psql {answer['database']}; to put it in place, stop what uses {wanted.database}, and rename both by ALTER DATABASE",
    ]
    return {"changed": answer["changed"], "says": says, "where": answer["database"]}


# --- Files -------------------------------------------------------------------------------------------------------------------------


def _files_step(config: Mapping[str, Any], wanted: Wanted, step: str, *, check: bool) -> dict[str, Any]:
    """Files into a new directory. To put them in their place is a command that is said."""
    if step == "swap":
        raise HostError("files are not swapped in", "copy those that are wanted from the directory they came back to")
    if wanted.moment is None:
        raise ValueError("files without a moment")
    restic = _backup_client.repository(config)
    last = snapshot_before(config, restic, "files", wanted.moment)
    moment = Moment.parse(last["time"])
    says = [f"{wanted.name} comes back as it was at {moment}, the last backup before {wanted.moment}"]
    target = f"{RESTORED}/{label('restored', wanted.files or 'host', moment)}"
    size = restic.listed(last["id"], wanted.files)
    if not size[0]:
        there = ", ".join(last["paths"])
        raise HostError(f"{wanted.files} is not in the backup of {moment}", f"choose another moment, or one of: {there}")
    _side.check_room(size[1], RESTORED)
    if step == "plan" or check:
        return {"changed": step != "plan", "says": says, "moment": str(moment)}
    changed = not os.path.isdir(target)
    if changed:
        beginning = f"{target}.unfinished"
        shutil.rmtree(beginning, ignore_errors=True)
        _files.make_folder(RESTORED, 0o700)
        include = [f"--include={pattern(wanted.files)}"] if wanted.files else []
        restic.run("restore", last["id"], f"--target={beginning}", *include, timeout=24 * 3600)
        os.rename(beginning, target)
    path = wanted.files.rstrip("/")
    place = f"rsync -aAX {target}{path} {os.path.dirname(path) or '/'}/" if path else f"rsync -aAX {target}/etc/ /etc/, and so on"
    says = [
        f"{wanted.name} as of {moment} is in {target}: {size[0]} files and directories",
        "lost is whatever changed since",
        f"look at it, then put in place what is wanted: {place}",
    ]
    return {"changed": changed, "says": says, "where": target, "moment": str(moment)}


_ARGUMENTS = {
    "table": {"type": "str", "default": ""},
    "database": {"type": "str", "default": ""},
    "files": {"type": "str", "default": ""},
    "host": {"type": "bool", "default": False},
    "to": {"type": "str", "required": True},
    "cluster": {"type": "str", "default": ""},
    "known": {"type": "dict", "default": {}},
    "step": {"type": "str", "choices": ["plan", "bring", "swap"], "default": "plan"},
}
MODULES: Mapping[str, HostModule] = {"backup_restore": HostModule(_ARGUMENTS, _manage)}
