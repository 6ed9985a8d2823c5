#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_coverage
short_description: Show what the collector has of each canary, as a table
version_added: 0.1.0
description:
  - Prints, for the host, a line for each canary. Whether it is on record, by which layer, as whose, and after how many
    seconds it was at the collector; or that it is not, and why.
  - Fails where something is not on record, or not as its person's, that is promised to be.
options:
  canaries:
    description: The name of the variable that M(safetynet.prod_access.audit_canaries) registered its result in.
    type: str
    required: true
  events:
    description: The name of the variable that M(safetynet.prod_access.audit_events_info) registered its result in.
    type: str
    required: true
extends_documentation_fragment: safetynet.prod_access.controller
seealso:
  - module: safetynet.prod_access.audit_canaries
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Show what is seen, by what, and as whose
  safetynet.prod_access.audit_coverage:
    canaries: __audit_canaries
    events: __audit_events
"""

RETURN = r"""
broken:
  description: What is not as it is promised.
  returned: when the canaries were run and looked for
  type: list
  elements: str
  sample: [su]
canaries:
  description: What became of each.
  returned: when the canaries were run and looked for
  type: list
  elements: dict
  contains:
    canary:
      description: The way in which the command was run.
      type: str
    state:
      description: V(seen), V(seen, not whose), V(not seen) or V(not tried).
      type: str
    layers:
      description: What recorded it.
      type: list
      elements: str
    person:
      description: As whose it is on record.
      type: str
    seconds:
      description: From its start to its arrival at the collector.
      type: float
    why:
      description: Why it is not seen, or not as its person's.
      type: str
    is_broken:
      description: Whether it is not as it is promised.
      type: bool
"""
