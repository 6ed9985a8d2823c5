"""Incidents for tests: what was found of them, as the collector and hosts return it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.safetynet.prod_access.plugins.module_utils._digest import digest
from ansible_collections.safetynet.prod_access.plugins.module_utils._event import Event, instant
from ansible_collections.safetynet.prod_access.plugins.module_utils._model import Person, Team
from ansible_collections.safetynet.prod_access.plugins.module_utils._resolve import Model
from ansible_collections.safetynet.prod_access.plugins.plugin_utils import _postmortem, _postmortem_document
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._aliases import Aliases

SINCE, UNTIL = instant("2026-11-25T12:00:00Z"), instant("2026-11-25T13:00:00Z")
MINUTE = 60 * 1_000_000
ASKED = _postmortem.Asked("Orders table dropped", SINCE, UNTIL)
MODEL = Model(
    people={"alice": Person("alice", name="Alice Murphy", email="alice@example.com"), "carol": Person("carol", name="Carol Szabó")},
    teams={"dev": Team("dev", ("alice",), kind="development"), "ops": Team("ops", ("carol",), kind="operations")},
)
PRODUCTION = {"receipts": [], "environment": "production", "label": "PRODUCTION", "guards": ["rm", "sql"], "complaints": []}
DROP = {"action": "DROP TABLE orders", "answer": "confirmed", "target": "database shop on db1", "why": "it is the copy"}


def event(minutes: float, kind: str, what: str, *, host: str = "db1", **more: Any) -> Event:
    record = more.pop("record", str(int(minutes * 10)))
    return Event(SINCE + int(minutes * MINUTE), host, kind, what, record=record, **more)


def host(*events: Event, source: str = "collector", **more: Any) -> dict[str, Any]:
    return {**digest(events, 1000).to_data(SINCE, UNTIL), "source": source, **more}


def dropped(**more: Any) -> list[Event]:
    """alice believes that it is staging."""
    return [
        event(1, "login", "from 192.0.2.1 by publickey", person="alice", user="alice", details={"address": "192.0.2.1"}),
        event(2, "announcement", "cleaning up staging", person="alice", user="alice"),
        event(3, "command", "psql shop", person="alice", user="postgres"),
        event(4, "guard", "confirmed: DROP TABLE orders", person="alice", user="postgres", status=0, details={**DROP, **more}),
        event(4.01, "sql", "DROP TABLE orders", person="alice", user="postgres"),
        event(6, "alarm", "orders are missing", person=""),
        event(20, "restore", "restore of orders: good", user="root", details={"part": "orders", "result": "good"}),
    ]


def found(*events: Event, **more: Any) -> _postmortem.Found:
    return _postmortem.Found(**{"hosts": {"db1": host(*(events or dropped()))}, "here": {"db1": PRODUCTION}, **more})


def timeline(given: _postmortem.Found | None = None, *, names: bool = False, asked: _postmortem.Asked = ASKED) -> dict[str, Any]:
    aliases = Aliases(MODEL, asked.folder, {}, names=names)
    return _postmortem.timeline(replace(asked, names=names), given or found(), aliases, UNTIL + MINUTE)


def document(data: dict[str, Any]) -> str:
    return _postmortem_document.document(data, _postmortem_document.blocks(data))


def large(events: int = 10_000, hosts: int = 40) -> dict[str, Any]:
    """A timeline of the size that the page is made for; among all that, the incident."""
    kinds = ("command", "sudo", "login", "sql", "session", "announcement")
    lanes: dict[str, list[Event]] = {f"host{number:02}.example.org": [] for number in range(hosts)}
    names = list(lanes)
    for number in range(events - 7):
        name = names[number % hosts]
        what = f"command number {number} of many, with some arguments"
        lanes[name].append(event(number * 55 / events, kinds[number % 6], what, host=name, person=f"p{number % 30}", user="root"))
    data = {name: {**digest(those, events).to_data(SINCE, UNTIL), "source": "collector"} for name, those in lanes.items()}
    return timeline(
        _postmortem.Found(hosts={"db1": host(*dropped()), **data}, here={"db1": PRODUCTION}, unread={"gone1": "unreachable: no route"})
    )
