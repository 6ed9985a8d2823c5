# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins that change hosts have in common: through the gate, one module call, and back in again."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ..module_utils import _areas
from ..module_utils._moment import Moment
from ..module_utils._node import shown
from . import _filled_in, _gate, _proof_files, _proof_history
from ._on_host import HostAction

_NET = ("require_net", "net_folder", "net_hours", "net_production")


class ActionModule(HostAction):
    """Resolve the inventory, pass its gate, and change the host. Everything up to the module call is local."""

    MODULES = _areas.MODULES

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        # This process ends with the task. Until then the collector would only look through all that Ansible has loaded,
        # again and again, while the module's code is put together: a tenth of a second.
        gc.disable()
        result: dict[str, Any] = super().run(tmp, task_vars)
        _filled_in.refuse(("access", "playbook", "unproven"), self._task.args, "access comes from the inventory alone")
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
        arguments["playbook"] = _filled_in.playbook()
        arguments["unproven"] = _unproven(arguments, verdict, host)
        result.update(self.on_host(arguments, task_vars))
        if result.get("on_trial"):
            prove_way_in(self, result)
        return result


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
    checked = ArgumentSpecValidator({name: _areas.MODULES["access"].arguments[name] for name in _NET}).validate(
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
