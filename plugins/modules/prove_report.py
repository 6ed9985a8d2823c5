#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prove_report
short_description: Show what is proven, as a table, a page and data, and fail where a promise is broken
version_added: 0.1.0
description:
  - Prints a table of the hosts of the play and their proofs, and in a sentence each what does not hold. With five hosts or fewer, all is
    said.
  - Writes C(prove.html), a page that needs no network, C(prove.json), and a small file for the run into C(runs), of which the last 90 are
    kept. Trends are drawn of them, and O(safetynet.prod_access.access#module:require_net) asks them.
  - Fails where a promise is broken, and where nobody could look.
options:
  result:
    description: The name of the variable that M(safetynet.prod_access.prove) registered its result in.
    type: str
    required: true
  folder:
    description: Where the files are written, as seen from the current directory.
    type: path
    required: true
  fail:
    description: Whether to fail where a promise is broken.
    type: bool
    default: true
extends_documentation_fragment: safetynet.prod_access.controller
notes:
  - It runs once for all hosts of a play.
seealso:
  - module: safetynet.prod_access.prove
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Show what holds
  safetynet.prod_access.prove_report:
    result: __prove
    folder: prove
"""

RETURN = r"""
files:
  description: The page and the data.
  returned: unless in check mode
  type: list
  elements: str
states:
  description: The worst state of each host.
  returned: unless in check mode
  type: dict
  sample: {web1: ok}
"""
