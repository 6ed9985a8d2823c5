# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of a host, and the one way to run its programs."""

from __future__ import annotations

import os
import subprocess
from typing import Mapping

# /usr/sbin first: an ordinary user's PATH, which become may keep, lacks it.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": "/root"}


class HostError(Exception):
    """Something on the host that stands in the way: what it is, and how to mend it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what}; {mend}")
        self.what = what
        self.mend = mend


def attempt(
    argv: list[str], *, timeout: float = 60, data: str | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program without a shell. Raises HostError when it is missing or hangs; a failure is the caller's to judge."""
    try:
        return subprocess.run(
            argv,
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={**_ENVIRONMENT, **({"TZ": os.environ["TZ"]} if "TZ" in os.environ else {}), **(environment or {})},
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise HostError(f"{argv[0]} is missing on this host", "install the package that brings it") from None
    except subprocess.TimeoutExpired:
        raise HostError(f"`{' '.join(argv)}` hung for {timeout:.0f} s", "run it by hand to see why") from None


def run(argv: list[str], *, data: str | None = None, mend: str = "run it by hand to see why") -> str:
    """Run a program and return what it printed. Raises HostError with its own words when it fails."""
    done = attempt(argv, data=data)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"ended with {done.returncode}").splitlines()
        raise HostError(f"`{' '.join(argv)}`: {'; '.join(said[-3:])}", mend)
    return done.stdout
