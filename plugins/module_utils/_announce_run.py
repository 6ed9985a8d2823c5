# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of a playbook of ours, told to the journal of a host that it ran on."""

from __future__ import annotations

from typing import Any, Mapping

from . import _journal
from ._host_module import HostModule

_ARGUMENTS = {
    "result": {"type": "str"},
    "failed": {"type": "dict"},
    "playbook": {"type": "str", "default": ""},
    "owner": {"type": "str", "default": "a controller"},
    "changes": {"type": "int", "default": 0},
    "error": {"type": "str", "default": ""},
}


def manage(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """All that the module does, and its answer."""
    if not check:
        _journal.tell_of_run(params["playbook"], params["owner"], params["changes"], params["error"])
    return {"changed": False}


MODULES: Mapping[str, HostModule] = {"announce_run": HostModule(_ARGUMENTS, manage)}
