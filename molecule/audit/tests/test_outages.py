"""The collector is away, is full, or does not know a host; a host's programs are killed: people notice nothing, and nothing is lost."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable

import pytest
from collected import COLLECTOR, FOLDER, RECEIVE, SHIP, canary, lines, ran, search, soon, verify
from desk import HOSTS, Desk, each, host, until

EVERY_HOST = pytest.mark.parametrize("name", HOSTS)


def numbers(name: str, word: str) -> list[int]:
    """The numbers of the canaries that the collector has, in its order."""
    found = re.compile(rf"argv=/bin/true {word}-(\d+)$")
    messages = (line.get("journal", {}).get("MESSAGE", "") for line in lines(name))
    return [int(match[1]) for match in map(found.search, messages) if match]


def run_numbered(desk: Desk, name: str, word: str, first: int, last: int) -> None:
    ran(desk, "alice", name, f"sh -c 'i={first}; while [ $i -le {last} ]; do /bin/true {word}-$i; i=$((i + 1)); done'")


def alarm(text: str, seconds: float = 10) -> None:
    soon("--kind", "alarm", "--text", text, seconds=seconds)


def test_all_canaries_arrive_once_and_in_order(desk: Desk, no_collector: None) -> None:
    """The shipper is killed, the journal restarted and rotated, and the collector killed, while people work and nobody listens."""
    word = canary("number")

    def works_through_blows(name: str) -> None:
        for first, blow in (
            (1, "systemctl kill --signal=KILL " + SHIP),
            (701, "systemctl restart systemd-journald"),
            (1401, "journalctl --rotate"),
            (2101, f"systemctl stop {SHIP}"),
        ):
            run_numbered(desk, name, word, first, first + 699)
            host(name, blow)
        assert ran(desk, "alice", name, "sudo -n id -u").stdout == "0\n"
        host(name, f"systemctl start {SHIP}")

    def has_all(name: str) -> None:
        run_numbered(desk, name, word, 2801, 3000)
        until(lambda: len(numbers(name, word)) >= 3000, 30, f"3000 canaries of {name}")
        assert numbers(name, word) == list(range(1, 3001))
        sequence = [line["seq"] for line in lines(name)]
        assert sequence == list(range(sequence[0], sequence[0] + len(sequence)))
        assert not verify(FOLDER, name)[name]["faults"]

    each(works_through_blows, HOSTS)
    host(COLLECTOR, f"systemctl start {RECEIVE}")
    time.sleep(1)
    host(COLLECTOR, f"systemctl kill --signal=KILL {RECEIVE}")
    each(has_all, HOSTS)


@EVERY_HOST
def test_what_waits_outlives_a_reboot(desk: Desk, name: str, no_collector: None) -> None:
    word = canary("reboot")
    run_numbered(desk, name, word, 1, 500)
    desk.reboot(name)
    run_numbered(desk, name, word, 501, 1000)
    host(COLLECTOR, f"systemctl start {RECEIVE}")
    until(lambda: len(numbers(name, word)) >= 1000, 30, "1000 canaries")
    assert numbers(name, word) == list(range(1, 1001))
    assert not verify(FOLDER, name)[name]["faults"]


def test_a_host_whose_journal_was_cut_says_so(desk: Desk) -> None:
    word = canary("lost")
    host("web1", f"systemctl stop {SHIP}")
    run_numbered(desk, "web1", word, 1, 3)
    host("web1", "journalctl --rotate; journalctl --vacuum-files=1 --quiet")
    run_numbered(desk, "web1", word, 4, 6)
    host("web1", f"systemctl start {SHIP}")
    alarm("the journal was cut before all of it was shipped")
    until(lambda: numbers("web1", word) == [4, 5, 6], 10, "what came after the cut")


def test_silence_is_told(silence: Callable[[int], None]) -> None:
    """A host of which root has stopped the shipper; and that it is there again."""
    silence(4)
    host("web2", f"systemctl stop {SHIP}")
    try:
        alarm("web2: nothing came from it for", seconds=15)
    finally:
        host("web2", f"systemctl start {SHIP}")
    soon("--kind", "recording", "--text", "web2: it is there again", seconds=10)


def test_a_host_that_never_came_is_told(silence: Callable[[int], None]) -> None:
    """It has its certificate, and the collector has nothing of it, as if something on the way stood between them from the beginning."""
    host("web2", f"systemctl stop {SHIP}")
    host(COLLECTOR, f"systemctl stop {RECEIVE}; mv {FOLDER}/web2 /run/kept")
    try:
        silence(4)
        alarm("web2: nothing came from it for 4 s, and never did", seconds=15)
    finally:
        host(COLLECTOR, f"systemctl stop {RECEIVE}; rm -rf {FOLDER}/web2; mv /run/kept {FOLDER}/web2; systemctl start {RECEIVE}")
        host("web2", f"systemctl start {SHIP}")


def test_what_waits_is_told_before_any_of_it_is_lost(desk: Desk, no_collector: None) -> None:
    def fill(megabytes: int) -> None:
        """What services say takes room, too, until so much of the journal is new."""
        new = "find /var/log/journal -name '*.journal' -newer /run/filling -printf '%k\\n' | awk '{all += $1} END {print int(all / 1024)}'"
        more = "head -c 1500000 /dev/urandom | base64 -w 1000 | systemd-run -q --pipe --wait systemd-cat; journalctl --sync"
        host("web1", f"while [ $({new}) -lt {megabytes} ]; do {more}; done")

    def told() -> str:
        return host("web1", "echo; journalctl -q -o cat -n 1 PROD_ACCESS_KIND=alarm --since '40 seconds ago'")

    def bound(megabytes: str) -> None:
        files = "/etc/systemd/journald.conf.d/prod-access.conf /etc/prod-access/audit/ship.json"
        sizes = f's/SystemMaxUse=.*/SystemMaxUse={megabytes}/; s/"size": .*/"size": "{megabytes}"/'
        host("web1", f"sed -i '{sizes}' {files}; systemctl restart systemd-journald {SHIP}")

    word = canary("waits")
    bound("32M")
    try:
        host("web1", "journalctl --rotate; sleep 1; touch /run/filling")
        run_numbered(desk, "web1", word, 1, 1)
        fill(16)
        assert "is filled by" not in told()
        fill(27)
        until(lambda: re.search(r"where records wait for the collector, is filled by [89]\d%", told()), 25, "an alarm on the host")
        host(COLLECTOR, f"systemctl start {RECEIVE}")
        until(lambda: numbers("web1", word) == [1], 20, "nothing was lost so far")
        alarm("where records wait for the collector, is filled by")
    finally:
        bound("1G")


@pytest.fixture
def silence() -> object:
    file = "/etc/prod-access/audit/receive.json"
    before = host(COLLECTOR, f"cat {file}")

    def be(seconds: int) -> None:
        host(COLLECTOR, f'sed -i \'s/"silence": [0-9]*/"silence": {seconds}/\' {file}; systemctl restart {RECEIVE}')

    yield be
    host(COLLECTOR, f"cat >{file}; systemctl restart {RECEIVE}", stdin=before + "\n")


def test_a_full_disk_of_the_collector_makes_hosts_wait(desk: Desk) -> None:
    word = canary("full")
    host(COLLECTOR, f"systemctl stop {RECEIVE}; mount -t tmpfs -o size=8m,mode=700 tmpfs {FOLDER}; chown prod-access-audit: {FOLDER}")
    try:
        host(COLLECTOR, f"systemctl start {RECEIVE}")
        until(lambda: "is full: hosts wait" in host(COLLECTOR, f"journalctl -u {RECEIVE} --since -1min -o cat"), 15, "an alarm")
        run_numbered(desk, "web1", word, 1, 20)
        assert ran(desk, "alice", "web1", "sudo -n id -u").stdout == "0\n"
    finally:
        host(COLLECTOR, f"systemctl stop {RECEIVE}; umount {FOLDER}; systemctl start {RECEIVE}")
    until(lambda: numbers("web1", word) == list(range(1, 21)), 30, "what waited")
    alarm("is full: hosts wait until there is room")


def test_a_write_that_does_not_fit_leaves_no_half_of_it() -> None:
    program = """
import os, sys
sys.path.insert(0, "/usr/lib/prod-access")
from prod_access import _audit_receive_program as receive, _event_store as store
files = receive._Files(store.Collector("/run/small"), "web1")
line = b'{"seq": 1, "received": "", "host": "web1", "ship": {"cursor": "s=1"}}' + b"\\n"
files.add(line, "2026-11-26")
try:
    files.add(b"x" * 300_000, "2026-11-26")
except OSError as error:
    print(error.errno)
print(open("/run/small/web1/2026-11-26.jsonl", "rb").read() == line)
open("/run/small/web1/2026-11-26.jsonl", "ab").write(b'{"seq": 2, "rece')
again = receive._Files(store.Collector("/run/small"), "web1")
print(again.sequence, again.cursor, open("/run/small/web1/2026-11-26.jsonl", "rb").read() == line)
"""
    host(COLLECTOR, "mkdir -p /run/small; mount -t tmpfs -o size=64k tmpfs /run/small")
    try:
        assert host(COLLECTOR, "python3 -", stdin=program).splitlines() == ["28", "True", "1 s=1 True"]
    finally:
        host(COLLECTOR, "umount /run/small; rmdir /run/small")


@EVERY_HOST
@pytest.mark.parametrize("mount", ["-t tmpfs -o size=4k tmpfs", "-t tmpfs -o ro tmpfs", "--bind /proc/self/fd"])
def test_sudo_goes_on_where_its_recordings_do_not_fit(desk: Desk, name: str, mount: str) -> None:
    word = canary("unrecorded")
    host(
        name,
        f"mkdir -p /var/log/sudo-io; mount {mount} /var/log/sudo-io; head -c 4096 /dev/zero >/var/log/sudo-io/full 2>/dev/null || true",
    )
    try:
        done = ran(desk, "alice", name, f"sudo -n sh -c 'id -u; /bin/true {word}'")
        assert done.stdout == "0\n"
    finally:
        host(name, "umount /var/log/sudo-io")
    soon("--person", "alice", "--kind", "sudo", "--text", word)


@EVERY_HOST
def test_what_outlives_its_sudo_goes_on(desk: Desk, name: str) -> None:
    """A job in the background, which starts a program once sudo has ended."""
    job = "setsid sh -c 'sleep 0.6; /bin/echo went on >/tmp/after 2>&1' </dev/null >/dev/null 2>&1 &"
    ran(desk, "alice", name, f"sudo -n sh -c {shlex.quote(job + ' sleep 0.2')}")
    until(lambda: host(name, "cat /tmp/after 2>/dev/null", check=False), 5, "an answer of the job")
    assert host(name, "cat /tmp/after; rm /tmp/after") == "went on"


@EVERY_HOST
def test_people_come_in_and_work_while_the_journal_takes_nothing(desk: Desk, name: str) -> None:
    host(name, "mount --bind /dev/null /run/systemd/journal/dev-log")
    try:
        assert ran(desk, "alice", name, "sudo -n id -u").stdout == "0\n"
    finally:
        host(name, "umount /run/systemd/journal/dev-log")


def test_recordings_are_kept_within_their_bounds() -> None:
    program = shlex.quote("""
d=/run/recordings; rm -rf $d; mkdir -p $d
for i in 1 2 3 4; do mkdir -p $d/00/00/0$i; : >$d/00/00/0$i/log; head -c 1048576 /dev/urandom >$d/00/00/0$i/ttyout; done
touch -d '40 days ago' $d/00/00/01/*; touch -d '3 days ago' $d/00/00/02/*; touch -d '2 days ago' $d/00/00/03/*
prod-access-audit-recordings --folder $d --days 30 --megabytes 2
ls $d/00/00; rm -rf $d
""")
    said = host("web1", f"sh -c {program}").splitlines()
    assert said == [
        "/run/recordings/00/00/01: removed, too old",
        "/run/recordings/00/00/02: removed, too much",
        "03",
        "04",
    ]


def test_a_broken_library_is_never_loaded_by_all(desk: Desk) -> None:
    """The role finds a snoopy that does not load, and says so; nobody is locked out."""
    library = host("web1", "cat /etc/ld.so.preload")
    host("web1", f"rm /etc/ld.so.preload; cp {library} /run/good; printf broken >{library}.new; mv -f {library}.new {library}")
    try:
        done = desk.play("audit", limit="web1", rc=2)
        assert "/etc/ld.so.preload is as it was" in done.stdout + done.stderr
        assert host("web1", "cat /etc/ld.so.preload", check=False) == ""
        assert desk.logs_in("alice", "web1")
    finally:
        host("web1", f"cp /run/good {library}.new; mv -f {library}.new {library}")
    desk.play("audit", limit="web1")
    assert host("web1", "cat /etc/ld.so.preload") == library
    word = canary("again")
    ran(desk, "alice", "web1", f"/bin/true {word}")
    soon("--person", "alice", "--text", word)
    assert search("--person", "alice", "--text", word)
