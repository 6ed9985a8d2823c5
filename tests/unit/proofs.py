"""Evidence of a host whose net holds, to be broken in one place by each test; and runs of it, for tests of the page."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.safetynet.prod_access.plugins.module_utils._access import Access, HostGrant, HostPerson
from ansible_collections.safetynet.prod_access.plugins.module_utils._model import Person
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._proof import Asked, Evidence, Proof, judge
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._proof_history import as_data, page_data, small

NOW = Moment.parse("2026-11-26T16:00:00Z").epoch
DAY = 86400
FOUND: dict[str, Any] = {
    "host": {
        "prompts": [{"shell": "/bin/bash", "painted": [{"text": " PRODUCTION ", "colour": "red"}], "text": "", "problem": ""}],
        "receipts": {
            "backup": {"ok": True, "ended": "2026-11-26T02:00:00Z", "good_until": NOW + DAY, "alarm": ""},
            "restore": {"ok": True, "ended": "2026-11-24T04:00:00Z", "good_until": NOW + DAY, "alarm": ""},
        },
        "sudo": {"sound": True, "faults": [], "oddities": [], "files": 4},
        "ways_in": ["root", "carol"],
        "connecting": "root",
        "timer": "active",
        "clock": {"offset": -0.02, "within": 0.03},
        "certificates": [{"path": "/etc/prod-access/audit/host.pem", "ends": NOW + 300 * DAY}],
    },
    "canary": {"token": "canary-1", "person": "carol", "canaries": {"ssh command": ""}},
    "record": {
        "events": [
            {
                "what": "/bin/true canary-1-ssh-command",
                "source": "snoopy",
                "person": "carol",
                "time": "2026-11-26T15:59:50.0Z",
                "received": "2026-11-26T15:59:51.4Z",
            }
        ],
        "chain": {"faults": [], "files": 3, "lines": 1200, "hash": "0123456789abcdef"},
    },
    "access": {
        "accounts": [
            {
                "login": "carol",
                "ours": True,
                "closed": False,
                "keys": [],
                "groups": [],
                "strong_groups": [],
                "sudo": ["(ALL : ALL) NOPASSWD: ALL"],
            }
        ],
        "strays": [{"kind": "key", "what": "SHA256:x in /root/.ssh/authorized_keys, for root", "login": "root", "person": None}],
    },
}


def person(until: str | None = None) -> HostPerson:
    end = Moment.parse(until) if until else None
    return HostPerson(Person("carol", name="Carol"), (HostGrant("all[0]", "She looks after it.", sudo="full", until=end),))


def asked(*, until: str | None = None, **more: Any) -> Asked:
    return Asked("web1", Access({"carol": person(until)}), collector="log1", **more)


def evidence(**parts: Any) -> Evidence:
    """All is well but for these parts, which are laid over it; a dictionary goes into the one that is there."""
    found = copy.deepcopy(FOUND)
    for name, part in parts.items():
        found[name] = {**found[name], **part} if part else part
    return Evidence(**found)


def proofs(given: Asked | None = None, **parts: Any) -> dict[str, Proof]:
    return {proof.name: proof for proof in judge(given or asked(), evidence(**parts), NOW)}


def hosts(**bad: Any) -> dict[str, dict[str, Any]]:
    """Three hosts: one where all is well, one that is as is said, one that was not reached."""
    gone = {"unreachable": True, "msg": "no route to host"}
    return {
        "web1": {"environment": "production", "proofs": as_data(list(proofs().values()))},
        "web2": {"environment": "production", "proofs": as_data(list(proofs(**bad).values()))},
        "gone1": {"environment": None, "proofs": as_data(list(proofs(host=gone, canary=gone, record={}, access=gone).values()))},
    }


def page(runs: int = 12, **bad: Any) -> dict[str, Any]:
    """What the page shows: that, and runs before it in which all was well, with values that come and go."""
    every = hosts(**bad)
    history = []
    for number in range(runs - 1):
        one = small(f"2026-11-{26 - runs + 1 + number:02}T16:00:00Z", {"web1": every["web1"], "web2": every["web1"]})
        one["hosts"]["web1"]["record"] = ["warn" if number % 5 == 4 else "ok", 1 + number % 3 + 4 * (number % 5 == 4)]
        history.append(one)
    made = "2026-11-26T16:00:00Z"
    return page_data(made, every, [*history, small(made, every)])
