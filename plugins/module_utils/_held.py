# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an access is new on a host. It is held back where nobody has proven the net under it; what was there stays, or goes as asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Iterable

from ._access import Access, HostGrant, HostPerson
from ._moment import Moment
from ._sudo_rule import Sudo, SudoRule


@dataclass(frozen=True)
class _Had:
    """What somebody had in force, by all grants together."""

    is_full: bool
    rules: tuple[SudoRule, ...]
    groups: frozenset[str]

    @classmethod
    def of(cls, grants: Iterable[HostGrant]) -> _Had:
        grants = list(grants)
        rules = tuple(rule for grant in grants if not isinstance(grant.sudo, str) for rule in grant.sudo)
        groups = frozenset(group for grant in grants for group in grant.memberships())
        return cls(any(grant.sudo == "full" for grant in grants), rules, groups)

    def sudo(self, wanted: Sudo) -> Sudo:
        """As much of it as they had. A rule that was changed stays as it was, since nobody can say which part of it is more."""
        if self.is_full or wanted == "none":
            return wanted
        if isinstance(wanted, str):
            return self.rules or "none"
        kept: list[SudoRule] = []
        for rule in wanted:
            kept += [rule] if rule in self.rules else [old for old in self.rules if _akin(old, rule)]
        return tuple(dict.fromkeys(kept)) or "none"


def held(wanted: Access, had: Access | None, now: Moment) -> tuple[Access, dict[str, list[str]]]:
    """The access without what is new, and what that is, by person. ``had`` is what the host was last made to agree with.

    New keys of people who have access anyway, and later ends, are not new access.
    """
    people: dict[str, HostPerson] = {}
    news: dict[str, list[str]] = {}
    for login, person in wanted.people.items():
        before = had.people[login].in_force(now) if had and login in had.people else ()
        if not person.in_force(now):
            people[login] = person
        elif not before:
            news[login] = ["access"]
        else:
            people[login], more = _reduced(person, _Had.of(before))
            if more:
                news[login] = more
    return replace(wanted, people=people), news


def _reduced(person: HostPerson, had: _Had) -> tuple[HostPerson, list[str]]:
    grants, news = [], []
    for grant in person.grants:
        kept = replace(
            grant,
            sudo=had.sudo(grant.sudo),
            groups=tuple(group for group in grant.groups if group in had.groups),
            team=grant.team if grant.team in had.groups else None,
        )
        if kept.sudo != grant.sudo:
            news.append(f"more of sudo, by {grant.source}")
        if kept.memberships() != grant.memberships():
            news.append(f"the group {', '.join(sorted(grant.memberships() - kept.memberships()))}, by {grant.source}")
        grants.append(kept)
    return replace(person, grants=tuple(grants)), news


def _akin(one: SudoRule, other: SudoRule) -> bool:
    """Whether two rules are about the same services, programs or files."""
    return any(
        set(some) & set(others)
        for some, others in ((one.services, other.services), (one.programs(), other.programs()), (one.edit, other.edit))
    ) or (one.everything and other.everything)
