"""Inventories as people write them, read as Ansible and the collection read them: what is refused, in which words, and what is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleParserError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.safetynet.prod_access.plugins.module_utils._access import Access
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._node import Problem
from ansible_collections.safetynet.prod_access.plugins.module_utils._resolve import located, read
from ansible_collections.safetynet.prod_access.plugins.plugin_utils import _inventory, _raw, _readable

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


def load(folder: Path, *more_sources: str) -> dict[str, Any]:
    """The inventory of a folder as Ansible has it when a play begins."""
    loader = DataLoader()
    loader.set_basedir(str(folder))
    sources = [str(folder / "hosts.yml"), *more_sources]
    inventory = InventoryManager(loader=loader, sources=sources)
    variables = VariableManager(loader=loader, inventory=inventory)
    hostvars = HostVars(inventory=inventory, variable_manager=variables, loader=loader)
    groups = inventory.get_groups_dict()
    return {"hostvars": hostvars, "ansible_inventory_sources": sources, "playbook_dir": str(folder), "groups": groups}


def check(folder: Path) -> tuple[list[str], list[str]]:
    """All errors and warnings of an inventory: what `readable` would show, and, where that is nothing, what the gate would."""
    loaded = load(folder)
    unreadable, places = _readable.check(loaded["hostvars"]._loader, loaded, "all")
    if unreadable:
        for problem in unreadable:
            assert located(problem, places) or re.match(r"[a-z0-9_/]+\.yml(:\d+)?:", str(problem).replace(f"{folder}/", ""))
        return [str(problem).replace(f"{folder}/", "") for problem in unreadable], []
    found, raw = _inventory.collect(loaded)
    model, problems = read(found, NOW, list(found.hosts))
    lines: tuple[list[str], list[str]] = ([], [])
    for problem in _raw.merged(raw, problems):
        assert problem.mend
        assert str(problem).isprintable()
        assert is_located(problem, raw)
        lines[problem.warning].append(str(problem).replace(f"{folder}/", ""))
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


def test_what_ansible_cannot_read_as_text_is_told_with_its_line(tmp_path: Path) -> None:
    write({"files": {"host_vars/web1.yml": "", "host_vars/web2.yml": "not: [a host's"}}, tmp_path)
    (tmp_path / "host_vars/web1.yml").write_bytes(b"other: 1\nprod_access_people: {alice: {name: M\xfcller}}\n")
    assert check(tmp_path) == (["host_vars/web1.yml:2: is not UTF-8; save it as UTF-8"], [])


@pytest.mark.parametrize("text", ["prod_access_x: !!int swordfish", "prod_access_x: !swordfish x", "prod_access_x: swordfish\x07"])
def test_what_is_vaulted_is_not_repeated(tmp_path: Path, text: str) -> None:
    write({}, tmp_path)
    vault = VaultLib([("default", VaultSecret(b"password"))])
    (tmp_path / "group_vars/all/vault.yml").write_bytes(vault.encrypt(text))
    loaded = load(tmp_path)
    loader = loaded["hostvars"]._loader
    (without,), _places = _readable.check(loader, loaded, "all")
    assert "is vaulted: A vault password must be specified" in without.what
    loader.set_vault_secrets(vault.secrets)
    (problem,), _places = _readable.check(loader, loaded, "all")
    assert "vault.yml" in str(problem) and "swordfish" not in str(problem), str(problem)


def test_what_nobody_foresaw_is_told_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write({"text": "other: 1\n"}, tmp_path)
    loaded = load(tmp_path)

    def odd(_self: DataLoader, _file: str, **_options: object) -> None:
        raise AnsibleParserError("this is odd.")

    monkeypatch.setattr(DataLoader, "load_from_file", odd)
    problems, _places = _readable.check(loaded["hostvars"]._loader, loaded, "all")
    assert [str(problem).replace(f"{tmp_path}/", "") for problem in problems] == [
        f"{file}: is not YAML that Ansible can read: this is odd; mend it; yamllint may say where"
        for file in ("group_vars/all/case.yml", "group_vars/all/rest.yml", "hosts.yml")
    ]


def test_a_source_that_ansible_goes_on_without_is_an_error(tmp_path: Path) -> None:
    """Whoever has access by a group in it would lose that."""
    write({}, tmp_path)
    (tmp_path / "more").mkdir()
    (tmp_path / "more/hosts.yml").write_text("web: {hosts: {web2: }}\n")
    (tmp_path / "more/production.yml").write_text("- production\n")
    loaded = load(tmp_path, str(tmp_path / "more"), str(tmp_path / "gone.yml"), "web3,web4")
    found, raw = _inventory.collect(loaded)
    assert set(found.hosts) == {"web1", "web2"}  # Lists of hosts are for a plugin that is not enabled here.
    assert [f"{problem.path[0]}: {problem.what}".replace(f"{tmp_path}/", "") for problem in raw.problems] == [
        "more/production.yml: Ansible could not read this source of the inventory, as it warns: hosts and groups may be missing",
        "gone.yml: there is no such source of the inventory",
        "web3,web4: Ansible could not read this source of the inventory, as it warns: hosts and groups may be missing",
    ]
    missing, _places = _readable.check(loaded["hostvars"]._loader, loaded, "all")
    assert [str(problem).replace(f"{tmp_path}/", "") for problem in missing] == [
        "gone.yml: there is no such source of the inventory; name one that there is: -i",
        "more/production.yml: is no dictionary; write its entries as `name: value`",
    ]


@pytest.mark.parametrize("text", ["all: {hosts: {}}\n", None])
def test_a_run_that_would_go_to_nobody_is_an_error(tmp_path: Path, text: str | None) -> None:
    """Ansible ends well, having taken no access from anybody; an inventory without hosts can be checked all the same."""
    if text:
        (tmp_path / "hosts.yml").write_text(text)
    loaded = load(tmp_path)
    problems, _places = _readable.check(loaded["hostvars"]._loader, loaded, "all")
    assert [problem.what for problem in problems] == [
        "has no hosts, or Ansible could not read it, as it warns" if text else "there is no such source of the inventory"
    ]
    problems, _places = _readable.check(loaded["hostvars"]._loader, loaded, "localhost:all")
    assert bool(problems) is (text is None)
