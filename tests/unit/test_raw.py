"""The second reading of the inventory's files: what YAML hides, and where everything stands."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.safetynet.prod_access.plugins.module_utils._node import Problem
from ansible_collections.safetynet.prod_access.plugins.plugin_utils import _raw
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._raw import Raw, merged
from hypothesis import given
from hypothesis import strategies as st

ALL = "group all"


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML has two loaders, and not everybody has the fast one. They differ a little."""
    monkeypatch.setattr(_raw, "_Loader", getattr(yaml, request.param))


def vars_file(folder: Path, text: str, name: str = "all.yml", raw: Raw | None = None) -> Raw:
    raw = raw or Raw()
    (folder / name).write_text(text, encoding="utf-8")
    raw.read_vars_file(ALL, str(folder / name))
    return raw


def said(raw: Raw, folder: Path) -> list[str]:
    return [str(problem).replace(f"{folder}/", "") for problem in merged(raw, [])]


def test_each_thing_is_found_with_its_line(tmp_path: Path) -> None:
    raw = vars_file(
        tmp_path,
        """\
# ours
other: 1
prod_access_people:
  alice:
    name: Alice
    ssh_keys:
      - a
      - b
  12: {}
prod_access_teams: {}
""",
    )
    assert {path: line.rpartition(":")[2] for (scope, path), line in raw.lines.items() if scope == ALL} == {
        ("prod_access_people",): "3",
        ("prod_access_people", "alice"): "4",
        ("prod_access_people", "alice", "name"): "5",
        ("prod_access_people", "alice", "ssh_keys"): "6",
        ("prod_access_people", "alice", "ssh_keys", 0): "7",
        ("prod_access_people", "alice", "ssh_keys", 1): "8",
        ("prod_access_people", "12"): "9",
        ("prod_access_teams",): "10",
    }
    assert raw.people_files == {str(tmp_path / "all.yml")}


def test_files_below_the_current_folder_are_named_as_people_name_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    raw = vars_file(tmp_path, "prod_access_teams: {}\n", "here.yml")
    assert raw.lines == {(ALL, ("prod_access_teams",)): "here.yml:1"}


def test_an_inventory_file_is_read_to_its_last_group_and_host(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(
        """\
all:
  vars: {prod_access_teams: {}}
  children:
    web:
      hosts:
        web1: {prod_access_grants_a: [], other: 1}
        web2:
      children:
        shop:
          vars:
            prod_access_grants_b: []
db:
  hosts:
    db1:
      prod_access_grants_c: [{why: 0777}]
""",
        encoding="utf-8",
    )
    raw = Raw()
    raw.read_inventory_file(str(tmp_path / "hosts.yml"))
    assert {(scope, path[0]): line.rpartition(":")[2] for (scope, path), line in raw.lines.items() if len(path) == 1} == {
        (ALL, "prod_access_teams"): "2",
        ("host web1", "prod_access_grants_a"): "6",
        ("group shop", "prod_access_grants_b"): "11",
        ("host db1", "prod_access_grants_c"): "15",
    }
    assert [(problem.scope, problem.what) for problem in merged(raw, [])] == [("host db1", "YAML reads 0777 as 511")]


@pytest.mark.parametrize(
    "text",
    [
        "[web]\nweb1\n",
        "[all:vars]\nprod_access_teams={}\n",
        "plugin: x\n---\nplugin: y\n",
        "- a\n- b\n",
        "",
        "web: [",
        "all: x\n",
        "all:\n  vars: x\n",
    ],
)
def test_an_inventory_of_another_kind_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "hosts").write_text(text, encoding="utf-8")
    raw = Raw()
    raw.read_inventory_file(str(tmp_path / "hosts"))
    raw.read_vars_file(ALL, str(tmp_path / "hosts"))
    assert (raw.lines, raw.problems, raw.traps) == ({}, [], [])


def test_what_cannot_be_read_as_text_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_bytes(b"\xff\xfe\0")
    raw = Raw()
    raw.read_inventory_file(str(tmp_path / "hosts"))
    raw.read_inventory_file(str(tmp_path / "not there"))
    raw.read_inventory_file(str(tmp_path))
    assert (raw.lines, raw.problems) == ({}, [])
    assert not _raw.says_something(str(tmp_path / "hosts"))


def test_a_vaulted_file_is_told_of_since_nothing_in_it_is_seen(tmp_path: Path) -> None:
    (problem,) = vars_file(tmp_path, "$ANSIBLE_VAULT;1.1;AES256\n6238\n").problems
    assert problem.warning
    assert problem.what.endswith("all.yml is vaulted: duplicate keys and unquoted scalars in it are not found")


def test_a_variable_that_two_files_set_is_told_with_both_places(tmp_path: Path) -> None:
    raw = vars_file(tmp_path, "prod_access_people: {}\nprod_access_grants_a: []\n", "a.yml")
    vars_file(tmp_path, "\nprod_access_grants_a: []\nprod_access_people: {}\n", "b.yml", raw)
    assert said(raw, tmp_path) == [
        "prod_access_grants_a: is set twice for the group all, in a.yml:2 and in b.yml:2: one hides the other; "
        "keep one, or give them different names",
        "prod_access_people: is set twice for the group all, in a.yml:1 and in b.yml:3: one hides the other; keep one",
    ]


def test_a_file_that_is_read_twice_says_nothing_twice(tmp_path: Path) -> None:
    """Inventories that are given twice, or lie beside the playbook, lead to the same files."""
    raw = vars_file(tmp_path, "prod_access_grants_a: []\n")
    raw.read_vars_file(ALL, str(tmp_path / "all.yml"))
    assert said(raw, tmp_path) == []


@pytest.mark.parametrize(
    ("scalar", "meant"),
    [
        ("012001", "5121"),
        ("0777", "511"),
        ("0b11", "3"),
        ("0x1F", "31"),
        ("1_000", "1000"),
        ("+5", "5"),
        ("-05", "-5"),
        ("1:30", "90"),
        ("1:30.5", "90.5"),
        ("1.50", "1.5"),
        (".5", "0.5"),
        ("1e3", None),
        ("no", "false"),
        ("On", "true"),
        ("YES", "true"),
        ("True", None),
        ("FALSE", None),
        ("12001", None),
        ("-5", None),
        ("1.5", None),
        ("null", None),
        ("~", None),
        ("2027-01-31", None),
        ("2027-02-30", None),
        ("0b_", None),
        ("=", None),
        ("alice", None),
        ("'no'", None),
        ('"012001"', None),
        ("!!str no", None),
        ("!!int 7 8", None),
        ("!vault no", None),
    ],
)
def test_scalars_that_do_not_mean_what_they_look_like(tmp_path: Path, scalar: str, meant: str | None) -> None:
    lines = [
        f"prod_access_x{place}: YAML reads {scalar} as {meant}; "
        f'quote it if it is text, "{scalar}"; else write what you mean: now it is {meant}'
        for place in ("", "[0]", f".{meant}")
    ]
    assert said(vars_file(tmp_path, f"prod_access_x: {scalar}\n"), tmp_path) == ([lines[0]] if meant else [])
    assert said(vars_file(tmp_path, f"prod_access_x: [{scalar}]\n"), tmp_path) == ([lines[1]] if meant else [])
    assert said(vars_file(tmp_path, f"prod_access_x:\n  {scalar}: x\n"), tmp_path) == ([lines[2]] if meant else [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [x, {b: 2027-02-30}]", [("a", 1, "b")]),
        ("a: &a {b: 0x_, c: *a, d: !vault x}", [("a", "b")]),
        ("a: !!set {2027-02-30}", [("a", "2027-02-30")]),
        ("a: 2027-02-28", []),
        ("", []),
        ("a: [", []),
        ("a: " + 2000 * "[" + 2000 * "]", []),
    ],
)
def test_values_that_cannot_be(text: str, said: list[tuple[str | int, ...]]) -> None:
    assert [path for path, _node, _reason in _raw.impossible(text)] == said


def test_a_block_is_text_whatever_it_holds(tmp_path: Path) -> None:
    assert said(vars_file(tmp_path, "prod_access_x: |\n  no\nprod_access_y: >-\n  0777\n"), tmp_path) == []


def test_keys_that_are_there_twice_are_told_also_when_they_are_written_differently(tmp_path: Path) -> None:
    raw = vars_file(tmp_path, "prod_access_x:\n  a: 1\n  'a': 2\n  yes: 1\n  true: 2\n  b: {c: 1, c: 2}\n")
    assert [line.partition("; ")[0] for line in said(raw, tmp_path)] == [
        "prod_access_x.a: is there twice, in lines 2 and 3 of all.yml: one hides the other",
        "prod_access_x.b.c: is there twice, in lines 6 and 6 of all.yml: one hides the other",
        "prod_access_x.true: YAML reads yes as true",
        "prod_access_x.true: is there twice, in lines 4 and 5 of all.yml: one hides the other",
    ]


def test_keys_that_are_merged_in_are_no_duplicates(tmp_path: Path) -> None:
    text = "prod_access_x:\n  a: &a {n: 1}\n  b: &b {n: 2}\n  c:\n    <<: *a\n    <<: *b\n    n: 3\n"
    assert said(vars_file(tmp_path, text), tmp_path) == []


def test_a_key_that_is_no_scalar_breaks_nothing(tmp_path: Path) -> None:
    assert said(vars_file(tmp_path, "prod_access_x:\n  ? [a, b]\n  : c\n"), tmp_path) == []


def test_an_alias_is_said_once_and_is_no_bomb(tmp_path: Path) -> None:
    bomb = "".join(f"  x{level + 1}: &x{level + 1} [{', '.join([f'*x{level}'] * 9)}]\n" for level in range(30))
    raw = vars_file(tmp_path, f"prod_access_x:\n  x0: &x0 [no]\n{bomb}")
    assert [line.partition(";")[0] for line in said(raw, tmp_path)] == ["prod_access_x.x0[0]: YAML reads no as false"]
    assert said(vars_file(tmp_path, "prod_access_x: &x [*x]\n"), tmp_path) == []


@given(st.text(" \n#:-[]{},&*!|>'\"%@<?=~0179abno_.T+", max_size=60))
def test_no_text_breaks_the_reading(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    raw = vars_file(folder, f"prod_access_x:\n  {text}\n")
    raw.read_inventory_file(str(folder / "all.yml"))
    assert all(str(problem).isprintable() for problem in merged(raw, []))


def problem(path: str, what: str, mend: str, *, warning: bool = False, scope: str = ALL) -> Problem:
    return Problem((path,), what, mend, warning, scope)


TRAP = problem("a", "YAML reads no as false", 'quote it if it is text, "no"')


@pytest.mark.parametrize(
    ("of_value", "lines"),
    [
        ([], ['a: YAML reads no as false; quote it if it is text, "no"']),
        # The mend that asks for quotes would quote the wrong text.
        ([problem("a", "must be text", 'quote it: "false"')], ['a: YAML reads no as false; quote it if it is text, "no"']),
        # The value knows better what belongs there.
        ([problem("a", "false is not known", "say none or full")], ["a: YAML reads no as false; say none or full"]),
        (
            [problem("b", "is wrong", "mend it"), problem("a", "is odd", "look", warning=True, scope="host web1")],
            ['a: YAML reads no as false; quote it if it is text, "no"', "b: is wrong; mend it", "a: is odd; look"],
        ),
        # A warning of the same place does not mend the error.
        (
            [problem("a", "is odd", "look", warning=True, scope="group b")],
            ['a: YAML reads no as false; quote it if it is text, "no"', "a: is odd; look"],
        ),
    ],
)
def test_what_the_scalar_and_its_value_say_of_one_place_is_said_once(of_value: list[Problem], lines: list[str]) -> None:
    assert [str(found) for found in merged(Raw(traps=[TRAP]), of_value)] == lines


def test_errors_come_before_warnings_and_each_scope_together() -> None:
    given_problems = [
        problem("b", "w", "m", warning=True, scope="a"),
        problem("a", "e", "m", scope="b"),
        problem("b", "e", "m", scope="a"),
        problem("a", "e", "m", scope="a"),
    ]
    assert merged(Raw(), given_problems) == [given_problems[3], given_problems[2], given_problems[1], given_problems[0]]
