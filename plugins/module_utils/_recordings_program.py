# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``prod-access-audit-recordings``: keeps what sudo recorded of terminals within its bounds, so that it never fills a disk."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import time
from typing import Iterator, NamedTuple

from ._recordings import FOLDER

_DAY = 86400
_BLOCK = 512


class _Recording(NamedTuple):
    written: float
    path: str
    size: int


def main(arguments: list[str]) -> int:
    """What a timer starts."""
    parser = argparse.ArgumentParser(
        prog="prod-access-audit-recordings", description="Remove recordings of sudo that are too old or too many."
    )
    parser.add_argument("--folder", default=FOLDER, help=f"where they are ({FOLDER})")
    parser.add_argument("--days", type=int, required=True, help="how long they are kept")
    parser.add_argument("--megabytes", type=int, required=True, help="how much they may take together; the oldest go first")
    parser.add_argument("--free", type=int, default=5, help="how much of the disk, in percent, they never take (5)")
    chosen = parser.parse_args(arguments)
    try:
        for line in prune(chosen.folder, time.time() - chosen.days * _DAY, chosen.megabytes << 20, chosen.free):
            sys.stdout.write(line + "\n")
        return 0
    except PermissionError as error:
        sys.stderr.write(f"prod-access-audit-recordings: {error.filename}: {error.strerror}; run it as root\n")
    return 1


def prune(folder: str, oldest: float, most: int, free: int) -> Iterator[str]:
    """Remove what is too much. Yields what was removed, and why."""
    kept = sorted(_recordings(folder))
    total = sum(recording.size for recording in kept)
    for recording in kept:
        usage = shutil.disk_usage(folder)
        tight = usage.free * 100 < usage.total * free
        if recording.written >= oldest and total <= most and not tight:
            break
        total -= recording.size
        why = "too old" if recording.written < oldest else "too much" if total + recording.size > most else "the disk is nearly full"
        # A session that goes on still has its files open: only cutting them gives the room back.
        for name in os.listdir(recording.path):
            with contextlib.suppress(OSError):
                os.truncate(os.path.join(recording.path, name), 0)
        shutil.rmtree(recording.path, ignore_errors=True)
        yield f"{recording.path}: removed, {why}"


def _recordings(folder: str) -> Iterator[_Recording]:
    for place, folders, names in os.walk(folder):
        if "log" in names or "log.json" in names:
            folders.clear()
            with contextlib.suppress(FileNotFoundError):
                found = [os.stat(os.path.join(place, name)) for name in names]
                yield _Recording(max(about.st_mtime for about in found), place, sum(about.st_blocks * _BLOCK for about in found))
