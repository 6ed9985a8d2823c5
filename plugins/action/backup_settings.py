# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the variables of the backup roles. See the module's documentation."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils import _backup_settings


class ActionModule(ActionBase):
    """No connection is opened: everything happens on the controller."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(argument_spec={"settings": {"type": "dict", "required": True}})
        hosts = (task_vars or {})["groups"]["all"]
        result["problems"] = [str(problem) for problem in _backup_settings.check(arguments["settings"], hosts)]
        if result["problems"]:
            count = len(result["problems"])
            lines = "".join(f"\n  {problem}" for problem in result["problems"])
            result.update(failed=True, msg=f"{count} error{'s' if count > 1 else ''} in the inventory; no host was touched:{lines}")
        return result
