"""Access that is taken away while an incident is open: found by comparing with git, and said once for each person."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.safetynet.prod_access.plugins.module_utils._model import Grant, Person, Team
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._resolve import EXTRA, Inventory, Model, read
from ansible_collections.safetynet.prod_access.plugins.module_utils._sudo_rule import SudoRule
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._taken import taken, variables_of, warnings
from ansible_collections.safetynet.prod_access.tests.unit.strategies import ed25519

NOW = Moment.parse("2026-11-25T12:00:00Z")
KEY = ed25519(b"alice", "alice@laptop")
HOSTS = ("web1", "web2", "web3", "web4", "db1")


def model(*grants: Grant, team: tuple[str, ...] = ("alice",), **alice: Any) -> Model:
    return Model(
        people={"alice": Person("alice", **{"name": "Alice", "keys": (KEY,), **alice}), "bob": Person("bob", name="Bob")},
        teams={"dev": Team("dev", team)},
        grants={"group all": {"prod_access_grants_all": grants or (Grant("all[0]", "why", team="dev", sudo="full", groups=("adm",)),)}},
        hosts=dict.fromkeys(HOSTS, ("group all",)),
    )


RULES = (SudoRule(commands=("/usr/bin/id",)),)
LATER, SOON = Moment.parse("2027-06-01T00:00:00Z"), Moment.parse("2026-12-01T00:00:00Z")


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        (model(), None),
        (model(team=("bob",)), "all access on web1, web2, web3 and 2 more"),
        (model(state="suspended"), "all access on web1, web2, web3 and 2 more"),
        (model(keys=()), "all keys on web1, web2, web3 and 2 more"),
        (
            model(Grant("x", "why", person="alice", sudo=RULES)),
            "sudo (everything as everybody) on web1, web2, web3 and 2 more; groups (adm) on web1, web2, web3 and 2 more",
        ),
        (model(Grant("x", "why", person="alice", sudo="full", groups=("adm",))), None),
        (model(until=SOON), "access after 2026-12-01T00:00:00Z on web1, web2, web3 and 2 more"),
        (model(state="departed", because="departure"), None),
    ],
)
def test_what_somebody_loses(after: Model, lost: str | None) -> None:
    assert taken(model(), after, NOW) == ({"alice": lost} if lost else {})


def test_what_ended_by_itself_is_not_taken_and_a_later_end_is_none() -> None:
    assert taken(model(until=Moment.parse("2026-01-01T00:00:00Z")), model(team=()), NOW) == {}
    assert taken(model(until=SOON), model(until=LATER), NOW) == {}
    assert "access after" in taken(model(until=LATER), model(until=SOON), NOW)["alice"]
    assert taken(model(keys=()), model(keys=()), NOW) == {}


PEOPLE = "prod_access_people: {alice: {name: Alice, ssh_keys: []}, bob: {name: Bob}}\n"
TEAMS = "prod_access_teams: {dev: {members: [alice]}}\n"
GRANTS = "prod_access_grants_all: [{team: dev, why: they work here}]\n"


def git(folder: Path, *words: str, date: str = "2026-11-25T11:00:00Z") -> None:
    who = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", "x"), ("EMAIL", "x@example.com"), ("DATE", date))
    }
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **who})


def inventory(folder: Path, people: str = PEOPLE, teams: str = TEAMS) -> tuple[Inventory, Model]:
    """An inventory as it is now, in files and in memory."""
    files = {
        "group_vars/all/people.yml": people,
        "group_vars/all/teams": teams,
        "group_vars/all.yml": GRANTS,
        "group_vars/README.txt": "x: [",
    }
    files.update(
        {"host_vars/web1.yml": "other: 1\n", "group_vars/bad.yml": "a: [", "group_vars/odd.yml": "[1]", "group_vars/gone/x.yml": GRANTS}
    )
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    variables = yaml.safe_load(people + teams + GRANTS)
    found = Inventory({"group all": variables, "host web1": {}, EXTRA: {}}, {"web1": ("group all", "host web1", EXTRA)})
    return found, read(found, NOW, ["web1"])[0]


def found(folder: Path, current: tuple[Inventory, Model], since: str = "2026-11-25T11:30:00Z") -> list[str]:
    incidents = {"2026-11-25-x": Moment.parse(since).epoch * 1_000_000, "2026-11-26-y": 2**62}
    return [str(one) for one in warnings(*current, [str(folder)], incidents, NOW, "group all")]


def test_the_inventory_is_compared_with_what_git_had_before_the_incident(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    current = inventory(tmp_path)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "all")
    assert found(tmp_path, current) == []
    changed = inventory(tmp_path, teams="prod_access_teams: {dev: {members: [bob]}}\n")
    (line,) = found(tmp_path, changed)
    assert line.startswith("prod_access_people.alice: loses all access on web1 while 2026-11-25-x, 2026-11-26-y is open; ")
    assert "say `because: departure | expiry | key compromise | own request`" in line
    # A commit within the incident is a change as well, and one of before the first commit cannot be compared.
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "take it", date="2026-11-25T11:45:00Z")
    assert len(found(tmp_path, changed)) == 1
    assert found(tmp_path, changed, since="2026-11-25T10:00:00Z") == []
    said = inventory(
        tmp_path, people=PEOPLE.replace("name: Alice", "name: Alice, because: own request"), teams=TEAMS.replace("alice", "bob")
    )
    assert found(tmp_path, said) == []
    deleted = inventory(tmp_path, people="prod_access_people: {bob: {name: Bob}}\n", teams=TEAMS.replace("alice", "bob"))
    (line,) = found(tmp_path, deleted)
    assert line.endswith("put the person back, with `state: departed`, as a deleted entry cannot say why")


def test_what_git_does_not_know_or_cannot_be_read_is_not_compared(tmp_path: Path) -> None:
    current = inventory(tmp_path, teams=TEAMS.replace("alice", "bob"))
    assert found(tmp_path, current) == []
    assert found(tmp_path / "nowhere", current) == []
    git(tmp_path, "init", "-q")
    inventory(tmp_path, people="prod_access_people: {alice: {nam: Alice}}\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "with an error")
    assert found(tmp_path, current) == []


def test_variables_of_an_archive(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    inventory(tmp_path)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "all")
    packed = subprocess.run(["git", "archive", "HEAD"], cwd=tmp_path, capture_output=True, check=True).stdout
    scopes = [(scope, sorted(variables)) for scope, variables in variables_of(packed)]
    assert scopes == [
        ("group all", ["prod_access_grants_all"]),
        ("group all", ["prod_access_people"]),
        ("group all", ["prod_access_teams"]),
        ("group gone", ["prod_access_grants_all"]),
        ("host web1", []),
    ]
