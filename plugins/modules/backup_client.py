#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a host to the repositories of its backups."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_client
short_description: Give a host its way to the repositories of its backups
version_added: 0.1.0
description:
  - Without O(answers), the host makes a key of its own, which never leaves it, and says what is to be asked of a repository.
  - With them, it keeps what the repositories gave, lets its clusters of PostgreSQL send their WAL, has MariaDB log its changes,
    and starts its timers.
  - A cluster is restarted only where O(postgresql_restart) says so, and MariaDB where O(mariadb_restart) does; their configuration is read
    whole by themselves before it counts, and put back where that refuses it.
options:
  name:
    description: The name of the host among backups.
    type: str
    required: true
  postgresql:
    description: Whether the clusters of PostgreSQL are backed up.
    type: bool
    default: false
  postgresql_to:
    description: The repository of PostgreSQL, which is one of O(answers).
    type: str
    default: ""
  postgresql_restart:
    description: Whether a cluster is restarted that was started without C(archive_mode).
    type: bool
    default: false
  mariadb:
    description: Whether MariaDB is backed up.
    type: bool
    default: false
  mariadb_binlog:
    description: Whether MariaDB logs all changes, and the log is backed up.
    type: bool
    default: true
  mariadb_restart:
    description: Whether MariaDB is restarted where it was started without C(log_bin).
    type: bool
    default: false
  answers:
    description: What M(safetynet.prod_access.backup_repository) answered, by the name of the repository.
    type: dict
extends_documentation_fragment: safetynet.prod_access.backup
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Have a key
  safetynet.prod_access.backup_client:
    name: "{{ inventory_hostname }}"
  become: true
  register: asked
"""

RETURN = r"""
changes:
  description: What was done, or would be in check mode.
  returned: always
  type: list
  elements: str
request:
  description: What a repository is asked to sign. It is empty in check mode, before there is a key.
  returned: without O(answers)
  type: str
clusters:
  description: The clusters of PostgreSQL.
  returned: without O(answers)
  type: list
  elements: dict
notes:
  description: What is left for people to do.
  returned: with O(answers)
  type: list
  elements: str
"""

from ..module_utils import _apply_module
from ..module_utils._backup_client import MODULES


def main() -> None:
    _apply_module.main(MODULES["backup_client"])


if __name__ == "__main__":
    main()
