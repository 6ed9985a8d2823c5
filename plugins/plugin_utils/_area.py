# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins that change hosts have in common: through the gate, one module call, and back in again."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ..module_utils import _apply_program, _areas
from ..module_utils._moment import Moment
from ..module_utils._node import shown
from . import _filled_in, _gate, _proof_files, _proof_history

_NET = ("require_net", "net_folder", "net_hours", "net_production")


class ActionModule(ActionBase):
    """Resolve the inventory, pass its gate, and change the host. Everything up to the module call is local."""

    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        # This process ends with the task. Until then the collector would only look through all that Ansible has loaded,
        # again and again, while the module's code is put together: a tenth of a second.
        gc.disable()
        result: dict[str, Any] = super().run(tmp, task_vars)
        _filled_in.refuse(("access", "owner", "library", "playbook", "unproven"), self._task.args, "access comes from the inventory alone")
        verdict = _gate.verdict(task_vars)
        if verdict.errors:
            raise AnsibleError(f"the inventory has {_gate.counted(verdict.errors, 'error')}, shown above; no host was touched")
        host = task_vars["inventory_hostname"]
        access = verdict.access(host)
        arguments = dict(self._task.args)
        person = arguments.get("person")
        if person:
            if person not in verdict.people:
                raise AnsibleError(f"{person} is not in prod_access_people")
            found = access.people.get(person)
            result["granted"] = bool(found and found.in_force(Moment(int(time.time()))))
        arguments["access"] = json.dumps(access.to_data())
        arguments["owner"] = _filled_in.owner()
        arguments["playbook"] = _filled_in.playbook()
        arguments["library"] = _library_version()
        arguments["unproven"] = _unproven(arguments, verdict, host)
        result.update(self._apply(arguments) or self._execute_module(module_args=arguments, task_vars=task_vars))
        if result.get("on_trial"):
            prove_way_in(self, result)
        for note in result.get("notes", ()):
            # What a host says is shown, and never trusted to be harmless to a terminal.
            self._display.warning(f"{host}: {shown(str(note), 1000)}")
        return result

    def _apply(self, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """Start the program that an earlier run left on the host; None where that is not there, or not of this version."""
        module = self._task.action.rpartition(".")[2]
        checked = ArgumentSpecValidator(_areas.argument_spec(module)).validate(arguments)
        if checked.error_messages:
            return None  # The module says what is wrong with them.
        mode = "check" if self._task.check_mode else "apply"
        answer = self._low_level_execute_command(
            f"{_apply_program.PROGRAM} {arguments['library']} {module} {mode}", in_data=json.dumps(checked.validated_parameters).encode()
        )
        if answer["rc"]:
            return None
        # Whatever a host's shell says of its own accord stands before it.
        said: dict[str, Any] = json.loads(answer["stdout"].splitlines()[-1])
        return said


def prove_way_in(action: ActionBase, result: dict[str, Any]) -> None:
    """Open a new connection, and call the host's dead man's switch off over it."""
    try:
        action._connection.reset()
        answer = action._low_level_execute_command("/usr/sbin/prod-access-accounts keep-sshd")
    except (AnsibleError, NotImplementedError) as error:
        answer = {"rc": 1, "stderr": str(error)}
    if answer["rc"]:
        said = [result["msg"]] if result.get("failed") else []
        said += [
            "after the change of sshd's configuration no new connection came about, and so the host puts it back within "
            f"120 seconds: {shown(answer['stderr'].strip(), 1000)}"
        ]
        result.update(failed=True, msg="; ".join(said))


def _unproven(arguments: Mapping[str, Any], verdict: _gate.Verdict, host: str) -> str:
    """Why new access is held back, in words that say how to mend it; empty where it is not. What is taken away goes in any case."""
    checked = ArgumentSpecValidator({name: _areas.argument_spec("access")[name] for name in _NET}).validate(
        {name: arguments[name] for name in _NET if name in arguments}
    )
    if checked.error_messages:
        raise AnsibleError("; ".join(checked.error_messages))
    said = checked.validated_parameters
    if not said["require_net"] or not verdict.is_production(host, said["net_production"]):
        return ""
    folder = os.path.abspath(said["net_folder"])
    try:
        why = _proof_history.lacking(_proof_files.runs(folder), host, int(time.time()), said["net_hours"])
    except AnsibleError as error:
        why = str(error)
    return why and f"{why} (in {folder}); mend that, run playbook prove, and run this again"


def _library_version() -> str:
    """What tells this version of all that stays on hosts from any other."""
    digest = hashlib.sha256()
    for path in sorted(Path(_areas.__file__).parent.glob("_*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]
