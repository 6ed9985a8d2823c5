"""People, teams, hosts and grants for the benchmark: the same ones each time."""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

# Other names and numbers than the example's, so that both can be on one host.
LOGIN_PREFIX = "bench"
TEAM_PREFIX = "crew"
FIRST_UID, FIRST_GID = 20000, 40000
TEAM_SIZE = 10


class Organisation:
    """So many people, in teams of ten, with two keys each."""

    def __init__(self, size: int) -> None:
        logins = [f"{LOGIN_PREFIX}{number:04}" for number in range(size)]
        self.people = {login: _person(FIRST_UID + number, login) for number, login in enumerate(logins)}
        self.teams = {
            f"{TEAM_PREFIX}{number:03}": {"members": members, "gid": FIRST_GID + number} for number, members in enumerate(_tens(logins))
        }

    @property
    def variables(self) -> dict[str, Any]:
        return {"prod_access_people": self.people, "prod_access_teams": self.teams}

    def write(self, folder: Path, hosts: Sequence[str], connection: Mapping[str, Any]) -> None:
        """An inventory that gives everybody access, and some sudo rules, to all of these hosts."""
        write_hosts(folder, hosts, connection)
        grants = [_grant(team, sudo=_rules(number)) for number, team in enumerate(self.teams)]
        _write(folder / "group_vars/all/access.yml", {**self.variables, "prod_access_grants_all": grants})

    def write_large(self, folder: Path) -> None:
        """An inventory of as many hosts as people: each team has ten of its own, and the first team all of them."""
        hosts = _tens([f"host{number:04}.example.com" for number in range(len(self.people))])
        groups = {f"service{number:03}": {"hosts": dict.fromkeys(some)} for number, some in enumerate(hosts)}
        _write(folder / "hosts.yml", groups)
        for group, team in zip(groups, self.teams, strict=True):
            _write(folder / f"group_vars/{group}.yml", {f"prod_access_grants_{group}": [_grant(team)]})
        grants = [_grant(next(iter(self.teams)))]
        _write(folder / "group_vars/all/access.yml", {**self.variables, "prod_access_grants_all": grants})


def write_hosts(folder: Path, hosts: Sequence[str], connection: Mapping[str, Any]) -> None:
    """An inventory of hosts, and nobody."""
    _write(folder / "hosts.yml", {"all": {"vars": dict(connection), "hosts": dict.fromkeys(hosts)}})


def _person(uid: int, login: str) -> dict[str, Any]:
    return {
        "name": f"Person {uid} of the Benchmark",
        "email": f"{login}@example.com",
        "uid": uid,
        "ssh_keys": [_public_key(f"{login}@{computer}") for computer in ("laptop", "desktop")],
    }


def _grant(team: str, sudo: str | list[dict[str, Any]] = "full") -> dict[str, Any]:
    return {"team": team, "why": "They look after what runs here.", "sudo": sudo}


def _rules(number: int) -> list[dict[str, Any]]:
    """Five rules for every two teams: fifty for two hundred people."""
    rules: list[dict[str, Any]] = [
        {"services": [f"app{number}.service"]},
        {"commands": [f"/opt/app{number}/bin/status"], "as": ["daemon"]},
    ]
    return [*rules, {"edit": [f"/etc/app{number}.conf"]}] if number % 2 else rules


def _public_key(comment: str) -> str:
    """A well-formed key that nobody has the other half of: RFC 8709, 4."""
    fields = (b"ssh-ed25519", random.Random(comment).randbytes(32))
    blob = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {comment}"


def _tens(items: Sequence[str]) -> list[list[str]]:
    return [list(items[start : start + TEAM_SIZE]) for start in range(0, len(items), TEAM_SIZE)]


def _write(path: Path, data: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        # A line for each key, as people write it.
        yaml.dump(data, stream, yaml.CSafeDumper, sort_keys=False, width=1000)
