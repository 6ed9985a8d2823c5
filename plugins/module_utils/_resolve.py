# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From inventory variables to the access of each host, with the reasons kept. Nobody else interprets grants."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator, Mapping

from ._access import Access, HostGrant, HostPerson
from ._model import Grant, Person, Team
from ._moment import Moment
from ._names import some
from ._node import Node, Path, Problem
from ._ssh_key import RSA_FLOOR_BITS, RSA_MIN_BITS

PREFIX = "prod_access_"
PEOPLE = PREFIX + "people"
TEAMS = PREFIX + "teams"
GRANTS = PREFIX + "grants_"
ENVIRONMENT = PREFIX + "environment"
RSA_BITS = PREFIX + "rsa_min_bits"
EXTRA = "extra vars (-e)"
_KNOWN = (PEOPLE, TEAMS, GRANTS + "<name>", ENVIRONMENT, RSA_BITS)
_SOON = 14 * 86400


@dataclass(frozen=True)
class Inventory:
    """What the inventory says, before anybody interprets it.

    ``scopes`` maps each place that variables are set in (``group production``, ``host web1``, EXTRA) to its variables;
    ``hosts`` maps each host to its scopes, the weakest first.
    """

    scopes: Mapping[str, Mapping[str, Any]]
    hosts: Mapping[str, tuple[str, ...]]

    def setting(self, host: str, variable: str) -> tuple[str, ...]:
        """The scopes of a host that set a variable, the weakest first."""
        return tuple(scope for scope in self.hosts[host] if variable in self.scopes[scope])


@dataclass
class Model:
    """The checked inventory."""

    people: dict[str, Person] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    grants: dict[str, dict[str, tuple[Grant, ...]]] = field(default_factory=dict)
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    environments: dict[str, str] = field(default_factory=dict)
    _members: dict[str, frozenset[str]] = field(default_factory=dict)

    def members(self, team: str) -> frozenset[str]:
        """The logins in a team, those of the teams within it included."""
        if team not in self._members:
            logins: set[str] = set()
            self._members[team] = frozenset()  # Ends the recursion where teams form a cycle, which is an error elsewhere.
            for member in self.teams[team].members if team in self.teams else ():
                logins |= self.members(member[1:]) if member.startswith("@") else {member}
            self._members[team] = frozenset(logins)
        return self._members[team]

    def grants_of(self, host: str) -> Iterator[Grant]:
        by_variable: dict[str, tuple[Grant, ...]] = {}
        for scope in self.hosts[host]:
            by_variable.update(self.grants.get(scope, {}))
        for variable in sorted(by_variable):
            yield from by_variable[variable]

    def environment(self, host: str) -> str | None:
        """The environment of a host, as its nearest group says it, or itself."""
        said = [self.environments[scope] for scope in self.hosts[host] if scope in self.environments]
        return said[-1] if said else None

    def access(self, host: str) -> Access:
        """Resolve one host. Only sensible for a model without errors."""
        granted: dict[str, list[HostGrant]] = {}
        teams: dict[str, int | None] = {}
        for grant in self.grants_of(host):
            if grant.team is not None:
                teams[grant.team] = self.teams[grant.team].gid
            for login in self._receivers(grant):
                granted.setdefault(login, []).append(_host_grant(grant))
        people = {
            login: HostPerson(person, tuple(granted.get(login, ())))
            for login, person in self.people.items()
            if login in granted or person.state == "departed"
        }
        reserved = {person.uid: login for login, person in self.people.items() if person.uid is not None}
        return Access(people, teams, reserved)

    def person_on(self, login: str, host: str) -> HostPerson:
        """One person on one host."""
        grants = (_host_grant(grant) for grant in self.grants_of(host) if login in self._receivers(grant))
        return HostPerson(self.people[login], tuple(grants))

    def _receivers(self, grant: Grant) -> Iterable[str]:
        return self.members(grant.team) if grant.team is not None else (grant.person or "",)


def _host_grant(grant: Grant) -> HostGrant:
    return HostGrant(grant.source, grant.why, grant.team, grant.sudo, grant.groups, grant.until, grant.unsafe)


def read(inventory: Inventory, now: Moment, targets: Iterable[str]) -> tuple[Model, list[Problem]]:
    """Parse and check everything. All problems are returned; the model is whole only when none of them is an error.

    ``targets`` are the hosts that must say who has access to them; the rest of the inventory is checked for what it says.
    """
    problems: list[Problem] = []
    model = Model(hosts=inventory.hosts)
    _check_variables(inventory, problems)
    _check_whole(inventory, targets, problems)
    _check_hidden(inventory, problems)
    _check_targets(inventory, targets, problems)
    bits = _rsa_bits(inventory, problems)
    for name, node in _records(inventory, PEOPLE, problems):
        model.people[name] = Person.parse(name, node, rsa_min_bits=bits)
    for name, node in _records(inventory, TEAMS, problems):
        model.teams[name] = Team.parse(name, node)
    used = {scope for scopes in inventory.hosts.values() for scope in scopes}
    for scope, variables in inventory.scopes.items():
        for variable in sorted(variables):
            node = Node(variables[variable], (variable,), problems, scope)
            if variable.startswith(GRANTS):
                model.grants.setdefault(scope, {})[variable] = _grants(node, scope)
                if scope not in used:
                    node.warn(f"is set for the {scope}, which has no hosts", "add hosts to the group, or remove the grants")
            elif variable == ENVIRONMENT:
                text = node.text()
                if text is not None:
                    model.environments[scope] = text
    _Cross(inventory, model, now, problems).check()
    return model, problems


def _source(variable: str, index: int, scope: str) -> str:
    return f"{variable}[{index}] ({scope})"


def _grants(node: Node, scope: str) -> tuple[Grant, ...]:
    variable = str(node.path[0])
    return tuple(Grant.parse(_source(variable, index, scope), item) for index, item in enumerate(node.items()))


def _whole(inventory: Inventory, variable: str) -> str | None:
    """The scope that a variable which is one for all hosts is read from; extra vars win, as in Ansible."""
    scopes = [scope for scope, variables in inventory.scopes.items() if variable in variables]
    return EXTRA if EXTRA in scopes else next(iter(scopes), None)


def _records(inventory: Inventory, variable: str, problems: list[Problem]) -> Iterable[tuple[str, Node]]:
    scope = _whole(inventory, variable)
    if scope is None:
        return ()
    return Node(inventory.scopes[scope][variable], (variable,), problems, scope).entries().items()


def _rsa_bits(inventory: Inventory, problems: list[Problem]) -> int:
    scope = _whole(inventory, RSA_BITS)
    if scope is None:
        return RSA_MIN_BITS
    return Node(inventory.scopes[scope][RSA_BITS], (RSA_BITS,), problems, scope).number(RSA_FLOOR_BITS, 16384) or RSA_MIN_BITS


def _check_variables(inventory: Inventory, problems: list[Problem]) -> None:
    """The prefix is ours: a name that nothing reads is a slip of the hand that would go unseen."""
    for scope, variables in inventory.scopes.items():
        for variable in variables:
            if not variable.startswith(PREFIX) or variable in _KNOWN or (variable.startswith(GRANTS) and variable != GRANTS):
                continue
            close = difflib.get_close_matches(variable[len(PREFIX) :], [known[len(PREFIX) :] for known in _KNOWN], n=1)
            mend = f"did you mean `{PREFIX}{close[0]}`?" if close else "known are " + ", ".join(_KNOWN)
            problems.append(Problem((variable,), "unknown variable", mend, scope=scope))


def _check_whole(inventory: Inventory, targets: Iterable[str], problems: list[Problem]) -> None:
    for variable in (PEOPLE, TEAMS, RSA_BITS):
        scopes = [scope for scope, variables in inventory.scopes.items() if variable in variables]
        if EXTRA in scopes:
            continue
        if not scopes:
            if variable != RSA_BITS:
                problems.append(Problem((variable,), "is not set", "set it in group_vars/all; an empty answer is {}"))
            continue
        for scope in scopes[1:]:
            if inventory.scopes[scope][variable] != inventory.scopes[scopes[0]][variable]:
                problems.append(
                    Problem(
                        (variable,),
                        f"the {scope} and the {scopes[0]} say different things",
                        "it is one for all hosts: set it once, in group_vars/all",
                        scope=scope,
                    )
                )
        without = [host for host in targets if not inventory.setting(host, variable)]
        if without:
            problems.append(
                Problem((variable,), "is not set for " + some(without), "set it in group_vars/all, for all hosts", scope=scopes[0])
            )


def _check_hidden(inventory: Inventory, problems: list[Problem]) -> None:
    """Two scopes of one host that set the same grants: the stronger would hide the weaker."""
    said: set[tuple[str, str, str]] = set()
    for host, scopes in inventory.hosts.items():
        seen: dict[str, str] = {}
        for scope in scopes:
            for variable in inventory.scopes[scope]:
                if not variable.startswith(GRANTS):
                    continue
                if variable in seen and (variable, seen[variable], scope) not in said:
                    said.add((variable, seen[variable], scope))
                    problems.append(_hidden(variable, seen[variable], scope, host))
                seen[variable] = scope


def _hidden(variable: str, weaker: str, stronger: str, host: str) -> Problem:
    if stronger == EXTRA:
        return Problem((variable,), f"the {EXTRA} hide what the {weaker} says", "this run only", warning=True, scope=weaker)
    return Problem(
        (variable,),
        f"set for the {weaker} and for the {stronger}: on {host} the second hides the first",
        f"give one of them a name of its own, like {GRANTS}{stronger.split()[-1]}",
        scope=stronger,
    )


def _check_targets(inventory: Inventory, targets: Iterable[str], problems: list[Problem]) -> None:
    without = [
        host
        for host in targets
        if not any(variable.startswith(GRANTS) for scope in inventory.hosts[host] for variable in inventory.scopes[scope])
    ]
    if without:
        problems.append(
            Problem(
                (GRANTS + "*",),
                "no grants at all for " + some(without),
                f"grant somebody access, or say that nobody has any: {GRANTS}nobody: []",
            )
        )


class _Cross:
    """What can only be said of the records together."""

    def __init__(self, inventory: Inventory, model: Model, now: Moment, problems: list[Problem]) -> None:
        self.inventory = inventory
        self.model = model
        self.now = now
        self.problems = problems
        self.people_scope = _whole(inventory, PEOPLE) or ""
        self.teams_scope = _whole(inventory, TEAMS) or ""

    def check(self) -> None:
        self._numbers()
        self._keys()
        self._ends()
        self._teams()
        self._cycles()
        for scope, variables in self.model.grants.items():
            for variable, grants in variables.items():
                for index, grant in enumerate(grants):
                    self._grant(grant, Node(None, (variable, index), self.problems, scope))

    def _person(self, *path: Any) -> Node:
        return Node(None, (PEOPLE, *path), self.problems, self.people_scope)

    def _team(self, *path: Any) -> Node:
        return Node(None, (TEAMS, *path), self.problems, self.teams_scope)

    def _item(self, node: Node, text: str) -> Node:
        """A text of a list, at its place in the list as it is written: the items that are no good count."""
        written: Any = self.inventory.scopes[node.scope]
        for part in node.path:
            written = written[part]
        return node.below(written.index(text), None)

    def _numbers(self) -> None:
        uids = ((person.uid, login, self._person(login, "uid")) for login, person in self.model.people.items())
        _unique(uids, lambda other: (f"{other} has the same uid", "every person needs a uid of their own, departed ones too"))
        gids = ((team.gid, name, self._team(name, "gid")) for name, team in self.model.teams.items())
        _unique(gids, lambda other: (f"{other} has the same gid", "every team needs a gid of its own"))
        owners = {person.uid: login for login, person in self.model.people.items() if person.uid is not None}
        for name, team in self.model.teams.items():
            if team.gid in owners:
                self._team(name, "gid").warn(
                    f"is also the uid of {owners[team.gid]}, whose own group would have had it", "take numbers that no person has"
                )

    def _keys(self) -> None:
        keys = (
            (key.blob, login, self._person(login, "ssh_keys", index))
            for login, person in self.model.people.items()
            for index, key in zip(person.key_places, person.keys)
        )
        _unique(keys, lambda other: (f"{other} has the same key", "a key is one person's, and is listed once"))

    def _ends(self) -> None:
        for login, person in self.model.people.items():
            if person.state == "departed":
                continue
            if person.until is not None and person.until <= self.now:
                self._person(login, "until").warn(f"was {person.until}: {login} has no access", "move it, or say `state: departed`")
            for index, key in zip(person.key_places, person.keys):
                if key.until is not None and key.until <= self.now:
                    self._person(login, "ssh_keys", index).warn(f"the key ended {key.until}", "remove it")
                elif key.until is not None and key.until.epoch <= self.now.epoch + _SOON:
                    self._person(login, "ssh_keys", index).warn(f"the key ends soon, {key.until}", f"ask {login} for a new one")

    def _teams(self) -> None:
        people, teams = self.model.people, self.model.teams
        for name, team in teams.items():
            if name in people:
                self._team(name).wrong("a person has this name, and so has the person's own group", "rename the team")
            if team.owner is not None and team.owner not in people:
                self._team(name, "owner").wrong(f"{team.owner} is not in {PEOPLE}", close(team.owner, people, PEOPLE))
            for member in team.members:
                node = self._item(self._team(name, "members"), member)
                if member.startswith("@"):
                    if member[1:] not in teams:
                        node.wrong(f"there is no team {member[1:]}", close(member[1:], teams, TEAMS, "@"))
                elif member not in people:
                    node.wrong(
                        f"{member} is not in {PEOPLE}",
                        f"say @{member} for the team" if member in teams else close(member, people, PEOPLE),
                    )
                elif people[member].state == "departed":
                    node.warn(f"{member} has departed", "remove the line")

    def _cycles(self) -> None:
        """Report each cycle once, at its first team in order of appearance."""
        teams = self.model.teams
        done: set[str] = set()

        def visit(name: str, trail: tuple[str, ...]) -> None:
            if name in trail:
                cycle = trail[trail.index(name) :]
                self._team(cycle[0], "members").wrong(
                    "the teams contain one another: " + " > ".join((*cycle, name)), "take one of these out of the one before it"
                )
            elif name in teams and name not in done:
                for member in teams[name].members:
                    if member.startswith("@"):
                        visit(member[1:], (*trail, name))
                done.add(name)

        for name in teams:
            visit(name, ())

    def _grant(self, grant: Grant, node: Node) -> None:
        people, teams = self.model.people, self.model.teams
        if grant.team is not None and grant.team not in teams:
            mend = f"say `person: {grant.team}`" if grant.team in people else close(grant.team, teams, TEAMS)
            node.below("team", None).wrong(f"there is no team {grant.team}", mend)
        if grant.person is not None and grant.person not in people:
            mend = f"say `team: {grant.person}`" if grant.person in teams else close(grant.person, people, PEOPLE)
            node.below("person", None).wrong(f"{grant.person} is not in {PEOPLE}", mend)
        elif grant.person is not None and people[grant.person].state == "departed":
            node.below("person", None).warn(f"{grant.person} has departed, and gets nothing", "remove the grant")
        if grant.until is not None and grant.until <= self.now:
            node.below("until", None).warn(f"was {grant.until}: it grants nothing", "move it, or remove the grant")
        for group in grant.groups:
            if group in teams or group in people:
                what = "a team" if group in teams else "a person"
                self._item(node.below("groups", None), group).wrong(
                    f"{group} is {what}, not a group of the host", "grant access to the team" if group in teams else "remove it"
                )


def _unique(entries: Iterable[tuple[Any, str, Node]], say: Callable[[str], tuple[str, str]]) -> None:
    first: dict[Any, str] = {}
    for value, owner, node in entries:
        if value is not None and value in first:
            node.wrong(*say(first[value]))
        first.setdefault(value, owner)


def close(name: str, known: Iterable[str], where: str, sign: str = "") -> str:
    """How to mend a name that is not known."""
    alike = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {sign}{alike[0]}?" if alike else f"add it to {where}, or remove it here"


def located(problem: Problem, lines: Mapping[tuple[str, Path], str]) -> str | None:
    """The file and line that a problem is about, or of the nearest thing around it."""
    path = problem.path
    while path:
        if (problem.scope, path) in lines:
            return lines[problem.scope, path]
        path = path[:-1]
    return None
