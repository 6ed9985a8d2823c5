"""Reports on made-up inventories: what is declared goes through the collection's own resolver, what was found is made up."""

from __future__ import annotations

from typing import Any

from ansible_collections.safetynet.prod_access.plugins.module_utils._model import Grant, Person, Team
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._resolve import Model
from ansible_collections.safetynet.prod_access.plugins.module_utils._sudo_rule import SudoRule
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._report import report

NOW = Moment.parse("2026-11-25T12:00:00Z")
READ = "2026-11-25T11:00:00Z"
# What would run, load or change something if a page took it for more than text.
HOSTILE = """</script><script>alert(1)</script><img src=x onerror=alert(2)><!--"'&amp; ${alert(3)} \u202etxt"""


def small() -> dict[str, Any]:
    """Four people on four hosts, with all that a report can have in it; `gone1` could not be read."""
    trace = SudoRule(commands=("/usr/sbin/traceroute *",), unsafe="Any argument is possible.")
    model = Model(
        people={
            "alice": Person("alice", name="Alice Smith"),
            "bob": Person("bob", name=HOSTILE),
            "carol": Person("carol", name="Carol Jones"),
            "dave": Person("dave", name="Dave Black", state="departed"),
        },
        teams={"shop": Team("shop", ("alice", "bob"), kind="development"), "sre": Team("sre", ("carol",), kind="operations")},
        grants={
            "group web": {
                "prod_access_grants_web": (
                    Grant(
                        "web.yml: prod_access_grants_web[0]",
                        "They build the shop.",
                        team="shop",
                        sudo=(SudoRule(services=("shop.service",)), trace),
                        until=Moment.parse("2026-12-01T00:00:00Z"),
                    ),
                )
            },
            "group db": {"prod_access_grants_db": (Grant("db.yml: prod_access_grants_db[0]", HOSTILE, person="bob"),)},
            "group all": {"prod_access_grants_all": (Grant("all.yml: prod_access_grants_all[0]", "On call.", team="sre", sudo="full"),)},
        },
        hosts={
            "web1": ("group all", "group web"),
            "web2": ("group all", "group web"),
            "db1": ("group all", "group db"),
            "gone1": ("group all",),
        },
        environments={"group web": "production", "group db": "staging"},
    )
    account = {"ours": True, "closed": False, "keys": [], "groups": ["shop"], "strong_groups": [], "sudo": []}
    found: dict[str, dict[str, Any]] = {host: {"read": READ, "strays": []} for host in ("web1", "web2", "db1")}
    found["db1"]["accounts"] = [
        {**account, "login": "bob"},
        {**account, "login": "carol", "groups": ["sre"], "sudo": ["(ALL : ALL) NOPASSWD: ALL"], "strong_groups": ["docker"]},
    ]
    found["db1"]["strays"] = [{"kind": "key", "what": f"/root/.ssh/authorized_keys {HOSTILE}", "person": "carol"}]
    found["gone1"] = {"problem": f"unreachable: {HOSTILE}"}
    return report(model, list(model.hosts), found, NOW)


def large(people: int = 300, hosts: int = 1000) -> dict[str, Any]:
    """An inventory of the size that the report is made for: ten teams, and fifty groups of hosts."""
    logins = [f"person{number:03}" for number in range(people)]
    groups = {number: f"group g{number:02}" for number in range(50)}
    rules = (SudoRule(services=("shop.service",)), SudoRule(commands=("/usr/bin/id",)))
    model = Model(
        people={login: Person(login, name=f"Somebody With A Name {login[-3:]}") for login in logins},
        teams={
            f"team{number}": Team(f"team{number}", tuple(logins[number::10]), kind=("development", "operations")[number % 2])
            for number in range(10)
        },
        grants={
            group: {
                f"prod_access_grants_{number}": tuple(
                    Grant(f"g{number}.yml: [{place}]", "They look after it at night.", team=f"team{(number + place) % 10}", sudo=rules)
                    for place in range(3)
                )
            }
            for number, group in groups.items()
        },
        hosts={f"host{number:04}.example.org": (groups[number % 50],) for number in range(hosts)},
        environments={group: ("production", "staging")[number % 2] for number, group in groups.items()},
    )
    # A third of the hosts was set up by nobody yet: each person who should be there is drift.
    found = {host: {"read": READ, "strays": [], **({} if number % 3 else {"accounts": []})} for number, host in enumerate(model.hosts)}
    return report(model, list(model.hosts), found, NOW)
