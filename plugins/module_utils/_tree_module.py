# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main of every module that brings a role's files to a host, and makes something of them."""

from __future__ import annotations

import os
from typing import Any, Callable, Mapping

from ansible.module_utils.basic import AnsibleModule

from . import _files
from ._command import HostError


def run(module: AnsibleModule, manage: Callable[..., dict[str, Any]]) -> None:
    """Do it under the lock of the host, or only say what would be done."""
    os.umask(0o022)
    params: Mapping[str, Any] = module.params
    try:
        if module.check_mode:
            answer = manage(params, check=True)
        else:
            with _files.host_lock(params["owner"], params["lock_timeout"]):
                answer = manage(params, check=False)
    except (HostError, OSError) as error:
        module.fail_json(msg=str(error))
    answer["invocation"] = {"module_args": {name: value for name, value in params.items() if name != "files"}}
    module.exit_json(**answer)
