# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seals of the collector's files: made, and compared with the files."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import re
import shutil
import zlib
from dataclasses import dataclass, field
from typing import Any, Iterable, Iterator, Mapping

from ._chain import Chain, Seal, Watch, verify
from ._command import HostError
from ._event import instant, written
from ._event_store import Collector, lines

# Both stand at the beginning of a line, so that it need not be decoded.
_HEAD = re.compile(rb'\{ ?"seq": ?(\d{1,18}), ?"received": ?"([^"]{1,40})"')


@dataclass
class Report:
    """What was found about one host."""

    files: int = 0
    lines: int = 0
    unsealed: int = 0
    faults: list[str] = field(default_factory=list)
    hash: str = ""

    def __str__(self) -> str:
        state = f"{len(self.faults)} faults" if self.faults else "unchanged"
        return f"{state}; {self.files} files, {self.lines} lines, {self.unsealed} of them not sealed yet; last seal {self.hash or 'none'}"

    def to_data(self) -> Mapping[str, Any]:
        return {**vars(self), "ok": not self.faults}


def seals_path(collector: Collector, host: str, day: str) -> str:
    return os.path.join(collector.folder, host, f"{day}.seals")


def _seals(path: str) -> list[Seal]:
    """The seals of a file; none where there are none. Raises ValueError."""
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as stream:
        return [Seal.from_json(line) for line in stream]
    return []


def seal_host(collector: Collector, host: str, now: int) -> Iterator[str]:
    """Seal all whole lines of a host that are not sealed yet. Yields what stands in the way."""
    previous = ""
    for day, path in collector.files(host):
        seals = seals_path(collector, host, day)
        try:
            made = _seal(path, seals, f"{host}/{day}", previous, now) if path.endswith(".jsonl") else _seals(seals)
        except (HostError, ValueError) as error:
            yield f"{day}: {error}"
            return
        previous = made[-1].hash if made else previous


def _seal(path: str, seals: str, name: str, previous: str, now: int) -> list[Seal]:
    """Seal what is not sealed of a file. Returns all its seals, which are read when nobody else can make one any more."""
    chain = Chain(name, previous)
    with open(path, "rb") as stream, open(seals, "a", encoding="utf-8") as beside:
        fcntl.flock(beside, fcntl.LOCK_EX)
        made = _seals(seals)
        if made:
            chain.resume(made[-1])
        # Whoever writes the file may take back what did not fit on the disk, and lets nobody in until then.
        fcntl.flock(stream, fcntl.LOCK_SH)
        os.fsync(stream.fileno())
        if os.fstat(stream.fileno()).st_size < chain.bytes:
            raise HostError(f"{path} is shorter than it was when it was sealed", "run: prod-access-audit verify")
        stream.seek(chain.bytes)
        for line in stream:
            # What is still being written counts the next time.
            if line.endswith(b"\n"):
                chain.add(line)
        if chain.is_sealed:
            return made
        seal = chain.seal(written(now))
        beside.write(seal.to_json() + "\n")
        beside.flush()
        os.fsync(beside.fileno())
        return [*made, seal]


def tidy_host(collector: Collector, host: str, oldest: str, today: str) -> None:
    """Compress the files of days before today, and remove those of days before the oldest. The last one of a host always stays.

    From its last line the host goes on, and by its last seal the next file is known to follow.
    """
    days = collector.files(host)
    for day, path in days[:-1]:
        if day < oldest:
            os.unlink(path)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(seals_path(collector, host, day))
        elif day < today and path.endswith(".jsonl"):
            _compress(path)


def _compress(path: str) -> None:
    """Beside it first, and whole: where both are there, the plain one counts."""
    packed = path + ".gz"
    with open(path, "rb") as plain, open(os.open(packed + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        with gzip.GzipFile(fileobj=stream, mode="wb", filename="", mtime=0) as target:
            shutil.copyfileobj(plain, target, 1 << 20)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(packed + ".new", packed)
    os.unlink(path)


def verify_host(collector: Collector, host: str, now: float, silence: float, most: int = 0) -> Report:
    """Compare a host's files with their seals, and look for what never came; in so many files at its end, or in all."""
    report = Report()
    watch = Watch(silence)
    days = collector.files(host)[-most:]
    # Days go when their time is over, the first ones first: the rest goes on from what they came to.
    previous: str | None = None
    for day, path in days:
        report.files += 1
        try:
            seals = _seals(seals_path(collector, host, day))
            if seals and previous is not None and seals[0].previous != previous:
                report.faults.append(f"{day}: it does not go on from the file before: one between them, or its seals, is gone")
            verdict = verify(f"{host}/{day}", _watched(lines(path), watch, report, day), seals)
        except (HostError, ValueError, OSError, EOFError, zlib.error) as error:
            report.faults.append(f"{day}: {error}")
            continue
        report.lines += verdict.lines
        report.unsealed += max(0, verdict.lines - verdict.sealed)
        if verdict.fault is not None:
            place = f", line {verdict.fault.line}" if verdict.fault.line else ""
            report.faults.append(f"{day}{place}: {verdict.fault.what}")
        if verdict.lines > verdict.sealed and day != days[-1][0]:
            report.faults.append(f"{day}: {verdict.lines - verdict.sealed} lines at its end were never sealed")
        previous = report.hash = seals[-1].hash if seals else report.hash
    report.faults += (f"{host}: {fault}" for fault in watch.now(now))
    return report


def _watched(stream: Iterable[bytes], watch: Watch, report: Report, day: str) -> Iterator[bytes]:
    for number, line in enumerate(stream, start=1):
        head = _HEAD.match(line)
        sequence, received = (head.group(1), head.group(2)) if head else _decoded_head(line)
        try:
            faults = list(watch.line(int(sequence), instant(received.decode("ascii")) / 1_000_000))
        except ValueError:
            faults = ["it says neither its number nor when it was received"]
        report.faults += (f"{day}, line {number}: {fault}" for fault in faults)
        yield line


def _decoded_head(line: bytes) -> tuple[bytes, bytes]:
    with contextlib.suppress(ValueError, RecursionError, AttributeError):
        data = json.loads(line[: 1 << 20])
        return str(data.get("seq")).encode("ascii", "replace"), str(data.get("received")).encode("ascii", "replace")
    return b"", b""
