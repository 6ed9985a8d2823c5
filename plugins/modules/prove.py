#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prove
short_description: Say of each promise whether it holds on a host, by the evidence
version_added: 0.1.0
description:
  - Takes what was gathered of a host, and what the inventory declares, and says of each proof whether it is V(ok), V(warn), V(broken),
    V(unknown) or V(waived), what was seen, and how to mend it. No host is asked.
  - Fails where a setting cannot work. Without evidence it looks at the settings alone.
  - The proofs are V(record), V(prompt), V(backup), V(restore), V(chain), V(sudo), V(ways_in), V(access), V(ends), V(clock) and
    V(certificates).
options:
  canary:
    description: What M(safetynet.prod_access.audit_canaries) returned, with its O(ignore:alone).
    type: dict
  host:
    description: What M(safetynet.prod_access.prove_host) returned.
    type: dict
  record:
    description: What M(safetynet.prod_access.prove_record) returned.
    type: dict
  access:
    description: What M(safetynet.prod_access.access_info) returned.
    type: dict
  asked:
    description: Whether the host is asked at all. M(safetynet.prod_access.prove_report) shows no other.
    type: bool
    default: true
  settings:
    description: What is known of the host beforehand, and from where on something is amber, and red.
    type: dict
    required: true
    suboptions:
      production:
        description: The environments that are production.
        type: list
        elements: str
        default: [production]
      collector:
        description: The host that collects what people do here; empty where nobody does.
        type: str
        default: ""
      waived:
        description: Proofs that are not asked for on this host, and why.
        type: dict
        default: {}
      known_access:
        description: Patterns, as of C(fnmatch), of ways in that are known, and that the inventory does not declare.
        type: list
        elements: str
        default: []
      record_seconds:
        description: From how many seconds on the way to the collector is amber, and red. So long is waited for.
        type: dict
        suboptions: &limits
          warn:
            description: Amber from there on.
            type: float
            required: true
          broken:
            description: Red from there on.
            type: float
            required: true
      backup_hours:
        description: From how many hours on the last backup is amber, and red.
        type: dict
        suboptions: *limits
      restore_days:
        description: From how many days on the last proven restore is amber, and red.
        type: dict
        suboptions: *limits
      clock_seconds:
        description: From how many seconds on the clock is amber, and red.
        type: dict
        suboptions: *limits
      certificate_days:
        description: Below how many days that are left a certificate is amber, and red.
        type: dict
        suboptions: *limits
      ends_days:
        description: How many days before an access ends it is amber.
        type: float
        default: 14
extends_documentation_fragment: safetynet.prod_access.controller
seealso:
  - module: safetynet.prod_access.prove_report
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Say of each promise whether it holds
  safetynet.prod_access.prove:
    canary: "{{ __prove_canary }}"
    host: "{{ __prove_host }}"
    record: "{{ __prove_record }}"
    access: "{{ __prove_access }}"
    settings:
      collector: log1
  register: __prove
"""

RETURN = r"""
asked:
  description: Whether the host is asked at all.
  returned: success
  type: bool
environment:
  description: The environment of the host.
  returned: where there is evidence
  type: str
proofs:
  description: >-
    Each with C(name), C(state), the C(evidence) as a sentence, how to C(mend) it, the C(value) that a trend is drawn of, and that in
    C(short).
  returned: where there is evidence
  type: list
  elements: dict
"""
