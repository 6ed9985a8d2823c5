# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has access to what, and why: what the inventory declares, beside what was found on hosts. No I/O, no Ansible."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..module_utils._access import Access, HostGrant, HostPerson
from ..module_utils._moment import Moment, earliest
from ..module_utils._names import ROOT_GROUPS
from ..module_utils._resolve import Model
from ..module_utils._sudo_rule import SudoRule
from ..module_utils._sudoers import Power, entries_of, listed_line, powers_of

KINDS = ("development", "operations")
_SOON = 30 * 86400
_EVERYTHING = "everything as everybody"


def report(model: Model, hosts: Sequence[str], found: Mapping[str, Mapping[str, Any]], now: Moment) -> dict[str, Any]:
    """The whole report as plain data.

    ``found`` maps hosts to what :mod:`access_info` read there, or to ``{"problem": why}`` where it could not; a host that is not
    in it was not read.
    """
    logins = sorted(model.people)
    access = {host: model.access(host) for host in hosts}
    cells = _Cells(now)
    matrix = [[cells.index(access[host].people.get(login)) for host in hosts] for login in logins]
    teams = {login: [team for team in sorted(model.teams) if login in model.members(team)] for login in logins}
    return {
        "generated": str(now),
        "people": [
            {
                "login": login,
                "name": model.people[login].name,
                "state": model.people[login].state,
                "until": _text(model.people[login].until),
                "teams": teams[login],
                "kinds": sorted({kind for team in teams[login] for kind in [model.teams[team].kind] if kind}),
            }
            for login in logins
        ],
        "hosts": [_host(model, host, found.get(host)) for host in hosts],
        "accesses": cells.data,
        "matrix": matrix,
        "drift": [line for host in hosts for line in drift(host, access[host], found.get(host, {}), now)],
        "strays": [
            {"host": host, "kind": stray["kind"], "what": stray["what"], "whose": stray["person"]}
            for host in hosts
            for stray in found.get(host, {}).get("strays", ())
        ],
        "soon": list(_soon(model, access, now)),
        "unsafe": list(_unsafe(access, now)),
        "differences": differences(model, hosts, now),
    }


class _Cells:
    """Each distinct access once, since most hosts of a group give a person the same."""

    def __init__(self, now: Moment) -> None:
        self.data: list[dict[str, Any] | None] = [None]
        self._now = now
        self._places: dict[Any, int] = {}

    def index(self, person: HostPerson | None) -> int:
        grants = person.in_force(self._now) if person else ()
        if person is None or not grants:
            return 0
        key = (person.person.until, grants)
        if key not in self._places:
            self._places[key] = len(self.data)
            self.data.append(_cell(person, grants))
        return self._places[key]


def _cell(person: HostPerson, grants: Sequence[HostGrant]) -> dict[str, Any]:
    powers = [grant.sudo for grant in grants]
    return {
        "power": "full" if "full" in powers else "rules" if any(power != "none" for power in powers) else "login",
        "until": _text(person.end()),
        "grants": [
            {
                "source": grant.source,
                "why": grant.why,
                "team": grant.team,
                "until": _text(earliest(person.person.until, grant.until)),
                "sudo": sudo_lines(grant),
                "groups": list(grant.groups),
                "unsafe": [reason for reason in (grant.unsafe, *(rule.unsafe for rule in _rules(grant))) if reason],
            }
            for grant in grants
        ],
    }


def sudo_lines(grant: HostGrant) -> list[str]:
    """What a grant gives by sudo, in the words of the inventory."""
    return [_EVERYTHING] if grant.sudo == "full" else [_rule(rule) for rule in _rules(grant)]


def _rules(grant: HostGrant) -> tuple[SudoRule, ...]:
    return () if isinstance(grant.sudo, str) else grant.sudo


def _rule(rule: SudoRule) -> str:
    if rule.services:
        what = "services " + ", ".join(rule.services)
    elif rule.edit:
        what = "edit " + ", ".join(rule.edit)
    else:
        what = "everything" if rule.everything else ", ".join(rule.commands)
    return f"{what} as {', '.join(rule.run_as)}" + (", with a password" if rule.password else "")


def _host(model: Model, host: str, found: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "name": host,
        "environment": model.environment(host),
        "read": (found or {}).get("read"),
        "problem": "not read in this run" if found is None else found.get("problem"),
    }


def drift(host: str, access: Access, found: Mapping[str, Any], now: Moment) -> Iterator[dict[str, Any]]:
    """Where a host that was read is not as the inventory says."""
    if "accounts" not in found:
        return
    accounts = {account["login"]: account for account in found["accounts"]}
    powers = powers_of(entries_of(access, now))
    for login in sorted({*access.people, *(login for login, account in accounts.items() if account["ours"])}):
        person = access.people.get(login)
        for what in _drift_of(person, accounts.get(login), powers.get(login, frozenset()), now):
            yield {"person": login, "host": host, "what": what}


def _drift_of(person: HostPerson | None, account: Mapping[str, Any] | None, powers: frozenset[Power], now: Moment) -> Iterator[str]:
    grants = person.in_force(now) if person else ()
    if person is None or not grants:
        if account is not None and account["ours"] and not account["closed"]:
            yield "the account is open, and no grant in force names the person"
        if account is not None and account["ours"] and account["sudo"]:
            yield f"sudo still gives: {'; '.join(account['sudo'])}"
        return
    if account is None or not account["ours"]:
        yield "there is no account" if account is None else "the account of this name is not ours"
        return
    if account["closed"]:
        yield "the account is closed"
    keys = {key["fingerprint"] for key in account["keys"]}
    wanted = {key.fingerprint for key in person.keys_in_force(now)}
    yield from (f"key {fingerprint} is missing" for fingerprint in sorted(wanted - keys))
    yield from (f"key {fingerprint} is not the inventory's" for fingerprint in sorted(keys - wanted))
    groups = frozenset().union(*(grant.memberships() for grant in grants))
    yield from (f"not in the group {group}" for group in sorted(groups - set(account["groups"])))
    yield from (f"in the group {group}, which no grant gives" for group in sorted(set(account["strong_groups"]) - groups))
    if account["sudo"] is None:
        yield "sudo does not answer"
        return
    has = frozenset().union(*map(listed_line, account["sudo"]))
    expected = {power.as_listed() for power in powers}
    yield from (f"sudo does not give {power}" for power in sorted(map(str, expected - has)))
    yield from (f"sudo also gives {power}" for power in sorted(map(str, has - expected)))


def _soon(model: Model, access: Mapping[str, Access], now: Moment) -> Iterator[dict[str, Any]]:
    """What ends within 30 days."""

    def near(end: Moment | None) -> bool:
        return end is not None and now < end and end.epoch <= now.epoch + _SOON

    for login, person in sorted(model.people.items()):
        if person.state != "departed":
            if near(person.until):
                yield {"person": login, "host": None, "what": "all access", "until": _text(person.until)}
            for key in person.keys:
                if near(key.until):
                    yield {
                        "person": login,
                        "host": None,
                        "what": f"key {key.fingerprint} {key.comment}".rstrip(),
                        "until": _text(key.until),
                    }
    for host, one in access.items():
        for login, granted in sorted(one.people.items()):
            for grant in granted.in_force(now):
                if near(grant.until):
                    yield {"person": login, "host": host, "what": f"{grant.source}: {grant.why}", "until": _text(grant.until)}


def _unsafe(access: Mapping[str, Access], now: Moment) -> Iterator[dict[str, Any]]:
    for host, one in access.items():
        for login, person in sorted(one.people.items()):
            for grant in person.in_force(now):
                found = [(_rule(rule), rule.unsafe) for rule in _rules(grant)] + [("groups " + ", ".join(grant.groups), grant.unsafe)]
                for what, why in found:
                    if why is not None:
                        yield {"person": login, "host": host, "what": what, "why": why, "source": grant.source}


def differences(model: Model, hosts: Iterable[str], now: Moment) -> list[dict[str, Any]]:
    """Where people of teams of the two kinds may do different things on a host, with the reasons as they are written.

    Rights are what sudo gives, and groups that amount to root. Teams without a kind are neither.
    """
    found = []
    kinds = {kind: {login for name, team in model.teams.items() if team.kind == kind for login in model.members(name)} for kind in KINDS}
    if not all(kinds.values()):
        return []
    for host in hosts:
        access = model.access(host)
        rights: dict[str, set[str]] = {}
        whys: list[str] = []
        for kind in KINDS:
            rights[kind] = set()
            for login in sorted(kinds[kind] & set(access.people)):
                for grant in access.people[login].in_force(now):
                    rights[kind] |= {
                        "a login",
                        *sudo_lines(grant),
                        *(f"group {group}" for group in sorted(set(grant.groups) & ROOT_GROUPS)),
                    }
                    whys.append(f"{kind}: {grant.source}: {grant.reason()}")
            # Who may do everything may do all that is listed beside it.
            if _EVERYTHING in rights[kind]:
                rights[kind] = {_EVERYTHING}
        if rights["development"] != rights["operations"]:
            texts = {kind: "; ".join(sorted(rights[kind])) or "no access" for kind in KINDS}
            found.append({"host": host, **texts, "why": list(dict.fromkeys(whys))})
    return found


def as_csv(data: Mapping[str, Any]) -> str:
    """One line for each grant of each person on each host."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow("person name state host environment read power until source team why grant_until sudo groups unsafe drift".split())
    drifts: dict[tuple[Any, Any], list[str]] = {}
    for line in data["drift"]:
        drifts.setdefault((line["person"], line["host"]), []).append(line["what"])
    for person, row in zip(data["people"], data["matrix"], strict=True):
        for host, index in zip(data["hosts"], row, strict=True):
            cell = data["accesses"][index]
            odd = "; ".join(drifts.get((person["login"], host["name"]), ()))
            who = [person["login"], person["name"], person["state"], host["name"], host["environment"], host["read"] or host["problem"]]
            if cell is None and odd:
                writer.writerow(map(_inert, [*who, "none", *[""] * 8, odd]))
            for grant in cell["grants"] if cell else ():
                lists = ["; ".join(grant[name]) for name in ("sudo", "groups", "unsafe")]
                means = [cell["power"], cell["until"], grant["source"], grant["team"], grant["why"], grant["until"]]
                writer.writerow(map(_inert, [*who, *means, *lists, odd]))
    return stream.getvalue()


def _inert(value: Any) -> str:
    """No spreadsheet takes it for a formula (OWASP, "CSV Injection")."""
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def as_text(data: Mapping[str, Any], person: str | None) -> str:
    """The same for a terminal: one person everywhere, or everybody on the hosts of the run."""
    lines = []
    for host in data["hosts"]:
        lines.append(f"{host['name']}  " + (f"read {host['read']}" if host["problem"] is None else f"state unknown: {host['problem']}"))
    for one, row in zip(data["people"], data["matrix"], strict=True):
        if person not in (None, one["login"]):
            continue
        lines.append(f"\n{one['login']} ({one['name']})" + (f", {one['state']}" if one["state"] != "active" else ""))
        for host, index in zip(data["hosts"], row, strict=True):
            lines += _cell_lines(host["name"], data["accesses"][index])
            odd = (line for line in data["drift"] if (line["person"], line["host"]) == (one["login"], host["name"]))
            lines += [f"    drift: {line['what']}" for line in odd]
    return "\n".join(lines)


def _cell_lines(host: str, cell: Mapping[str, Any] | None) -> Iterator[str]:
    if cell is None:
        yield f"  {host}: no access"
        return
    yield f"  {host}: {cell['power']}" + (f", until {cell['until']}" if cell["until"] else "")
    for grant in cell["grants"]:
        yield f"    {grant['source']}: " + (f"team {grant['team']}: " if grant["team"] else "") + grant["why"]
        if grant["until"]:
            yield f"      until {grant['until']}"
        yield from (f"      sudo: {line}" for line in grant["sudo"])
        if grant["groups"]:
            yield f"      groups: {', '.join(grant['groups'])}"
        yield from (f"      unsafe: {reason}" for reason in grant["unsafe"])


def _text(moment: Moment | None) -> str | None:
    return None if moment is None else str(moment)
