# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main of the modules that the program on a host can be started for, too."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ._host_module import HostModule

# Options that are too long to be repeated in each answer.
_LONG = ("access", "answers", "files", "key_owners")


def main(what: HostModule) -> None:
    """A whole module."""
    # What it is given is no secret, but too long for the system log of each host at each run.
    module = AnsibleModule(argument_spec=dict(what.arguments), required_one_of=what.required_one_of, no_log=True, supports_check_mode=True)
    answer = what.apply(module.params, check=module.check_mode)
    answer["invocation"] = {"module_args": {name: value for name, value in module.params.items() if name not in _LONG}}
    if answer.get("failed"):
        module.fail_json(**answer)
    module.exit_json(**answer)
