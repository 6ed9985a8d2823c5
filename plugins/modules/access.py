#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts and sudo rules of the people who have access to a host, in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: access
short_description: Give people accounts and sudo on a host, and take them away again
version_added: 0.1.0
description:
  - Does what M(safetynet.prod_access.accounts) and, after it, M(safetynet.prod_access.sudo_rules) do, in one call instead of two.
    What stands in the way of an account does not keep sudo's rules from being taken away.
attributes:
  check_mode:
    description: Says exactly what would change.
    support: full
  diff_mode:
    description: Shows who gets or loses what, and why.
    support: full
  platform:
    description: Hosts with systemd, OpenSSH, shadow-utils and sudo. Debian 12 and 13 are tested.
    support: full
    platforms: posix
extends_documentation_fragment:
  - safetynet.prod_access.area
  - safetynet.prod_access.accounts
  - safetynet.prod_access.sudo
seealso:
  - module: safetynet.prod_access.accounts
  - module: safetynet.prod_access.sudo_rules
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Give everybody the access that the inventory says
  safetynet.prod_access.access:
  become: true

- name: Give Alice hers, and leave the others as they are
  safetynet.prod_access.access:
    person: alice
  become: true
"""

RETURN = r"""
changes:
  description: Each change that was made, or would be in check mode, in its order.
  returned: always
  type: list
  elements: dict
  contains:
    act:
      description: What was done, such as C(create_account), C(write_keys), C(end_sessions), C(write_rules).
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
on_trial:
  description: Whether sshd's configuration was changed, which the host undoes unless a new connection comes.
  returned: always
  type: bool
"""

from ..module_utils import _apply_module
from ..module_utils._areas import MODULES


def main() -> None:
    _apply_module.main(MODULES["access"])


if __name__ == "__main__":
    main()
