# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``prod-access-audit-notify``: on the collector, it tells chats what the others should know, by apprise."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import logging
import os
import random
import signal
import sqlite3
import sys
import threading
import time
import zlib
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence
from urllib.parse import unquote

from . import _event_sources, _notify
from ._command import HostError
from ._event_filter import passes
from ._event_store import FOLDER, Collector, lines
from ._node import shown
from ._notify_queue import FILE, Queue

_NAME = "prod-access-audit-notify"
_SETTINGS = "/etc/prod-access/notify.json"
_CHATS = "/etc/prod-access/chats.json"
_STATE = "/var/lib/prod-access/notify"
_POLL = 0.5
# So much of a file is read, and so long (in seconds), before it is kept on disk what came of it.
_BLOCK = 1 << 22
_LONGEST_LINE = 1 << 21
_TURN = 0.5
# What belongs together comes within this time, and makes one message.
_LINGER = 1.0
_CONNECT, _ANSWER = 10.0, 60.0
_PATIENCE = 15.0
_CALM = 10.0
_REMEMBERED = 7 * 86400
_MOST_AT_ONCE = 2000
# In the place of a host: that the files were looked at once. In the place of a size: all of it.
_BEGUN = ""
_WHOLE = 1 << 62


@dataclass(frozen=True)
class Chat:
    """One place to tell. The address is a secret."""

    name: str
    url: str
    tell: frozenset[str]


@dataclass(frozen=True)
class Settings:
    """What is told, and how often at most."""

    policy: _notify.Policy
    gap: float
    most: int
    folder: str


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


# Apprise.


def _apprise() -> Any:
    try:
        import apprise
    except ImportError:
        raise HostError("apprise is missing on this host", "install the package apprise") from None
    return apprise


def _target(apprise: Any, chat: Chat) -> Any:
    """What apprise makes of an address; None where it makes nothing of it."""
    # Nothing is fetched from elsewhere, no message claims to be apprise's, and what people typed means nothing to it.
    asset = apprise.AppriseAsset(app_id="prod-access", app_desc="production access", app_url="", async_mode=False, interpret_escapes=False)
    asset.image_url_mask = asset.image_url_logo = ""
    with contextlib.suppress(TypeError):
        target = apprise.Apprise.instantiate(chat.url, asset=asset, suppress_exceptions=True)
        if target is not None:
            # A chat that answers late has been told all the same.
            target.socket_connect_timeout, target.socket_read_timeout = _CONNECT, _ANSWER
            target.overflow_mode = "split"
            return target
    return None


class _Reasons(logging.Handler):
    """Keeps the last complaint of apprise of each thread, without what is secret of an address."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: dict[int, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread is not None:
            self.last[record.thread] = record.getMessage()


_reasons = _Reasons()


def _listen_to_apprise() -> None:
    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [_reasons], False
    logger.setLevel(logging.WARNING)


def _without_secrets(text: str, url: str) -> str:
    """A complaint without any part of an address; too much is hidden rather than too little."""
    rest = url.partition("://")[2]
    for part in sorted(set(_parts(rest)), key=len, reverse=True):
        text = text.replace(part, "***")
    return shown(" ".join(text.split()), 200)


def _parts(address: str) -> Iterator[str]:
    part = ""
    for character in [*address, "/"]:
        if character not in "/?&=@:#+,;":
            part += character
            continue
        yield from (text for text in (part, unquote(part)) if len(text) > 2)
        part = ""


def _send(apprise: Any, chat: Chat, target: Any, text: str, *, alarm: bool) -> str | None:
    """Tell a chat; None when it said that it has it, and otherwise why not."""
    thread = threading.get_ident()
    _reasons.last.pop(thread, None)
    one = apprise.Apprise(asset=target.asset)
    one.add(target)
    is_mail = chat.url.lower().startswith("mailto")
    title = text.splitlines()[0][:120] if is_mail else ""
    kind = apprise.NotifyType.FAILURE if alarm else apprise.NotifyType.INFO
    try:
        good = one.notify(body=text, title=title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # A fault in one of many services' code must not end this thread.
        return f"apprise failed: {type(error).__name__}"
    return None if good else _without_secrets(_reasons.last.get(thread, "") or "apprise gives no reason", chat.url)


# Following the collector's files.


class _Follower:
    """Reads what is new in the collector's files, and lets what is to be told wait for the chats."""

    def __init__(self, settings: Settings, chats: Sequence[Chat], queue: Queue) -> None:
        self._settings = settings
        self._chats = chats
        self._queue = queue
        self._collector = Collector(settings.folder)
        # Compressed files that were read to their ends.
        self._whole: set[str] = set()

    def begin(self) -> None:
        """What was there before the first start is no news."""
        if self._queue.positions(_BEGUN):
            return
        for host in self._collector.hosts() if os.path.exists(self._settings.folder) else ():
            for day, path in self._collector.files(host)[-2:]:
                self._queue.read_to(host, day, os.stat(path).st_size if path.endswith(".jsonl") else _WHOLE)
        self._queue.read_to(_BEGUN, "", 1)
        self._queue.commit()

    def turn(self) -> bool:
        """Read the next part of what is new. Returns whether there was something."""
        found = False
        until = time.monotonic() + _TURN
        for host in self._collector.hosts():
            found |= self._read_host(host)
            if time.monotonic() > until:
                self._queue.commit()
                until = time.monotonic() + _TURN
        self._queue.commit()
        return found

    def begin_again(self) -> None:
        """Go back to what the disk has, after a fault."""
        self._queue.take_back()
        self._whole.clear()

    def _read_host(self, host: str) -> bool:
        names: Mapping[str, str] | None = None
        positions = self._queue.positions(host)
        found = False
        for day, path in self._collector.files(host, min(positions, default="")):
            start = positions.get(day, 0)
            plain = path.endswith(".jsonl")
            if path in self._whole or start == _WHOLE:
                continue
            try:
                size = os.stat(path).st_size
                if plain and size == start:
                    continue
                if plain and size < start:
                    _say(f"{path} is shorter than it was; run: prod-access-audit verify")
                    self._queue.read_to(host, day, size)
                    continue
                names = self._collector.names(host) if names is None else names
                end = self._take(host, _plain_lines(path, start) if plain else _rest(path, start), start, names)
            except FileNotFoundError:
                continue  # It was compressed meanwhile, or its time is over.
            if not plain:
                self._whole.add(path)
            if end > start:
                found = True
                self._queue.read_to(host, day, end)
                if plain and end < size:
                    break  # First the rest of this day, then the next one.
        return found

    def _take(self, host: str, stream: Iterator[bytes], start: int, names: Mapping[str, str]) -> int:
        end = start
        for line in stream:
            end += len(line)
            if passes(line, [_notify.NEEDLES], b""):
                event = _event_sources.read(line, names)
                # What a line says of its host must be where it stands.
                note = _notify.note(event, self._settings.policy, self._queue) if event is not None and event.host == host else None
                if note is not None:
                    now = time.time()
                    for chat in self._chats:
                        if note.about in chat.tell:
                            self._queue.add(chat.name, note, now, self._settings.most)
        return end


def _plain_lines(path: str, start: int) -> Iterator[bytes]:
    """Whole lines of the next part of a file; a line that never ends comes in pieces."""
    with open(path, "rb") as stream:
        stream.seek(start)
        block = stream.read(_BLOCK)
    *whole, rest = block.split(b"\n")
    yield from (line + b"\n" for line in whole)
    if len(rest) > _LONGEST_LINE:
        yield rest


def _rest(path: str, start: int) -> Iterator[bytes]:
    """The lines of a compressed file after so many bytes."""
    seen = 0
    for line in lines(path):
        seen += len(line)
        if seen > start:
            yield line


# Telling.


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
                _say(f"{self._path}: {error}; {self._chat.name} waits")
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
        reason = _send(self._apprise, self._chat, self._target, "\n".join([*first, message.text]).rstrip(), alarm=message.alarm)
        if reason is None:
            if state["failures"]:
                _say(f"{name} answers again")
            queue.told(name, message.told, state["left_out"], time.time())
            return self._settings.gap
        # Who did not answer in time may have understood.
        queue.failed(name, reason, doubt=time.monotonic() - began >= _ANSWER)
        failures = state["failures"] + 1
        if failures & (failures - 1) == 0:
            _say(f"{name} could not be told so far (attempt {failures}): {reason}; it is tried again")
        return _notify.pause(failures, random.random())  # noqa: S311 - chance, not a secret


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _run(chosen: argparse.Namespace) -> int:
    watched = _state_of(chosen)
    settings, chats = _settings(chosen.settings), _chats(_loaded(chosen.chats), chosen.chats)
    apprise = _apprise()
    _listen_to_apprise()
    targets = {chat: _target(apprise, chat) for chat in chats}
    known = {chat: target for chat, target in targets.items() if target is not None}
    for chat in targets.keys() - known.keys():
        _say(f"apprise does not understand the address of {chat.name}; nothing is told there")
    path = os.path.join(chosen.state, FILE)
    queue = Queue(path)
    follower = _Follower(settings, list(known), queue)
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
                _say(complained)
        if turn % 10000 == 0:
            queue.forget(int((time.time() - _REMEMBERED) * 1_000_000))
        if end.wait(0 if found else _POLL):
            break
        if _state_of(chosen) != watched:
            _say("it was set up anew, and begins again")
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
    apprise = _apprise()
    _listen_to_apprise()
    wrong = [chat.name for chat in _chats(_loaded("/dev/stdin"), "standard input") if _target(apprise, chat) is None]
    for name in wrong:
        sys.stderr.write(
            f"apprise does not understand the address of {shown(name)}; see https://github.com/caronc/apprise/wiki for its form\n"
        )
    return 1 if wrong else 0


def _try(chosen: argparse.Namespace) -> int:
    apprise = _apprise()
    _listen_to_apprise()
    chats = _chats(_loaded(chosen.chats), chosen.chats)
    unknown = set(chosen.chat) - {chat.name for chat in chats}
    if unknown:
        raise HostError(f"no chat is called {shown(', '.join(sorted(unknown)))}", f"known are {', '.join(chat.name for chat in chats)}")
    failed = 0
    for chat in chats:
        if not chosen.chat or chat.name in chosen.chat:
            target = _target(apprise, chat)
            text = "This is a trial. What people announce on production hosts is told here from now on."
            reason = "apprise does not understand its address" if target is None else _send(apprise, chat, target, text, alarm=False)
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
