# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show what is proven, and fail where a promise is broken. See the module's documentation."""

from __future__ import annotations

import os
import time
from typing import Any, ClassVar

from ansible import constants as C

from ..module_utils._moment import Moment
from ..module_utils._node import shown
from ..plugin_utils import _gate, _proof, _proof_files, _proof_history
from ..plugin_utils._controller import OnceForAllHosts

_COLORS = {"ok": C.COLOR_OK, "warn": C.COLOR_WARN, "broken": C.COLOR_ERROR, "unknown": C.COLOR_UNREACHABLE, "waived": None}
# With so many hosts, or fewer, there is room for all that was seen.
_FEW = 5


class ActionModule(OnceForAllHosts):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "result": {"type": "str", "required": True},
        "folder": {"type": "path", "required": True},
        "fail": {"type": "bool", "default": True},
    }

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        outcomes = {name: task_vars["hostvars"].raw_get(name).get(arguments["result"]) for name in task_vars["ansible_play_hosts_all"]}
        # Hosts that are not asked are not shown either; where none is, nor are those that did not come so far.
        outcomes = {name: outcome for name, outcome in outcomes.items() if (outcome or {}).get("asked", True)}
        if not any(outcomes.values()) and len(outcomes) < len(task_vars["ansible_play_hosts_all"]):
            return result
        if self._task.check_mode:
            self._display.display(
                f"\nOn {', '.join(outcomes)}: would run a harmless command and look for it at the collector, open a terminal, and read "
                f"what proves {', '.join(_proof.PROOFS.values())}; would write {arguments['folder']}/prove.html and prove.json"
            )
            return result
        hosts = {name: _judged(outcome) for name, outcome in outcomes.items()}
        self._display.display("")
        for state, line in _proof_history.table(hosts):
            self._display.display(shown(line, 1000), color=_COLORS[state])
        self._display.display("")
        for state, line in _proof_history.sentences(hosts, every=len(hosts) <= _FEW):
            self._display.display(shown(line, 2000), color=_COLORS[state])
        result["files"] = _proof_files.keep(os.path.abspath(arguments["folder"]), str(Moment(int(time.time()))), hosts)
        result["states"] = {name: _proof_history.state_of(host["proofs"]) for name, host in hosts.items()}
        self._display.display(f"\nThe whole of it: {result['files'][0]}  (.json)")
        bad = [name for name, state in result["states"].items() if state in _proof_history.BAD]
        if bad and arguments["fail"]:
            result.update(failed=True, msg=f"the net does not hold on {len(bad)} of {_gate.counted(len(hosts), 'host')}: {', '.join(bad)}")
        return result


def _judged(outcome: dict[str, Any] | None) -> dict[str, Any]:
    """What was judged of a host; all is unknown where that did not come so far."""
    if outcome and outcome.get("proofs"):
        return {"environment": outcome["environment"], "proofs": outcome["proofs"]}
    why = " ".join(str((outcome or {}).get("msg") or "nothing was tried").split())
    proofs = [_proof.Proof(name, "unknown", why, "mend what stands in the way, and run again", short="?") for name in _proof.PROOFS]
    return {"environment": None, "proofs": _proof_history.as_data(proofs)}
