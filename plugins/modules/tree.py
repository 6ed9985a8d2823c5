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
  programs:
    description:
      - Programs of the collection, as a path on the host, and the module of C(module_utils) with its C(main). What that imports is brought
        to C(/usr/lib/prod-access) as well.
    type: dict
    default: {}
  pruned:
    description: Directories on the host that are the role's alone. What else is in them is removed.
    type: list
    elements: path
    default: []
  lock_timeout:
    description: How long to wait for another run on the same host, in seconds.
    type: int
    default: 60
  files:
    description: The files. The action plugin fills it in; it cannot be set.
    type: list
    elements: dict
    default: []
  owner:
    description: Who runs this, for those who find the host locked. The action plugin fills it in; it cannot be set.
    type: str
    default: a controller
attributes:
  check_mode:
    description: Says exactly what would change.
    support: full
  diff_mode:
    description: Shows each file.
    support: full
  platform:
    description: Linux. Debian 12 and 13 are tested.
    support: full
    platforms: posix
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

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _files, _tree
from ..module_utils._command import HostError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "lines": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "line": {"type": "str", "required": True},
                    "check": {"type": "list", "elements": "str", "default": []},
                    "create": {"type": "bool", "default": False},
                },
            },
            "programs": {"type": "dict", "default": {}},
            "pruned": {"type": "list", "elements": "path", "default": []},
            "lock_timeout": {"type": "int", "default": 60},
            "files": {"type": "list", "elements": "dict", "default": []},
            "owner": {"type": "str", "default": "a controller"},
        },
        supports_check_mode=True,
    )
    os.umask(0o022)
    try:
        if module.check_mode:
            answer = _tree.manage(module.params, check=True)
        else:
            with _files.host_lock(module.params["owner"], module.params["lock_timeout"]):
                answer = _tree.manage(module.params, check=False)
    except (HostError, OSError) as error:
        module.fail_json(msg=str(error))
    answer["invocation"] = {"module_args": {name: value for name, value in module.params.items() if name != "files"}}
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
