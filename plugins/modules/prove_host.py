#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host itself shows of the net under it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prove_host
short_description: Gather on a host what proves that the net under it holds
version_added: 0.1.0
description:
  - Opens a terminal with each login shell that our people have here, and reads the colours of its first prompt. The shell is C(nobody)'s,
    with an empty home that is gone afterwards. No file of anybody's is run, no welcome is used up, and in the record it is a command of
    whoever the run is connected as.
  - Reads the receipts of the last backup and of the last proven restore, lets C(visudo) check all of sudo's files, counts who can log in
    and become root, asks for the timer that ends access, and reads when certificates end.
  - Measures how far the host's clock is from the controller's.
options: {}
attributes:
  check_mode:
    description: Nothing is tried.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
  platform:
    description: Linux with systemd. Debian 12 and 13 are tested.
    support: full
    platforms: posix
notes:
  - It needs root.
seealso:
  - module: safetynet.prod_access.prove
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Look at the host, as people see it
  safetynet.prod_access.prove_host:
  become: true
  register: __prove_host
"""

RETURN = r"""
prompts:
  description: For each C(shell) what is C(painted), in pieces with C(text) and C(colour), how it reads as C(text), and the C(problem).
  returned: unless in check mode
  type: list
  elements: dict
receipts:
  description: C(backup) and C(restore), each with C(ok), C(ended), C(alarm) and C(good_until), or none.
  returned: unless in check mode
  type: dict
sudo:
  description: C(faults) of all of sudo's files, C(oddities) among those of others, and whether ours is C(sound).
  returned: unless in check mode
  type: dict
ways_in:
  description: The accounts that can log in and become root.
  returned: unless in check mode
  type: list
  elements: str
connecting:
  description: The account that the run came by.
  returned: unless in check mode
  type: str
timer:
  description: What systemd says of the timer that ends access.
  returned: unless in check mode
  type: str
certificates:
  description: C(path) and C(ends), in seconds since 1970, of each.
  returned: unless in check mode
  type: list
  elements: dict
clock:
  description: How far the host's clock is ahead of the controller's, as C(offset), give or take C(within), in seconds.
  returned: unless in check mode
  type: dict
"""

from ..module_utils import _apply_module
from ..module_utils._evidence import MODULES


def main() -> None:
    _apply_module.main(MODULES["prove_host"])


if __name__ == "__main__":
    main()
