"""What people do is told to chats: once, in order, in words that a colleague reads, whatever becomes of chats and of what tells them."""

from __future__ import annotations

import json
import random
import shlex
import time
from collections.abc import Iterator

import pytest
from chats import CANARIES, COLLECTOR, LOGS, SERVICE, Chat, Sender, told
from desk import ROOT, Desk, host, until

RECEIVING = "prod-access-audit-receive.service prod-access-audit-seal.timer prod-access-audit-verify.timer prod-access-audit-tidy.timer"


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Chat, Chat]]:
    """Two chats, and a collector that has what these tests write alone: what comes from the fleet waits on its hosts meanwhile."""
    host(COLLECTOR, f"systemctl stop {RECEIVING}; mv {LOGS} {LOGS}.kept; install -d -o prod-access-audit -m 700 {LOGS}")
    try:
        with told() as chats:
            yield chats
    finally:
        host(COLLECTOR, f"rm -rf {LOGS}; mv {LOGS}.kept {LOGS}; systemctl start {RECEIVING}")


@pytest.fixture
def chats(both: tuple[Chat, Chat]) -> tuple[Chat, Chat]:
    """Both chats, up, with nothing in them and nothing on its way."""
    for chat in both:
        chat.up()
        chat.answers("200")
    until(lambda: all(one["waiting"] == 0 for one in status().values()), 60, f"nothing waits: {status()}")
    for chat in both:
        chat.clear()
    return both


@pytest.fixture
def chat(chats: tuple[Chat, Chat]) -> Chat:
    return chats[0]


@pytest.fixture(scope="module")
def sender(both: tuple[Chat, Chat]) -> Sender:
    return Sender("web1")


def status() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(host(COLLECTOR, f"{SERVICE} status --json"))
    return found


def kill() -> None:
    host(COLLECTOR, f"systemctl kill --signal=KILL {SERVICE}", check=False)


def test_what_somebody_announces_comes_once_with_their_name(desk: Desk, chats: tuple[Chat, Chat], sender: Sender) -> None:
    began = time.time()
    assert desk.ssh("alice", "web1", "announce restarting search, back in a minute").returncode == 0
    sender.send("PROD_ACCESS_KIND=announcement")
    for chat in chats:
        assert chat.has(1, "restarting") == ["alice on web1: restarting search, back in a minute"]
    assert chats[0].messages()[0]["at"] - began < 8
    sender.write(sender.last)
    time.sleep(2)
    assert len(chats[0].lines()) == 1, "the same record came a second time"


def test_what_chats_do_not_take_comes_later_once_and_in_order(chats: tuple[Chat, Chat], sender: Sender) -> None:
    down, refuses = chats
    down.down()
    refuses.answers("500")
    texts = [f"canary {number}" for number in range(6)]
    for text in texts:
        sender.announce(text)
    until(lambda: status()["on-call"]["failures"] >= 1, 20, "it was tried")
    refuses.answers("429")
    until(lambda: min(status()[chat.name]["failures"] for chat in chats) >= 2, 20, "it was tried, and tried again")
    assert {message["status"] for message in refuses.messages("refused")} == {500, 429}
    assert [chat.lines() for chat in chats] == [[], []]
    said = host(COLLECTOR, f"journalctl -u {SERVICE} -n 20")
    assert "operations could not be told so far (attempt 1)" in said
    down.up()
    refuses.answers("200")
    for chat in chats:
        assert chat.has(6, "canary", 30) == [f"alice on web1: {text}" for text in texts]


def test_a_chat_that_answers_late_is_told_once(chat: Chat, sender: Sender) -> None:
    chat.answers("slow 6")
    sender.announce("slowly")
    chat.has(1, "slowly", 15)
    until(lambda: status()["operations"]["waiting"] == 0, 15, "it has answered")
    assert len(chat.messages()) == 1


def test_a_dead_chat_is_in_nobodys_way(chats: tuple[Chat, Chat], sender: Sender) -> None:
    alive, dead = chats
    dead.answers("slow 30")
    sender.announce("first")
    until(lambda: len(dead.messages()) == 1, 10, "it hangs")
    dead.down()
    for number in range(3):
        began = time.time()
        sender.announce(f"while it is dead {number}")
        alive.has(1, f"while it is dead {number}")
        assert alive.messages()[-1]["at"] - began < 5
    dead.up()
    dead.answers("200")
    assert dead.has(3, "while it is dead", 30) == [f"alice on web1: while it is dead {number}" for number in range(3)]


def test_killed_at_any_moment_it_loses_nothing_and_repeats_nothing_without_saying_so(chat: Chat, sender: Sender) -> None:
    chance = random.Random(6)
    texts = [f"killed {number}" for number in range(24)]
    for number, text in enumerate(texts):
        sender.announce(text)
        if number % 4 == 3:
            time.sleep(chance.uniform(0, 1.5))
            kill()
    until(lambda: {f"alice on web1: {text}" for text in texts} <= set(chat.lines()), 60, f"all came: {chat.lines()}")
    time.sleep(3)
    seen: set[str] = set()
    for message in chat.messages():
        lines = [line for line in message["message"].split("\n") if "killed" in line]
        if not message["message"].startswith("Perhaps once more"):
            assert not seen & set(lines), "told twice"
        seen |= set(lines)
    new = [line for line in dict.fromkeys(chat.lines()) if "killed" in line]
    assert new == [f"alice on web1: {text}" for text in texts], "not in order"


def test_killed_while_a_message_is_on_its_way_it_says_that_it_may_have_come(chat: Chat, sender: Sender) -> None:
    chat.answers("slow 3")
    sender.announce("on its way")
    until(lambda: len(chat.messages()) == 1, 10, "the chat has it, and has not said so")
    kill()
    chat.answers("200")
    until(lambda: len(chat.messages()) == 2, 15, "it comes once more")
    assert chat.messages()[1]["message"].split("\n") == [
        "Perhaps once more, since nobody knows whether it came through:",
        "alice on web1: on its way",
    ]


def test_a_burst_is_few_messages(chat: Chat, sender: Sender) -> None:
    sender.announce(*(f"burst {number}" for number in range(500)))
    until(lambda: status()["operations"]["waiting"] == 0, 30, "all is told")
    time.sleep(2)
    assert len(chat.messages()) <= 3, len(chat.messages())
    assert chat.lines()[0] == "alice on web1: burst 0"
    assert chat.lines()[20] == "and 480 more; on the collector: prod-access-audit search", chat.lines()[18:]


def test_what_is_alike_is_one_line(chat: Chat, sender: Sender) -> None:
    other = Sender("stage1")
    sender.announce("again", "again", "again")
    other.announce("again")
    (line,) = chat.has(1, "again")
    # In the order in which they came.
    assert line in ("alice on web1, stage1: again (4 times)", "alice on stage1, web1: again (4 times)")


def test_no_text_does_anything_to_a_chat(desk: Desk, chat: Chat, sender: Sender) -> None:
    text = "@channel @here <!channel> <@U1> [good](http://bad.example) **b** `c` ~~d~~ _e_ a_b ||f|| \x1b[2J\u202e\nALARM on db1: forged"
    assert desk.ssh("alice", "web1", f"announce {shlex.quote(text)}").returncode == 0
    sender.send("PROD_ACCESS_KIND=announcement")
    (line,) = chat.has(1, "forged")
    assert line == (
        "alice on web1: ＠channel ＠here ‹!channel› ‹＠U1› [good] (http://bad.example) "
        "∗∗b∗∗ ˋcˋ ∼∼d∼∼ ＿e＿ a_b ¦¦f¦¦ [2J ALARM on db1: forged"
    )


@pytest.fixture
def made(desk: Desk) -> Iterator[None]:
    """Files below /etc that people make."""
    yield
    host("web1", "rm -f /etc/zz-*")


def test_the_first_root_shell_of_a_session_is_told(desk: Desk, chat: Chat, sender: Sender) -> None:
    sender.since = host("web1", "date +%s.%N")
    for way in ("sudo -n -i", "sudo -n -s", "sudo -n bash", "sudo -n su"):
        assert desk.ssh("alice", "web1", f"echo true | {way}; echo true | {way}; sudo -n true; sudo -n -i true").returncode == 0
    sender.send()
    assert chat.has(2, "root shell") == ["alice on web1 has a root shell, by sudo (3 times)", "alice on web1 has a root shell, by su"]


def test_a_change_under_etc_that_nobody_was_told_of(desk: Desk, chat: Chat, sender: Sender, made: None) -> None:
    sender.since = host("web1", "date +%s.%N")
    for command in ("cat /etc/hosts", "cp /etc/hosts /tmp/zz", "touch /etc/zz-1", "touch /etc/zz-2"):
        assert desk.ssh("carol", "web1", f"sudo -n {command}").returncode == 0
    sender.send("SYSLOG_IDENTIFIER=sudo")
    (line,) = chat.has(1, "announced nothing")
    assert (
        line
        == "carol on web1 ran /usr/bin/touch /etc/zz-1, and announced nothing there. One line tells the others: announce 'what, and why'"
    )
    sender.announce("about to change a file", login="bob")
    assert desk.ssh("bob", "web1", "sudo -n touch /etc/zz-3").returncode in (0, 1)
    sender.send("SYSLOG_IDENTIFIER=sudo")
    time.sleep(3)
    assert not any("bob on web1 ran" in line for line in chat.lines())


def test_changes_of_access_are_told(desk: Desk, chat: Chat, sender: Sender) -> None:
    desk.forget("nora", hosts=["web1"])
    sender.since = host("web1", "date +%s.%N")
    desk.person("nora", grant={"sudo": "full"})
    try:
        desk.access(limit="web1")
        sender.send("PROD_ACCESS_KIND=access_change")
        (line,) = chat.has(1, "access of nora")
        assert line.startswith("access of nora on web1 was changed by root on ")
        assert "account with uid" in line
    finally:
        desk.forget("nora", hosts=["web1"])


def test_addresses_are_nowhere_to_be_seen(desk: Desk, chat: Chat, sender: Sender) -> None:
    chat.answers("500")
    sender.announce("while it complains")
    until(lambda: status()["operations"]["failures"] >= 1, 20, "it complains")
    chat.answers("200")
    host(COLLECTOR, "rm /etc/prod-access/chats.json")
    said = desk.play(str(ROOT / "molecule/notify/converge.yml"), "-vvvv", "--diff", limit=COLLECTOR).stdout
    assert "+operations: json" in said
    seen = host(
        COLLECTOR,
        f"(journalctl --no-pager; ps axwwe; systemctl show {SERVICE}; systemctl cat {SERVICE}; cat /proc/[0-9]*/environ; "
        f"cat /var/lib/private/prod-access/notify/*; {SERVICE} status) | tr -c '[:print:]' '\\n'",
    )
    assert "while it complains" in seen
    for canary in CANARIES:
        assert not [line for line in (said + seen).splitlines() if canary in line]
    assert host(COLLECTOR, "stat -c '%a %U' /etc/prod-access/chats.json") == "600 root"
    assert all(canary in host(COLLECTOR, "cat /etc/prod-access/chats.json") for canary in CANARIES)


BAD = [
    {"name": "ops", "url": ""},
    {"name": "ops", "url": "slac://canary-bad"},
    {"name": "a b", "url": "http://canary-bad"},
    {"url": "json://canary bad", "tell": ["everything"], "canary-key bad": 1},
    "json://canary-bad",
]


def test_bad_addresses_are_named_all_at_once_and_not_shown(desk: Desk) -> None:
    before = host(COLLECTOR, "sha256sum /etc/prod-access/chats.json")
    play = desk.folder / "bad.yml"
    play.write_text(
        json.dumps(
            [{"hosts": COLLECTOR, "gather_facts": False, "tasks": [{"safetynet.prod_access.audit_chats": {"chats": BAD}, "become": True}]}]
        )
    )
    done = desk.play(str(play), "-vvv", limit=None, rc=2)
    for said in (
        "audit_collector_chats[0].url: missing or empty",
        "audit_collector_chats[1].url: apprise has no such schema",
        "audit_collector_chats[1].name: the same as an earlier one",
        "audit_collector_chats[2].name: missing, or not 1 to 40",
        "audit_collector_chats[2].url: http:// alone names no service",
        "audit_collector_chats[3].url: not an address",
        "audit_collector_chats[3].tell: not a list of announcements",
        "audit_collector_chats[4]: not an entry",
    ):
        assert said in done.stdout + done.stderr, done.stdout + done.stderr
    assert "canary-bad" not in done.stdout + done.stderr
    assert "canary bad" not in done.stdout + done.stderr
    assert host(COLLECTOR, "sha256sum /etc/prod-access/chats.json") == before


def test_what_apprise_does_not_understand_is_not_written(desk: Desk) -> None:
    before = host(COLLECTOR, "sha256sum /etc/prod-access/chats.json")
    play = desk.folder / "odd.yml"
    chats = [{"name": "odd", "url": "slack://canary-odd"}]
    play.write_text(
        json.dumps(
            [
                {
                    "hosts": COLLECTOR,
                    "gather_facts": False,
                    "tasks": [{"safetynet.prod_access.audit_chats": {"chats": chats}, "become": True}],
                }
            ]
        )
    )
    done = desk.play(str(play), limit=None, rc=2)
    assert "apprise does not understand the address of odd" in done.stdout
    assert "canary-odd" not in done.stdout
    assert host(COLLECTOR, "sha256sum /etc/prod-access/chats.json") == before


def test_a_person_on_the_collector_can_try_and_see(chat: Chat) -> None:
    assert host(COLLECTOR, f"{SERVICE} try operations") == "operations: told"
    assert chat.lines() == ["This is a trial. What people announce on production hosts is told here from now on."]
    assert host(COLLECTOR, f"{SERVICE} status").splitlines()[-1].startswith("operations: 0 waiting; answers")
    chat.answers("500")
    said = host(COLLECTOR, f"{SERVICE} try operations; {SERVICE} try nobody", check=False)
    assert said.startswith("operations: ") and "canary" not in said, said
