# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of proofs on the controller: the page, the data, and a small file for each run."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError

from . import _proof_history, _report_page

_RUNS = "runs"
_RUN = re.compile(r"\d{8}T\d{6}Z\.json")
# The last runs that are kept: three months of one a day.
_KEPT = 90


def runs(folder: str) -> Iterator[dict[str, Any]]:
    """What is kept of earlier runs, the newest first, each read when its turn comes; none where there is no folder. Raises AnsibleError."""
    for path in reversed(_paths(folder)):
        try:
            with open(path, encoding="utf-8") as stream:
                data = json.load(stream)
            if not isinstance(data["made"], str) or not isinstance(data["hosts"], dict):
                raise ValueError("it is no run of prove")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AnsibleError(f"{path} cannot be read: {error}; move it away, and run playbook prove again") from None
        yield data


def _paths(folder: str) -> list[str]:
    place = os.path.join(folder, _RUNS)
    try:
        return [os.path.join(place, name) for name in sorted(os.listdir(place)) if _RUN.fullmatch(name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def keep(folder: str, made: str, hosts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Write what a run came to: the page, everything as JSON, and what is kept of it. Returns the paths of the first two."""
    run = _proof_history.small(made, hosts)
    before = list(itertools.islice(runs(folder), _proof_history.SHOWN - 1))
    data = _proof_history.page_data(made, hosts, [*reversed(before), run])
    os.makedirs(os.path.join(folder, _RUNS), exist_ok=True)
    _write(os.path.join(folder, _RUNS, re.sub("[-:]", "", made) + ".json"), json.dumps(run, ensure_ascii=False))
    for path in _paths(folder)[:-_KEPT]:
        os.unlink(path)
    files = [os.path.join(folder, "prove.html"), os.path.join(folder, "prove.json")]
    _write(files[0], _report_page.page(data, _report_page.PROVE))
    _write(files[1], json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    return files


def _write(path: str, text: str) -> None:
    with open(path + ".new", "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(path + ".new", path)
