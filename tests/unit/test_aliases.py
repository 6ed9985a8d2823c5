"""People by what they do: no name is left anywhere, and nobody changes theirs."""

from __future__ import annotations

from ansible_collections.safetynet.prod_access.plugins.module_utils._model import Person, Team
from ansible_collections.safetynet.prod_access.plugins.module_utils._resolve import Model
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._aliases import Aliases

MODEL = Model(
    people={
        "alice": Person("alice", name="Alice Murphy", email="am@example.com"),
        "bob.b": Person("bob.b", name="bob.b"),
        "carol": Person("carol", name="Carol (Ops) Szabó"),
        "erin": Person("erin", name="Erin"),
        "dual": Person("dual", name="Dual Role"),
        "postgres": Person("postgres", name="An Odd Name"),
    },
    teams={
        "dev": Team("dev", ("alice", "bob.b", "dual"), kind="development"),
        "ops": Team("ops", ("carol", "dual"), kind="operations"),
        "other": Team("other", ("erin",)),
    },
)


def aliases(before: dict[str, str] | None = None, *, names: bool = False) -> Aliases:
    return Aliases(MODEL, "2026-11-25-x", before or {}, names=names)


def test_people_are_called_by_what_they_do() -> None:
    some = aliases()
    assert [some.of(login) for login in ("carol", "bob.b", "alice", "erin", "dual", "carol")] == [
        "operator 1",
        "developer 1",
        "developer 2",
        "person 1",
        "developer 3",
        "operator 1",
    ]
    assert [some.of(login) for login in ("root", "postgres", "nobody-known")] == ["root", "postgres", "nobody-known"]
    some.meet(["visitor", "root", ""])
    assert [some.of(login) for login in ("visitor", "root", "")] == ["person 2", "root", ""]


def test_they_keep_it_when_others_come_before_them() -> None:
    first = aliases()
    assert first.of("bob.b") == "developer 1"
    again = aliases(first.known)
    assert [again.of("alice"), again.of("bob.b")] == ["developer 2", "developer 1"]
    assert not any(name in str(again.known) for name in MODEL.people), "nobody reads names there"
    other = Aliases(MODEL, "another", first.known, names=False)
    assert other.of("bob.b") == "developer 2", "the hashes of one document tell nothing about another one"


def test_names_within_texts() -> None:
    some = aliases()
    text = some.text("access of alice changed; cd /home/alice/x, alice-laptop, bob.b, malice, ALICE, alice.txt am@example.com")
    assert text == (
        "access of developer 1 changed; cd /home/developer 1/x, developer 1-laptop, developer 2, malice, ALICE, developer 1.txt "
        "am@example.com"
    )
    assert some.text("alice murphy <am@example.com>, Carol (Ops) Szabó", full=True) == "developer 1 <developer 1>, operator 1"


def test_authors_of_commits_are_people() -> None:
    some = aliases()
    assert some.meet_author("Somebody", "AM@example.com") == "alice"
    assert some.meet_author("Erin", "e@elsewhere") == "erin"
    assert some.meet_author("New Comer", "new@example.com") == "new@example.com"
    assert some.of("new@example.com") == "person 1"
    assert some.text("by New Comer", full=True) == "by person 1"
    assert some.meet_author("Nameless", "") == "Nameless"


def test_an_event_has_no_name_left_and_nothing_that_is_as_good_as_one() -> None:
    event = {
        "kind": "access_change",
        "what": "access of alice: Alice Murphy",
        "person": "carol",
        "user": "root",
        "details": {"owner": "carol on desk", "key": "SHA256:x", "address": "192.0.2.1"},
        "more": [{"what": "alice again", "record": "2"}],
    }
    assert aliases().event(event) == {
        "kind": "access_change",
        "what": "access of developer 1: developer 1",
        "person": "operator 1",
        "user": "root",
        "details": {"owner": "operator 1 on desk"},
        "more": [{"what": "developer 1 again", "record": "2"}],
    }
    assert aliases(names=True).event(event) == event
    assert aliases().event({"kind": "login", "what": "x"}) == {"kind": "login", "what": "x"}
    assert Aliases(Model(), "x", {}, names=False).text("alice", full=True) == "alice"
