"""People, teams and grants, each read on its own. What is said of bad ones, as a whole, stands in test_inputs.py."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._model import Grant, Person, Team
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._node import Node, Problem
from ansible_collections.safetynet.prod_access.plugins.module_utils._sudo_rule import SudoRule
from ansible_collections.safetynet.prod_access.tests.unit.strategies import JUNK, PEOPLE, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

LINE = ed25519(b"alice", "alice@laptop").line()
EVENING = Moment.parse("2027-01-31T18:00:00Z")
PERSON_FIELDS = ["name", "email", "uid", "shell", "ssh_keys", "until", "state", "home", "adopt"]
TEAM_FIELDS = ["members", "gid", "kind", "owner"]
GRANT_FIELDS = ["team", "person", "why", "sudo", "groups", "until", "unsafe"]


def person(value: Any, login: str = "alice", **options: int) -> tuple[Person, list[str]]:
    problems: list[Problem] = []
    found = Person.parse(login, Node(value, (login,), problems), **options)
    return found, [str(problem) for problem in problems]


def team(value: Any, name: str = "web") -> tuple[Team, list[str]]:
    problems: list[Problem] = []
    found = Team.parse(name, Node(value, (name,), problems))
    return found, [str(problem) for problem in problems]


def grant(value: Any) -> tuple[Grant, list[str]]:
    problems: list[Problem] = []
    found = Grant.parse("here", Node(value, ("grant",), problems))
    return found, [str(problem) for problem in problems]


def test_a_person_needs_a_name_and_nothing_else() -> None:
    assert person({"name": "Alice Murphy"}) == (Person("alice", "Alice Murphy"), [])


def test_all_that_can_be_said_of_a_person() -> None:
    found, lines = person(
        {
            "name": "Alice Murphy",
            "email": "alice@example.com",
            "uid": 12001,
            "shell": "/bin/zsh",
            "ssh_keys": [LINE, {"key": ed25519(b"token").line(), "until": "2027-01-31T18:00:00Z", "from": ["10.0.0.0/8"]}],
            "until": "2027-01-31T18:00:00Z",
            "state": "suspended",
            "home": "archive",
            "adopt": True,
        }
    )
    assert lines == []
    assert (found.name, found.email, found.uid, found.shell) == ("Alice Murphy", "alice@example.com", 12001, "/bin/zsh")
    assert (found.until, found.state, found.home, found.adopt) == (EVENING, "suspended", "archive", True)
    assert [(key.comment, key.until, key.sources) for key in found.keys] == [("alice@laptop", None, ()), ("", EVENING, ("10.0.0.0/8",))]


def as_inventory(one: Person) -> dict[str, Any]:
    """A person, as somebody would write the entry."""
    return {
        "name": one.name,
        **({} if one.uid is None else {"uid": one.uid}),
        **({} if one.shell is None else {"shell": one.shell}),
        **({} if one.until is None else {"until": str(one.until)}),
        "ssh_keys": [
            {
                "key": f"{key.kind} {key.blob} {key.comment}".strip(),
                **({} if key.until is None else {"until": str(key.until)}),
                **({"from": list(key.sources)} if key.sources else {}),
            }
            for key in one.keys
        ],
        "state": one.state,
        "home": one.home,
        "adopt": one.adopt,
    }


@given(PEOPLE)
def test_a_person_is_read_as_written(one: Person) -> None:
    found, lines = person(as_inventory(one), one.login)
    # Made-up names may hold what names may not, or belong to a system; then nothing else is said.
    assert found == one or lines
    assert [line for line in lines if "a full name cannot hold" not in line and "an account or group of this name" not in line] == []


def test_the_places_of_sound_keys_are_kept_for_those_who_complain_of_them() -> None:
    found, lines = person({"name": "Alice", "ssh_keys": ["nonsense", LINE, {"until": EVENING}, LINE]})
    assert found.key_places == (1, 3)
    assert len(lines) == 3


def test_short_rsa_keys_pass_where_the_inventory_says_so() -> None:
    value = {"name": "Alice", "ssh_keys": [rsa(2048).line()]}
    assert person(value, rsa_min_bits=2048) == (Person("alice", "Alice", keys=(rsa(2048),)), [])
    assert person(value)[1] == ["alice.ssh_keys[0]: RSA key of 2048 bits; at least 3072 are needed: ssh-keygen -t ed25519"]


def test_a_private_key_is_named_and_not_shown() -> None:
    for secret in (
        "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----\n",
        "PuTTY-User-Key-File-3:\nPrivate-Lines: 1\nMHcCAQ\n",
    ):
        for value in ([secret], [{"key": secret}], secret):
            lines = person({"name": "Alice", "ssh_keys": value})[1]
            assert len(lines) == 1
            assert "private key" in lines[0]
            assert "MHcCAQ" not in lines[0]


def test_a_team_needs_its_members() -> None:
    assert team({"members": ["alice", "@db"], "gid": 13001, "kind": "operations", "owner": "alice"}) == (
        Team("web", ("alice", "@db"), 13001, "operations", "alice"),
        [],
    )
    assert team({}) == (Team("web"), ["web: `members` is missing; add `members:`"])


def test_a_team_without_members_is_odd() -> None:
    problems: list[Problem] = []
    Team.parse("web", Node({"members": []}, ("web",), problems))
    assert [(str(problem), problem.warning) for problem in problems] == [
        ("web.members: the team has no members; add some, or remove the team", True)
    ]


def test_a_grant_needs_somebody_and_a_reason() -> None:
    assert grant({"team": "web", "why": "They run it."}) == (Grant("here", "They run it.", team="web"), [])
    assert grant({"person": "alice", "why": "On call."}) == (Grant("here", "On call.", person="alice"), [])


def test_all_that_can_be_said_of_a_grant() -> None:
    value = {
        "person": "alice",
        "why": "On call.",
        "sudo": [{"edit": ["/etc/a"]}],
        "groups": ["adm", "docker"],
        "until": "2027-01-31T18:00:00Z",
        "unsafe": "The containers are hers.",
    }
    rules = (SudoRule(edit=("/etc/a",)),)
    assert grant(value) == (
        Grant("here", "On call.", None, "alice", rules, ("adm", "docker"), EVENING, "The containers are hers."),
        [],
    )


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"why": "x"}, ["grant: a grant is to a team or to a person; add `team:` or `person:`"]),
        ({"team": None, "why": "x"}, ["grant.team: has no value; give it one, or remove the key"]),
        (
            {"team": "a", "person": "b", "why": "x"},
            ["grant: a grant is to a team or to a person, not to both; write one grant for each"],
        ),
        ({"team": "a"}, ["grant: `why` is missing; add `why:`"]),
        ("web", ["grant: must be a dictionary, not the text 'web'; write its keys below it: " + ", ".join(GRANT_FIELDS)]),
        (
            {"team": "a", "why": "x", "groups": "adm"},
            ["grant.groups: must be a list, not the text 'adm'; write it as [a, b], or as lines that begin with `- `"],
        ),
        (
            {"team": "a", "why": "x", "groups": [["adm"], {"adm": 1}]},
            [
                f"grant.groups[{index}]: must be text, not a {kind}; "
                "write one text; put quotes around it if it holds `: ` or begins with [ or {"
                for index, kind in enumerate(["list", "dictionary"])
            ],
        ),
        (
            {"team": "a", "why": "x", "groups": ["adm,docker"]},
            ["grant.groups[0]: 'adm,docker' is not the name of one group; list each group by its name"],
        ),
        (
            {"team": "a", "why": "x", "groups": [7, "docker", "prod-access", "adm", "adm"]},
            [
                'grant.groups[0]: must be text; YAML reads this as the number 7; quote it: "7"',
                "grant.groups[1]: the group docker amounts to root; say `sudo: full`, or give the reason with `unsafe: why` on the grant",
                "grant.groups[2]: everybody with access is in prod-access; remove it",
                "grant.groups[4]: adm is there twice; remove one",
            ],
        ),
    ],
)
def test_what_is_no_grant(value: Any, says: list[str]) -> None:
    assert grant(value)[1] == says


@pytest.mark.parametrize(
    "shell", ["bash", "/bin/", "/", "//bin/sh", "/bin/../sh", "/bin/..", "/bin/./sh", "/bin/sh -i", "/bin/a:b", "/bin/sh,"]
)
def test_a_shell_is_the_plain_path_of_one_program(shell: str) -> None:
    found, lines = person({"name": "Alice", "shell": shell})
    assert lines == [f"alice.shell: '{shell}' is not the absolute path of a shell; write it like /bin/bash"]
    assert found.shell is None


def records(known: list[str]) -> st.SearchStrategy[Any]:
    return JUNK | st.fixed_dictionaries({}, optional=dict.fromkeys([*known, "zzz"], JUNK))


@given(records(PERSON_FIELDS), records(TEAM_FIELDS), records(GRANT_FIELDS), st.text(max_size=8))
def test_junk_breaks_nothing_and_is_never_sound(a_person: Any, a_team: Any, a_grant: Any, name: str) -> None:
    for value, read in ((a_person, person), (a_team, team), (a_grant, grant)):
        lines = (read(value) if read is grant else read(value, name))[1]
        assert lines or isinstance(value, dict)
        assert all(line.isprintable() for line in lines)


@given(st.dictionaries(st.sampled_from(["key", "until", "from", "zzz"]), JUNK | st.just(LINE)))
def test_junk_for_a_key_breaks_nothing(value: Any) -> None:
    found, lines = person({"name": "Alice", "ssh_keys": [value]})
    assert len(found.keys) == (value.get("key") == LINE)
    assert lines or found.keys
