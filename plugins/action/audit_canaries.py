# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the canaries on a host. See the module's documentation."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._node import shown
from ..plugin_utils import _selftest

_SCRIPT = Path(_selftest.__file__).with_name("canaries.sh")


class ActionModule(ActionBase):
    """One command over the host's own connection: what a person does is not done by a module."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(
            argument_spec={"cron": {"type": "bool", "default": True}, "alone": {"type": "bool", "default": False}}
        )
        result["changed"] = False
        if self._task.check_mode:
            return {**result, "skipped": True, "msg": "canaries are commands, and none are run in check mode"}
        token = f"canary-{secrets.token_hex(4)}"
        ways = "alone" if arguments["alone"] else "" if arguments["cron"] else "without-cron"
        command = f"sh -s {token} {ways}".rstrip()
        done = self._low_level_execute_command(command, sudoable=False, in_data=_SCRIPT.read_bytes())
        try:
            person, canaries = _selftest.said(done["stdout"])
        except ValueError as error:
            return {**result, "failed": True, "msg": f"{error}; it answered: {shown(done['stdout'] + done['stderr'], 500)}"}
        return {**result, "token": token, "person": person, "canaries": canaries}
