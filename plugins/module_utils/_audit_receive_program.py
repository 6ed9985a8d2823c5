# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service ``prod-access-audit-receive`` of the collector: takes what hosts send, and says that it has it once it is on the disk."""

from __future__ import annotations

import argparse
import collections
import contextlib
import datetime
import fcntl
import json
import os
import select
import socket
import ssl
import sys
import threading
import time
from typing import Any, Iterator, Mapping

from . import _certificate, _journal, _ship
from ._event_store import FOLDER, NAMES, Collector, lines
from ._recordings import Inbox, RecordingError

CONFIG = "/etc/prod-access/audit/receive.json"
CERTIFICATE = "/etc/prod-access/audit/collector.pem"
AUTHORITY = _certificate.Authority(
    "/etc/prod-access/audit", "set the collector up first: the same playbook without --limit, or with the collector in it"
)
_NAME = "audit-receive"
# A host says something each minute, and so is gone when nothing came for as long as this.
_TIMEOUT = 180
_HANDSHAKE = 20
_BATCH = 1 << 20
_WATCH = 20
_ROOM = 5
_REPEATED = 3600


class _StopError(Exception):
    """Why a host is not listened to any more."""


class _FullError(Exception):
    """There is no room on the disk."""


def main(arguments: list[str]) -> int:
    """What systemd starts on the collector."""
    parser = argparse.ArgumentParser(prog="prod-access-audit-receive", description="Take what hosts send about what people do on them.")
    parser.parse_args(arguments)
    try:
        with open(CONFIG, encoding="utf-8") as stream:
            receiver = _Receiver(json.load(stream))
        receiver.run()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"prod-access-audit-receive: {error}; run the role audit_collector again\n")
    return 1


def _say(host: str, text: str) -> None:
    sys.stderr.write(f"{host}: {_journal.harmless(text)}\n")
    sys.stderr.flush()


class _Alarms:
    """What is wrong with whom, told once; and that it is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str], float] = {}

    def tell(self, host: str, matter: str, message: str, *, once: bool = False) -> None:
        with self._lock:
            now = time.monotonic()
            last = self._told.get((host, matter))
            if last is None or (now - last >= _REPEATED and not once):
                self._told[host, matter] = now
                self._tell("alarm", host, message)

    def over(self, host: str, matter: str, message: str) -> None:
        with self._lock:
            if self._told.pop((host, matter), None) is not None:
                self._tell("recording", host, message)

    @staticmethod
    def _tell(kind: str, host: str, message: str) -> None:
        _journal.tell(kind, _NAME, f"{host}: {message}", {"TARGET": host}, wait=1)


class _Files:
    """The files of one host: a file a day, to which only whole lines are added."""

    def __init__(self, collector: Collector, host: str) -> None:
        self._folder = os.path.join(collector.folder, host)
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        self.sequence, self.cursor = 0, ""
        self._file: Any = None
        self._day = ""
        for _day, path in reversed(collector.files(host)):
            last = _mended(path) if path.endswith(".jsonl") else b"".join(collections.deque(lines(path), maxlen=1))
            if last:
                self.sequence, self.cursor = _ship.place(last)
                break

    def add(self, data: bytes, day: str) -> None:
        """Write, and come back when it is on the disk. Raises OSError, and then nothing was added."""
        if day != self._day:
            self.close()
            path = os.path.join(self._folder, f"{day}.jsonl")
            self._file = open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab", buffering=0)  # noqa: SIM115
            self._day = day
            _sync(self._folder)
        # Whoever seals the file waits, and never sees what is taken back.
        fcntl.flock(self._file, fcntl.LOCK_EX)
        size = os.fstat(self._file.fileno()).st_size
        try:
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
            os.fdatasync(self._file.fileno())
        except OSError:
            os.ftruncate(self._file.fileno(), size)
            raise
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def write_names(self, names: Mapping[str, str]) -> None:
        """Logins by UID, with those that there were before."""
        path = os.path.join(self._folder, NAMES)
        known: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as stream:
            known = json.load(stream)
        with open(path + ".new", "w", encoding="utf-8") as stream:
            json.dump({**known, **names}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(path + ".new", path)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._day = None, ""


def _mended(path: str) -> bytes:
    """The last whole line. What a sudden end left of another one is cut off: nobody was told that it is there."""
    with open(path, "r+b") as stream:
        size = start = stream.seek(0, os.SEEK_END)
        tail = b""
        # Two ends of lines: the last line is between them.
        while start > 0 and tail.count(b"\n") < 2:
            start = max(0, start - _ship.LONGEST)
            stream.seek(start)
            tail = stream.read(size - start)
        whole = tail[: tail.rfind(b"\n") + 1]
        if len(whole) < len(tail):
            stream.truncate(start + len(whole))
            os.fsync(stream.fileno())
        return whole[whole.rfind(b"\n", 0, -1) + 1 :]


def _sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Receiver:
    """Listens for as long as the process runs."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._port = int(config["port"])
        self._hosts = frozenset(config["hosts"])
        self._room = int(config["room"])
        self._silence = float(config["silence"])
        self._collector = Collector(str(config.get("folder", FOLDER)))
        self._alarms = _Alarms()
        self._lock = threading.Lock()
        self._open: dict[str, socket.socket] = {}
        self._turns: dict[str, threading.Lock] = {}
        # A host that was known before, and does not come back, is silent as well.
        self._heard = {host: time.monotonic() for host in self._collector.hosts() if host in self._hosts}
        # Those that have a certificate, and did not come so far.
        self._never: set[str] = set()

    def run(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(AUTHORITY.certificate)
        context.load_cert_chain(CERTIFICATE)
        family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        with socket.create_server(("", self._port), family=family, dualstack_ipv6=family == socket.AF_INET6, backlog=1024) as listener:
            threading.Thread(target=self._watch, daemon=True).start()
            while True:
                plain, address = listener.accept()
                threading.Thread(target=self._serve, args=(context, plain, str(address[0]).replace("::ffff:", "")), daemon=True).start()

    def _watch(self) -> None:
        """Look for hosts that say nothing, and for room."""
        while True:
            time.sleep(min(_WATCH, self._silence / 4))
            now = time.monotonic()
            heard = dict(self._heard)
            for host in self._hosts.intersection(AUTHORITY.issued()) - set(heard):
                # It was given what it needs to come, and is waited for like those that came before.
                self._heard.setdefault(host, now)
                self._never.add(host)
            for host, last in heard.items():
                if now - last > self._silence:
                    never = ", and never did: see prod-access-audit-ship there, and the way to here" if host in self._never else ""
                    self._alarms.tell(host, "silence", f"nothing came from it for {now - last:.0f} s{never}", once=True)
            with contextlib.suppress(_FullError):
                self._look_for_room()

    def _serve(self, context: ssl.SSLContext, plain: socket.socket, address: str) -> None:
        host = address
        try:
            with plain:
                plain.settimeout(_HANDSHAKE)
                with context.wrap_socket(plain, server_side=True) as stream:
                    host = self._admitted(stream)
                    stream.settimeout(_TIMEOUT)
                    with self._turn(host, stream):
                        self._take(host, stream)
        except ssl.SSLError as error:
            reason = str(error.reason or error)
            if "CERTIFICATE" in reason:
                self._alarms.tell(host, "certificate", f"refused: {reason}")
            else:  # Whoever looks at ports comes by, too.
                _say(host, reason)
        except (_StopError, _ship.ProtocolError) as error:
            self._alarms.tell(host, "refused", f"refused: {error}")
        except _FullError:
            return
        except OSError as error:
            _say(host, str(error))

    def _admitted(self, stream: ssl.SSLSocket) -> str:
        """The host by its certificate."""
        subject: Any = (stream.getpeercert() or {}).get("subject", ())
        names = [value for part in subject for key, value in part if key == "commonName"]
        if len(names) != 1 or names[0] not in self._hosts:
            raise _StopError(f"its certificate is for {', '.join(names) or 'nobody'}, which audit_collector_hosts does not have")
        return str(names[0])

    @contextlib.contextmanager
    def _turn(self, host: str, stream: ssl.SSLSocket) -> Iterator[None]:
        """A host has one connection. The new one is good: of the old one only this side may think that it is still there."""
        with self._lock:
            old = self._open.get(host)
            self._open[host] = stream
            turn = self._turns.setdefault(host, threading.Lock())
        if old is not None:
            with contextlib.suppress(OSError):
                old.shutdown(socket.SHUT_RDWR)
        if not turn.acquire(timeout=_HANDSHAKE):
            raise OSError("another connection of it does not end")
        try:
            yield
        finally:
            turn.release()
            with self._lock:
                if self._open.get(host) is stream:
                    del self._open[host]

    def _look_for_room(self) -> None:
        """Raises _FullError when there is less room on the disk than is to be left."""
        about = os.statvfs(self._collector.folder)
        free = about.f_bavail * about.f_frsize
        if free < self._room:
            self._alarms.tell("this collector", "disk", f"the disk of {self._collector.folder} is full: hosts wait until there is room")
            raise _FullError
        self._alarms.over("this collector", "disk", "there is room on the disk again")

    def _take(self, host: str, stream: ssl.SSLSocket) -> None:
        self._look_for_room()
        files = _Files(self._collector, host)
        try:
            stream.sendall(_ship.message({"seq": files.sequence, "cursor": files.cursor}))
            rest = b""
            while True:
                data = _read(stream)
                if not data:
                    return
                self._heard[host] = time.monotonic()
                self._never.discard(host)
                self._alarms.over(host, "silence", "it is there again")
                *whole, rest = (rest + data).split(b"\n")
                if len(rest) > _ship.LONGEST:
                    raise _ship.ProtocolError("a line without an end")
                self._keep(host, files, self._aside(host, stream, whole))
                stream.sendall(_ship.message({"seq": files.sequence}))
        finally:
            files.close()

    def _aside(self, host: str, stream: ssl.SSLSocket, whole: list[bytes]) -> list[dict[str, Any]]:
        """Take what is of recordings; returns the rest."""
        inbox = Inbox(os.path.join(self._collector.folder, host))
        rest = []
        for line in whole:
            data = _ship.read_message(line)
            if "recordings" in data:
                with self._taking(host):
                    stream.sendall(_ship.message({"recordings": inbox.sizes(data["recordings"])}))
            elif "recording" in data:
                with self._taking(host):
                    self._look_for_room()
                    inbox.add(data)
            else:
                rest.append(data)
        return rest

    @contextlib.contextmanager
    def _taking(self, host: str) -> Iterator[None]:
        """A recording that cannot be taken does not stand in the way of records."""
        try:
            yield
        except RecordingError as error:
            self._alarms.tell(host, f"recording: {error}", f"not taken: {error}")

    def _keep(self, host: str, files: _Files, whole: list[dict[str, Any]]) -> None:
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond:06}Z"
        kept, last = [], files.sequence
        for data in whole:
            names = _ship.names(data)
            if names is not None:
                files.write_names(names)
                continue
            kept.append(_ship.received(data, host, stamp, last))
            last += 1
        if not kept:
            return
        self._look_for_room()
        try:
            files.add(b"".join(kept), stamp[:10])
        except OSError as error:
            self._alarms.tell("this collector", "disk", f"{self._collector.folder} cannot be written: {error}")
            raise _FullError from None
        files.sequence = last


def _read(stream: ssl.SSLSocket) -> bytes:
    """What has come, as much of it as is worth one write to the disk."""
    data = stream.recv(_BATCH)
    parts, size = [data], len(data)
    while data and size < _BATCH and (stream.pending() or select.select([stream], [], [], 0)[0]):
        data = stream.recv(_BATCH)
        parts.append(data)
        size += len(data)
    return b"".join(parts)
