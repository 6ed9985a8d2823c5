#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is backed up of a host, and what is proven."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
short_description: Read what is backed up of a host and proven, and what a repository holds
version_added: 0.1.0
description:
  - Reads the receipts of a host and asks its repositories, and changes nothing.
  - On a host that holds backups, it reads those of all its clients.
options:
  snapshots:
    description: Whether to ask the repositories what they have, which takes a second or two.
    type: bool
    default: true
extends_documentation_fragment: safetynet.prod_access.reads
attributes:
  platform:
    description: Linux with systemd. Debian 12 and 13 are tested.
    support: full
    platforms: posix
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Read what is proven
  safetynet.prod_access.backup_info:
  become: true
  register: found

- name: Be sure that nothing is wrong
  ansible.builtin.assert:
    that: found.alarms == []
"""

RETURN = r"""
alarms:
  description: What people have to know, in a line each.
  returned: always
  type: list
  elements: str
backup:
  description: The receipt of each part of the last backup, with C(ok), C(ended) of the last good one, and C(facts).
  returned: on a host that is backed up
  type: list
  elements: dict
restore:
  description: The receipt of each part of the last drill.
  returned: on a host that is backed up
  type: list
  elements: dict
snapshots:
  description: What restic's server has of this host, the oldest first.
  returned: O(snapshots=true), on a host that is backed up
  type: list
  elements: dict
  contains:
    id:
      description: Its name.
      type: str
    time:
      description: When it was begun, RFC 3339.
      type: str
    parts:
      description: What it is of, such as V(files) or V(mariadb).
      type: list
      elements: str
    age:
      description: How old it is, in seconds.
      type: int
postgresql:
  description: The backups that pgbackrest has of each stanza of this host, with C(label), C(kind), C(start), C(stop), C(size).
  returned: O(snapshots=true), on a host with clusters of PostgreSQL that are backed up
  type: dict
repository:
  description: C(clients) and their newest backups, the percentage of C(disks) that is in use, and the C(receipts) of its own work.
  returned: on a host that holds backups
  type: dict
"""

import os
import time
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _backup_client, _backup_program, _backup_repository, _backup_repository_program, _receipt
from ..module_utils._command import HostError
from ..module_utils._moment import Moment
from ..module_utils._postgres import backups, found_clusters


def main() -> None:
    module = AnsibleModule(argument_spec={"snapshots": {"type": "bool", "default": True}}, supports_check_mode=True)
    answer: dict[str, Any] = {"alarms": []}
    try:
        if os.path.exists(_backup_client.CONFIG):
            config = _backup_client.read_config()
            answer.update(_backup_program.status_of(config))
            if module.params["snapshots"]:
                answer.update(_held(config))
        elif not os.path.exists(_backup_repository.CONFIG):
            raise HostError("this host has no backups, and holds none", "give it the role backup")
        if os.path.exists(_backup_repository.CONFIG):
            status = _backup_repository_program.status_of(_backup_repository.read_config())
            answer["repository"] = status
            answer["alarms"] += _receipt.alarms(status["receipts"], int(time.time()))
    except (HostError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **answer)


def _held(config: dict[str, Any]) -> dict[str, Any]:
    """What the repositories have of this host."""
    now = int(time.time())
    snapshots = [
        {"id": one["id"], "time": one["time"], "parts": one.get("tags") or [], "age": now - Moment.parse(one["time"]).epoch}
        for one in _backup_client.repository(config).snapshots()
    ]
    if not config["postgresql"]:
        return {"snapshots": snapshots}
    stanzas = (cluster.stanza(config["name"]) for cluster in found_clusters())
    return {"snapshots": snapshots, "postgresql": {stanza: [asdict(one) for one in backups(stanza)] for stanza in stanzas}}


if __name__ == "__main__":
    main()
