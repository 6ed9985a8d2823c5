"""What a role says of itself in two places is the same; and what is documented is there."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
EVERY_ROLE = pytest.mark.parametrize("role", sorted(path.name for path in (ROOT / "roles").iterdir()))


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def options(role: str) -> dict[str, dict[str, Any]]:
    specs = load(ROOT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]
    return {name: option for spec in specs.values() for name, option in spec.get("options", {}).items()}


@EVERY_ROLE
def test_defaults_are_those_of_the_argument_specs(role: str) -> None:
    defaults = load(ROOT / "roles" / role / "defaults" / "main.yml") or {}
    said = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert said == defaults
    # 1 and True are the same to Python, and "" is not to YAML what null is.
    assert {name: type(value) for name, value in said.items()} == {name: type(value) for name, value in defaults.items()}


@EVERY_ROLE
def test_a_variable_of_a_role_begins_with_its_name_and_is_explained(role: str) -> None:
    for name, option in options(role).items():
        assert name.startswith(f"{role}_")
        assert option["description"]
        assert option["type"]


@EVERY_ROLE
def test_what_has_no_default_must_be_given(role: str) -> None:
    for option in options(role).values():
        assert ("default" in option) != option.get("required", False)


def test_what_two_roles_say_of_the_collector_is_the_same() -> None:
    collector = load(ROOT / "roles/audit_collector/defaults/main.yml")
    assert load(ROOT / "roles/audit/defaults/main.yml")["audit_to_port"] == collector["audit_collector_port"]
    assert f"default({collector['audit_collector_keep']})" in load(ROOT / "roles/audit/vars/main.yml")["__audit_kept"]


PLUGINS = ROOT / "plugins"


def documentation(path: Path) -> Any:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [target.id for target in node.targets if isinstance(target, ast.Name)] == ["DOCUMENTATION"]:
            return yaml.safe_load(ast.literal_eval(node.value))
    return None


@pytest.mark.parametrize("name", sorted(path.stem for path in (PLUGINS / "action").glob("*.py")))
def test_an_action_has_a_module_of_its_name_to_document_it(name: str) -> None:
    assert documentation(PLUGINS / "modules" / f"{name}.py")["module"] == name


@pytest.mark.parametrize("name", sorted(path.stem for path in (PLUGINS / "modules").glob("*.py")))
def test_a_module_is_documented_by_its_name(name: str) -> None:
    assert documentation(PLUGINS / "modules" / f"{name}.py")["module"] == name
