#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All of ours taken off a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: uninstall
short_description: Take all of the collection off a host, and leave nobody outside who was in
version_added: 0.1.0
description:
  - Removes the rules of sudo, sshd's drop-in, what records, prompts and guards, units, programs and settings.
  - Accounts stay, as plain ones. The keys that open them go into homes, written there as the person.
  - Data stays, and is listed. These are the memory of accounts and their uids, records, recordings, receipts, and keys of backups.
  - It is refused, before anything changes, where nobody else could log in and become root, or where the run itself came by a rule of ours.
  - The journal is told of it first, so that the others hear of it while the way to the collector is there.
options:
  step:
    description:
      - The action plugin asks for C(doors), which are sshd and sudo, opens a new connection, and asks for the C(rest). In check mode both
        are said at once. It cannot be set.
    type: str
    choices: [doors, rest]
    default: doors
  lock_timeout:
    description: How long to wait for another run on the same host, in seconds.
    type: int
    default: 60
  owner:
    description: Who runs this, for those who find the host locked. The action plugin fills it in; it cannot be set.
    type: str
    default: a controller
attributes:
  check_mode:
    description: Says exactly what would change.
    support: full
  diff_mode:
    description: Names each file.
    support: full
  platform:
    description: Linux with systemd. Debian 12 and 13 are tested.
    support: full
    platforms: posix
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Take all of it off this host
  safetynet.prod_access.uninstall:
  become: true
"""

RETURN = r"""
changes:
  description: What was removed, or written, or would be in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    act:
      description: C(write) or C(remove).
      type: str
    path:
      description: The file, and what of it.
      type: str
      sample: /etc/sudoers.d/prod-access
left:
  description: What stays on the host, and what it is.
  returned: always
  type: list
  elements: str
  sample: ["account alice (uid 12001), a plain one from now on"]
notes:
  description: What one should know about it.
  returned: always
  type: list
  elements: str
on_trial:
  description: Whether sshd's configuration is put back unless a new connection comes about. The action plugin opens one.
  returned: always
  type: bool
"""

from ..module_utils import _apply_module
from ..module_utils._uninstall import MODULES


def main() -> None:
    _apply_module.main(MODULES["uninstall"])


if __name__ == "__main__":
    main()
