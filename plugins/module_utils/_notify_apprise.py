# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chats as apprise reaches them, and what it says of them, without their secrets."""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass
from typing import Any, Iterator
from urllib.parse import unquote

from ._command import HostError
from ._node import shown

# In seconds.
_CONNECT, ANSWER = 10.0, 60.0


@dataclass(frozen=True)
class Chat:
    """One place to tell. The address is a secret."""

    name: str
    url: str
    tell: frozenset[str]


def load() -> Any:
    """The library, which keeps what it has to complain of to itself. Raises HostError."""
    try:
        import apprise
    except ImportError:
        raise HostError("apprise is missing on this host", "install the package apprise") from None
    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [_reasons], False
    # What it says beside warnings holds addresses.
    logger.setLevel(logging.WARNING)
    return apprise


def target(apprise: Any, chat: Chat) -> Any:
    """What apprise makes of an address; None where it makes nothing of it."""
    # Nothing is fetched from elsewhere, no message claims to be apprise's, and what people typed means nothing to it.
    asset = apprise.AppriseAsset(app_id="prod-access", app_desc="production access", app_url="", async_mode=False, interpret_escapes=False)
    asset.image_url_mask = asset.image_url_logo = ""
    with contextlib.suppress(TypeError):
        found = apprise.Apprise.instantiate(chat.url, asset=asset, suppress_exceptions=True)
        if found is not None:
            # A chat that answers late has been told all the same.
            found.socket_connect_timeout, found.socket_read_timeout = _CONNECT, ANSWER
            found.overflow_mode = "split"
            return found
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


def without_secrets(text: str, url: str) -> str:
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


def send(apprise: Any, chat: Chat, place: Any, text: str, *, alarm: bool) -> str | None:
    """Tell a chat; None when it said that it has it, and otherwise why not."""
    thread = threading.get_ident()
    _reasons.last.pop(thread, None)
    one = apprise.Apprise(asset=place.asset)
    one.add(place)
    is_mail = chat.url.lower().startswith("mailto")
    title = text.splitlines()[0][:120] if is_mail else ""
    kind = apprise.NotifyType.FAILURE if alarm else apprise.NotifyType.INFO
    try:
        good = one.notify(body=text, title=title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # A fault in one of many services' code must not end this thread.
        return f"apprise failed: {type(error).__name__}"
    return None if good else without_secrets(_reasons.last.get(thread, "") or "apprise gives no reason", chat.url)
