# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that change a host have in common."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from . import _apply_program, _areas


def main(name: str) -> None:
    """A whole module."""
    # Who has access is no secret, but too long a line for the system log of each host at each run.
    module = AnsibleModule(argument_spec=_areas.argument_spec(name), no_log=True, supports_check_mode=True)
    params: dict[str, Any] = module.params
    answer = _areas.apply(name, params, _apply_program.files(params["library"]), check=module.check_mode)
    answer["invocation"] = {"module_args": {option: value for option, value in params.items() if option != "access"}}
    if answer.get("failed"):
        module.fail_json(**answer)
    module.exit_json(**answer)
