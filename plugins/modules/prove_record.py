#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a collector has of a host, to prove that it arrives and stays what it was."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prove_record
short_description: Look at the collector for a host's canary, and whether what was sealed is unchanged
version_added: 0.1.0
description:
  - Waits until a command that M(safetynet.prod_access.audit_canaries) ran is on record, and no longer than is said.
  - Compares what the host sent in the last days with its seals.
options:
  name:
    description: The name of the host in the inventory.
    type: str
    required: true
  canary:
    description: What the name of the canary begins with.
    type: str
    required: true
  wait:
    description: How long to wait for it, in seconds.
    type: float
    default: 30
  days:
    description: How many days to compare, the last ones; all with 0.
    type: int
    default: 2
extends_documentation_fragment: safetynet.prod_access.reads
attributes:
  platform:
    description: Linux with systemd. Debian 12 and 13 are tested.
    support: full
    platforms: posix
notes:
  - It runs on the collector, by C(delegate_to), and needs root there.
seealso:
  - module: safetynet.prod_access.prove
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Look for the canary at the collector
  safetynet.prod_access.prove_record:
    name: "{{ inventory_hostname }}"
    canary: "{{ __prove_canary.token }}"
  become: true
  delegate_to: log1
"""

RETURN = r"""
events:
  description: The events of the canary, as M(safetynet.prod_access.audit_events_info) has them; none where it did not come.
  returned: always
  type: list
  elements: dict
chain:
  description: C(faults), and how many C(files) and C(lines) were compared, up to the seal of this C(hash); or the C(problem).
  returned: always
  type: dict
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _event_seals, _event_store
from ..module_utils._audit_program import note_reading, wanted_by
from ..module_utils._command import HostError
from ..module_utils._event import KINDS, Event

_POLL = 0.25
# How long a host has said nothing is no question here: the canary is the answer.
_SILENCE = 1e9


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "canary": {"type": "str", "required": True},
            "wait": {"type": "float", "default": 30},
            "days": {"type": "int", "default": 2},
        },
        supports_check_mode=True,
    )
    params = module.params
    collector = _event_store.Collector()
    try:
        events = _await(collector, params, module)
    except (HostError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    chain: dict[str, Any]
    try:
        (host,) = collector.chosen([params["name"]])
        chain = dict(_event_seals.verify_host(collector, host, time.time(), _SILENCE, params["days"]).to_data())
    except (HostError, OSError) as error:
        chain = {"problem": str(error)}
    module.exit_json(changed=False, events=[event.to_data() for event in events], chain=chain)


def _await(collector: _event_store.Collector, params: dict[str, Any], module: AnsibleModule) -> list[Event]:
    """The events of the canary, once they are there; none when the time is over."""
    said = {"person": "", "kinds": sorted(KINDS), "text": params["canary"], "since": "10 minutes ago", "until": "now"}
    note_reading("search", wanted_by(said, int(time.time() * 1_000_000)), [params["name"]])
    deadline = time.monotonic() + params["wait"]
    while True:
        # A host of which nothing ever came may be about to send the first.
        if params["name"] in collector.hosts():
            wanted = wanted_by(said, int(time.time() * 1_000_000))
            events = list(collector.events(wanted, [params["name"]], module.warn))
            if events:
                return events
        if time.monotonic() >= deadline:
            return []
        time.sleep(_POLL)


if __name__ == "__main__":
    main()
