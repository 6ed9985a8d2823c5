# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``my-record``: what this host recorded of the person who asks, and nobody else."""

from __future__ import annotations

import argparse
import os
import pwd
import socket
import subprocess
import sys
import time

from . import _journal
from ._audit_program import add_filters, add_times, form, wanted_by
from ._command import HostError
from ._event_store import journal_events

PROGRAM = "/usr/bin/my-record"
_NOBODY = str(2**32 - 1)


def main(arguments: list[str]) -> int:
    """What people start on any host."""
    parser = argparse.ArgumentParser(prog="my-record", description="What this host recorded of you. Nobody else's is shown.")
    add_times(parser)
    add_filters(parser)
    chosen = parser.parse_args(arguments)
    # The login UID, and nothing that a caller could set: sudo gives root's rights to this program for whoever asks.
    uid = _journal.login_uid().strip("\0\n ")
    if uid in ("", _NOBODY):
        sys.stderr.write("my-record: nobody has logged in to this session, so there is no person whose record it could be\n")
        return 1
    if os.geteuid() != 0 and _may_be_root(arguments):
        os.execvp("sudo", ["sudo", "-n", PROGRAM, *arguments])
    if os.geteuid() != 0:
        sys.stderr.write("my-record: sudo does not let this program read the whole journal, so some of it may be missing\n")
    try:
        wanted = wanted_by({**vars(chosen), "person": _name(uid)}, int(time.time() * 1_000_000))
        show = form(sys.stdout, os.environ, as_json=chosen.json)
        for event in journal_events(wanted, socket.gethostname()):
            sys.stdout.write(show(event) + "\n")
        return 0
    except (HostError, ValueError) as error:
        sys.stderr.write(f"my-record: {error}\n")
    except KeyboardInterrupt:
        return 130
    return 1


def _may_be_root(arguments: list[str]) -> bool:
    asked = ["sudo", "-n", "-l", PROGRAM, *arguments]
    try:
        return subprocess.run(asked, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _name(uid: str) -> str:
    try:
        return pwd.getpwuid(int(uid)).pw_name
    except KeyError:
        return f"#{uid}"
