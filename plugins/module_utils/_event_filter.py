# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which events somebody asks for, and which records need not even be decoded for that."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, replace
from typing import Iterable, Iterator

from ._event import Event, instant
from ._event_sources import NEEDLES, OUR_WORDS, UNKNOWN_TIME, Names
from ._moment import Moment

_AGO = re.compile(r"(\d{1,6}) ?(s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?)(?: ago)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2})(:\d{2})?")
_END = Moment.parse("9999-12-30T00:00:00Z").epoch * 1_000_000
_RUN = re.compile(r"[a-z0-9_]+")
_DAY_SECONDS = 86400
# What Ansible lets sudo run, in the forms that it has with pipelining and without; nothing else fits between the words.
_ANSIBLE = re.compile(r"\S*/sh -c 'echo BECOME-SUCCESS-[a-z]{32} ; \S*/python[\d.]*( /\S+/ansible-tmp-[\d.-]+/AnsiballZ_\w+\.py)?'")
_GAP = 60_000_000

Needles = Iterable[Iterable[bytes]]
"""A record must hold one of each."""


def when(text: str, now: int) -> int:
    """A point in time as people say it, in microseconds; times without a zone are UTC. Raises ValueError."""
    ago = _AGO.fullmatch(text.strip().lower())
    if ago:
        return max(UNKNOWN_TIME, now - int(ago.group(1)) * _SECONDS[ago.group(2)[0]] * 1_000_000)
    known = {"now": now, "today": now - now % (_DAY_SECONDS * 1_000_000)}
    known["yesterday"] = known["today"] - _DAY_SECONDS * 1_000_000
    if text in known:
        return known[text]
    if _DAY.fullmatch(text):
        return instant(f"{text}T00:00:00Z")
    time = _TIME.fullmatch(text)
    return instant(f"{time.group(1)}T{time.group(2)}{time.group(3) or ':00'}Z" if time else text)


@dataclass(frozen=True)
class Filter:
    """What is asked for. What is empty does not matter."""

    person: str = ""
    """A login, or ``#`` and a UID."""
    kinds: frozenset[str] = frozenset()
    text: str = ""
    since: int = 0
    until: int = _END

    def matches(self, event: Event) -> bool:
        return (
            (not self.person or event.person == self.person)
            and (not self.kinds or event.kind in self.kinds)
            and (self.since <= event.time < self.until or event.time == UNKNOWN_TIME)
            and (not self.text or any(self.text.lower() in text.lower() for text in (event.what, *event.details.values())))
        )

    def needles(self, names: Names) -> list[tuple[bytes, ...]]:
        """What the records of a host must hold to be worth decoding."""
        found = []
        if self.person:
            uids = [uid for uid, login in names.items() if login == self.person]
            found.append(tuple(text.encode() for text in (self.person.lstrip("#"), *uids)))
        if self.kinds and all(kind in NEEDLES for kind in self.kinds):
            found.append(tuple(needle for kind in sorted(self.kinds) for needle in NEEDLES[kind]))
        return found

    @property
    def word(self) -> bytes:
        """A word in small letters that a record must hold, too; empty where there is none."""
        # Blanks, quotes and all that is not ASCII may be written otherwise in a record, and some words are only in what is made of it.
        words = sorted(_RUN.findall(self.text.lower()), key=len)
        return words[-1].encode() if words and not any(words[-1] in ours for ours in OUR_WORDS) else b""

    def days(self) -> tuple[str, str]:
        """The first and the last day whose files can hold such events: they are by the day of receipt, and a host may be late."""
        return _day(self.since - _DAY_SECONDS * 1_000_000), _day(self.until + 31 * _DAY_SECONDS * 1_000_000)


def _day(time: int) -> str:
    seconds = min(max(0, time), _END) // 1_000_000
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc):%Y-%m-%d}"


def passes(line: bytes, needles: Needles, word: bytes) -> bool:
    """Whether a record may hold what is asked for; cheap, and never wrong when it says no."""
    for group in needles:
        for needle in group:
            if needle in line:
                break
        else:
            return False
    # A journal's bytes that are no text are numbers.
    return not word or word in line.lower() or b'"MESSAGE":[' in line or b'"MESSAGE": [' in line


def collapsed(events: Iterable[Event]) -> Iterator[Event]:
    """The events, where of the many commands of one Ansible connection the first one stands for all, and the rest is counted.

    For people who look through them alone: anybody can type what Ansible does, and so nothing is left out of what programs read.
    """
    rest: dict[tuple[str, str, str], tuple[int, Event]] = {}
    look = 0
    for event in events:
        if event.time >= look:
            look = event.time + _GAP // 6
            for key in [key for key, (_count, last) in rest.items() if event.time - last.time > _GAP]:
                yield from _counted(*rest.pop(key))
        key = (event.host, event.person, event.session)
        is_command = event.kind in ("sudo", "command") and not event.details.get("terminal")
        if key in rest and event.time - rest[key][1].time > _GAP:
            yield from _counted(*rest.pop(key))
        if is_command and key in rest:
            rest[key] = (rest[key][0] + 1, event)
            continue
        if is_command and _ANSIBLE.fullmatch(event.what):
            rest[key] = (0, event)
        yield event
    for count, last in rest.values():
        yield from _counted(count, last)


def _counted(count: int, last: Event) -> Iterator[Event]:
    if count:
        yield replace(
            last, kind="command", status=None, what=f"and {count} more of this connection of Ansible; --all shows them", details={}
        )
