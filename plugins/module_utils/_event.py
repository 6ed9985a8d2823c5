# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people do on hosts, one event each: when, where, who, as whom, what, and how it ended. Every source of records becomes this."""

from __future__ import annotations

import datetime
import json
import re
from dataclasses import dataclass, field
from typing import Any, Mapping

from ._moment import Moment

KINDS = {
    "login": "somebody came to a host by ssh or at a console, or was refused",
    "logout": "somebody left",
    "session": "a session of a user began or ended, by su, at or logind",
    "command": "a program was started",
    "sudo": "a command by sudo: accepted, rejected or ended",
    "sql": "a statement that changes data or their shape, or a client that was refused",
    "announcement": "somebody told the others what they do",
    "guard": "the answer to a question before what cannot be undone",
    "backup": "a backup ran",
    "restore": "data was restored",
    "access_change": "access was given or taken",
    "automation": "a playbook ran",
    "audit_read": "somebody read records of others",
    "heartbeat": "a host says that it is there, and records",
    "recording": "recording itself changed: it began, stopped, or lost something",
    "alarm": "the record is in danger: a host is silent, lines were changed, a disk is full",
    "unverified": "a message that says it comes from a program, and that the journal does not bear out",
    "unreadable": "a record that cannot be read",
}
_SECOND = 1_000_000
_FRACTION = re.compile(r"\.(\d{1,6})")
_TEXTS = ("host", "kind", "what", "person", "user", "session", "source", "record", "received")
_MOST = 4096
_MOST_DETAIL = 1024


@dataclass(frozen=True)
class Event:
    """One thing that happened. Texts may hold whatever somebody typed: they are for JSON, or for a terminal by ``_node.shown``."""

    time: int
    """In microseconds since 1970-01-01T00:00:00Z."""
    host: str
    kind: str
    what: str
    person: str = ""
    """The login of whoever began the session, by the login UID; ``#`` and the number where no name is known, empty where nobody did."""
    user: str = ""
    """Whose rights were used."""
    session: str = ""
    status: int | None = None
    source: str = ""
    """What recorded it, such as sudo or laurel."""
    record: str = ""
    """Where the record itself is found: its ``seq`` on the collector, its cursor in a journal."""
    received: str = ""
    """When the collector had it, as it wrote that down; empty where it was read on the host itself."""
    details: Mapping[str, str] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        data = {name: value for name, value in vars(self).items() if value not in ("", None, {})}
        return {**data, "time": written(self.time), **({"details": dict(self.details)} if self.details else {})}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Event:
        """Read what :meth:`to_data` made. Raises ValueError."""
        known = dict(data)
        details, status = known.pop("details", {}), known.pop("status", None)
        texts = {name: known.pop(name, "") for name in _TEXTS}
        if not all(isinstance(text, str) for text in (*texts.values(), known.get("time"))) or set(known) != {"time"}:
            raise ValueError("not an event")
        if texts["kind"] not in KINDS:
            raise ValueError(f"an event of an unknown kind: {texts['kind']}")
        if not isinstance(details, dict) or not all(isinstance(text, str) for pair in details.items() for text in pair):
            raise ValueError("the details of an event are texts by name")
        if status is not None and (isinstance(status, bool) or not isinstance(status, int)):
            raise ValueError("the status of an event is a number")
        return cls(time=instant(known["time"]), status=status, details=details, **texts)

    def to_json(self) -> str:
        """One line of ASCII, harmless wherever it is shown."""
        return json.dumps(self.to_data())


def written(time: int) -> str:
    """RFC 3339 in UTC, with microseconds."""
    seconds, fraction = divmod(time, _SECOND)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:06}Z"


def instant(text: str) -> int:
    """Microseconds since 1970 of RFC 3339 text. Raises ValueError."""
    fraction = _FRACTION.search(text)
    return Moment.parse(text).epoch * _SECOND + int(fraction.group(1).ljust(6, "0") if fraction else 0)


def cut(text: str, most: int = _MOST) -> str:
    """Text that can be encoded and is not too long; what is missing is said."""
    short = text if len(text) <= most else f"{text[:most]}… ({len(text) - most} more characters)"
    return short.encode("utf-8", "replace").decode() if not short.isascii() else short


def detail(text: str) -> str:
    """A text beside the main one."""
    return cut(text, _MOST_DETAIL)
