# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts of a host, from reading to proof: the one way that the module and the host's own timer go."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Mapping

from . import _files, _host, _last_way_in
from ._access import Access
from ._command import HostError
from ._hands import TIMER, Hands
from ._moment import Moment
from ._plan import Change, Options, Plan, plan

_TIMER_TEXT = """\
# Managed by safetynet.prod_access. Each line is a moment at which somebody's access ends.
[Unit]
Description=Take away access at the moment that it ends
StartLimitIntervalSec=0

[Timer]
AccuracySec=1us
Persistent=true
OnBootSec=0
{moments}
[Install]
WantedBy=timers.target
"""


@dataclass
class Outcome:
    """What a run found and did."""

    plan: Plan
    done: list[Change] = field(default_factory=list)
    error: str | None = None


def timer_text(access: Access) -> str:
    """The unit that ends access in time. Moments that are past stay in it: it depends on the data alone."""
    return _TIMER_TEXT.format(moments="".join(f"OnCalendar={moment.systemd()}\n" for moment in access.moments()))


def manage(access: Access, options: Options, *, programs: Mapping[str, str], check: bool) -> Outcome:
    """Make the host agree with the access, or say what would change. Raises HostError when it cannot even be read.

    ``programs`` are the files of ours, by path, that stay on the host. The caller holds the host's lock.
    """
    _needs()
    if options.only is not None:
        saved = _host.Saved.load()
        access = access.only(options.only, saved.access if saved else None)
    timer = timer_text(access)
    host = _host.read(access, timer=TIMER, programs=programs, default_shell=options.default_shell)
    planned = plan(access, host, options, Moment(int(time.time())), timer=timer)
    if planned.faults:
        # What stands in the way of giving does not stand in the way of taking away.
        planned.changes = planned.revocations()
    _last_way_in.guard(planned, host)
    outcome = Outcome(planned)
    if not check:
        _apply(outcome, programs)
    wrong = [*filter(None, [outcome.error]), *map(str, planned.faults)]
    outcome.error = "\n".join(wrong) or None
    return outcome


def expire(lock_timeout: float = 60) -> Outcome:
    """Take away what has ended by now, from what the host remembers; give nothing."""
    with _files.host_lock("prod-access-accounts expire", lock_timeout):
        saved = _host.Saved.load()
        if saved is None:
            return Outcome(Plan())
        host = _host.read(saved.access, timer=TIMER, programs={}, default_shell=Options.default_shell)
        planned = plan(saved.access, host, Options(allow_mass_removal=True), Moment(int(time.time())), timer=host.timer or "")
        # What stands in the way of giving is not this run's business.
        planned.faults = []
        planned.changes = planned.revocations() + [change for change in planned.changes if change.act == "save"]
        outcome = Outcome(planned)
        _apply(outcome, {})
        return outcome


def _apply(outcome: Outcome, programs: Mapping[str, str]) -> None:
    if not outcome.plan.changes:
        return
    outcome.done, failures = Hands(programs).apply(outcome.plan.changes)
    outcome.error = "\n".join(failures) or None


def _needs() -> None:
    if os.geteuid() != 0:
        raise HostError("changing accounts needs root", "connect as root, or say `become: true`")
    if not os.path.isdir("/run/systemd/system"):
        raise HostError("systemd does not run on this host", "only hosts with systemd are supported: the end of access hangs on its timers")
