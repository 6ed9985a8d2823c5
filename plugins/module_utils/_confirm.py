# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The question that a guard asks a person before something that cannot be undone, and what the journal keeps of it."""

from __future__ import annotations

import contextlib
import os
import socket
import termios
import textwrap
from dataclasses import dataclass
from typing import Iterator, Mapping

from ._environment import Environment

_JOURNAL = "/run/systemd/journal/socket"
# The UID that the session was opened with; it outlives su(1) and sudo(8).
_LOGINUID = "/proc/self/loginuid"
_CTRL_C, _CTRL_Z = "\x03", "\x1a"
_MOST_LINES = 3


@dataclass(frozen=True)
class Question:
    """What is about to happen, what a person should know about it, and what to type to let it happen."""

    guard: str
    action: str
    facts: tuple[str, ...]
    answer: str
    answer_is: str
    """What the answer is, in words, such as "the name of the database"."""

    def text(self, environment: Environment, terminal: Mapping[str, str]) -> str:
        """The question as a person sees it, up to the place where the answer is typed."""
        label, sgr = f"[ {environment.label} ]", environment.sgr(terminal)
        action = textwrap.shorten(harmless(self.action), 200, placeholder=" …")
        facts = [f"  {harmless(fact)}" for fact in self.facts[:_MOST_LINES]]
        if len(self.facts) > _MOST_LINES:
            facts.append(f"  and {len(self.facts) - _MOST_LINES} more")
        head = f"\x1b[{sgr}m{label}\x1b[0m {action}" if sgr else f"{label} {action}"
        return "\n".join([head, *facts, f"Type {self.answer_is} to go on, anything else to stop: "])


@dataclass(frozen=True)
class Answer:
    """What the person said."""

    confirmed: bool
    why: str = ""


def harmless(text: str) -> str:
    """The text on one line, without what moves a terminal's cursor or begins another field of the journal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def ask(question: Question, environment: Environment, terminal: int) -> Answer:
    """Ask on a terminal. Ctrl-C, Ctrl-Z, the end of input and a terminal that fails all mean no."""
    try:
        with _whole_lines(terminal):
            typed = _prompt(terminal, question.text(environment, os.environ))
            confirmed = bool(question.answer) and typed == question.answer
            why = _prompt(terminal, "Why? (goes to the journal, empty is fine): ") if confirmed and environment.ask_why else ""
    except (OSError, termios.error):
        return Answer(False)
    # Who thinks better of it while asked why has not confirmed.
    return Answer(False) if why is None else Answer(confirmed, harmless(why))


def _prompt(terminal: int, text: str) -> str | None:
    """One line as typed; None when it was broken off."""
    os.write(terminal, text.encode())
    line = os.read(terminal, 4096).decode(errors="replace")
    if line.endswith("\n"):
        return line.strip()
    os.write(terminal, b"\n")
    return None


@contextlib.contextmanager
def _whole_lines(terminal: int) -> Iterator[None]:
    """Let a person type and correct whole lines, whatever mode a client has left; what was typed before is no answer.

    Ctrl-C and Ctrl-Z end the line instead of sending a signal, which would also reach the client that waits.
    """
    before = termios.tcgetattr(terminal)
    iflag, oflag, cflag, lflag, ispeed, ospeed, characters = termios.tcgetattr(terminal)
    iflag |= termios.ICRNL
    oflag |= termios.OPOST | termios.ONLCR
    lflag = lflag & ~termios.ISIG | termios.ICANON | termios.ECHO | termios.ECHOE | termios.ECHOK
    characters[termios.VEOL], characters[termios.VEOL2] = _CTRL_C.encode(), _CTRL_Z.encode()
    termios.tcsetattr(terminal, termios.TCSAFLUSH, [iflag, oflag, cflag, lflag, ispeed, ospeed, characters])
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def entry(question: Question, answer: Answer, loginuid: str) -> bytes:
    """What the journal keeps, in its native protocol: a field a line.

    The journal itself stamps a login UID that nobody can forge, but newer ones do not in a container.
    """
    said = "confirmed" if answer.confirmed else "refused"
    target = ", ".join(question.facts[:1])
    fields = {
        "MESSAGE": f"{said}: {question.action} ({target})" + (f": {answer.why}" if answer.why else ""),
        "PRIORITY": "5",
        "SYSLOG_IDENTIFIER": f"prod-access-{question.guard}",
        "PROD_ACCESS_KIND": "guard",
        "PROD_ACCESS_ACTION": question.action,
        "PROD_ACCESS_ANSWER": said,
        "PROD_ACCESS_WHY": answer.why,
        "PROD_ACCESS_TARGET": target,
        "PROD_ACCESS_LOGINUID": loginuid,
    }
    return "".join(f"{name}={harmless(value)[:1000]}\n" for name, value in fields.items()).encode(errors="replace")


def note(question: Question, answer: Answer, *, journal: str = _JOURNAL, loginuid: str = _LOGINUID) -> None:
    """Tell the journal, without ever waiting for it.

    This process itself does: of one that has ended meanwhile, as logger(1) would have, the journal cannot tell the login UID.
    """
    person = ""
    with contextlib.suppress(OSError), open(loginuid) as file:
        person = file.read()
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        sender.sendto(entry(question, answer, person), journal)
