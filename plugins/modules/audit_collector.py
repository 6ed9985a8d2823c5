#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector of what people do on hosts, in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_collector
short_description: Receive what people do on hosts, and keep it so that a change of it is found
version_added: 0.1.0
description:
  - Brings what the role C(audit_collector) has to the host, as M(safetynet.prod_access.tree) does; makes the authority that the
    certificates of all hosts hang on, whose key never leaves this host; and starts what receives, seals, compares and removes records.
options:
  name:
    description: The name of the collector in the inventory, by which hosts know its certificate.
    type: str
    required: true
  forward:
    description: Where else the records go, as actions of rsyslog, each with its C(type) and its parameters. rsyslog looks at them first.
    type: list
    elements: dict
    default: []
extends_documentation_fragment: [safetynet.prod_access.tree]
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Receive what people do on hosts
  safetynet.prod_access.audit_collector:
    name: "{{ inventory_hostname }}"
    forward:
      - {type: omfwd, target: logs.example.com, port: 514, protocol: tcp}
"""

RETURN = r"""
changes:
  description: What was written or done, or would be in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    act:
      description: C(write), C(remove) or C(do).
      type: str
    path:
      description: The file, or what was done.
      type: str
"""

from ..module_utils import _apply_module
from ..module_utils._audit_collector import MODULES


def main() -> None:
    _apply_module.main(MODULES["audit_collector"])


if __name__ == "__main__":
    main()
