"""Measure what giving people access costs, beside other ways of doing the same, on the fleet; write docs/benchmarks.md.

What the fleet's hosts have of ours is set aside before, and put back afterwards, also when interrupted.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from data import Organisation, write_hosts
from hosts import Hosts
from report import Report
from tools import ACCESS, CHECKOUT, NOTHING, PEERS, PING, VALIDATE, Tool, measure, pyinfra_inventory, run

FLEET = CHECKOUT / ".fleet"


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended"))
    report = Report()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        _Bench(options, Path(folder), report).measure()
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(report.text(sys.argv[1:]))
    print(f"bench: wrote {os.path.relpath(options.output)}")
    for miss in report.missed():
        print(f"bench: missed: {miss}")
    return 1 if report.missed() else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default, text in (
        ("--people", [10, 50, 200], "how many people get access"),
        ("--peer-people", [10, 50], "the same for the peers; with more than the fewest only no-op"),
        ("--sizes", [10, 100, 1000, 2000], "how many people, and hosts, are checked"),
    ):
        parser.add_argument(name, type=int, nargs="*", default=default, metavar="N", help=f"{text} ({' '.join(map(str, default))})")
    parser.add_argument("--pairs", type=int, default=5, metavar="N", help="how often to measure each (5)")
    parser.add_argument("--slow-pairs", type=int, default=3, metavar="N", help="the same for fresh hosts, and for the peers (3)")
    few = "hosts of the fleet (web1 web2 db1 stage1); the first one is also measured alone"
    parser.add_argument("--hosts", nargs="+", default=["web1", "web2", "db1", "stage1"], metavar="HOST", help=few)
    parser.add_argument("--output", type=Path, default=CHECKOUT / "docs/benchmarks.md", metavar="FILE")
    return parser.parse_args()


class _Bench:
    def __init__(self, options: argparse.Namespace, folder: Path, report: Report) -> None:
        self.options = options
        self.folder = folder
        self.report = report
        overlay = yaml.safe_load((FLEET / "inventory/zz_fleet.yml").read_text())["all"]
        self.hosts = Hosts(FLEET / "ssh_config", options.hosts)
        # Connections of our own, so that nobody else's runs meet them.
        self.sockets = folder / "ssh"
        self.connection = {
            **{name: value for name, value in overlay["vars"].items() if name.startswith("ansible_")},
            "ansible_control_path_dir": str(self.sockets),
        }

    def measure(self) -> None:
        try:
            one = Hosts(FLEET / "ssh_config", self.hosts.names[:1])
            for hosts in [one, self.hosts][: len(self.hosts.names)]:
                for people in self.options.people:
                    self.give(ACCESS, people, hosts, self.options.pairs)
            for tool in PEERS:
                for people in self.options.peer_people:
                    self.give(tool, people, one, self.options.slow_pairs, whole=people == min(self.options.peer_people))
        finally:
            self.hosts.put_back()
            for socket in self.sockets.glob("*"):
                subprocess.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "any"], capture_output=True)
        for size in self.options.sizes:
            self.validate(size)

    def give(self, tool: Tool, people: int, hosts: Hosts, pairs: int, *, whole: bool = True) -> None:
        """Fresh, then with nothing to do, then one person more each time; or only with nothing to do."""
        for _ in range(self.options.slow_pairs if whole else 1):
            hosts.make_bare()
            if tool is ACCESS:
                self.report.add_useradd(people, len(hosts.names), hosts.useradd(people))
                hosts.make_bare()
            self.run(tool, "fresh", people, people, hosts, count=whole)
        before = hosts.look()
        for _ in range(pairs):
            self.run(tool, "no-op", people, people, hosts)
        assert hosts.look() == before, f"{tool.name}: a run that had nothing to do changed something"
        for number in range(pairs if whole else 0):
            self.run(tool, "one added", people, people + number + 1, hosts)

    def run(self, tool: Tool, what: str, people: int, size: int, hosts: Hosts, *, count: bool = True) -> None:
        bare = self.folder / f"nobody-on-{len(hosts.names)}"
        if not bare.exists():
            write_hosts(bare, hosts.names, self.connection)
            run(PING, bare)  # Opens the connections.
        inventory = self.folder / f"{size}-on-{len(hosts.names)}"
        if not inventory.exists():
            organisation = Organisation(size)
            organisation.write(inventory, hosts.names, self.connection)
            self._write_for_pyinfra(inventory, organisation, hosts)
        pair = measure(PING, bare, tool, inventory)
        for host, seen in hosts.look().items():
            found = (seen.accounts, seen.keys, seen.memberships)
            assert found == (size, 2 * size, size), f"{tool.name}: accounts, keys and memberships on {host} are {found}"
        if count:
            self.report.add(tool, what, people, len(hosts.names), pair)

    def _write_for_pyinfra(self, inventory: Path, organisation: Organisation, hosts: Hosts) -> None:
        connection = {"ssh_config_file": str(FLEET / "ssh_config"), "ssh_strict_host_key_checking": "off"}
        everything = ([(name, connection) for name in hosts.names], organisation.variables)
        pyinfra_inventory(inventory).write_text(f"everything = {everything!r}\n")

    def validate(self, size: int) -> None:
        inventory = self.folder / f"large-{size}"
        Organisation(size).write_large(inventory)
        for _ in range(self.options.pairs):
            self.report.add_validate(size, measure(NOTHING, inventory, VALIDATE, inventory))


if __name__ == "__main__":
    sys.exit(main())
