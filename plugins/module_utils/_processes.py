# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a person: by UID, and by login UID, which sudo, su and setsid keep (pam_loginuid(8))."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from dataclasses import dataclass
from typing import Callable, Iterator

from ._command import attempt

_UNSET = 2**32 - 1
# Service units whose processes are a person's own doing: logins, cron and at jobs, the user's manager, systemd-run.
# A daemon in any other unit stays, even when it carries the login UID of the person who restarted it.
_PERSONAL_UNIT = re.compile(
    r"(ssh|sshd|cron|crond|atd|anacron|getty|console-getty)\.service|(ssh|sshd|getty|serial-getty|user)@.*\.service|run-.*\.service"
)
_GRACE = 1.0


@dataclass(frozen=True)
class Process:
    pid: int
    name: str
    uids: frozenset[int]
    login_uid: int | None
    session: int | None
    unit: str

    def is_of(self, uid: int) -> bool:
        return uid in self.uids or uid == self.login_uid

    def is_daemon(self) -> bool:
        """Whether it belongs to the host rather than to a person."""
        return self.unit.endswith(".service") and not _PERSONAL_UNIT.fullmatch(self.unit)


def processes() -> Iterator[Process]:
    """Every process but kernel threads, as /proc shows it now (proc(5))."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError):
                yield _process(int(entry))


def _process(pid: int) -> Process:
    base = f"/proc/{pid}/"
    name = "?"
    uids: frozenset[int] = frozenset()
    with open(base + "status", encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if line.startswith("Name:"):
                name = line[5:].strip()
            elif line.startswith("State:") and line[6:].strip().startswith("Z"):
                raise ValueError("a zombie waits for its parent, and does nothing")
            elif line.startswith("Uid:"):
                uids = frozenset(int(part) for part in line[4:].split())
                break
    with open(base + "cgroup", encoding="utf-8", errors="replace") as stream:
        # cgroups(7): systemd's tree is 0:: in version 2 and name=systemd in version 1. Hybrids have both, one of them bare.
        path = max((line.rstrip("\n").split(":", 2)[2] for line in stream if line.startswith("0::") or ":name=systemd:" in line), key=len)
    return Process(pid, name, uids, _number(base + "loginuid"), _number(base + "sessionid"), _unit(path))


def _unit(path: str) -> str:
    """The unit of a cgroup. Within a user's manager that is the manager's own, whatever the user names units there."""
    parts = [part for part in path.split("/") if part.endswith((".service", ".scope"))]
    return parts[0] if parts else ""


def _number(path: str) -> int | None:
    """A number of /proc; None where it is unset, or the kernel was built without audit."""
    try:
        with open(path, encoding="ascii") as stream:
            number = int(stream.read())
    except FileNotFoundError:
        return None
    return None if number == _UNSET else number


def end_user(uid: int) -> list[Process]:
    """End all that a user runs or began, sessions and manager included. Returns what is left after 5 s.

    systemd helps, since it can stop a whole slice, which no fork outruns; not where this run is in that slice itself.
    """

    def theirs(process: Process) -> bool:
        return process.is_of(uid) and not process.is_daemon()

    if not any(theirs(process) for process in processes()):
        return []
    if _process(os.getpid()).is_of(uid):
        return end(theirs)
    manager, slice_ = f"user@{uid}.service", f"user-{uid}.slice"
    attempt(["systemctl", "stop", "--no-block", manager])
    left = end(theirs, lambda: attempt(["systemctl", "kill", "--signal=KILL", slice_]))
    # A manager that had to be killed would be a failed unit of the host.
    attempt(["systemctl", "reset-failed", manager])
    return left


def end(chosen: Callable[[Process], bool], also: Callable[[], object] = bool) -> list[Process]:
    """End the chosen processes: politely, then for good, ``also`` doing more each time. Returns those that are left after 5 s."""
    mine = _ancestors()

    def victims() -> list[Process]:
        return [process for process in processes() if process.pid not in mine and chosen(process)]

    left = victims()
    _signal(left, signal.SIGHUP)
    _signal(left, signal.SIGTERM)
    _signal(left, signal.SIGCONT)
    polite = time.monotonic() + _GRACE
    while left and time.monotonic() < polite:
        time.sleep(0.02)
        left = victims()
    deadline = time.monotonic() + 5
    while left and time.monotonic() < deadline:
        also()
        _signal(left, signal.SIGKILL)
        time.sleep(0.02)
        left = victims()
    return left


def _signal(targets: list[Process], number: signal.Signals) -> None:
    for process in targets:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _ancestors() -> set[int]:
    """This process and those it came from: a run never ends itself."""
    pids: set[int] = set()
    pid = os.getpid()
    while pid > 0 and pid not in pids:
        pids.add(pid)
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
                pid = int(stream.read().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            break
    return pids


def sessions_by_key(login: str, uid: int, lost: set[str]) -> set[int]:
    """The audit sessions of a person that were opened with one of these keys, as sshd logged it.

    A session of which the journal no longer tells the key counts as one of them: what cannot be told apart is ended.
    """
    servers = [p for p in processes() if p.login_uid == uid and p.name in ("sshd", "sshd-session") and p.session is not None]
    found: set[int] = set()
    for server in servers:
        if uid in server.uids:
            continue  # The unprivileged half; its parent, root's, has logged the key.
        said = attempt(["journalctl", "--boot", "--quiet", "--output=cat", f"_PID={server.pid}"]).stdout
        match = re.search(rf"Accepted publickey for {re.escape(login)} from .* (SHA256:[A-Za-z0-9+/]+)", said)
        if (match is None or match.group(1) in lost) and server.session is not None:
            found.add(server.session)
    return found
