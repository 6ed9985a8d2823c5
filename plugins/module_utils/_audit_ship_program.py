# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service ``prod-access-audit-ship``: sends what people do on this host to the collector, out of the journal and in its order."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import deque
from typing import Any, Callable, Iterator, Mapping

from . import _certificate, _journal, _ship, _waiting
from ._command import PATH, HostError, attempt
from ._event_store import local_names
from ._recordings import Outbox

CONFIG = "/etc/prod-access/audit/ship.json"
CERTIFICATE = "/etc/prod-access/audit/host.pem"
AUTHORITY = "/etc/prod-access/audit/ca.crt"
STATE = "/var/lib/prod-access-audit-ship"
_BEGIN = f"{STATE}/begin"
# Its time is that of the last entry of the journal that does not wait any more.
_SHIPPED = f"{STATE}/shipped"
_NAME = "audit-ship"
_HEARTBEAT = 60
_TIMEOUT = 180
_DURABLE = 60
_MOST_WAIT = 10
# So much is on its way at most; the rest waits in the journal.
_AHEAD = 10_000
_BATCH = 1 << 16
_PARTS = 8
_WATCH = 20
_DAY = 86400
_HOUR = 3600
# Of what the journal keeps, so much may wait before somebody is told.
_MOST_WAITING = 0.75


def main(arguments: list[str]) -> int:
    """What systemd starts on a host."""
    parser = argparse.ArgumentParser(prog="prod-access-audit-ship", description="Send what people do on this host to the collector.")
    parser.add_argument("--once", action="store_true", help="end with the first connection, and say why")
    chosen = parser.parse_args(arguments)
    try:
        with open(CONFIG, encoding="utf-8") as stream:
            shipper = _Shipper(json.load(stream))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"prod-access-audit-ship: {CONFIG}: {error}; run the role audit again\n")
        return 1
    return shipper.run(once=chosen.once)


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class _Shipper:
    """Ships for as long as the process runs."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._address = (str(config["address"]), int(config["port"]))
        self._collector = str(config["collector"])
        self._patience = float(config["patience"])
        self._choice = _ship.Choice(config["exclude"], config["redact"])
        self._journal_keeps: Mapping[str, str] = config["journal"]
        self._reached = time.monotonic()
        self._alarmed = 0.0
        self._looked = self._told = -float(_DAY)
        self._shipped, self._noted = _shipped(), 0.0
        self._lost: str | None = None

    def run(self, *, once: bool) -> int:
        # What was recorded before anybody was told that it is kept elsewhere stays where it is.
        begin = _begin()
        threading.Thread(target=self._watch, daemon=True).start()
        wait = 1.0
        while True:
            said = "the connection ended"
            try:
                with self._connection() as stream:
                    wait = 1.0
                    _Conversation(stream, self._choice, begin, self._shipped).run(self._is_reached)
            except (OSError, ssl.SSLError, _ship.ProtocolError, HostError) as error:
                said = str(error)
            said = f"{self._collector} ({self._address[0]} port {self._address[1]}): {said}"
            if said != self._lost:
                say(f"not shipping: {said}; what is recorded waits in the journal")
                self._lost = said
            self._alarm(said)
            if once:
                return 1
            time.sleep(wait)
            wait = min(wait * 2, _MOST_WAIT)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[ssl.SSLSocket]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(AUTHORITY)
        context.load_cert_chain(CERTIFICATE)
        with socket.create_connection(self._address, timeout=_TIMEOUT) as plain:
            # A collector that is gone without a word is found out within a minute or so.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            with context.wrap_socket(plain, server_hostname=self._collector) as stream:
                yield stream

    def _is_reached(self, shipped: float) -> None:
        """All up to a time is at the collector."""
        if self._lost is not None:
            say(f"shipping to {self._collector} again")
        self._lost = None
        self._reached = time.monotonic()
        self._alarmed = 0.0
        self._shipped = shipped
        if self._reached - self._noted > _WATCH:
            self._noted = self._reached
            with open(_SHIPPED, "w", encoding="ascii"):
                os.utime(_SHIPPED, (shipped, shipped))

    def _alarm(self, said: str) -> None:
        waited = time.monotonic() - self._reached
        if waited > self._patience and time.monotonic() - self._alarmed > max(self._patience, 3600):
            self._alarmed = time.monotonic()
            _journal.tell("alarm", _NAME, f"nothing was shipped for {waited:.0f} s: {said}", {})

    def _watch(self) -> None:
        """Tell in good time what waits for people to mend it, whatever the connection does meanwhile."""
        while True:
            for look in (self._look_at_certificate, self._look_at_journal):
                with contextlib.suppress(OSError, HostError):
                    look()
            time.sleep(_WATCH)

    def _look_at_certificate(self) -> None:
        """Only a run of the role renews it."""
        if time.monotonic() - self._looked < _DAY:
            return
        self._looked = time.monotonic()
        end = _certificate.ends(CERTIFICATE)
        if end - time.time() < 14 * _DAY:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
            _journal.tell("alarm", _NAME, f"the certificate of this host ends at {at}: run the role audit again", {})

    def _look_at_journal(self) -> None:
        """The journal is where records wait, and it is bounded."""
        if time.time() - self._shipped < _WATCH:
            return
        share = _waiting.measured(self._shipped, self._journal_keeps["size"], self._journal_keeps["free"])
        if share >= _MOST_WAITING and time.monotonic() - self._told > _HOUR:
            self._told = time.monotonic()
            text = f"the journal, where records wait for the collector, is filled by {share:.0%}: soon the oldest are lost; see why with"
            _journal.tell("alarm", _NAME, f"{text} journalctl -u prod-access-{_NAME}, or let audit_journal_size be more", {})


def _shipped() -> float:
    """How far an earlier process had come; now, where there was none."""
    try:
        return os.stat(_SHIPPED).st_mtime
    except FileNotFoundError:
        return time.time()


def _begin() -> str:
    """Where the journal was when this host began to ship."""
    try:
        with open(_BEGIN, encoding="ascii") as stream:
            return stream.read()
    except FileNotFoundError:
        cursor = _last_cursor()
        with open(_BEGIN, "w", encoding="ascii") as stream:
            stream.write(cursor)
        return cursor


def _last_cursor() -> str:
    return _cursor_of(attempt(["journalctl", "--lines=1", "--output=json", "--quiet"]).stdout)


def _cursor_of(line: str) -> str:
    try:
        return str(json.loads(line)["__CURSOR"])
    except (ValueError, KeyError):
        return ""


class _Conversation:
    """One connection to the collector."""

    def __init__(self, stream: ssl.SSLSocket, choice: _ship.Choice, begin: str, shipped: float) -> None:
        self._stream = stream
        self._choice = choice
        self._begin = begin
        self._sequence = self._durable = 0
        self._cursor = ""
        self._looked_at = b""
        self._places: deque[tuple[int, float]] = deque()
        self._shipped = shipped
        self._names: dict[str, str] = {}
        self._seen: set[str] = set()
        self._said = b""
        self._lines: queue.Queue[bytes | None] = queue.Queue(maxsize=2000)
        self._recordings = Outbox()

    def run(self, reached: Callable[[float], None]) -> None:
        """Ship until it breaks, which it says by an error."""
        greeting: list[dict[str, Any]] = []
        while not greeting:
            greeting = self._read()
        self._sequence = self._durable = int(greeting[0].get("seq", 0))
        self._cursor = str(greeting[0].get("cursor", "")) or self._begin
        self._send_names()
        with self._journal():
            if self._sequence == 0:
                self._send(self._of_shipper("recording", "this host begins to ship what people do on it"))
            elif not self._is_there(self._cursor):
                gap = "the journal was cut before all of it was shipped: what came after the last record is lost"
                self._send(self._of_shipper("alarm", gap))
            self._ship(reached)

    def _ship(self, reached: Callable[[float], None]) -> None:
        beat = answered = time.monotonic()
        while True:
            batch = b"".join(self._batch())
            self._places.append((self._sequence, _ship.realtime(self._looked_at) or time.time()))
            if batch:
                self._send(batch)
            elif time.monotonic() - beat >= _HEARTBEAT:
                beat = time.monotonic()
                self._send_names()
                self._send(self._of_shipper("heartbeat", "recording"))
            self._send_recordings()
            if self._take_answers() or self._durable == self._sequence:
                answered = time.monotonic()
                while self._places and self._places[0][0] <= self._durable:
                    self._shipped = self._places.popleft()[1]
                reached(self._shipped)
            elif time.monotonic() - answered > _DURABLE:
                raise _ship.ProtocolError("the collector does not say any more that it has what it is sent")

    def _batch(self) -> Iterator[bytes]:
        """What the journal has, as far as more may be on its way."""
        if self._sequence - self._durable > _AHEAD:
            time.sleep(0.05)
            return
        size, end = 0, time.monotonic() + 1
        # Also where the journal says much all the time of which nothing leaves this host, there is more to do than to read it.
        while size < _BATCH and time.monotonic() < end:
            try:
                found = self._lines.get_nowait() if size else self._lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                # Where it had nothing for a while, there is nothing.
                self._looked_at = self._looked_at if size else b""
                return
            if found is None:
                raise _ship.ProtocolError("the journal cannot be read any more")
            self._looked_at = found
            fields = self._choice.entry(found)
            if fields is not None:
                if _ship.owner(fields) not in self._seen:
                    self._seen.add(_ship.owner(fields))
                    self._send_names()
                self._sequence += 1
                self._cursor = fields["__CURSOR"]
                recording = _ship.recording(fields)
                if recording:
                    self._recordings.began(recording)
                record = _ship.line(self._sequence, "journal", fields)
                size += len(record)
                yield record

    def _of_shipper(self, kind: str, message: str) -> bytes:
        self._sequence += 1
        return _ship.line(self._sequence, "ship", _ship.of_shipper(kind, message, int(time.time() * 1_000_000), self._cursor))

    def _send(self, data: bytes) -> None:
        self._stream.sendall(data)

    def _send_names(self) -> None:
        names = local_names()
        if names != self._names:
            self._names = names
            self._send(_ship.message({"names": names}))

    def _send_recordings(self) -> None:
        """A little of what sudo recorded of terminals; records go first."""
        for _turn in range(_PARTS):
            found = self._recordings.next()
            if found is None:
                break
            self._send(_ship.message(found))

    def _read(self) -> list[dict[str, Any]]:
        """What the collector says next."""
        data = self._stream.recv(_BATCH)
        if not data:
            raise _ship.ProtocolError("the collector ended the connection")
        *whole, self._said = (self._said + data).split(b"\n")
        return [_ship.read_message(line) for line in whole]

    def _take_answers(self) -> bool:
        found = False
        while self._stream.pending() or select.select([self._stream], [], [], 0)[0]:
            for answer in self._read():
                if "recordings" in answer:
                    self._recordings.answered(answer["recordings"])
                    continue
                self._durable = int(answer.get("seq", 0))
                found = True
        return found

    @contextlib.contextmanager
    def _journal(self) -> Iterator[None]:
        """journalctl, which goes on from the cursor and follows, and a thread that reads what it says."""
        start = ["--after-cursor", self._cursor] if self._cursor else []
        command = ["journalctl", "--follow", "--no-tail", "--output=json", "--all", "--quiet", *start]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env={"PATH": PATH, "LC_ALL": "C.UTF-8"})
        ended = threading.Event()

        def read() -> None:
            for line in process.stdout or ():
                while not ended.is_set():
                    with contextlib.suppress(queue.Full):
                        self._lines.put(line, timeout=1)
                        break
            with contextlib.suppress(queue.Full):
                self._lines.put(None, timeout=1)

        threading.Thread(target=read, daemon=True).start()
        try:
            yield
        finally:
            ended.set()
            process.kill()
            process.wait()

    @staticmethod
    def _is_there(cursor: str) -> bool:
        return _cursor_of(attempt(["journalctl", "--lines=1", "--output=json", "--quiet", "--cursor", cursor]).stdout) == cursor
