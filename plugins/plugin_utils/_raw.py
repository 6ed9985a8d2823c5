# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory's files, read again with the raw scalars kept: what YAML hides, and where everything stands.

Ansible only warns of duplicate keys, and has long forgotten that 5121 was written as 012001.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

import yaml

from ..module_utils._node import Path, Problem, dotted, shown
from ..module_utils._resolve import PEOPLE, PREFIX

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_VAULT = "$ANSIBLE_VAULT"


@dataclass
class Raw:
    """What a second reading of the files found.

    ``lines`` maps (scope, path) to ``file:line``; ``people_files`` are those that people stand in.
    """

    lines: Dict[Tuple[str, Path], str] = field(default_factory=dict)
    problems: List[Problem] = field(default_factory=list)
    people_files: Set[str] = field(default_factory=set)
    _defined: Dict[Tuple[str, str], str] = field(default_factory=dict)
    _construct: Any = field(default_factory=lambda: yaml.SafeLoader(""))

    def read_vars_file(self, scope: str, file: str) -> None:
        """Read a file of group_vars or host_vars."""
        root = self._compose(scope, file)
        if isinstance(root, yaml.MappingNode):
            self._variables(scope, file, root)

    def read_inventory_file(self, file: str) -> None:
        """Read an inventory source, when it is one in YAML."""
        root = self._compose("group all", file)
        if not isinstance(root, yaml.MappingNode):
            return
        todo = [(str(key.value), value) for key, value in root.value]
        while todo:
            group, node = todo.pop()
            for part, value in _entries(node):
                if part == "vars":
                    self._variables(f"group {group}", file, value)
                elif part == "hosts":
                    for host, variables in _entries(value):
                        self._variables(f"host {host}", file, variables)
                elif part == "children":
                    todo.extend(_entries(value))

    def _compose(self, scope: str, file: str) -> Optional[yaml.Node]:
        try:
            with open(file, encoding="utf-8") as stream:
                text = stream.read()
        except (OSError, UnicodeDecodeError):
            return None  # Not a YAML source; Ansible itself has read it, or complained.
        if text.startswith(_VAULT):
            what = f"{_short(file)} is vaulted: duplicate keys and unquoted scalars in it are not found"
            self.problems.append(Problem((PREFIX + "*",), what, "people's data needs no vault", warning=True, scope=scope))
            return None
        try:
            return yaml.compose(text, Loader=_Loader)
        except yaml.YAMLError:
            return None  # An inventory in another format, which other plugins read.

    def _variables(self, scope: str, file: str, node: yaml.Node) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        seen: Set[int] = set()
        for key, value in node.value:
            variable = str(key.value)
            if not variable.startswith(PREFIX):
                continue
            if variable == PEOPLE:
                self.people_files.add(file)
            here = f"{_short(file)}:{key.start_mark.line + 1}"
            before = self._defined.setdefault((scope, variable), here)
            if before != here:
                what = f"is set twice for the {scope}, in {before} and in {here}: one hides the other"
                self.problems.append(Problem((variable,), what, "keep one, or give them different names", scope=scope))
            self.lines[scope, (variable,)] = here
            self._walk(scope, (variable,), value, file, seen)

    def _walk(self, scope: str, path: Path, node: yaml.Node, file: str, seen: Set[int]) -> None:
        self.lines.setdefault((scope, path), f"{_short(file)}:{node.start_mark.line + 1}")
        if id(node) in seen:
            return  # An alias: said once, and no bomb.
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._walk(scope, path + (index,), item, file, seen)
        elif isinstance(node, yaml.MappingNode):
            lines: Dict[str, int] = {}
            for key, value in node.value:
                name = self._name(key)
                line = key.start_mark.line + 1
                below = path + (name,)
                if name in lines and name != "<<":
                    what = f"is there twice, in lines {lines[name]} and {line} of {_short(file)}: one hides the other"
                    self.problems.append(Problem(below, what, "keep one", scope=scope))
                lines.setdefault(name, line)
                self.lines.setdefault((scope, below), f"{_short(file)}:{line}")
                self._trap(scope, below, key)
                self._walk(scope, below, value, file, seen)
        else:
            self._trap(scope, path, node)

    def _name(self, node: yaml.Node) -> str:
        value = self._construct.construct_object(node) if isinstance(node, yaml.ScalarNode) and _known(node) else node.value
        if value is None:
            return "null"
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _trap(self, scope: str, path: Path, node: yaml.Node) -> None:
        """Scalars that do not mean what they look like (YAML 1.1, https://yaml.org/type/): 012001, 1:30, 0x1F, no."""
        if not isinstance(node, yaml.ScalarNode) or node.style is not None or not _known(node):
            return
        kind = node.tag.rpartition(":")[2]
        text = node.value
        if kind == "int":
            value = str(self._construct.construct_object(node))
        elif kind == "bool":
            value = str(self._construct.construct_object(node)).lower()
            if text.lower() == value:
                return
        else:
            return
        if value != text:
            what = f"YAML reads {shown(text)} as {value}"
            self.problems.append(Problem(path, what, f'quote it: "{shown(text)}", or write {value}', scope=scope))


def _known(node: yaml.ScalarNode) -> bool:
    return node.tag.startswith("tag:yaml.org,2002:")


def _entries(node: yaml.Node) -> Iterator[Tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), value


@functools.cache  # Asked for every line.
def _short(file: str) -> str:
    relative = os.path.relpath(file)
    return file if relative.startswith("..") else relative


def merged(raw: Raw, problems: List[Problem]) -> List[Problem]:
    """All problems, each thing said once: what the raw scalar explains better is not said again of its value."""
    explained = {(problem.scope, problem.path) for problem in raw.problems if not problem.warning}
    rest = [problem for problem in problems if (problem.scope, problem.path) not in explained]
    return sorted(raw.problems + rest, key=lambda problem: (problem.warning, problem.scope, dotted(problem.path)))
