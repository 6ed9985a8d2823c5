# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of modules that their action plugins fill in, and nobody else."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Collection, Mapping
from typing import Any

from ansible import context
from ansible.errors import AnsibleError


def refuse(names: Collection[str], arguments: Mapping[str, Any], why: str) -> None:
    """Raises AnsibleError when a task has set any of these options."""
    found = sorted(set(names) & set(arguments))
    if found:
        raise AnsibleError(f"{', '.join(found)} cannot be set: {why}")


def owner() -> str:
    """Who runs this, for those who find a host locked, or its access changed."""
    return f"{getpass.getuser()} on {socket.gethostname()}"


def playbook() -> str:
    """The playbook that somebody started, by its short name, whatever it has imported; empty where there is none."""
    started = context.CLIARGS.get("args")
    names = started if isinstance(started, (list, tuple)) else ()
    return ", ".join(os.path.basename(name).removesuffix(".yml").removesuffix(".yaml").rpartition(".")[2] for name in names)
