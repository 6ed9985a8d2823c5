# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted back: what is asked is checked before the host is touched. See the module's documentation."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleError

from ..module_utils import _restore, _wanted
from ..module_utils._node import shown
from ..plugin_utils._on_host import HostAction


class ActionModule(HostAction):
    """Refuses nonsense, and shows what the host says."""

    MODULES = _restore.MODULES

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        arguments["to"] = _text(arguments.get("to"))
        faults = _wanted.parse(arguments, int(time.time()))[1]
        if faults:
            raise AnsibleError("; ".join(faults))
        result.update(self.on_host(arguments, task_vars or {}))
        for line in result.get("says", ()):
            # What a host says is shown, and never trusted to be harmless to a terminal.
            self._display.display(f"  {shown(str(line), 1000)}")
        return result


def _text(moment: Any) -> str:
    """A moment as text, also where YAML made a time of it."""
    return str(moment.isoformat()) if hasattr(moment, "isoformat") else str(moment or "")
