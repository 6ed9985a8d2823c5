#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is on a host, or on the collector, of a time."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postmortem_evidence
short_description: Read what happened in a time, drawn together where it is alike
version_added: 0.1.0
description:
  - Reads the events of a time from the collector's files, or from the journal of the host itself, as
    M(safetynet.prod_access.audit_events_info) does, but brings no more of them than people can look at. What is alike is drawn together
    where it lies, and counted. What destroys data, and what people said and were asked, stays by itself as long as that can be.
  - Says also when nothing came from a host that otherwise says that it is there, and how far its clock is ahead of the collector's.
  - Reads the receipts of backups, and what people see in front of their prompts, of the host that it runs on.
  - To read what others did is itself an event, which goes to the journal of the host that is read.
options:
  source:
    description:
      - V(collector) reads the files of the collector, which it then must run on.
      - V(journal) reads the host's own journal, which has less, and which root of that host can change.
      - V(none) reads no events.
    type: str
    choices: [collector, journal, none]
    required: true
  since:
    description: The first moment, RFC 3339.
    type: str
    required: true
  until:
    description: The end, RFC 3339.
    type: str
    required: true
  hosts:
    description: Hosts whose records are read, as the collector calls them. Of those that it does not know nothing is returned.
    type: list
    elements: str
    default: []
  most:
    description: How many items there are at most, of all hosts together. Each host has one for each kind of events at least.
    type: int
    default: 5000
  hosts_in_all:
    description: How many hosts are read in all, where each reads its own journal.
    type: int
    default: 1
  folder:
    description: Where the collector's files are.
    type: path
    default: /var/log/prod-access
extends_documentation_fragment: safetynet.prod_access.reads
attributes:
  platform:
    description: Linux with systemd. Debian 12 and 13 are tested.
    support: full
    platforms: posix
seealso:
  - module: safetynet.prod_access.postmortem
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Read what the collector has
  safetynet.prod_access.postmortem_evidence:
    source: collector
    since: "2026-11-25T12:00:00Z"
    until: "2026-11-25T13:00:00Z"
    hosts: [db1, web1]
  become: true
  delegate_to: log1
  register: __collector
"""

RETURN = r"""
known:
  description: The hosts of which there is something.
  returned: success
  type: list
  elements: str
evidence:
  description:
    - JSON. For each host under C(hosts) its C(items), C(counts) by kind, C(silences), C(ahead) (microseconds) and C(unplaced).
    - Of hosts on which data were destroyed, C(before) are the backups and restores of eight days before.
    - C(begins) is the first moment that the collector has of a host, or that the journal of this host has, if it was read.
    - C(complaints) are what could not be read.
    - C(receipts), C(environment), C(label) and C(guards) are this host's own.
  returned: success
  type: str
"""

from ..module_utils import _apply_module
from ..module_utils._postmortem_evidence import MODULES


def main() -> None:
    _apply_module.main(MODULES["postmortem_evidence"])


if __name__ == "__main__":
    main()
