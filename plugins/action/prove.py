# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge the evidence of a host. See the module's documentation."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleError

from ..plugin_utils import _gate, _proof, _proof_history
from ..plugin_utils._controller import ControllerAction

_PAIRS = ("record_seconds", "backup_hours", "restore_days", "clock_seconds", "certificate_days")
_NUMBERS = {"warn": {"type": "float", "required": True}, "broken": {"type": "float", "required": True}}
_SETTINGS: dict[str, Any] = {
    **{name: {"type": "dict", "options": _NUMBERS} for name in _PAIRS},
    "production": {"type": "list", "elements": "str", "default": ["production"]},
    "collector": {"type": "str", "default": ""},
    "waived": {"type": "dict", "default": {}},
    "known_access": {"type": "list", "elements": "str", "default": []},
    "ends_days": {"type": "float", "default": 14},
}
_EVIDENCE = ("canary", "host", "record", "access")


class ActionModule(ControllerAction):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "settings": {"type": "dict", "required": True, "options": _SETTINGS},
        "asked": {"type": "bool", "default": True},
        **{name: {"type": "dict"} for name in _EVIDENCE},
    }

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {"asked": arguments["asked"]}
        settings = arguments["settings"]
        verdict = _gate.verdict(task_vars)
        if verdict.errors:
            raise AnsibleError(f"the inventory has {_gate.counted(verdict.errors, 'error')}, and so nobody can say what it declares")
        host = task_vars["inventory_hostname"]
        asked = _proof.Asked(
            host,
            verdict.access(host),
            verdict.is_production(host, settings["production"]),
            settings["collector"],
            _limits(settings),
            settings["waived"],
            tuple(settings["known_access"]),
        )
        faults = list(asked.faults())
        if faults:
            raise AnsibleError("\n".join(faults))
        if any(arguments[name] is not None for name in _EVIDENCE):
            found = _proof.Evidence(**{name: arguments[name] or {} for name in _EVIDENCE})
            proofs = _proof.judge(asked, found, time.time())
            result.update(environment=verdict.environments.get(host), proofs=_proof_history.as_data(proofs))
        return result


def _limits(settings: Mapping[str, Any]) -> _proof.Limits:
    pairs = {name: (settings[name]["warn"], settings[name]["broken"]) for name in _PAIRS if settings[name]}
    return _proof.Limits(**pairs, ends_days=settings["ends_days"])
