#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted back of a host's backups."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_restore
short_description: Bring back a table, a database, files or the whole host, beside what is live
version_added: 0.1.0
description:
  - Whatever comes back comes back beside what is live, under a name of its own. A table is put in its place only by O(step=swap), and
    what it replaces is kept.
  - What cannot be is refused before anything is done. A run that is interrupted leaves nothing but a scratch folder, which the next one
    clears.
options:
  table:
    description: A table, as C(database.schema.table) of PostgreSQL or C(database.table) of MariaDB.
    type: str
    default: ""
  database:
    description: A database of PostgreSQL.
    type: str
    default: ""
  files:
    description: A file, or a directory with all that is in it.
    type: str
    default: ""
  host:
    description: All files of the host.
    type: bool
    default: false
  to:
    description: The moment, RFC 3339 with a zone; or V(before_drop), for a table.
    type: str
    required: true
  cluster:
    description: The cluster of PostgreSQL, such as V(17/main), where several have a database of that name.
    type: str
    default: ""
  known:
    description: What the step before returned as RV(known), which spares the other steps the search.
    type: dict
    default: {}
  step:
    description:
      - V(plan) finds out what there is, and changes nothing.
      - V(bring) brings it back beside what is live. Where that is there from an earlier run, it stays.
      - V(swap) puts a table in its place.
    type: str
    choices: [plan, bring, swap]
    default: plan
attributes:
  action:
    description: What is asked is checked on the controller first.
    support: full
  check_mode:
    description: Does what V(plan) does.
    support: full
  diff_mode:
    description: Shows nothing.
    support: none
  platform:
    description: Linux with systemd. Debian 12 and 13 are tested.
    support: full
    platforms: posix
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Bring back the table that somebody dropped
  safetynet.prod_access.backup_restore:
    table: shop.public.orders
    to: before_drop
    step: bring
  become: true
"""

RETURN = r"""
says:
  description: What people have to know of it.
  returned: always
  type: list
  elements: str
where:
  description: Where it is.
  returned: O(step) is not V(plan)
  type: str
rows:
  description: How many rows a table has that came back.
  returned: O(table) and O(step) is not V(plan)
  type: int
newest:
  description: The newest row, by a column of times.
  returned: a table of PostgreSQL, and O(step) is not V(plan)
  type: str
known:
  description: What was found out, for the next step.
  returned: O(step) is not V(swap), with what is of a database
  type: dict
moment:
  description: The moment that it is of.
  returned: always
  type: str
"""

from ..module_utils import _apply_module
from ..module_utils._restore import MODULES


def main() -> None:
    _apply_module.main(MODULES["backup_restore"])


if __name__ == "__main__":
    main()
