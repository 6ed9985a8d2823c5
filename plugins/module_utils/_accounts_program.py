# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``prod-access-accounts``, which stays on hosts."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any, Callable, Mapping

from . import _files, _host, _journal, _library, _sshd
from ._access import Access
from ._accounts import expire
from ._command import HostError
from ._moment import Moment

_PROGRAM = "/usr/sbin/prod-access-accounts"
_SERVICE = "/etc/systemd/system/prod-access-accounts.service"

_SERVICE_TEXT = f"""\
# Managed by safetynet.prod_access.
[Unit]
Description=Take away access that has ended
Documentation=man:shadow(5)
# Ends may follow one another closely. Each is kept.
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart={_PROGRAM} expire
Restart=on-failure
RestartSec=10
"""


def files() -> dict[str, str]:
    """The files of the program."""
    return {_PROGRAM: _library.program(__name__), _SERVICE: _SERVICE_TEXT}


def main(arguments: list[str]) -> int:
    """What the timer, the dead man's switch and people start on the host."""
    parser = argparse.ArgumentParser(prog="prod-access-accounts", description="Time-bound access on this host.")
    parser.add_argument("--json", action="store_true", help="print data instead of text")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("expire", help="take away what has ended by now; the timer runs this")
    commands.add_parser("undo-sshd", help="put sshd's configuration back as it was before the last, unconfirmed change")
    commands.add_parser("keep-sshd", help="keep that change: a new connection works, since this was said over it")
    commands.add_parser("list", help="who has access to this host, until when, and why")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "undo-sshd":
            with _files.host_lock("prod-access-accounts undo-sshd", 60):
                _sshd.undo()
            return 0
        if chosen.command == "keep-sshd":
            with _files.host_lock("prod-access-accounts keep-sshd", 60):
                _sshd.TRIAL.keep()
            return 0
        if chosen.command == "expire":
            outcome = expire()
            done = [change.to_data() for change in outcome.done]
            _journal.tell_of_access(done, "its end in time")
            _print(done, chosen.json, _told)
            if outcome.error:
                sys.stderr.write(outcome.error + "\n")
            return 1 if outcome.error else 0
        saved = _host.Saved.load()
        _print(_listing(saved.access if saved else Access(), Moment(int(time.time()))), chosen.json, _listed)
        return 0
    except HostError as error:
        sys.stderr.write(f"prod-access-accounts: {error}\n")
    except PermissionError as error:
        sys.stderr.write(f"prod-access-accounts: {error.filename}: {error.strerror}; run it as root\n")
    return 1


def _listing(access: Access, now: Moment) -> list[dict[str, Any]]:
    return [
        {
            "person": login,
            "name": person.person.name,
            "access": bool(person.in_force(now)),
            "until": None if person.end() is None else str(person.end()),
            "why": [f"{grant.source}: {grant.reason()}" for grant in person.in_force(now)],
        }
        for login, person in sorted(access.people.items())
    ]


def _listed(entry: Mapping[str, Any]) -> str:
    if not entry["access"]:
        return f"{entry['person']} ({entry['name']}): no access"
    until = f", until {entry['until']}" if entry["until"] else ""
    return f"{entry['person']} ({entry['name']}): access{until}" + "".join(f"\n    {why}" for why in entry["why"])


def _told(change: Mapping[str, Any]) -> str:
    return f"{change['person'] or 'host'}: {change['act'].replace('_', ' ')}: {'; '.join(change['before']) or '; '.join(change['after'])}"


def _print(entries: list[Any], as_json: bool, told: Callable[[Mapping[str, Any]], str]) -> None:
    sys.stdout.write(json.dumps(entries, indent=1) + "\n" if as_json else "".join(told(entry) + "\n" for entry in entries))
