"""Settings of the roles audit and audit_collector: what is wrong with them is said at once, before any host is touched."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._audit_settings import faults

GOOD: dict[str, Any] = {
    "host": "web1.example.com",
    "collector": "log1",
    "collectors": ["log1", "web1"],
    "address": "2001:db8::1",
    "port": 7514,
    "exclude": [{"SYSLOG_IDENTIFIER": "snoopy", "MESSAGE": ".*check.*"}],
    "redact": ["(?<=PIN )[0-9]+"],
    "sizes": {"audit_journal_size": "1G"},
    "numbers": {"audit_patience": [60, 300]},
    "hosts": ["web1", "db1"],
    "forward": [{"type": "omfwd", "target": "logs.example.com", "port": 514, "queue.type": "LinkedList"}],
}


def test_what_can_work() -> None:
    assert list(faults(GOOD)) == []
    assert list(faults({**GOOD, "collector": "", "address": ""})) == []


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("host", "../x", "inventory name '../x'"),
        ("host", "x" * 65, "at most 64"),
        ("collector", "log2", "audit_to: 'log2' is no host of the inventory"),
        ("address", "a b", "audit_to_address: 'a b' is neither"),
        ("address", None, "audit_to_address: None"),
        ("port", 70000, "from 1 to 65535"),
        ("port", True, "from 1 to 65535"),
        ("exclude", {}, "audit_exclude: it has to be a list"),
        ("exclude", [{}], "audit_exclude[0]: a rule names fields"),
        ("exclude", [{"message": "x"}], "'message' is no field of the journal"),
        ("exclude", [{"MESSAGE": "("}], "audit_exclude[0].MESSAGE: '(' is no regular expression"),
        ("exclude", [{"MESSAGE": 7}], "audit_exclude[0].MESSAGE: 7 is no pattern; quote it"),
        ("redact", "x", "audit_redact: it has to be a list"),
        ("redact", ["x*"], "audit_redact[0]: 'x*' matches nothing"),
        ("redact", ["["], "audit_redact[0]: '[' is no regular"),
        ("redact", [1], "audit_redact[0]: 1 is no pattern"),
        ("sizes", {"audit_journal_size": "much"}, "audit_journal_size: 'much' is no size"),
        ("numbers", {"audit_patience": [60, 5]}, "audit_patience: 5; it has to be a number, 60 or more"),
        ("numbers", {"audit_patience": [60, "5m"]}, "audit_patience: '5m'"),
        ("hosts", [], "audit_collector_hosts: it has to be a list"),
        ("hosts", ["a/b"], "inventory name 'a/b'"),
        ("forward", {}, "audit_collector_forward: it has to be a list"),
        ("forward", [{"target": "x"}], "audit_collector_forward[0]: an action of rsyslog has a type"),
        ("forward", [{"type": "omfwd", "a b": "x"}], "'a b' is no parameter"),
        ("forward", [{"type": "omfwd", "target": "x\ny"}], "audit_collector_forward[0].target: it has to be a text on one line"),
        ("forward", [{"type": "omfwd", "target": []}], "audit_collector_forward[0].target: it has to be a text"),
        ("forward", [{"type": "omfwd", "x": True}], "YAML made a boolean of it"),
    ],
)
def test_what_cannot(name: str, value: Any, says: str) -> None:
    (fault,) = faults({**GOOD, name: value})
    assert says in fault


def test_all_of_it_at_once() -> None:
    assert len(list(faults({**GOOD, "host": "", "port": 0, "redact": ["["], "exclude": [{}]}))) == 4
