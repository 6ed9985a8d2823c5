# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``prod-access-audit-notify``: on the collector, it tells chats what the others should know, by apprise."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import signal
import sqlite3
import sys
import threading
import time
import zlib
from typing import Any

from . import _notify, _notify_apprise
from ._command import HostError
from ._event_store import FOLDER
from ._node import shown
from ._notify_apprise import Chat
from ._notify_follow import Follower, Settings, say
from ._notify_queue import FILE, Queue

_NAME = "prod-access-audit-notify"
_SETTINGS = "/etc/prod-access/notify.json"
_CHATS = "/etc/prod-access/chats.json"
_STATE = "/var/lib/prod-access/notify"
_POLL = 0.5
# What belongs together comes within this time, and makes one message.
_LINGER = 1.0
_PATIENCE = 15.0
_CALM = 10.0
_REMEMBERED = 7 * 86400
_MOST_AT_ONCE = 2000


def main(arguments: list[str]) -> int:
    """What the service, and people on the collector, start."""
    parser = argparse.ArgumentParser(
        prog=_NAME, description="Tells chats what people announce, and what the others should know, by apprise."
    )
    parser.add_argument("--settings", default=_SETTINGS, help=f"what is told ({_SETTINGS})")
    parser.add_argument("--chats", default=_CHATS, help=f"who is told; holds secrets ({_CHATS})")
    parser.add_argument("--state", default=_STATE, help=f"what waits to be told ({_STATE})")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="follow the collector's files, and tell; the service does").set_defaults(run=_run)
    check = commands.add_parser("check", help="whether apprise knows the addresses of the chats that are given on standard input")
    check.set_defaults(run=_check)
    trial = commands.add_parser("try", help="send one message to each chat now, or to those named")
    trial.add_argument("chat", nargs="*", help="names of chats (all)")
    trial.set_defaults(run=_try)
    status = commands.add_parser("status", help="how many wait for each chat, and what it said last")
    status.add_argument("--json", action="store_true", help="print data instead of text")
    status.set_defaults(run=_status)
    chosen = parser.parse_args(arguments)
    try:
        result: int = chosen.run(chosen)
        return result
    except HostError as error:
        sys.stderr.write(f"{_NAME}: {error}\n")
    except PermissionError as error:
        sys.stderr.write(f"{_NAME}: {error.filename}: {error.strerror}; run it as root\n")
    if chosen.command == "run":
        time.sleep(_CALM)  # Whoever starts it again must not fill the journal.
    return 1


def _damaged(path: str) -> HostError:
    return HostError(f"{path} is missing, or damaged", "run the role audit_collector again")


def _loaded(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except (FileNotFoundError, ValueError):
        raise _damaged(path) from None


def _settings(path: str) -> Settings:
    data = _loaded(path)
    try:
        return Settings(_notify.Policy(frozenset(data["tell"]), data["minutes"]), data["gap"], data["most"], data.get("folder", FOLDER))
    except (KeyError, TypeError):
        raise _damaged(path) from None


def _chats(data: Any, path: str) -> list[Chat]:
    try:
        return [Chat(one["name"], one["url"], frozenset(one.get("tell") or _notify.ABOUT)) for one in data]
    except (AttributeError, KeyError, TypeError):
        raise _damaged(path) from None


class _Teller(threading.Thread):
    """Tells one chat what waits for it, in its own time: no chat waits for another."""

    def __init__(self, apprise: Any, chat: Chat, target: Any, settings: Settings, path: str, end: threading.Event) -> None:
        super().__init__(name=chat.name, daemon=True)
        self._apprise = apprise
        self._chat = chat
        self._target = target
        self._settings = settings
        self._path = path
        self._end = end

    def run(self) -> None:
        queue = Queue(self._path)
        wait = 0.0
        while not self._end.wait(wait):
            try:
                wait = self._turn(queue)
            except sqlite3.Error as error:
                queue.take_back()
                say(f"{self._path}: {error}; {self._chat.name} waits")
                wait = _notify.pause(4, random.random())  # noqa: S311 - chance, not a secret
        queue.close()

    def _turn(self, queue: Queue) -> float:
        """Tell once, if something waits. Returns how many seconds to wait then."""
        name = self._chat.name
        waiting, since = queue.waiting(name, _MOST_AT_ONCE)
        state = queue.chat(name)
        ready = since + _LINGER - time.time()
        if not waiting and not state["left_out"]:
            return _POLL
        if ready > 0:
            return min(ready, _LINGER)
        message = _notify.message(waiting, int(time.time() * 1_000_000))
        first = ["Perhaps once more, since nobody knows whether it came through:"] if state["doubt"] else []
        if state["left_out"]:
            first.append(f"{state['left_out']} older ones were too many to wait; on the collector: prod-access-audit search")
        queue.trying(name)
        began = time.monotonic()
        reason = _notify_apprise.send(
            self._apprise, self._chat, self._target, "\n".join([*first, message.text]).rstrip(), alarm=message.alarm
        )
        if reason is None:
            if state["failures"]:
                say(f"{name} answers again")
            queue.told(name, message.told, state["left_out"], time.time())
            return self._settings.gap
        # Who did not answer in time may have understood.
        queue.failed(name, reason, doubt=time.monotonic() - began >= _notify_apprise.ANSWER)
        failures = state["failures"] + 1
        if failures & (failures - 1) == 0:
            say(f"{name} could not be told so far (attempt {failures}): {reason}; it is tried again")
        return _notify.pause(failures, random.random())  # noqa: S311 - chance, not a secret


def _run(chosen: argparse.Namespace) -> int:
    watched = _state_of(chosen)
    settings, chats = _settings(chosen.settings), _chats(_loaded(chosen.chats), chosen.chats)
    apprise = _notify_apprise.load()
    targets = {chat: _notify_apprise.target(apprise, chat) for chat in chats}
    known = {chat: target for chat, target in targets.items() if target is not None}
    for chat in targets.keys() - known.keys():
        say(f"apprise does not understand the address of {chat.name}; nothing is told there")
    path = os.path.join(chosen.state, FILE)
    queue = Queue(path)
    follower = Follower(settings, list(known), queue)
    follower.begin()
    queue.keep_chats(chat.name for chat in known)
    queue.commit()
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: end.set())
    tellers = [_Teller(apprise, chat, target, settings, path, end) for chat, target in known.items()]
    for teller in tellers:
        teller.start()
    complained = ""
    for turn in itertools.count():
        try:
            found = follower.turn()
            complained = ""
        except (HostError, OSError, EOFError, zlib.error, sqlite3.Error) as error:
            follower.begin_again()
            found = False
            if str(error) != complained:
                complained = str(error)
                say(complained)
        if turn % 10000 == 0:
            queue.forget(int((time.time() - _REMEMBERED) * 1_000_000))
        if end.wait(0 if found else _POLL):
            break
        if _state_of(chosen) != watched:
            say("it was set up anew, and begins again")
            break
    end.set()
    # What is on its way may come through, and need not be told again.
    until = time.monotonic() + _PATIENCE
    for teller in tellers:
        teller.join(max(0, until - time.monotonic()))
    return 0


def _state_of(chosen: argparse.Namespace) -> list[tuple[str, int]]:
    """The programs and settings that this process began with, and when each was written."""
    ours = [str(module.__file__) for name, module in sorted(sys.modules.items()) if name.startswith(f"{__package__}.") and module.__file__]
    found = []
    for path in (chosen.settings, chosen.chats, *ours):
        with contextlib.suppress(OSError):
            found.append((path, os.stat(path).st_mtime_ns))
    return found


# What people start.


def _check(_chosen: argparse.Namespace) -> int:
    apprise = _notify_apprise.load()
    wrong = [chat.name for chat in _chats(_loaded("/dev/stdin"), "standard input") if _notify_apprise.target(apprise, chat) is None]
    for name in wrong:
        sys.stderr.write(
            f"apprise does not understand the address of {shown(name)}; see https://github.com/caronc/apprise/wiki for its form\n"
        )
    return 1 if wrong else 0


def _try(chosen: argparse.Namespace) -> int:
    apprise = _notify_apprise.load()
    chats = _chats(_loaded(chosen.chats), chosen.chats)
    unknown = set(chosen.chat) - {chat.name for chat in chats}
    if unknown:
        raise HostError(f"no chat is called {shown(', '.join(sorted(unknown)))}", f"known are {', '.join(chat.name for chat in chats)}")
    failed = 0
    for chat in chats:
        if not chosen.chat or chat.name in chosen.chat:
            target = _notify_apprise.target(apprise, chat)
            text = "This is a trial. What people announce on production hosts is told here from now on."
            reason = (
                "apprise does not understand its address"
                if target is None
                else _notify_apprise.send(apprise, chat, target, text, alarm=False)
            )
            failed += reason is not None
            sys.stdout.write(f"{chat.name}: {'told' if reason is None else reason}\n")
    return 1 if failed else 0


def _status(chosen: argparse.Namespace) -> int:
    path = os.path.join(chosen.state, FILE)
    if not os.path.exists(path):
        raise HostError(f"{path} is missing", "look whether the service runs: systemctl status prod-access-audit-notify")
    queue = Queue(path, read_only=True)
    found = {name: queue.chat(name) for name in queue.names()}
    if chosen.json:
        sys.stdout.write(
            json.dumps(
                {name: {key: one[key] for key in ("waiting", "left_out", "failures", "reason", "told")} for name, one in found.items()}
            )
            + "\n"
        )
        return 0
    for name, one in found.items():
        state = (
            f"{one['failures']} attempts failed: {shown(one['reason'])}"
            if one["failures"]
            else "answers"
            if one["told"]
            else "not told anything yet"
        )
        sys.stdout.write(f"{name}: {one['waiting']} waiting; {state}\n")
    return 0
