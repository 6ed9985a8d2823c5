# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receipts: what a backup or a proof of one came to, for people, programs and the welcome of a host."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

from ._journal import harmless
from ._moment import Moment

# Half of what it was: a dump does not lose so much without somebody knowing.
_SHRUNKEN = 0.5
# Clocks that are set right by so many seconds are no news.
_SKEW = 60


@dataclass(frozen=True)
class Outcome:
    """What one part of a run came to.

    ``failed`` says why it did not come to anything, and is empty where all is good. ``warnings`` are what is odd about a good one.
    ``ended`` of a good one is the moment that can be restored, which may be before the run's end. ``facts`` are numbers and names.
    """

    name: str
    started: int
    ended: int
    failed: str = ""
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def receipt(outcome: Outcome, before: Mapping[str, Any] | None, max_age: int) -> dict[str, Any]:
    """The receipt of an outcome. What was proven before stays proven, and grows old, where this run failed."""
    before = before or {}
    warnings = list(outcome.warnings)
    if outcome.failed:
        kept = {name: before[name] for name in ("ended", "ended_epoch", "facts") if name in before}
        epoch = kept.get("ended_epoch", 0)
    else:
        epoch = outcome.ended
        kept = {"ended": str(Moment(epoch)), "ended_epoch": epoch, "facts": dict(outcome.facts)}
        warning = _shrunken(outcome.facts.get("bytes"), before.get("facts", {}).get("bytes"))
        warnings += [warning] if warning else []
    return {
        **kept,
        "name": outcome.name,
        "ok": not outcome.failed,
        "failed": plain(outcome.failed),
        "warnings": [plain(warning) for warning in warnings],
        "tried": str(Moment(outcome.started)),
        "seconds": max(0, outcome.ended - outcome.started) if outcome.failed else outcome.facts.get("seconds", 0),
        "good_until": epoch + max_age,
    }


def plain(text: str, most: int = 500) -> str:
    """Text for a receipt, which a shell reads as well: on one line, and without quotes."""
    return harmless(text).replace('"', "'").replace("\\", "/")[:most]


def _shrunken(now: Any, before: Any) -> str:
    if isinstance(now, int) and isinstance(before, int) and now < before * _SHRUNKEN:
        return f"it has shrunk from {before} bytes to {now}; see whether data is missing"
    return ""


def alarms(receipts: Iterable[Mapping[str, Any]], now: int) -> list[str]:
    """What people have to know of these receipts, in a line each."""
    found = []
    for one in receipts:
        name = one["name"]
        if not one["ok"]:
            found.append(f"{name} failed at {one['tried']}: {one['failed']}")
        if now > one["good_until"]:
            found.append(f"{name}: the last good one is of {one.get('ended', 'never')}")
        if one.get("ended_epoch", 0) > now + _SKEW:
            found.append(f"{name}: the last good one is of {one['ended']}, which is in the future; see the clock: timedatectl")
        found += [f"{name}: {warning}" for warning in one["warnings"]]
    return found


def whole(name: str, parts: Iterable[Mapping[str, Any]], more: Iterable[str], now: int) -> dict[str, Any]:
    """One receipt of all: as old as its oldest part, and good only if all are. ``more`` are further alarms.

    The welcome of a host reads it, line by line.
    """
    parts = list(parts)
    said = [*alarms(parts, now), *more]
    epochs = [part.get("ended_epoch", 0) for part in parts]
    known = {"ended": str(Moment(min(epochs)))} if epochs and min(epochs) else {}
    return {
        **known,
        "name": name,
        "ok": bool(parts) and all(part["ok"] for part in parts),
        # Every part has room in it: what is cut off is an alarm that nobody hears.
        "alarm": plain("; ".join(said), 10_000),
        "good_until": min((part["good_until"] for part in parts), default=0),
        "parts": sorted(part["name"] for part in parts),
    }


def metrics(kind: str, receipts: Iterable[Mapping[str, Any]]) -> str:
    """The receipts as Prometheus reads them (its text format 0.0.4)."""
    series = {
        "last_good_seconds": ("when the last good one was", lambda one: one.get("ended_epoch", 0)),
        "ok": ("whether the last one was good", lambda one: int(one["ok"])),
        "duration_seconds": ("how long it took", lambda one: one["seconds"]),
        "bytes": ("how much it was", lambda one: one.get("facts", {}).get("bytes", 0)),
    }
    receipts = sorted(receipts, key=lambda one: str(one["name"]))
    lines = []
    for name, (text, value) in series.items():
        full = f"prod_access_{kind}_{name}"
        lines += [f"# HELP {full} Of {kind}s: {text}.", f"# TYPE {full} gauge"]
        lines += [f'{full}{{part="{re.sub("[^a-zA-Z0-9_.-]", "_", str(one["name"]))}"}} {value(one)}' for one in receipts]
    return "".join(f"{line}\n" for line in lines)
