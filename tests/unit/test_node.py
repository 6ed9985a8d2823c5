"""Values with their places: each type that the model asks for, and what is said when something else is there."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._node import Node, Problem, dotted, shown
from ansible_collections.safetynet.prod_access.tests.unit.strategies import JUNK, TEXTS
from hypothesis import given
from hypothesis import strategies as st


def said(value: Any, ask: Callable[[Node], Any]) -> list[str]:
    """What is said of a value when it is asked for in this way; nothing else may come of it."""
    problems: list[Problem] = []
    assert not ask(Node(value, ("x",), problems))
    return [str(problem) for problem in problems]


def got(value: Any, ask: Callable[[Node], Any]) -> Any:
    problems: list[Problem] = []
    answer = ask(Node(value, ("x",), problems))
    assert problems == []
    return answer


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("prod_access_people", "alice", "ssh_keys", 1), "prod_access_people.alice.ssh_keys[1]"),
        (("a", 0, 1, "b"), "a[0][1].b"),
        (("a\x1b[2J", "b\u202ec"), r"a\x1b[2J.b\u202ec"),
    ],
)
def test_a_path_reads_as_people_write_it(path: tuple[str | int, ...], text: str) -> None:
    assert dotted(path) == text


@given(st.text())
def test_what_is_shown_is_safe_on_a_terminal(text: str) -> None:
    assert shown(text).isprintable()


def test_what_is_shown_is_not_too_long() -> None:
    assert shown("a" * 200) == "a" * 200
    assert shown("a" * 201) == "a" * 200 + "…"


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA",
        "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIB0",
        "PuTTY-User-Key-File-3: ssh-ed25519\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 1\nBBBB",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(secret: str) -> None:
    assert shown(secret) == "(a private key)"


def test_a_problem_says_where_and_what_and_how_to_mend_it() -> None:
    assert str(Problem(("a", 0), "is wrong", "mend it")) == "a[0]: is wrong; mend it"


def test_warnings_are_told_from_errors_and_keep_their_scope() -> None:
    problems: list[Problem] = []
    node = Node({}, ("a",), problems, "group web").below("b", None)
    node.wrong("is wrong", "mend it")
    node.warn("is odd", "look at it")
    assert problems == [
        Problem(("a", "b"), "is wrong", "mend it", scope="group web"),
        Problem(("a", "b"), "is odd", "look at it", warning=True, scope="group web"),
    ]


def test_entries_are_found_by_name() -> None:
    nodes = got({"a": 1, "b": 2}, Node.entries)
    assert {name: (node.value, node.path) for name, node in nodes.items()} == {"a": (1, ("x", "a")), "b": (2, ("x", "b"))}


@pytest.mark.parametrize(
    ("key", "shows"),
    [
        (False, 'x.false: YAML reads this name as the boolean false; quote it: "false"'),
        (12, 'x.12: YAML reads this name as the number 12; quote it: "12"'),
        (None, 'x.null: YAML reads this name as nothing; quote it: "null"'),
        (datetime.date(2027, 1, 31), 'x.2027-01-31: YAML reads this name as the time 2027-01-31; quote it: "2027-01-31"'),
    ],
)
def test_a_name_that_yaml_turned_into_something_else_is_named(key: Any, shows: str) -> None:
    assert said({key: 1}, Node.entries) == [shows]


def test_a_record_has_the_keys_it_may_have() -> None:
    problems: list[Problem] = []
    fields = Node({"name": "a", "shel": "b", "zzz": 1, "uid": None}, ("x",), problems).fields(("name", "shell", "uid"))
    assert list(fields) == ["name"]
    assert [str(problem) for problem in problems] == [
        "x.shel: unknown key; did you mean `shell`?",
        "x.zzz: unknown key; known are name, shell, uid",
        "x.uid: has no value; give it one, or remove the key",
    ]


def test_a_record_has_the_keys_it_must_have() -> None:
    assert said({}, lambda node: node.fields(("name",), required=("name",))) == ["x: `name` is missing; add `name:`"]
    # An empty one is there; that alone is said of it.
    assert said({"name": None}, lambda node: node.fields(("name",), required=("name",))) == [
        "x.name: has no value; give it one, or remove the key"
    ]


@pytest.mark.parametrize("value", [None, "alice", ["alice"], 1])
def test_what_is_no_record_is_told_what_a_record_looks_like(value: Any) -> None:
    (line,) = said(value, lambda node: node.fields(("team", "why"), required=("why",)))
    assert line.startswith("x: must be a dictionary, not ")
    assert line.endswith("; write its keys below it: team, why")


def test_items_are_counted_from_nought() -> None:
    assert [(node.value, node.path) for node in got(["a", "b"], Node.items)] == [("a", ("x", 0)), ("b", ("x", 1))]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "nothing"),
        (True, "the boolean true"),
        (7, "the number 7"),
        (0.5, "the number 0.5"),
        ("a\nb", r"the text 'a\nb'"),
        (datetime.date(2027, 1, 31), "the time 2027-01-31"),
        ({}, "a dictionary"),
        (b"", "a value of another kind (encrypted, or one that holds itself)"),
    ],
)
def test_the_kind_of_a_wrong_value_is_named(value: Any, kind: str) -> None:
    assert said(value, Node.items) == [
        f"x: must be a list, not {kind}; write it as [a, b], or as lines that begin with `- `{', or as [] for none' * (value is None)}"
    ]


def test_a_list_is_no_dictionary() -> None:
    assert said([], Node.entries) == ["x: must be a dictionary, not a list; write `name:` entries below it, or {} for none"]


@pytest.mark.parametrize("value", ["Bob O'Brien", "Nguyễn Thị Hoa", "محمد الفاتح", "علی‌رضا رضایی", "李小龍", "क्‍ष", "🙂", "a # b"])
def test_text_of_any_script_is_taken_as_it_is(value: str) -> None:
    assert got(value, Node.text) == value


@given(TEXTS)
def test_text_comes_back_unchanged_or_is_refused_as_a_template(value: str) -> None:
    problems: list[Problem] = []
    assert Node(value, ("x",), problems).text() == value or [problem.what for problem in problems] == ["is a template"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "is empty"),
        ("", "is empty"),
        (" \t ", "is empty"),
        ("\u200d", "is empty"),
        (" a", "has white space at an end"),
        ("a ", "has white space at an end"),
        ("a\n", "holds a line break"),
        ("a\nb", "holds a line break"),
        ("a\0b", r"holds a character that does not show ('a\x00b')"),
        ("a\tb", r"holds a character that does not show ('a\tb')"),
        ("a\u202eb", r"holds a character that does not show ('a\u202eb')"),
        ("a\u200bb", r"holds a character that does not show ('a\u200bb')"),
        ("a\xa0b", r"holds a character that does not show ('a\xa0b')"),
        ("a\ud800b", r"holds a character that does not show ('a\ud800b')"),
        ("{{ a }}", "is a template"),
        ("a{% if b %}", "is a template"),
        ("a{# b #}", "is a template"),
        (False, "must be text; YAML reads this as the boolean false"),
        (12, "must be text; YAML reads this as the number 12"),
        (datetime.date(2027, 1, 31), "must be text; YAML reads this as the time 2027-01-31"),
        ({}, "must be text, not a dictionary"),
        ([], "must be text, not a list"),
    ],
)
def test_what_is_no_plain_text_is_refused(value: Any, says: str) -> None:
    (line,) = said(value, Node.text)
    assert line.startswith(f"x: {says}; ")


@pytest.mark.parametrize("value", [True, False])
def test_a_flag_is_a_boolean(value: bool) -> None:
    assert got(value, Node.flag) is value


@pytest.mark.parametrize("value", [None, "true", 1, 0, []])
def test_nothing_else_is_a_flag(value: Any) -> None:
    (line,) = said(value, Node.flag)
    assert line.startswith("x: must be true or false, not ")


def test_a_number_is_within_its_bounds() -> None:
    assert [got(value, lambda node: node.number(1, 3)) for value in (1, 2, 3)] == [1, 2, 3]
    assert said(0, lambda node: node.number(1, 3)) == ["x: 0 is out of range; take a number of 1 to 3"]
    assert said(4, lambda node: node.number(1, 3)) == ["x: 4 is out of range; take a number of 1 to 3"]


@pytest.mark.parametrize("value", [None, True, 2.0, "2", []])
def test_nothing_else_is_a_number(value: Any) -> None:
    (line,) = said(value, lambda node: node.number(1, 3))
    assert line.startswith("x: must be a whole number, not ")
    assert line.endswith("; write a number of 1 to 3, without quotes")


def test_a_choice_is_one_of_its_words() -> None:
    assert got("keep", lambda node: node.choice("keep", "remove")) == "keep"
    assert said("Keep", lambda node: node.choice("keep", "remove")) == ["x: `Keep` is not known; say keep or remove"]
    assert said(False, lambda node: node.choice("keep", "remove")) == ["x: the boolean false is not known; say keep or remove"]


def test_a_moment_is_read_from_text_and_from_what_yaml_makes_of_it() -> None:
    assert got("2027-01-31T18:00:00Z", Node.moment) == Moment.parse("2027-01-31T18:00:00Z")
    assert got(datetime.date(2027, 1, 31), Node.moment) == Moment.parse("2027-01-31")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (20270131, "must be a time, not the number 20270131"),
        (True, "must be a time, not the boolean true"),
        ("tomorrow", "not an RFC 3339 time ('tomorrow')"),
        (datetime.datetime(2027, 1, 31), "the time has no zone"),
    ],
)
def test_what_is_no_moment_is_told_what_one_looks_like(value: Any, says: str) -> None:
    (line,) = said(value, Node.moment)
    assert line.startswith(f"x: {says}; write it like 2027-01-31T18:00:00Z")


@given(JUNK)
def test_nothing_that_yaml_can_hold_breaks_the_reading(value: Any) -> None:
    for ask in (
        Node.entries,
        Node.items,
        Node.text,
        Node.flag,
        Node.moment,
        lambda node: node.number(1, 3),
        lambda node: node.choice("a", "b"),
        lambda node: node.fields(("a", "b"), ("a",)),
    ):
        problems: list[Problem] = []
        answer = ask(Node(value, ("x",), problems))
        assert answer is not None or problems
        assert all(str(problem).isprintable() and problem.mend for problem in problems)
