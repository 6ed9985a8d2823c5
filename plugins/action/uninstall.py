# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All of ours taken off a host. See the module's documentation."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._node import shown
from ..plugin_utils import _filled_in
from ..plugin_utils._area import prove_way_in


class ActionModule(ActionBase):
    """The doors first; then a new connection, which proves that there still is a way in; then the rest."""

    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        _filled_in.refuse(("step", "owner"), self._task.args, "the order is what keeps people in")
        arguments = {**self._task.args, "owner": _filled_in.owner()}
        first = self._execute_module(module_args={**arguments, "step": "doors"}, task_vars=task_vars)
        result.update(first)
        if result.get("on_trial") and not result.get("failed"):
            prove_way_in(self, result)
        if result.get("failed") or self._task.check_mode or not result.get("changed"):
            return self._noted(result, task_vars)
        rest = self._execute_module(module_args={**arguments, "step": "rest"}, task_vars=task_vars)
        if rest.get("failed"):
            result.update(failed=True, msg=rest.get("msg", "see above"))
        result["left"] = rest.get("left", result.get("left"))
        return self._noted(result, task_vars)

    def _noted(self, result: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        for note in result.get("notes", ()):
            self._display.warning(f"{task_vars['inventory_hostname']}: {shown(str(note), 1000)}")
        return result
