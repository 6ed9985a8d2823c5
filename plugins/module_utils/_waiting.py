# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the journal waits for the collector, beside what journald keeps: of more, it removes the oldest."""

from __future__ import annotations

import contextlib
import os
import re
from typing import NamedTuple, Sequence

_FOLDER = "/var/log/journal"
_UNITS = {unit: 1 << (10 * power) for power, unit in enumerate("KMGT", start=1)}
# journald.conf(5), SystemMaxFiles, which we leave as it is.
_MOST_FILES = 100
# Archived files have in their names when their first entry was written, in microseconds; those that were damaged, when that was found.
_NAME = re.compile(r".+@(?:[0-9a-f]{32}-[0-9a-f]{16}-)?([0-9a-f]{16})(?:-[0-9a-f]{16})?\.journal~?")


class Archived(NamedTuple):
    """A file of the journal that journald writes no more, and removes when there are too many: the one that began first."""

    size: int
    """In bytes, on the disk."""
    began: float
    ended: float
    """When its last entry was written, or a little later, in seconds since 1970."""


def in_bytes(size: str) -> int:
    """A size as journald.conf(5) has it: ``500M``."""
    return int(size[:-1]) * _UNITS[size[-1]] if size[-1] in _UNITS else int(size)


def share(files: Sequence[Archived], active: int, shipped: float, room: int) -> float:
    """How near it is that something is lost: at 1 and more. ``shipped`` is the time of the last entry that does not wait, and ``active``
    are the bytes of files that are still written, which are never removed, and count.

    What began after a file that waits is removed after it, whether it waits or not.
    """
    first = min((file.began for file in files if file.ended > shipped), default=None)
    if first is None:
        return 0
    kept = [file.size for file in files if file.began >= first]
    return max((active + sum(kept)) / max(1, room), len(kept) / _MOST_FILES)


def room(used: int, free: int, most: int, spare: int) -> int:
    """How many bytes the journal may take, of which ``used`` are taken and ``free`` are left on the disk."""
    return min(most, used + free - spare)


def measured(shipped: float, most: str, spare: str, folder: str = _FOLDER) -> float:
    """:func:`share` of this host, with SystemMaxUse and SystemKeepFree as they are set. Raises OSError."""
    active = 0
    files = []
    for place, _folders, names in os.walk(folder):
        for name in names:
            # Another one of them may have been removed meanwhile.
            with contextlib.suppress(FileNotFoundError):
                about = os.stat(os.path.join(place, name))
                size = about.st_blocks * 512
                archived = _NAME.fullmatch(name)
                if archived is None:
                    active += size
                else:
                    files.append(Archived(size, int(archived.group(1), 16) / 1_000_000, about.st_mtime))
    disk = os.statvfs(folder)
    used = active + sum(file.size for file in files)
    return share(files, active, shipped, room(used, disk.f_bavail * disk.f_frsize, in_bytes(most), in_bytes(spare)))
