"""A terminal that a test can look at: a command on a pseudo terminal, and what it drew, cell by cell."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import pyte

# Nothing new for so long is taken for a program that waits for its user.
QUIET = 0.08

# What a terminal answers with nothing on its screen, and pyte would draw, or stumble over: strings for the terminal itself, titles in
# the manner of screen, private sequences other than those that pyte knows, and those with a byte in between, as for the cursor's shape.
_UNKNOWN_TO_PYTE = re.compile(
    r"""\x1b(?:
        [PX^_k] .*? \x1b\\
      | \] (?![012];) .*? (?:\x07|\x1b\\)
      | \[ [<=>] [0-?]* [ -/]* [@-~]
      | \[ \? [0-?]* [ -/]* [@-JL-Zabd-gi-km-z~]
      | \[ [0-?]* [ -/]+ [@-~]
    )""",
    re.VERBOSE | re.DOTALL,
)
_CURSOR_SHAPE = re.compile(r"\x1b\[(\d) q")
_INCOMPLETE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[PX^_k\]](?:(?!\x07|\x1b\\).)*)?\Z", re.DOTALL)


class Cell(NamedTuple):
    """One place of the screen. Colours are names for the first 16 and six hexadecimal digits for all others, or "default"; where the two
    have changed places, "paper" and "ink" are the defaults of the other."""

    text: str
    foreground: str = "default"
    background: str = "default"
    bold: bool = False
    underlined: bool = False


Rows = Sequence[Sequence[Cell]]


class Ink:
    """A screen of pyte's, from bytes as they come, in whatever pieces."""

    def __init__(self, columns: int, lines: int, answer: Callable[[str], None]) -> None:
        self.screen = pyte.Screen(columns, lines)
        # How pyte answers a program that asks the terminal what it is: newer fish waits for that.
        self.screen.write_process_input = answer  # type: ignore[method-assign]
        self._stream = pyte.Stream(self.screen)
        self.decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""
        self.cursor_shape = ""

    def feed(self, data: bytes) -> str:
        """Draw it; returns its text."""
        new = self.decode(data)
        text = self._rest + new
        if shapes := _CURSOR_SHAPE.findall(text):
            self.cursor_shape = shapes[-1]
        text = _UNKNOWN_TO_PYTE.sub("", text)
        incomplete = _INCOMPLETE.search(text)
        self._rest = incomplete.group() if incomplete else ""
        self._stream.feed(text[: len(text) - len(self._rest)])
        return new

    def cells(self) -> list[list[Cell]]:
        columns, lines, buffer = self.screen.columns, self.screen.lines, self.screen.buffer
        return [[_cell(buffer[y][x]) for x in range(columns)] for y in range(lines)]

    def text(self, line: int, columns: int) -> str:
        """What stands in the first columns of a line; a tenth of the work of its cells, which waiting need not look at."""
        row = self.screen.buffer[line]
        return "".join(row[x].data for x in range(columns))


def _cell(char: pyte.screens.Char) -> Cell:
    colours = (char.fg, char.bg)
    if char.reverse:
        colours = ("paper" if char.bg == "default" else char.bg, "ink" if char.fg == "default" else char.fg)
    return Cell(char.data, *colours, bold=char.bold, underlined=char.underscore)


class Terminal:
    """Runs a command until the end of the ``with`` block, and ends it surely. Of one that is not ``drawn``, ``see`` alone tells."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        term: str = "xterm-256color",
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
        drawn: bool = True,
    ) -> None:
        self._command = command
        self._env = {**os.environ, "TERM": term, **(env or {})}
        self._size = size
        self._ink = Ink(*size, answer=self.send)
        self._drawn = drawn
        self.ended = False
        self.shown = self._unread = ""

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        columns, lines = self._size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        try:
            self._process = subprocess.Popen(self._command, stdin=slave, stdout=slave, stderr=slave, env=self._env, start_new_session=True)
        except OSError:
            os.close(self._master)
            raise
        finally:
            os.close(slave)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._master)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    # --- What is on it ---

    @property
    def cells(self) -> list[list[Cell]]:
        return self._ink.cells()

    @property
    def rows(self) -> list[str]:
        columns, lines = self._size
        return [self._ink.text(line, columns).rstrip() for line in range(lines)]

    @property
    def title(self) -> str:
        return self._ink.screen.title

    @property
    def cursor(self) -> tuple[int, int]:
        """Column and line, from 0."""
        return self._ink.screen.cursor.x, self._ink.screen.cursor.y

    @property
    def cursor_shape(self) -> str:
        """The number that a program asked for last (DECSCUSR)."""
        return self._ink.cursor_shape

    @property
    def before_cursor(self) -> str:
        x, y = self.cursor
        return self._ink.text(y, x)

    # --- What is done with it ---

    def send(self, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._master, text.encode())

    def wait_for(self, what: str | Callable[[], Any], seconds: float = 5) -> None:
        """Wait until a text is somewhere on the screen, or what is asked is true."""
        self._wait(what, seconds, quiet=0)

    def settled(self, what: str | Callable[[], Any] = "", seconds: float = 5, quiet: float = QUIET) -> None:
        """Wait as well until nothing new comes."""
        self._wait(what, seconds, quiet)

    def see(self, pattern: str, seconds: float = 10) -> str:
        """Wait for a text in all that was shown, also where it has scrolled away. What stands before its end is not looked at again, and
        returned."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self._unread)):
            left = deadline - time.monotonic()
            assert left > 0 and not self.ended, f"not in {seconds:g} s: {pattern}\n--- shown:\n{self.shown[-3000:]}"
            self._read(left)
        seen, self._unread = self._unread[: found.end()], self._unread[found.end() :]
        return seen

    def _wait(self, what: str | Callable[[], Any], seconds: float, quiet: float) -> None:
        true = what if callable(what) else lambda: any(what in row for row in self.rows)
        deadline = time.monotonic() + seconds
        last = time.monotonic()
        while True:
            now = time.monotonic()
            if now - last >= quiet and true():
                return
            if self.ended or now >= deadline:
                why = "the command has ended" if self.ended else f"not in {seconds:g} s"
                raise AssertionError(f"{why}{'' if callable(what) else f': {what}'}\n{self}")
            if self._read(max(0.005, min(last + quiet, deadline) - now) if now - last < quiet else 0.05):
                last = time.monotonic()

    def _read(self, seconds: float) -> bool:
        """Take what there is, waiting for it so long."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other side is closed
            data = b""
        self.ended = not data
        text = self._ink.feed(data) if self._drawn else self._ink.decode(data)
        self.shown += text
        self._unread += text
        return not self.ended

    def __str__(self) -> str:
        """The screen as a person would see it, for messages of tests."""
        rows = self.rows
        while rows and not rows[-1]:
            rows.pop()
        return "\n".join(f"  | {row}" for row in rows) or "  | (an empty screen)"


def text_of(cells: Sequence[Cell]) -> str:
    # A wide character has an empty cell after it.
    return "".join(cell.text for cell in cells)
