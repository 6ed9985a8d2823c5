# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of what became of each host. See the module's documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible import constants as C

from ..module_utils._node import shown
from ..plugin_utils import _gate
from ..plugin_utils._controller import OnceForAllHosts

_COLORS = {"done": C.COLOR_OK, "failed": C.COLOR_ERROR, "state unknown": C.COLOR_UNREACHABLE}


class ActionModule(OnceForAllHosts):
    ARGUMENTS: ClassVar[dict[str, Any]] = {"result": {"type": "str", "required": True}, "title": {"type": "str", "required": True}}

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        hosts = task_vars["ansible_play_hosts_all"]
        variables = {host: task_vars["hostvars"].raw_get(host) for host in hosts}
        rows = {host: _state(variables[host].get(arguments["result"])) for host in hosts}
        width = max(map(len, ["host", *hosts]))
        self._display.display(f"\n{arguments['title']}\n{'host':{width}}  state")
        for host, (state, detail) in rows.items():
            self._display.display(f"{host:{width}}  {state}{detail and ': ' + detail}", color=_COLORS[state])
        result["hosts"] = {host: state for host, (state, _detail) in rows.items()}
        open_ends = [host for host, state in result["hosts"].items() if state != "done"]
        if open_ends:
            result.update(failed=True, msg=f"not done on {len(open_ends)} of {len(rows)} hosts: {', '.join(open_ends)}")
        return result


def _state(outcome: Mapping[str, Any] | None) -> tuple[str, str]:
    """The state of a host and a few words on it, from its registered result; none when the host never came so far."""
    if outcome is None:
        return "state unknown", "nothing was tried there"
    # What a host says is shown, and never trusted to be harmless to a terminal.
    message = shown(" ".join(str(outcome.get("msg", "")).split()), 1000)
    if outcome.get("unreachable"):
        return "state unknown", message
    if outcome.get("failed"):
        return "failed", message
    count = len(outcome.get("changes", ()))
    did = _gate.counted(count, "change") if count else "nothing to change"
    if "granted" in outcome:
        did += ", has access" if outcome["granted"] else ", has no access"
    return "done", did
