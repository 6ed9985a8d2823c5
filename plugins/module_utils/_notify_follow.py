# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector's files, followed from where they were left: what is to be told of them waits for the chats."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import Iterator, Mapping, Sequence

from . import _event_sources, _notify
from ._event_filter import passes
from ._event_store import Collector, lines
from ._notify_apprise import Chat
from ._notify_queue import Queue

# So much of a file is read, and so long (in seconds), before it is kept on disk what came of it.
_BLOCK = 1 << 22
_LONGEST_LINE = 1 << 21
_TURN = 0.5
# In the place of a host: that the files were looked at once. In the place of a size: all of it.
_BEGUN = ""
_WHOLE = 1 << 62


@dataclass(frozen=True)
class Settings:
    """What is told, and how often at most."""

    policy: _notify.Policy
    gap: float
    most: int
    folder: str


class Follower:
    """Reads what is new in the collector's files, and lets what is to be told wait for the chats."""

    def __init__(self, settings: Settings, chats: Sequence[Chat], queue: Queue) -> None:
        self._settings = settings
        self._chats = chats
        self._queue = queue
        self._collector = Collector(settings.folder)
        # Compressed files that were read to their ends.
        self._whole: set[str] = set()

    def begin(self) -> None:
        """What was there before the first start is no news."""
        if self._queue.positions(_BEGUN):
            return
        for host in self._collector.hosts() if os.path.exists(self._settings.folder) else ():
            for day, path in self._collector.files(host)[-2:]:
                self._queue.read_to(host, day, os.stat(path).st_size if path.endswith(".jsonl") else _WHOLE)
        self._queue.read_to(_BEGUN, "", 1)
        self._queue.commit()

    def turn(self) -> bool:
        """Read the next part of what is new. Returns whether there was something."""
        found = False
        until = time.monotonic() + _TURN
        for host in self._collector.hosts():
            found |= self._read_host(host)
            if time.monotonic() > until:
                self._queue.commit()
                until = time.monotonic() + _TURN
        self._queue.commit()
        return found

    def begin_again(self) -> None:
        """Go back to what the disk has, after a fault."""
        self._queue.take_back()
        self._whole.clear()

    def _read_host(self, host: str) -> bool:
        names: Mapping[str, str] | None = None
        positions = self._queue.positions(host)
        found = False
        for day, path in self._collector.files(host, min(positions, default="")):
            start = positions.get(day, 0)
            plain = path.endswith(".jsonl")
            if path in self._whole or start == _WHOLE:
                continue
            try:
                size = os.stat(path).st_size
                if plain and size == start:
                    continue
                if plain and size < start:
                    say(f"{path} is shorter than it was; run: prod-access-audit verify")
                    self._queue.read_to(host, day, size)
                    continue
                names = self._collector.names(host) if names is None else names
                end = self._take(host, _plain_lines(path, start) if plain else _rest(path, start), start, names)
            except FileNotFoundError:
                continue  # It was compressed meanwhile, or its time is over.
            if not plain:
                self._whole.add(path)
            if end > start:
                found = True
                self._queue.read_to(host, day, end)
                if plain and end < size:
                    break  # First the rest of this day, then the next one.
        return found

    def _take(self, host: str, stream: Iterator[bytes], start: int, names: Mapping[str, str]) -> int:
        end = start
        for line in stream:
            end += len(line)
            if passes(line, [_notify.NEEDLES], b""):
                event = _event_sources.read(line, names)
                # What a line says of its host must be where it stands.
                note = _notify.note(event, self._settings.policy, self._queue) if event is not None and event.host == host else None
                if note is not None:
                    now = time.time()
                    for chat in self._chats:
                        if note.about in chat.tell:
                            self._queue.add(chat.name, note, now, self._settings.most)
        return end


def _plain_lines(path: str, start: int) -> Iterator[bytes]:
    """Whole lines of the next part of a file; a line that never ends comes in pieces."""
    with open(path, "rb") as stream:
        stream.seek(start)
        block = stream.read(_BLOCK)
    *whole, rest = block.split(b"\n")
    yield from (line + b"\n" for line in whole)
    if len(rest) > _LONGEST_LINE:
        yield rest


def _rest(path: str, start: int) -> Iterator[bytes]:
    """The lines of a compressed file after so many bytes."""
    seen = 0
    for line in lines(path):
        seen += len(line)
        if seen > start:
            yield line


def say(text: str) -> None:
    """Tell whoever reads the journal of the collector."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
