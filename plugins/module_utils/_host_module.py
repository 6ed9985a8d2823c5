# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module does on a host, whichever way it is started there: by Ansible, or by the program that stays."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Sequence

from . import _files
from ._command import HostError

# Options of every module that takes the host's lock, under which an action plugin says who it is that takes it.
LOCKING: Mapping[str, Any] = {
    "lock_timeout": {"type": "int", "default": 60},
    "owner": {"type": "str", "default": "a controller"},
}


@dataclass(frozen=True)
class HostModule:
    """A module: its options, as Ansible wants them, and what it makes of them."""

    arguments: Mapping[str, Any]
    manage: Callable[..., dict[str, Any]]
    required_one_of: Sequence[Sequence[str]] = ()

    def apply(self, params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
        """Do all of it, or only say what would be done. The answer says of itself that it ``failed``, and why."""
        os.umask(0o022)
        try:
            return self.manage(params, check=check)
        except (HostError, OSError) as error:
            return {"failed": True, "msg": str(error), "changes": []}


def locked(manage: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """The same under the lock of the host, which only reading does not take."""

    def under_lock(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
        if check:
            return manage(params, check=True)
        with _files.host_lock(params["owner"], params["lock_timeout"]):
            return manage(params, check=False)

    return under_lock
