#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who ran what, where, as whom."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_events_info
short_description: Read who ran what, where, as whom
version_added: 0.1.0
description:
  - Reads the events of a time from the collector's files, or from the journal of the host itself, and changes nothing.
  - Everything is filtered where it lies, as a stream; only what is asked for comes to the controller.
  - A person is whoever began the session, by the login UID, whatever user they became since. Secrets among arguments are hidden.
  - To read what others did is itself an event, which goes to the journal of the host that is read.
options:
  source:
    description:
      - V(collector) reads the files of all hosts, on the collector.
      - V(journal) reads the host's own journal, which has less, and which root of that host can change.
    type: str
    choices: [collector, journal]
    default: collector
  person:
    description: A login, or C(#) and the number of a UID.
    type: str
    default: ""
  hosts:
    description: Hosts whose records are read, as the collector calls them. All of them when it is empty; only for the collector.
    type: list
    elements: str
    default: []
  kinds:
    description: Kinds of events. All of them when it is empty.
    type: list
    elements: str
    default: []
    choices:
      - access_change
      - alarm
      - announcement
      - audit_read
      - automation
      - backup
      - command
      - guard
      - heartbeat
      - login
      - logout
      - recording
      - restore
      - session
      - sql
      - sudo
      - unreadable
      - unverified
  text:
    description: What an event must hold, in capital or small letters.
    type: str
    default: ""
  since:
    description:
      - The first moment, such as V(2 hours ago), V(yesterday), V(2026-11-25), V(2026-11-25 12:00) or RFC 3339. Without a zone it is UTC.
    type: str
    default: today
  until:
    description: The end, in the same way.
    type: str
    default: now
  limit:
    description: How many events there are at most. The last ones are kept.
    type: int
    default: 1000
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
notes:
  - It needs root, or whoever may read those files, or that journal.
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: See what was dropped in the last two hours, and by whom
  safetynet.prod_access.audit_events_info:
    since: 2 hours ago
    kinds: [sql, command, guard]
    text: drop
  become: true
  register: found
  delegate_to: log1
"""

RETURN = r"""
events:
  description: The events, the oldest first.
  returned: always
  type: list
  elements: dict
  contains:
    time:
      description: When it was, RFC 3339 in UTC.
      type: str
      sample: "2026-11-25T12:51:15.925121Z"
    host:
      description: Where it was.
      type: str
    kind:
      description: What sort of event it is.
      type: str
    person:
      description: Who began the session, C(#) and the UID where no name is known. Not there where nobody did.
      type: str
    user:
      description: Whose rights were used.
      type: str
    session:
      description: The session's name on the host.
      type: str
    what:
      description: The command, the statement, or what is said.
      type: str
    status:
      description: How it ended, where that is known.
      type: int
    source:
      description: What recorded it.
      type: str
    record:
      description: The record's number at the collector, or its cursor in the journal.
      type: str
    received:
      description: When the collector had it, RFC 3339 in UTC.
      type: str
    details:
      description: More, by name, such as C(address), C(directory), C(terminal), C(program), C(recording), and C(doubt).
      type: dict
matched:
  description: How many events there were, those beyond the limit too.
  returned: always
  type: int
"""

import socket
import time
from collections import deque

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _event_store
from ..module_utils._audit_program import note_reading, wanted_by
from ..module_utils._command import HostError
from ..module_utils._event import KINDS, Event


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str", "choices": ["collector", "journal"], "default": "collector"},
            "person": {"type": "str", "default": ""},
            "hosts": {"type": "list", "elements": "str", "default": []},
            "kinds": {"type": "list", "elements": "str", "default": [], "choices": sorted(KINDS)},
            "text": {"type": "str", "default": ""},
            "since": {"type": "str", "default": "today"},
            "until": {"type": "str", "default": "now"},
            "limit": {"type": "int", "default": 1000},
            "folder": {"type": "path", "default": _event_store.FOLDER},
        },
        supports_check_mode=True,
    )
    params = module.params
    matched = 0
    last: deque[Event] = deque(maxlen=max(0, params["limit"]))
    try:
        wanted = wanted_by(params, int(time.time() * 1_000_000))
        if params["source"] == "collector":
            collector = _event_store.Collector(params["folder"])
            hosts = collector.chosen(params["hosts"])
            events = collector.events(wanted, hosts, module.warn)
        else:
            events = _event_store.journal_events(wanted, socket.gethostname())
        note_reading("search", wanted, params["hosts"])
        for event in events:
            matched += 1
            last.append(event)
    except (HostError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, events=[event.to_data() for event in last], matched=matched)


if __name__ == "__main__":
    main()
