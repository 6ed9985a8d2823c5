"""The report: what is declared, beside what was found."""

from __future__ import annotations

import csv
import io
from typing import Any

from ansible_collections.safetynet.prod_access.plugins.module_utils._model import Grant, Person, Team
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._resolve import Model
from ansible_collections.safetynet.prod_access.plugins.module_utils._sudo_rule import Sudo, SudoRule
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._report import as_csv, as_text, differences, report
from ansible_collections.safetynet.prod_access.tests.unit.strategies import ed25519

NOW = Moment.parse("2026-11-25T12:00:00Z")
SOON = Moment.parse("2026-12-01T00:00:00Z")
KEY = ed25519(b"alice", "alice@laptop")
IDENTITY = (SudoRule(commands=("/usr/bin/id",)),)


def model(developers: Sudo = "full", operators: Sudo = "full", **grant: Any) -> Model:
    return Model(
        people={
            "alice": Person("alice", name="=Alice", keys=(KEY.ending(SOON),)),
            "carol": Person("carol", name="Carol"),
            "dave": Person("dave", name="Dave", state="departed"),
        },
        teams={"dev": Team("dev", ("alice",), kind="development"), "ops": Team("ops", ("carol",), kind="operations")},
        grants={
            "group web": {"prod_access_grants_web": (Grant("web[0]", "They build it.", "dev", sudo=developers, **grant),)},
            "group all": {"prod_access_grants_all": (Grant("all[0]", "They look after it.", "ops", sudo=operators),)},
        },
        hosts={"web1": ("group all", "group web"), "db1": ("group all",)},
        environments={"group web": "production"},
    )


def account(login: str, **more: Any) -> dict[str, Any]:
    entry = {"login": login, "ours": True, "closed": False, "keys": [], "groups": [], "strong_groups": [], "sudo": []}
    return {**entry, **more}


GOOD = {
    "read": "2026-11-25T11:00:00Z",
    "strays": [],
    "accounts": [
        account("alice", keys=[{"fingerprint": KEY.fingerprint}], groups=["dev"], sudo=["(ALL : ALL) NOPASSWD: ALL"]),
        account("carol", groups=["ops"], sudo=["(ALL : ALL) NOPASSWD: ALL"]),
        account("dave", closed=True),
    ],
}


def drift_of(found: dict[str, Any], **options: Any) -> list[tuple[str, str]]:
    data = report(model(**options), ["web1"], {"web1": {**GOOD, **found}}, NOW)
    return [(line["person"], line["what"]) for line in data["drift"]]


def test_a_host_as_the_inventory_says_has_no_drift() -> None:
    assert drift_of({}) == []


def test_each_cell_says_through_which_grant_and_equal_cells_are_there_once() -> None:
    data = report(model(), ["web1", "db1"], {"web1": GOOD, "db1": {"problem": "unreachable: no route"}}, NOW)
    assert data["matrix"] == [[1, 0], [2, 2], [0, 0]]
    assert data["accesses"][1] == {
        "power": "full",
        "until": None,
        "grants": [
            {
                "source": "web[0]",
                "why": "They build it.",
                "team": "dev",
                "until": None,
                "sudo": ["everything as everybody"],
                "groups": [],
                "unsafe": [],
            }
        ],
    }
    assert [(host["name"], host["environment"], host["read"], host["problem"]) for host in data["hosts"]] == [
        ("web1", "production", "2026-11-25T11:00:00Z", None),
        ("db1", None, None, "unreachable: no route"),
    ]
    assert data["people"][0]["kinds"] == ["development"]


def test_a_host_that_was_not_read_is_not_called_in_order() -> None:
    (host,) = report(model(), ["web1"], {}, NOW)["hosts"]
    assert host["problem"] == "not read in this run"


def test_drift() -> None:
    carol, dave = GOOD["accounts"][1:]
    alone = {"accounts": [carol, dave]}
    assert drift_of(alone) == [("alice", "there is no account")]
    assert drift_of({"accounts": [account("alice", ours=False), carol, dave]}) == [("alice", "the account of this name is not ours")]
    odd = account(
        "alice",
        closed=True,
        keys=[{"fingerprint": "SHA256:x"}],
        strong_groups=["docker"],
        groups=["docker"],
        sudo=["(root) NOPASSWD: /bin/x"],
    )
    assert [what for _who, what in drift_of({"accounts": [odd, carol, dave]})] == [
        "the account is closed",
        f"key {KEY.fingerprint} is missing",
        "key SHA256:x is not the inventory's",
        "not in the group dev",
        "in the group docker, which no grant gives",
        "sudo does not give ALL as ALL : ALL",
        "sudo also gives /bin/x as root",
    ]
    assert drift_of({"accounts": [{**GOOD["accounts"][0], "sudo": None}, carol, dave]}) == [("alice", "sudo does not answer")]
    back = {"accounts": [*GOOD["accounts"][:2], account("dave", sudo=["(ALL) ALL"]), account("mallory")]}
    assert drift_of(back) == [
        ("dave", "the account is open, and no grant in force names the person"),
        ("dave", "sudo still gives: (ALL) ALL"),
        ("mallory", "the account is open, and no grant in force names the person"),
    ]


def test_what_ends_soon_and_what_is_unsafe() -> None:
    rules = (SudoRule(commands=("/usr/sbin/traceroute *",), run_as=("root",), password=True, unsafe="Any argument."),)
    data = report(model(rules, until=SOON, groups=("docker",), unsafe="They build images."), ["web1"], {}, NOW)
    assert [(line["person"], line["host"], line["what"]) for line in data["soon"]] == [
        ("alice", None, f"key {KEY.fingerprint} alice@laptop"),
        ("alice", "web1", "web[0]: They build it."),
    ]
    assert [(line["what"], line["why"]) for line in data["unsafe"]] == [
        ("/usr/sbin/traceroute * as root, with a password", "Any argument."),
        ("groups docker", "They build images."),
    ]


def test_where_developers_and_operations_differ_and_why() -> None:
    assert differences(model(), ["web1"], NOW) == []
    (line,) = differences(model(IDENTITY), ["web1"], NOW)
    assert line == {
        "host": "web1",
        "development": "/usr/bin/id as root; a login",
        "operations": "everything as everybody",
        "why": ["development: web[0]: team dev: They build it.", "operations: all[0]: team ops: They look after it."],
    }
    (line,) = differences(model(), ["db1"], NOW)
    assert line["development"] == "no access"
    everybody = model()
    everybody.teams["dev"] = Team("dev", ("alice",))
    assert differences(everybody, ["db1"], NOW) == [], "without kinds there is no line to look across"


def test_csv_has_a_line_for_each_grant_and_starts_no_formula() -> None:
    lost = {**GOOD, "accounts": [*GOOD["accounts"][:2], account("dave")]}
    rows = list(csv.DictReader(io.StringIO(as_csv(report(model(IDENTITY), ["web1", "db1"], {"web1": lost}, NOW)))))
    assert [(row["person"], row["host"], row["power"], row["sudo"]) for row in rows] == [
        ("alice", "web1", "rules", "/usr/bin/id as root"),
        ("carol", "web1", "full", "everything as everybody"),
        ("carol", "db1", "full", "everything as everybody"),
        ("dave", "web1", "none", ""),
    ]
    assert rows[0]["name"] == "'=Alice"
    assert rows[2]["read"] == "not read in this run"
    assert rows[3]["drift"].startswith("the account is open")


def test_text_explains_one_person() -> None:
    rules = (
        SudoRule(services=("a.service",)),
        SudoRule(edit=("/etc/a",)),
        SudoRule(everything=True, run_as=("search",), unsafe="So be it."),
    )
    data = report(model(rules, until=SOON, groups=("adm",)), ["web1", "db1"], {"web1": {**GOOD, "accounts": []}}, NOW)
    assert (
        as_text(data, "alice")
        == """\
web1  read 2026-11-25T11:00:00Z
db1  state unknown: not read in this run

alice (=Alice)
  web1: rules, until 2026-12-01T00:00:00Z
    web[0]: team dev: They build it.
      until 2026-12-01T00:00:00Z
      sudo: services a.service as root
      sudo: edit /etc/a as root
      sudo: everything as search
      groups: adm
      unsafe: So be it.
    drift: there is no account
  db1: no access"""
    )
    assert "dave (Dave), departed" in as_text(data, None)
