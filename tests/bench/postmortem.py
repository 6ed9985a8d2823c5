"""Measure how long a post-mortem of very many events takes: python tests/bench/postmortem.py [EVENTS [HOSTS]].

The records are those of tests/bench/audit.py that are events, spread over the hosts. All is measured that grows with them: reading them on
the collector, drawing them together, and writing the timeline, the document and the page, each started as it is by Ansible; without
Ansible's own time for each host, which is that of any other module.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(CHECKOUT / ".ansible/collections")]

import audit  # noqa: E402
from ansible_collections.safetynet.prod_access.plugins.action.postmortem import _write  # noqa: E402
from ansible_collections.safetynet.prod_access.plugins.module_utils._event import instant  # noqa: E402
from ansible_collections.safetynet.prod_access.plugins.module_utils._event_filter import Filter  # noqa: E402
from ansible_collections.safetynet.prod_access.plugins.module_utils._event_sources import read  # noqa: E402
from ansible_collections.safetynet.prod_access.plugins.module_utils._postmortem_evidence import collected  # noqa: E402
from ansible_collections.safetynet.prod_access.plugins.module_utils._resolve import Model  # noqa: E402
from ansible_collections.safetynet.prod_access.plugins.plugin_utils import _postmortem, _postmortem_document  # noqa: E402
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._aliases import Aliases  # noqa: E402

SINCE, UNTIL = instant("2026-11-25T00:00:00Z"), instant("2026-11-27T00:00:00Z")
MOST_SECONDS, MOST_BYTES = 60, 10_000_000
NAMES = {"0": "root", "12001": "alice", **{str(13000 + number): f"p{number}" for number in range(300)}}


def main(events: int, hosts: int) -> int:
    with tempfile.TemporaryDirectory(prefix="bench-postmortem-") as folder:
        names = [f"host{number:03}" for number in range(hosts)]
        size = sum(write(Path(folder, "record", name), events // hosts) for name in names)
        print(f"{events:,} events of {hosts} hosts, {size / 1e6:,.0f} MB; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
        begin, used = time.monotonic(), spent()
        found, complaints = collected(Filter(since=SINCE, until=UNTIL), f"{folder}/record", names, 5000)
        reading = time.monotonic() - begin
        evidence = json.loads(json.dumps(found))
        asked = _postmortem.Asked("Orders table dropped", SINCE, UNTIL)
        hosts_found = {host: {**data, "source": "collector"} for host, data in evidence.items()}
        made = _postmortem.timeline(
            asked, _postmortem.Found(hosts_found, complaints=complaints), Aliases(Model(), asked.folder, {}, names=False), UNTIL
        )
        made["evidence"] = _postmortem_document.blocks(made)
        _write(f"{folder}/made", made, _postmortem_document.document(made, made["evidence"]))
        seconds, processor = time.monotonic() - begin, spent() - used
        sizes = {path.name: path.stat().st_size for path in sorted(Path(folder, "made").iterdir())}
        print("| | |\n| --- | --- |")
        print(
            f"| reading and drawing together | {reading:.1f} s |\n| everything | {seconds:.1f} s |\n| of a processor | {processor:.1f} s |"
        )
        print(f"| entries | {len(made['events']):,}, which stand for {made['total']:,} |")
        print("".join(f"| {name} | {size / 1e6:.1f} MB |\n" for name, size in sizes.items()))
        missed = seconds > MOST_SECONDS or sum(sizes.values()) > MOST_BYTES
        print(f"at most {MOST_SECONDS} s and {MOST_BYTES / 1e6:.0f} MB in all are wanted" + (": missed" if missed else ""))
        return 1 if missed else 0


def spent() -> float:
    """The seconds of a processor that this process and those that it has ended have used."""
    times = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in times)


def write(folder: Path, count: int) -> int:
    folder.mkdir(parents=True)
    (folder / "names.json").write_text(json.dumps(NAMES))
    with (folder / "2026-11-25.jsonl").open("wb") as stream:
        return sum(map(stream.write, itertools.islice(telling(folder.name), count)))


def telling(host: str) -> Iterator[bytes]:
    """The lines that are events, as far as one of each template tells."""
    kinds: dict[tuple[int, bool], bool] = {}
    templates = sum(
        len(file.read_text().splitlines()) * audit.WEIGHTS.get(file.name.partition("-")[0], 1) for file in audit.RECORDS.glob("*.jsonl")
    )
    for number, line in enumerate(audit.lines(host), start=1):
        place = ((number - 1) % templates, number % 200 == 0)
        if place not in kinds:
            kinds[place] = read(line, NAMES) is not None
        if kinds[place]:
            yield line


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:] or ["1000000"]), *([] if len(sys.argv) > 2 else [500])))
