# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where receipts lie on a host, and all who are told of one."""

from __future__ import annotations

import glob
import os
import time
from typing import Any, Iterable, Sequence

from . import _files, _journal, _receipt
from ._files import alone
from ._receipt import Outcome

# Runs of several kinds may end at the same time.
_LOCK = "/run/prod-access-receipts.lock"


def read(kind: str) -> list[dict[str, Any]]:
    """The receipts of all parts of a kind: ``backup`` or ``restore``."""
    found = (_files.load(path) for path in sorted(glob.glob(f"{_files.RECEIPTS}/{kind}-*.json")))
    return [one for one in found if one is not None]


def keep(kind: str, outcome: Outcome, max_age: int, *, quiet: bool = False) -> dict[str, Any]:
    """Write the receipt of an outcome, and tell the journal: ``quiet`` of news alone, which one good run after another is not."""
    path = f"{_files.RECEIPTS}/{kind}-{outcome.name}.json"
    with alone(_LOCK, wait=True):
        before = _files.load(path)
        receipt = _receipt.receipt(outcome, before, max_age)
        _files.make_folder(_files.RECEIPTS, 0o755)
        _files.write(path, _files.dumped(receipt))
    if quiet and receipt["ok"] and before and before["ok"]:
        return receipt
    result = f"failed: {receipt['failed']}" if outcome.failed else "; ".join(["good", *receipt["warnings"]])
    fields = {"PART": outcome.name, "RESULT": "failed" if outcome.failed else "good", "ENDED": receipt.get("ended", "")}
    _journal.tell(kind, "backup", f"{kind} of {outcome.name}: {result}", fields, wait=1)
    return receipt


def close(kind: str, parts: Sequence[str], more: Iterable[str], metrics: str) -> dict[str, Any]:
    """Write the receipt of all, and what Prometheus reads. Receipts of parts that are no more go."""
    with alone(_LOCK, wait=True):
        for path in glob.glob(f"{_files.RECEIPTS}/{kind}-*.json"):
            if os.path.basename(path)[len(kind) + 1 : -len(".json")] not in parts:
                _files.remove(path)
        receipts = read(kind)
        whole = _receipt.whole(kind, receipts, more, int(time.time()))
        _files.make_folder(_files.RECEIPTS, 0o755)
        _files.write(f"{_files.RECEIPTS}/{kind}.json", _files.dumped(whole))
        os.makedirs(metrics, mode=0o755, exist_ok=True)
        _files.write(f"{metrics}/prod-access-{kind}.prom", _receipt.metrics(kind, receipts))
    return whole
