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

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _backup_repository, _files
from ..module_utils._command import HostError
from ..module_utils._steps import Steps


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "client": {
                "type": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "address": {"type": "str", "required": True},
                    "request": {"type": "str", "required": True},
                    "clusters": {"type": "list", "elements": "dict", "default": []},
                    "files": {"type": "bool", "default": True},
                    "parts": {"type": "list", "elements": "str", "default": ["files"]},
                    "postgresql": {"type": "bool", "default": False},
                },
            },
            "settings": {"type": "dict"},
            "begin": {"type": "bool", "default": False},
            "lock_timeout": {"type": "int", "default": 60},
        },
        required_one_of=[["client", "settings"]],
        supports_check_mode=True,
    )
    os.umask(0o022)
    params = module.params
    steps = Steps(check=module.check_mode)
    client = params["client"]
    # Many are let in at the same time: restic takes seconds for each, by its choice of how slow a password is to try.
    lock = {"path": f"/run/prod-access-client-{client['name']}.lock"} if client else {}
    try:
        with _files.host_lock("backup_repository", params["lock_timeout"], **lock):
            if client is None:
                answer = _backup_repository.set_up(params["settings"], steps)
            elif params["begin"]:
                answer = _backup_repository.begin(client, steps)
            elif steps.check and not os.path.exists(_backup_repository.CONFIG):
                answer = {"changed": True, "changes": [f"let {client['name']} in"]}
            else:
                answer = _backup_repository.enrol(_backup_repository.read_config(), client, steps)
    except (HostError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
