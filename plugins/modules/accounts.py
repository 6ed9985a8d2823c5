#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, groups and SSH keys of the people who have access to a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: accounts
short_description: Give people access to a host, and take it away again
version_added: 0.1.0
description:
  - Makes a host agree with what the inventory says of it, all people and teams in one call. Groups, accounts, SSH keys, the
    end of access at its time, suspension and departure.
  - The inventory variables C(prod_access_people), C(prod_access_teams) and C(prod_access_grants_*) are read on the
    controller, all of them, and checked before the first connection. With an error in any of them no host is touched.
  - Only accounts in the group C(prod-access) are changed. Others, and their keys, stay as they are.
  - Keys are kept in C(/etc/ssh/authorized_keys.d/), where only root writes, and are read for the people of this collection only.
options:
  default_shell:
    description: The login shell of accounts that are made, where the person has no C(shell).
    type: path
    default: /bin/bash
  person:
    description: Change this person only, and leave everybody else as they are.
    type: str
  allow_mass_removal:
    description:
      - Go on where more than two people, and more than 20 % of those with access, would lose their last access to the host.
    type: bool
    default: false
  lock_timeout:
    description: How long to wait for another run on the same host, in seconds.
    type: int
    default: 60
  access:
    description: The resolved access of the host. The action plugin fills it in; it cannot be set.
    type: json
  owner:
    description: Who runs this, for those who find the host locked. The action plugin fills it in; it cannot be set.
    type: str
    default: a controller
attributes:
  check_mode:
    description: Says exactly what would change.
    support: full
  diff_mode:
    description: Shows who gets or loses what, and why.
    support: full
  platform:
    description: Hosts with systemd, OpenSSH and shadow-utils. Debian 12 and 13 are tested.
    support: full
    platforms: posix
notes:
  - An error names what stands in the way on the host, for everybody at once. Access that ends is taken away all the same.
  - A run that would take away the last way to become root on the host, or the one that it is connected by, is refused.
  - After a change of sshd's configuration a new connection is opened. If that fails, the host undoes the change within 120 seconds.
seealso:
  - module: safetynet.prod_access.validate
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Give everybody the access that the inventory says
  safetynet.prod_access.accounts:

- name: Give Alice hers, and leave the others as they are
  safetynet.prod_access.accounts:
    person: alice
"""

RETURN = r"""
changes:
  description: Each change that was made, or would be in check mode, in its order.
  returned: always
  type: list
  elements: dict
  contains:
    act:
      description: What was done, such as C(create_account), C(write_keys), C(end_sessions).
      type: str
      sample: write_keys
    person:
      description: The login of the person, or none when the change concerns the host as a whole.
      type: str
      sample: alice
    before:
      description: What there was.
      type: list
      elements: str
    after:
      description: What there is now.
      type: list
      elements: str
      sample: [key SHA256:pGqRG2v7k5Yh3dGkYQ0oQe2yq9V1v3J1mA0pQm1a5cU alice@laptop]
    why:
      description: The grants, or the state of the person, that the change follows from.
      type: list
      elements: str
      sample: ["prod_access_grants_payments[0] (group production): team payments: They build the payments API and run it."]
notes:
  description: What is odd on the host but was left alone, such as an account of a person's name that is not ours.
  returned: always
  type: list
  elements: str
granted:
  description: Whether a grant in force gives O(person) access to the host.
  returned: with O(person)
  type: bool
sshd_changed:
  description: Whether sshd's configuration was changed.
  returned: always
  type: bool
"""

import json
import os
import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _accounts, _accounts_program
from ..module_utils._access import Access
from ..module_utils._command import HostError
from ..module_utils._plan import Options


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "access": {"type": "json"},
            "default_shell": {"type": "path", "default": "/bin/bash"},
            "person": {"type": "str"},
            "allow_mass_removal": {"type": "bool", "default": False},
            "lock_timeout": {"type": "int", "default": 60},
            "owner": {"type": "str", "default": "a controller"},
        },
        # Who has access is no secret, but too long a line for the system log of each host at each run.
        no_log=True,
        supports_check_mode=True,
    )
    os.umask(0o022)
    try:
        _manage(module)
    except HostError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error}; nothing is half written", exception=traceback.format_exc())


def _manage(module: AnsibleModule) -> None:
    params = module.params
    outcome = _accounts.manage(
        Access.from_data(json.loads(params["access"])),
        Options(params["default_shell"], params["person"], params["allow_mass_removal"]),
        programs=_accounts_program.files(),
        check=module.check_mode,
        owner=params["owner"],
        lock_timeout=params["lock_timeout"],
    )
    changes = outcome.plan.changes if module.check_mode else outcome.done
    result: dict[str, Any] = {
        "changed": bool(changes),
        "changes": [change.to_data() for change in changes],
        "notes": outcome.plan.notes,
        "sshd_changed": any(change.act == "install_sshd" for change in outcome.done),
        "invocation": {"module_args": {name: value for name, value in params.items() if name != "access"}},
        "diff": {"before_header": "access", "after_header": "access", **outcome.plan.diff(changes)},
    }
    if outcome.error:
        module.fail_json(msg=outcome.error, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
