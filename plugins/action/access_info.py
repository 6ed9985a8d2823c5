# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a host, with the inventory's keys at hand. See the module's documentation."""

from __future__ import annotations

import json
from typing import Any

from ..module_utils import _survey
from ..plugin_utils import _filled_in, _gate
from ..plugin_utils._on_host import HostAction


class ActionModule(HostAction):
    """Nothing is changed, and so an inventory with errors stands in nobody's way."""

    MODULES = _survey.MODULES

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        _filled_in.refuse(("key_owners",), self._task.args, "whose a key is comes from the inventory alone")
        arguments = {**self._task.args, "key_owners": json.dumps(_gate.verdict(task_vars).key_owners)}
        return {**result, **self.on_host(arguments, task_vars)}
