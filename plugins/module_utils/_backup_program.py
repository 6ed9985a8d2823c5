# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``prod-access-backup``: backups of this host, proofs of them, and what is wanted back."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any, Callable, Mapping, Sequence

from . import _backup_client, _backup_parts, _drills, _mariadb_log, _receipt, _receipts
from ._command import HostError, attempt
from ._files import alone
from ._receipt import Outcome
from ._restic import Restic

_LOCKS = {"backup": "/run/prod-access-backup.lock", "restore": "/run/prod-access-drill.lock"}
_PAUSE = 5.0
# Parts that are saved more often than others, and the age above which that is an alarm, in seconds.
_OFTEN = {_mariadb_log.TAG: 3600}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="prod-access-backup", description="Back this host up, and prove that it can be restored.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (("run", "make a backup"), ("drill", "restore a part of it into a scratch place, and compare")):
        command = commands.add_parser(name, help=text)
        command.add_argument("part", nargs="*", help=f"these alone: {', '.join(_backup_parts.PARTS)}")
    commands.add_parser("changes", help="save MariaDB's log of changes, and nothing else")
    status = commands.add_parser("status", help="what is backed up and proven, and what is not")
    status.add_argument("--json", action="store_true", help="print it as JSON")
    options = parser.parse_args(arguments)
    try:
        config = _backup_client.read_config()
        if options.command == "status":
            return _show(status_of(config), as_json=options.json)
        if options.command == "changes":
            _known(config, [_mariadb_log.TAG])
            quiet = {**config, "before": [], "after": []}
            return _run(quiet, "backup", [_mariadb_log.TAG], _backup_parts.PARTS, config["max_age"])
        _known(config, options.part)
        kind, parts, max_age = {
            "run": ("backup", _backup_parts.PARTS, config["max_age"]),
            "drill": ("restore", _drills.PARTS, config["drill_max_age"]),
        }[options.command]
        with alone(_LOCKS[kind]):
            return _run(config, kind, options.part, parts, max_age)
    except (HostError, OSError) as error:
        sys.stderr.write(f"prod-access-backup: {error}\n")
        return 1


def _known(config: Mapping[str, Any], parts: Sequence[str]) -> None:
    wanted = _backup_parts.wanted(config)
    unknown = sorted(set(parts) - set(wanted))
    if unknown:
        raise HostError(f"{', '.join(unknown)} is not backed up here", f"name some of {', '.join(wanted)}")


Part = Callable[[Mapping[str, Any], Restic], Outcome]


def _run(config: Mapping[str, Any], kind: str, chosen: Sequence[str], parts: Mapping[str, Part], max_age: int) -> int:
    """Each part by itself: one that fails keeps no other from being done."""
    everything = [name for name in _backup_parts.wanted(config) if name in parts]
    restic = _backup_client.repository(config)
    before = _commands(config["before"]) if kind == "backup" else ""
    failed = False
    try:
        for name in chosen or everything:
            outcome = Outcome(name, *_now(), failed=f"before it, {before}") if before else _attempt(config, name, parts[name], restic)
            receipt = _receipts.keep(kind, outcome, min(max_age, _OFTEN.get(name, max_age)), quiet=name in _OFTEN)
            failed = failed or bool(outcome.failed)
            sys.stdout.write(f"{name}: {'failed: ' + receipt['failed'] if outcome.failed else 'good'}\n")
    finally:
        after = _commands(config["after"]) if kind == "backup" else ""
        more = [f"after it, {after}"] if after else []
        whole = _receipts.close(
            kind, everything, [*more, *(_backup_parts.uncovered(config) if kind == "backup" else ())], config["metrics"]
        )
    if whole["alarm"]:
        sys.stderr.write(f"prod-access-backup: {whole['alarm']}\n")
    return 1 if failed or after else 0


def _now() -> tuple[int, int]:
    now = int(time.time())
    return now, now


def _attempt(config: Mapping[str, Any], name: str, part: Part, restic: Restic) -> Outcome:
    """Try it as often as the settings say, with longer and longer pauses."""
    started = int(time.time())
    for number in range(config["attempts"]):
        if number:
            time.sleep(_PAUSE * 4 ** (number - 1))
        try:
            return part(config, restic)
        except (HostError, OSError, ValueError, KeyError) as error:
            failed = f"{type(error).__name__}: {error}" if not isinstance(error, HostError) else str(error)
    return Outcome(name, started, int(time.time()), failed=failed)


def _commands(commands: Sequence[Sequence[str]]) -> str:
    """Run the team's own commands, up to the first that fails. Returns what failed."""
    for command in commands:
        try:
            done = attempt(list(command), timeout=3600)
        except HostError as error:
            return str(error)
        if done.returncode:
            return f"{command[0]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-200:]}"
    return ""


def status_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What is backed up and proven, as the receipts say."""
    now = int(time.time())
    kinds = {kind: _receipts.read(kind) for kind in ("backup", "restore")}
    done = {kind: {one["name"] for one in found} for kind, found in kinds.items()}
    parts = {"backup": _backup_parts.PARTS, "restore": _drills.PARTS}
    wanted = [(kind, name) for kind in kinds for name in _backup_parts.wanted(config) if name in parts[kind]]
    missing = [f"{name}: no {kind} yet" for kind, name in wanted if name not in done[kind]]
    alarms = [f"{kind} of {alarm}" for kind, found in kinds.items() for alarm in _receipt.alarms(found, now)]
    return {**kinds, "alarms": [*alarms, *missing, *_backup_parts.uncovered(config)]}


def _show(status: Mapping[str, Any], *, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(json.dumps(status, indent=1) + "\n")
        return 0
    for kind in ("backup", "restore"):
        for one in status[kind]:
            sys.stdout.write(f"{kind} of {one['name']}: {'good' if one['ok'] else 'FAILED'}, last good one {one.get('ended', 'never')}\n")
    for alarm in status["alarms"]:
        sys.stdout.write(f"ALARM: {alarm}\n")
    return 1 if status["alarms"] else 0
