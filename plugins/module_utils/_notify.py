# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of all that people do is told to the others, and in which words."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from dataclasses import dataclass
from typing import Callable, Collection, Iterable, Mapping, Protocol, Sequence

from ._event import Event, written
from ._event_filter import Filter
from ._event_sources import UNKNOWN_TIME
from ._journal import harmless

ABOUT = {
    "announcements": "what people announce",
    "root_shells": "the first shell of root's in a session of a person",
    "guards": "answers to questions before what cannot be undone",
    "access": "access that was given or taken",
    "runs": "playbooks that ran",
    "alarms": "what needs somebody to look at it",
    "unannounced": "changes under /etc by somebody who announced nothing there",
}
_KINDS = ("announcement", "guard", "access_change", "automation", "alarm", "session", "sudo")
# One of these is in each record that may be told: the others need not be decoded. Of commands, those alone count that speak of /etc.
_EACH = (Filter(kinds=frozenset((kind,))).needles({}) for kind in _KINDS)
NEEDLES = tuple(sorted({b"/etc", *(needle for groups in _EACH for group in groups for needle in group)}))

_SECOND = 1_000_000
_LATE = 600 * _SECOND
_MOST_LINES = 20
_MOST_PENDING = 100
_MOST_HOSTS = 4
_LONGEST = 300

# What chats make mentions, markup and escapes of; each has a double that is inert, and looks like it.
_INERT = {ord(character): double for character, double in zip("@<>`*~|\\", "\uff20\u2039\u203a\u02cb\u2217\u223c\u00a6\uff3c")}
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_LINE = "\uff3f"
_LINK = re.compile(r"\](?=[(\[])")

_SHELLS = frozenset("sh bash rbash dash zsh fish ksh mksh csh tcsh".split())
_COMMAND_OPTION = re.compile(r"-[a-z]*c[a-z]*|--command(=.*)?", re.I)
# Programs that change each file that they are given; the last one that they are given; and those that show a file as well as change it.
_CHANGE_ALL = frozenset("chattr chgrp chmod chown mkdir mv patch rm rmdir setfacl shred tee touch truncate unlink".split())
_CHANGE_LAST = frozenset("cp install ln rsync".split())
_EDITORS = frozenset("ed emacs ex hx jed joe kak mcedit micro nano nvim pico rvim sudoedit vi vim vim.basic vim.nox vim.tiny".split())
_IN_PLACE = re.compile(r"-[a-zA-Z]*i.*|--in-place(=.*)?")
_REDIRECTED = re.compile(r">\s*/etc/")


class Memory(Protocol):
    """What was told, and when; in microseconds since 1970."""

    def get(self, key: str) -> int | None: ...

    def put(self, key: str, time: int) -> None: ...


@dataclass(frozen=True)
class Policy:
    """What is told at all. Who announced something on a host has said enough of what they do there for so long, in minutes."""

    tell: Collection[str] = frozenset(ABOUT)
    minutes: int = 60


@dataclass(frozen=True)
class Note:
    """One thing to tell. The texts around the name of the host are inert in every chat."""

    time: int
    host: str
    about: str
    before: str
    after: str

    def to_json(self) -> str:
        return json.dumps(vars(self))

    @classmethod
    def from_json(cls, text: str) -> Note:
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Message:
    """One message of a chat, and the numbers of the notes that it tells."""

    text: str
    alarm: bool
    told: Sequence[int]


def inert(text: str, most: int = _LONGEST) -> str:
    """The text on one line that mentions nobody, hides no link, and looks as it was typed, whatever chat it comes to."""
    short = harmless(text)
    short = short if len(short) <= most else short[:most] + "…"
    return _EMPHASIS.sub(_LINE, _LINK.sub("] ", short.translate(_INERT)))


def note(event: Event, policy: Policy, memory: Memory) -> Note | None:
    """What there is to tell of an event; None where nothing is. What is told once alone is kept in mind."""
    _remember(event, memory)
    found = next((about for about, test in _TESTS.items() if test(event)), None)
    if found is None or found not in policy.tell or not _is_new(event, found, policy, memory):
        return None
    before, after = _WORDS[found](event)
    return Note(event.time, inert(event.host, 64), found, before, after)


def _remember(event: Event, memory: Memory) -> None:
    if event.kind == "announcement":
        memory.put(f"announced {event.host} {event.person}", event.time)
    elif event.kind == "session" and event.what == "session began":
        # Numbers of sessions begin anew when a host does.
        memory.put(_session(event), 0)


def _session(event: Event) -> str:
    return f"root {event.host} {event.person} {event.session or event.details.get('terminal', '')}"


def _is_new(event: Event, about: str, policy: Policy, memory: Memory) -> bool:
    """Whether it was not told before: also not when a record came twice."""
    if about == "root_shells":
        return not _told(memory, _session(event), event.time)
    if about == "unannounced":
        who = f"{event.host} {event.person}"
        last = max(memory.get(f"{key} {who}") or 0 for key in ("announced", "reminded"))
        if event.time - last < policy.minutes * 60 * _SECOND:
            return False
        memory.put(f"reminded {who}", event.time)
        return True
    return not _told(memory, f"event {event.host} {event.time} {event.person} {event.kind} {event.what[:200]}", event.time)


def _told(memory: Memory, key: str, time: int) -> bool:
    before = memory.get(key)
    if not before:
        memory.put(key, time)
    return bool(before)


def _is_root_shell(event: Event) -> bool:
    if event.user != "root" or event.person in ("", "root"):
        return False
    if event.kind == "session":
        return event.what == "su: opened"
    if event.kind != "sudo" or event.status is not None:
        return False
    program, *arguments = _words(event.what) or [""]
    return (
        posixpath.basename(program) in _SHELLS
        and all(word[:1] in ("-", "+") for word in arguments)
        and not any(map(_COMMAND_OPTION.fullmatch, arguments))
    )


def _changes_etc(event: Event) -> bool:
    """Whether a command of a person, run as root, names what is under /etc in a way that changes it."""
    if event.kind not in ("sudo", "command") or event.status is not None or event.user != "root" or event.person in ("", "root"):
        return False
    program, *arguments = _words(event.what) or [""]
    name = posixpath.basename(program)
    directory = event.details.get("directory", "/")
    under = [_is_under_etc(directory, word) for word in arguments]
    if name in _SHELLS:
        return any(map(_REDIRECTED.search, arguments))
    if name in ("visudo", "vipw", "vigr"):
        return not any(word.startswith("-c") for word in arguments)
    if name in ("sed", "perl"):
        return any(under) and any(map(_IN_PLACE.fullmatch, arguments))
    if name == "dd":
        return any(word.startswith("of=") and _is_under_etc(directory, word[3:]) for word in arguments)
    return any(under) if name in _CHANGE_ALL | _EDITORS else name in _CHANGE_LAST and any(under[-1:])


def _is_under_etc(directory: str, word: str) -> bool:
    return not word.startswith("-") and (posixpath.normpath(posixpath.join(directory, word)) + "/").startswith("/etc/")


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


_TESTS: Mapping[str, Callable[[Event], bool]] = {
    "announcements": lambda event: event.kind == "announcement",
    "guards": lambda event: event.kind == "guard",
    "access": lambda event: event.kind == "access_change",
    "runs": lambda event: event.kind == "automation",
    "alarms": lambda event: event.kind == "alarm",
    "root_shells": _is_root_shell,
    "unannounced": _changes_etc,
}


def _who(event: Event) -> str:
    return inert(event.person, 64) or "somebody"


def _guard_words(event: Event) -> tuple[str, str]:
    asked, why = event.details.get("action") or event.what, event.details.get("why", "")
    target = event.details.get("target", "")
    said = "said yes" if event.details.get("answer") == "confirmed" else "stopped"
    thing = inert(asked + (f" ({target})" if target else ""))
    return _who(event), f" was asked about {thing}, and {said}" + (f": {inert(why)}" if why else "")


def _access_words(event: Event) -> tuple[str, str]:
    target, owner = (inert(event.details.get(name, ""), 64) or "somebody" for name in ("target", "owner"))
    changes = inert(event.what.partition(": ")[2])
    return f"access of {target}", f" was changed by {owner}" + (f": {changes}" if changes else "")


def _run_words(event: Event) -> tuple[str, str]:
    playbook, owner = (inert(event.details.get(name, ""), 64) for name in ("playbook", "owner"))
    return f"playbook {playbook or 'of no name'}", f", run by {owner or _who(event)}: {inert(event.details.get('result') or event.what)}"


_WORDS: Mapping[str, Callable[[Event], tuple[str, str]]] = {
    "announcements": lambda event: (_who(event), f": {inert(event.what)}"),
    "guards": _guard_words,
    "access": _access_words,
    "runs": _run_words,
    "alarms": lambda event: ("ALARM", f": {inert(event.what)}"),
    "root_shells": lambda event: (_who(event), f" has a root shell, by {'su' if event.kind == 'session' else 'sudo'}"),
    "unannounced": lambda event: (
        _who(event),
        f" ran {inert(event.what, 160)}, and announced nothing there. One line tells the others: announce 'what, and why'",
    ),
}


def message(notes: Iterable[tuple[int, Note]], now: int) -> Message:
    """What is told next of numbered notes that wait: alike ones as one line, not too many lines at once, alarms first.

    Of a few more lines than a message has, the rest waits for the next one; of very many it is counted.
    """
    alike: dict[tuple[str, str], list[tuple[int, Note]]] = {}
    for number, one in notes:
        alike.setdefault((one.before, one.after), []).append((number, one))
    groups = sorted(alike.values(), key=lambda group: group[0][1].about != "alarms")
    shown = groups[:_MOST_LINES]
    lines = [_line([one for _number, one in group], now) for group in shown]
    told = groups if len(groups) > _MOST_PENDING else shown
    if len(told) > len(shown):
        lines.append(f"and {sum(map(len, groups)) - sum(map(len, shown))} more; on the collector: prod-access-audit search")
    alarm = any(group[0][1].about == "alarms" for group in shown)
    return Message("\n".join(lines), alarm, [number for group in told for number, _one in group])


def _line(notes: Sequence[Note], now: int) -> str:
    first = notes[0]
    hosts = list(dict.fromkeys(one.host for one in notes))
    more = f" and {len(hosts) - _MOST_HOSTS} more" if len(hosts) > _MOST_HOSTS else ""
    often = f" ({len(notes)} times)" if len(notes) > len(hosts) else ""
    late = f" (at {written(first.time)[:16].replace('T', ' ')} UTC)" if UNKNOWN_TIME < first.time < now - _LATE else ""
    return f"{first.before} on {', '.join(hosts[:_MOST_HOSTS])}{more}{first.after}{often}{late}"


def pause(failures: int, chance: float, longest: float = 300) -> float:
    """How long to wait after so many failures in a row, in seconds; ``chance`` is from 0 to 1, so that not all come back at once."""
    return float(min(longest, 2.0 ** min(failures, 20)) * (0.5 + chance / 2))
