#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that holds the backups of others."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_repository
short_description: Set up a host that holds the backups of others, and let them in
version_added: 0.1.0
description:
  - Without O(client), the host gets a small authority for certificates, and starts restic's server and pgbackrest's, both over TLS.
  - With it, that client is let in, with a certificate for its key, a repository for its files, and a stanza for each of its clusters of
    PostgreSQL. It can add to them and read them, and reach nobody else's.
  - Its credentials are sealed for the key of the client, so that neither Ansible nor its output ever has them.
options:
  client:
    description: The client, as M(safetynet.prod_access.backup_client) asked for it.
    type: dict
    suboptions:
      name:
        description: Its name among backups.
        type: str
        required: true
      address:
        description: The name or address by which the repository reaches it.
        type: str
        required: true
      request:
        description: What is to be signed.
        type: str
        required: true
      clusters:
        description: Its clusters of PostgreSQL.
        type: list
        elements: dict
        default: []
      files:
        description: Whether its files come here.
        type: bool
        default: true
      parts:
        description: What comes here each day beside PostgreSQL, such as V(files) and V(mariadb). What is missing is an alarm.
        type: list
        elements: str
        default: [files]
      postgresql:
        description: Whether its clusters of PostgreSQL come here.
        type: bool
        default: false
  settings:
    description: The settings of the repository, which its role writes to the host. Needed without O(client).
    type: dict
  begin:
    description: Whether to begin with the first backup of O(client), without waiting for it, where there is none yet.
    type: bool
    default: false
extends_documentation_fragment: safetynet.prod_access.backup
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Let a host in
  safetynet.prod_access.backup_repository:
    client:
      name: "{{ inventory_hostname }}"
      address: "{{ inventory_hostname }}"
      request: "{{ asked.request }}"
  delegate_to: backup1
  become: true
  register: answer
"""

RETURN = r"""
changes:
  description: What was done, or would be in check mode.
  returned: always
  type: list
  elements: str
answer:
  description: What the client is to keep; the part that is secret is sealed for its key.
  returned: with O(client), but not in check mode before there is a key
  type: dict
"""

from ..module_utils import _apply_module
from ..module_utils._backup_repository import MODULES


def main() -> None:
    _apply_module.main(MODULES["backup_repository"])


if __name__ == "__main__":
    main()
