# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of the canaries of a host: harmless commands of which each should be on record, as its person's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..module_utils._event import instant

State = Literal["seen", "seen, not whose", "not seen", "not tried"]

# The one that takes no time, and changes nothing: a command by ssh.
PLAIN = "ssh command"
# What nobody promises, and why.
_NEVER_SEEN = {
    "shell builtin": "a builtin starts no program; only the recording of a sudo session has it",
    "static binary": "what a program starts that loads no library, snoopy does not see; the kernel's audit does, where a host has that",
    "systemd-run": "systemd starts it, which no login began; the systemd-run itself, with its arguments, is on record",
}
_NEVER_WHOSE = {
    "systemd-run": _NEVER_SEEN["systemd-run"],
    "postgresql": "a server knows its own users only; the client that was started is on record",
    "mariadb": "a server knows its own users only; the client that was started is on record",
}


@dataclass(frozen=True)
class Row:
    """One canary, and what became of it."""

    canary: str
    state: State
    layers: tuple[str, ...] = ()
    person: str = ""
    seconds: float | None = None
    """From its start to its arrival at the collector, by both clocks."""
    why: str = ""
    is_broken: bool = False
    """Whether it is not as it is promised."""

    def __str__(self) -> str:
        by = f" by {', '.join(self.layers)}" if self.layers else ""
        whose = f", as {self.person}'s" if self.person else ""
        after = f", after {self.seconds:.1f} s" if self.seconds is not None else ""
        return f"{self.canary:18} {self.state}{by}{whose}{after}{self.why and ': ' + self.why}"


def slug(canary: str) -> str:
    """A canary's name, as it stands in its command."""
    return re.sub("[^a-z0-9]+", "-", canary)


def said(output: str) -> tuple[str, dict[str, str]]:
    """Who ran the canaries, and for each why it was not tried; empty where it was. From what canaries.sh printed. Raises ValueError."""
    lines = [line.split("\t") for line in output.splitlines() if line.count("\t") == 2]
    person = next((line[1] for line in lines if line[0] == "whoami"), "")
    canaries = {name: why if state == "skipped" else "" for name, state, why in lines if name != "whoami"}
    if not person or not canaries:
        raise ValueError("the canaries of this host said nothing")
    return person, canaries


def rows(token: str, person: str, canaries: Mapping[str, str], events: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """What became of each canary, by the events that were found at the collector."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    slugs = {slug(name): name for name in canaries}
    pattern = re.compile(rf"{re.escape(token)}-({'|'.join(map(re.escape, slugs))})(?![a-z0-9-])")
    for event in events:
        for name in {slugs[match] for match in pattern.findall(str(event.get("what")))}:
            found.setdefault(name, []).append(event)
    for name, skipped in canaries.items():
        yield Row(name, "not tried", why=skipped) if skipped else _row(name, person, found.get(name, []))


def _row(name: str, person: str, events: list[Mapping[str, Any]]) -> Row:
    if not events:
        why = _NEVER_SEEN.get(name)
        return Row(name, "not seen", why=why or "see what this host records: /etc/prod-access/audit.json", is_broken=why is None)
    theirs = [event for event in events if event.get("person") == person]
    layers = tuple(sorted({str(event.get("source")) for event in theirs or events}))
    seconds = min((instant(str(event["received"])) - instant(str(event["time"]))) / 1_000_000 for event in theirs or events)
    if theirs:
        return Row(name, "seen", layers, person, seconds)
    others = ", ".join(sorted({str(event.get("person") or "nobody") for event in events}))
    why = _NEVER_WHOSE.get(name)
    return Row(name, "seen, not whose", layers, "", seconds, why or f"it is on record as {others}'s, and {person} ran it", why is None)
