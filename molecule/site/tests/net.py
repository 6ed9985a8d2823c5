"""The net of the whole fleet, for tests: what prove says of it, and receipts of backups."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from desk import EVERY, Desk, Done, host

RECEIPTS = "/var/lib/prod-access/receipts"


def prove(desk: Desk, folder: Path, *arguments: str, limit: str = ",".join(EVERY), playbook: str = "prove", **options: Any) -> Done:
    quick = json.dumps({"prove_folder": str(folder), "prove_record_seconds": {"warn": 3, "broken": 5}})
    return desk.play(playbook, "-e", quick, *arguments, limit=limit, **options)


def states(folder: Path) -> dict[str, dict[str, str]]:
    """For each host what is not well, and how it is."""
    data = json.loads((folder / "prove.json").read_text())
    return {
        one["name"]: {proof["name"]: proof["state"] for proof in one["proofs"] if proof["state"] not in ("ok", "waived")}
        for one in data["hosts"]
    }


def evidence(folder: Path, name: str, proof: str) -> str:
    data = json.loads((folder / "prove.json").read_text())
    return next(one["evidence"] for at in data["hosts"] if at["name"] == name for one in at["proofs"] if one["name"] == proof)


def old_receipts(name: str, hours: float) -> None:
    """Receipts as the role backup writes them, of so many hours ago."""
    ended = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=hours)
    for kind in ("backup", "restore"):
        receipt = {
            "alarm": "",
            "ended": ended.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "good_until": int(ended.timestamp()) + 30 * 86400,
            "name": kind,
            "ok": True,
            "parts": ["files"],
        }
        host(name, f"cat >{RECEIPTS}/{kind}.json", stdin=json.dumps(receipt, indent=1))
