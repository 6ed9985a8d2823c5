# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``prod-access-audit``, by which people read what the collector has, and prove that nobody changed it."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import re
import socket
import sys
import time
from typing import Any, Callable, Iterable, Iterator, Mapping, TextIO

from . import _journal, _recordings
from ._command import HostError
from ._event import KINDS, Event, written
from ._event_filter import Filter, collapsed, when
from ._event_seals import Report, seal_host, tidy_host, verify_host
from ._event_store import FOLDER, Collector
from ._node import shown
from ._recordings_program import prune

_NAME = "prod-access-audit"
_RECORDING = re.compile(r"(?:/var/log/sudo-io/)?([0-9A-Za-z]{2})/?([0-9A-Za-z]{2})/?([0-9A-Za-z]{2})")
_SILENCE = 300
_MOST = 2000
_ALARMS = 20
_TOLD = "told.json"
_COLOURS = {
    "login": "32",
    "logout": "32",
    "sudo": "33",
    "guard": "35",
    "sql": "36",
    "announcement": "34",
    "unverified": "31",
    "unreadable": "31",
}


def main(arguments: list[str]) -> int:
    """What people start on the collector."""
    chosen = _parser().parse_args(arguments)
    try:
        status: int = chosen.run(Collector(chosen.folder), chosen)
        return status
    except (HostError, ValueError) as error:
        sys.stderr.write(f"{_NAME}: {error}\n")
    except PermissionError as error:
        sys.stderr.write(f"{_NAME}: {error.filename}: {error.strerror}; run it as root\n")
    except BrokenPipeError:
        # Whoever reads has seen enough; nothing must be written at the end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_NAME, description="Who ran what, where, as whom. Reading it is recorded, too.")
    parser.add_argument("--folder", default=FOLDER, help=f"where the records are ({FOLDER})")
    commands = parser.add_subparsers(dest="command", required=True)
    search = commands.add_parser("search", help="events of a time")
    add_times(search)
    search.add_argument("--limit", type=int, metavar="N", help="stop after so many")
    search.add_argument("--all", action="store_true", help="each command of Ansible's connections, which are counted otherwise")
    follow = commands.add_parser("follow", help="events as they come; Ctrl-C ends it")
    for command, run in ((search, _search), (follow, _follow)):
        command.set_defaults(run=run)
        add_filters(command)
        command.add_argument("--person", default="", help="a login, or '#' and the number of a UID")
        command.add_argument("--host", action="append", default=[], help="a host; may be given several times")
    replay = commands.add_parser("replay", help="play the recorded output of a sudo session")
    replay.add_argument("host")
    replay.add_argument("recording", help="what an event calls its recording, such as /var/log/sudo-io/00/00/1A")
    replay.add_argument("--speed", default="1", help="2 is twice as fast (1)")
    replay.set_defaults(run=_replay)
    verify = commands.add_parser("verify", help="find lines that were changed, removed, inserted or moved; gaps; and silent hosts")
    verify.add_argument("--json", action="store_true", help="print data instead of text")
    verify.add_argument("--silence", type=float, default=_SILENCE, metavar="SECONDS", help=f"how long a host may say nothing ({_SILENCE})")
    verify.add_argument("--days", type=int, default=0, metavar="N", help="look at the last N days of each host alone (all)")
    verify.add_argument("--alarm", action="store_true", help="tell the journal what is found, as a timer does")
    verify.add_argument("host", nargs="*", help="hosts (all)")
    verify.set_defaults(run=_verify)
    seal = commands.add_parser("seal", help="seal what came since the last time; a timer runs this")
    seal.set_defaults(run=_seal)
    tidy = commands.add_parser("tidy", help="compress files of earlier days, and remove those whose time is over; a timer runs this")
    tidy.add_argument("--keep", type=int, required=True, metavar="DAYS", help="how long records are kept")
    tidy.add_argument(
        "--recordings", type=int, default=1024, metavar="MB", help="how much those of a host may take; the oldest go first (1024)"
    )
    tidy.set_defaults(run=_tidy)
    return parser


def add_times(parser: argparse.ArgumentParser) -> None:
    """From when to when."""
    parser.add_argument("--since", default="today", help="'2 hours ago', yesterday, 2026-11-25, '2026-11-25 12:00' (UTC), RFC 3339 (today)")
    parser.add_argument("--until", default="now", help="the same (now)")


def add_filters(parser: argparse.ArgumentParser) -> None:
    """What every search can be narrowed by."""
    parser.add_argument("--kind", dest="kinds", action="append", default=[], choices=sorted(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--text", default="", help="what it must hold, in capital or small letters")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def _search(collector: Collector, chosen: argparse.Namespace) -> int:
    wanted = wanted_by(vars(chosen), int(time.time() * 1_000_000))
    hosts = collector.chosen(chosen.host)
    note_reading("search", wanted, chosen.host)
    complaints: list[str] = []
    show = form(sys.stdout, os.environ, as_json=chosen.json)
    events = collector.events(wanted, hosts, complaints.append)
    if not chosen.json and not chosen.all:
        events = collapsed(events)
    for event in itertools.islice(events, chosen.limit):
        sys.stdout.write(show(event) + "\n")
    for complaint in complaints:
        sys.stderr.write(f"{_NAME}: {complaint}\n")
    return 1 if complaints else 0


def _follow(collector: Collector, chosen: argparse.Namespace) -> int:
    wanted = Filter(chosen.person, frozenset(chosen.kinds), chosen.text)
    hosts = collector.chosen(chosen.host) if chosen.host else []
    note_reading("follow", wanted, chosen.host)
    show = form(sys.stdout, os.environ, as_json=chosen.json)
    for event in collector.follow(wanted, hosts):
        if event is None:
            sys.stdout.flush()
        else:
            sys.stdout.write(show(event) + "\n")
    return 0


def _replay(collector: Collector, chosen: argparse.Namespace) -> int:
    parts = _RECORDING.fullmatch(chosen.recording)
    if parts is None:
        raise HostError(f"{shown(chosen.recording)} is no recording", "take it from an event of kind sudo: it is among the details")
    folder = os.path.join(collector.folder, chosen.host, _recordings.PLACE)
    if chosen.host == socket.gethostname() and not os.path.isdir(folder):
        # sudo's own folder, on the host that recorded it.
        folder = _recordings.FOLDER
    if not os.path.isdir(folder):
        raise HostError(f"no recordings of {shown(chosen.host)} are here", "see whether it records and ships them: audit_sudo_recordings")
    note_reading("replay", Filter(text=chosen.recording), [chosen.host])
    command = ["sudoreplay", "-d", folder, "-s", str(float(chosen.speed)), "".join(parts.groups())]
    try:
        os.execvp(command[0], command)
    except FileNotFoundError:
        raise HostError("sudoreplay is missing on this host", "install the package sudo") from None


def _verify(collector: Collector, chosen: argparse.Namespace) -> int:
    now = time.time()
    found = {host: verify_host(collector, host, now, chosen.silence, chosen.days) for host in collector.chosen(chosen.host)}
    if chosen.json:
        sys.stdout.write(json.dumps({host: report.to_data() for host, report in found.items()}) + "\n")
    else:
        for host, report in found.items():
            sys.stdout.write(f"{host}: {report}\n" + "".join(f"  {shown(line, 500)}\n" for line in report.faults))
    if chosen.alarm:
        _tell_once(collector, found)
    return 1 if any(report.faults for report in found.values()) else 0


def _tell_once(collector: Collector, found: Mapping[str, Report]) -> None:
    """Tell the journal of faults that were not told of before."""
    path = os.path.join(collector.folder, _TOLD)
    told: Any = None
    with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as stream:
        told = json.load(stream)
    known = told if isinstance(told, dict) else {}
    for host, report in found.items():
        # Hosts that are silent are told of by the receiver, at once and once.
        faults = [fault for fault in report.faults if not fault.startswith(f"{host}: silent")][:_ALARMS]
        for fault in faults:
            if fault not in known.get(host, ()):
                _journal.tell("alarm", "audit-verify", f"{host}: {fault}", {"TARGET": host}, wait=1)
        known[host] = sorted({*faults, *known.get(host, ())})[:_MOST]
    with open(path + ".new", "w", encoding="utf-8") as stream:
        json.dump(known, stream)
    os.rename(path + ".new", path)


def _tidy(collector: Collector, chosen: argparse.Namespace) -> int:
    now = time.time()
    status = _seal(collector, chosen)
    oldest = now - chosen.keep * 86400
    for host in collector.hosts():
        tidy_host(collector, host, written(int(oldest * 1_000_000))[:10], written(int(now * 1_000_000))[:10])
        for line in prune(os.path.join(collector.folder, host, _recordings.PLACE), oldest, chosen.recordings << 20, free=0):
            sys.stdout.write(f"{line}\n")
    return status


def _seal(collector: Collector, _chosen: argparse.Namespace) -> int:
    faults = [f"{host}: {fault}" for host in collector.hosts() for fault in seal_host(collector, host, int(time.time() * 1_000_000))]
    for fault in faults:
        sys.stderr.write(f"{_NAME}: {fault}\n")
    return 1 if faults else 0


def wanted_by(said: Mapping[str, Any], now: int) -> Filter:
    """What somebody asks for, by names. Raises ValueError."""
    times = {name: when(said[name], now) for name in ("since", "until")}
    return Filter(said["person"], frozenset(said["kinds"]), said["text"], **times)


def note_reading(act: str, wanted: Filter, hosts: Iterable[str]) -> None:
    """To read the records of others is an event itself."""
    said = {
        "ACTION": act,
        "PERSON": wanted.person,
        "HOSTS": " ".join(hosts),
        "KINDS": " ".join(sorted(wanted.kinds)),
        "TEXT": wanted.text,
        "SINCE": written(wanted.since),
    }
    message = f"{act}: records of {wanted.person or 'everybody'} on {said['HOSTS'] or 'all hosts'}"
    _journal.tell("audit_read", "audit", message, said)


def form(stream: TextIO, terminal: Mapping[str, str], *, as_json: bool) -> Callable[[Event], str]:
    """How events are shown there."""
    if as_json:
        return Event.to_json
    colour = stream.isatty() and not terminal.get("NO_COLOR") and terminal.get("TERM", "dumb") != "dumb"
    return lambda event: line(event, colour=colour)


def line(event: Event, *, colour: bool) -> str:
    """An event on one line, harmless to a terminal whatever is in it."""

    def painted(text: str, sgr: str) -> str:
        return f"\x1b[{sgr}m{text}\x1b[0m" if colour and sgr and text else text

    person = shown(event.person or "-", 64)
    user = f" as {shown(event.user, 64)}" if event.user not in ("", event.person) else ""
    parts = [
        painted(written(event.time)[:19] + "Z", "2"),
        shown(event.host, 64),
        painted(person, "1") + user,
        painted(event.kind, _COLOURS.get(event.kind, "")),
        shown(event.what, _MOST),
        *_rest(event, painted),
    ]
    return "  ".join(parts)


def _rest(event: Event, painted: Callable[[str, str], str]) -> Iterator[str]:
    if event.status:
        yield painted(f"[status {event.status}]", "31")
    recording = event.details.get("recording")
    if recording:
        yield painted(f"[recording {shown(recording)}]", "2")
    doubt = event.details.get("doubt")
    if doubt:
        yield painted(f"[{shown(doubt)}]", "31" if event.kind == "unverified" else "2")
