#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: outcome
short_description: Show what became of each host of the play, as a table
version_added: 0.1.0
description:
  - Prints one line for each host of the play. What was done there, why it failed, or that its state is unknown, since it could
    not be reached.
  - Fails unless all of them are done, so that a run never ends well with a host left out.
options:
  result:
    description: The name of the variable that an earlier task registered its result in.
    type: str
    required: true
  title:
    description: The line above the table.
    type: str
    required: true
extends_documentation_fragment: safetynet.prod_access.controller
notes:
  - It runs once for all hosts of a play.
seealso:
  - module: safetynet.prod_access.accounts
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Show where Alice has lost her access
  safetynet.prod_access.outcome:
    result: __access_result
    title: Access of alice
"""

RETURN = r"""
hosts:
  description: The state of each host, V(done), V(failed) or V(state unknown).
  returned: always
  type: dict
  sample: {web1: done, web2: state unknown}
"""
