#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sudo rules of the people who have access to a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sudo_rules
short_description: Let people run with sudo what the inventory says, and nothing else
version_added: 0.1.0
description:
  - Makes C(/etc/sudoers.d/prod-access) say what the C(sudo) of all grants of a host says, in one call.
  - The whole of sudo's configuration is checked by C(visudo) before the file takes its place. Afterwards C(sudo -l -U) must say of
    each person whose rules changed what the inventory says; otherwise the file that was there before is put back.
attributes:
  check_mode:
    description: Says exactly what would change.
    support: full
  diff_mode:
    description: Shows the file, with each rule's reason in it.
    support: full
  platform:
    description: Hosts with sudo, and systemd for undoing what nobody confirms. Debian 12 and 13 are tested.
    support: full
    platforms: posix
extends_documentation_fragment:
  - safetynet.prod_access.area
  - safetynet.prod_access.sudo
seealso:
  - module: safetynet.prod_access.access
  - module: safetynet.prod_access.accounts
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Give everybody the sudo rules that the inventory says
  safetynet.prod_access.sudo_rules:

- name: Give them, and see of everybody that sudo agrees
  safetynet.prod_access.sudo_rules:
    prove_all: true
"""

RETURN = r"""
changes:
  description: What each person gained or lost, or would in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    act:
      description: Always C(write_rules).
      type: str
    person:
      description: The login of the person, or none when a file was mended.
      type: str
      sample: alice
    before:
      description: What is gone.
      type: list
      elements: str
    after:
      description: What is new.
      type: list
      elements: str
      sample: [ALL as ALL : ALL]
notes:
  description: What is odd on the host but was left alone, such as a broken file of others, or what others' rules give our people.
  returned: always
  type: list
  elements: str
granted:
  description: Whether a grant in force gives O(person) access to the host.
  returned: with O(person)
  type: bool
"""

from ..module_utils import _apply_module
from ..module_utils._areas import MODULES


def main() -> None:
    _apply_module.main(MODULES["sudo_rules"])


if __name__ == "__main__":
    main()
