"""What was shipped stays what it was: a change of it on the collector is found, and no host speaks for another."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from collected import COLLECTOR, FOLDER, RECEIVE, SHIP, canary, lines, ran, soon, verify
from desk import Desk, host, until

COPY = "/run/copy"
AUDIT = "/etc/prod-access/audit"


@pytest.fixture(scope="module")
def sealed(desk: Desk) -> None:
    """Some seals, of some lines each. Restarted: to start what runs already would wait for that, which may have read before."""
    for _round in range(3):
        ran(desk, "alice", "web1", f"/bin/true {canary('sealed')}; /bin/true a; /bin/true b; sleep 0.3")
        host(COLLECTOR, "systemctl restart prod-access-audit-seal.service")


@pytest.fixture
def copy(sealed: None) -> Iterator[str]:
    """The files of a host, to be tampered with. Their chain has the host's name in it."""
    host(COLLECTOR, f"rm -rf {COPY}; mkdir {COPY}; cp -a {FOLDER}/web1 {COPY}/")
    assert not verify(COPY)["web1"]["faults"]
    yield f"$(ls {COPY}/web1/*.jsonl | tail -n 1)"
    host(COLLECTOR, f"rm -rf {COPY}")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ('sed -i \'0,/"_UID": "12001"/s//"_UID": "12002"/\' @', "edited: it is not what was sealed"),
        ("sed -i 5d @", "a line before it was removed"),
        ("sed -i '5{h;d};6{G}' @", "another place than where it was sealed"),
        ("sed -i '5{p}' @", "inserted: it was not sealed here"),
        ("sed -i '11,$d' @", "missing: the file ends before it"),
        ("seals=@; sed -i 2d ${seals%.jsonl}.seals", "its seals do not follow one another"),
    ],
    ids=["edited", "removed", "moved", "inserted", "cut", "without its seals"],
)
def test_a_change_on_the_collector_is_found(copy: str, command: str, says: str) -> None:
    host(COLLECTOR, command.replace("@", copy))
    faults = verify(COPY)["web1"]["faults"]
    assert any(says in fault for fault in faults), faults


def test_the_timer_tells_of_it(desk: Desk) -> None:
    """In the collector's own files, as somebody with root there would."""
    fake = f"{FOLDER}/tampered"
    line = json.dumps({"seq": 1, "received": "2026-11-26T00:00:00.000000Z", "host": "tampered", "ship": {"cursor": ""}})
    host(COLLECTOR, f"mkdir {fake}; cat >{fake}/2026-11-26.jsonl; chown -R prod-access-audit: {fake}", stdin=line + "\n")
    try:
        host(COLLECTOR, f"systemctl restart prod-access-audit-seal.service; sed -i s/00:00:00/00:00:01/ {fake}/*.jsonl")
        host(COLLECTOR, "systemctl restart prod-access-audit-verify.service", check=False)
        event = soon("--kind", "alarm", "--text", "tampered: 2026-11-26, line 1: edited")
        assert event["host"] == COLLECTOR
    finally:
        host(COLLECTOR, f"rm -rf {fake}; systemctl reset-failed prod-access-audit-verify.service")


def test_root_on_a_host_does_not_change_what_was_shipped(desk: Desk) -> None:
    word = canary("shipped")
    ran(desk, "alice", "web1", f"/bin/true {word}")
    before = soon("--person", "alice", "--text", word)
    host("web1", "journalctl --rotate; journalctl --vacuum-files=1 --quiet; rm -f /var/lib/prod-access-audit-ship/begin; sleep 0.2")
    host("web1", f"systemctl restart {SHIP}")
    ran(desk, "alice", "web1", f"/bin/true {word}-2")
    soon("--person", "alice", "--text", f"{word}-2")
    assert soon("--person", "alice", "--text", word) == before
    assert not verify(FOLDER, "web1")["web1"]["faults"]


CLIENT = """
import json, socket, ssl, sys
certificate, said = sys.argv[1], sys.argv[2:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations("/etc/prod-access/audit/ca.crt")
if certificate:
    context.load_cert_chain(certificate)
try:
    with socket.create_connection(("log1", 7514), timeout=10) as plain, context.wrap_socket(plain, server_hostname="log1") as stream:
        answers = stream.makefile("rb")
        last = json.loads(answers.readline() or "null")
        if last is None:
            sys.exit("refused: nothing was said")
        for line in said:
            stream.sendall(line.replace("NEXT", str(last["seq"] + 1)).encode() + b"\\n")
        # What has come in parts is answered in parts: that nothing more is kept so far.
        print(next((answer for answer in answers if json.loads(answer)["seq"] > last["seq"]), b"refused: the connection ended").decode())
except TimeoutError:
    print("no answer")
except OSError as error:
    print("refused:", error)
"""


def speak(certificate: str, *said: str) -> str:
    words = " ".join(map(shlex.quote, (certificate, *said)))
    return host("web1", f"cat >/run/client.py; python3 /run/client.py {words} 2>&1", stdin=CLIENT, check=False)


@pytest.fixture
def alone() -> Iterator[None]:
    """web1's own shipper does not speak meanwhile."""
    host("web1", f"systemctl stop {SHIP}")
    yield
    host("web1", f"systemctl start {SHIP}")


def sign(days: str, name: str = "web1") -> None:
    """A certificate of the collector's own authority, signed by hand there, as /run/odd.pem on web1."""
    request = host(
        "web1", f"openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /run/odd.key -subj /CN={name} 2>/dev/null"
    )
    said = f"openssl x509 -req -in /dev/stdin -CA {AUDIT}/ca.crt -CAkey {AUDIT}/ca.key {days} 2>/dev/null"
    host("web1", "cat /run/odd.key - >/run/odd.pem", stdin=host(COLLECTOR, said, stdin=request) + "\n")


def foreign() -> None:
    new = "openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=web1"
    host("web1", f"{new} -keyout /run/odd.key -out /run/odd.crt 2>/dev/null")
    host("web1", "cat /run/odd.key /run/odd.crt >/run/odd.pem")


@pytest.mark.parametrize(
    ("certificate", "make", "says"),
    [
        ("", lambda: None, "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
        ("/run/odd.pem", foreign, "CERTIFICATE_VERIFY_FAILED"),
        ("/run/odd.pem", lambda: sign("-not_before 20250101000000Z -not_after 20250102000000Z"), "CERTIFICATE_VERIFY_FAILED"),
        ("/run/odd.pem", lambda: sign("-days 30", "web9"), "its certificate is for web9, which audit_collector_hosts does not have"),
    ],
    ids=["none", "foreign", "expired", "of no host of the inventory"],
)
def test_a_wrong_certificate_is_refused(alone: None, certificate: str, make: Callable[[], Any], says: str) -> None:
    make()
    sequence = [line["seq"] for line in lines("web1")]
    host(COLLECTOR, f"systemctl restart {RECEIVE}")  # so that it is told anew
    until(lambda: ":7514" in host(COLLECTOR, "ss -Htln"), 5, "it listens again")
    assert "refused" in speak(certificate, '{"seq": NEXT, "journal": {"MESSAGE": "x"}}')
    until(lambda: says in host(COLLECTOR, f"journalctl -u {RECEIVE} -o cat -n 30"), 5, says)
    assert [line["seq"] for line in lines("web1")] == sequence
    host("web1", "rm -f /run/odd.*")


def test_the_same_certificate_made_well_is_accepted(alone: None) -> None:
    """What the refusals above are worth."""
    sign("-days 30")
    assert '"seq"' in speak("/run/odd.pem", '{"seq": NEXT, "ship": {"kind": "heartbeat", "message": "x", "time": 1, "cursor": ""}}')
    host("web1", "rm -f /run/odd.*")


@pytest.mark.parametrize(
    "said",
    [
        '{"seq": NEXT, "host": "db1", "journal": {"MESSAGE": "x"}}',
        '{"seq": NEXT, "received": "2020-01-01T00:00:00Z", "journal": {"MESSAGE": "x"}}',
        '{"seq": 1, "journal": {"MESSAGE": "x"}}',
        '{"seq": 99999999, "journal": {"MESSAGE": "x"}}',
        "no JSON",
        "x" * 100_000 + '"seq": NEXT',
    ],
)
def test_a_host_speaks_for_itself_alone_and_goes_on_where_it_was(alone: None, said: str) -> None:
    before = lines("web1")
    assert "refused" in speak(f"{AUDIT}/host.pem", said)
    assert lines("web1") == before


def test_the_name_is_that_of_the_certificate_whatever_is_said(alone: None) -> None:
    word = canary("double")
    forged = f'{{"seq": NEXT, "journal": {{"MESSAGE": "x"}}, "journal": {{"host": "db1", "MESSAGE": "{word}", "__CURSOR": ""}}}}'
    assert '"seq"' in speak(f"{AUDIT}/host.pem", forged)
    assert [line["host"] for line in lines("web1") if word in str(line)] == ["web1"]
    assert word not in str(lines("db1"))
