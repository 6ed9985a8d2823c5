#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a collector has of a host, to prove that it arrives and stays what it was."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prove_record
short_description: Look at the collector for a host's canary, and whether what was sealed is unchanged
version_added: 0.1.0
description:
  - Waits until a command that M(safetynet.prod_access.audit_canaries) ran is on record, and no longer than is said.
  - Compares what the host sent in the last days with its seals.
options:
  name:
    description: The name of the host in the inventory.
    type: str
    required: true
  canary:
    description: What the name of the canary begins with.
    type: str
    required: true
  wait:
    description: How long to wait for it, in seconds.
    type: float
    default: 30
  days:
    description: How many days to compare, the last ones; all with 0.
    type: int
    default: 2
extends_documentation_fragment: safetynet.prod_access.reads
attributes:
  platform:
    description: Linux with systemd. Debian 12 and 13 are tested.
    support: full
    platforms: posix
notes:
  - It runs on the collector, by C(delegate_to), and needs root there.
seealso:
  - module: safetynet.prod_access.prove
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Look for the canary at the collector
  safetynet.prod_access.prove_record:
    name: "{{ inventory_hostname }}"
    canary: "{{ __prove_canary.token }}"
  become: true
  delegate_to: log1
"""

RETURN = r"""
events:
  description: The events of the canary, as M(safetynet.prod_access.audit_events_info) has them; none where it did not come.
  returned: always
  type: list
  elements: dict
chain:
  description: C(faults), and how many C(files) and C(lines) were compared, up to the seal of this C(hash); or the C(problem).
  returned: always
  type: dict
"""

from ..module_utils import _apply_module
from ..module_utils._prove_record import MODULES


def main() -> None:
    _apply_module.main(MODULES["prove_record"])


if __name__ == "__main__":
    main()
