# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the variables of the backup roles. See the module's documentation."""

from __future__ import annotations

from typing import Any, ClassVar

from ..module_utils import _backup_settings
from ..plugin_utils._controller import ControllerAction


class ActionModule(ControllerAction):
    ARGUMENTS: ClassVar[dict[str, Any]] = {"settings": {"type": "dict", "required": True}}

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        hosts = task_vars["groups"]["all"]
        result["problems"] = [str(problem) for problem in _backup_settings.check(arguments["settings"], hosts)]
        if result["problems"]:
            count = len(result["problems"])
            lines = "".join(f"\n  {problem}" for problem in result["problems"])
            result.update(failed=True, msg=f"{count} error{'s' if count > 1 else ''} in the inventory; no host was touched:{lines}")
        return result
