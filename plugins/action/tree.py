# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's files on a host. See the module's documentation."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.template import trust_as_template

from ..module_utils import _apply_program, _library, _tree
from ..plugin_utils import _filled_in
from ..plugin_utils._on_host import SOURCES, HostAction


class ActionModule(HostAction):
    """Reads and renders the files on the controller; the module compares and writes them."""

    MODULES = _tree.MODULES

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task._role is None:
            raise AnsibleError("this module brings a role's own files to a host, and so works in a role alone")
        _filled_in.refuse(("files",), self._task.args, "the files are those of the role")
        arguments = dict(self._task.args)
        role = Path(self._task._role._role_path)
        modules = [_apply_program.PLACES[name] for name in [self._name, "announce_run", *(arguments.pop("modules", None) or [])]]
        programs = {**(arguments.get("programs") or {}), _apply_program.PROGRAM: "_apply_program"}
        arguments["files"] = [*self._files(role, task_vars), *_programs(programs, modules)]
        return {**result, **self.on_host(arguments, task_vars)}

    def _files(self, role: Path, task_vars: dict[str, Any]) -> Iterator[dict[str, str]]:
        for path in _below(role / "files"):
            yield _entry("/" + str(path.relative_to(role / "files")), path.read_text(encoding="utf-8"), os.access(path, os.X_OK))
        templar = self._templar.copy_with_new_env(searchpath=[str(role / "templates")], available_variables=task_vars)
        for path in _below(role / "templates"):
            template = trust_as_template(self._loader.get_text_file_contents(str(path)))
            text = templar.template(template, escape_backslashes=False, overrides={"trim_blocks": True})
            yield _entry("/" + str(path.relative_to(role / "templates")).removesuffix(".j2"), str(text), os.access(path, os.X_OK))


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _entry(path: str, text: str, executable: bool) -> dict[str, str]:
    return {"path": path, "text": text, "mode": "0755" if executable else "0644"}


def _programs(programs: Mapping[str, str], more: Iterable[str]) -> Iterator[dict[str, str]]:
    """The programs, and the part of the package that they and ``more`` of it import."""
    names: set[str] = set()
    todo = {*programs.values(), *more}
    while todo:
        name = todo.pop()
        names.add(name)
        todo |= set(_imported(SOURCES[name])) - names
    for name in sorted(names):
        yield _entry(_library.place(name), SOURCES[name], False)
    for path, name in programs.items():
        yield _entry(path, _library.program(name), True)


def _imported(source: str) -> Iterator[str]:
    """The modules of the package that a module of it imports."""
    for module, names in re.findall(r"^ *from \.(_\w+)? import (.+)$", source, re.M):
        yield from [module] if module else names.split(", ")
