# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The question that a guard asks a person before something that cannot be undone, and what the journal keeps of it."""

from __future__ import annotations

import contextlib
import os
import termios
import textwrap
from dataclasses import dataclass
from typing import Iterator, Mapping

from . import _journal
from ._environment import Environment
from ._journal import harmless

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
    """What the journal keeps."""
    said = "confirmed" if answer.confirmed else "refused"
    target = ", ".join(question.facts[:1])
    return _journal.entry(
        kind="guard",
        program=f"prod-access-{question.guard}",
        message=f"{said}: {question.action} ({target})" + (f": {answer.why}" if answer.why else ""),
        said={"ACTION": question.action, "ANSWER": said, "WHY": answer.why, "TARGET": target},
        loginuid=loginuid,
    )


def note(question: Question, answer: Answer, *, journal: str = _journal.SOCKET, loginuid: str = _journal.LOGINUID) -> None:
    """Tell the journal, without ever waiting for it."""
    _journal.send(entry(question, answer, _journal.login_uid(loginuid)), journal)
