"""A person at a terminal: types, and waits for what appears."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import termios
import time
from types import TracebackType


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, argv: list[str]) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (50, 250))
        self._process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, close_fds=True)
        os.close(slave)
        self.shown = ""
        self._unread = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def enter(self, line: str) -> None:
        self.type(f"{line}\r")

    def see(self, pattern: str, seconds: float = 10) -> str:
        """Wait for a text; what was shown before it, and it, are not looked at again. Returns all of that."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self._unread)):
            ready, _writable, _failed = select.select([self._master], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"not in {seconds} s: {pattern}\n--- shown:\n{self.shown[-3000:]}"
            try:
                data = os.read(self._master, 65536)
            except OSError:
                data = b""
            assert data, f"ended before: {pattern}\n--- shown:\n{self.shown[-3000:]}"
            text = data.decode(errors="replace")
            self.shown += text
            self._unread += text
        seen, self._unread = self._unread[: found.end()], self._unread[found.end() :]
        return seen
