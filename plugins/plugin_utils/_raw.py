# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory's files, read again with the raw scalars kept: what YAML hides, and where everything stands.

Ansible only warns of duplicate keys, and has long forgotten that 5121 was written as 012001.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from ..module_utils._node import QUOTE, Path, Problem, dotted, shown
from ..module_utils._resolve import GRANTS, PEOPLE, PREFIX

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML = "tag:yaml.org,2002:"


@dataclass
class Raw:
    """What a second reading of the files found.

    ``lines`` maps (scope, path) to ``file:line``; ``traps`` are scalars that YAML reads as something else than they look;
    ``people_files`` are those that people stand in.
    """

    lines: dict[tuple[str, Path], str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    traps: list[Problem] = field(default_factory=list)
    people_files: set[str] = field(default_factory=set)
    _defined: dict[tuple[str, str], str] = field(default_factory=dict)
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

    def _compose(self, scope: str, file: str) -> yaml.Node | None:
        try:
            with open(file, encoding="utf-8") as stream:
                text = stream.read()
        except (OSError, UnicodeDecodeError):
            return None  # Not a YAML source; Ansible itself has read it, or complained.
        if is_vaulted(text):
            what = f"{short(file)} is vaulted: duplicate keys and unquoted scalars in it are not found"
            self.problems.append(Problem((PREFIX + "*",), what, "people's data needs no vault", warning=True, scope=scope))
            return None
        try:
            return yaml.compose(text, Loader=_Loader)
        except yaml.YAMLError:
            return None  # An inventory in another format, which other plugins read.

    def _variables(self, scope: str, file: str, node: yaml.Node) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        seen: set[int] = set()
        for key, value in node.value:
            variable = str(key.value)
            if not variable.startswith(PREFIX):
                continue
            if variable == PEOPLE:
                self.people_files.add(file)
            here = f"{short(file)}:{key.start_mark.line + 1}"
            before = self._defined.setdefault((scope, variable), here)
            if before != here:
                what = f"is set twice for the {scope}, in {before} and in {here}: one hides the other"
                mend = "keep one, or give them different names" if variable.startswith(GRANTS) else "keep one"
                self.problems.append(Problem((variable,), what, mend, scope=scope))
            self.lines[scope, (variable,)] = here
            self._walk(scope, (variable,), value, file, seen)

    def _walk(self, scope: str, path: Path, node: yaml.Node, file: str, seen: set[int]) -> None:
        self.lines.setdefault((scope, path), f"{short(file)}:{node.start_mark.line + 1}")
        if id(node) in seen:
            return  # An alias: said once, and no bomb.
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._walk(scope, (*path, index), item, file, seen)
        elif isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for key, value in node.value:
                name = self._name(key)
                line = key.start_mark.line + 1
                below = (*path, name)
                if name in lines and name != "<<":
                    what = f"is there twice, in lines {lines[name]} and {line} of {short(file)}: one hides the other"
                    self.problems.append(Problem(below, what, "keep one", scope=scope))
                lines.setdefault(name, line)
                self.lines.setdefault((scope, below), f"{short(file)}:{line}")
                self._trap(scope, below, key)
                self._walk(scope, below, value, file, seen)
        else:
            self._trap(scope, path, node)

    def _name(self, node: yaml.Node) -> str:
        value = self._value(node) if isinstance(node, yaml.ScalarNode) else node.value
        if value is None:
            return "null"
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _value(self, node: yaml.ScalarNode) -> Any:
        """What YAML makes of a scalar; its text where that is nothing of its own (``<<``), or no such thing (see :func:`impossible`)."""
        if not node.tag.startswith(_YAML):
            return node.value
        try:
            return self._construct.construct_object(node)
        except (ValueError, yaml.YAMLError):
            return node.value

    def _trap(self, scope: str, path: Path, node: yaml.Node) -> None:
        """Scalars that do not mean what they look like (YAML 1.1, https://yaml.org/type/): 012001, 1:30, 0x1F, 1.50, no."""
        # The style of a plain scalar is None from one loader of PyYAML, and "" from the other.
        if not isinstance(node, yaml.ScalarNode) or node.style or not node.tag.endswith((":bool", ":int", ":float")):
            return
        value = self._value(node)
        text, meant = node.value, str(value)
        if isinstance(value, bool):
            text, meant = text.lower(), meant.lower()
        if text != meant:
            what = f"YAML reads {shown(node.value)} as {meant}"
            mend = f'{QUOTE} if it is text, "{shown(node.value)}"; else write what you mean: now it is {meant}'
            self.traps.append(Problem(path, what, mend, scope=scope))


def _entries(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), value


def impossible(text: str) -> Iterator[tuple[Path, yaml.ScalarNode, str]]:
    """The scalars that YAML takes for something that does not exist, such as the day 2027-02-30, each with the reason."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError):
        return  # That is worse.
    todo: list[tuple[Path, yaml.Node]] = [((), root)] if root else []
    seen: set[int] = set()
    construct = yaml.SafeLoader("").construct_object
    while todo:
        path, node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo.extend(((*path, index), item) for index, item in enumerate(node.value))
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = (*path, str(key.value))
                todo += [(below, key), (below, value)]
        elif isinstance(node, yaml.ScalarNode) and node.tag.startswith(_YAML):
            try:
                construct(node)
            except ValueError as error:
                yield path, node, str(error)
            except (KeyError, AttributeError, yaml.YAMLError):  # !!bool 5, !!timestamp 5 and !!binary é
                yield path, node, ""


def says_something(file: str) -> bool:
    """Whether a file of variables sets one of ours."""
    try:
        with open(file, encoding="utf-8") as stream:
            return any(line.startswith(PREFIX) for line in stream)
    except (OSError, UnicodeDecodeError):
        return False


def is_vaulted(text: str) -> bool:
    return text.startswith("$ANSIBLE_VAULT")


@functools.cache  # Asked for every line.
def short(file: str) -> str:
    """The file's name as people write it: from the current folder, when it lies below."""
    relative = os.path.relpath(file)
    return file if relative.startswith("..") else relative


def merged(raw: Raw, problems: list[Problem]) -> list[Problem]:
    """All problems, each thing said once: the raw scalar tells what went wrong, and its value what is wanted there."""
    said = {(problem.scope, problem.path): problem for problem in problems if not problem.warning}
    traps = []
    for trap in raw.traps:
        wanted = said.get((trap.scope, trap.path), trap).mend
        traps.append(trap if wanted.startswith(QUOTE) else replace(trap, mend=wanted))
    found = traps + raw.problems
    explained = {(problem.scope, problem.path) for problem in found if not problem.warning}
    rest = [problem for problem in problems if (problem.scope, problem.path) not in explained]
    return sorted(found + rest, key=lambda problem: (problem.warning, problem.scope, dotted(problem.path)))
