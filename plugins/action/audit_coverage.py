# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of what the collector has of each canary. See the module's documentation."""

from __future__ import annotations

from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase

from ..module_utils._node import shown
from ..plugin_utils import _selftest


class ActionModule(ActionBase):
    """No connection is opened: everything happens on the controller."""

    BYPASS_HOST_LOOP = True
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(
            argument_spec={"canaries": {"type": "str", "required": True}, "events": {"type": "str", "required": True}}
        )
        result["changed"] = False
        hosts: dict[str, Any] = {}
        broken: dict[str, list[str]] = {}
        for host in task_vars["ansible_play_hosts_all"]:
            variables = task_vars["hostvars"].raw_get(host)
            ran, seen = (variables.get(arguments[name]) or {} for name in ("canaries", "events"))
            if "token" not in ran or "events" not in seen:
                message = next((outcome["msg"] for outcome in (ran, seen) if outcome.get("msg")), "nothing was tried there")
                self._display.display(f"\n{host}: {shown(' '.join(str(message).split()), 1000)}", color=C.COLOR_UNREACHABLE)
                broken[host] = []
                continue
            rows = list(_selftest.rows(ran["token"], ran["person"], ran["canaries"], seen["events"]))
            self._display.display(f"\n{host}: canaries of {shown(ran['person'])}, as the collector has them")
            for row in rows:
                self._display.display(f"  {shown(str(row), 300)}", color=_color(row))
            hosts[host] = [vars(row) for row in rows]
            if any(row.is_broken for row in rows):
                broken[host] = [row.canary for row in rows if row.is_broken]
        if broken:
            return {**result, "failed": True, "broken": broken, "msg": "the record is not what it is promised to be, see above"}
        return {**result, "hosts": hosts}


def _color(row: _selftest.Row) -> str:
    if row.is_broken:
        return str(C.COLOR_ERROR)
    return str(C.COLOR_OK if row.state == "seen" else C.COLOR_SKIP)
