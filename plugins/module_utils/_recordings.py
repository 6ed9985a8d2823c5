# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sudo recorded of terminals, on its way to the collector: files that only grow there, whatever becomes of them on their host.

They go beside the records, without numbers of their own. The host asks of files how much of each the collector has, and sends
what comes after. See sudoers(5), ``iolog_dir``, and sudoreplay(8).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import time
from typing import Any, Iterator, Mapping

FOLDER = "/var/log/sudo-io"
# On the collector, in the directory of a host.
PLACE = "sudo-io"
_FILE = re.compile(r"[0-9A-Z]{2}/[0-9A-Z]{2}/[0-9A-Z]{2}/(?:log|log\.json|timing|ttyout|stdout|stderr)", re.ASCII)
_PART = 1 << 16
_ASKED = 500
_POLL = 2.0
# A recording that did not grow for as long is over.
_OVER = 86400.0


class RecordingError(Exception):
    """A part that the collector does not take."""


class Outbox:
    """What of the recordings of this host the collector does not have yet."""

    def __init__(self, folder: str = FOLDER) -> None:
        self._folder = folder
        self._unknown = sorted(_files(folder, time.time() - _OVER))
        self._sizes: dict[str, int] = {}
        self._waiting = False
        self._looked = 0.0

    def began(self, path: str) -> None:
        """sudo said that it records there."""
        recording = os.path.relpath(path, self._folder)
        self._unknown += (name for name in _files(self._folder, 0, recording) if name not in self._sizes and name not in self._unknown)

    def answered(self, sizes: Any) -> None:
        """The collector said how much it has of what was asked for."""
        self._waiting = False
        if isinstance(sizes, dict):
            self._sizes.update((name, size) for name, size in sizes.items() if _FILE.fullmatch(name) and isinstance(size, int))

    def next(self) -> dict[str, Any] | None:
        """What is to be said to the collector now; None where there is nothing."""
        if self._waiting:
            return None
        if self._unknown:
            asked, self._unknown = self._unknown[:_ASKED], self._unknown[_ASKED:]
            self._waiting = True
            return {"recordings": asked}
        if time.monotonic() - self._looked < _POLL:
            return None
        for name in list(self._sizes):
            part = self._part(name)
            if part is not None:
                return part
        self._looked = time.monotonic()
        return None

    def _part(self, name: str) -> dict[str, Any] | None:
        offset = self._sizes[name]
        try:
            with open(os.path.join(self._folder, name), "rb") as stream:
                about = os.fstat(stream.fileno())
                if about.st_size > offset:
                    stream.seek(offset)
                    data = stream.read(_PART)
                    self._sizes[name] += len(data)
                    return {"recording": name, "offset": offset, "data": base64.b64encode(data).decode()}
                over = time.time() - about.st_mtime > _OVER
        except OSError:
            over = True
        if over:
            del self._sizes[name]
        return None


def _files(folder: str, since: float, below: str = ".") -> Iterator[str]:
    """The files of recordings that changed since then."""
    for place, folders, names in os.walk(os.path.join(folder, below)):
        folders.sort()
        for name in names:
            path = os.path.join(place, name)
            found = os.path.relpath(path, folder)
            with contextlib.suppress(OSError):
                if _FILE.fullmatch(found) and os.stat(path).st_mtime >= since:
                    yield found


class Inbox:
    """The recordings of one host on the collector."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(folder, PLACE)

    def sizes(self, names: Any) -> dict[str, int]:
        """How much there is of each file. Raises RecordingError."""
        if not isinstance(names, list) or len(names) > _ASKED or not all(isinstance(name, str) and _FILE.fullmatch(name) for name in names):
            raise RecordingError("a question for what is no recording")
        return {name: self._size(name) for name in names}

    def _size(self, name: str) -> int:
        try:
            return os.stat(os.path.join(self._folder, name)).st_size
        except FileNotFoundError:
            return 0

    def add(self, data: Mapping[str, Any]) -> None:
        """Add a part to the end of a file. What is there is never written anew. Raises RecordingError, or OSError."""
        name, offset, part = data.get("recording"), data.get("offset"), data.get("data")
        if set(data) != {"recording", "offset", "data"} or not isinstance(name, str) or not _FILE.fullmatch(name):
            raise RecordingError("a part of what is no recording")
        try:
            content = base64.b64decode(part, validate=True)  # type: ignore[arg-type]
        except (binascii.Error, TypeError, ValueError):
            raise RecordingError(f"a part of recording {name} that cannot be read") from None
        if offset != self._size(name):
            raise RecordingError(f"a part of recording {name} that does not follow what is here: was it recorded anew?")
        path = os.path.join(self._folder, name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab") as stream:
            stream.write(content)
