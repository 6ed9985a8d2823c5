"""The promises of the planner, for people, hosts and changes of all kinds: on a simulated host, killed at any point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible_collections.safetynet.prod_access.plugins.module_utils._access import Access, HostGrant, HostPerson
from ansible_collections.safetynet.prod_access.plugins.module_utils._host import Account
from ansible_collections.safetynet.prod_access.plugins.module_utils._model import Person
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._plan import Options
from ansible_collections.safetynet.prod_access.plugins.module_utils._ssh_key import SshKey
from ansible_collections.safetynet.prod_access.plugins.module_utils._sudo_rule import SudoRule
from ansible_collections.safetynet.prod_access.tests.unit.simulation import DAY, Simulation, killed
from ansible_collections.safetynet.prod_access.tests.unit.strategies import ed25519
from hypothesis import assume, given, settings
from hypothesis import strategies as st

START = Moment(20_000 * DAY)
# Moments at which something may end. Whole days, so that shadow's days and sshd's seconds can be compared.
ENDS = [Moment(START.epoch + days * DAY) for days in (10, 20, 30)]
LOGINS = ("alice", "bob")
TEAMS = {"web": None, "ops": 13002}
# Those without a number get one from the host.
UIDS = {"alice": 12001, "bob": None}
UNTIL = st.sampled_from([None, *ENDS])


def keys(login: str) -> st.SearchStrategy[tuple[SshKey, ...]]:
    one = st.builds(
        lambda number, until, sources: replace(ed25519(f"{login}{number}".encode()), until=until, sources=sources),
        st.integers(0, 1),
        UNTIL,
        st.sampled_from([(), ("10.0.0.0/8",), ("10.0.0.0/8", "192.0.2.7"), ("192.0.2.7",)]),
    )
    return st.lists(one, max_size=2, unique_by=lambda key: key.blob).map(tuple)


GRANTS = st.builds(
    HostGrant,
    st.just("here"),
    st.just("why"),
    team=st.sampled_from([None, *TEAMS]),
    sudo=st.sampled_from(["none", "full", (SudoRule(edit=("/etc/a",)),)]),
    groups=st.sampled_from([(), ("adm",), ("docker",), ("adm", "docker")]),
    until=UNTIL,
)


def person(login: str) -> st.SearchStrategy[HostPerson]:
    return st.builds(
        HostPerson,
        st.builds(
            Person,
            st.just(login),
            st.sampled_from([login.title(), login.upper()]),
            uid=st.just(UIDS[login]),
            shell=st.sampled_from([None, "/bin/zsh"]),
            keys=keys(login),
            until=UNTIL,
            state=st.sampled_from(["active"] * 4 + ["suspended", "departed"]),
            home=st.sampled_from(["keep", "archive", "remove"]),
        ),
        st.lists(GRANTS, min_size=1, max_size=2).map(tuple),
    )


def as_access(people: dict[str, HostPerson]) -> Access:
    teams = {grant.team: TEAMS[grant.team] for one in people.values() for grant in one.grants if grant.team}
    return Access(people, teams, {uid: login for login, uid in UIDS.items() if uid is not None})


ACCESSES = st.fixed_dictionaries({}, optional={login: person(login) for login in LOGINS}).map(as_access)
NOWS = st.sampled_from([START, *ENDS])


def delete(host: Simulation, account: Account) -> None:
    # userdel wants nobody to be logged in.
    host.sessions = {session for session in host.sessions if session.login != account.login}
    del host.accounts[account.login], host.groups[account.login]


def change(host: Simulation, account: Account, **fields: Any) -> None:
    host.accounts[account.login] = replace(account, **fields)


def add_key(host: Simulation, login: str) -> None:
    if login in host.key_files:
        host.key_files[login] += ed25519(b"stranger").line() + "\n"


def let_write(host: Simulation, login: str) -> None:
    if login in host.key_files:
        host.bad_key_files.add(login)


def leave_jobs(host: Simulation, login: str) -> None:
    host.lingering.add(login)
    host.crontabs.add(login)
    host.at_jobs[login] = ("7", "9")


# What happens to a host between two runs, and to the account of one of our people there.
DRIFTS: dict[str, Callable[[Simulation, Account], None]] = {
    "sshd undone": lambda host, _account: setattr(host, "drop_in", None),
    "timer gone": lambda host, _account: setattr(host, "timer", None),
    "memory gone": lambda host, _account: setattr(host, "saved", None),
    "account deleted": delete,
    "keys deleted": lambda host, account: host.remove_keys(account.login),
    "keys of a stranger": lambda host, account: add_key(host, account.login),
    "keys that others may write": lambda host, account: let_write(host, account.login),
    "a group by hand": lambda host, account: change(host, account, groups=account.groups | {"sudo"}),
    "a team by hand": lambda host, account: change(host, account, groups=account.groups | ({"web"} & set(host.groups))),
    "a password": lambda host, account: change(host, account, password="!$y" if account.is_closed else "$y"),
    "expired by hand": lambda host, account: change(host, account, expires=19_000),
    "jobs": lambda host, account: leave_jobs(host, account.login),
    "home deleted": lambda host, account: host.homes.clear(),
}


@st.composite
def hosts(draw: st.DrawFn) -> Simulation:
    """A host as an earlier run left it, and as time and hands changed it since."""
    host = Simulation()
    if draw(st.booleans()):
        access = draw(ACCESSES)
        host.apply(host.plan(access, START).changes)
        for login in LOGINS:
            if draw(st.booleans()) and login in host.accounts:
                host.log_in(login, START)
        for what, login in draw(st.lists(st.tuples(st.sampled_from(list(DRIFTS)), st.sampled_from(LOGINS)), max_size=2)):
            if login in host.accounts:
                DRIFTS[what](host, host.accounts[login])
    return host


@given(hosts(), ACCESSES, NOWS)
def test_the_second_run_changes_nothing(host: Simulation, access: Access, now: Moment) -> None:
    host.apply(host.plan(access, now).changes)
    assert host.plan(access, now).changes == []


@settings(max_examples=settings().max_examples * 3)
@given(hosts(), ACCESSES, NOWS)
def test_a_kill_at_any_point_leaves_each_person_as_before_or_as_after_or_with_less(host: Simulation, access: Access, now: Moment) -> None:
    moments = [now, *(end for end in ENDS if end > now)]
    planned = host.plan(access, now)
    assume(not planned.faults)
    before = {login: host.power(login, moments) for login in LOGINS}
    done = host.copy().apply(planned.changes)
    after = {login: done.power(login, moments) for login in LOGINS}
    state = host.copy()
    for step in planned.changes:
        for half_done in (*killed(step, state), state):
            for login in LOGINS:
                power = half_done.power(login, moments)
                assert power <= before[login] or power <= after[login], (step.act, step.person, login)
        state.make(step)


@settings(max_examples=settings().max_examples * 2)
@given(hosts(), ACCESSES, NOWS, st.data())
def test_a_run_after_a_kill_comes_to_the_same_end(host: Simulation, access: Access, now: Moment, data: st.DataObject) -> None:
    planned = host.plan(access, now)
    assume(not planned.faults and planned.changes)
    done = host.copy().apply(planned.changes)
    place = data.draw(st.integers(0, len(planned.changes) - 1))
    state = host.copy().apply(planned.changes[:place])
    state = data.draw(st.sampled_from([state, *killed(planned.changes[place], state)]))
    again = state.plan(access, now)
    assert again.faults == []
    state.apply(again.changes)
    assert state.settled() == done.settled()
    assert state.sessions <= done.sessions


@given(hosts(), ACCESSES, NOWS)
def test_in_the_end_everybody_has_what_the_data_says(host: Simulation, access: Access, now: Moment) -> None:
    planned = host.plan(access, now)
    assume(not planned.faults)
    foreign = {login: account.groups - {"adm", "docker", *TEAMS} for login, account in host.accounts.items()}
    host.apply(planned.changes)
    for login in LOGINS:
        wanted = access.people.get(login)
        if wanted is None or not wanted.in_force(now):
            assert host.keys(login, now) == []
            assert login not in host.key_files
            assert login not in host.accounts or host.accounts[login].is_closed
            assert not any(session.login == login for session in host.sessions)
            continue
        assert tuple(host.keys(login, now)) == wanted.keys_in_force(now)
        memberships = frozenset().union(*(grant.memberships() for grant in wanted.in_force(now)))
        account = host.accounts[login]
        # What others gave stays, and is only told of.
        assert account.groups - foreign.get(login, set()) - {"prod-access"} >= memberships - foreign.get(login, set())
        assert account.groups & {*TEAMS} == memberships & {*TEAMS}
        assert account.expires == (wanted.end() and wanted.end().expiry_day())
        fingerprints = {key.fingerprint for key in wanted.keys_in_force(now)}
        for session in host.sessions:
            if session.login == login:
                assert session.key in fingerprints
                assert session.groups & {*TEAMS} <= memberships


@given(hosts(), ACCESSES, NOWS)
def test_whoever_is_not_ours_keeps_all_and_every_number_its_first_owner(host: Simulation, access: Access, now: Moment) -> None:
    mallory = host.accounts["mallory"]
    numbers = dict(host.ledger.people)
    planned = host.plan(access, now)
    assume(not planned.faults)
    host.apply(planned.changes)
    assert host.accounts["mallory"] == mallory
    assert numbers.items() <= host.ledger.people.items()
    for login in LOGINS:
        if login in host.accounts:
            assert host.ledger.people[host.accounts[login].uid] == login


@given(hosts(), ACCESSES, NOWS, st.sampled_from(LOGINS))
def test_a_run_for_one_person_changes_nobody_else(host: Simulation, access: Access, now: Moment, login: str) -> None:
    only = access.only(login, host.saved.access if host.saved else None)
    before = host.copy()
    planned = host.plan(only, now, Options(only=login))
    host.apply(planned.revocations() if planned.faults else planned.changes)

    def seen(one: Simulation, other: str) -> Any:
        return one.accounts.get(other), one.key_files.get(other), {s for s in one.sessions if s.login == other}

    for other in {*LOGINS, "mallory"} - {login}:
        assert seen(host, other) == seen(before, other)
        if host.saved and before.saved:
            assert host.saved.given.get(other) == before.saved.given.get(other)
            assert host.saved.access.people.get(other) == before.saved.access.people.get(other)


@given(hosts(), ACCESSES, NOWS)
def test_what_the_timer_does_is_what_a_run_would_have_done(host: Simulation, access: Access, now: Moment) -> None:
    """At a moment that something ends the host has nothing but its memory, and gives nothing."""
    assume(not host.plan(access, START).faults)
    host.apply(host.plan(access, START).changes)
    assert host.saved is not None
    planned = host.plan(host.saved.access, now)
    assert planned.faults == []
    timed = host.copy().apply(planned.revocations() + [step for step in planned.changes if step.act == "save"])
    run = host.copy().apply(planned.changes)
    for login in LOGINS:
        assert timed.power(login, [now]) == run.power(login, [now])


@given(hosts(), ACCESSES, NOWS)
def test_every_change_can_be_shown(host: Simulation, access: Access, now: Moment) -> None:
    planned = host.plan(access, now)
    for step in planned.changes:
        assert step.to_data()["act"] == step.act
    sides = planned.diff(planned.changes)
    assert all(line.isprintable() for side in sides.values() for line in side.splitlines())
