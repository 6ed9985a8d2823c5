#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's files on a host, all of them in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tree
short_description: Bring a role's files to a host, all in one call
version_added: 0.1.0
description:
  - What a role has in its C(files/) and C(templates/) folders stands there under the path that it has on the host. This module
    brings all of it there, adds lines to files of others, and removes what an earlier version left behind.
  - Everything is compared first, and files of others are checked by their own programs with our line in them, before anything is
    written.
options:
  lines:
    description:
      - Lines of ours at the end of files of others, each below a comment that says whose it is.
      - Where there is no such file, none is made unless C(create) says so.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file.
        type: path
        required: true
      line:
        description: The line. When it is empty, a line that an earlier run wrote is removed.
        type: str
        required: true
      check:
        description: A program and its arguments that is given the whole file that would be; the change is made only if it ends with zero.
        type: list
        elements: str
        default: []
      create:
        description: Make the file where it is not there.
        type: bool
        default: false
extends_documentation_fragment: [safetynet.prod_access.tree]
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Bring the role's files to the host, and let every interactive bash read one of them
  safetynet.prod_access.tree:
    lines:
      - path: /etc/bash.bashrc
        line: . /usr/lib/example/bash.sh
        check: [bash, -n]
    pruned: [/usr/lib/example]
"""

RETURN = r"""
changes:
  description: What was written or removed, or would be in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    act:
      description: C(write) or C(remove).
      type: str
    path:
      description: The file.
      type: str
      sample: /etc/bash.bashrc
"""

from ..module_utils import _apply_module
from ..module_utils._tree import MODULES


def main() -> None:
    _apply_module.main(MODULES["tree"])


if __name__ == "__main__":
    main()
