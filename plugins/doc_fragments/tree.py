# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that bring a role's files to a host."""

from __future__ import annotations


class ModuleDocFragment:
    """What the action plugin of such a module puts together."""

    DOCUMENTATION = r"""
options:
  programs:
    description:
      - Programs of the collection, as a path on the host, and the module of C(module_utils) with its C(main). What that imports is brought
        to C(/usr/lib/prod-access) as well.
    type: dict
    default: {}
  modules:
    description:
      - Modules of the collection that later tasks and playbooks start on this host, such as M(safetynet.prod_access.backup_restore). What
        they import is brought as well, so that Ansible does not have to bring it at each call.
    type: list
    elements: str
    default: []
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
"""
