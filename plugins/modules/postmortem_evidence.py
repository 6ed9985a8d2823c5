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

import contextlib
import gc
import glob
import json
import multiprocessing
import os
import re
import socket
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _digest, _environment, _event_store
from ..module_utils._audit_program import note_reading
from ..module_utils._command import HostError
from ..module_utils._event import instant, written
from ..module_utils._event_filter import Filter
from ..module_utils._event_sources import UNKNOWN_TIME

_RECEIPTS = "/var/lib/prod-access/receipts"
_MOST_PROCESSES = 8
# Where data were destroyed, the last backup may have been long before the time that is asked for; on so many hosts it is looked for.
_BEFORE = 8 * 86400 * 1_000_000
_MOST_BEFORE = 10
_HEAD = re.compile(r"Head realtime timestamp: .*\(([0-9a-f]+)\)")
# What a killed run leaves is no file of ours, and no receipt is as long as this.
_LONGEST_RECEIPT = 1 << 20


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str", "choices": ["collector", "journal", "none"], "required": True},
            "since": {"type": "str", "required": True},
            "until": {"type": "str", "required": True},
            "hosts": {"type": "list", "elements": "str", "default": []},
            "hosts_in_all": {"type": "int", "default": 1},
            "most": {"type": "int", "default": 5000},
            "folder": {"type": "path", "default": _event_store.FOLDER},
        },
        supports_check_mode=True,
    )
    params = module.params
    found: dict[str, Any] = {"hosts": {}, "complaints": [], "begins": None}
    try:
        wanted = Filter(since=instant(params["since"]), until=instant(params["until"]))
        if params["source"] != "none":
            note_reading("postmortem", wanted, params["hosts"])
        if params["source"] == "collector":
            found["hosts"], found["complaints"] = collected(wanted, params["folder"], params["hosts"], params["most"])
        elif params["source"] == "journal":
            host = socket.gethostname()
            made = _digest.digest(_event_store.journal_events(wanted, host), _digest.share(params["hosts_in_all"]))
            found["hosts"] = {host: made.to_data(wanted.since, wanted.until)}
            if made.destroyed:
                found["hosts"][host]["before"] = _digest.backups(_event_store.journal_events(_before(wanted), host))
            found["begins"] = journal_begin(module)
    except (HostError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    here = _environment.read()
    found.update(environment=here.name, label=here.label, guards=sorted(here.guards), receipts=list(_digest.receipts(receipt_files())))
    module.exit_json(changed=False, known=sorted(found["hosts"]), evidence=json.dumps(found))


def collected(wanted: Filter, folder: str, hosts: list[str], most: int) -> tuple[dict[str, Any], list[str]]:
    """What the collector has of these hosts, and what it complains of."""
    collector = _event_store.Collector(folder)
    known = [host for host in collector.hosts() if host in hosts]
    jobs = [(collector.folder, host, wanted, _digest.share(len(known))) for host in known]
    workers = min(_MOST_PROCESSES, os.cpu_count() or 1)
    # These processes do nothing else, make no cycles, and end.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork"), initializer=gc.disable) as pool:
        done = list(pool.map(_of_host, jobs, chunksize=max(1, len(jobs) // (workers * 4))))
    digests = {host: made for host, made, _begins, _complaints in done}
    _digest.fit(digests, most)
    data = {host: {**digests[host].to_data(wanted.since, wanted.until), "begins": begins} for host, _made, begins, _complaints in done}
    for host in [host for host, made in digests.items() if made.destroyed][:_MOST_BEFORE]:
        complaints: list[str] = []
        data[host]["before"] = _digest.backups(collector.events(_before(wanted), [host], complaints.append))
    return data, [f"{host}: {complaint}" for host, _made, _begins, complaints in done for complaint in complaints]


def _before(wanted: Filter) -> Filter:
    return Filter(kinds=frozenset(("backup", "restore")), since=max(0, wanted.since - _BEFORE), until=wanted.since)


def _of_host(job: tuple[str, str, Filter, int]) -> tuple[str, _digest.Digest, str | None, list[str]]:
    folder, host, wanted, most = job
    complaints: list[str] = []
    collector = _event_store.Collector(folder)
    # What cannot be read of other times is nothing to this one.
    everything = collector.events(Filter(), [host], lambda _complaint: None)
    first = next((event for event in everything if event.time != UNKNOWN_TIME), None)
    made = _digest.digest(collector.events(wanted, [host], complaints.append), most)
    return host, made, None if first is None else written(first.time), complaints


def journal_begin(module: AnsibleModule) -> str | None:
    """The first moment that the journal of this host has, RFC 3339; None where that cannot be known."""
    _status, out, _err = module.run_command(["journalctl", "--header"])
    # A file that is new has no entry yet, and says 0.
    begins = [begin for begin in (int(found, 16) for found in _HEAD.findall(out)) if begin]
    return written(min(begins)) if begins else None


def receipt_files() -> dict[str, Any]:
    """The receipts of this host, by their names."""
    found = {}
    for path in glob.glob(f"{_RECEIPTS}/*.json"):
        with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as stream:
            found[os.path.basename(path)[: -len(".json")]] = json.loads(stream.read(_LONGEST_RECEIPT))
    return found


if __name__ == "__main__":
    main()
