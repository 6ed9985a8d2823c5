"""The access of one host: what is in force when, and the way to the host and back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._access import Access, HostGrant, HostPerson
from ansible_collections.safetynet.prod_access.plugins.module_utils._model import Person
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.tests.unit.strategies import ACCESSES, HOST_PEOPLE, MOMENTS, ed25519
from hypothesis import given
from hypothesis import strategies as st

NOW = Moment.parse("2027-01-31T18:00:00Z")
BEFORE, AFTER, LATER = (Moment(NOW.epoch + seconds) for seconds in (-1, 1, 100))
KEY = ed25519(b"alice")
ALICE = Person("alice", "Alice", keys=(KEY,))
GRANT = HostGrant("here", "They run it.")


@given(ACCESSES)
def test_an_access_comes_back_from_json_as_it_was(access: Access) -> None:
    assert Access.from_data(json.loads(json.dumps(access.to_data()))) == access


def test_the_host_learns_nothing_that_it_does_not_need() -> None:
    assert "mail" not in json.dumps(HostPerson(replace(ALICE, email="alice@example.com"), (GRANT,)).to_data())


def test_the_same_access_is_the_same_data_whatever_its_order() -> None:
    people = {login: HostPerson(Person(login, login)) for login in ("bob", "alice")}
    one = Access(people, {"web": 2, "db": None}, {13: "bob", 12: "alice"})
    other = Access(dict(reversed(people.items())), {"db": None, "web": 2}, {12: "alice", 13: "bob"})
    assert json.dumps(one.to_data()) == json.dumps(other.to_data())


@pytest.mark.parametrize(
    ("person", "grants", "in_force"),
    [
        (ALICE, (), 0),
        (ALICE, (GRANT, GRANT), 2),
        (replace(ALICE, until=AFTER), (GRANT,), 1),
        (replace(ALICE, until=NOW), (GRANT,), 0),
        (replace(ALICE, until=BEFORE), (GRANT,), 0),
        (replace(ALICE, state="suspended"), (GRANT,), 0),
        (replace(ALICE, state="departed"), (GRANT,), 0),
        (ALICE, (GRANT, replace(GRANT, until=NOW), replace(GRANT, until=AFTER)), 2),
    ],
)
def test_what_is_in_force(person: Person, grants: tuple[HostGrant, ...], in_force: int) -> None:
    found = HostPerson(person, grants)
    assert len(found.in_force(NOW)) == in_force
    assert found.keys_in_force(NOW) == (() if not in_force else (KEY.ending(found.end()),))


@pytest.mark.parametrize(
    ("person_until", "grant_untils", "end"),
    [
        (None, [], None),
        (None, [None], None),
        (None, [None, NOW], None),
        (None, [NOW, AFTER], AFTER),
        (AFTER, [None], AFTER),
        (AFTER, [NOW], NOW),
        (NOW, [AFTER, LATER], NOW),
        (NOW, [], NOW),
    ],
)
def test_access_ends_with_the_last_grant_or_with_the_person(
    person_until: Moment | None, grant_untils: list[Moment | None], end: Moment | None
) -> None:
    grants = tuple(replace(GRANT, until=until) for until in grant_untils)
    assert HostPerson(replace(ALICE, until=person_until), grants).end() == end


@pytest.mark.parametrize(
    ("key_until", "grant_until", "line_until"),
    [(None, None, None), (AFTER, None, AFTER), (None, AFTER, AFTER), (LATER, AFTER, AFTER), (AFTER, LATER, AFTER)],
)
def test_a_key_ends_with_the_first_of_its_own_end_and_the_access(
    key_until: Moment | None, grant_until: Moment | None, line_until: Moment | None
) -> None:
    found = HostPerson(replace(ALICE, keys=(replace(KEY, until=key_until),)), (replace(GRANT, until=grant_until),))
    assert [key.until for key in found.keys_in_force(NOW)] == [line_until]


def test_a_key_that_has_ended_opens_nothing() -> None:
    assert HostPerson(replace(ALICE, keys=(replace(KEY, until=NOW),)), (GRANT,)).keys_in_force(NOW) == ()


@given(HOST_PEOPLE, MOMENTS)
def test_nothing_changes_but_at_the_moments_that_are_named(person: HostPerson, now: Moment) -> None:
    """The host's timer wakes at these moments only."""
    moments = sorted(moment for moment in person.moments() if moment <= now)
    last = moments[-1] if moments else Moment(1)
    assert person.in_force(last) == person.in_force(now)
    assert person.keys_in_force(last) == person.keys_in_force(now)


def test_the_moments_of_a_host_are_those_of_its_people_each_once() -> None:
    alice = HostPerson(replace(ALICE, until=LATER), (replace(GRANT, until=AFTER), GRANT))
    bob = HostPerson(Person("bob", "Bob", keys=(replace(KEY, until=NOW),)), (replace(GRANT, until=AFTER),))
    assert Access({"alice": alice, "bob": bob}).moments() == [NOW, AFTER, LATER]
    assert Access().moments() == []


@given(st.lists(st.sampled_from(["adm", "docker"]), unique=True).map(tuple))
def test_a_grant_puts_people_into_its_groups_and_its_team(groups: tuple[str, ...]) -> None:
    assert HostGrant("here", "why", groups=groups).memberships() == set(groups)
    assert HostGrant("here", "why", team="web", groups=groups).memberships() == {*groups, "web"}


def test_a_reason_names_the_team() -> None:
    assert HostGrant("here", "They run it.", team="web").reason() == "team web: They run it."
    assert HostGrant("here", "On call.").reason() == "On call."


def host_person(login: str, *teams: str) -> HostPerson:
    return HostPerson(Person(login, login.title()), tuple(HostGrant("here", "why", team=team) for team in teams))


def test_only_one_person_of_an_access_changes_and_the_others_are_as_they_were() -> None:
    before = Access({"alice": host_person("alice", "web"), "bob": host_person("bob", "db")}, {"web": 1, "db": 2})
    access = Access(
        {"alice": host_person("alice", "ops"), "bob": host_person("bob", "ops"), "carol": host_person("carol", "new")},
        {"ops": 3, "new": 4},
        {12: "alice"},
    )
    only = access.only("alice", before)
    assert only.people == {"alice": access.people["alice"], "bob": before.people["bob"]}
    assert only.teams == {"web": 1, "db": 2, "ops": 3}
    assert only.reserved == {12: "alice"}


def test_only_a_person_who_has_nothing_here_any_more() -> None:
    before = Access({"alice": host_person("alice", "web"), "bob": host_person("bob")}, {"web": None})
    assert Access().only("alice", before) == Access({"bob": before.people["bob"]}, {"web": None})


def test_only_one_person_on_a_host_that_remembers_nothing() -> None:
    alice = HostPerson(ALICE, (GRANT,))
    assert Access({"alice": alice, "bob": host_person("bob")}).only("alice", None) == Access({"alice": alice})
