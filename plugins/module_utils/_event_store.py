# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector's files, and a host's own journal: read as streams of events, filtered before anything is decoded."""

from __future__ import annotations

import contextlib
import functools
import gzip
import heapq
import io
import json
import os
import pwd
import re
import subprocess
import tempfile
import time
import zlib
from typing import IO, Callable, Iterator, Mapping, Sequence, cast

from . import _event_sources
from ._command import PATH, HostError
from ._event import Event
from ._event_filter import Filter, passes
from ._node import shown

FOLDER = "/var/log/prod-access"
NAMES = "names.json"
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})\.jsonl(?:\.gz|\.zst)?")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# Longer lines come in pieces, each of which is unreadable, and said to be.
_PIECE = 1 << 21
_POLL = 0.5


class Collector:
    """``<folder>/<host>/<day>.jsonl``, older ones compressed; beside them a host's logins in ``names.json``."""

    def __init__(self, folder: str = FOLDER) -> None:
        self.folder = folder

    def hosts(self) -> list[str]:
        """All hosts that ever sent something. Raises HostError."""
        try:
            return sorted(entry.name for entry in os.scandir(self.folder) if entry.is_dir() and _HOST.fullmatch(entry.name))
        except FileNotFoundError:
            raise HostError(f"{self.folder} is missing", "run this on the collector, or say where its files are: --folder") from None

    def chosen(self, asked: Sequence[str]) -> list[str]:
        """These hosts, or all where none is asked for. Raises HostError when there is nothing of one."""
        known = self.hosts()
        missing = [host for host in asked if host not in known]
        if missing:
            raise HostError(f"nothing ever came from {shown(', '.join(missing))}", f"known are {', '.join(known) or 'none'}")
        return sorted(set(asked)) or known

    def files(self, host: str, first: str = "", last: str = "9999") -> list[tuple[str, str]]:
        """Days and paths in their order."""
        found = {}
        for name in sorted(os.listdir(os.path.join(self.folder, host)), reverse=True):
            day = _DAY.fullmatch(name)
            # While a file is being compressed both are there: the plain one, which comes last here, is the whole one.
            if day and first <= day.group(1) <= last:
                found[day.group(1)] = os.path.join(self.folder, host, name)
        return sorted(found.items())

    def names(self, host: str) -> Mapping[str, str]:
        with contextlib.suppress(OSError, ValueError), open(os.path.join(self.folder, host, NAMES), encoding="utf-8") as stream:
            data = json.load(stream)
            return {uid: login for uid, login in data.items() if isinstance(login, str)} if isinstance(data, dict) else {}
        return {}

    def events(self, wanted: Filter, hosts: Sequence[str], complain: Callable[[str], None]) -> Iterator[Event]:
        """The events of some hosts, in the order of their times as far as the files have it."""
        streams = [self._events(wanted, host, complain) for host in hosts]
        return heapq.merge(*streams, key=lambda event: event.time) if len(streams) > 1 else iter(streams[0] if streams else ())

    def _events(self, wanted: Filter, host: str, complain: Callable[[str], None]) -> Iterator[Event]:
        reader = _Reader(wanted, self.names(host))
        for _day, path in self.files(host, *wanted.days()):
            try:
                yield from reader.events(lines(path))
            except (OSError, EOFError, zlib.error) as error:
                complain(f"{path}: {error}; what comes after is not shown")

    def follow(self, wanted: Filter, hosts: Sequence[str]) -> Iterator[Event | None]:
        """Events as they come, from now on; None each time there is nothing new. Ends with the process."""
        tails: dict[str, _Tail] = {}
        first = True
        while True:
            for host in hosts or self.hosts():
                for _day, path in self.files(host)[-2:]:
                    if path not in tails and path.endswith(".jsonl"):
                        tails[path] = _Tail(path, _Reader(wanted, self.names(host)), at_end=first)
            first = False
            for tail in tails.values():
                yield from tail.events()
            yield None
            time.sleep(_POLL)


class _Reader:
    """Makes events of lines of one host."""

    def __init__(self, wanted: Filter, names: Mapping[str, str], host: str | None = None) -> None:
        self._wanted = wanted
        self._names = names
        self._read = _event_sources.read if host is None else functools.partial(_event_sources.read_journal, host=host)
        self._needles = wanted.needles(names)
        self._word = wanted.word

    def events(self, stream: Iterator[bytes]) -> Iterator[Event]:
        read, needles, word, names, matches = self._read, self._needles, self._word, self._names, self._wanted.matches
        for line in stream:
            if passes(line, needles, word):
                event = read(line, names)
                if event is not None and matches(event):
                    yield event


class _Tail:
    def __init__(self, path: str, reader: _Reader, *, at_end: bool) -> None:
        self._stream = open(path, "rb")  # noqa: SIM115 - as long as the program runs
        self._reader = reader
        self._rest = b""
        if at_end:
            self._stream.seek(0, os.SEEK_END)

    def events(self) -> Iterator[Event]:
        *whole, self._rest = (self._rest + self._stream.read()).split(b"\n")
        return self._reader.events(line + b"\n" for line in whole)


def lines(path: str) -> Iterator[bytes]:
    """The lines of a file, compressed or not."""
    if path.endswith(".zst"):
        command = ["zstd", "--decompress", "--stdout", "--quiet", "--", path]
        yield from _said(command, mend="install zstd, or look whether the file is whole")
        return
    with open(path, "rb") as stream:
        yield from _pieces(io.BufferedReader(gzip.GzipFile(fileobj=stream)) if path.endswith(".gz") else stream)


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: stream.readline(_PIECE), b"")


def _said(command: Sequence[str], mend: str) -> Iterator[bytes]:
    """The lines that a program prints, as it prints them."""
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, env={"PATH": PATH, "LC_ALL": "C.UTF-8"})
        except FileNotFoundError:
            raise HostError(f"{command[0]} is missing on this host", mend) from None
        with process:
            try:
                yield from _pieces(cast("IO[bytes]", process.stdout))
            except GeneratorExit:
                process.kill()
                raise
            if process.wait() != 0:
                complaints.seek(0)
                said = complaints.read(1000).decode("utf-8", "replace").strip()
                raise HostError(f"{command[0]}: {said or f'ended with {process.returncode}'}", mend)


def local_names() -> dict[str, str]:
    """The logins of this host."""
    return {str(entry.pw_uid): entry.pw_name for entry in pwd.getpwall()}


# What the journal of a host is asked for, each term with its own fields; journalctl joins them by "or".
_PEOPLE = ("SYSLOG_IDENTIFIER=sshd", "SYSLOG_IDENTIFIER=sshd-session", "SYSLOG_IDENTIFIER=systemd-logind", "SYSLOG_IDENTIFIER=login")
_OTHERS = tuple(f"SYSLOG_IDENTIFIER={name}" for name in _event_sources.IDENTIFIERS if f"SYSLOG_IDENTIFIER={name}" not in _PEOPLE)
_OURS = tuple(f"PROD_ACCESS_KIND={kind}" for kind in sorted(_event_sources.OUR_KINDS))


def journal_events(wanted: Filter, host: str) -> Iterator[Event]:
    """What the journal of this host has, as far as this user may read it. Its own filters leave out most of it."""
    names = local_names()
    uids = [uid for uid, login in names.items() if wanted.person in (login, f"#{uid}")] or [wanted.person.lstrip("#")]
    if wanted.person:
        stamps = [f"{field}={uid}" for uid in uids for field in ("_AUDIT_LOGINUID", "_SYSTEMD_OWNER_UID", "PROD_ACCESS_LOGINUID")]
        # These say themselves whose it is, where journald came too late to stamp it.
        terms = [*_PEOPLE, *(f"SYSLOG_IDENTIFIER={name}" for name in ("CRON", "laurel", "snoopy")), *stamps]
    else:
        terms = [*_PEOPLE, *_OTHERS, *_OURS]
    command = ["journalctl", "--output=json", "--all", "--no-pager", "--quiet"]
    if wanted.since:
        command.append(f"--since=@{wanted.since // 1_000_000}")
    if wanted.until < Filter().until:
        command.append(f"--until=@{wanted.until // 1_000_000 + 1}")
    command += [part for term in terms for part in (term, "+")][:-1]
    return _Reader(wanted, names, host).events(_said(command, mend="run it by hand to see why"))
