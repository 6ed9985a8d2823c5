"""What is told to chats, and how: what counts, once, in lines that people read, and that no chat makes something else of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from ansible_collections.safetynet.prod_access.plugins.module_utils._event import Event, instant
from ansible_collections.safetynet.prod_access.plugins.module_utils._notify import ABOUT, Note, Policy, inert, message, note, pause
from hypothesis import given
from hypothesis import strategies as st

NOW = instant("2026-11-26T10:15:00Z")
MINUTE = 60_000_000


class Kept(dict[str, int]):
    """A memory that ends with the test."""

    def put(self, key: str, time: int) -> None:
        self[key] = time


def event(kind: str, what: str, **values: object) -> Event:
    base = Event(NOW, "web1", kind, what, person="alice", user="alice", session="4")
    return replace(base, **values)  # type: ignore[arg-type]


def told(*events: Event, policy: Policy | None = None) -> list[str]:
    kept = Kept()
    notes = [note(one, policy or Policy(), kept) for one in events]
    return [message([(1, one)], NOW).text for one in notes if one is not None]


SUDO = {"user": "root"}
READ_AS: list[tuple[Event, str]] = [
    (event("announcement", "restarting search"), "alice on web1: restarting search"),
    (event("announcement", "restarting search", person=""), "somebody on web1: restarting search"),
    (
        event("guard", "x", details={"action": "DROP TABLE orders", "target": "shop on db1", "answer": "confirmed", "why": "it is empty"}),
        "alice on web1 was asked about DROP TABLE orders (shop on db1), and said yes: it is empty",
    ),
    (event("guard", "refused: rm -rf /etc"), "alice on web1 was asked about refused: rm -rf /etc, and stopped"),
    (
        event("access_change", "access of nora changed by root on desk: +account", details={"target": "nora", "owner": "root on desk"}),
        "access of nora on web1 was changed by root on desk: +account",
    ),
    (event("access_change", "odd"), "access of somebody on web1 was changed by somebody"),
    (
        event("automation", "x", details={"playbook": "site", "owner": "ann on desk", "result": "3 changes"}),
        "playbook site on web1, run by ann on desk: 3 changes",
    ),
    (event("automation", "it ran"), "playbook of no name on web1, run by alice: it ran"),
    (event("alarm", "nothing came for 5 minutes"), "ALARM on web1: nothing came for 5 minutes"),
    (event("sudo", "/bin/bash", **SUDO), "alice on web1 has a root shell, by sudo"),
    (event("session", "su: opened", **SUDO), "alice on web1 has a root shell, by su"),
    (
        event("sudo", "/usr/bin/vim /etc/hosts", **SUDO),
        "alice on web1 ran /usr/bin/vim /etc/hosts, and announced nothing there. One line tells the others: announce 'what, and why'",
    ),
]


@pytest.mark.parametrize(("one", "text"), READ_AS, ids=[one.kind + one.what[:12] for one, _text in READ_AS])
def test_a_line_as_people_read_it(one: Event, text: str) -> None:
    assert told(one) == [text]


def test_what_is_not_asked_for_is_not_told() -> None:
    every = [one for one, _text in reversed(READ_AS)]
    assert told(*every, policy=Policy(tell=frozenset())) == []
    assert told(event("login", "from 192.0.2.1"), event("session", "session ended")) == []
    for about in ABOUT:
        assert told(*every, policy=Policy(tell=frozenset((about,))))


def test_a_record_that_comes_twice_is_told_once() -> None:
    one = event("announcement", "restarting search")
    assert told(one, one) == ["alice on web1: restarting search"]
    assert len(told(one, replace(one, time=NOW + 1))) == 2


@pytest.mark.parametrize("what", ["/bin/bash", "/usr/bin/zsh -l", "/bin/sh -i +x"])
def test_a_root_shell_counts_once_a_session(what: str) -> None:
    one = event("sudo", what, **SUDO)
    assert len(told(one, one, event("session", "su: opened", **SUDO))) == 1
    assert len(told(one, replace(one, session="5"), replace(one, host="web2"), replace(one, person="bob"))) == 4
    assert len(told(one, event("session", "session began"), one)) == 2, "after a reboot numbers begin anew"


@pytest.mark.parametrize(
    "one",
    [
        event("sudo", "/bin/bash -c 'systemctl restart search'", **SUDO),
        event("sudo", "/bin/bash -lc id", **SUDO),
        event("sudo", "/usr/bin/fish --command=id", **SUDO),
        event("sudo", "/bin/sh /srv/deploy.sh", **SUDO),
        event("sudo", "/usr/bin/id", **SUDO),
        event("sudo", "", **SUDO),
        event("sudo", "/bin/bash", user="postgres"),
        event("sudo", "/bin/bash", status=1, **SUDO),
        event("sudo", "/bin/bash", person="", **SUDO),
        event("sudo", "/bin/bash", person="root", **SUDO),
        event("session", "su: closed", **SUDO),
        event("command", "/bin/bash", **SUDO),
        event("command", "/bin/bash 'not closed", **SUDO),
    ],
    ids=lambda one: one.kind + one.what[:20],
)
def test_what_is_no_root_shell(one: Event) -> None:
    assert told(one) == []


@pytest.mark.parametrize(
    "what",
    [
        "/usr/bin/vim /etc/hosts",
        "sudoedit /etc/hosts",
        "/usr/bin/tee -a /etc/hosts",
        "/usr/bin/rm -rf /etc/nginx",
        "/usr/bin/cp /tmp/hosts /etc/hosts",
        "/usr/bin/mv /etc/hosts /tmp/hosts",
        "/usr/bin/sed -i s/a/b/ /etc/hosts",
        "/usr/bin/sed --in-place=.old s/a/b/ /etc/hosts",
        "/usr/bin/dd if=/dev/null of=/etc/hosts",
        "/bin/sh -c 'echo x >>/etc/hosts'",
        "/usr/sbin/visudo",
        "/usr/bin/touch ../etc/hosts",
        "/usr/bin/chmod 600 /srv/../etc/hosts",
        "/usr/bin/rm /etc/hosts 'not closed",
    ],
)
def test_a_change_under_etc(what: str) -> None:
    one = event("command", what, details={"directory": "/srv"}, **SUDO)
    assert told(one)[0].endswith("announce 'what, and why'")


@pytest.mark.parametrize(
    "what",
    [
        "/usr/bin/cat /etc/hosts",
        "/usr/bin/cp /etc/hosts /tmp/hosts",
        "/usr/bin/sed s/a/b/ /etc/hosts",
        "/usr/bin/sed -i s/a/b/ /srv/hosts",
        "/usr/bin/dd if=/etc/hosts of=/tmp/hosts",
        "/bin/sh -c 'cat /etc/hosts >/tmp/hosts'",
        "/usr/sbin/visudo -c",
        "/usr/bin/vim /etcetera/hosts",
        "/usr/bin/cp",
        "",
    ],
)
def test_what_changes_nothing_under_etc(what: str) -> None:
    assert told(event("command", what, **SUDO)) == []


@pytest.mark.parametrize("other", [{"user": "alice"}, {"person": ""}, {"person": "root"}, {"status": 1}])
def test_whose_changes_under_etc_are_no_matter(other: dict[str, object]) -> None:
    assert told(event("command", "/usr/bin/vim /etc/hosts", **{**SUDO, **other})) == []


def test_who_announced_something_there_is_not_reminded_and_nobody_twice() -> None:
    change = event("sudo", "/usr/bin/vim /etc/hosts", **SUDO)
    said = event("announcement", "new hosts", time=NOW - 59 * MINUTE)
    assert len(told(said, change)) == 1
    assert len(told(replace(said, time=NOW - 60 * MINUTE), change)) == 2
    assert len(told(replace(said, host="web2"), change)) == 2
    assert len(told(replace(said, person="bob"), change)) == 2
    assert len(told(change, change, replace(change, time=NOW + 60 * MINUTE))) == 2


def test_no_chat_makes_anything_of_a_text() -> None:
    text = "@channel <!here> <@U1> [a](http://b) ![c][d] **e** `f` ~~g~~ _h_ i_j ||k|| \\* \x1b[2J\u202e\nx"
    assert inert(text) == "＠channel ‹!here› ‹＠U1› [a] (http://b) ![c] [d] ∗∗e∗∗ ˋfˋ ∼∼g∼∼ ＿h＿ i_j ¦¦k¦¦ ＼∗ [2J x"


@given(st.text())
def test_every_text_is_inert_and_stays_so(text: str) -> None:
    once = inert(text)
    assert once.isprintable()
    assert not set(once) & set("@<>`*~|\\")
    assert "](" not in once
    assert inert(once) == once
    assert len(inert(text, 10)) <= 2 * 11


def notes(*texts: str, host: str = "web1", about: str = "announcements") -> list[Note]:
    return [Note(NOW, host, about, "alice", f": {text}") for text in texts]


def test_what_is_alike_is_one_line() -> None:
    some = [*notes("a"), *notes("b"), *notes("a"), *notes("a", host="web2")]
    got = message(list(enumerate(some)), NOW)
    assert got.text == "alice on web1, web2: a (3 times)\nalice on web1: b"
    assert sorted(got.told) == [0, 1, 2, 3]
    many = [note for number in range(9) for note in notes("a", host=f"web{number}")]
    assert message(list(enumerate(many)), NOW).text == "alice on web0, web1, web2, web3 and 5 more: a"


def test_a_few_more_wait_and_very_many_are_counted() -> None:
    some = list(enumerate(notes(*map(str, range(50)))))
    first = message(some, NOW)
    assert first.text.split("\n")[-1] == "alice on web1: 19"
    assert list(first.told) == list(range(20))
    many = message(list(enumerate(notes(*map(str, range(500))))), NOW)
    assert many.text.split("\n")[-2:] == ["alice on web1: 19", "and 480 more; on the collector: prod-access-audit search"]
    assert len(many.told) == 500


def test_alarms_come_first() -> None:
    some = [*notes(*map(str, range(500))), Note(NOW, "db1", "alarms", "ALARM", ": silent")]
    got = message(list(enumerate(some)), NOW)
    assert got.text.split("\n")[:2] == ["ALARM on db1: silent", "alice on web1: 0"]
    assert got.alarm
    assert not message(list(enumerate(some[:5])), NOW).alarm
    assert not message([], NOW).alarm


def test_what_is_told_late_says_when_it_was() -> None:
    some = list(enumerate(notes("a")))
    assert message(some, NOW + 10 * MINUTE).text == "alice on web1: a"
    assert message(some, NOW + 11 * MINUTE).text == "alice on web1: a (at 2026-11-26 10:15 UTC)"


def test_a_note_on_disk_is_the_same() -> None:
    (one,) = notes("ä")
    assert Note.from_json(one.to_json()) == one


def test_pauses_grow_to_an_end_and_are_not_all_the_same() -> None:
    assert [pause(number, 1) for number in (1, 2, 3, 8, 9, 1000)] == [2, 4, 8, 256, 300, 300]
    assert pause(3, 0) == 4


def test_a_team_can_choose_all_that_can_be_told() -> None:
    specs = Path(__file__).parents[2] / "roles/audit_collector/meta/argument_specs.yml"
    option = yaml.safe_load(specs.read_text())["argument_specs"]["main"]["options"]["audit_collector_tell"]
    assert option["choices"] == option["default"] == list(ABOUT)
