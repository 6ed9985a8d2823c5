# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree of files of ours on a host, and lines of ours at the end of others' files: planned and applied as a whole."""

from __future__ import annotations

import contextlib
import os
import py_compile
import re
import stat
import tempfile
from dataclasses import dataclass
from typing import Any, Iterable, Iterator, Mapping, Sequence

from . import _files
from ._command import HostError, attempt
from ._host_module import LOCKING, HostModule, locked

_MARK = "# The next line is safetynet.prod_access's."
_OURS = re.compile(rf"\n?^{re.escape(_MARK)}\n.*\n?", re.M)
# Options of every module that brings a role's files; an action plugin fills in the files.
ARGUMENTS: Mapping[str, Any] = {
    "programs": {"type": "dict", "default": {}},
    "modules": {"type": "list", "elements": "str", "default": []},
    "pruned": {"type": "list", "elements": "path", "default": []},
    "files": {"type": "list", "elements": "dict", "default": []},
    **LOCKING,
}


@dataclass(frozen=True)
class File:
    """One file of ours, whole."""

    path: str
    text: str
    mode: int = 0o644


@dataclass(frozen=True)
class Line:
    """A line at the end of a file of others, below a line that says whose it is. Where there is no such file, one is made or not.

    ``check`` is a program that is given the whole file that would be, and ends with zero when that is good.
    """

    path: str
    line: str
    check: tuple[str, ...] = ()
    create: bool = False


@dataclass(frozen=True)
class Change:
    """One file as it is and as it should be; None where there is none."""

    path: str
    before: str | None
    after: str | None
    mode: int

    def to_data(self) -> dict[str, str]:
        return {"act": "write" if self.after is not None else "remove", "path": self.path}

    def diff(self) -> dict[str, str]:
        mode = f"{self.path} ({self.mode:04o})"
        return {"before_header": mode, "after_header": mode, "before": _readable(self.before), "after": _readable(self.after)}


def _readable(text: str | None) -> str:
    """The text, with a mark for each byte that is not of UTF-8, which Ansible could not show."""
    return (text or "").encode(errors="surrogateescape").decode(errors="replace")


def plan(files: Iterable[File], lines: Iterable[Line], pruned: Sequence[str]) -> list[Change]:
    """What is to change. ``pruned`` are directories that are ours alone: what else is in them goes.

    Raises HostError, all faults in one, when a changed file of others would be refused by its own checker.
    """
    changes = []
    wanted = {file.path: file for file in files}
    for path, file in sorted(wanted.items()):
        found = _files.read_text(path)
        if found != file.text or not _files.is_ours(path, file.mode):
            changes.append(Change(path, found, file.text, file.mode))
    for folder in pruned:
        for path in sorted(_below(folder) - set(wanted)):
            changes.append(Change(path, _files.read_text(path), None, 0))
    faults = []
    for line in lines:
        found, mode = _foreign(line.path)
        if found is None and not line.create:
            continue
        text = with_line(found or "", line.line)
        if text != (found or ""):
            fault = _refused(text, line.check) if not _refused(found or "", line.check) else None
            if fault is not None:
                faults.append(f"{line.path}: with our line in it, {line.check[0]} refuses it: {fault}")
            changes.append(Change(line.path, found, text, mode))
    if faults:
        raise HostError("; ".join(faults), "nothing was changed; look at what stands at the end of that file")
    return changes


def _foreign(path: str) -> tuple[str | None, int]:
    """The text and the mode of a file of others, which may be a link. Every byte of it is kept, also at the ends of lines."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read(), stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
    except FileNotFoundError:
        return None, 0o644


def with_line(text: str, line: str) -> str:
    """The text with our line, whichever it was before, as its last one; unchanged when it stands anywhere already."""
    block = f"{_MARK}\n{line}\n"
    if block in text:
        return text
    without = without_line(text)
    if line == "":
        return without
    return (without if without.endswith("\n") or not without else without + "\n") + block


def without_line(text: str) -> str:
    """The text without a line of ours; the end of the line before it stays."""
    return _OURS.sub(lambda found: "\n" if found.group().startswith("\n") else "", text)


def apply(changes: Iterable[Change]) -> None:
    """Write what is to change. Each file is as it was or as it should be, wherever this is cut short."""
    for change in changes:
        # A link that others made of their file stays one.
        path = os.path.realpath(change.path) if change.before is not None else change.path
        if change.after is None:
            _files.remove(path)
            continue
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        _files.write(path, change.after, mode=change.mode)
        if path.endswith(".py"):
            # People whom it serves cannot keep what python makes of it, and would wait for that each time.
            py_compile.compile(path, quiet=2)


@contextlib.contextmanager
def to_the_end(area: str) -> Iterator[None]:
    """Remember that what follows files, such as starting a service anew, is not done; until it is."""
    path = _unfinished(area)
    _files.make_folder(_files.STATE, 0o755)
    _files.write(path, "")
    yield
    _files.remove(path)


def is_unfinished(area: str) -> bool:
    """Whether a run was cut off, so that all that follows files is to be done again."""
    return os.path.exists(_unfinished(area))


def _unfinished(area: str) -> str:
    return os.path.join(_files.STATE, f"{area}-unfinished")


def _below(folder: str) -> set[str]:
    return {os.path.join(place, name) for place, _folders, names in os.walk(folder) for name in names if not name.endswith(".pyc")}


def _refused(text: str, check: Sequence[str]) -> str | None:
    """What a checker says of a text; None when it is content, or not there."""
    if not check:
        return None
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)
        file.flush()
        try:
            done = attempt([*check, file.name])
        except HostError:
            return None
    said = (done.stderr.strip() or f"ended with {done.returncode}").replace(file.name, "line")
    return said if done.returncode else None


def manage(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """All that the module does, and its answer."""
    if os.geteuid() != 0:
        raise HostError("writing files of the system needs root", "connect as root, or say `become: true`")
    files = [File(entry["path"], entry["text"], int(entry["mode"], 8)) for entry in params["files"]]
    lines = [Line(entry["path"], entry["line"], tuple(entry["check"]), entry["create"]) for entry in params["lines"]]
    changes = plan(files, lines, params["pruned"])
    if not check:
        apply(changes)
    return {
        "changed": bool(changes),
        "changes": [change.to_data() for change in changes],
        "diff": [change.diff() for change in changes],
    }


_LINES = {
    "path": {"type": "path", "required": True},
    "line": {"type": "str", "required": True},
    "check": {"type": "list", "elements": "str", "default": []},
    "create": {"type": "bool", "default": False},
}
MODULES: Mapping[str, HostModule] = {
    "tree": HostModule({"lines": {"type": "list", "elements": "dict", "default": [], "options": _LINES}, **ARGUMENTS}, locked(manage))
}
