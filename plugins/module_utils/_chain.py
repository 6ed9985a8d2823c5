# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence that a file of records was not changed since: a hash chain over its lines, with seals beside it; and whether lines are missing.

A seal is one line of JSON. It says how many lines there are up to it, the hash that the chain has come to, and a short digest of each
line since the seal before, by which the first bad line is found. A chain goes on from one day's file to the next, so that no file can
be taken out. Who may write the seals can seal anything: where that matters, keep the last hash elsewhere, and compare.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Iterable, Iterator, Sequence

_DIGEST = 8
_HASH = re.compile(r"[0-9a-f]{64}")
_DIGESTS = re.compile(r"(?:[0-9a-f]{8})*")


@dataclass(frozen=True)
class Seal:
    """What a file was, up to a line."""

    time: str
    lines: int
    bytes: int
    hash: str
    digests: str
    """The digests of the lines since the seal before, one after the other."""
    previous: str = ""
    """In the first seal of a file: the last hash of the file before; empty where there was none."""

    def to_json(self) -> str:
        return json.dumps({name: value for name, value in vars(self).items() if value != ""})

    @classmethod
    def from_json(cls, text: str) -> Seal:
        """Raises ValueError."""
        data = json.loads(text)
        try:
            seal = cls(**{"digests": "", **data})
            texts = (seal.time, seal.hash, seal.digests, seal.previous)
            good = all(isinstance(value, str) for value in texts) and type(seal.lines) is type(seal.bytes) is int
            good = good and _HASH.fullmatch(seal.hash) is not None and _DIGESTS.fullmatch(seal.digests) is not None
        except TypeError:
            good = False
        if not good:
            raise ValueError("not a seal")
        return seal


class Chain:
    """The chain of one file, as far as it was read."""

    def __init__(self, name: str, previous: str = "") -> None:
        self.previous = previous
        self.lines = self.bytes = 0
        self._hash = hashlib.sha256(f"prod-access-audit {name} {previous}".encode()).digest()
        self._digests: list[str] = []
        self._sealed = 0

    @property
    def hash(self) -> str:
        return self._hash.hex()

    @property
    def is_sealed(self) -> bool:
        return self.lines == self._sealed

    def add(self, line: bytes) -> str:
        """Go on by one line, its end included. Returns the digest of the line."""
        digest = hashlib.sha256(line)
        self._hash = hashlib.sha256(self._hash + digest.digest()).digest()
        self.lines += 1
        self.bytes += len(line)
        self._digests.append(digest.hexdigest()[:_DIGEST])
        return self._digests[-1]

    def seal(self, time: str) -> Seal:
        """Seal all lines up to here."""
        seal = Seal(time, self.lines, self.bytes, self.hash, "".join(self._digests), "" if self._sealed else self.previous)
        self._digests.clear()
        self._sealed = self.lines
        return seal

    def resume(self, seal: Seal) -> None:
        """Go on after a seal of this file without reading the lines before it."""
        self._hash = bytes.fromhex(seal.hash)
        self.lines = self._sealed = seal.lines
        self.bytes = seal.bytes


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file. ``line`` counts from 1; it is 0 where the seals themselves are wrong."""

    line: int
    what: str


@dataclass(frozen=True)
class Verdict:
    """What became of comparing a file with its seals."""

    fault: Fault | None
    lines: int
    sealed: int


def verify(name: str, lines: Iterable[bytes], seals: Sequence[Seal]) -> Verdict:
    """Compare a file with its seals. The first fault is named: what comes after it may or may not be good."""
    expected = [seal.digests[start : start + _DIGEST] for seal in seals for start in range(0, len(seal.digests), _DIGEST)]
    counts = [seal.lines for seal in seals]
    if counts != sorted(set(counts)) or (counts and counts[-1] != len(expected)):
        return Verdict(Fault(0, "its seals do not follow one another: some of them are missing or were changed"), 0, len(expected))
    chain = Chain(name, seals[0].previous if seals else "")
    hashes = {seal.lines: seal.hash for seal in seals}
    found = []
    broken = 0
    for line in lines:
        if chain.lines >= len(expected):
            chain.lines += 1
            continue
        found.append(chain.add(line))
        if not broken and hashes.get(chain.lines, chain.hash) != chain.hash:
            broken = chain.lines
    first = next((place for place, digest in enumerate(found) if digest != expected[place]), len(found))
    if first < len(found):
        fault: Fault | None = Fault(first + 1, _what(found[first:], expected[first:]))
    elif len(found) < len(expected):
        fault = Fault(len(found) + 1, f"missing: the file ends before it, and {len(expected)} lines were sealed")
    else:
        fault = Fault(broken, "the hash of the lines up to here is another one than was sealed") if broken else None
    return Verdict(fault, chain.lines, len(expected))


def _what(found: Sequence[str], expected: Sequence[str]) -> str:
    """What happened at the first line that differs."""
    after, sealed_after = found[1:2], expected[1:2]
    if after == [expected[0]]:
        return "another place than where it was sealed" if sealed_after == [found[0]] else "inserted: it was not sealed here"
    if [found[0]] == sealed_after:
        return "a line before it was removed"
    return "a line of another place" if found[0] in expected else "edited: it is not what was sealed"


class Watch:
    """Whether a host's lines come without gaps, and go on coming. It is told of each line in turn."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._sequence: int | None = None
        self.seen: float | None = None

    def line(self, sequence: int | None, received: float) -> Iterator[str]:
        """What is wrong before this line. Numbers rise by one; a host that was set up anew begins again at 1."""
        if sequence is not None:
            last, self._sequence = self._sequence, sequence
            if last is not None and sequence == 1 and last != 1:
                yield f"its numbers begin anew after {last}: was it set up again?"
            elif last is not None and sequence > last + 1:
                yield f"{sequence - last - 1} lines are missing: {last + 1} to {sequence - 1}"
            elif last is not None and sequence <= last:
                yield f"line {sequence} came after line {last}: twice, or out of its order"
                self._sequence = last
        yield from self.now(received)
        self.seen = max(received, self.seen or received)

    def now(self, time: float) -> Iterator[str]:
        """What is wrong when nothing came up to a time."""
        if self.seen is not None and time - self.seen > self._silence:
            yield f"silent for {time - self.seen:.0f} s"
