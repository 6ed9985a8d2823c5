#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postmortem_lint
short_description: Say what post-mortems lack, and where they turn against people
version_added: 0.1.0
description:
  - Points out, with file and line and the reason, what nobody has answered yet, actions without owner, date or check, words that blame, and
    "remove access" as an action. Evidence is not looked at, only what people wrote.
  - Fails when there is something to point out.
options:
  folder:
    description: Where all post-mortems are.
    type: path
    required: true
extends_documentation_fragment: safetynet.prod_access.controller
notes:
  - It runs once for all hosts of a play.
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Say what documents lack
  safetynet.prod_access.postmortem_lint:
    folder: postmortems
"""

RETURN = r"""
faults:
  description: What there is to look at.
  returned: always
  type: list
  elements: dict
  contains:
    file:
      description: The document.
      type: str
    line:
      description: The line in it.
      type: int
    what:
      description: What is missing or odd, and why that matters.
      type: str
"""
