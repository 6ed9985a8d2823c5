# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What programs of ours tell the journal, in a form that the audit knows by its kind."""

from __future__ import annotations

import contextlib
import socket
from typing import Mapping

SOCKET = "/run/systemd/journal/socket"
# The UID that the session was opened with; it outlives su(1) and sudo(8).
LOGINUID = "/proc/self/loginuid"


def harmless(text: str) -> str:
    """The text on one line, without what moves a terminal's cursor or begins another field of the journal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def entry(*, kind: str, program: str, message: str, said: Mapping[str, str], loginuid: str) -> bytes:
    """An entry in the journal's native protocol: a field a line.

    The journal itself stamps a login UID that nobody can forge, but newer ones do not in a container.
    """
    fields = {
        "MESSAGE": message,
        "PRIORITY": "5",
        "SYSLOG_IDENTIFIER": program,
        "PROD_ACCESS_KIND": kind,
        **{f"PROD_ACCESS_{name}": text for name, text in said.items()},
        "PROD_ACCESS_LOGINUID": loginuid,
    }
    return "".join(f"{name}={harmless(value)[:1000]}\n" for name, value in fields.items()).encode(errors="replace")


def login_uid(path: str = LOGINUID) -> str:
    """The login UID of this process, in digits; empty where that cannot be known."""
    with contextlib.suppress(OSError), open(path) as file:
        return file.read()
    return ""


def send(data: bytes, journal: str = SOCKET) -> None:
    """Tell the journal, without ever waiting for it.

    This process itself does: of one that has ended meanwhile, as logger(1) would have, the journal cannot tell the login UID.
    """
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        sender.sendto(data, journal)
