"""What the real visudo and sudo make of what is rendered: just what the model says, for legal rules and hostile ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._access import Access, HostGrant, HostPerson
from ansible_collections.safetynet.prod_access.plugins.module_utils._model import Person
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._node import Node
from ansible_collections.safetynet.prod_access.plugins.module_utils._sudo_rule import SudoRule, commands_of
from ansible_collections.safetynet.prod_access.plugins.module_utils._sudoers import Settings, entries_of, listed, powers_of, render
from ansible_collections.safetynet.prod_access.tests.unit.strategies import RULES
from desk import HOSTS, host
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

ORACLE = (Path(__file__).parent / "oracle.py").read_text()
NOW = Moment.parse("2026-11-25")
SLOWLY = settings(
    max_examples=3,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
Case = dict[str, Any]


@pytest.fixture(scope="module", params=HOSTS)
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    accounts = ("probe", "search", "app_1")
    found: str = request.param
    for account in accounts:
        host(found, f"getent passwd {account} || useradd --system {account}")
    host(found, "cat > /root/oracle.py", stdin=ORACLE)
    yield found
    host(found, "rm /root/oracle.py; " + "; ".join(f"userdel {account}" for account in accounts))


def ask(name: str, cases: list[Case]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = json.loads(host(name, "python3 /root/oracle.py", stdin=json.dumps(cases)))
    return answers


def file_of(*rules: SudoRule) -> tuple[str, Any]:
    person = HostPerson(Person("probe", name="Probe"), (HostGrant("a test", "a test", sudo=rules),))
    entries = entries_of(Access({"probe": person}), NOW)
    return render(entries, Settings()), powers_of(entries)["probe"]


def parsed(data: Any) -> SudoRule | None:
    return SudoRule.parse(Node(data, ("x",), []))


def test_sudo_says_what_the_model_says(name: str) -> None:
    @SLOWLY
    @given(st.lists(RULES, min_size=20, max_size=40))
    def check(rules: list[SudoRule]) -> None:
        files = [file_of(rule) for rule in rules]
        for (text, powers), answer in zip(files, ask(name, [{"text": text} for text, _powers in files]), strict=True):
            assert answer["visudo"] == "", text
            assert listed(answer["listed"]) == {power.as_listed() for power in powers}, answer["listed"]

    check()


# What means something to sudoers(5), fnmatch(3), the shell or regex(7), and letters between.
HOSTILE = st.text(st.sampled_from("ab,=:#\\\\\\*?[]!^$\"'(){}|&;<>~%@+-./ `é\t"), min_size=1, max_size=8)


def test_hostile_arguments_are_refused_or_match_themselves_alone(name: str) -> None:
    """Whatever is written as arguments: refused in the inventory, or sudo allows just that, and nothing that is near it."""

    @SLOWLY
    @given(st.lists(HOSTILE, min_size=60, max_size=60))
    def check(texts: list[str]) -> None:
        cases = []
        for text in texts:
            rule = parsed({"commands": [f"/opt/probe/x {text}"]})
            if rule is None or any(command.pattern for command in commands_of(rule.commands[0])):
                continue
            exact = [[command.path, *command.arguments.split(" ")] for command in commands_of(rule.commands[0]) if command.arguments]
            words = [argv[1:] for argv in exact]
            near = [[*some, "more"] for some in words] + [["more", *some] for some in words] + [some[:-1] for some in words]
            near += [[*some[:-1], some[-1] + "a"] for some in words] + [[*some[:-1], some[-1][:-1]] for some in words]
            near += [[some[0].replace("\\", "", 1), *some[1:]] for some in words] + [["ab" + "b" * len(text)]]
            refused = [one for one in near if one not in words and " ".join(one) not in [" ".join(some) for some in words]]
            cases.append(
                {
                    "text": file_of(rule)[0],
                    "allowed": [("root", argv) for argv in exact],
                    "refused": [("root", ["/opt/probe/x", *one]) for one in refused] + [("search", argv) for argv in exact],
                }
            )
        for case, answer in zip(cases, ask(name, cases), strict=True):
            assert answer["visudo"] == "", case["text"]
            assert all(answer["allowed"]), [case["text"], case["allowed"]]
            assert not any(answer["refused"]), [
                case["text"],
                [one for one, wrong in zip(case["refused"], answer["refused"], strict=True) if wrong],
            ]

    check()


RULES_THAT_SAY_WHAT_THEY_GIVE = {
    "alternatives": (
        {"commands": ["/opt/probe/reindex --shard {1,2}"]},
        [["/opt/probe/reindex", "--shard", "1"], ["/opt/probe/reindex", "--shard", "2"]],
        [["/opt/probe/reindex", "--shard", "3"], ["/opt/probe/reindex", "--shard", "1", "2"], ["/opt/probe/reindex"]],
    ),
    "no arguments": ({"commands": ["/opt/probe/x"]}, [["/opt/probe/x"]], [["/opt/probe/x", "a"], ["/opt/probe/xy"]]),
    "a pattern": (
        {"commands": ["/opt/probe/release ^--version [0-9]{1,3}(\\.[0-9]+)?$"]},
        [["/opt/probe/release", "--version", "12"], ["/opt/probe/release", "--version", "1.2"]],
        [
            ["/opt/probe/release", "--version", "1234"],
            ["/opt/probe/release", "--version", "1.2", "x"],
            ["/opt/probe/release", "x", "--version", "1"],
        ],
    ),
    "services": (
        {"services": ["cron.service", "a@1.timer"]},
        [
            ["/usr/bin/systemctl", "restart", "cron"],
            ["/usr/bin/systemctl", "restart", "cron.service"],
            ["/usr/bin/systemctl", "--no-pager", "status", "cron"],
            ["/usr/bin/journalctl", "--no-pager", "-n", "100", "-u", "cron"],
            ["/usr/bin/systemctl", "start", "a@1.timer"],
        ],
        [
            ["/usr/bin/systemctl", "restart", "cronx"],
            ["/usr/bin/systemctl", "restart", "cron.timer"],
            ["/usr/bin/systemctl", "restart", "cron", "ssh"],
            ["/usr/bin/systemctl", "status", "cron"],
            ["/usr/bin/systemctl", "edit", "cron"],
            ["/usr/bin/systemctl", "disable", "cron"],
            ["/usr/bin/systemctl", "start", "a@2.timer"],
            ["/usr/bin/systemctl", "start", "a@1"],
            ["/usr/bin/journalctl", "-u", "cron"],
            ["/usr/bin/journalctl", "--no-pager"],
        ],
    ),
}


@pytest.mark.parametrize("kind", RULES_THAT_SAY_WHAT_THEY_GIVE)
def test_each_kind_of_rule_gives_what_it_says_and_nothing_beside(name: str, kind: str) -> None:
    data, allowed, refused = RULES_THAT_SAY_WHAT_THEY_GIVE[kind]
    rule = parsed(data)
    assert rule is not None
    (answer,) = ask(
        name, [{"text": file_of(rule)[0], "allowed": [("root", argv) for argv in allowed], "refused": [("root", argv) for argv in refused]}]
    )
    assert answer["visudo"] == ""
    assert answer["allowed"] == [True] * len(allowed)
    assert answer["refused"] == [False] * len(refused)


def test_a_large_host_stays_readable_and_quick(name: str) -> None:
    """370 people in 90 teams with 260 rules, as one public fleet has them."""
    people: dict[str, list[HostGrant]] = {"probe": [], **{f"person{number:03}": [] for number in range(369)}}
    logins = list(people)
    for number in range(260):
        rule = (
            SudoRule(services=(f"app{number}.service",))
            if number % 3
            else SudoRule(commands=(f"/opt/app{number}/bin/run --shard {{1,2,3}}",))
        )
        grant = HostGrant(f"prod_access_grants_app{number}[0] (group app)", f"They run app {number}.", f"team{number % 90}", sudo=(rule,))
        for place in range(10):
            people[logins[(number % 90 * 4 + place) % 370]].append(grant)
    access = Access({login: HostPerson(Person(login, name=login), tuple(grants)) for login, grants in people.items()})
    entries = entries_of(access, NOW)
    text = render(entries, Settings())
    answers = ask(name, [{"text": text}] * 5)
    assert answers[0]["visudo"] == ""
    assert listed(answers[0]["listed"]) == {power.as_listed() for power in powers_of(entries)["probe"]}
    assert sorted(answer["seconds"] for answer in answers)[2] < 0.05
    assert max(map(len, text.splitlines())) <= 122
    assert text.count("\n# prod_access_grants_app") == 260
