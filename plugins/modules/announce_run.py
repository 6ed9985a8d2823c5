#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of a playbook tells the others of itself."""

from __future__ import annotations

DOCUMENTATION = r"""
module: announce_run
short_description: Tell the others that a playbook ran, who ran it, and what came of it
version_added: 0.1.0
description:
  - Puts one event of the kind C(automation) on record on the host. The collector tells the chats.
  - M(safetynet.prod_access.access) does the same by itself. This is for playbooks that end with something else, or fail before.
  - A host where nothing ran, or that could not be reached, is not contacted for this alone; in check mode none is.
options:
  result:
    description: The name of the variable that an earlier task registered its result in.
    type: str
  failed:
    description:
      - What the block was rescued from, C(ansible_failed_result). It is told, and then the host fails with it again.
    type: dict
  playbook:
    description: The playbook that runs. The action plugin fills it in; it cannot be set.
    type: str
    default: ""
  owner:
    description: Who runs it. The action plugin fills it in; it cannot be set.
    type: str
    default: a controller
  changes:
    description: How much was changed. The action plugin fills it in; it cannot be set.
    type: int
    default: 0
  error:
    description: Why it failed. The action plugin fills it in; it cannot be set.
    type: str
    default: ""
attributes:
  check_mode:
    description: Tells nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
  platform:
    description: Linux with systemd. Debian 12 and 13 are tested.
    support: full
    platforms: posix
notes:
  - It needs root, since nobody else may say what automation did.
seealso:
  - module: safetynet.prod_access.access
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Restore, and tell the others
  block:
    - name: Bring the table back
      ansible.builtin.command:
        argv: [/usr/sbin/example-restore, orders]
      register: __restored
      become: true
      changed_when: true

    - name: Tell the others
      safetynet.prod_access.announce_run:
        result: __restored
      become: true
  rescue:
    - name: Tell the others that it failed
      safetynet.prod_access.announce_run:
        failed: "{{ ansible_failed_result }}"
      become: true
"""

RETURN = r"""#"""

from ..module_utils import _apply_module
from ..module_utils._announce_run import MODULES


def main() -> None:
    _apply_module.main(MODULES["announce_run"])


if __name__ == "__main__":
    main()
