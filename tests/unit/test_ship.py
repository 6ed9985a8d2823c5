"""What of a journal leaves the host, and what host and collector say to one another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.safetynet.prod_access.plugins.module_utils import _ship
from ansible_collections.safetynet.prod_access.plugins.module_utils._event_sources import read
from hypothesis import given
from hypothesis import strategies as st

RECORDS = Path(__file__).parent / "records"
NAMES = {"12001": "alice", "0": "root"}
ALICE = {"__CURSOR": "s=1", "_AUDIT_LOGINUID": "12001", "_UID": "12001", "_TRANSPORT": "syslog"}


def entry(fields: dict[str, Any], choice: _ship.Choice | None = None) -> dict[str, str] | None:
    return (choice or _ship.Choice()).entry(json.dumps(fields, separators=(",", ":")).encode())


def snoopy(command: str, **fields: Any) -> dict[str, Any]:
    return {**ALICE, "SYSLOG_IDENTIFIER": "snoopy", "MESSAGE": f"login=(unknown) tty=(none) file=/bin/x argv={command}", **fields}


@pytest.mark.parametrize("file", sorted(RECORDS.glob("*.jsonl")), ids=lambda file: file.stem)
def test_nothing_that_is_an_event_stays_on_the_host(file: Path) -> None:
    """A record says the same after it was shipped."""
    for line in file.read_bytes().splitlines():
        data = json.loads(line)
        before = read(line, NAMES)
        if "journal" not in data or before is None:
            continue
        shipped = entry({**data["journal"], "__CURSOR": "s=1"})
        assert shipped is not None, line
        after = read(_ship.received({"seq": 1, "journal": shipped}, data["host"], data["received"], 0), NAMES)
        assert after is not None
        # What a forger puts into an environment stays on the host as well.
        changed = {"record": "", **({"what": ""} if before.kind == "unverified" else {})}
        assert {**after.to_data(), **changed} == {**before.to_data(), **changed}


def test_what_is_nobodys_stays() -> None:
    assert entry({"SYSLOG_IDENTIFIER": "kernel", "MESSAGE": "x"}) is None
    assert entry({"SYSLOG_IDENTIFIER": "kernel", "MESSAGE": '"sudo"'}) is None
    assert entry({"_AUDIT_LOGINUID": str(2**32 - 1), "SYSLOG_IDENTIFIER": "kernel"}) is None
    assert entry(snoopy("x", _AUDIT_LOGINUID=str(2**32 - 1), _UID="0")) is None
    assert entry(snoopy("x", _AUDIT_LOGINUID=str(2**32 - 1), _UID="12001")) is not None
    ended = snoopy("x", _AUDIT_LOGINUID="", _UID="0")
    assert entry({**ended, "MESSAGE": ended["MESSAGE"].replace("(unknown)", "alice")}) is not None
    assert _ship.Choice().entry(b'"_AUDIT_LOGINUID" and no JSON') is None
    assert entry({"PROD_ACCESS_KIND": "alarm", "__CURSOR": "s=1"}) == {"PROD_ACCESS_KIND": "alarm", "__CURSOR": "s=1"}
    owned = entry({"_SYSTEMD_OWNER_UID": "12001", "SYSLOG_IDENTIFIER": "myprogram", "_CMDLINE": "x", "MESSAGE": "hello"})
    assert owned == {"_SYSTEMD_OWNER_UID": "12001", "SYSLOG_IDENTIFIER": "myprogram", "MESSAGE": "hello"}


def test_noise_is_excluded_by_rules_of_which_every_part_fits() -> None:
    choice = _ship.Choice([{"SYSLOG_IDENTIFIER": "snoopy", "MESSAGE": ".*check_disk.*"}])
    assert entry(snoopy("check_disk -w 10\n -c 5"), choice) is None
    assert entry(snoopy("rm -rf /"), choice) is not None
    assert entry({**snoopy("check_disk"), "SYSLOG_IDENTIFIER": "sudo"}, choice) is not None


def test_secrets_do_not_leave_the_host() -> None:
    for command, hidden in (
        ("mysql -phunter2 shop", "mysql -p*** shop"),
        ("curl -u me:hunter2 https://x", "curl -u me:*** https://x"),
        ("vault PIN 4711-0815", "vault PIN ***"),
    ):
        shipped = entry(snoopy(command), _ship.Choice(hidden=[r"(?<=PIN )[\d-]+"]))
        assert shipped and shipped["MESSAGE"] == f"login=(unknown) tty=(none) file=/bin/x argv={hidden}"
    told = entry({**ALICE, "PROD_ACCESS_KIND": "announcement", "PROD_ACCESS_WHY": "password=hunter2", "MESSAGE": "password=hunter2"})
    assert told and "hunter2" not in str(told)


def test_of_sudo_the_environment_stays_and_arguments_are_looked_at_one_by_one() -> None:
    said = {
        "runargv": ["mysql", "-phunter2", [104, 105]],
        "submitargv": ["sudo", "mysql", "-phunter2"],
        "runenv": ["PGPASSWORD=hunter2"],
        "submitenv": ["A=hunter2"],
        "command": "/usr/bin/mysql",
        "uuid": "x",
    }
    shipped = entry({**ALICE, "SYSLOG_IDENTIFIER": "sudo", "MESSAGE": "@cee:" + json.dumps({"sudo": {"accept": said}})})
    assert shipped
    assert "hunter2" not in shipped["MESSAGE"]
    assert json.loads(shipped["MESSAGE"][len("@cee:") :])["sudo"]["accept"] == {
        "runargv": ["mysql", "-p***", "hi"],
        "submitargv": ["sudo", "mysql", "-p***"],
        "command": "/usr/bin/mysql",
        "uuid": "x",
    }
    for broken in ("{", "[]", '{"sudo": 1}', '{"sudo": {"accept": 1}}', "password=hunter2"):
        odd = entry({**ALICE, "SYSLOG_IDENTIFIER": "sudo", "MESSAGE": "@cee:" + broken})
        assert odd and "hunter2" not in odd["MESSAGE"]


def test_what_is_too_long_is_cut_with_a_mark() -> None:
    for fields in (
        {**ALICE, "SYSLOG_IDENTIFIER": "su", "MESSAGE": "x" * 10_000_000},
        snoopy("x " * 500_000),
        {**ALICE, "SYSLOG_IDENTIFIER": "sudo", "MESSAGE": "@cee:" + json.dumps({"sudo": {"accept": {"runargv": ["é" * 3000] * 2000}}})},
        {**ALICE, "PROD_ACCESS_KIND": "announcement", "PROD_ACCESS_WHY": "x" * 10_000_000, "MESSAGE": "x"},
    ):
        shipped = entry(fields)
        assert shipped
        assert " more " in str(shipped)
        assert len(_ship.line(1, "journal", shipped)) < _ship.LONGEST


def test_bytes_and_fields_that_are_there_twice() -> None:
    assert _ship.text([104, 105, 255]) == "hi�"
    assert _ship.text(["a", "b"]) == "a"
    assert _ship.text([[104, 105], "b"]) == "hi"
    assert _ship.text([]) == _ship.text(None) == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(fields=st.dictionaries(st.sampled_from([*ALICE, "MESSAGE", "SYSLOG_IDENTIFIER", "PROD_ACCESS_KIND", "X"]), JSON))
def test_no_entry_breaks_it(fields: dict[str, Any]) -> None:
    entry({"_AUDIT_LOGINUID": "12001", **fields})


def test_the_collector_takes_the_name_from_the_certificate_alone() -> None:
    shipped = _ship.read_message(_ship.line(8, "journal", {"__CURSOR": "s=1", "MESSAGE": "x"}))
    kept = _ship.received(shipped, "web1", "2026-11-26T12:00:00.000001Z", 7)
    assert json.loads(kept) == {
        "seq": 8,
        "received": "2026-11-26T12:00:00.000001Z",
        "host": "web1",
        "journal": {"__CURSOR": "s=1", "MESSAGE": "x"},
    }
    assert list(json.loads(kept)) == ["seq", "received", "host", "journal"]
    assert _ship.place(kept) == (8, "s=1")
    of_itself = _ship.received({"seq": 1, "ship": _ship.of_shipper("heartbeat", "here", 1, "s=2")}, "web1", "", 0)
    assert _ship.place(of_itself) == (1, "s=2")


@pytest.mark.parametrize(
    "said",
    [
        b'{"seq": 8, "journal": {}, "host": "db1"}',
        b'{"seq": 8, "journal": {}, "ship": {}}',
        b'{"seq": 8}',
        b'{"seq": 8, "journal": []}',
        b'{"seq": 9, "journal": {}}',
        b'{"seq": 7, "journal": {}}',
        b'{"seq": "8", "journal": {}}',
        b'{"seq": 8, "journal": {"x": NaN}}',
        b"[]",
        b"{",
        b"[" * 100_000,
        b'"\xff"',
    ],
)
def test_what_a_host_never_says_is_refused(said: bytes) -> None:
    with pytest.raises(_ship.ProtocolError):
        _ship.received(_ship.read_message(said), "web1", "", 7)


def test_a_key_that_is_there_twice_forges_no_host() -> None:
    data = _ship.read_message(b'{"seq": 8, "journal": {"a": 1}, "journal": {"host": "db1"}}')
    assert json.loads(_ship.received(data, "web1", "", 7))["host"] == "web1"


def test_names_are_no_record() -> None:
    assert _ship.names(_ship.read_message(_ship.message({"names": {"12001": "alice", "x": "y", "1": 2}}))) == {"12001": "alice"}
    assert _ship.names({"names": {}, "seq": 1}) is None
    assert _ship.names({"names": []}) is None


@pytest.mark.parametrize(
    "kept", [b"{}", b'{"seq": 1, "journal": {}}', b'{"seq": "1", "ship": {"cursor": ""}}', b'{"seq": 1, "laurel": {}}']
)
def test_a_line_from_which_no_host_can_go_on(kept: bytes) -> None:
    with pytest.raises(_ship.ProtocolError):
        _ship.place(kept)


RULES = yaml.safe_load((Path(__file__).parents[2] / "roles/audit/defaults/main.yml").read_text())["audit_exclude"]
HOUSEKEEPING = [
    ["/usr/bin/python3", "/root/.ansible/tmp/ansible-tmp-1795611041.3-221-4/AnsiballZ_command.py"],
    ["mkdir", "-p", "/home/alice/.ansible/tmp"],
    ["rm", "-f", "-r", "/root/.ansible/tmp/ansible-tmp-1795611041.3-221-4/"],
]
OTHERS = [
    ["rm", "-rf", "/", "AnsiballZ_", "/.ansible/tmp/"],
    ["rm", "-f", "-r", "/srv/data", "/root/.ansible/tmp/x"],
    ["/bin/sh", "-c", "python3 /root/.ansible/tmp;rm -rf /"],
    ["python3", "-c", 'x = \'"ARGV":["rm","/root/.ansible/tmp/x"]\''],
]


@pytest.mark.parametrize(("argv", "leaves"), [*((argv, False) for argv in HOUSEKEEPING), *((argv, True) for argv in OTHERS)])
@pytest.mark.parametrize("identifier", ["snoopy", "laurel"])
def test_ansible_s_housekeeping_stays_and_naming_it_hides_nothing(identifier: str, argv: list[str], leaves: bool) -> None:
    execve = json.dumps({"argc": len(argv), "ARGV": argv}, separators=(",", ":"))
    message = {
        "snoopy": f"login=alice tty=(none) file=/usr/bin/{argv[0]} argv={' '.join(argv)}",
        "laurel": f'{{"ID":"1:2","SYSCALL":{{"auid":12001,"ARGV":["0x1"]}},"EXECVE":{execve},"CWD":{{"cwd":"/"}}}}',
    }[identifier]
    assert (entry({**ALICE, "SYSLOG_IDENTIFIER": identifier, "MESSAGE": message}, _ship.Choice(RULES)) is not None) == leaves


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_sudo_says_where_it_records(separators: tuple[str, str]) -> None:
    message = "@cee:" + json.dumps({"sudo": {"accept": {"iolog_path": "/var/log/sudo-io/00/00/1A"}}}, separators=separators)
    said = {"SYSLOG_IDENTIFIER": "sudo", "MESSAGE": message}
    assert _ship.recording(said) == "/var/log/sudo-io/00/00/1A"
    for other in ({"SYSLOG_IDENTIFIER": "logger"}, {"MESSAGE": '@cee:{"sudo":{"accept":{}}}'}, {"MESSAGE": message[5:]}):
        assert _ship.recording({**said, **other}) == ""


@pytest.mark.parametrize(
    "message", ['{"half": "password=hunter22"', '{"EXECVE": {"ARGV": 7}, "x": "password=hunter22"}', "[" * 9, '{"A": {"ARGV": [[1]]}}']
)
def test_a_line_of_laurel_that_cannot_be_read_leaves_without_secrets(message: str) -> None:
    found = entry({**ALICE, "SYSLOG_IDENTIFIER": "laurel", "MESSAGE": message})
    assert found is not None
    assert "hunter22" not in found["MESSAGE"]


def test_when_an_entry_was_written_is_read_without_decoding_it() -> None:
    assert _ship.realtime(b'{"_PID":"1","__REALTIME_TIMESTAMP":"1795704766722705","MESSAGE":"x"}') == 1795704766.722705
    assert _ship.realtime(b"") is None
