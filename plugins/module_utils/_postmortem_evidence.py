# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is on a host, or on the collector, of a time: drawn together where it lies."""

from __future__ import annotations

import contextlib
import gc
import glob
import json
import multiprocessing
import os
import re
import socket
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Mapping

from . import _digest, _environment, _event_store, _files
from ._audit_program import note_reading
from ._command import attempt
from ._event import instant, written
from ._event_filter import Filter
from ._event_sources import UNKNOWN_TIME
from ._host_module import HostModule

_MOST_PROCESSES = 8
# Where data were destroyed, the last backup may have been long before the time that is asked for; on so many hosts it is looked for.
_BEFORE = 8 * 86400 * 1_000_000
_MOST_BEFORE = 10
_HEAD = re.compile(r"Head realtime timestamp: .*\(([0-9a-f]+)\)")
# What a killed run leaves is no file of ours, and no receipt is as long as this.
_LONGEST_RECEIPT = 1 << 20


def manage(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """All that the module does, and its answer. In check mode it is the same."""
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
            found["begins"] = journal_begin()
    except ValueError as error:
        return {"failed": True, "msg": str(error)}
    here = _environment.read()
    found.update(environment=here.name, label=here.label, guards=sorted(here.guards), receipts=list(_digest.receipts(receipt_files())))
    return {"changed": False, "known": sorted(found["hosts"]), "evidence": json.dumps(found)}


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


def journal_begin() -> str | None:
    """The first moment that the journal of this host has, RFC 3339; None where that cannot be known."""
    out = attempt(["journalctl", "--header"]).stdout
    # A file that is new has no entry yet, and says 0.
    begins = [begin for begin in (int(found, 16) for found in _HEAD.findall(out)) if begin]
    return written(min(begins)) if begins else None


def receipt_files() -> dict[str, Any]:
    """The receipts of this host, by their names."""
    found = {}
    for path in glob.glob(f"{_files.RECEIPTS}/*.json"):
        with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as stream:
            found[os.path.basename(path)[: -len(".json")]] = json.loads(stream.read(_LONGEST_RECEIPT))
    return found


_ARGUMENTS = {
    "source": {"type": "str", "choices": ["collector", "journal", "none"], "required": True},
    "since": {"type": "str", "required": True},
    "until": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "hosts_in_all": {"type": "int", "default": 1},
    "most": {"type": "int", "default": 5000},
    "folder": {"type": "path", "default": _event_store.FOLDER},
}

MODULES: Mapping[str, HostModule] = {"postmortem_evidence": HostModule(_ARGUMENTS, manage)}
