"""The sudoers file: what is rendered says what the grants say, in words that sudo reads as they are meant."""

from __future__ import annotations

from ansible_collections.safetynet.prod_access.plugins.module_utils._access import Access, HostGrant, HostPerson
from ansible_collections.safetynet.prod_access.plugins.module_utils._model import Person
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._sudo_rule import Command, Sudo, SudoRule
from ansible_collections.safetynet.prod_access.plugins.module_utils._sudoers import (
    Entry,
    Power,
    Settings,
    entries_of,
    listed,
    narrowed,
    parse,
    powers_of,
    render,
    written,
)
from ansible_collections.safetynet.prod_access.tests.unit.strategies import RULES, TEXTS
from hypothesis import given
from hypothesis import strategies as st

NOW = Moment.parse("2026-11-25T12:00:00Z")
LATER = Moment.parse("2027-01-01T00:00:00Z")


def grant(sudo: Sudo, number: int = 0, until: Moment | None = None) -> HostGrant:
    return HostGrant(f"prod_access_grants_x[{number}] (group production)", "They run it.", "ops", sudo, until=until)


def person(login: str, *grants: HostGrant, until: Moment | None = None) -> HostPerson:
    return HostPerson(Person(login, name=login.title(), until=until), grants)


def access(*people: HostPerson) -> Access:
    return Access({one.person.login: one for one in people})


SUDO = st.sampled_from(["none", "full"]) | st.lists(RULES, min_size=1, max_size=2).map(tuple)
# Few of them, so that people share some.
SHARED = st.lists(
    st.builds(HostGrant, source=TEXTS, why=TEXTS, team=st.none(), sudo=SUDO, until=st.sampled_from([None, LATER, NOW])),
    min_size=1,
    max_size=3,
)
ACCESSES = SHARED.flatmap(
    lambda grants: st.dictionaries(
        st.sampled_from(["alice", "bob", "carol", "d.e-f"]), st.lists(st.sampled_from(grants), max_size=2, unique=True), max_size=4
    ).map(lambda people: access(*(person(login, *some) for login, some in people.items())))
)


def test_people_of_one_grant_and_one_end_share_an_entry() -> None:
    ops = grant("full")
    found = entries_of(access(person("alice", ops), person("bob", ops, until=LATER), person("carol", ops)), NOW)
    why = ("prod_access_grants_x[0] (group production): team ops: They run it.",)
    assert found == [
        Entry(("alice", "carol"), ("ALL",), "ALL : ALL", comments=why),
        Entry(("bob",), ("ALL",), "ALL : ALL", until=LATER, comments=why),
    ]


def test_the_file_as_a_person_reads_it() -> None:
    rules = (
        SudoRule(commands=("/usr/local/bin/reindex --shard {1,2}",), run_as=("search", "web"), unsafe="Nobody else can."),
        SudoRule(edit=("/etc/search.yml",)),
    )
    late = grant((SudoRule(commands=("/usr/bin/id",), password=True),), 10, LATER)
    text = render(entries_of(access(person("alice", grant(rules, 9), late)), NOW), Settings())
    assert (
        text
        == """\
# Managed by safetynet.prod_access: a change here is undone by the next run.
# Who may do what on this host, by the grants of the inventory, each with its reason.
Defaults:%prod-access use_pty, env_reset, !visiblepw, passwd_tries=3, timestamp_timeout=5
Defaults:%prod-access secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
Defaults:%prod-access env_file=/etc/prod-access/sudo.env

# prod_access_grants_x[10] (group production): team ops: They run it.
alice ALL = (root) NOTAFTER=20261231235959Z PASSWD: /usr/bin/id ""

# prod_access_grants_x[9] (group production): team ops: They run it.
# unsafe: Nobody else can.
alice ALL = (search, web) NOPASSWD: /usr/local/bin/reindex --shard 1, /usr/local/bin/reindex --shard 2

# prod_access_grants_x[9] (group production): team ops: They run it.
alice ALL = (root) NOPASSWD: sudoedit /etc/search.yml
"""
    )


def test_item_ten_comes_after_item_nine() -> None:
    found = entries_of(access(person("alice", grant("full", 10), grant("full", 9))), NOW)
    assert ["[9]" in entry.comments[0] for entry in found] == [True, False]


def test_services_have_no_pager_and_each_name_of_the_unit() -> None:
    (entry,) = entries_of(access(person("alice", grant((SudoRule(services=("a.service", "b.timer")),)))), NOW)
    assert "/usr/bin/systemctl restart a.service" in entry.commands
    assert "/usr/bin/systemctl restart a" in entry.commands
    assert "/usr/bin/journalctl --no-pager -u b.timer" in entry.commands
    assert "/usr/bin/systemctl restart b" not in entry.commands
    assert all("--no-pager" in command for command in entry.commands if "status" in command or "journalctl" in command)


def test_words_that_mean_something_to_sudoers_are_escaped() -> None:
    assert written(Command("/usr/bin/x")) == '/usr/bin/x ""'
    assert written(Command("/usr/bin/x", "a=b,c:d #e \\ f")) == "/usr/bin/x a\\=b\\,c\\:d \\#e \\\\\\\\ f"
    assert written(Command("/usr/bin/x", "^a{1,2}\\.[b,:=]$", pattern=True)) == "/usr/bin/x ^a{1,2}\\.[b,:=]$"


def test_sudo_lists_one_of_two_backslashes_and_patterns_as_they_are() -> None:
    assert Power("root", False, None, "/usr/bin/x a\\\\\\\\b\\,c").as_listed().command == "/usr/bin/x a\\\\b\\,c"
    assert Power("root", False, None, "/usr/bin/x ^a\\\\b$").as_listed().command == "/usr/bin/x ^a\\\\b$"


def test_a_comment_does_not_swallow_the_rule_below_it() -> None:
    why = HostGrant("x[0]", "They said: \\", sudo="full")
    assert "# x[0]: They said: \\ .\nalice ALL" in render(entries_of(access(person("alice", why)), NOW), Settings())


def test_what_sudo_lists() -> None:
    said = """\
Matching Defaults entries for alice on web1:
    use_pty

User alice may run the following commands on web1:
    (ALL : ALL) NOPASSWD: ALL
    (search, web) NOTAFTER=20261231235959Z PASSWD: /usr/bin/x a\\,b, /usr/bin/y ""
    (ALL) SETENV: nonsense
    neither user nor command
"""
    assert listed(said) == {
        Power("ALL : ALL", False, None, "ALL"),
        Power("search, web", True, LATER, "/usr/bin/x a\\,b"),
        Power("search, web", True, LATER, '/usr/bin/y ""'),
        Power("ALL", True, None, "SETENV: nonsense"),
    }
    assert listed("User alice is not allowed to run sudo on web1.\n") == frozenset()


@given(ACCESSES)
def test_what_is_rendered_reads_back_the_same(found: Access) -> None:
    entries = entries_of(found, NOW)
    assert powers_of(parse(render(entries, Settings()))) == powers_of(entries)


@given(SHARED, st.data())
def test_narrowing_gives_nothing_new_and_keeps_what_both_have(grants: list[HostGrant], data: st.DataObject) -> None:
    some = st.lists(st.sampled_from(grants), max_size=2, unique=True)
    wanted, before = (access(*(person(login, *data.draw(some)) for login in ("alice", "bob", "carol"))) for _time in range(2))
    entries, limit = entries_of(wanted, NOW), powers_of(entries_of(before, NOW))
    kept = powers_of(narrowed(entries, limit))
    every = powers_of(entries)
    assert kept == {login: both for login, powers in every.items() for both in [powers & limit.get(login, frozenset())] if both}
    assert powers_of(narrowed(entries, every)) == every


@given(st.text())
def test_anything_can_be_read(text: str) -> None:
    assert isinstance(parse(text), list)
    assert isinstance(listed(text), frozenset)


def test_an_entry_is_split_where_one_person_had_less() -> None:
    rules = (SudoRule(commands=("/usr/bin/a", "/usr/bin/b")),)
    before = powers_of(entries_of(access(person("alice", grant(rules)), person("bob", grant((SudoRule(commands=("/usr/bin/b",)),)))), NOW))
    found = narrowed(
        entries_of(access(person("alice", grant(rules)), person("bob", grant(rules)), person("carol", grant(rules))), NOW), before
    )
    assert [(entry.users, entry.commands) for entry in found] == [
        (("alice",), ('/usr/bin/a ""', '/usr/bin/b ""')),
        (("bob",), ('/usr/bin/b ""',)),
    ]


def test_everything_as_a_user_and_long_lines() -> None:
    rules = (SudoRule(everything=True, run_as=("search",)), SudoRule(commands=tuple(f"/usr/bin/{letter * 60}" for letter in "abc")))
    entries = entries_of(access(person("alice", grant(rules))), NOW)
    text = render(entries, Settings())
    assert "alice ALL = (search) NOPASSWD: ALL\n" in text
    assert max(map(len, text.splitlines())) <= 122
    assert powers_of(parse(text)) == powers_of(entries)


def test_a_power_as_people_read_it() -> None:
    assert str(Power("root", True, LATER, "/usr/bin/id")) == "/usr/bin/id as root, until 2027-01-01T00:00:00Z, with a password"
    assert str(Power("root", False, None, "/usr/bin/id")) == "/usr/bin/id as root"
