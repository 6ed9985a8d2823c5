# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of a host in a time, drawn together where they are alike, until there are no more of them than people can look at.

What destroys data, and what people said and were asked, stays by itself as long as that can be. Nothing is left out: what is drawn
together is counted, and says from when to when it was.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator, Mapping, NamedTuple

from . import _guard, _sql
from ._event import Event, cut, instant, written
from ._event_sources import UNKNOWN_TIME

_SECOND = 1_000_000
# Hosts that record say so every 60 seconds; of these three are missing.
SILENCE = 180 * _SECOND
_ALWAYS = 1 << 62
_MORE = 2
_LONGEST = 400
_LONGEST_MORE = 120
_KNOWN = 10_000
_CLOCK_SAMPLES = 100
_SAID = frozenset("access_change alarm announcement automation backup guard recording restore unverified".split())
_CLIENTS = frozenset("mariadb mysql prod-access-sql psql".split())
# In what could be dangerous, one of these stands.
_HINT = re.compile(
    r"\b(?:rm|reboot|shutdown|poweroff|halt|init|telinit|systemctl)\b|\b(?:psql|mariadb|mysql)\b.*(?:drop|truncate|delete|update|replace)",
    re.I | re.S,
)
_GUARDS = frozenset(("rm", "reboot"))


class Danger(NamedTuple):
    """What an event destroys, or would: ``DROP TABLE``, and ``orders``."""

    action: str
    objects: tuple[str, ...]


def dangers(event: Event) -> list[Danger]:
    """What guards ask people about before it is done, in an event; also where nobody was asked."""
    if event.kind == "sql":
        return _of_sql(event.what)
    if event.kind == "guard":
        action = event.details.get("action", "")
        return _of_sql(action) or _of_command(action, event.host)
    if event.kind in ("command", "sudo") and _HINT.search(event.what):
        return _of_command(event.what, event.host)
    return []


def _of_sql(text: str) -> list[Danger]:
    return [Danger(finding.action, finding.names) for finding in _sql.findings(text, _sql.POSTGRESQL)]


def _of_command(text: str, host: str) -> list[Danger]:
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    words = words[_guard.sudo_of(words).words :] if words else []
    if not words:
        return []
    name = words[0].rpartition("/")[2]
    if name in _CLIENTS:
        return [danger for word in words[1:] for danger in _of_sql(word)]
    if _guard.question(words, _guard.Place(host, _GUARDS)) is None:
        return []
    return [Danger(name, tuple(word for word in words[1:] if not word.startswith("-")))]


@dataclass
class Item:
    """One event, or several that are alike, of which the first is kept whole."""

    event: Event
    last: int
    is_heavy: bool
    dangers: list[Danger] = field(default_factory=list)
    count: int = 1
    more: list[Event] = field(default_factory=list)
    """Some of the others."""

    @classmethod
    def of(cls, event: Event, found: list[Danger]) -> Item:
        return cls(event, event.time, bool(found) or event.kind in _SAID, found)

    def add(self, other: Item) -> None:
        """Draw another one, which is not older, into this one."""
        self.last = max(self.last, other.last)
        self.count += other.count
        self.is_heavy = self.is_heavy or other.is_heavy
        self.dangers = list(dict.fromkeys([*self.dangers, *other.dangers]))
        if len(self.more) < _MORE:
            self.more = [*self.more, other.event, *other.more][:_MORE]

    def to_data(self) -> dict[str, Any]:
        data = _short(self.event)
        if self.count > 1:
            names = ("time", "what", "record", "status")
            more = [{name: value for name, value in _short(event, _LONGEST_MORE).items() if name in names} for event in self.more]
            data.update(last=written(self.last), count=self.count, more=more)
        if self.is_heavy:
            data["heavy"] = True
        if self.dangers:
            data["dangers"] = [[danger.action, *danger.objects] for danger in self.dangers]
        return data


def _short(event: Event, most: int = _LONGEST) -> dict[str, Any]:
    return {**event.to_data(), "what": cut(event.what, most)}


def _exactly(item: Item) -> tuple[Any, ...]:
    event = item.event
    return (event.kind, event.person, event.user, event.what, event.status)


def _by_program(item: Item) -> tuple[Any, ...]:
    event = item.event
    return (event.kind, event.person, event.user, event.what.partition(" ")[0].rpartition("/")[2], bool(event.status))


def _by_user(item: Item) -> tuple[Any, ...]:
    return (item.event.kind, item.event.person, item.event.user)


def _by_person(item: Item) -> tuple[Any, ...]:
    return (item.event.kind, item.event.person)


def _by_kind(item: Item) -> tuple[Any, ...]:
    return (item.event.kind,)


class _Level(NamedTuple):
    """When two are alike, and how far apart they may be: of what is light, and of what is heavy."""

    light: Callable[[Item], tuple[Any, ...]]
    gap: int
    heavy: Callable[[Item], tuple[Any, ...]] = _exactly
    heavy_gap: int = 60 * _SECOND


_LEVELS = (
    _Level(_exactly, 60 * _SECOND),
    _Level(_by_program, 300 * _SECOND),
    _Level(_by_user, 900 * _SECOND),
    _Level(_by_person, 3600 * _SECOND, _by_program, 300 * _SECOND),
    _Level(_by_kind, _ALWAYS, _by_person, 3600 * _SECOND),
    _Level(_by_kind, _ALWAYS, _by_kind, _ALWAYS),
)


class Digest:
    """What one host has of a time, in at most about so many items."""

    def __init__(self, most: int) -> None:
        self.items: list[Item] = []
        self.counts: Counter[str] = Counter()
        self.silences: list[tuple[int, int]] = []
        self.unplaced = 0
        """Records of which nobody can say when they were made."""
        self.ahead: int | None = None
        """The shortest way that a record had to the collector by both clocks, in microseconds. Below 0 the host's clock is ahead."""
        self._most = most
        self._level = 0
        self._open: dict[tuple[Any, ...], Item] = {}
        self._known: dict[tuple[str, str, str], list[Danger]] = {}
        self._first: int | None = None
        self._last = 0
        self._clocked = 0

    @property
    def heavy(self) -> int:
        return sum(item.is_heavy for item in self.items)

    @property
    def destroyed(self) -> bool:
        """Whether something may have been destroyed."""
        return any(item.dangers for item in self.items)

    def add(self, event: Event) -> None:
        self.counts[event.kind] += 1
        if event.time == UNKNOWN_TIME:
            self.unplaced += 1
            return
        self._live(event)
        if event.kind == "heartbeat":
            return
        self._put(Item.of(event, self._dangers(event)))
        if len(self.items) > 2 * self._most:
            while len(self.items) > self._most and self.coarsen(self._level + 1):
                pass

    def _dangers(self, event: Event) -> list[Danger]:
        """The same as :func:`dangers`. People and programs do most things many times, and each is looked at once."""
        key = (event.kind, event.what, event.details.get("action", ""))
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            found = self._known[key] = dangers(event)
        return found

    def _live(self, event: Event) -> None:
        """Note that the host was there, and what its clock said."""
        if self._first is None:
            self._first = self._last = event.time
        if event.time - self._last > SILENCE:
            self.silences.append((self._last, event.time))
        self._last = max(self._last, event.time)
        if event.received and (self._clocked < _CLOCK_SAMPLES or event.kind == "heartbeat"):
            self._clocked += 1
            way = instant(event.received) - event.time
            self.ahead = way if self.ahead is None else min(self.ahead, way)

    def _put(self, item: Item) -> None:
        level = _LEVELS[self._level]
        alike, gap = (level.heavy, level.heavy_gap) if item.is_heavy else (level.light, level.gap)
        key = (item.is_heavy, *alike(item))
        before = self._open.get(key)
        if before is not None and before.event.time - gap <= item.event.time <= before.last + gap:
            before.add(item)
        else:
            self._open[key] = item
            self.items.append(item)

    def coarsen(self, level: int) -> bool:
        """Draw together what is alike on this level. Returns whether there is such a level."""
        if level >= len(_LEVELS):
            return False
        if level > self._level:
            items = sorted(self.items, key=lambda item: item.event.time)
            self._level, self.items, self._open = level, [], {}
            for item in items:
                self._put(item)
        return True

    def to_data(self, since: int, until: int) -> dict[str, Any]:
        """Plain data, with the silences of a host that otherwise says that it is there."""
        silences = list(self.silences)
        if self._first is not None and self._first - since > SILENCE:
            silences.insert(0, (since, self._first))
        if self._first is not None and until - self._last > SILENCE:
            silences.append((self._last, until))
        return {
            "items": [item.to_data() for item in sorted(self.items, key=lambda item: item.event.time)],
            "counts": dict(sorted(self.counts.items())),
            # Without heartbeats, silence only means that nobody did anything.
            "silences": [[written(begin), written(end)] for begin, end in silences] if self.counts["heartbeat"] else [],
            "unplaced": self.unplaced,
            "ahead": self.ahead,
        }


def fit(digests: Mapping[str, Digest], most: int) -> None:
    """Draw together what is alike until all hosts have no more items than that; those first on which nothing heavy happened."""
    order = sorted(digests.values(), key=lambda digest: (digest.heavy, -len(digest.items)))
    total = sum(len(digest.items) for digest in order)
    for level in range(1, len(_LEVELS)):
        for digest in order:
            if total <= most:
                return
            total -= len(digest.items)
            digest.coarsen(level)
            total += len(digest.items)


def digest(events: Iterable[Event], most: int) -> Digest:
    made = Digest(most)
    for event in events:
        made.add(event)
    return made


def share(hosts: int) -> int:
    """How many items a host may have before all are fitted together."""
    return max(100, min(2000, 50_000 // max(1, hosts)))


def backups(events: Iterable[Event]) -> list[dict[str, Any]]:
    """The last one of each kind and part of backups and restores, with how it ended."""
    last = {(event.kind, event.details.get("part", ""), event.details.get("result", "")): event for event in events}
    return [_short(event) for event in last.values()]


def receipts(texts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What is of interest of the receipts of a host, by their file names; what is no receipt is passed over."""
    for name, data in sorted(texts.items()):
        if isinstance(data, dict) and isinstance(data.get("ended"), str):
            kind, _dash, part = name.partition("-")
            yield {"kind": kind, "part": part, "ended": data["ended"], "ok": data.get("ok") is not False}
