# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People who were deleted from the inventory, as git remembers them: their uids are no longer reserved by anything."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable

from ..module_utils._node import Problem
from ..module_utils._resolve import PEOPLE, Model

_UID = re.compile(r"^([-+])\s+uid:\s*(\d+)\s*(?:#.*)?$")


def forgotten(model: Model, files: Iterable[str]) -> list[Problem]:
    """A warning for each uid that the history of these files has, and the inventory no longer."""
    known = {person.uid for person in model.people.values()}
    gone: dict[int, str] = {}
    for file in sorted(set(files)):
        for uid in _uids_removed(file) - known:
            gone.setdefault(uid, file)
    return [
        Problem(
            (PEOPLE,),
            f"uid {uid} was somebody's in the history of {file}, and nobody's now: it could be given away again",
            "put the person back, with `state: departed`",
            warning=True,
        )
        for uid, file in sorted(gone.items())
    ]


def _uids_removed(file: str) -> set[int]:
    command = ["git", "log", "--format=", "--patch", "--unified=0", "--no-color", "--no-ext-diff", "--", os.path.basename(file)]
    try:
        done = subprocess.run(
            command, cwd=os.path.dirname(file) or ".", capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except OSError:
        return set()
    removed = (_UID.match(line) for line in done.stdout.splitlines())
    return {int(match.group(2)) for match in removed if match and match.group(1) == "-"}
