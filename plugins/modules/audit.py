#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host records of what people do on it, in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit
short_description: Record what people do on a host, in every layer that it has
version_added: 0.1.0
description:
  - Brings what the role C(audit) has to the host, as M(safetynet.prod_access.tree) does, and then sets up each layer that the host has,
    which are the journal, sudo, the programs that are started, databases, and the way to the collector.
  - What could lock people out is tried first, by the system's own programs, and put back when it fails. Databases and sessions go on.
  - What a layer cannot do here is reported, never pretended.
options:
  name:
    description: The name of the host in the inventory, under which the collector keeps its records.
    type: str
    required: true
  collector:
    description: The collector, by its name in the inventory; empty where there is none.
    type: str
    default: ""
  databases:
    description: Let PostgreSQL and MariaDB say which statements change data or their shape. Nothing is started anew.
    type: bool
    default: true
  kernel:
    description:
      - Record every program that is started, by the kernel's audit and laurel, where both are to be had. auditd starts anew for it, and
        its own settings stay as they are.
    type: bool
    default: true
  snoopy:
    description: Record every program that is started, by snoopy, where it is installed and the kernel does not.
    type: bool
    default: true
  sudo_recordings:
    description: Let sudo keep what it shows on our people's terminals.
    type: bool
    default: true
  sudo_subcommands:
    description:
      - Let sudo record what its commands start in their turn. What outlives its sudo can then start no program any more, and programs that
        trace others, such as strace, do not work behind it.
    type: bool
    default: false
  renew:
    description: Ask for a new certificate even if the present one is good.
    type: bool
    default: false
extends_documentation_fragment: [safetynet.prod_access.tree]
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Record what people do, in every layer that this host has
  safetynet.prod_access.audit:
    name: "{{ inventory_hostname }}"
    collector: log1
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
layers:
  description: By its name, whether each layer is on, and why not, or how far it goes. The host has it in C(/etc/prod-access/audit.json).
  returned: always
  type: dict
  sample: {kernel: {"on": false, why: auditd is not installed}, sudo: {"on": true}}
request:
  description: The request for a certificate, which is no secret; empty where none is needed, and in check mode.
  returned: always
  type: str
"""

from ..module_utils import _apply_module
from ..module_utils._audit import MODULES


def main() -> None:
    _apply_module.main(MODULES["audit"])


if __name__ == "__main__":
    main()
