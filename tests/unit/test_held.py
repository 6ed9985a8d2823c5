"""What is new is held back; what was there stays, and what is taken away goes."""

from __future__ import annotations

from typing import Any

from ansible_collections.safetynet.prod_access.plugins.module_utils._access import Access, HostGrant, HostPerson
from ansible_collections.safetynet.prod_access.plugins.module_utils._held import held
from ansible_collections.safetynet.prod_access.plugins.module_utils._model import Person
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._sudo_rule import Sudo, SudoRule

NOW = Moment.parse("2026-11-26T12:00:00Z")
PAST = Moment.parse("2026-11-01T12:00:00Z")
ONE, TWO = SudoRule(commands=("/usr/bin/one",)), SudoRule(services=("two.service",))
CHANGED = SudoRule(commands=("/usr/bin/one", "/usr/bin/more"))


def access(*grants: HostGrant, **about: Any) -> Access:
    return Access({"ann": HostPerson(Person("ann", name="Ann", **about), grants)})


def grant(sudo: Sudo = "none", **more: Any) -> HostGrant:
    return HostGrant("all[0]", "why", sudo=sudo, **more)


def given(before: Access | None, wanted: Access) -> tuple[list[Sudo], list[str]]:
    """What sudo gives after it, grant by grant, and what was held back."""
    kept, news = held(wanted, before, NOW)
    return [one.sudo for one in kept.people["ann"].grants] if "ann" in kept.people else [], news.get("ann", [])


def test_who_had_nothing_gets_nothing() -> None:
    for before in (None, Access(), access(grant(until=PAST))):
        assert given(before, access(grant("full"))) == ([], ["access"])


def test_what_was_there_stays() -> None:
    for sudo in ("none", "full", (ONE, TWO)):
        assert given(access(grant(sudo)), access(grant(sudo))) == ([sudo], [])


def test_who_has_departed_or_whose_access_has_ended_is_as_the_inventory_says() -> None:
    for wanted in (access(state="departed"), access(grant("full", until=PAST)), access(grant("full"), state="suspended")):
        assert held(wanted, access(grant("full")), NOW) == (wanted, {})


def test_less_goes_through() -> None:
    assert given(access(grant("full")), access(grant((ONE,)))) == ([(ONE,)], [])
    assert given(access(grant((ONE, TWO))), access(grant((TWO,)))) == ([(TWO,)], [])
    assert given(access(grant((ONE,))), access(grant("none"))) == (["none"], [])


def test_more_does_not_and_what_was_there_stays() -> None:
    more = ["more of sudo, by all[0]"]
    assert given(access(grant()), access(grant("full"))) == (["none"], more)
    assert given(access(grant((ONE,))), access(grant("full"))) == ([(ONE,)], more)
    assert given(access(grant((ONE,))), access(grant((ONE, TWO)))) == ([(ONE,)], more)
    assert given(access(grant((ONE,))), access(grant((CHANGED,)))) == ([(ONE,)], more)
    assert given(access(grant((ONE,))), access(grant((TWO,)))) == (["none"], more), "one goes, and two is new"
    every = SudoRule(everything=True, run_as=("search",))
    assert given(access(grant((every,))), access(grant((SudoRule(everything=True, run_as=("root",)),)))) == ([(every,)], more)


def test_groups_and_teams() -> None:
    kept, news = held(access(grant(groups=("adm", "disk"), team="ops")), access(grant(groups=("adm", "video"))), NOW)
    (one,) = kept.people["ann"].grants
    assert (one.groups, one.team) == (("adm",), None)
    assert news == {"ann": ["the group disk, ops, by all[0]"]}
    same = access(grant(groups=("adm",), team="ops"))
    assert held(same, same, NOW) == (same, {})
