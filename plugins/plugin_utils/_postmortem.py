# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened in a time, from all that there is of it, as one timeline: plain data, no I/O, no Ansible.

It asks what led to something, and never who is responsible. What is not known is said to be not known: a host of which nothing came is a
gap in the evidence, and no host on which nothing happened.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..module_utils._event import instant, written
from ..module_utils._event_filter import when
from ..module_utils._node import Node, Problem
from ._aliases import Aliases

_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
# Who announced something on a host has said enough of what they do there for so long; so it is in the chats, too.
ANNOUNCED = 60 * _MINUTE
# A record takes a moment to the collector, and may take long; before it was made it cannot be there.
_AHEAD, _BEHIND = 2 * _SECOND, 10 * _SECOND
_NOT_OF_SLUGS = re.compile(r"[^a-z0-9]+")
_LONGEST_SLUG = 60
_CHANGES = frozenset(("sql", "command", "sudo", "guard"))

Event = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What is asked for: times in microseconds since 1970. With ``names``, people are called by their logins."""

    title: str
    since: int
    until: int
    names: bool = False

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return f"{written(self.since)[:10]}-{slug(self.title)}"


@dataclass(frozen=True)
class Commit:
    """A change of the inventory, as git knows it."""

    time: int
    name: str
    email: str
    revision: str
    subject: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Note:
    """What somebody saw, or thought that it was. ``place`` is where that is written."""

    time: int
    text: str
    who: str
    place: str


@dataclass(frozen=True)
class Found:
    """All that there is.

    ``hosts`` maps each host of which events were read to them, as :mod:`_digest` has them, with their ``source``; ``unread`` maps the
    others to why not. ``here`` maps hosts to what was found on them beside events: receipts, and what people see before their prompts.
    """

    hosts: Mapping[str, Mapping[str, Any]]
    unread: Mapping[str, str] = field(default_factory=dict)
    here: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    commits: Sequence[Commit] = ()
    notes: Sequence[Note] = ()
    complaints: Sequence[str] = ()


def slug(title: str) -> str:
    """A title as a part of a file's name."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return _NOT_OF_SLUGS.sub("-", plain)[:_LONGEST_SLUG].strip("-")


def asked(said: Mapping[str, Any], now: int) -> Asked:
    """What somebody asked for. Raises ValueError with all that is wrong, a line each."""
    faults = []
    title = " ".join(str(said["title"]).split())
    if not slug(title):
        faults.append("postmortem_title: say in a few words what happened: -e postmortem_title='Orders table dropped'")
    times: dict[str, int] = {}
    for name in ("from", "to"):
        text = str(said[name]).strip()
        try:
            times[name] = when(text, now)
        except ValueError as error:
            what = f"{error} ('{text}')" if text else "is missing"
            faults.append(f"postmortem_{name}: {what}; say it like '2 hours ago', '2026-11-25 12:00' (UTC) or RFC 3339")
    if len(times) == 2 and times["from"] >= times["to"]:
        faults.append(f"postmortem_from: {written(times['from'])} is not before postmortem_to, {written(times['to'])}; turn them around")
    elif times.get("from", 0) > now:
        faults.append(f"postmortem_from: {written(times['from'])} is still to come; say when it began")
    if faults:
        raise ValueError("\n".join(faults))
    return Asked(title, times["from"], min(times["to"], now), names=bool(said["names"]))


def notes(data: Any, file: str, now: int) -> list[Note]:
    """What people wrote down, from the file's data. Raises ValueError with all that is wrong, a line each."""
    problems: list[Problem] = []
    fields = Node(data, (), problems).fields(("notes",), required=("notes",))
    found = [_note(item, f"{file}: notes[{place}]", now) for place, item in enumerate(fields["notes"].items())] if "notes" in fields else []
    if problems:
        raise ValueError("\n".join(f"{file}: {str(problem).removeprefix(': ')}" for problem in problems))
    return [note for note in found if note is not None]


def _note(node: Node, place: str, now: int) -> Note | None:
    fields = node.fields(("time", "text", "who"), required=("time", "text"))
    time = _note_time(fields["time"], now) if "time" in fields else None
    text = ""
    if "text" in fields:
        value = fields["text"].value
        text = " ".join(value.split()) if isinstance(value, str) else ""
        if not text:
            fields["text"].wrong("must be text", "say what you saw, and what you thought that it was; put quotes around it")
    who = (fields["who"].text() or "") if "who" in fields else ""
    return Note(time, text, who, place) if time is not None else None


def _note_time(node: Node, now: int) -> int | None:
    value = node.value
    if isinstance(value, datetime.date):
        # Without a zone it is UTC, as everywhere here; YAML has turned those with a zone into it.
        value = str(value).removesuffix("+00:00").partition(".")[0]
    try:
        return when(str(value), now)
    except ValueError as error:
        node.wrong(f"{error} ('{value}')", "say it like '2026-11-25 12:00' (UTC), '2 hours ago' or RFC 3339")
        return None


def timeline(wanted: Asked, found: Found, aliases: Aliases, now: int) -> dict[str, Any]:
    """Everything, as plain data."""
    events = _events(found, aliases)
    before = [_labelled(event, host) for host, data in found.hosts.items() for event in data.get("before", ())]
    before += [event for event in _receipts(found) if instant(event["time"]) < wanted.since]
    before = [aliases.event(event) for event in before]
    events = [aliases.event(event) for event in events]
    events += [aliases.event(event) for event in _receipts(found) if wanted.since <= instant(event["time"]) < wanted.until]
    events.sort(key=lambda event: (event["time"], event["host"]))
    for number, event in enumerate(events):
        event["id"] = number
    counts: Counter[str] = Counter()
    for data in found.hosts.values():
        counts.update(data["counts"])
    people = sorted({event["person"] for event in events if event.get("person") not in (None, "", "root")}, key=_natural)
    moments = _moments(events)
    return {
        "version": 1,
        "title": aliases.text(wanted.title, full=True),
        "from": written(wanted.since),
        "until": written(wanted.until),
        "made": written(now),
        "names": wanted.names,
        "hosts": [_host(host, found) for host in sorted({*found.hosts, *found.unread})],
        "people": people,
        "aliases": dict(aliases.known),
        "total": counts.total(),
        "counts": dict(sorted(counts.items())),
        "events": events,
        "gaps": [{**gap, "why": aliases.text(gap["why"])} for gap in _gaps(wanted, found, events)],
        "moments": {name: event["id"] for name, event in moments.items()},
        "unannounced": [event["id"] for event in _unannounced(events)],
        "defence": _defence(events, before, moments),
        "marks": _marks(events),
    }


def _natural(text: str) -> list[Any]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


def _labelled(event: Mapping[str, Any], host: str) -> Event:
    return {**event, "host": host}


def _events(found: Found, aliases: Aliases) -> list[Event]:
    """What people and hosts did, with what the inventory and notes tell of."""
    events = [_labelled(item, host) for host, data in found.hosts.items() for item in data["items"]]
    aliases.meet(event.get("person", "") for event in events)
    for event in events:
        details = event.get("details", {})
        aliases.meet((details.get("owner", "").partition(" on ")[0], details.get("target", "") if event["kind"] == "access_change" else ""))
    for commit in found.commits:
        author = aliases.meet_author(commit.name, commit.email)
        details = {"files": ", ".join(commit.files)}
        events.append(_event(commit.time, "inventory", "inventory", commit.subject, author, "git", commit.revision, details))
    for note in found.notes:
        events.append(_event(note.time, "notes", "note", note.text, note.who, "notes", note.place, {}))
    aliases.meet(note.who for note in found.notes)
    return events


def _event(time: int, host: str, kind: str, what: str, person: str, source: str, record: str, details: Mapping[str, str]) -> Event:
    event: Event = {"time": written(time), "host": host, "kind": kind, "what": what, "source": source, "record": record, "heavy": True}
    return {**event, **({"person": person} if person else {}), **({"details": dict(details)} if any(details.values()) else {})}


def _receipts(found: Found) -> Iterator[Event]:
    for host, data in found.here.items():
        for one in data["receipts"]:
            try:
                time = instant(one["ended"])
            except ValueError:
                continue
            part = one["part"] or "all parts"
            result = "good" if one["ok"] else "failed"
            record = f"/var/lib/prod-access/receipts/{one['kind']}{one['part'] and '-' + one['part']}.json"
            what = f"{one['kind']} of {part}: {result}"
            details = {"part": one["part"], "result": result, "ended": one["ended"]}
            yield _event(time, host, one["kind"] if one["kind"] in ("backup", "restore") else "note", what, "", "receipt", record, details)


def _host(host: str, found: Found) -> dict[str, Any]:
    data, here = found.hosts.get(host), found.here.get(host, {})
    ahead = data["ahead"] if data else None
    return {
        "name": host,
        "environment": here.get("environment") or None,
        "label": here.get("label") or None,
        "guards": here.get("guards", []),
        "source": data["source"] if data else None,
        "events": sum(data["counts"].values()) if data else 0,
        # Above 0 its clock is ahead of the collector's.
        "skew": None if ahead is None or -_AHEAD <= ahead <= _BEHIND else -ahead / _SECOND,
    }


def _gaps(wanted: Asked, found: Found, events: Iterable[Event]) -> Iterator[dict[str, Any]]:
    """Where there is no evidence, or the record itself was in danger."""
    whole = {"from": written(wanted.since), "until": written(wanted.until)}
    for complaint in found.complaints:
        host, _colon, why = complaint.partition(": ")
        yield {"host": host, **whole, "why": why or complaint, "kind": "none"}
    for host, why in sorted(found.unread.items()):
        yield {"host": host, **whole, "why": why, "kind": "none"}
    for host, data in sorted(found.hosts.items()):
        begins = data.get("begins")
        for begin, end in data["silences"]:
            if not begins or end > begins:
                yield {"host": host, "from": begin, "until": end, "why": "nothing came from it, not even a sign of life", "kind": "none"}
        if data["unplaced"]:
            yield {"host": host, **whole, "why": f"{data['unplaced']} of its records do not say when they were made", "kind": "none"}
        if begins and instant(begins) > wanted.since:
            why = "its journal begins only then" if data["source"] == "journal" else "the collector has nothing of it from before"
            yield {"host": host, "from": whole["from"], "until": min(begins, whole["until"]), "why": why, "kind": "none"}
    for event in events:
        if event["kind"] in ("alarm", "recording"):
            yield {
                "host": event["host"],
                "from": event["time"],
                "until": event.get("last", event["time"]),
                "why": event["what"],
                "kind": "record",
            }


def _is_done(event: Event) -> bool:
    """Whether it was done, as far as anybody knows, and not refused."""
    return not event.get("status")


def _moments(events: Sequence[Event]) -> dict[str, Event]:
    """When it began, what was said just before, when others were told, and when data were there again; each where evidence has it."""
    began = next((event for event in events if event.get("dangers") and _is_done(event)), None)
    if began is None:
        return {}
    # What they announced, or noted, on whatever host: perhaps they believed that they were there.
    said = [
        event
        for event in events
        if event["kind"] in ("announcement", "note") and event.get("person") and event.get("person") == began.get("person")
    ]
    near = [event for event in said if event["time"] <= began["time"] and instant(began["time"]) - instant(event["time"]) <= ANNOUNCED]
    after = [event for event in events if event["time"] > began["time"]]
    told = next((event for event in after if event["kind"] in ("announcement", "alarm")), None)
    restored = next((event for event in after if event["kind"] == "restore" and _is_good(event)), None)
    found = {"said": next(reversed(near), None), "began": began, "told": told, "restored": restored}
    return {name: event for name, event in found.items() if event is not None}


def _is_good(event: Event) -> bool:
    return _is_done(event) and event.get("details", {}).get("result", "good") != "failed"


def _unannounced(events: Iterable[Event]) -> Iterator[Event]:
    """What people changed on a host without having announced anything there before."""
    last: dict[tuple[str, str], int] = {}
    for event in events:
        who = (event["host"], event.get("person", ""))
        if event["kind"] == "announcement":
            last[who] = instant(str(event.get("last", event["time"])))
        elif event["kind"] in _CHANGES and event.get("dangers") and who[1] and _is_done(event):
            is_late = instant(event["time"]) - last.get(who, -ANNOUNCED) >= ANNOUNCED
            yield from [event] if is_late else []


def _defence(events: Iterable[Event], before: Iterable[Event], moments: Mapping[str, Event]) -> dict[str, Any]:
    """What the backups were worth, as far as evidence goes; times in seconds. Empty where nothing was destroyed."""
    began = moments.get("began")
    if began is None:
        return {}
    good = [
        (event.get("details", {}).get("ended") or event["time"], event)
        for event in (*before, *events)
        if event["kind"] == "backup" and event["host"] == began["host"] and _is_good(event)
    ]
    last = max(((instant(ended), event) for ended, event in good if ended <= began["time"]), key=lambda one: one[0], default=None)
    proven = [event for event in (*before, *events) if event["kind"] == "restore" and event["time"] < began["time"] and _is_good(event)]
    restored = moments.get("restored")
    return {
        "host": began["host"],
        "backup": last and {"time": written(last[0]), "what": last[1]["what"], "record": last[1]["record"]},
        "proven": max((event["time"] for event in proven if event["host"] == began["host"]), default=None),
        "rpo": last and (instant(began["time"]) - last[0]) // _SECOND,
        "rto": restored and (instant(restored["time"]) - instant(began["time"])) // _SECOND,
    }


def _marks(events: Iterable[Event]) -> list[list[str]]:
    """What was destroyed where: action, object, host; what later documents are compared by."""
    marks = [
        [action, thing, event["host"]]
        for event in events
        if _is_done(event)
        for action, *things in event.get("dangers", ())
        for thing in things or [""]
    ]
    return [list(mark) for mark in dict.fromkeys(map(tuple, marks))][:200]
