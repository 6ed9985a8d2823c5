"""Fills the matrix: each row is a person's real login to a host, with dotfiles of their own, at a terminal whose cells are read."""

from __future__ import annotations

import base64
import contextlib
import io
import re
import tarfile
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread

from desk import Desk, host
from homes import Home
from label import Seen, look
from rows import PEOPLE, Case
from terminal import QUIET, Terminal

_PROMPT_ENDS = ("$", "#", "%", ">", "❯")
_ESCAPE = "\x1b"
_CLEAR_LINE = "\x15"
_CLEAR_SCREEN = "\x0c"


class Matrix:
    """Runs rows, side by side where they are of different people or hosts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._results: dict[Case, Future[Seen]] = {}
        self._started = self._ended = 0.0

    def start(self, cases: Iterable[Case]) -> None:
        self._started = time.monotonic()
        queues: dict[tuple[str, str], SimpleQueue[Case]] = defaultdict(SimpleQueue)
        for case in cases:
            self._results[case] = Future()
            queues[case.host, case.row.shell].put(case)
        for (_, shell), queue in queues.items():
            for login in (login for login, theirs in PEOPLE.items() if theirs == shell):
                Thread(target=self._work, args=(login, queue), daemon=True).start()

    def result(self, case: Case) -> Seen:
        return self._results[case].result(timeout=300)

    @property
    def results(self) -> dict[Case, Seen]:
        return {case: future.result() for case, future in self._results.items() if future.done() and not future.exception()}

    @property
    def seconds(self) -> float:
        return self._ended - self._started

    def _work(self, login: str, queue: SimpleQueue[Case]) -> None:
        with contextlib.suppress(Empty):
            while True:
                case = queue.get_nowait()
                try:
                    self._results[case].set_result(self._run(login, case))
                except BaseException as error:
                    self._results[case].set_exception(error)
                self._ended = time.monotonic()

    def _run(self, login: str, case: Case) -> Seen:
        row, name = case
        started = time.monotonic()
        if row.needs and not host(name, f"command -v {row.needs}", check=False):
            return Seen(missing=True)
        furnish(login, name, row.dotfiles)
        command = self._desk.terminal("root" if row.by_root else login, name, row.command.format(login=login))
        with Terminal(command, term=row.term, size=(100, 30), env={"LC_ALL": "C.UTF-8", "COLORTERM": "", **row.env}) as terminal:
            try:
                seen = _watch(terminal, case)
            except AssertionError as error:
                seen = Seen(problems=[f"no prompt with what was typed: {str(error).splitlines()[0]}"], screen=str(terminal))
        seen.seconds = time.monotonic() - started
        return seen


# Where they are missing, fish reads all manual pages at its first start.
_FISH = ".local/share/fish/generated_completions .cache/fish/generated_completions"


def furnish(login: str, name: str, home: Home) -> None:
    """Give a person just these dotfiles."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, text in home.files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            entry.mode = 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    skel = "cp -a /etc/skel/. ." if home.skel else ":"
    # What an earlier row left behind would write to the home. The connection's sshd is theirs too.
    host(
        name,
        f"pkill -KILL -u {login} '^(bash|zsh|fish|sh|tmux.*|screen|python3|redis-cli|sqlite3|node)$'; "
        f"cd /home/{login} && find . -mindepth 1 -delete && {skel} && mkdir -p {_FISH} && base64 -d | tar -xf - && chown -R {login}: .",
        stdin=base64.b64encode(archive.getvalue()).decode(),
    )


def _watch(terminal: Terminal, case: Case) -> Seen:
    row = case.row
    if row.home == "new":
        # A new user of zsh is asked, once, what dotfiles to have.
        terminal.settled("You can:")
        terminal.send("q")
    terminal.settled(lambda: at_prompt(terminal), 8)
    for line in row.lines:
        enter(terminal, line)
    before = terminal.before_cursor
    for keys in row.keys:
        terminal.send(keys)
        # Escape is a key of its own only where nothing follows it for a while.
        terminal.settled(quiet=0.6 if keys == _ESCAPE else QUIET)
    terminal.settled(lambda: row.shown in terminal.rows[terminal.cursor[1]])

    def seen() -> Seen:
        found = look(terminal.cells, terminal.cursor[1], before, case)
        if row.shape not in ("", terminal.cursor_shape):
            found.problems.append(f"the cursor has the shape {terminal.cursor_shape or 'of always'}, not {row.shape}")
        return found

    if not row.hole:
        with contextlib.suppress(AssertionError):
            terminal.wait_for(lambda: not seen().verdict(case), 0.5)
    found = seen()
    found.screen = str(terminal)
    if row.proof:
        command, said = row.proof
        terminal.send(_CLEAR_LINE)
        enter(terminal, command)
        if not any(re.fullmatch(said, text) for text in terminal.rows):
            found.problems.append(f"not got there: {command} does not say {said}\n{terminal}")
    return found


def at_prompt(terminal: Terminal) -> bool:
    return terminal.before_cursor.rstrip().endswith(_PROMPT_ENDS)


def clear(terminal: Terminal) -> None:
    """Wait for the first prompt, and put away what a host says to those who log in: it is about that host."""
    terminal.settled(lambda: at_prompt(terminal), 10)
    terminal.send(_CLEAR_SCREEN)
    terminal.settled(lambda: terminal.cursor[1] == 0 and at_prompt(terminal))


def enter(terminal: Terminal, line: str) -> None:
    """Type a line, and wait for the prompt after it."""
    terminal.send(line)
    end = line[-8:]
    terminal.wait_for(lambda: terminal.before_cursor.endswith(end))
    terminal.send("\r")
    terminal.settled(lambda: at_prompt(terminal) and not terminal.before_cursor.endswith(end), 10)
