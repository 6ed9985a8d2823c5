# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on trial: a change that could lock people out is undone by the host itself, unless it is confirmed from outside."""

from __future__ import annotations

import os
import stat
from typing import Any

from . import _files
from ._command import HostError, attempt, run

SECONDS = 120


class Trial:
    """A change of a few files. What they were is kept, and a dead man's switch (systemd-run(1)) puts them back.

    ``area`` names the trial, and ``command`` is what the switch runs; it comes to :meth:`undo`.
    """

    def __init__(self, area: str, paths: tuple[str, ...], command: str) -> None:
        self._unit = f"prod-access-dead-man-{area}"
        self._paths = paths
        self._command = command
        self._before = os.path.join(_files.STATE, f"{area}-before")

    def begin(self) -> None:
        """Remember the files as they are, and arm the switch."""
        # An earlier, unconfirmed change is still to be undone: what it found is what counts.
        if _files.load(self._before) is None:
            _files.write(self._before, _files.dumped({path: _read(path) for path in self._paths}), mode=0o600)
        timer = [f"--on-active={SECONDS}", "--timer-property=AccuracySec=1s", f"--unit={self._unit}"]
        # --collect: a switch that failed must not stand in the way of the next one.
        switch = ["systemd-run", *timer, "--collect", *self._command.split()]
        if attempt(switch).returncode != 0:
            # One is armed already, or its unit is still there.
            self._call_off()
            attempt(["systemctl", "reset-failed", f"{self._unit}.timer", f"{self._unit}.service"])
            run(switch)

    def undo(self) -> bool:
        """Put the files back. Says whether there was anything to undo."""
        before = _files.load(self._before)
        if before is None:
            return False
        for path, found in before.items():
            if found is None:
                _files.remove(path)
            elif found != _read(path):
                _files.write(path, found["text"], mode=found["mode"])
        return True

    def end(self) -> None:
        """The trial is over, in whichever way."""
        # In this order: a switch that finds nothing to put back does nothing.
        _files.remove(self._before)
        self._call_off()

    def keep(self) -> None:
        """Somebody came in after the change: it stays. Raises HostError when it was taken back already."""
        if _files.load(self._before) is None:
            raise HostError("the change was taken back already", "run again")
        self.end()

    def _call_off(self) -> None:
        attempt(["systemctl", "stop", f"{self._unit}.timer"])


def _read(path: str) -> dict[str, Any] | None:
    text = _files.read_text(path)
    return None if text is None else {"text": text, "mode": stat.S_IMODE(os.stat(path).st_mode)}
