# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd that a module's run leaves running, as their files say."""

from __future__ import annotations

import os
from typing import Sequence

from ._command import attempt, run
from ._steps import Steps


def keep_running(units: Sequence[str], steps: Steps, *, restart: bool = False) -> None:
    """Have these enabled and running, by what stands in their files now."""
    if steps.check and any(attempt(["systemctl", "cat", unit]).returncode for unit in units):
        steps.act("start " + ", ".join(units), lambda: None)
        return
    changed = [unit for unit in units if restart or are_stale([unit])]
    off = [unit for unit in units if attempt(["systemctl", "is-enabled", "--quiet", unit]).returncode]
    down = [unit for unit in units if unit in changed or attempt(["systemctl", "is-active", "--quiet", unit]).returncode]
    if off:
        steps.act("enable " + ", ".join(off), lambda: run(["systemctl", "enable", "--quiet", *off]))
    if down:
        steps.act("start " + ", ".join(down), lambda: _restart(down))


def keep_off(units: Sequence[str], steps: Steps) -> None:
    """Have these neither enabled nor running."""
    on = [unit for unit in units if not attempt(["systemctl", "is-enabled", "--quiet", unit]).returncode]
    if on:
        steps.act("stop " + ", ".join(on), lambda: run(["systemctl", "disable", "--quiet", "--now", *on]))


def shown(units: Sequence[str], *properties: str) -> list[dict[str, str]]:
    """What systemd says of each of these units: org.freedesktop.systemd1(5). A unit that is not there has properties too."""
    said = run(["systemctl", "show", "--property=" + ",".join(properties), *units])
    return [dict(line.split("=", 1) for line in part.splitlines()) for part in said.strip().split("\n\n")]


def of_timer(path: str) -> tuple[str, str]:
    """The unit of a timer's file, and the service that it starts: the one of the same name, systemd.timer(5)."""
    name = os.path.basename(path)
    return name, name.replace(".timer", ".service")


def are_stale(units: Sequence[str]) -> bool:
    """Whether systemd has another text of one of these in memory than the file's, or has found no file when it was asked before.

    What it has not in memory it reads by itself, once it is asked for it.
    """
    return any((unit["LoadState"], unit["NeedDaemonReload"]) != ("loaded", "no") for unit in shown(units, "LoadState", "NeedDaemonReload"))


def _restart(units: Sequence[str]) -> None:
    run(["systemctl", "daemon-reload"])
    run(["systemctl", "restart", *units], mend=f"see why: journalctl -u {units[0]}")
