# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of what the collector has of each canary. See the module's documentation."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible import constants as C
from ansible.utils.color import stringc

from ..module_utils._node import shown
from ..plugin_utils import _selftest
from ..plugin_utils._controller import ControllerAction


class ActionModule(ControllerAction):
    ARGUMENTS: ClassVar[dict[str, Any]] = {"canaries": {"type": "str", "required": True}, "events": {"type": "str", "required": True}}

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {"failed": True}
        host = task_vars["inventory_hostname"]
        ran, seen = (task_vars.get(arguments[name]) or {} for name in ("canaries", "events"))
        if "token" not in ran or "events" not in seen:
            message = next((outcome["msg"] for outcome in (ran, seen) if outcome.get("msg")), "nothing was tried there")
            message = shown(" ".join(str(message).split()), 1000)
            self._display.display(f"\n{host}: {message}", color=C.COLOR_UNREACHABLE)
            return {**result, "msg": f"nobody knows what is on record: {message}"}
        rows = list(_selftest.rows(ran["token"], ran["person"], ran["canaries"], seen["events"]))
        # In one piece: other hosts show theirs at the same time.
        lines = [f"\n{host}: canaries of {shown(ran['person'])}, as the collector has them"]
        self._display.display("\n".join([*lines, *(stringc(f"  {shown(str(row), 300)}", _color(row)) for row in rows)]))
        broken = [row.canary for row in rows if row.is_broken]
        result.update(canaries=[vars(row) for row in rows], broken=broken, failed=bool(broken))
        if broken:
            result["msg"] = f"the record is not what it is promised to be, see above: {', '.join(broken)}"
        return result


def _color(row: _selftest.Row) -> str:
    if row.is_broken:
        return str(C.COLOR_ERROR)
    return str(C.COLOR_OK if row.state == "seen" else C.COLOR_SKIP)
