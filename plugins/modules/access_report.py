#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has access to what, and why, as a page, a table and data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: access_report
short_description: Write who has access to what, and why, beside what was found on the hosts
version_added: 0.1.0
description:
  - Writes C(access.html), one page that needs no network, C(access.csv), with a line for each grant of each person on each host, and
    C(access.json), into a folder on the controller.
  - It shows all people on all hosts of the play. Through which grant, why, since which variable, until when, and what power; what ends
    soon; unsafe rules; where hosts are not as the inventory says, and what there is beside it; where developers and operations differ.
  - It names the hosts that could not be read. A host that was not read is never shown as being in order.
  - With O(person), or where the play has not all hosts, the same is printed as text.
options:
  result:
    description: The name of the variable that M(safetynet.prod_access.access_info) was registered in.
    type: str
    required: true
  folder:
    description: Where to write. It is made if it is not there.
    type: path
    required: true
  person:
    description: Print what concerns this person.
    type: str
extends_documentation_fragment: safetynet.prod_access.controller
notes:
  - It runs once for all hosts of a play.
seealso:
  - module: safetynet.prod_access.access_info
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Write the report
  safetynet.prod_access.access_report:
    result: __access_info
    folder: access-report
"""

RETURN = r"""
files:
  description: The files that were written.
  returned: always
  type: list
  elements: str
  sample: [/srv/ops/access-report/access.html]
unread:
  description: The hosts that could not be read.
  returned: always
  type: list
  elements: str
"""
