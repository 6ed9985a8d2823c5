# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for a command at the collector. See the module's documentation."""

from __future__ import annotations

from typing import Any

from ..module_utils import _prove_record
from ..plugin_utils._on_host import HostAction


class ActionModule(HostAction):
    """Waits for it there."""

    MODULES = _prove_record.MODULES

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        return {**result, **self.on_host(self._task.args, task_vars or {})}
