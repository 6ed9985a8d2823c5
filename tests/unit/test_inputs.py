"""Inventories as people write them, read as Ansible and the collection read them: what is refused, in which words, and what is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.safetynet.prod_access.plugins.module_utils._access import Access
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._node import Problem
from ansible_collections.safetynet.prod_access.plugins.module_utils._resolve import located, read
from ansible_collections.safetynet.prod_access.plugins.plugin_utils import _inventory, _raw

FOLDER = Path(__file__).parent / "inputs"
NOW = Moment.parse("2026-06-30T12:00:00Z")
# What a case does not say itself.
REST = {"prod_access_people": "{}", "prod_access_teams": "{}", "prod_access_grants_nobody": "[]"}


def cases(kind: str) -> Iterator[Any]:
    for file in sorted((FOLDER / kind).iterdir()):
        for case in yaml.safe_load(file.read_text(encoding="utf-8")):
            yield pytest.param(case, id=f"{file.stem}: {case['case']}")


def write(case: dict[str, Any], folder: Path) -> None:
    """The inventory of a case: its text is a file of group_vars/all, its files are where they say."""
    files = {"hosts.yml": "web: {hosts: {web1: }}\n", "group_vars/all/case.yml": case.get("text", ""), **case.get("files", {})}
    said = "".join(files.values())
    files["group_vars/all/rest.yml"] = "".join(f"{name}: {value}\n" for name, value in REST.items() if not re.search(rf"\b{name}:", said))
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def check(folder: Path) -> tuple[list[str], list[str]]:
    """All errors and warnings of an inventory; that is, what the gate would show."""
    loader = DataLoader()
    loader.set_basedir(str(folder))
    inventory = InventoryManager(loader=loader, sources=[str(folder / "hosts.yml")])
    variables = VariableManager(loader=loader, inventory=inventory)
    found, raw = _inventory.collect({"hostvars": HostVars(inventory=inventory, variable_manager=variables, loader=loader)})
    model, problems = read(found, NOW, list(found.hosts))
    lines: tuple[list[str], list[str]] = ([], [])
    for problem in _raw.merged(raw, problems):
        assert problem.mend
        assert str(problem).isprintable()
        assert is_located(problem, raw)
        lines[problem.warning].append(str(problem))
    if not lines[0]:
        for host in found.hosts:
            access = model.access(host).to_data()
            assert Access.from_data(access).to_data() == access
    return lines


def is_located(problem: Problem, raw: _raw.Raw) -> bool:
    """Whether people are told the file and line; only of what is not there at all that cannot be said."""
    return located(problem, raw.lines) is not None or not problem.scope


def assert_said(lines: list[str], expected: list[str]) -> None:
    """Each line begins as one that was expected, in its path and its words."""
    assert len(lines) == len(expected) and all(any(line.startswith(start) for line in lines) for start in expected), "\n".join(lines)


@pytest.fixture(autouse=True)
def inventories_in_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible tries every format that it knows, which takes most of the time."""
    monkeypatch.setattr("ansible.constants.INVENTORY_ENABLED", ["yaml"])


@pytest.mark.parametrize("case", cases("refused"))
def test_refused(case: dict[str, Any], tmp_path: Path) -> None:
    write(case, tmp_path)
    errors, warnings = check(tmp_path)
    assert_said(errors, case["errors"])
    assert_said(warnings, case.get("warnings", []))


@pytest.mark.parametrize("case", cases("accepted"))
def test_accepted(case: dict[str, Any], tmp_path: Path) -> None:
    write(case, tmp_path)
    errors, warnings = check(tmp_path)
    assert errors == []
    assert_said(warnings, case.get("warnings", []))
