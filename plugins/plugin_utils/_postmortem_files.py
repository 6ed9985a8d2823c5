# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of post-mortems on the controller, and the history of the inventory: what is read there, and how it is written."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils._event import instant, written
from . import _postmortem_lint
from ._postmortem import Commit

DOCUMENT, PAGE, TIMELINE = NAMES = ("postmortem.md", "postmortem.html", "timeline.json")
_MOST_COMMITS = 500
_FIELD, _RECORD = "\x1f", "\x1e"


def documents(folder: str) -> dict[str, str]:
    """The text of each post-mortem, by its folder. Raises OSError where one cannot be read."""
    if not os.path.isdir(folder):
        return {}
    names = sorted(entry.name for entry in os.scandir(folder) if os.path.isfile(os.path.join(entry.path, DOCUMENT)))
    return {name: read(os.path.join(folder, name, DOCUMENT)) for name in names}


def read(path: str) -> str:
    """The text as it stands, with the ends of lines that its people use."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return stream.read()


def timeline(path: str) -> dict[str, Any]:
    """A timeline that was written before; empty where there is none that can be read."""
    try:
        with open(path, encoding="utf-8") as stream:
            data = json.load(stream)
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def open_incidents(folder: str) -> dict[str, int]:
    """The post-mortems that are not closed, with when their time began, in microseconds."""
    found = {}
    for name, text in documents(folder).items():
        if _postmortem_lint.is_open(text):
            found[name] = 0
            # The day is in the folder's name; of what says neither nothing can be compared.
            for said in (_postmortem_lint.front(text).get("from", ""), f"{name[:10]}T00:00:00Z"):
                with contextlib.suppress(ValueError):
                    found[name] = found[name] or instant(said)
    return found


def write(folder: str, texts: Mapping[str, str]) -> None:
    """Each file whole or not at all; the document last, as it alone cannot be made again."""
    os.makedirs(folder, exist_ok=True)
    for name, text in texts.items():
        path = os.path.join(folder, name)
        with open(path + ".new", "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(path + ".new", path)


def git(folder: str, *arguments: str) -> str | None:
    """What git says of a folder; None where there is no git, or it knows no such thing."""
    said = git_bytes(folder, *arguments)
    return None if said is None else said.decode("utf-8", "replace")


def git_bytes(folder: str, *arguments: str) -> bytes | None:
    """The same as it comes."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder or ".", capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def commits(sources: Iterable[str], since: int, until: int) -> list[Commit]:
    """Changes of the inventory in a time, as they were committed."""
    found: dict[str, Commit] = {}
    for source in sources:
        folder = source if os.path.isdir(source) else os.path.dirname(source) or "."
        form = f"--format={_RECORD}%H{_FIELD}%ct{_FIELD}%an{_FIELD}%ae{_FIELD}%s"
        span = (f"--since=@{since // 1_000_000}", f"--until=@{until // 1_000_000}")
        said = git(folder, "log", form, "--name-only", "--no-color", f"--max-count={_MOST_COMMITS}", *span, "--", ".")
        for record in (said or "").split(_RECORD)[1:]:
            head, *files = record.strip("\n").split("\n")
            revision, time, name, email, subject = head.split(_FIELD)
            found[revision] = Commit(int(time) * 1_000_000, name, email, revision, subject, tuple(file for file in files if file))
    return sorted(found.values(), key=lambda commit: commit.time)


def revision_before(folder: str, time: int) -> str | None:
    """The last commit before a time; None where there is none."""
    said = git(folder, "rev-list", "--max-count=1", f"--before={written(time)[:19]}Z", "HEAD")
    return (said or "").strip() or None
