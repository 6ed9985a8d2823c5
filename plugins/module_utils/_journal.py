# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection tells the journal of a host: an entry for each thing that happened, in fields that programs read."""

from __future__ import annotations

import contextlib
import socket
from typing import Any, Iterable, Mapping

_SOCKET = "/run/systemd/journal/socket"
# The UID that the session was opened with; it outlives su(1) and sudo(8).
_LOGINUID = "/proc/self/loginuid"
_LONGEST = 1000


def harmless(text: str) -> str:
    """The text on one line, without what moves a terminal's cursor or begins another field of the journal."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())


def entry(kind: str, name: str, message: str, fields: Mapping[str, str], loginuid: str = "") -> bytes:
    """What the journal keeps, in its native protocol: a field a line. ``name`` is what tells it, ``fields`` are PROD_ACCESS_*.

    The journal itself stamps a login UID that nobody can forge, but newer ones do not in a container.
    """
    ours = {"KIND": kind, **fields, "LOGINUID": loginuid}
    lines = {
        "MESSAGE": message,
        "PRIORITY": "5",
        "SYSLOG_IDENTIFIER": f"prod-access-{name}",
        **{f"PROD_ACCESS_{field}": value for field, value in ours.items()},
    }
    return "".join(f"{field}={harmless(value)[:_LONGEST]}\n" for field, value in lines.items()).encode(errors="replace")


def login_uid(path: str = _LOGINUID) -> str:
    """The login UID of this process, in digits; empty where that cannot be known."""
    with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
        return file.read()
    return ""


def tell(
    kind: str, name: str, message: str, fields: Mapping[str, str], *, wait: float = 0, journal: str = _SOCKET, loginuid: str = _LOGINUID
) -> str | None:
    """Tell the journal, and wait for it no longer than so many seconds. Returns why it could not be told, if so.

    This process itself does: of one that has ended meanwhile, as logger(1) would have, the journal cannot tell the login UID.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(wait)
            sender.sendto(entry(kind, name, message, fields, login_uid(loginuid)), journal)
    except OSError as error:
        return f"the journal ({journal}) takes nothing: {error.strerror or error}"
    return None


def tell_of_run(playbook: str, owner: str, changes: int, error: str = "", *, journal: str = _SOCKET) -> None:
    """Tell the journal that a playbook ran on this host, who ran it, and what came of it."""
    did = f"{changes} change{'' if changes == 1 else 's'}" if changes else "nothing was changed" if not error else ""
    result = "; ".join(part for part in (did, error and f"failed: {error}") if part)
    fields = {"PLAYBOOK": playbook, "OWNER": owner, "RESULT": result, "STATUS": "1" if error else "0"}
    tell("automation", "run", f"playbook {playbook}, run by {owner}: {result}", fields, wait=1, journal=journal)


def tell_of_access(changes: Iterable[Mapping[str, Any]], owner: str, *, journal: str = _SOCKET) -> None:
    """Tell the journal whose access was changed, and by whom; from changes as they are returned to Ansible."""
    people: dict[str, list[Mapping[str, Any]]] = {}
    for change in changes:
        if change["person"]:
            people.setdefault(change["person"], []).append(change)
    for person, theirs in people.items():
        lines = [f"{sign}{line}" for change in theirs for sign, side in (("-", "before"), ("+", "after")) for line in change[side]]
        fields = {"ACTION": " ".join(change["act"] for change in theirs), "OWNER": owner, "TARGET": person}
        message = f"access of {person} changed by {owner}: {'; '.join(lines)}"
        tell("access_change", "access", message, fields, wait=1, journal=journal)
