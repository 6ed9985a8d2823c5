# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run tells the others of itself. See the module's documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError

from ..module_utils import _announce_run
from ..plugin_utils import _filled_in
from ..plugin_utils._on_host import HostAction

_FILLED_IN = ("playbook", "owner", "changes", "error")
# What a failure has when something ran on the host before.
_RAN = ("changes", "invocation", "module_stdout", "rc")


class ActionModule(HostAction):
    """Knows who runs what, and what came of it; a host where nothing ran is not contacted for this alone."""

    MODULES = _announce_run.MODULES

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        _filled_in.refuse(_FILLED_IN, self._task.args, "what ran is known")
        _options, given = self.validate_argument_spec(
            argument_spec={"result": {"type": "str"}, "failed": {"type": "dict"}}, mutually_exclusive=[["result", "failed"]]
        )
        outcome = given["failed"] if given["failed"] is not None else _registered(task_vars, given["result"])
        failed = given["failed"] is not None or bool(outcome.get("failed"))
        error = " ".join(str(outcome.get("msg") or "see the controller").split()) if failed else ""
        ran = any(key in outcome for key in _RAN) if given["failed"] is not None else bool(outcome) and not outcome.get("skipped")
        if self._task.check_mode or outcome.get("unreachable") or not ran:
            result["skipped"] = given["failed"] is None
        else:
            arguments = {
                "playbook": _filled_in.playbook(),
                "changes": len(outcome.get("changes") or ()) or int(bool(outcome.get("changed"))),
                "error": error,
            }
            result.update(self.on_host(arguments, task_vars))
        if given["failed"] is not None:
            result.update(failed=True, msg="it failed, as said above")
        return result


def _registered(task_vars: Mapping[str, Any], name: str | None) -> Mapping[str, Any]:
    if name is None:
        raise AnsibleError("say what is to be told: result, the name of a registered variable, or failed, what a block was rescued from")
    outcome = task_vars.get(name)
    return outcome if isinstance(outcome, Mapping) else {}
