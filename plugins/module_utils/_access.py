# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access of one host: what the resolver answers, what travels to the host, and what the host keeps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Mapping

from ._model import Person
from ._moment import Moment, earliest
from ._ssh_key import SshKey
from ._sudo_rule import Sudo, SudoRule


@dataclass(frozen=True)
class HostGrant:
    """A grant as one person has it: where it stands in the inventory, through which team, and what it gives."""

    source: str
    why: str
    team: str | None = None
    sudo: Sudo = "none"
    groups: tuple[str, ...] = ()
    until: Moment | None = None
    unsafe: str | None = None

    def reason(self) -> str:
        return (f"team {self.team}: " if self.team else "") + self.why

    def memberships(self) -> frozenset[str]:
        """The groups of the host that it puts a person into."""
        return frozenset(self.groups) | (frozenset((self.team,)) if self.team else frozenset())

    def to_data(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "why": self.why,
            "team": self.team,
            "sudo": self.sudo if isinstance(self.sudo, str) else [rule.to_data() for rule in self.sudo],
            "groups": list(self.groups),
            "until": _text(self.until),
            "unsafe": self.unsafe,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> HostGrant:
        sudo = data["sudo"]
        return cls(
            source=data["source"],
            why=data["why"],
            team=data["team"],
            sudo=sudo if isinstance(sudo, str) else tuple(SudoRule.from_data(rule) for rule in sudo),
            groups=tuple(data["groups"]),
            until=_moment(data["until"]),
            unsafe=data["unsafe"],
        )


@dataclass(frozen=True)
class HostPerson:
    """A person whom some grant names on this host, or who has departed."""

    person: Person
    grants: tuple[HostGrant, ...] = ()

    def in_force(self, now: Moment) -> tuple[HostGrant, ...]:
        """The grants that give something at this moment."""
        person = self.person
        if person.state != "active" or _past(person.until, now):
            return ()
        return tuple(grant for grant in self.grants if not _past(grant.until, now))

    def end(self) -> Moment | None:
        """When all access of this person on this host ends; None when no end is set."""
        ends = [grant.until for grant in self.grants]
        last = None if None in ends else max((end for end in ends if end is not None), default=None)
        return earliest(self.person.until, last)

    def keys_in_force(self, now: Moment) -> tuple[SshKey, ...]:
        """The keys that open a session at this moment, each with its own end."""
        if not self.in_force(now):
            return ()
        keys = (key.ending(self.end()) for key in self.person.keys)
        return tuple(key for key in keys if not _past(key.until, now))

    def moments(self) -> frozenset[Moment]:
        """Every moment at which something of this person's ends."""
        ends = [self.person.until, *(key.until for key in self.person.keys), *(grant.until for grant in self.grants)]
        return frozenset(end for end in ends if end is not None)

    def to_data(self) -> dict[str, Any]:
        person = self.person
        return {
            "name": person.name,
            "uid": person.uid,
            "shell": person.shell,
            "keys": [key.to_data() for key in person.keys],
            "until": _text(person.until),
            "state": person.state,
            "home": person.home,
            "adopt": person.adopt,
            "grants": [grant.to_data() for grant in self.grants],
        }

    @classmethod
    def from_data(cls, login: str, data: Mapping[str, Any]) -> HostPerson:
        person = Person(
            login,
            name=data["name"],
            uid=data["uid"],
            shell=data["shell"],
            keys=tuple(SshKey.from_data(key) for key in data["keys"]),
            until=_moment(data["until"]),
            state=data["state"],
            home=data["home"],
            adopt=data["adopt"],
        )
        return cls(person, tuple(HostGrant.from_data(grant) for grant in data["grants"]))


@dataclass(frozen=True)
class Access:
    """Everything that one host needs to know.

    ``people`` holds those whom a grant names here, and all departed ones. ``teams`` maps the teams that have a grant here
    to their gid. ``reserved`` maps each uid in the inventory to its owner, here or not, so that no other account gets it.
    """

    people: dict[str, HostPerson] = field(default_factory=dict)
    teams: dict[str, int | None] = field(default_factory=dict)
    reserved: dict[int, str] = field(default_factory=dict)

    def moments(self) -> list[Moment]:
        return sorted(frozenset().union(*(person.moments() for person in self.people.values())))

    def only(self, login: str, before: Access | None) -> Access:
        """This access for one person, with everybody else as they were before."""
        people = dict(before.people) if before else {}
        people.pop(login, None)
        teams = dict(before.teams) if before else {}
        if login in self.people:
            people[login] = self.people[login]
            for grant in self.people[login].grants:
                if grant.team is not None:
                    teams[grant.team] = self.teams[grant.team]
        return replace(self, people=people, teams=teams)

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "people": {login: person.to_data() for login, person in sorted(self.people.items())},
            "teams": dict(sorted(self.teams.items())),
            "reserved": {str(uid): login for uid, login in sorted(self.reserved.items())},
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Access:
        """Read back what :meth:`to_data` made."""
        return cls(
            people={login: HostPerson.from_data(login, person) for login, person in data["people"].items()},
            teams=dict(data["teams"]),
            reserved={int(uid): login for uid, login in data["reserved"].items()},
        )


def _past(moment: Moment | None, now: Moment) -> bool:
    return moment is not None and moment <= now


def _text(moment: Moment | None) -> str | None:
    return None if moment is None else str(moment)


def _moment(text: str | None) -> Moment | None:
    return None if text is None else Moment.parse(text)
