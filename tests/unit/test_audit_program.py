"""The program of the collector, on a folder such as a collector has."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils import _audit_program, _event_seals
from ansible_collections.safetynet.prod_access.plugins.module_utils._event import Event, instant
from ansible_collections.safetynet.prod_access.plugins.module_utils._event_filter import Filter
from ansible_collections.safetynet.prod_access.plugins.module_utils._event_store import Collector

RECORDS = Path(__file__).parent / "records"
WINDOW = ["--since", "2026-11-25", "--until", "2026-11-26"]


def numbered(name: str, host: str, first: int = 1) -> bytes:
    """The lines of a file of records, with numbers of one host and a second between them."""
    found = b""
    for number, line in enumerate((RECORDS / f"{name}.jsonl").read_bytes().splitlines(), start=first):
        data = {**json.loads(line), "host": host, "seq": number, "received": f"2026-11-25T12:{number // 60:02}:{number % 60:02}Z"}
        found += json.dumps(data).encode() + b"\n"
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for host, name in (("db1", "sudo-1.9.13p3"), ("stage1", "sudo-1.9.16p2")):
        (tmp_path / host).mkdir()
        (tmp_path / host / "names.json").write_text(json.dumps({"12001": "alice", "12003": "carol"}))
        (tmp_path / host / "2026-11-25.jsonl").write_bytes(numbered(name, host))
    return tmp_path


def run(folder: Path, *arguments: str) -> int:
    return _audit_program.main(["--folder", str(folder), *arguments])


def test_search(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "search", *WINDOW, "--person", "alice", "--host", "db1", "--text", "DROP TABLE zz", "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events
    assert {event["host"] for event in events} == {"db1"}
    assert all("drop table zz" in event["what"].lower() for event in events)
    assert run(folder, "search", *WINDOW, "--limit", "3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0]
        == "2026-11-25T12:51:15Z  db1  alice as root  sudo  /usr/bin/id -u  [recording /var/log/sudo-io/00/00/01]  [sent by /usr/bin/zsh]"
    )
    assert len(lines) == 3
    assert run(folder, "search", *WINDOW, "--person", "nobody") == 0
    assert capsys.readouterr().out == ""


def test_hosts_are_merged_by_time_and_compressed_files_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = folder / "db1/2026-11-25.jsonl"
    plain.with_suffix(".jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    if shutil.which("zstd"):
        subprocess.run(["zstd", "--quiet", "--rm", str(folder / "stage1/2026-11-25.jsonl")], check=True)
    assert run(folder, "search", *WINDOW, "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["host"] for event in events} == {"db1", "stage1"}


def test_errors_name_what_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "search", "--host", "web9") == 1
    assert capsys.readouterr().err == "prod-access-audit: nothing ever came from web9; known are db1, stage1\n"
    assert run(folder, "search", "--since", "tomorrow") == 1
    assert "RFC 3339" in capsys.readouterr().err
    assert run(folder / "missing", "search") == 1
    assert "--folder" in capsys.readouterr().err
    assert run(folder, "replay", "db1", "../../etc/passwd") == 1
    assert "is no recording" in capsys.readouterr().err
    (folder / "db1/2026-11-25.jsonl.gz").write_bytes(b"broken")
    (folder / "db1/2026-11-25.jsonl").unlink()
    assert run(folder, "search", *WINDOW, "--host", "db1") == 1
    assert "what comes after is not shown" in capsys.readouterr().err


def test_a_terminal_is_safe_and_colours_can_be_refused() -> None:
    event = Event(instant("2026-11-25T12:00:00Z"), "db1", "sudo", "echo \x1b[2J\x9b\n\u202e", "alice\x07", "root", status=1)
    plain = "2026-11-25T12:00:00Z  db1  alice\\x07 as root  sudo  echo \\x1b[2J\\x9b\\n\\u202e  [status 1]"
    assert _audit_program.line(event, colour=False) == plain
    coloured = _audit_program.line(event, colour=True)
    assert "\x1b[1malice\\x07\x1b[0m" in coloured
    assert "\x1b[2J" not in coloured

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = {
        (True, False): _audit_program.form(Terminal(), {"TERM": "xterm"}, as_json=False)(event),
        (False, False): _audit_program.form(Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, as_json=False)(event),
        (False, True): _audit_program.form(io.StringIO(), {"TERM": "xterm"}, as_json=False)(event),
    }
    assert list(shown.values()) == [coloured, plain, plain]
    assert json.loads(_audit_program.form(io.StringIO(), {}, as_json=True)(event)) == event.to_data()


def verify(folder: Path) -> dict[str, list[str]]:
    now = instant("2026-11-25T12:02:00Z") / 1_000_000
    collector = Collector(str(folder))
    return {host: _event_seals.verify_host(collector, host, now, 300).faults for host in collector.hosts()}


def test_tampering_is_found_with_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "db1/2026-11-25.jsonl"
    with path.open("ab") as stream:
        stream.write(b'{"seq": 31, "rece')
    assert run(folder, "seal") == 0
    with path.open("ab") as stream:
        stream.write(b'ived": "2026-11-25T12:00:31Z", "host": "db1"}\n')
    assert run(folder, "seal") == 0
    assert run(folder, "seal") == 0
    assert len((folder / "db1/2026-11-25.seals").read_text().splitlines()) == 2
    assert verify(folder) == {"db1": [], "stage1": []}
    assert run(folder, "verify", "--json", "--silence", "1e9") == 0
    assert json.loads(capsys.readouterr().out)["db1"]["lines"] == 31

    good = path.read_bytes()
    path.write_bytes(good.replace(b'"/usr/bin/id"', b'"/usr/bin/ls"').replace(b"bin/id", b"bin/ls"))
    assert verify(folder)["db1"][0] == "2026-11-25, line 1: edited: it is not what was sealed"
    assert run(folder, "verify", "db1") == 1
    assert "line 1: edited" in capsys.readouterr().out
    lines = good.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:9] + lines[10:]))
    assert verify(folder)["db1"] == [
        "2026-11-25, line 10: 1 lines are missing: 10 to 10",
        "2026-11-25, line 10: a line before it was removed",
    ]
    path.write_bytes(b"".join(lines[:20]))
    assert verify(folder)["db1"] == ["2026-11-25, line 21: missing: the file ends before it, and 31 lines were sealed"]
    assert run(folder, "seal") == 1
    assert "shorter than it was when it was sealed" in capsys.readouterr().err
    (folder / "db1/2026-11-25.seals").write_text("nonsense")
    assert len(verify(folder)["db1"]) == 1


def test_two_who_seal_at_once_make_one_seal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the timers of sealing and of tidying do: the other one was done while this one waited to be let in."""
    lock = _event_seals.fcntl.flock

    def wait(file: object, how: int) -> None:
        monkeypatch.setattr(_event_seals.fcntl, "flock", lock)
        assert run(folder, "seal") == 0
        lock(file, how)  # type: ignore[arg-type]

    assert run(folder, "seal") == 0
    with (folder / "db1/2026-11-25.jsonl").open("ab") as stream:
        stream.write(b'{"seq": 32, "received": "2026-11-25T12:52:00Z", "host": "db1", "ship": {"cursor": "s=1"}}\n')
    monkeypatch.setattr(_event_seals.fcntl, "flock", wait)
    assert run(folder, "seal") == 0
    assert len((folder / "db1/2026-11-25.seals").read_text().splitlines()) == 2


def test_a_day_cannot_be_taken_out(folder: Path) -> None:
    later = folder / "db1/2026-11-26.jsonl"
    later.write_bytes(numbered("guard-debian12", "db1", 31))
    last = folder / "db1/2026-11-27.jsonl"
    last.write_bytes(numbered("guard-debian13", "db1", 34))
    assert run(folder, "seal") == 0
    assert verify(folder)["db1"] == []
    with later.open("ab") as stream:
        stream.write(numbered("guard-debian13", "db1", 34)[:-1])
    assert any("never sealed" in fault for fault in verify(folder)["db1"])
    later.unlink()
    assert "2026-11-27: it does not go on from the file before: one between them, or its seals, is gone" in verify(folder)["db1"]
    (folder / "db1/2026-11-25.jsonl").unlink()
    assert not any("go on" in fault for fault in verify(folder)["db1"])


def test_silence_and_lines_without_a_number(folder: Path) -> None:
    path = folder / "db1/2026-11-25.jsonl"
    path.write_bytes(numbered("sudo-1.9.13p3", "db1") + b'nothing\n{"x": 1, "seq": 31, "received": "2026-11-25T12:20:00Z"}\n')
    assert verify(folder)["db1"] == [
        "2026-11-25, line 31: it says neither its number nor when it was received",
        "2026-11-25, line 32: silent for 1170 s",
    ]
    collector = Collector(str(folder))
    faults = _event_seals.verify_host(collector, "db1", instant("2026-11-25T13:00:00Z") / 1_000_000, 300).faults
    assert faults[-1] == "db1: silent for 2400 s"


def test_follow_sees_what_comes(folder: Path) -> None:
    follower = Collector(str(folder)).follow(Filter(person="alice"), [])
    assert next(follower) is None
    with (folder / "db1/2026-11-25.jsonl").open("ab") as stream:
        stream.write(numbered("sudo-1.9.13p3", "db1", 31))
    event = next(follower)
    assert event is not None and (event.person, event.record) == ("alice", "31")
