# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host and its collector say to one another, and what of a journal leaves the host.

Both sides send lines of JSON over TLS, each side having seen the other's certificate. The collector begins: ``seq`` and ``cursor`` of
the last line of this host that it has on its disk; 0 and nothing where it has none. The host goes on from there, with lines of

``seq``
    A number that rises by one.
``journal``
    The fields of a journal entry that the parsers read (:mod:`._event_sources`), without secrets; or, in its place,
``ship``
    what the shipper says of itself: ``kind``, ``message``, ``time`` in microseconds since 1970, and the ``cursor`` that it has come to; or,
    in the place of all three,
``names``
    the logins of the host, by UID: not a record, and so without a number; or
``recordings``, ``recording``
    questions for, and parts of, what sudo recorded of terminals (:mod:`._recordings`).

The collector answers with the ``seq`` up to which all is on its disk. So the journal of the host is the queue, what comes after the
last cursor is what waits in it, and there is no other state that could be lost.
"""

from __future__ import annotations

import json
import re
from typing import Any, Mapping, Pattern, Sequence

from ._event import cut
from ._event_sources import IDENTIFIERS
from ._redact import HIDDEN, redact, redact_arguments

# An entry is cut to less than this, in characters; a line with everything around it is never longer than LONGEST, in bytes.
_MOST = 16000
_MOST_WORD = 4000
LONGEST = 1 << 18
_STAMPS = ("_AUDIT_LOGINUID", "_SYSTEMD_OWNER_UID")
_KEPT = frozenset(
    (
        *_STAMPS,
        *("__CURSOR", "__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP", "_TRANSPORT", "_PID", "_UID", "_EXE", "_COMM"),
        *("_AUDIT_SESSION", "_SYSTEMD_SESSION", "_SYSTEMD_UNIT", "SYSLOG_IDENTIFIER", "MESSAGE", "USER_ID", "SESSION_ID"),
    )
)
_OURS = "PROD_ACCESS_"
_KNOWN = frozenset(IDENTIFIERS)
# What an entry that may leave the host has in it; most entries have none, and need not be decoded.
_NEEDLE = re.compile("|".join((*_STAMPS, _OURS, *(f'"{re.escape(name)}"' for name in IDENTIFIERS))).encode())
_REALTIME = re.compile(rb'"__REALTIME_TIMESTAMP" ?: ?"(\d+)"')
_NOBODY = str(2**32 - 1)
_RECORDING = re.compile(r'"iolog_path": ?"(/[\w./-]+)"', re.ASCII)


class Choice:
    """What leaves the host, and how.

    ``excluded`` are rules of noise: fields, each with a pattern that it must match as a whole. ``hidden`` are patterns of secrets beyond
    those that are hidden anyway.
    """

    def __init__(self, excluded: Sequence[Mapping[str, str]] = (), hidden: Sequence[str] = ()) -> None:
        self._excluded = [{name: re.compile(pattern, re.S) for name, pattern in rule.items()} for rule in excluded]
        self._hidden: list[Pattern[str]] = [re.compile(pattern) for pattern in hidden]

    def entry(self, line: bytes) -> dict[str, str] | None:
        """The part of a line of ``journalctl -o json`` that leaves the host; None where nothing does."""
        if not _NEEDLE.search(line):
            return None
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            return None
        found = {name: text(value) for name, value in fields.items() if name in _KEPT or name.startswith(_OURS)}
        if not _is_of_people(found) or any(all(p.fullmatch(found.get(n, "")) for n, p in rule.items()) for rule in self._excluded):
            return None
        return {name: self._clean(name, value, found) for name, value in found.items()}

    def _clean(self, name: str, value: str, fields: Mapping[str, str]) -> str:
        if name == "MESSAGE":
            value = _message(value, fields.get("SYSLOG_IDENTIFIER", ""))
        elif name.startswith(_OURS):
            value = cut(redact(value), _MOST)
        elif not name.startswith("__"):
            return cut(value, _MOST_WORD)
        for pattern in self._hidden:
            value = pattern.sub(HIDDEN, value)
        return value


def text(value: Any) -> str:
    """The text of a field of a journal: bytes that are none come as numbers, and a field that is there twice as a list."""
    if isinstance(value, list):
        if all(isinstance(part, int) for part in value):
            return bytes(part & 0xFF for part in value).decode("utf-8", "replace")
        return text(value[0])
    return value if isinstance(value, str) else ""


def realtime(line: bytes) -> float | None:
    """When an entry of the journal was written, in seconds since 1970, without decoding it; None where it does not say so."""
    found = _REALTIME.search(line)
    return int(found.group(1)) / 1_000_000 if found else None


def owner(fields: Mapping[str, str]) -> str:
    """The UID of whoever's session it comes from; empty where it is nobody's."""
    return next((fields[name] for name in _STAMPS if fields.get(name, _NOBODY) != _NOBODY), "")


def _is_of_people(fields: Mapping[str, str]) -> bool:
    """Whether a source of events said it, or a program in somebody's session; what services run of their own accord is nobody's."""
    owned = bool(owner(fields))
    identifier = fields.get("SYSLOG_IDENTIFIER", "")
    if identifier == "snoopy":
        # Of services there is no end of programs. A user's jobs have no session, but the user's UID.
        return owned or len(fields.get("_UID", "")) > 3 or not fields.get("MESSAGE", "").startswith("login=(unknown) ")
    return owned or identifier in _KNOWN or _OURS + "KIND" in fields


def _message(value: str, identifier: str) -> str:
    """A message without secrets, and not too long."""
    if identifier == "sudo" and value.startswith("@cee:"):
        return "@cee:" + _of_sudo(value[len("@cee:") :])
    if identifier == "laurel" and value.startswith("{"):
        return _of_laurel(value)
    if identifier == "snoopy":
        # The command begins after this; how a command begins says what its arguments are.
        head, mark, command = value.partition(" argv=")
        return cut(redact(head), _MOST_WORD) + mark + cut(redact(command), _MOST)
    return _cut(value)


def _cut(value: str) -> str:
    short = cut(value, _MOST)
    return redact(short[:_MOST]) + short[_MOST:]


def _of_sudo(value: str) -> str:
    """sudo's JSON without the environment, which holds secrets, and with the arguments as they may be shown."""
    try:
        data = json.loads(value)
        for said in data["sudo"].values():
            for name in [name for name in said if name.endswith("env")]:
                del said[name]
            for name in [name for name in said if name.endswith("argv")]:
                said[name] = _words([text(word) for word in said[name]])
            for name in [name for name in said if isinstance(said[name], str)]:
                said[name] = cut(said[name], _MOST_WORD)
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError, AttributeError, TypeError, KeyError):
        return _cut(value)


def _of_laurel(value: str) -> str:
    """A line of laurel with the arguments as they may be shown, and without what only repeats where a program lies."""
    try:
        data = json.loads(value)
        for said in data.values():
            if isinstance(said, dict) and "ARGV" in said:
                said["ARGV"] = _words([text(word) for word in said["ARGV"]])
        if "EXECVE" in data:
            data = {name: said for name, said in data.items() if name not in ("PROCTITLE", "PATH", "BPRM_FCAPS")}
        return json.dumps(data)
    except (ValueError, RecursionError, AttributeError, TypeError):
        return json.dumps(_cut(value))


def recording(fields: Mapping[str, str]) -> str:
    """Where sudo says in a record that it records a terminal; empty where it does not."""
    message = fields.get("MESSAGE", "")
    if fields.get("SYSLOG_IDENTIFIER") != "sudo" or not message.startswith('@cee:{"sudo"'):
        return ""
    found = _RECORDING.search(message)
    return found.group(1) if found else ""


def _words(words: Sequence[str]) -> list[str]:
    """Arguments without secrets, and not too many."""
    found: list[str] = []
    left = _MOST
    for number, word in enumerate(redact_arguments([cut(word, _MOST_WORD) for word in words])):
        left -= len(word)
        if left < 0:
            return [*found, f"… ({len(words) - number} more arguments)"]
        found.append(word)
    return found


def line(sequence: int, body: str, fields: Mapping[str, Any]) -> bytes:
    """A record as the host sends it."""
    return json.dumps({"seq": sequence, body: fields}).encode() + b"\n"


def of_shipper(kind: str, message: str, time: int, cursor: str) -> dict[str, Any]:
    """What the shipper says of itself."""
    return {"kind": kind, "message": message, "time": time, "cursor": cursor}


def message(data: Mapping[str, Any]) -> bytes:
    """Anything that is no record."""
    return json.dumps(data).encode() + b"\n"


class ProtocolError(Exception):
    """The other side said what it never says."""


def read_message(line: bytes) -> dict[str, Any]:
    """A line of the other side. Raises ProtocolError."""
    try:
        data = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ProtocolError("a line that is no JSON") from None
    if not isinstance(data, dict):
        raise ProtocolError("a line that is no object")
    return data


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def received(data: Mapping[str, Any], host: str, time: str, last: int) -> bytes:
    """The line of the collector that a record becomes, with the name by the sender's certificate. Raises ProtocolError."""
    body = next((name for name in ("journal", "ship") if isinstance(data.get(name), dict)), "")
    if set(data) != {"seq", body}:
        raise ProtocolError("a record that has not just a number and what was recorded")
    if data["seq"] != last + 1:
        raise ProtocolError(f"record {data['seq']!r} after record {last}")
    return json.dumps({"seq": last + 1, "received": time, "host": host, body: data[body]}).encode() + b"\n"


def names(data: Mapping[str, Any]) -> dict[str, str] | None:
    """The logins of a host, if that is what it sends."""
    found = data.get("names")
    if set(data) != {"names"} or not isinstance(found, dict):
        return None
    return {uid: login for uid, login in found.items() if isinstance(login, str) and uid.isdigit()}


def place(line: bytes) -> tuple[int, str]:
    """The number and the cursor of a line of the collector, from which its host goes on. Raises ProtocolError."""
    data = read_message(line)
    body = data.get("journal") or data.get("ship")
    cursor = body.get("__CURSOR", body.get("cursor")) if isinstance(body, dict) else None
    sequence = data.get("seq")
    if not isinstance(sequence, int) or not isinstance(cursor, str):
        raise ProtocolError("a line of the collector that has no number or no cursor")
    return sequence, cursor
