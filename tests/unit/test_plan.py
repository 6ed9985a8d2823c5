"""What the planner answers, case by case; its promises in general stand in test_plan_properties.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._access import Access, HostGrant, HostPerson
from ansible_collections.safetynet.prod_access.plugins.module_utils._host import CLOSED_DAY, Account, Ledger
from ansible_collections.safetynet.prod_access.plugins.module_utils._model import Person
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._plan import Change, Options, Plan
from ansible_collections.safetynet.prod_access.plugins.module_utils._processes import Process
from ansible_collections.safetynet.prod_access.plugins.module_utils._ssh_key import SshKey
from ansible_collections.safetynet.prod_access.plugins.module_utils._sudo_rule import SudoRule
from ansible_collections.safetynet.prod_access.tests.unit.simulation import DAY, Simulation, timer_text
from ansible_collections.safetynet.prod_access.tests.unit.strategies import ed25519

NOW = Moment(20_000 * DAY)
SOON, LATER = Moment(NOW.epoch + 10 * DAY), Moment(NOW.epoch + 20 * DAY)
KEY, OTHER = ed25519(b"laptop", "alice@laptop"), ed25519(b"desktop", "alice@desktop")
GRANT = HostGrant("grants[0]", "She runs it.")
IN_WEB = replace(GRANT, team="web")
IN_ADM = replace(GRANT, groups=("adm",))


def alice(*grants: HostGrant, keys: Iterable[SshKey] = (KEY,), **more: Any) -> HostPerson:
    return HostPerson(Person("alice", **{"name": "Alice", "uid": 12001, "keys": tuple(keys), **more}), grants or (GRANT,))


def access(*people: HostPerson, **teams: int | None) -> Access:
    named = {grant.team: None for person in people for grant in person.grants if grant.team}
    reserved = {person.person.uid: person.person.login for person in people if person.person.uid}
    return Access({person.person.login: person for person in people}, {**named, **teams}, reserved)


def settled(*people: HostPerson, **teams: int | None) -> Simulation:
    """A host that agrees with this."""
    host = Simulation()
    planned = host.plan(access(*people, **teams), NOW)
    assert planned.faults == []
    return host.apply(planned.changes)


def acts(planned: Plan) -> list[str]:
    return [change.act for change in planned.changes]


def one(planned: Plan, act: str) -> Change:
    (change,) = (change for change in planned.changes if change.act == act)
    return change


def faults(planned: Plan) -> list[str]:
    return [str(fault) for fault in planned.faults]


# --- Giving ---


def test_a_fresh_host_is_founded_then_made_ready_and_keys_come_last() -> None:
    planned = Simulation().plan(access(alice(IN_WEB, IN_ADM)), NOW)
    assert acts(planned) == [
        "create_own_group",
        "make_folders",
        "save_ledger",
        "install_programs",
        "save",
        "write_timer",
        "install_sshd",
        "create_group",
        "create_account",
        "write_keys",
    ]
    assert [change.act for change in planned.changes if change.revokes] == []


def test_an_account_is_made_as_the_data_says() -> None:
    host = Simulation()
    planned = host.plan(access(alice(replace(IN_WEB, until=SOON), replace(IN_ADM, until=SOON), shell="/bin/zsh"), web=13001), NOW)
    assert one(planned, "create_group").detail == {"name": "web", "gid": 13001}
    change = one(planned, "create_account")
    assert change.detail == {
        "uid": 12001,
        "name": "Alice",
        "shell": "/bin/zsh",
        "home": "/home/alice",
        "groups": ["adm", "prod-access", "web"],
        "expires": 20_010,
    }
    assert change.after == (
        f"account with uid 12001, Alice, shell /bin/zsh, home /home/alice, until {SOON}",
        "groups adm, prod-access, web",
    )
    assert change.why == ("grants[0]: team web: She runs it.", "grants[0]: She runs it.")
    assert one(planned, "write_keys").detail == {"text": KEY.ending(SOON).line() + "\n"}
    assert host.apply(planned.changes).ledger == Ledger({12001: "alice"}, {13001: "web"})


def test_without_a_shell_or_an_end_or_keys_of_their_own() -> None:
    planned = Simulation().plan(access(alice(keys=())), NOW, Options(default_shell="/bin/zsh"))
    assert (one(planned, "create_account").detail["shell"], one(planned, "create_account").detail["expires"]) == ("/bin/zsh", None)
    assert "write_keys" not in acts(planned)


def test_numbers_that_nobody_says_are_the_first_that_nobody_has_or_had_or_will_have() -> None:
    host = Simulation()
    host.accounts["mallory"] = replace(host.accounts["mallory"], uid=1000)
    host.groups["users"] = 1001
    host.ledger = Ledger({1002: "dave"}, {1003: "old"})
    people = access(alice(IN_WEB, uid=None), HostPerson(Person("bob", "Bob"), (replace(GRANT, team="ops"),)), ops=1004)
    planned = host.plan(replace(people, reserved={1005: "carol"}), NOW)
    assert planned.faults == []
    assert {change.detail["name"]: change.detail["gid"] for change in planned.changes if change.act == "create_group"} == {
        "web": 1006,
        "ops": 1004,
    }
    assert {change.person: change.detail["uid"] for change in planned.changes if change.act == "create_account"} == {
        "alice": 1007,
        "bob": 1008,
    }


def test_whoever_comes_back_gets_the_number_that_their_files_have() -> None:
    host = Simulation()
    host.ledger = Ledger({1007: "alice", 1009: "alice"}, {1008: "web"})
    planned = host.plan(access(alice(IN_WEB, uid=None)), NOW)
    assert one(planned, "create_account").detail["uid"] == 1007
    assert one(planned, "create_group").detail["gid"] == 1008
    assert "save_ledger" not in acts(planned)


def test_nothing_is_given_before_the_host_knows_when_it_ends() -> None:
    host = settled(alice())
    order = acts(host.plan(access(alice(replace(IN_ADM, until=SOON), replace(IN_WEB, until=LATER), keys=(KEY, OTHER))), NOW))
    assert order == ["write_keys", "save_ledger", "save", "write_timer", "create_group", "change_account", "write_keys"]


def test_a_host_that_agrees_is_left_alone() -> None:
    people = (alice(IN_WEB, IN_ADM, until=LATER, shell="/bin/zsh"), HostPerson(Person("bob", "Bob", state="departed")))
    assert settled(*people).plan(access(*people), NOW).changes == []


# --- Changing ---


@pytest.mark.parametrize(
    ("person", "detail", "before", "after"),
    [
        ({"name": "Alice Murphy"}, {"gecos": "Alice Murphy"}, ("name Alice",), ("name Alice Murphy",)),
        ({"shell": "/bin/zsh"}, {"shell": "/bin/zsh"}, ("shell /bin/bash",), ("shell /bin/zsh",)),
        ({"until": SOON}, {"expires": 20_010}, ("open",), (f"open, until {SOON}",)),
    ],
)
def test_an_account_is_changed_where_it_differs(
    person: dict[str, Any], detail: dict[str, Any], before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    change = one(settled(alice()).plan(access(alice(**person)), NOW), "change_account")
    assert (change.detail, change.before, change.after) == (detail, before, after)
    assert change.why == ("grants[0]: She runs it.",)


def test_the_other_fields_of_a_name_are_the_persons_own() -> None:
    host = settled(alice())
    host.accounts["alice"] = replace(host.accounts["alice"], gecos="Alice,Room 7,555,,")
    assert host.plan(access(alice()), NOW).changes == []
    assert one(host.plan(access(alice(name="Alice Murphy")), NOW), "change_account").detail == {"gecos": "Alice Murphy,Room 7,555,,"}


def test_a_shell_that_nobody_says_may_be_any() -> None:
    host = settled(alice())
    host.accounts["alice"] = replace(host.accounts["alice"], shell="/usr/bin/fish")
    assert host.plan(access(alice()), NOW).changes == []


@pytest.mark.parametrize(
    ("expires", "was"),
    [(0, "expired"), (CLOSED_DAY, "closed"), (20_010, f"open, until {SOON}"), (99_999_999, "open")],
)
def test_an_end_that_somebody_else_has_set_is_taken_back(expires: int, was: str) -> None:
    host = settled(alice())
    host.accounts["alice"] = replace(host.accounts["alice"], expires=expires)
    change = one(host.plan(access(alice()), NOW), "change_account")
    assert (change.detail, change.before, change.after) == ({"expires": None}, (was,), ("open",))


def test_groups_of_a_new_grant_are_joined_and_no_session_ends() -> None:
    host = settled(alice())
    host.log_in("alice", NOW)
    planned = host.plan(access(alice(IN_ADM, IN_WEB)), NOW)
    change = one(planned, "change_account")
    assert (change.detail, change.before, change.after) == ({"join": ["adm", "web"]}, (), ("groups adm, web",))
    assert "end_sessions" not in acts(planned)


def test_a_membership_that_a_killed_tool_left_half_written_is_made_again() -> None:
    host = settled(alice(IN_ADM))
    host.accounts["alice"] = replace(host.accounts["alice"], half_groups=frozenset({"adm"}))
    assert one(host.plan(access(alice(IN_ADM)), NOW), "change_account").detail == {"join": ["adm"]}


def test_groups_that_no_grant_gives_are_left_and_sessions_with_them_end() -> None:
    host = settled(alice(IN_ADM, IN_WEB))
    host.log_in("alice", NOW)
    planned = host.plan(access(alice()), NOW)
    assert acts(planned) == ["leave_groups", "end_sessions", "save"]
    assert one(planned, "leave_groups").detail == {"keep": ["prod-access"]}
    assert one(planned, "leave_groups").before == ("groups adm, web",)
    assert one(planned, "end_sessions").detail == {"uid": 12001, "keys": []}
    assert one(planned, "end_sessions").before == ("sessions and processes: bash",)


def test_groups_that_others_gave_are_only_told_of() -> None:
    host = settled(alice(IN_ADM))
    host.accounts["alice"] = replace(host.accounts["alice"], groups=frozenset({"prod-access", "adm", "docker", "sudo"}))
    planned = host.plan(access(alice(IN_ADM)), NOW)
    assert (planned.changes, planned.notes) == ([], ["alice: is also in docker, sudo, which no grant gives"])


def test_a_team_that_somebody_added_a_person_to_by_hand_is_left_again() -> None:
    host = settled(alice(), HostPerson(Person("bob", "Bob"), (IN_WEB,)))
    host.accounts["alice"] = replace(host.accounts["alice"], groups=frozenset({"prod-access", "web"}))
    assert acts(host.plan(access(alice(), HostPerson(Person("bob", "Bob"), (IN_WEB,))), NOW)) == ["leave_groups", "end_sessions"]


RULE = SudoRule(services=("a.service", "b.service"), run_as=("root",))


@pytest.mark.parametrize(
    ("before", "after", "ends"),
    [
        ("full", "none", True),
        ("full", (RULE,), True),
        ((RULE,), "full", False),
        ((RULE,), (RULE, SudoRule(edit=("/etc/a",))), False),
        ((RULE,), (replace(RULE, services=("a.service", "b.service", "c.service")),), False),
        ((RULE,), (replace(RULE, services=("a.service",)),), True),
        ((RULE,), (replace(RULE, unsafe="A reason."),), False),
        ((SudoRule(edit=("/etc/a",)),), (SudoRule(commands=("/etc/a",)),), True),
        ((SudoRule(everything=True, run_as=("a", "b")),), (SudoRule(everything=True, run_as=("a",)),), True),
        ((SudoRule(everything=True, run_as=("a",)),), (SudoRule(commands=("/bin/x",), run_as=("a",)),), True),
        ("none", "full", False),
    ],
)
def test_sessions_end_when_sudo_gives_less_than_it_did(before: Any, after: Any, ends: bool) -> None:
    host = settled(alice(replace(GRANT, sudo=before)))
    host.log_in("alice", NOW)
    assert ("end_sessions" in acts(host.plan(access(alice(replace(GRANT, sudo=after))), NOW))) is ends


# --- Keys ---


def test_a_key_that_is_gone_goes_first_and_takes_its_sessions_with_it() -> None:
    host = settled(alice(keys=(KEY, OTHER)))
    host.log_in("alice", NOW)
    planned = host.plan(access(alice(keys=(KEY,))), NOW)
    assert acts(planned) == ["write_keys", "end_sessions", "save"]
    change = planned.changes[0]
    assert (change.detail, change.revokes) == ({"text": KEY.line() + "\n"}, True)
    assert (change.before, change.after) == ((f"key {OTHER.fingerprint} alice@desktop",), ())
    assert one(planned, "end_sessions").detail == {"uid": 12001, "keys": [OTHER.fingerprint]}
    assert one(planned, "end_sessions").before == ("sessions that a lost key opened, of bash",)


def test_a_key_that_is_replaced_is_gone_before_the_new_one_comes() -> None:
    planned = settled(alice(keys=(KEY,))).plan(access(alice(keys=(OTHER,))), NOW)
    assert [(change.act, change.detail.get("text"), change.revokes) for change in planned.changes if change.act == "write_keys"] == [
        ("write_keys", "", True),
        ("write_keys", OTHER.line() + "\n", False),
    ]


def test_a_key_that_is_good_for_less_is_so_at_once() -> None:
    wide = replace(KEY, until=LATER, sources=("10.0.0.0/8", "2001:db8::/32"))
    planned = settled(alice(keys=(wide,))).plan(access(alice(keys=(replace(wide, until=SOON, sources=("10.1.0.0/16",)), OTHER))), NOW)
    first, last = (change for change in planned.changes if change.act == "write_keys")
    assert (first.detail["text"], first.revokes) == (replace(wide, until=SOON, sources=("10.1.0.0/16",)).line() + "\n", True)
    assert (last.detail["text"].count("\n"), last.revokes) == (2, False)


def test_a_key_that_is_good_for_more_waits_for_its_turn() -> None:
    narrow = replace(KEY, until=SOON, sources=("10.1.0.0/16",))
    change = one(settled(alice(keys=(narrow,))).plan(access(alice(keys=(replace(narrow, until=LATER, sources=()),))), NOW), "write_keys")
    assert change.revokes is False
    assert change.before == (f"key {KEY.fingerprint} alice@laptop, until {SOON}, from 10.1.0.0/16",)
    assert change.after == (f"key {KEY.fingerprint} alice@laptop, until {LATER}",)


def test_a_key_that_moves_to_another_network_is_good_in_neither_meanwhile() -> None:
    here, there = replace(KEY, sources=("10.1.0.0/16",)), replace(KEY, sources=("10.2.0.0/16",))
    planned = settled(alice(keys=(here,))).plan(access(alice(keys=(there,))), NOW)
    assert [change.detail["text"] for change in planned.changes if change.act == "write_keys"] == ["", there.line() + "\n"]


def test_the_last_key_of_a_person_goes_with_its_file() -> None:
    change = one(settled(alice()).plan(access(alice(keys=())), NOW), "write_keys")
    assert (change.detail, change.revokes) == ({"text": ""}, True)


@pytest.mark.parametrize("text", ["# by hand\n" + KEY.line() + "\n", KEY.line(), f'command="/bin/sh" {OTHER.line()}\n{KEY.line()}\n'])
def test_a_file_of_keys_that_somebody_else_has_changed_is_written_again(text: str) -> None:
    host = settled(alice())
    host.key_files["alice"] = text
    change = one(host.plan(access(alice()), NOW), "write_keys")
    assert change.detail == {"text": KEY.line() + "\n"}
    assert (change.before, change.after) == (("file of keys, changed by somebody else",), ("file of keys, as the data says",))


def test_a_file_of_keys_that_others_may_write_is_written_again() -> None:
    host = settled(alice())
    host.bad_key_files.add("alice")
    assert acts(host.plan(access(alice()), NOW)) == ["write_keys"]


def test_a_key_that_ends_takes_its_sessions_with_it() -> None:
    keys = (KEY, replace(OTHER, until=SOON))
    host = settled(alice(keys=keys))
    host.log_in("alice", NOW)
    planned = host.plan(access(alice(keys=keys)), SOON)
    assert acts(planned) == ["write_keys", "end_sessions", "save"]
    assert one(planned, "end_sessions").detail["keys"] == [OTHER.fingerprint]


def test_keys_of_an_account_that_was_deleted_do_not_open_the_new_one() -> None:
    host = settled(alice(keys=(OTHER,)))
    del host.accounts["alice"], host.groups["alice"]
    planned = host.plan(access(alice()), NOW)
    assert [act for act in acts(planned) if act not in ("save", "make_home")] == ["remove_keys", "create_account", "write_keys"]
    assert planned.changes[0].revokes


def test_keys_of_an_account_that_was_deleted_go_with_the_access() -> None:
    host = settled(alice())
    del host.accounts["alice"], host.groups["alice"]
    host.key_files["README"] = "What is this?"
    assert acts(host.plan(access(), NOW)) == ["remove_keys", "save"]


# --- Taking away ---

CLOSING = ["close_account", "remove_keys", "leave_groups"]


@pytest.mark.parametrize(
    ("person", "why"),
    [
        (None, "no grant names them on this host any more"),
        (alice(IN_ADM, state="departed"), "their state is departed"),
        (replace(alice(), grants=()), "no grant in force names them on this host"),
        (alice(replace(IN_ADM, until=NOW)), f"their access ended at {NOW}"),
        (alice(IN_ADM, until=NOW), f"their access ended at {NOW}"),
    ],
)
def test_whoever_has_no_access_any_more_is_closed_and_everything_of_theirs_ends(person: HostPerson | None, why: str) -> None:
    host = settled(alice(IN_ADM, IN_WEB))
    host.log_in("alice", NOW)
    host.accounts["alice"] = replace(host.accounts["alice"], groups=host.accounts["alice"].groups | {"sudo"})
    host.lingering, host.crontabs, host.at_jobs = {"alice"}, {"alice"}, {"alice": ("7", "9"), "mallory": ("8",)}
    planned = host.plan(access(*([person] if person else []), web=None), NOW)
    assert [change.act for change in planned.changes if change.revokes] == [
        *CLOSING,
        "stop_lingering",
        "remove_crontab",
        "remove_at_jobs",
        "end_sessions",
    ]
    assert {change.why for change in planned.changes if change.revokes} == {(why,)}
    assert planned.closing() == ["alice"]
    assert one(planned, "remove_keys").before == (f"key {KEY.fingerprint} alice@laptop",)
    assert one(planned, "leave_groups").detail == {"keep": ["prod-access"]}
    assert one(planned, "remove_at_jobs").before == ("at job 7", "at job 9")
    assert one(planned, "end_sessions").detail == {"uid": 12001, "keys": []}
    host.apply(planned.changes)
    # The tombstone.
    account = host.accounts["alice"]
    assert account.is_closed
    assert account.groups == {"prod-access"}
    assert host.homes == {"/home/alice": 12001}
    assert host.ledger.people == {12001: "alice"}


def test_a_suspended_person_keeps_what_they_will_need_again() -> None:
    host = settled(alice(IN_ADM, IN_WEB))
    host.accounts["alice"] = replace(host.accounts["alice"], groups=host.accounts["alice"].groups | {"audio"})
    host.lingering, host.crontabs, host.at_jobs = {"alice"}, {"alice"}, {"alice": ("7",)}
    planned = host.plan(access(alice(IN_ADM, IN_WEB, state="suspended", home="remove")), NOW)
    assert [change.act for change in planned.changes if change.revokes] == [*CLOSING, "stop_lingering", "end_sessions"]
    assert one(planned, "leave_groups").detail == {"keep": ["audio", "prod-access"]}


def test_a_file_of_no_keys_goes_too() -> None:
    host = settled(alice(keys=()))
    host.key_files["alice"] = ""
    assert one(host.plan(access(), NOW), "remove_keys").before == ("an empty file of keys",)


def test_a_tombstone_is_in_the_group_whoever_took_it_out() -> None:
    host = settled(alice(state="departed"), HostPerson(Person("bob", "Bob"), (GRANT,)))
    host.apply(host.plan(access(alice()), NOW).changes)
    host.accounts["alice"] = replace(host.accounts["alice"], groups=frozenset({"prod-access"}), half_groups=frozenset({"prod-access"}))
    assert "join_tombstones" in acts(host.plan(access(), NOW))
    host.accounts["alice"] = replace(host.accounts["alice"], groups=frozenset(), half_groups=frozenset())
    assert "join_tombstones" in acts(host.plan(access(), NOW))


def test_nothing_is_made_of_somebody_who_departed_before_they_came() -> None:
    planned = settled().plan(access(alice(state="departed")), NOW)
    assert acts(planned) == ["save"]


def test_whoever_comes_back_finds_the_account_as_it_was() -> None:
    host = settled(alice(IN_ADM))
    host.accounts["alice"] = replace(host.accounts["alice"], password="$y")
    host.apply(host.plan(access(alice(state="departed", home="archive")), NOW).changes)
    assert (host.accounts["alice"].password, host.homes) == ("!$y", {})
    planned = host.plan(access(alice(IN_ADM)), NOW)
    assert acts(planned) == ["save", "change_account", "make_home", "write_keys"]
    change = one(planned, "change_account")
    assert change.detail == {"expires": None, "unlock": True, "join": ["adm"]}
    assert (change.before, change.after) == (("closed",), ("open", "groups adm"))


@pytest.mark.parametrize("password", ["!", "!!", "!*", "*"])
def test_a_password_that_never_was_is_not_unlocked(password: str) -> None:
    host = settled(alice())
    host.accounts["alice"] = replace(host.accounts["alice"], password=password, expires=CLOSED_DAY)
    assert one(host.plan(access(alice()), NOW), "change_account").detail == {"expires": None}


@pytest.mark.parametrize("fate", ["archive", "remove"])
def test_a_home_goes_last_as_it_was_asked_for(fate: str) -> None:
    host = settled(alice())
    host.log_in("alice", NOW)
    planned = host.plan(access(alice(state="departed", home=fate)), NOW)
    assert [change.act for change in planned.changes if change.revokes] == ["close_account", "remove_keys", "end_sessions", f"{fate}_home"]
    change = one(planned, f"{fate}_home")
    assert (change.detail, change.before, change.why) == (
        {"home": "/home/alice"},
        ("home /home/alice",),
        (f"`home: {fate}` is asked for at departure",),
    )
    assert host.apply(planned.changes).plan(access(alice(state="departed", home=fate)), NOW).changes == []


@pytest.mark.parametrize(
    ("home", "owner", "note"),
    [
        ("/home/alice", -1, "alice: /home/alice stays: it is not a plain directory of their own"),
        ("/home/alice", 0, "alice: /home/alice stays: it is not a plain directory of their own"),
        ("/srv", 12001, "alice: /srv stays: it is not a plain directory of their own"),
        ("/home", 12001, "alice: /home stays: it is not a plain directory of their own (mallory live in it)"),
        ("/home/mallory", 12001, "alice: /home/mallory stays: it is not a plain directory of their own (mallory live in it)"),
    ],
)
def test_a_home_that_is_not_theirs_alone_stays(home: str, owner: int, note: str) -> None:
    host = settled(alice())
    host.accounts["alice"] = replace(host.accounts["alice"], home=home)
    host.homes = {home: owner}
    planned = host.plan(access(alice(state="departed", home="remove")), NOW)
    assert (planned.notes, "remove_home" in acts(planned)) == ([note], False)


def test_a_home_beside_one_of_a_longer_name_is_theirs_alone() -> None:
    host = settled(alice())
    host.accounts["mallory"] = replace(host.accounts["mallory"], home="/home/alice2")
    assert "remove_home" in acts(host.plan(access(alice(state="departed", home="remove")), NOW))


def processes(*units: str) -> tuple[Process, ...]:
    return tuple(Process(pid, f"p{pid}", frozenset({0}), 12001, None, unit) for pid, unit in enumerate(units))


def test_a_daemon_that_somebody_restarted_is_not_theirs_to_take_along() -> None:
    host = settled(alice())
    host.scan = lambda: processes("nginx.service", "session-1.scope", "ssh.service")  # type: ignore[method-assign]
    planned = host.plan(access(), NOW)
    assert one(planned, "end_sessions").before == ("sessions and processes: p1, p2",)
    assert planned.notes == ["alice: started what still runs as a service: nginx.service"]
    host.apply(planned.changes)
    host.scan = lambda: processes("nginx.service")  # type: ignore[method-assign]
    assert "end_sessions" not in acts(host.plan(access(), NOW))
    # Of people who stay it is no news.
    assert host.plan(access(alice(keys=())), NOW).notes == []


def test_who_loses_something_now_is_looked_for_even_where_nothing_ran_when_the_plan_was_made() -> None:
    host = settled(alice(IN_ADM))
    for wanted in (access(), access(alice())):
        change = one(host.plan(wanted, NOW), "end_sessions")
        assert (change.before, change.revokes) == ((), True)


def test_processes_are_looked_for_only_where_somebody_loses_something() -> None:
    host = settled(alice())
    scans: list[int] = []

    def scan() -> tuple[Process, ...]:
        scans.append(1)
        return ()

    host.scan = scan  # type: ignore[method-assign]
    host.plan(access(alice(IN_ADM, keys=(KEY, OTHER))), NOW)
    assert scans == []
    host.plan(access(HostPerson(Person("bob", "Bob"), (GRANT,))), NOW)
    assert scans == [1]


def test_every_door_is_shut_before_the_first_session_is_waited_for() -> None:
    people = [alice(IN_ADM), HostPerson(Person("bob", "Bob", keys=(OTHER,)), (IN_ADM,))]
    host = settled(*people)
    for login in ("alice", "bob"):
        host.log_in(login, NOW)
    order = acts(host.plan(access(), NOW))
    assert order.index("end_sessions") > max(index for index, act in enumerate(order) if act in CLOSING)


# --- What is in the way ---


def test_an_account_that_is_not_ours_is_a_fault_until_it_is_to_be_adopted() -> None:
    mallory = HostPerson(Person("mallory", "Mallory", keys=(KEY,)), (IN_ADM,))
    host = settled()
    planned = host.plan(access(mallory), NOW)
    assert faults(planned) == [
        "mallory: there is an account of this name (uid 1001) that is not ours; "
        "if it is theirs, say `adopt: true` on the person; else rename one of them"
    ]
    assert [act for act in acts(planned) if act != "save"] == []
    adopted = host.plan(access(replace(mallory, person=replace(mallory.person, adopt=True, uid=12009))), NOW)
    assert adopted.faults == []
    change = one(adopted, "change_account")
    assert change.detail == {"join": ["adm", "prod-access"]}
    assert (change.before, change.after) == (("an account that is not ours",), ("groups adm, prod-access", "adopted"))
    assert adopted.notes == ["mallory: is also in sudo, which no grant gives"]
    # Its own home, which is there, stays as it is; its number is ours to remember now.
    host.homes["/home/mallory"] = 1001
    host.apply(host.plan(access(replace(mallory, person=replace(mallory.person, adopt=True))), NOW).changes)
    assert host.ledger.people == {1001: "mallory"}


@pytest.mark.parametrize("uid", [0, 999, 60001])
def test_a_system_account_cannot_be_adopted(uid: int) -> None:
    host = settled()
    host.accounts["alice"] = Account("alice", uid, uid, "", "/", "/bin/sh")
    assert faults(host.plan(access(alice(adopt=True)), NOW)) == [
        f"alice: a system account (uid {uid}) cannot be adopted; rename the person"
    ]


@pytest.mark.parametrize("uid", [1000, 60000])
def test_the_first_and_the_last_account_that_can_be_adopted(uid: int) -> None:
    host = settled()
    host.accounts["alice"] = Account("alice", uid, uid, "", "/", "/bin/sh")
    assert host.plan(access(alice(adopt=True)), NOW).faults == []


def test_an_account_of_a_departed_persons_name_is_left_alone_unless_it_is_to_be_adopted() -> None:
    host = settled()
    host.accounts["alice"] = Account("alice", 1500, 1500, "Alice Other", "/home/alice", "/bin/sh", "$y")
    planned = host.plan(access(alice(state="departed")), NOW)
    assert (planned.faults, planned.notes) == ([], ["alice: an account of this name is not ours, and stays as it is"])
    assert "close_account" in acts(host.plan(access(alice(state="departed", adopt=True)), NOW))


def test_an_account_that_took_the_name_of_somebody_deleted_is_left_alone() -> None:
    host = settled(alice())
    host.accounts["alice"] = Account("alice", 1500, 1500, "Alice Other", "/home/other", "/bin/sh", "$y")
    planned = host.plan(access(), NOW)
    assert acts(planned) == ["save"]
    assert planned.notes == ["alice: an account of this name is not ours, and stays as it is"]


def test_a_uid_is_never_changed_but_what_is_lost_is_lost() -> None:
    host = settled(alice(IN_ADM, keys=(KEY, OTHER)))
    planned = host.plan(access(alice(GRANT, uid=12002)), NOW)
    assert faults(planned) == [
        "alice: has uid 12001 on this host, the data says 12002; "
        "uids are never changed, for files would change hands; put the host's into the data, or say `adopt: true`"
    ]
    assert [change.act for change in planned.revocations()] == ["leave_groups", "write_keys", "end_sessions", "save"]
    assert host.plan(access(alice(uid=12002, adopt=True)), NOW).faults == []


def test_a_departed_person_is_closed_whatever_uid_the_data_says() -> None:
    planned = settled(alice()).plan(access(alice(uid=12002, state="departed")), NOW)
    assert planned.faults == []
    assert planned.closing() == ["alice"]


def bob(**more: Any) -> HostPerson:
    return HostPerson(Person("bob", "Bob", **more), (GRANT,))


def test_a_uid_that_was_somebody_elses_is_never_given_again() -> None:
    host = settled(alice())
    says = "take another: a uid is never used again, for files may still carry it"
    assert faults(host.plan(access(alice(), bob(uid=12001)), NOW)) == [f"bob: uid 12001 was alice's on this host; {says}"]
    del host.accounts["alice"], host.groups["alice"]
    assert faults(host.plan(access(bob(uid=12001)), NOW)) == [f"bob: uid 12001 was alice's on this host; {says}"]
    assert faults(host.plan(access(bob(uid=1001)), NOW)) == [f"bob: uid 1001 was mallory's on this host; {says}"]
    # Also when it is the host that remembers it for him.
    host.ledger = Ledger({1001: "bob"})
    assert faults(host.plan(access(bob()), NOW)) == [f"bob: uid 1001 was mallory's on this host; {says}"]


@pytest.mark.parametrize(
    ("person", "facts", "fault"),
    [
        (
            alice(),
            {"remote": frozenset({"alice"})},
            "a directory service (NSS) already has an account of this name; give access there, or rename the person",
        ),
        (alice(shell="/bin/fish"), {}, "/bin/fish is not on this host; install it, or choose another shell"),
        (
            alice(replace(GRANT, groups=("wheel",))),
            {},
            "the group wheel is not on this host; install what brings it, or take it out of the grant",
        ),
        (
            alice(until=SOON),
            {"ends_keys": False},
            "the OpenSSH of this host cannot end a key at its time; take `until` away, or OpenSSH 9.1 or newer",
        ),
    ],
)
def test_what_is_missing_on_the_host_is_a_fault_of_the_person(person: HostPerson, facts: dict[str, Any], fault: str) -> None:
    planned = settled().plan(access(person), NOW, **facts)
    assert faults(planned) == [f"alice: {fault}"]
    assert not {"create_account", "write_keys"} & set(acts(planned))


def test_what_is_missing_for_somebody_who_is_there_already() -> None:
    planned = settled(alice(IN_ADM)).plan(access(alice(replace(GRANT, groups=("wheel",)), shell="/bin/fish")), NOW)
    assert len(planned.faults) == 2
    assert [change.act for change in planned.revocations()] == ["leave_groups", "end_sessions", "save"]
    assert "change_account" not in acts(planned)


def test_keys_without_an_end_need_no_new_sshd() -> None:
    assert settled().plan(access(alice()), NOW, ends_keys=False).faults == []


def test_a_group_or_a_home_of_the_name_is_in_the_way_of_a_new_account() -> None:
    host = settled()
    host.groups["alice"] = 5000
    host.homes["/home/alice"] = 1001
    assert faults(host.plan(access(alice()), NOW)) == [
        "alice: there is a group of this name (gid 5000) and no account; see whose it is, then: groupdel alice",
        "alice: /home/alice is there already and is not a directory of uid 12001; "
        "see whose it is, then move it: mv /home/alice /home/alice.old",
    ]


def test_a_home_that_waits_for_its_owner_is_in_nobodys_way() -> None:
    host = settled()
    host.homes["/home/alice"] = 12001
    assert host.plan(access(alice()), NOW).faults == []


def test_a_group_of_the_host_does_not_become_a_team() -> None:
    host = settled()
    host.groups["web"] = 5000
    assert faults(host.plan(access(alice(IN_WEB)), NOW)) == [
        "web: there is a group of this name (gid 5000) that is not ours; rename the team, or remove the group"
    ]


def test_a_gid_is_never_changed_and_never_given_again() -> None:
    host = settled(alice(IN_WEB), web=13001)
    assert faults(host.plan(access(alice(IN_WEB), web=13002), NOW)) == [
        "web: has gid 13001 on this host, the data says 13002; put the host's into the data: gids are never changed"
    ]
    assert faults(host.plan(access(alice(IN_WEB), ops=13001), NOW)) == ["ops: gid 13001 is web's on this host; take another"]
    assert faults(host.plan(access(alice(IN_WEB), ops=27), NOW)) == ["ops: gid 27 is sudo's on this host; take another"]
    del host.groups["web"]
    assert faults(host.plan(access(alice(), ops=13001), NOW)) == ["ops: gid 13001 is web's on this host; take another"]
    assert host.plan(access(alice(IN_WEB), web=13001), NOW).faults == []


def test_a_fault_of_one_keeps_nobody_from_losing_what_they_lost() -> None:
    host = settled(alice(IN_ADM), bob(keys=(OTHER,)))
    planned = host.plan(access(alice(), bob(state="departed"), HostPerson(Person("mallory", "M"), (GRANT,))), NOW)
    assert len(planned.faults) == 1
    assert [(change.act, change.person) for change in planned.revocations()] == [
        ("leave_groups", "alice"),
        ("close_account", "bob"),
        ("remove_keys", "bob"),
        ("end_sessions", "alice"),
        ("end_sessions", "bob"),
        ("save", None),
    ]


def test_what_was_lost_while_something_stood_in_the_way_is_lost_once() -> None:
    host = settled(alice(IN_ADM), bob(keys=(OTHER,)))
    wanted = access(alice(), bob(state="departed"), HostPerson(Person("mallory", "M"), (GRANT,)))
    planned = host.plan(wanted, NOW)
    host.apply(planned.revocations())
    assert host.saved is not None
    assert host.saved.given["alice"].groups == frozenset()
    assert "bob" not in host.saved.given
    assert host.saved.access.people["alice"] == alice(IN_ADM), "nothing new is in force"
    again = host.plan(wanted, NOW)
    assert again.faults == planned.faults
    assert again.revocations() == []
    # Who was gone since long and is found running something has lost nothing that was still remembered.
    uid = host.accounts["bob"].uid
    host.scan = lambda: (Process(7, "bash", frozenset({uid}), uid, 7, "session-7.scope"),)  # type: ignore[method-assign]
    assert [change.act for change in host.plan(wanted, NOW).revocations()] == ["end_sessions"]


def test_a_host_without_memory_has_none_to_mend() -> None:
    host = settled(alice(IN_ADM))
    host.saved = None
    planned = host.plan(access(HostPerson(Person("mallory", "M"), (GRANT,))), NOW)
    assert planned.faults
    assert "save" not in [change.act for change in planned.revocations()]


def test_what_revocations_stand_on_comes_with_them() -> None:
    planned = Simulation().plan(access(HostPerson(Person("mallory", "M"), (GRANT,))), NOW)
    assert [change.act for change in planned.revocations()] == ["create_own_group", "make_folders"]


# --- Many at once ---


def crowd(number: int, **more: Any) -> list[HostPerson]:
    return [HostPerson(Person(f"user{index:02}", "User", **more), (GRANT,)) for index in range(number)]


@pytest.mark.parametrize(
    ("people", "closing", "stops"),
    [(2, 2, False), (3, 3, True), (14, 3, True), (15, 3, False), (16, 3, False), (20, 4, False), (19, 4, True)],
)
def test_many_people_at_once_lose_their_access_on_purpose_only(people: int, closing: int, stops: bool) -> None:
    host = settled(*crowd(people))
    planned = host.plan(access(*crowd(people)[closing:]), NOW, Options())
    assert bool(planned.faults) is stops
    if stops:
        assert faults(planned) == [
            f"host: {closing} of {people} people would lose their access ({', '.join(f'user{i:02}' for i in range(closing))}, …); "
            "if that is meant: -e accounts_allow_mass_removal=true"
        ]
        assert planned.revocations() == []
    assert len(host.plan(access(*crowd(people)[closing:]), NOW, Options(allow_mass_removal=True)).closing()) == closing


def test_tombstones_do_not_count_among_those_who_have_access() -> None:
    host = settled(*crowd(15))
    host.apply(host.plan(access(*crowd(14)), NOW).changes)
    assert host.plan(access(*crowd(11)), NOW, Options()).faults
    assert not host.plan(access(*crowd(12)), NOW, Options()).faults


# --- One person only ---


def test_only_one_person_is_touched() -> None:
    host = settled(alice(), bob(keys=(OTHER,)))
    host.key_files["bob"] = ""
    robert = HostPerson(Person("bob", "Robert"), (IN_ADM,))
    wanted = access(alice(IN_ADM), robert).only("alice", host.saved.access if host.saved else None)
    planned = host.plan(wanted, NOW, Options(only="alice"))
    assert [(change.act, change.person) for change in planned.changes] == [("save", None), ("change_account", "alice")]
    host.apply(planned.changes)
    assert host.saved is not None
    assert set(host.saved.given) == {"alice", "bob"}
    # And when she goes, she alone is forgotten.
    gone = host.plan(access(bob()).only("alice", host.saved.access), NOW, Options(only="alice"))
    assert {change.person for change in gone.changes} == {"alice", None}
    assert set(host.apply(gone.changes).saved.given) == {"bob"}


def test_only_one_person_of_a_host_that_remembers_nothing() -> None:
    host = Simulation()
    host.apply(host.plan(access(alice()).only("alice", None), NOW, Options(only="alice")).changes)
    assert host.saved is not None
    assert set(host.saved.given) == {"alice"}


# --- The host as a whole ---


def test_what_a_killed_useradd_left_is_finished_first() -> None:
    host = settled(alice())
    host.accounts["alice"] = replace(host.accounts["alice"], lacks=frozenset({"line in shadow", "group"}))
    host.homes["/home/alice"] = 0
    planned = host.plan(access(alice()), NOW)
    assert acts(planned) == ["finish_account", "make_home"]
    assert planned.changes[0].detail == {"gid": 12001, "lacks": ["group", "line in shadow"]}
    assert planned.changes[0].after == ("group, line in shadow, which a useradd that was killed did not write",)


def test_a_home_elsewhere_is_not_made() -> None:
    host = settled(alice())
    host.accounts["alice"] = replace(host.accounts["alice"], home="/srv/alice")
    host.homes = {}
    assert host.plan(access(alice()), NOW).changes == []


def test_what_others_undid_of_the_host_is_done_again() -> None:
    people = access(alice(until=SOON))
    host = settled(alice(until=SOON))
    host.drop_in = "# nothing\n"
    assert acts(host.plan(people, NOW)) == ["install_sshd"]
    host = settled(alice(until=SOON))
    host.includes_drop_in = False
    change = one(host.plan(people, NOW), "install_sshd")
    assert (change.detail, len(change.after)) == ({"include": True}, 2)
    host = settled(alice(until=SOON))
    host.timer, host.programs, host.folders = None, False, False
    planned = host.plan(people, NOW)
    assert acts(planned) == ["make_folders", "install_programs", "write_timer"]
    assert one(planned, "write_timer").detail == {"text": timer_text(people)}
    assert one(planned, "write_timer").after == (f"something ends at {SOON.systemd()}",)


def test_the_memory_is_news_only_the_first_time() -> None:
    assert one(Simulation().plan(access(), NOW), "save").after == ("memory of who has access, and why",)
    assert one(settled().plan(access(alice(state="departed")), NOW), "save").after == ()


def test_a_diff_tells_who_and_what_and_why_once() -> None:
    changes = [
        Change("one", "alice", before=("a",), after=("b", "c"), why=("because",)),
        Change("two", "alice", after=("d",), why=("because",)),
        Change("three", before=("e",), why=("of course",)),
    ]
    assert Plan.diff(changes) == {
        "before": "alice: a\nhost: e\n",
        "after": "alice: b\nalice: c\nalice:   because because\nalice: d\nhost:   because of course\n",
    }
    assert changes[0].to_data() == {"act": "one", "person": "alice", "before": ["a"], "after": ["b", "c"], "why": ["because"]}
