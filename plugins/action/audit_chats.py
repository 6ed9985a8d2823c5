# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told. See the module's documentation."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ..module_utils import _chats


class ActionModule(ActionBase):
    """Looks at the addresses on the controller, so that a bad one reaches no host, and no complaint shows one."""

    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars or {})
        arguments = dict(self._task.args)
        faults = _chats.faults(arguments.get("chats"), "audit_collector_chats")
        if faults:
            raise AnsibleError("\n".join([*faults, "no host was touched"]))
        result.update(self._execute_module(module_args=arguments, task_vars=task_vars))
        return result
