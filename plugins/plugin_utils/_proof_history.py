# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What proofs came to, run by run: kept small, shown as a table and as trends, and asked before access is given. No I/O, no Ansible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..module_utils._moment import Moment
from ._proof import NET, PROOFS, Proof, State, worst

# What does not hold. An unknown state is none that anybody may build on.
BAD = ("broken", "unknown")
_MARKS = {"broken": "!", "unknown": "!", "warn": "~"}
# How many runs a trend shows.
SHOWN = 30
_HOUR = 3600


def state_of(proofs: Sequence[Mapping[str, Any]]) -> State:
    return worst([proof["state"] for proof in proofs])


def as_data(proofs: Sequence[Proof]) -> list[dict[str, Any]]:
    return [asdict(proof) for proof in proofs]


def small(made: str, hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What is kept of a run: of each host and proof the state, the value, and, where it does not hold, what was seen."""

    def kept(proof: Mapping[str, Any]) -> list[Any]:
        return [proof["state"], proof["value"], *([proof["evidence"]] if proof["state"] in BAD else [])]

    return {"made": made, "hosts": {name: {proof["name"]: kept(proof) for proof in host["proofs"]} for name, host in hosts.items()}}


def page_data(made: str, hosts: Mapping[str, Mapping[str, Any]], runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the page shows: this run, and the values of the last ones. ``runs`` are small ones, the oldest first, this one among them."""
    runs = runs[-SHOWN:]
    return {
        "made": made,
        "titles": PROOFS,
        "runs": [run["made"] for run in runs],
        "hosts": [
            {
                "name": name,
                "state": state_of(host["proofs"]),
                **host,
                "trends": {proof: [run["hosts"].get(name, {}).get(proof, [None, None])[:2] for run in runs] for proof in PROOFS},
            }
            for name, host in hosts.items()
        ],
    }


def table(hosts: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[State, str]]:
    """A line for each host, and the one above them; each with the state that it is coloured by."""
    cells = {
        name: {proof["name"]: f"{_MARKS.get(proof['state'], '')}{proof['short']}" for proof in host["proofs"]}
        for name, host in hosts.items()
    }
    columns = [proof for proof in PROOFS if any(cell.get(proof, "waived") != "waived" for cell in cells.values())]
    first = max(map(len, ["host", *hosts]))
    widths = {column: max(len(PROOFS[column]), *(len(cell.get(column, "")) for cell in cells.values())) for column in columns}

    def row(name: str, texts: Mapping[str, str]) -> str:
        return "  ".join([f"{name:{first}}", *(f"{texts.get(column, ''):{widths[column]}}" for column in columns)]).rstrip()

    yield "waived", row("host", PROOFS)
    for name, host in hosts.items():
        yield state_of(host["proofs"]), row(name, cells[name])


def sentences(hosts: Mapping[str, Mapping[str, Any]], *, every: bool) -> Iterator[tuple[State, str]]:
    """What was seen, and how to mend it, of what does not hold, or of everything."""
    for name, host in hosts.items():
        for proof in host["proofs"]:
            if every or proof["state"] not in ("ok", "waived"):
                mend = f"; {proof['mend']}" if proof["mend"] else ""
                yield proof["state"], f"{name}: {PROOFS[proof['name']]}: {proof['state']}: {proof['evidence']}{mend}"


def lacking(runs: Iterable[Mapping[str, Any]], host: str, now: int, hours: float) -> str:
    """Why nobody can say that the net under a host holds; empty where it is proven. ``runs`` are small ones, the newest first."""
    newest = next((run for run in runs if host in run["hosts"]), None)
    if newest is None:
        return "nobody has proven it yet"
    if now - Moment.parse(newest["made"]).epoch > hours * _HOUR:
        return f"the newest proof is of {newest['made']}, more than {hours:g} hours ago"
    proofs = newest["hosts"][host]
    # What was not known when it ran is not proven.
    missing = [name for name in NET if name not in proofs]
    bad = [f"{PROOFS[name]}: {proofs[name][2]}" for name in NET if name in proofs and proofs[name][0] in BAD]
    bad += [f"{PROOFS[name]}: nobody looked" for name in missing]
    return f"as of {newest['made']}, {'; '.join(bad)}" if bad else ""
