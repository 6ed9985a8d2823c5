# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gather evidence on a host, and measure its clock. See the module's documentation."""

from __future__ import annotations

import time
from typing import Any

from ..module_utils import _evidence
from ..module_utils._node import shown
from ..plugin_utils._on_host import HostAction


class ActionModule(HostAction):
    """The clock is asked over the connection that the module comes by, since a module takes too long to begin."""

    MODULES = _evidence.MODULES

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.check_mode:
            return {**result, "skipped": True, "msg": "in check mode nothing is tried"}
        result.update(self.on_host(self._task.args, task_vars or {}))
        if not result.get("failed") and not result.get("unreachable"):
            result["clock"] = self._clock()
        return result

    def _clock(self) -> dict[str, Any]:
        """By the connection that is open now. The answer was right at some time between question and answer."""
        asked = time.time()
        said = self._low_level_execute_command("date +%s.%N", sudoable=False)
        answered = time.time()
        try:
            told = float(said["stdout"].split()[-1])
        except (ValueError, IndexError):
            return {"problem": f"date(1) says {shown(str(said['stdout'] + said['stderr']), 200)}"}
        return {"offset": told - (asked + answered) / 2, "within": (answered - asked) / 2}
