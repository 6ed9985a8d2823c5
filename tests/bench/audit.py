"""Measure how long it takes to find something among a million audit records: python tests/bench/audit.py [RECORDS].

The records are those of tests/unit/records, which real programs wrote, over and over, with other people, numbers and times. Each search
is a process of its own, on one core; the seconds are those of the processor, which others' work does not change much, its start included,
and the memory is the most that it ever had.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
RECORDS = CHECKOUT / "tests/unit/records"
HOSTS = ("web1", "web2", "db1", "stage1")
# Most of what is recorded is the start of programs.
WEIGHTS = {"laurel": 12, "sudo": 3, "sessions": 2, "postgresql": 1, "mariadb": 1, "snoopy": 1}
START = 1795608000
SEARCHES = (
    ("one person's DROP", ["--person", "alice", "--text", "drop table"]),
    ("SQL of everybody", ["--kind", "sql"]),
    ("everything of one person in 300", ["--person", "p42"]),
    ("a text that is nowhere", ["--text", "nowhere-to-be-found"]),
    ("everything", []),
)
MOST_SECONDS, MOST_MEGABYTES = 20, 200


def main(count: int) -> int:
    missed = False
    with tempfile.TemporaryDirectory(prefix="bench-audit-") as folder:
        size = write(Path(folder), count)
        print(f"{count:,} records of {len(HOSTS)} hosts, {size / 1e6:,.0f} MB\n")
        print("| search | events | seconds | MB |\n| --- | --- | --- | --- |")
        for name, options in SEARCHES:
            events, seconds, megabytes = search(folder, options)
            # To print everything is no search; it shows what a record costs.
            missed |= (seconds > MOST_SECONDS and options != []) or megabytes > MOST_MEGABYTES
            print(f"| {name} | {events:,} | {seconds:.1f} | {megabytes:.0f} |", flush=True)
    print(f"\nat most {MOST_SECONDS} s and {MOST_MEGABYTES} MB are wanted" + (": missed" if missed else ""))
    return 1 if missed else 0


def write(folder: Path, count: int) -> int:
    size = 0
    for host in HOSTS:
        (folder / host).mkdir()
        (folder / host / "names.json").write_text(
            json.dumps({"0": "root", "12001": "alice", **{str(13000 + n): f"p{n}" for n in range(300)}})
        )
        with (folder / host / "2026-11-25.jsonl").open("wb") as stream:
            for line in itertools.islice(lines(host), count // len(HOSTS)):
                size += stream.write(line)
    return size


def lines(host: str) -> Iterator[bytes]:
    """One line in two hundred is alice's, as it was; the others are of many people."""
    templates = [
        json.loads(line)
        for file in sorted(RECORDS.glob("*.jsonl"))
        for line in file.read_text().splitlines() * WEIGHTS.get(file.name.partition("-")[0], 1)
    ]
    for number, template in enumerate(itertools.cycle(templates), start=1):
        moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(START + number // 10))}.{number % 10}00000Z"
        line = json.dumps({**template, "seq": number, "received": moment, "host": host}).encode()
        if number % 200:
            person = (number // 50) % 300
            line = line.replace(b"12001", b"%d" % (13000 + person)).replace(b"alice", b"p%d" % person)
        yield line + b"\n"


PROGRAM = f"""
import sys, types
for name in ("prod_access",):
    package = types.ModuleType(name)
    package.__path__ = [{str(CHECKOUT / "plugins/module_utils")!r}]
    sys.modules[name] = package
from prod_access._audit_program import main
sys.exit(main(sys.argv[1:]))
"""


def search(folder: str, options: list[str]) -> tuple[int, float, float]:
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        "--folder",
        folder,
        "search",
        "--since",
        "2026-01-01",
        "--until",
        "2027-01-01",
        "--json",
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        found = sum(chunk.count(b"\n") for chunk in iter(lambda: process.stdout.read(1 << 20), b""))
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit("bench: the search failed")
    return found, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 1_000_000))
