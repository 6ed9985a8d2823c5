"""From the inventory to the access of each host. What is said of single bad inputs stands in test_inputs.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._access import Access
from ansible_collections.safetynet.prod_access.plugins.module_utils._model import HOMES, KINDS, STATES
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._node import Problem
from ansible_collections.safetynet.prod_access.plugins.module_utils._resolve import EXTRA, Inventory, Model, located, read
from ansible_collections.safetynet.prod_access.tests.unit.strategies import JUNK, ed25519
from hypothesis import given
from hypothesis import strategies as st

NOW = Moment.parse("2027-01-31T18:00:00Z")
ALL, WEB, DB, HOST = "group all", "group web", "group db", "host web1"
PEOPLE: dict[str, Any] = {
    "alice": {"name": "Alice", "uid": 12001, "ssh_keys": [ed25519(b"alice").line()]},
    "bob": {"name": "Bob", "uid": 12002},
    "carol": {"name": "Carol"},
    "dave": {"name": "Dave", "uid": 12004, "state": "departed"},
}
TEAMS: dict[str, Any] = {
    "payments": {"members": ["alice", "bob"], "gid": 13001},
    "operations": {"members": ["carol", "@payments"]},
}


def grant(who: str, **more: Any) -> dict[str, Any]:
    return {"team" if who in TEAMS else "person": who, "why": f"Because of {who}.", **more}


def inventory(*, hosts: Mapping[str, tuple[str, ...]] | None = None, **scopes: Mapping[str, Any]) -> Inventory:
    """An inventory with the hosts web1 and db1; ``group_all`` and the like are what the scopes of that name say."""
    named: dict[str, Mapping[str, Any]] = {
        ALL: {"prod_access_people": PEOPLE, "prod_access_teams": TEAMS, "prod_access_grants_none": [], **scopes.pop("group_all", {})}
    }
    named.update({name.replace("_", " "): variables for name, variables in scopes.items()})
    for scope in (WEB, DB, HOST, "host db1", EXTRA):
        named.setdefault(scope, {})
    return Inventory(named, hosts or {"web1": (ALL, WEB, HOST, EXTRA), "db1": (ALL, DB, "host db1", EXTRA)})


def problems(found: Inventory, targets: tuple[str, ...] = ("web1", "db1")) -> list[str]:
    return [("warning: " if problem.warning else "") + str(problem) for problem in read(found, NOW, targets)[1]]


def model(found: Inventory) -> Model:
    answer, said = read(found, NOW, tuple(found.hosts))
    assert [problem for problem in said if not problem.warning] == []
    return answer


def access(found: Inventory, host: str = "web1") -> Access:
    return model(found).access(host)


def test_an_inventory_that_grants_nothing_gives_nobody_an_account() -> None:
    found = access(inventory())
    # But the host is told whom to close, and which numbers are not its own to give.
    assert {login: person.grants for login, person in found.people.items()} == {"dave": ()}
    assert found.teams == {}
    assert found.reserved == {12001: "alice", 12002: "bob", 12004: "dave"}


def test_a_grant_to_a_team_is_one_to_each_member_and_tells_through_which_team() -> None:
    found = access(inventory(group_web={"prod_access_grants_web": [grant("payments", sudo="full")]}))
    assert {login: [(g.team, g.sudo) for g in person.grants] for login, person in found.people.items()} == {
        "alice": [("payments", "full")],
        "bob": [("payments", "full")],
        "dave": [],
    }
    assert found.teams == {"payments": 13001}


def test_a_team_within_a_team_has_what_the_outer_one_has() -> None:
    found = access(inventory(group_web={"prod_access_grants_web": [grant("operations")]}))
    assert set(found.people) == {"alice", "bob", "carol", "dave"}
    # As members of the outer team: the inner one has no grant here, and becomes no group.
    assert found.teams == {"operations": None}


def test_grants_of_all_scopes_of_a_host_add_up_and_say_where_they_stand() -> None:
    found = inventory(
        group_all={"prod_access_grants_all": [grant("carol")]},
        group_web={"prod_access_grants_web": [grant("bob"), grant("carol")]},
        group_db={"prod_access_grants_db": [grant("bob")]},
        host_web1={"prod_access_grants_web1": [grant("alice")]},
    )
    people = access(found).people
    assert [g.source for g in people["carol"].grants] == ["prod_access_grants_all[0] (group all)", "prod_access_grants_web[1] (group web)"]
    assert [g.source for g in people["bob"].grants] == ["prod_access_grants_web[0] (group web)"]
    assert [g.source for g in people["alice"].grants] == ["prod_access_grants_web1[0] (host web1)"]
    assert set(access(found, "db1").people) == {"bob", "carol", "dave"}


def test_one_person_on_one_host() -> None:
    found = model(inventory(group_web={"prod_access_grants_web": [grant("payments"), grant("bob"), grant("carol")]}))
    assert found.person_on("bob", "web1") == found.access("web1").people["bob"]
    assert len(found.person_on("bob", "web1").grants) == 2
    assert found.person_on("bob", "db1").grants == ()


def test_extra_variables_hide_the_grants_of_their_name_for_this_run() -> None:
    found = inventory(group_web={"prod_access_grants_web": [grant("alice")]}, **{EXTRA: {"prod_access_grants_web": [grant("bob")]}})
    assert problems(found) == [f"warning: prod_access_grants_web: the {EXTRA} hide what the group web says; this run only"]
    assert set(access(found).people) == {"bob", "dave"}


def test_extra_variables_win_over_people_and_teams_and_have_to_be_whole() -> None:
    found = inventory(**{EXTRA: {"prod_access_people": {"erin": {"name": "Erin"}}, "prod_access_teams": {}}})
    assert problems(found) == []
    assert set(model(found).people) == {"erin"}


def test_what_two_scopes_of_a_host_say_by_the_same_name_is_an_error_said_once() -> None:
    same = {"prod_access_grants_x": [grant("alice")]}
    hosts = dict.fromkeys(("web1", "web2", "web3"), (ALL, WEB, DB, HOST))
    assert problems(inventory(group_web=same, group_db=same, hosts=hosts), ("web1",)) == [
        "prod_access_grants_x: set for the group web and for the group db: on web1 the second hides the first; "
        "give one of them a name of its own, like prod_access_grants_db"
    ]


def test_the_same_name_on_different_hosts_is_none() -> None:
    same = {"prod_access_grants_x": [grant("alice")]}
    assert problems(inventory(group_web=same, group_db=same)) == []


@pytest.mark.parametrize("variable", ["prod_access_people", "prod_access_teams"])
def test_people_and_teams_are_the_same_everywhere(variable: str) -> None:
    whole = {"prod_access_people": PEOPLE, "prod_access_teams": TEAMS}[variable]
    assert problems(inventory(group_web={variable: dict(whole)})) == []
    assert f"{variable}: the group web and the group all say different things; it is one for all hosts: set it once, in group_vars/all" in (
        problems(inventory(group_web={variable: {}}))
    )


def test_people_of_one_group_alone_are_not_enough_for_the_others() -> None:
    found = inventory()
    scopes = {**found.scopes, ALL: {"prod_access_teams": {}, "prod_access_grants_none": []}, WEB: {"prod_access_people": PEOPLE}}
    assert problems(Inventory(scopes, found.hosts)) == ["prod_access_people: is not set for db1; set it in group_vars/all, for all hosts"]
    assert problems(Inventory(scopes, found.hosts), ("web1",)) == []


def test_what_is_not_said_at_all_is_an_error_and_no_empty_answer() -> None:
    assert problems(Inventory({ALL: {}}, {f"web{number}": (ALL,) for number in range(7)}), tuple(f"web{n}" for n in range(7))) == [
        "prod_access_people: is not set; set it in group_vars/all; an empty answer is {}",
        "prod_access_teams: is not set; set it in group_vars/all; an empty answer is {}",
        "prod_access_grants_*: no grants at all for web0, web1, web2, web3, web4 and 2 more; "
        "grant somebody access, or say that nobody has any: prod_access_grants_nobody: []",
    ]


def test_hosts_that_are_no_targets_need_not_say_who_has_access() -> None:
    found = inventory(group_db={"prod_access_grants_db": []})
    scopes = {**found.scopes, ALL: {"prod_access_people": {}, "prod_access_teams": {}}}
    assert problems(Inventory(scopes, found.hosts), ("db1",)) == []


def test_the_length_of_rsa_keys_is_one_for_all_and_never_under_the_floor() -> None:
    assert problems(inventory(group_all={"prod_access_rsa_min_bits": 2048})) == []
    assert problems(inventory(group_all={"prod_access_rsa_min_bits": 2047})) == [
        "prod_access_rsa_min_bits: 2047 is out of range; take a number of 2048 to 16384"
    ]
    assert problems(inventory(group_web={"prod_access_rsa_min_bits": 2048})) == [
        "prod_access_rsa_min_bits: is not set for db1; set it in group_vars/all, for all hosts"
    ]


def test_an_environment_belongs_to_its_scope() -> None:
    assert model(inventory(group_web={"prod_access_environment": "production"})).environments == {WEB: "production"}
    assert problems(inventory(group_web={"prod_access_environment": ["x"]})) == [
        "prod_access_environment: must be text, not a list; write one text; put quotes around it if it holds `: ` or begins with [ or {"
    ]


def test_grants_for_a_group_without_hosts_are_odd() -> None:
    assert problems(inventory(group_old={"prod_access_grants_old": []})) == [
        "warning: prod_access_grants_old: is set for the group old, which has no hosts; add hosts to the group, or remove the grants"
    ]


def test_ends_that_are_past_or_near_are_told_before_they_surprise() -> None:
    day = 86400
    keys = [
        {"key": ed25519(bytes([number])).line(), "until": str(Moment(NOW.epoch + delta))}
        for number, delta in enumerate((0, 1, 14 * day, 14 * day + 1))
    ]
    people = {
        "alice": {"name": "Alice", "ssh_keys": ["nonsense", *keys]},
        "bob": {"name": "Bob", "until": str(NOW)},
        "carol": {"name": "Carol", "until": str(Moment(NOW.epoch + 1))},
        "dave": {"name": "Dave", "until": str(NOW), "state": "departed", "ssh_keys": [{"key": ed25519(b"d").line(), "until": str(NOW)}]},
    }
    grants = [grant("bob", until=str(NOW)), grant("bob", until=str(Moment(NOW.epoch + 1))), grant("dave")]
    found = inventory(group_all={"prod_access_people": people, "prod_access_teams": {}, "prod_access_grants_x": grants})
    assert [line for line in problems(found) if line.startswith("warning: ")] == [
        "warning: prod_access_people.alice.ssh_keys[1]: the key ended 2027-01-31T18:00:00Z; remove it",
        "warning: prod_access_people.alice.ssh_keys[2]: the key ends soon, 2027-01-31T18:00:01Z; ask alice for a new one",
        "warning: prod_access_people.alice.ssh_keys[3]: the key ends soon, 2027-02-14T18:00:00Z; ask alice for a new one",
        "warning: prod_access_people.bob.until: was 2027-01-31T18:00:00Z: bob has no access; move it, or say `state: departed`",
        "warning: prod_access_grants_x[0].until: was 2027-01-31T18:00:00Z: it grants nothing; move it, or remove the grant",
        "warning: prod_access_grants_x[2].person: dave has departed, and gets nothing; remove the grant",
    ]


def test_a_departed_member_is_odd() -> None:
    teams = {"web": {"members": ["alice", "dave"]}}
    assert problems(inventory(group_all={"prod_access_teams": teams})) == [
        "warning: prod_access_teams.web.members[1]: dave has departed; remove the line"
    ]


def test_places_are_those_of_the_file_also_after_items_that_are_no_good() -> None:
    teams = {"web": {"members": [7, "alice", "erin"]}}
    grants = [grant("alice", groups=[7, "adm", "web"])]
    found = problems(inventory(group_all={"prod_access_teams": teams, "prod_access_grants_x": grants}))
    assert [line.partition(": ")[0] for line in found] == [
        "prod_access_teams.web.members[0]",
        "prod_access_grants_x[0].groups[0]",
        "prod_access_teams.web.members[2]",
        "prod_access_grants_x[0].groups[2]",
    ]


@pytest.mark.parametrize(
    ("members", "cycles"),
    [
        ({"a": "a"}, ["a > a"]),
        ({"a": "b", "b": "a"}, ["a > b > a"]),
        ({"x": "a", "a": "b", "b": "c", "c": "a"}, ["a > b > c > a"]),
        ({"a": "bc", "b": "d", "c": "d", "d": ""}, []),
        ({"a": "b", "b": "a", "c": "d", "d": "c"}, ["a > b > a", "c > d > c"]),
        ({"a": "ab", "b": ""}, ["a > a"]),
    ],
)
def test_each_cycle_of_teams_is_told_once(members: dict[str, str], cycles: list[str]) -> None:
    teams = {name: {"members": [f"@{member}" for member in within]} for name, within in members.items()}
    found = [problem for problem in read(inventory(group_all={"prod_access_teams": teams}), NOW, ())[1] if not problem.warning]
    assert [problem.what for problem in found] == [f"the teams contain one another: {cycle}" for cycle in cycles]


def test_members_of_teams_in_a_cycle_can_still_be_asked_for() -> None:
    teams = {"a": {"members": ["@b", "alice"]}, "b": {"members": ["@a", "bob"]}}
    found, _said = read(inventory(group_all={"prod_access_teams": teams}), NOW, ())
    assert "alice" in found.members("a")
    assert found.members("no such team") == frozenset()


def test_a_problem_is_located_at_the_nearest_place_that_the_files_show() -> None:
    lines = {(ALL, ("prod_access_people",)): "people.yml:1", (ALL, ("prod_access_people", "alice")): "people.yml:2"}
    there = Problem(("prod_access_people", "alice", "uid"), "is wrong", "mend it", scope=ALL)
    assert located(there, lines) == "people.yml:2"
    assert located(Problem(("prod_access_people", "bob"), "is wrong", "mend it", scope=ALL), lines) == "people.yml:1"
    assert located(Problem(("prod_access_people", "alice"), "is wrong", "mend it", scope=WEB), lines) is None


KEYS = st.just(ed25519(b"alice").line()) | JUNK
NAMES = st.sampled_from(["alice", "bob", "web", "@web", "@db", "zzz", ""])


def record(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Some of these fields, soundly filled or not; or junk altogether."""
    return st.fixed_dictionaries({}, optional={name: st.one_of(values, JUNK) for name, values in fields.items()}) | JUNK


ENDS = st.sampled_from(["2027-01-31", "2020-01-01T00:00:00Z"])
A_PERSON = record(
    name=st.just("Alice"),
    uid=st.sampled_from([12001, 12002]),
    ssh_keys=st.lists(KEYS | record(key=KEYS, until=ENDS), max_size=2),
    until=ENDS,
    state=st.sampled_from(STATES),
    home=st.sampled_from(HOMES),
)
A_TEAM = record(members=st.lists(NAMES, max_size=4), gid=st.sampled_from([12001, 13001]), kind=st.sampled_from(KINDS), owner=NAMES)
A_GRANT = record(
    team=NAMES,
    person=NAMES,
    why=st.just("why"),
    sudo=st.sampled_from(["none", "full"]) | st.lists(record(commands=st.just("all"), edit=st.just(["/etc/a"])), max_size=2),
    groups=st.lists(NAMES | st.sampled_from(["adm", "docker"]), max_size=3),
    until=ENDS,
)
VARIABLES = st.fixed_dictionaries(
    {},
    optional={
        "prod_access_people": st.dictionaries(NAMES, A_PERSON, max_size=3) | JUNK,
        "prod_access_teams": st.dictionaries(NAMES, A_TEAM, max_size=3) | JUNK,
        "prod_access_grants_x": st.lists(A_GRANT, max_size=3) | JUNK,
        "prod_access_grants_": JUNK,
        "prod_access_environment": JUNK,
        "prod_access_rsa_min_bits": JUNK,
        "prod_access_zzz": JUNK,
    },
)


@given(VARIABLES, VARIABLES, VARIABLES)
def test_whatever_yaml_can_hold_is_read_to_its_end_and_complained_of_in_plain_text(one: Any, other: Any, extra: Any) -> None:
    found = inventory(group_all=one, group_web=other, **{EXTRA: extra})
    answer, said = read(found, NOW, ("web1", "db1"))
    assert all(str(problem).isprintable() and problem.what and problem.mend for problem in said)
    if all(problem.warning for problem in said):
        for host in found.hosts:
            assert Access.from_data(answer.access(host).to_data()).to_data() == answer.access(host).to_data()
