# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collector has of a command that was run on a host, and whether its record is whole."""

from __future__ import annotations

import time
from typing import Any, Callable, Mapping

from . import _event_seals, _event_store
from ._audit_program import note_reading, wanted_by
from ._command import HostError
from ._event import KINDS, Event
from ._host_module import HostModule

_POLL = 0.25
# How long a host has said nothing is no question here: the canary is the answer.
_SILENCE = 1e9


def manage(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """All that the module does, and its answer. In check mode it is the same."""
    collector = _event_store.Collector()
    notes: list[str] = []
    try:
        events = _await(collector, params, notes.append)
    except ValueError as error:
        return {"failed": True, "msg": str(error)}
    chain: dict[str, Any]
    try:
        (host,) = collector.chosen([params["name"]])
        chain = dict(_event_seals.verify_host(collector, host, time.time(), _SILENCE, params["days"]).to_data())
    except (HostError, OSError) as error:
        chain = {"problem": str(error)}
    return {"changed": False, "events": [event.to_data() for event in events], "chain": chain, "notes": notes}


def _await(collector: _event_store.Collector, params: Mapping[str, Any], complain: Callable[[str], None]) -> list[Event]:
    """The events of the canary, once they are there; none when the time is over."""
    said = {"person": "", "kinds": sorted(KINDS), "text": params["canary"], "since": "10 minutes ago", "until": "now"}
    note_reading("search", wanted_by(said, int(time.time() * 1_000_000)), [params["name"]])
    deadline = time.monotonic() + params["wait"]
    while True:
        # A host of which nothing ever came may be about to send the first.
        if params["name"] in collector.hosts():
            wanted = wanted_by(said, int(time.time() * 1_000_000))
            events = list(collector.events(wanted, [params["name"]], complain))
            if events:
                return events
        if time.monotonic() >= deadline:
            return []
        time.sleep(_POLL)


_ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "canary": {"type": "str", "required": True},
    "wait": {"type": "float", "default": 30},
    "days": {"type": "int", "default": 2},
}

MODULES: Mapping[str, HostModule] = {"prove_record": HostModule(_ARGUMENTS, manage)}
