# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Ansible can read the inventory's files at all.

Where it cannot, it says so without file and line (its vars plugin ``host_group_vars`` drops them), before any task could, or goes on
without a source that it could not read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader

from ..module_utils._node import QUOTE, Path, Problem, shown
from ..module_utils._resolve import PREFIX
from . import _inventory, _raw

_KINDS = {"timestamp": "a date or time", "int": "a number", "float": "a number", "bool": "yes or no"}
_ENDINGS = (".yml", ".yaml", ".json")


def check(loader: DataLoader, variables: Mapping[str, Any], pattern: str) -> tuple[list[Problem], dict[tuple[str, Path], str]]:
    """What stands in the way of reading the files, all of it, with the line of each. Ansible need not have read them.

    ``variables`` are those of a play that goes to these hosts: where it lies, the inventory's sources and its groups.
    """
    sources = list(_inventory.source_files(variables))
    problems = [_inventory.unread(source) for source in sources if "," not in source and not os.path.exists(source)]
    lines: dict[tuple[str, Path], str] = {}
    # The cache is what Ansible itself looks into, soon after, for files of variables.
    files = [(file, "all") for _scope, file in _inventory.vars_files(loader, variables)]
    files += [(file, "none") for file in sources if file.endswith(_ENDINGS) and os.path.exists(file)]
    for file, cache in files:
        try:
            data = loader.load_from_file(file, cache=cache, unsafe=True, trusted_as_template=True)
        except AnsibleError as error:
            for node, problem in _explained(file, error):
                problems.append(problem)
                if node:
                    lines[file, problem.path] = _at(file, node.start_mark.line)
        else:
            if data and not isinstance(data, Mapping):
                problems.append(_of_file(_raw.short(file), "is no dictionary", "write its entries as `name: value`"))
    if not problems and not variables["groups"]["all"] and "localhost" not in pattern.split(":"):
        # Ansible would end well, having done nothing.
        where = ", ".join(map(_raw.short, sources)) or "the inventory"
        problems.append(_of_file(where, "has no hosts, or Ansible could not read it, as it warns", "name one that has: -i"))
    return problems, lines


def _explained(file: str, error: AnsibleError) -> Iterator[tuple[yaml.Node | None, Problem]]:
    """Why Ansible cannot read a file: what is wrong with values in it, each with where it stands, or with the whole."""
    here = _raw.short(file)
    cause = error.__cause__
    said = shown(str(error).removeprefix("YAML parsing failed: ").rstrip("."))
    try:
        with open(file, "rb") as stream:
            content = stream.read()
        text = content.decode()
    except OSError as wrong:
        yield None, _of_file(here, f"cannot be read: {wrong.strerror}", "let whoever runs Ansible read it")
        return
    except UnicodeDecodeError as wrong:
        yield None, _of_file(_at(file, content.count(b"\n", 0, wrong.start)), "is not UTF-8", "save it as UTF-8")
        return
    if _raw.is_vaulted(text):
        said = said if cause is None else "Ansible cannot read what it holds"  # Which may be secret.
        mend = "give its password (--vault-password-file, --ask-vault-pass), and see that `ansible-vault view` shows YAML"
        yield None, _of_file(here, f"is vaulted: {said}", mend)
    elif isinstance(cause, yaml.MarkedYAMLError) and cause.problem_mark:
        guess = "" if str(cause.problem).lower() in said.lower() else f"; Ansible's guess: {said}"
        what = "is not YAML that Ansible can read: " + shown(", ".join(filter(None, (cause.context, cause.problem))))
        yield None, _of_file(_at(file, cause.problem_mark.line), what, f"mend it there, or in the lines before{guess}")
    elif control := yaml.reader.Reader.NON_PRINTABLE.search(text):
        what = f"holds a character that YAML does not take: {shown(control.group())}"
        yield None, _of_file(_at(file, text.count("\n", 0, control.start())), what, "take it out")
    elif values := sorted(_raw.impossible(text), key=lambda found: found[1].start_mark.line):
        yield from ((node, _of_value(path, node, reason, file)) for path, node, reason in values)
    else:
        yield None, _of_file(here, f"is not YAML that Ansible can read: {said}", "mend it; yamllint may say where")


def _of_value(path: Path, node: yaml.ScalarNode, reason: str, file: str) -> Problem:
    tag = node.tag.rpartition(":")[2]
    value, text = "this", ""
    if any(str(part).startswith(PREFIX) for part in path):  # What is not ours may be secret.
        value = shown(node.value, 40)
        text = f': "{value}"'
    what = f"YAML reads {value} as {_KINDS.get(tag, tag)}, and there is no such" + (f": {reason}" if tag == "timestamp" and reason else "")
    return Problem(path, what, f"write one that there is; {QUOTE} if it is text{text}", scope=file)


def _of_file(here: str, what: str, mend: str) -> Problem:
    return Problem((here,), what, mend)


def _at(file: str, line: int) -> str:
    return f"{_raw.short(file)}:{line + 1}"
