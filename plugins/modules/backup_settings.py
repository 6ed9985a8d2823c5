#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of the backup roles, checked before any host is touched."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_settings
short_description: Check the variables of the backup roles, and fail when one is wrong
version_added: 0.1.0
description:
  - Names everything that is wrong in one run, and contacts no host.
options:
  settings:
    description: The variables by their names, and what each says.
    type: dict
    required: true
extends_documentation_fragment: safetynet.prod_access.controller
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Know that all of it is good before the first host is touched
  safetynet.prod_access.backup_settings:
    settings:
      backup_paths: "{{ backup_paths }}"
  any_errors_fatal: true
"""

RETURN = r"""
problems:
  description: What is wrong, and how to mend it.
  returned: always
  type: list
  elements: str
"""
