"""The measurements as a page of documentation."""

from __future__ import annotations

import os
import shlex
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from statistics import median

from tools import ACCESS, NOTHING, PEERS, PING, VALIDATE, Pair, Tool

# The promises: at most so many times the floor, for so many people on so many hosts. Where nobody has an account yet, the
# fleet's hosts share the processors that each has for itself in real life.
TARGETS = {
    (200, 1, "fresh"): 5.0,
    (200, 1, "no-op"): 1.5,
    (200, 1, "one added"): 1.5,
    (200, 4, "no-op"): 1.5,
    (200, 4, "one added"): 1.5,
}
RUNS = ("fresh", "no-op", "one added")
VALIDATE_TARGETS = {1000: 10.0}
# Twice the input may take up to this times as long as twice the time.
LINEAR = 1.15

PAGE = """\
<!-- Written by `make bench`. Measure again instead of editing it. -->

# Benchmarks

{conditions}:

    {command}

Times are multiples of a floor below which Ansible does not go: {ping} on the same hosts, measured just before each run. A
cell has the median of these ratios, and the median of the seconds. Everything goes over ssh with pipelining and a kept connection,
except that mitogen and pyinfra bring connections of their own. The hosts are the fleet's containers, on the machine that runs
Ansible: they share its processors.

## Giving access

Everybody has two keys, and is in a team of ten; every two teams have five sudo rules, so that 200 people have 50. *Fresh*: the host
knows none of them. *No-op*: there is nothing to do. *One added*: there is one person more than before. The floor's inventory has no
people, so reading them counts too. After each run the hosts are asked whether all accounts, keys and memberships are there; a no-op may
have touched none of their files.

{access_table}

*`useradd` alone* is a shell loop on the host that makes the same accounts: below the floor and this together no tool that calls it for
each can go; `access` has newusers(8) make eight and more together. *Loop* is Ansible's own `user`, and `ansible.posix.authorized_key`,
once for each person; *mitogen* runs the same; *pyinfra* has its `server.user`. They give no sudo, check nothing before or after, know no
end of access, and leave sshd alone. Where they have no number, they were not measured: it would take minutes.

## Checking the inventory

As many hosts as people; a team and a group of hosts for every ten. An empty play on the same inventory shows what Ansible takes to
load it. The last column is the difference for each person and host: where it does not rise, the time grows linearly.

{validate_table}
"""


class Report:
    def __init__(self) -> None:
        self._load = os.getloadavg()[0]
        self._access: dict[tuple[int, int, str], dict[Tool, list[Pair]]] = defaultdict(lambda: defaultdict(list))
        self._useradd: dict[tuple[int, int], list[float]] = defaultdict(list)
        self._validate: dict[int, list[Pair]] = defaultdict(list)

    def add(self, tool: Tool, what: str, people: int, hosts: int, pair: Pair) -> None:
        self._access[people, hosts, what][tool].append(pair)
        _say(f"{people} people on {hosts}, {what}, {tool.name}", pair)

    def add_useradd(self, people: int, hosts: int, seconds: float) -> None:
        self._useradd[people, hosts].append(seconds)
        print(f"bench: {people} people on {hosts}, `useradd` alone: {seconds:.2f} s", flush=True)

    def add_validate(self, size: int, pair: Pair) -> None:
        self._validate[size].append(pair)
        _say(f"{size} people and hosts, {VALIDATE.name}", pair)

    def text(self, arguments: Sequence[str]) -> str:
        return PAGE.format(
            ping=PING.name,
            conditions=f"Measured on {time.strftime('%Y-%m-%d')} with ansible-core {version('ansible-core')}, "
            f"on {os.cpu_count()} processors with a load of {self._load:.1f} before, by",
            command=shlex.join(["make", "bench", *(["OPTIONS=" + shlex.join(arguments)] if arguments else [])]),
            access_table=self._access_table(),
            validate_table=self._validate_table(),
        )

    def missed(self) -> list[str]:
        return [*self._missed_access(), *self._missed_validate()]

    def _missed_access(self) -> Iterator[str]:
        for case, target in TARGETS.items():
            pairs = self._access.get(case, {}).get(ACCESS)
            if pairs and _ratio(pairs) > target:
                people, hosts, what = case
                yield f"{ACCESS.name}, {people} people on {hosts}, {what}: {_ratio(pairs):.2f} times the floor, not {target:g}"

    def _missed_validate(self) -> Iterator[str]:
        for size, target in VALIDATE_TARGETS.items():
            if size in self._validate and _seconds(self._validate[size]) > target:
                yield f"{VALIDATE.name} of {size}: {_seconds(self._validate[size]):.1f} s, not {target:g}"
        sizes = sorted(self._validate)[-2:]
        if len(sizes) == 2:
            small, large = (_seconds(self._validate[size]) for size in sizes)
            growth = large / small * sizes[0] / sizes[1]
            if growth > LINEAR:
                yield f"{VALIDATE.name} from {sizes[0]} to {sizes[1]}: the time grows {growth:.2f} times as fast"

    def _access_table(self) -> str:
        tools = [ACCESS, *PEERS]
        rows = []
        for (people, hosts, what), measured in sorted(
            self._access.items(), key=lambda item: (item[0][1], item[0][0], RUNS.index(item[0][2]))
        ):
            target = TARGETS.get((people, hosts, what))
            floor = median(pair.floor for pairs in measured.values() for pair in pairs)
            alone = self._useradd.get((people, hosts)) if what == "fresh" else None
            useradd = f"{median(alone):.1f} s" if alone else ""
            cells = [_cell(measured[tool]) if tool in measured else "" for tool in tools]
            rows.append([str(people), str(hosts), what, f"{floor:.1f} s", f"{target:g}x" if target else "", useradd, *cells])
        return _table(["people", "hosts", "run", "floor", "at most", "`useradd` alone", *(tool.name for tool in tools)], rows)

    def _validate_table(self) -> str:
        rows = []
        for size, pairs in sorted(self._validate.items()):
            target = VALIDATE_TARGETS.get(size)
            floor = median(pair.floor for pair in pairs)
            ours = median(pair.run - pair.floor for pair in pairs) / size
            rows.append(
                [str(size), f"{floor:.1f} s", f"{target:g} s" if target else "", f"{_seconds(pairs):.1f} s", f"{1000 * ours:.1f} ms"]
            )
        return _table(["people, hosts", NOTHING.name, "at most", VALIDATE.name, "difference for each"], rows)


def _ratio(pairs: Sequence[Pair]) -> float:
    return median(pair.ratio for pair in pairs)


def _seconds(pairs: Sequence[Pair]) -> float:
    return median(pair.run for pair in pairs)


def _cell(pairs: Sequence[Pair]) -> str:
    ratio = _ratio(pairs)
    return f"{ratio:.{0 if ratio >= 10 else 1 if ratio >= 2 else 2}f}x ({_seconds(pairs):.1f} s)"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _say(what: str, pair: Pair) -> None:
    print(f"bench: {what}: {pair.run:.2f} s, {pair.ratio:.2f} times {pair.floor:.2f} s", flush=True)
