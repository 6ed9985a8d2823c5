"""The fleet's hosts: as bare as the benchmark needs them, and afterwards as they were."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from data import LOGIN_PREFIX, TEAM_PREFIX

# What is ours on a host carries our name, or is the folder of keys. The copy that is kept also tells the next benchmark that
# this one was killed before it put everything back.
OURS = """
set -e
kept=/root/before-the-benchmark.tar
ours() {
    find etc usr/lib usr/sbin usr/local var/lib -maxdepth 4 -name '*prod-access*' -prune
    [ ! -e etc/ssh/authorized_keys.d ] || echo etc/ssh/authorized_keys.d
}
shared='etc/passwd etc/group etc/shadow etc/gshadow etc/subuid etc/subgid etc/ssh/sshd_config'
units() { systemctl list-unit-files --plain --no-legend 'prod-access-*.timer' | cut -d' ' -f1; }
cd /
# Homes and keys are moved away, and removed when all is done: for minutes after so many files are removed, ext4 is slow to make
# new ones, and a host that is fresh has removed none.
put_back() {
    units | xargs -r systemctl stop
    away=$(mktemp -d $kept.away.XXXXXX)
    find home var/mail -maxdepth 1 -name 'PREFIX[0-9]*' -exec mv -t $away {} +
    [ ! -e etc/ssh/authorized_keys.d ] || mv -t $away etc/ssh/authorized_keys.d
    ours | xargs rm -rf
    tar -xpf $kept
}
settle() {
    systemctl daemon-reload
    units | xargs -r systemctl start
    systemctl reload ssh
}
""".replace("PREFIX", LOGIN_PREFIX)

MAKE_BARE = """
if [ -e $kept ]; then
    put_back
else
    tar -cpf $kept.new $shared $(ours)
    mv $kept.new $kept
fi
units | xargs -r systemctl stop
ours | xargs rm -rf
sed -i '/prod-access/d' etc/ssh/sshd_config
sed -i '/^prod-access:/d' etc/group etc/gshadow
settle
"""

PUT_BACK = """
[ -e $kept ] || exit 0
put_back
rm -r $kept*
settle
"""

# The same accounts in the same groups by the tool that makes them, one call for each.
USERADD = """
groupadd --system prod-access
for team in $(seq 0 $((COUNT / 10))); do groupadd TEAM$team; done
begin=$(date +%s%N)
for number in $(seq COUNT); do
    useradd --create-home --no-log-init --user-group -K HOME_MODE=0700 --shell /bin/bash --comment "Person $number" \\
        --groups prod-access,TEAM$((number / 10)) PREFIX$number
done
echo $(($(date +%s%N) - begin))
""".replace("PREFIX", LOGIN_PREFIX).replace("TEAM", TEAM_PREFIX)

# Accounts with all their keys and groups, wherever a tool keeps them; the digest says whether anything was touched.
LOOK = """
cd /
grep -c '^PREFIX[0-9]' etc/passwd || true
cat etc/ssh/authorized_keys.d/PREFIX[0-9]* home/PREFIX[0-9]*/.ssh/authorized_keys 2>/dev/null |
    grep -c ssh-ed25519 || true
grep '^TEAM[0-9]' etc/group | cut -d: -f4 | tr ',' '\\n' | grep -c . || true
{ stat -c '%n %Y %i' etc/passwd etc/group etc/shadow etc/sudoers.d/*
  find etc/ssh/authorized_keys.d home/PREFIX[0-9]*/.ssh -type f -printf '%p %T@ %i\\n' 2>/dev/null | sort; } | sha256sum
""".replace("PREFIX", LOGIN_PREFIX).replace("TEAM", TEAM_PREFIX)


class Seen(NamedTuple):
    """What a host has of the benchmark's people."""

    accounts: int
    keys: int
    memberships: int
    digest: str


class Hosts:
    def __init__(self, ssh_config: Path, names: Sequence[str]) -> None:
        self._ssh_config = ssh_config
        self.names = names

    def make_bare(self) -> None:
        self._everywhere(OURS + MAKE_BARE)

    def useradd(self, people: int) -> float:
        """How long useradd alone takes for so many, in seconds, on the slowest host. Leaves the accounts there."""
        return max(int(said) for said in self._everywhere(USERADD.replace("COUNT", str(people))).values()) / 1e9

    def put_back(self) -> None:
        self._everywhere(OURS + PUT_BACK)

    def look(self) -> dict[str, Seen]:
        answers = self._everywhere(LOOK)
        return {name: Seen(*map(int, text.split()[:3]), text.split()[3]) for name, text in answers.items()}

    def _everywhere(self, script: str) -> dict[str, str]:
        with ThreadPoolExecutor() as pool:
            return dict(zip(self.names, pool.map(lambda name: self._run(name, script), self.names), strict=True))

    def _run(self, name: str, script: str) -> str:
        # sshd hears nobody for a moment when it reads its configuration again.
        command = ["ssh", "-F", str(self._ssh_config), "-o", "ConnectionAttempts=5", name, "sh -s"]
        done = subprocess.run(command, input=script, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"bench: {name}: {done.stderr.strip()}")
        return done.stdout
