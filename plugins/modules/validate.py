#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: validate
short_description: Check the people, teams and grants of the inventory
version_added: 0.1.0
description:
  - Reads C(prod_access_people), C(prod_access_teams) and C(prod_access_grants_*) of the whole inventory, on the controller.
    No host is contacted.
  - Prints every error and warning in one run, as C(path) C(:) what is wrong; how to mend it, with file and line where they are known.
  - Fails when there is an error.
options:
  person:
    description: Check also that this person is known, and has what O(expect) says on the hosts of the play.
    type: str
  expect:
    description: Whether O(person) must have access to at least one of the hosts, or to none of them.
    type: str
    choices: [access, none]
  postmortems:
    description:
      - The folder of post-mortems. While one in it is open, a change of the inventory (in git, since the incident began) that takes access
        away from a person is warned of, unless the person's entry says C(because).
      - Without it, nothing is compared.
    type: path
extends_documentation_fragment: safetynet.prod_access.controller
notes:
  - It runs once for all hosts of a play.
seealso:
  - module: safetynet.prod_access.accounts
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Check the whole inventory
  safetynet.prod_access.validate:
"""

RETURN = r"""
msg:
  description: How much was read, and how much is wrong with it.
  returned: always
  type: str
  sample: "4 people, 2 teams, 4 hosts: 0 errors, 1 warning"
differences:
  description:
    - The hosts on which people in teams of the kinds C(development) and C(operations) may do different things by sudo, or are in different
      groups that amount to root. What each of them may do, and the reasons as the grants give them.
  returned: without O(person), when there is no error
  type: list
  elements: dict
"""
