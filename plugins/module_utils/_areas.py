# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The areas of a host that a call changes, one or several of them, under one lock."""

from __future__ import annotations

import contextlib
import functools
import json
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Sequence

from . import (
    _accounts,
    _accounts_program,
    _announce_run,
    _apply_program,
    _files,
    _held,
    _host,
    _journal,
    _library,
    _plan,
    _rules,
    _sudo_program,
    _survey,
)
from ._access import Access
from ._command import HostError
from ._host_module import LOCKING, HostModule
from ._moment import Moment
from ._sudoers import Settings

_COMMON: dict[str, Any] = {
    "access": {"type": "json"},
    "person": {"type": "str"},
    **LOCKING,
    "playbook": {"type": "str", "default": ""},
    "require_net": {"type": "bool", "default": False},
    "net_folder": {"type": "path", "default": "prove"},
    "net_hours": {"type": "float", "default": 24},
    "net_production": {"type": "list", "elements": "str", "default": ["production"]},
    "unproven": {"type": "str", "default": ""},
}


@dataclass
class Result:
    """What came of one area."""

    changes: list[dict[str, Any]] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    on_trial: bool = False


@dataclass(frozen=True)
class Area:
    """One area of a host: the options of its modules, and the way from them to a result."""

    options: Mapping[str, Any]
    manage: Callable[[Access, Mapping[str, Any], Mapping[str, str], bool], Result]


def _manage_accounts(access: Access, params: Mapping[str, Any], programs: Mapping[str, str], check: bool) -> Result:
    options = _plan.Options(params["default_shell"], params["person"], params["allow_mass_removal"])
    outcome = _accounts.manage(access, options, programs=programs, check=check)
    changes = outcome.plan.changes if check else outcome.done
    return Result(
        [change.to_data() for change in changes],
        [{"before_header": "access", "after_header": "access", **outcome.plan.diff(changes)}] if changes else [],
        outcome.plan.notes,
        [outcome.error] if outcome.error else [],
        any(change.act == "install_sshd" for change in outcome.done),
    )


def _manage_sudo(access: Access, params: Mapping[str, Any], programs: Mapping[str, str], check: bool) -> Result:
    settings = Settings(params["secure_path"], params["passwd_tries"], params["timestamp_timeout"])
    options = _rules.Options(settings, params["person"], params["prove_all"])
    outcome = _rules.manage(access, options, programs=programs, check=check)
    return Result([change.to_data() for change in outcome.changes], outcome.diff(), outcome.notes, outcome.errors)


_ACCOUNTS = Area(
    {
        "default_shell": {"type": "path", "default": _plan.Options.default_shell},
        "allow_mass_removal": {"type": "bool", "default": False},
    },
    _manage_accounts,
)
_SUDO = Area(
    {
        "secure_path": {"type": "str", "default": Settings.secure_path},
        "passwd_tries": {"type": "int", "default": Settings.passwd_tries, "no_log": False},
        "timestamp_timeout": {"type": "float", "default": Settings.timestamp_timeout},
        "prove_all": {"type": "bool", "default": False},
    },
    _manage_sudo,
)


def _access(params: Mapping[str, Any]) -> tuple[Access, list[str]]:
    """The access of the host, without what is new to it where its net is not proven; and a sentence for each that is held back."""
    access = Access.from_data(json.loads(params["access"]))
    if not params["unproven"]:
        return access, []
    saved = _host.Saved.load()
    access, news = _held.held(access, saved.access if saved else None, Moment(int(time.time())))
    return access, [
        f"{login} is not given {', '.join(more)}, since the net under this host is not proven: {params['unproven']}"
        for login, more in news.items()
        if params["person"] in (None, "", login)
    ]


def _programs() -> dict[str, str]:
    """All that stays on a host: the programs, and the package that they import."""
    return {**_accounts_program.files(), **_sudo_program.files(), **_apply_program.files(), **_library.files()}


def _manage(areas: Sequence[Area], params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """All that a module does, and its answer. What stands in the way of one area does not stand in the way of the next."""
    programs = _programs()
    results: list[Result] = []
    try:
        with contextlib.ExitStack() as stack:
            if not check:
                stack.enter_context(_files.host_lock(params["owner"], params["lock_timeout"]))
            access, errors = _access(params)
            for area in areas:
                try:
                    results.append(area.manage(access, params, programs, check))
                except HostError as error:
                    results.append(Result(errors=[str(error)]))
                except OSError as error:
                    results.append(Result(errors=[f"{error}; nothing is half written"]))
            results.append(Result(errors=errors))
    except HostError as error:
        results.append(Result(errors=[str(error)]))
    answer: dict[str, Any] = {
        "changes": [change for result in results for change in result.changes],
        "diff": [part for result in results for part in result.diff],
        "notes": [note for result in results for note in result.notes],
        "on_trial": any(result.on_trial for result in results),
    }
    answer["changed"] = bool(answer["changes"] or answer["diff"])
    if not check:
        _journal.tell_of_access(answer["changes"], params["owner"])
    errors = [error for result in results for error in result.errors]
    # It is what playbooks of ours end with; the modules of one area each are parts of others' runs.
    if not check and len(areas) > 1 and params["playbook"]:
        run = {"playbook": params["playbook"], "owner": params["owner"], "changes": len(answer["changes"]), "error": "; ".join(errors)}
        _announce_run.manage(run, check=False)
    if errors:
        answer.update(failed=True, msg="\n".join(errors))
    return answer


def _module(*areas: Area) -> HostModule:
    return HostModule(
        {**_COMMON, **{name: option for area in areas for name, option in area.options.items()}}, functools.partial(_manage, areas)
    )


# What reads all of them is with what changes them on every host.
MODULES: Mapping[str, HostModule] = {
    "access": _module(_ACCOUNTS, _SUDO),
    "accounts": _module(_ACCOUNTS),
    "sudo_rules": _module(_SUDO),
    **_survey.MODULES,
}
