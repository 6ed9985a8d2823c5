# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy between a client of PostgreSQL or MariaDB and its server, on the same host, that holds statements for a question.

All bytes pass unchanged, except what says that a connection could be encrypted or compressed, and statements that were
refused: those never reach the server, and the client gets an error in their place.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Callable, Mapping

from . import _sql

# What people type is shorter; what is longer passes without being looked at.
_LONGEST = 1 << 20
_CHUNK = 1 << 16


@dataclass
class Session:
    """Who is connected to what."""

    server: str
    """The path of the server's socket."""
    user: str = ""
    database: str = ""


# Whether a statement, which changes something, and would destroy what was found, may run.
Judge = Callable[[Session, str, "list[_sql.Finding]"], bool]


def _exactly(stream: BufferedReader, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


class Conversation:
    """One connection of a client, and its own connection to the server."""

    dialect: _sql.Dialect

    def __init__(self, client: socket.socket, server: socket.socket, session: Session, judge: Judge) -> None:
        self.client = client
        self.server = server
        self.session = session
        self._judge = judge
        self._stream = client.makefile("rb")

    def run(self) -> None:
        """Carry what both say, until one of them has nothing more to say."""
        replies = threading.Thread(target=self._carry_replies, daemon=True)
        with self.client, self.server, contextlib.suppress(OSError, EOFError):
            self.begin()
            replies.start()
            with contextlib.suppress(OSError, EOFError):
                self.carry_requests()
            self.server.shutdown(socket.SHUT_WR)
            replies.join()

    def _carry_replies(self) -> None:
        with contextlib.suppress(OSError):
            for data in iter(lambda: self.server.recv(_CHUNK), b""):
                self.overhear(data)
                self.client.sendall(data)
        with contextlib.suppress(OSError):
            # The client sees the server go, and a client that waits to send does not wait any longer.
            self.client.shutdown(socket.SHUT_RDWR)

    def begin(self) -> None:
        """What comes before requests and replies follow one another freely."""

    def carry_requests(self) -> None:
        """Carry the client's messages, and hold those that need an answer of the person."""
        raise NotImplementedError

    def overhear(self, data: bytes) -> None:
        """Learn from what the server says."""

    def allows(self, statement: bytes) -> bool:
        """Whether a statement may run."""
        text = statement.decode(errors="replace")
        found = _sql.findings(text, self.dialect)
        return not (found or _sql.changes(text, self.dialect)) or self._judge(self.session, text, found)

    def read(self, size: int) -> bytes:
        """So many bytes of the client."""
        return _exactly(self._stream, size)

    def carry(self, size: int) -> None:
        """Pass on so many bytes of the client, without keeping them."""
        while size > 0:
            data = self._stream.read1(min(size, _CHUNK))
            if not data:
                raise EOFError
            self.server.sendall(data)
            size -= len(data)


class Postgresql(Conversation):
    """PostgreSQL's manual, "Frontend/Backend Protocol"."""

    dialect = _sql.POSTGRESQL
    _CANCEL, _TLS, _GSSAPI = 80877102, 80877103, 80877104
    _READY = re.compile(rb"Z\x00\x00\x00\x05([ITE])")

    def __init__(self, client: socket.socket, server: socket.socket, session: Session, judge: Judge) -> None:
        super().__init__(client, server, session, judge)
        self._transaction = b"I"
        self._tail = b""

    def begin(self) -> None:
        """The start-up packet, or a request to cancel what another connection does, which needs no care."""
        code = self._GSSAPI
        while code in (self._TLS, self._GSSAPI):
            size, code = struct.unpack("!II", self.read(8))
            if code in (self._TLS, self._GSSAPI):
                self.client.sendall(b"N")
        body = self.read(size - 8)
        if code != self._CANCEL:
            texts = body.decode(errors="replace").split("\0")
            said = dict(zip(texts[::2], texts[1::2]))
            self.session.user = said.get("user", "")
            self.session.database = said.get("database", self.session.user)
        self.server.sendall(struct.pack("!II", size, code) + body)

    def carry_requests(self) -> None:
        unanswered = False
        while True:
            header = self.read(5)
            kind, size = header[:1], struct.unpack("!I", header[1:])[0] - 4
            if kind not in b"QP" or size > _LONGEST:
                self.server.sendall(header)
                self.carry(size)
            else:
                body = self.read(size)
                # A statement that is prepared has its own name before its text.
                statement = body if kind == b"Q" else body.partition(b"\0")[2]
                if self.allows(statement.partition(b"\0")[0]):
                    self.server.sendall(header + body)
                else:
                    self._refuse(kind, fatal=unanswered and kind == b"P")
                    continue
            unanswered = kind in b"PBDECH"

    def _refuse(self, kind: bytes, *, fatal: bool) -> None:
        """Answer in the server's place. In the middle of a pipeline that cannot be done in order: then the connection ends."""
        severity = "FATAL" if fatal else "ERROR"
        fields = {"S": severity, "V": severity, "C": "57014", "M": REFUSAL}
        error = "".join(f"{name}{value}\0" for name, value in fields.items()).encode() + b"\0"
        self.client.sendall(b"E" + struct.pack("!I", len(error) + 4) + error)
        if fatal:
            raise EOFError
        while kind not in b"QS":
            kind, size = struct.unpack("!cI", self.read(5))
            self.read(size - 4)
        self.client.sendall(b"Z\0\0\0\x05" + self._transaction)

    def overhear(self, data: bytes) -> None:
        """The state of the transaction. What looks like it within a result is soon followed by the real one."""
        position = data.rfind(b"Z\0\0\0\x05")
        ready = self._READY.match(data, position) if position >= 0 else self._READY.search(self._tail + data[:5])
        if ready:
            self._transaction = ready.group(1)
        self._tail = (self._tail + data[-5:])[-5:]


class Mariadb(Conversation):
    """MariaDB's documentation, "Client/Server Protocol"."""

    dialect = _sql.MARIADB
    _OK = 0
    _INIT_DB, _QUERY, _PREPARE = b"\x02", b"\x03", b"\x16"
    _WITH_DATABASE, _COMPRESSED, _TLS = 1 << 3, 1 << 5, 1 << 11
    _ZSTD, _QUERY_ATTRIBUTES = 1 << 26, 1 << 27
    _SECURE, _LENGTH_ENCODED = 1 << 15, 1 << 21
    _MULTI = 1 << 1
    _WHOLE = 0xFFFFFF

    def __init__(self, client: socket.socket, server: socket.socket, session: Session, judge: Judge) -> None:
        super().__init__(client, server, session, judge)
        self._wanted: str | None = None

    def begin(self) -> None:
        """The greeting, without the offers that would make what follows unreadable; and who answers it."""
        # The server says nothing else before it is answered, so that nothing is lost with this stream.
        with self.server.makefile("rb") as stream:
            header = _exactly(stream, 4)
            greeting = bytearray(_exactly(stream, int.from_bytes(header[:3], "little")))
        if greeting[:1] == b"\x0a":
            # Past the text of the version, the number of the thread, eight random bytes and a filler.
            place = greeting.index(0, 1) + 14
            self._clear(greeting, place, self._COMPRESSED | self._TLS)
            self._clear(greeting, place + 5, (self._ZSTD | self._QUERY_ATTRIBUTES) >> 16)
            self._clear(greeting, place + 14, self._MULTI)
        self.client.sendall(header + greeting)
        header = self.read(4)
        answer = self.read(int.from_bytes(header[:3], "little"))
        self._learn(answer)
        self.server.sendall(header + answer)

    @staticmethod
    def _clear(data: bytearray, place: int, bits: int) -> None:
        data[place : place + 2] = (int.from_bytes(data[place : place + 2], "little") & ~bits).to_bytes(2, "little")

    def _learn(self, answer: bytes) -> None:
        capabilities = int.from_bytes(answer[:4], "little")
        user, _zero, rest = answer[32:].partition(b"\0")
        self.session.user = user.decode(errors="replace")
        if capabilities & self._WITH_DATABASE:
            rest = (
                rest[1 + int.from_bytes(rest[:1], "little") :]
                if capabilities & (self._SECURE | self._LENGTH_ENCODED)
                else rest.partition(b"\0")[2]
            )
            self.session.database = rest.partition(b"\0")[0].decode(errors="replace")

    def carry_requests(self) -> None:
        last, size = 0, 0
        while True:
            # Packets are numbered from 0 by every command; a file that is being loaded may come around to 0 again.
            continued = last == 255 and size > 0
            header = self.read(4)
            size, last = int.from_bytes(header[:3], "little"), header[3]
            if last != 0 or continued or not 0 < size <= _LONGEST:
                self.server.sendall(header)
                self.carry(size)
                continue
            body = self.read(size)
            command, rest = body[:1], body[1:]
            self._wanted = rest.decode(errors="replace") if command == self._INIT_DB else None
            if command not in (self._QUERY, self._PREPARE) or self.allows(rest):
                self.server.sendall(header + body)
            else:
                error = b"\xff" + struct.pack("<H", 1317) + b"#70100" + REFUSAL.encode()
                self.client.sendall(len(error).to_bytes(3, "little") + b"\x01" + error)

    def overhear(self, data: bytes) -> None:
        """Whether another database is the default one from now on."""
        if self._wanted is not None:
            if data[4:5] == bytes([self._OK]):
                self.session.database = self._wanted
            self._wanted = None


REFUSAL = "not confirmed; the server has not seen this statement"


class Proxy:
    """Sockets in a folder, each in the place of one of a server."""

    def __init__(self, folder: Path, sockets: Mapping[str, str], conversation: type[Conversation], judge: Judge) -> None:
        self._conversation = conversation
        self._judge = judge
        self._open: list[threading.Thread] = []
        for name, server in sockets.items():
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(folder / name))
            listener.listen()
            threading.Thread(target=self._accept, args=(listener, server), daemon=True).start()

    def _accept(self, listener: socket.socket, path: str) -> None:
        while True:
            client, _address = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(path)
            except OSError:
                client.close()
                server.close()
                continue
            conversation = self._conversation(client, server, Session(path), self._judge)
            thread = threading.Thread(target=conversation.run, daemon=True)
            thread.start()
            self._open = [*(one for one in self._open if one.is_alive()), thread]

    def finish(self, seconds: float = 1) -> None:
        """Let what clients said at their end reach the server."""
        deadline = time.monotonic() + seconds
        for thread in self._open:
            thread.join(max(0, deadline - time.monotonic()))
