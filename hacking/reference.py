#!/usr/bin/env python3
"""Make docs/reference.md from the data model and the roles' argument specs. With --check, only say whether it is as it should be."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/reference.md"
LONGEST = 60
HEAD = """\
# Reference

Made by `make docs` from the code that reads these data (`_model.py`, `_sudo_rule.py`) and from the roles' argument specs. An unknown key is
an error, and so is a value of another kind; `validate` says where it stands and how to mend it. An [inventory to copy](../inventory/) has
it in use.

## Variables of the inventory

| variable | holds |
|---|---|
| `prod_access_people` | a record a person, below, by login. Whole, and the same for all hosts; `{}` for nobody |
| `prod_access_teams` | a record a team, below, by name. The same |
| `prod_access_grants_<anything>` | a list of grants, below. All that a host has add up; the same name in two groups of a host is an error |
| `prod_access_environment` | what a host is: `production`, `staging`, or another of `prompt_environments`. No default |
| `prod_access_rsa_min_bits` | how long RSA keys have to be: 3072 where it is not said, and never under 2048 |

Times are RFC 3339 with a zone; a date alone is the end of that day, UTC.
"""


def page() -> str:
    # Needs the link that the Makefile makes.
    sys.path.insert(0, str(ROOT / ".ansible/collections"))
    from ansible_collections.safetynet.prod_access.plugins.module_utils import _model, _sudo_rule

    parts = [
        HEAD,
        *_record("A person", "an entry of `prod_access_people`; its name is the login", _model.PERSON_KEYS),
        *_record("A key", "an entry of `ssh_keys` that says more than the line of the key", _model.KEY_KEYS),
        *_record("A team", "an entry of `prod_access_teams`; its name is a group's", _model.TEAM_KEYS),
        *_record("A grant", "an entry of `prod_access_grants_<anything>`, to just one of `team` and `person`", _model.GRANT_KEYS),
        *_record("A rule", "an entry of `sudo`; has just one of `services`, `commands` and `edit`: [sudo](sudo.md)", _sudo_rule.RULE_KEYS),
        "\n# Variables of roles\n",
    ]
    for specs in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        parts += _role(specs.parts[-3], yaml.safe_load(specs.read_text())["argument_specs"]["main"])
    return "".join(parts)


def _record(title: str, about: str, keys: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    yield f"\n### {title}\n\n{about[0].upper()}{about[1:]}.\n\n"
    yield from _table(("key", "holds", "meaning"), ((f"`{name}`", *told) for name, told in keys.items()))


def _role(name: str, spec: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n## {name}\n\n{spec['short_description']}: [its page](../roles/{name}/README.md).\n\n"
    rows = ((f"`{variable}`", _kind(option), _default(name, option), _told(option)) for variable, option in spec["options"].items())
    yield from _table(("variable", "holds", "default", "meaning"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n"


def _kind(option: Mapping[str, Any]) -> str:
    kind = f"list of {option['elements']}" if "elements" in option else str(option.get("type", "str"))
    return kind + (": " + ", ".join(map(str, option["choices"])) if "choices" in option else "")


def _default(role: str, option: Mapping[str, Any]) -> str:
    if "default" not in option:
        return "must be said" if option.get("required") else ""
    default = option["default"]
    text = (
        str(default).lower() if isinstance(default, bool) else yaml.safe_dump(default, default_flow_style=True, width=10**6).split("\n")[0]
    )
    return f"`{text}`" if len(text) <= LONGEST else f"[here](../roles/{role}/defaults/main.yml)"


def _told(option: Mapping[str, Any]) -> str:
    told = option["description"]
    text = " ".join(told if isinstance(told, list) else [told])
    return " ".join(re.sub(r"\b[A-Z]\(([^)]*)\)", r"`\1`", text).split())


def main(arguments: list[str]) -> int:
    wanted = page()
    if arguments == ["--check"]:
        current = PAGE.exists() and PAGE.read_text() == wanted
        if not current:
            sys.stderr.write(f"{PAGE.relative_to(ROOT)} is not what the code says; run: make docs\n")
        return 0 if current else 1
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
