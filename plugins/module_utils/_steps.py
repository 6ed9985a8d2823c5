# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files, folders and commands of a module's run: each is done, or in check mode only said to be."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import stat
from typing import Any, Callable

from . import _files


class Steps:
    """What a run changed, or would."""

    def __init__(self, *, check: bool) -> None:
        self.check = check
        self.changes: list[str] = []
        self._diff: list[dict[str, str]] = []

    def act(self, what: str, do: Callable[[], Any]) -> None:
        """Do something that is known to be needed."""
        self.changes.append(what)
        if not self.check:
            do()

    def file(self, path: str, text: str, mode: int = 0o644, group: str = "root") -> bool:
        """Have a file of root's with this text. Text that not everybody may read is not shown. Returns whether it changed."""
        gid = group_id(group)
        found = _files.read_text(path)
        if found == text and gid is not None and _files.is_ours(path, mode, gid):
            return False
        if mode & 0o004:
            self._diff.append({"before_header": path, "after_header": path, "before": found or "", "after": text})
        self.act(f"write {path}", lambda: _files.write(path, text, mode, gid or 0))
        return True

    def folder(self, path: str, mode: int, user: str = "root", group: str = "root") -> None:
        """Have a directory of this mode and these owners."""
        uid, gid = user_id(user), group_id(group)
        with contextlib.suppress(FileNotFoundError):
            found = os.lstat(path)
            if stat.S_ISDIR(found.st_mode) and (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (mode, uid, gid):
                return

        def make() -> None:
            _files.make_folder(path, mode)
            shutil.chown(path, user, group)

        self.act(f"make directory {path}", make)

    def remove(self, path: str) -> bool:
        """Have no such file. Returns whether there was one."""
        if not os.path.lexists(path):
            return False
        self.act(f"remove {path}", lambda: _files.remove(path))
        return True

    def answer(self, **more: Any) -> dict[str, Any]:
        """What a module says in the end."""
        actions = {"before_header": "actions", "after_header": "actions", "before": "", "after": "".join(f"{c}\n" for c in self.changes)}
        return {"changed": bool(self.changes), "changes": self.changes, "diff": [*self._diff, actions], **more}


def user_id(name: str) -> int | None:
    """The UID of a user; None where there is none, as in check mode before its package is there."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def group_id(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None
