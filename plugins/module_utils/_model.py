# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People, teams and grants: the data model of the inventory, each record parsed and checked on its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Callable, Mapping

from ._moment import Moment
from ._names import GROUP, LOGIN_MEND, ROOT_GROUPS, is_email, is_group, login_fault
from ._node import Node
from ._ssh_key import RSA_MIN_BITS, SshKey, SshKeyError, parse_source, refuse_file
from ._sudo_rule import Sudo, parse_sudo

# login.defs(5): UID_MIN and UID_MAX of Debian and the RHEL family.
ID_MIN, ID_MAX = 1000, 60000
STATES = ("active", "suspended", "departed")
HOMES = ("keep", "archive", "remove")
KINDS = ("development", "operations")
# Why access may be taken away while an incident is open; none of them is a reaction to what somebody did.
BECAUSE = ("departure", "expiry", "key compromise", "own request")
# All keys of each record: what they hold, and what that means. docs/reference.md is made of them.
PERSON_KEYS: Mapping[str, tuple[str, str]] = {
    "name": ("text; required", "the full name, for people who read `getent passwd`; without `:`, `,` and `=`; at most 200 bytes"),
    "email": ("address", "for reports"),
    "uid": (
        f"number, {ID_MIN} to {ID_MAX}",
        "the same on all hosts; each host takes the next free one where it is not said. Nobody else ever gets it",
    ),
    "shell": ("absolute path", "must be there on the host; `accounts_default_shell` where it is not said"),
    "ssh_keys": ("list of keys", "each one line of public key, or a record, below; a key opens one person's accounts alone"),
    "until": ("time", "the end of all access of this person, kept by the host itself, on the second"),
    "state": (
        " or ".join(STATES),
        "`active` where it is not said; `suspended` closes and keeps all; `departed` ends all, and reserves the uid for ever",
    ),
    "home": (" or ".join(HOMES), "what becomes of the home at departure; `keep` where it is not said"),
    "adopt": (
        "true or false",
        "take over an account of this name that a host already has: its uid and home stay, keys in the home no longer count",
    ),
    "because": (" or ".join(BECAUSE), "why access is taken away while an incident is open: `validate` warns without it"),
}
KEY_KEYS: Mapping[str, tuple[str, str]] = {
    "key": ("text; required", "the line of the public key: ed25519, ecdsa, sk-*, or RSA of `prod_access_rsa_min_bits` or more"),
    "until": ("time", "when this key ends"),
    "from": ("list of networks", "addresses that it is good from: `10.0.0.0/8`, `2001:db8::/32`"),
}
TEAM_KEYS: Mapping[str, tuple[str, str]] = {
    "members": ("list of logins; required", "people, or other teams as `@name`"),
    "gid": (f"number, {ID_MIN} to {ID_MAX}", "of the group that the team is on hosts where it has a grant"),
    "kind": (" or ".join(KINDS), "read by nothing but the comparison of their access"),
    "owner": ("text", "whom to ask; shown in reports"),
}
GRANT_KEYS: Mapping[str, tuple[str, str]] = {
    "team": ("name", "who has it: this, or `person`"),
    "person": ("login", "who has it: this, or `team`"),
    "why": ("text; required", "the reason, shown wherever access is explained"),
    "sudo": ("`none`, `full`, or a list of rules", "what they may do, below; `none` where it is not said: a login"),
    "groups": ("list of groups", "of the host, to be in as well; those that amount to root need `unsafe`"),
    "until": ("time", "the end of this grant, kept by the host itself"),
    "unsafe": ("text", "the reason why a group may be one that amounts to root"),
}
_SHELL = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9_.+-]+)+")


@dataclass(frozen=True)
class Person:
    """One entry of ``prod_access_people``. ``key_places`` are the places of the sound keys in its list."""

    login: str
    name: str
    email: str | None = None
    uid: int | None = None
    shell: str | None = None
    keys: tuple[SshKey, ...] = ()
    until: Moment | None = None
    state: str = "active"
    home: str = "keep"
    adopt: bool = False
    because: str | None = None
    key_places: tuple[int, ...] = field(default=(), compare=False)

    @classmethod
    def parse(cls, login: str, node: Node, *, rsa_min_bits: int = RSA_MIN_BITS) -> Person:
        fault = login_fault(login)
        if fault is not None:
            node.wrong(fault, LOGIN_MEND)
        fields = node.fields(PERSON_KEYS, required=("name",))
        person = cls(login, name=login)
        if "name" in fields:
            person = replace(person, name=_name(fields["name"]) or login)
        if "email" in fields:
            person = replace(person, email=_email(fields["email"]))
        if "uid" in fields:
            person = replace(person, uid=fields["uid"].number(ID_MIN, ID_MAX))
        if "shell" in fields:
            person = replace(person, shell=_shell(fields["shell"]))
        if "ssh_keys" in fields:
            keys = [(index, _key(item, rsa_min_bits)) for index, item in enumerate(fields["ssh_keys"].items())]
            person = replace(
                person,
                keys=tuple(key for _index, key in keys if key is not None),
                key_places=tuple(index for index, key in keys if key is not None),
            )
        if "until" in fields:
            person = replace(person, until=fields["until"].moment())
        if "state" in fields:
            person = replace(person, state=fields["state"].choice(*STATES) or "active")
        if "home" in fields:
            person = replace(person, home=fields["home"].choice(*HOMES) or "keep")
        if "adopt" in fields:
            person = replace(person, adopt=bool(fields["adopt"].flag()))
        if "because" in fields:
            person = replace(person, because=fields["because"].choice(*BECAUSE))
        return person


@dataclass(frozen=True)
class Team:
    """One entry of ``prod_access_teams``. Members are logins, or other teams as ``@name``."""

    name: str
    members: tuple[str, ...] = ()
    gid: int | None = None
    kind: str | None = None
    owner: str | None = None

    @classmethod
    def parse(cls, name: str, node: Node) -> Team:
        fault = login_fault(name)
        if fault is not None:
            node.wrong(fault, LOGIN_MEND)
        fields = node.fields(TEAM_KEYS, required=("members",))
        team = cls(name)
        if "members" in fields:
            team = replace(team, members=_distinct(fields["members"]))
            if fields["members"].value == []:
                fields["members"].warn("the team has no members", "add some, or remove the team")
        if "gid" in fields:
            team = replace(team, gid=fields["gid"].number(ID_MIN, ID_MAX))
        if "kind" in fields:
            team = replace(team, kind=fields["kind"].choice(*KINDS))
        if "owner" in fields:
            team = replace(team, owner=fields["owner"].text())
        return team


@dataclass(frozen=True)
class Grant:
    """One entry of a ``prod_access_grants_*`` list. Just one of ``team`` and ``person`` is filled."""

    source: str
    why: str = ""
    team: str | None = None
    person: str | None = None
    sudo: Sudo = "none"
    groups: tuple[str, ...] = ()
    until: Moment | None = None
    unsafe: str | None = None

    @classmethod
    def parse(cls, source: str, node: Node) -> Grant:
        """Read a grant. ``source`` says where it stands, for those who ask why they have access."""
        fields = node.fields(GRANT_KEYS, required=("why",))
        named = [name for name in ("team", "person") if isinstance(node.value, dict) and name in node.value]
        if isinstance(node.value, dict) and len(named) != 1:
            node.wrong(
                "a grant is to a team or to a person" + (", not to both" if named else ""),
                "write one grant for each" if named else "add `team:` or `person:`",
            )
        grant = cls(source)
        if "team" in fields:
            grant = replace(grant, team=fields["team"].text())
        if "person" in fields:
            grant = replace(grant, person=fields["person"].text())
        if "why" in fields:
            grant = replace(grant, why=fields["why"].text() or "")
        if "unsafe" in fields:
            grant = replace(grant, unsafe=fields["unsafe"].text())
        if "sudo" in fields:
            grant = replace(grant, sudo=parse_sudo(fields["sudo"]))
        if "groups" in fields:
            grant = replace(grant, groups=_distinct(fields["groups"], partial(_group_fault, unsafe="unsafe" in fields)))
        if "until" in fields:
            grant = replace(grant, until=fields["until"].moment())
        return grant


def _name(node: Node) -> str | None:
    text = node.text()
    # passwd(5) and chfn(1): these separate the fields of the file, and the parts of the GECOS field.
    bad = sorted(set(text or "") & set(":,="))
    if bad:
        node.wrong("a full name cannot hold " + " ".join(f"`{char}`" for char in bad), "leave it out")
        return None
    if text is not None and len(text.encode()) > 200:
        node.wrong("the name is too long", "shorten it to 200 bytes")
        return None
    return text


def _email(node: Node) -> str | None:
    text = node.text()
    if text is not None and not is_email(text):
        node.wrong(f"{text!r} is not an e-mail address", "write it like alice@example.com")
    return text


def _shell(node: Node) -> str | None:
    text = node.text()
    if text is None:
        return None
    if not _SHELL.fullmatch(text):
        node.wrong(f"{text!r} is not the absolute path of a shell", "write it like /bin/bash")
        return None
    return text


def _distinct(node: Node, fault: Callable[[str], tuple[str, str] | None] = lambda _text: None) -> tuple[str, ...]:
    """A list of texts, none of them there twice. ``fault`` says what else is wrong with one, and how to mend it."""
    texts: list[str] = []
    for item in node.items():
        text = item.text()
        if text is None:
            continue
        found = (f"{text} is there twice", "remove one") if text in texts else fault(text)
        if found is not None:
            item.wrong(*found)
        if text not in texts:
            texts.append(text)
    return tuple(texts)


def _group_fault(group: str, unsafe: bool) -> tuple[str, str] | None:
    if group == GROUP:
        return f"everybody with access is in {GROUP}", "remove it"
    if group in ROOT_GROUPS and not unsafe:
        return f"the group {group} amounts to root", "say `sudo: full`, or give the reason with `unsafe: why` on the grant"
    if not is_group(group):
        return f"{group!r} is not the name of one group", "list each group by its name"
    return None


def _key(node: Node, rsa_min_bits: int) -> SshKey | None:
    until: Moment | None = None
    sources: tuple[str, ...] = ()
    line_node: Node | None = node
    # A line with `: ` in its comment is a dictionary, too, until it has quotes around it.
    if isinstance(node.value, dict) and any(name in node.value for name in KEY_KEYS):
        fields = node.fields(KEY_KEYS, required=("key",))
        line_node = fields.get("key")
        if "until" in fields:
            until = fields["until"].moment()
        if "from" in fields:
            sources = _sources(fields["from"])
    if line_node is None:
        return None
    try:
        # Such a file has many lines: what it is matters more than that.
        refuse_file(str(line_node.value))
        line = line_node.text()
        key = None if line is None else SshKey.parse(line, rsa_min_bits=rsa_min_bits)
    except SshKeyError as fault:
        line_node.wrong(fault.what, fault.mend)
        return None
    return None if key is None else replace(key, until=until, sources=sources)


def _sources(node: Node) -> tuple[str, ...]:
    sources: list[str] = []
    for item in node.items():
        text: Any = item.text()
        if text is None:
            continue
        try:
            sources.append(parse_source(text))
        except ValueError as error:
            item.wrong(str(error), "write an address or a network like 10.0.0.0/8 or 2001:db8::/32")
    if node.value == []:
        node.wrong("is empty: the key would be good from nowhere", "list addresses, or remove the key for everywhere")
    return tuple(sources)
