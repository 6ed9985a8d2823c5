# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the settings of the roles audit and audit_collector."""

from __future__ import annotations

DOCUMENTATION = r"""
name: audit_faults
short_description: What is wrong with the settings of the roles audit and audit_collector
version_added: 0.1.0
description:
  - Looks at all of them, and says of each that cannot work what is wrong with it, and how to mend it. No host is asked.
options:
  _input:
    description: The settings, by what they are.
    type: dict
    required: true
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Have settings that can work
  ansible.builtin.assert:
    that: __audit_settings | safetynet.prod_access.audit_faults | length == 0
"""

RETURN = r"""
_value:
  description: A sentence for each fault; none where all is well.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ..plugin_utils._audit_settings import faults


class FilterModule:
    """What templates may use."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"audit_faults": lambda settings: list(faults(settings))}
