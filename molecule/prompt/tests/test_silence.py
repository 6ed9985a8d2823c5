"""Where no person sits at a terminal, nothing is different; and where one does, it costs next to nothing."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from desk import ENVIRONMENT, FLEET, ROOT, SSH, Desk, host

_AWAY = """
set -e
for file in /etc/bash.bashrc /etc/zsh/zshrc /etc/profile /etc/inputrc /etc/screenrc /etc/tmux.conf; do
    [ ! -e $file ] || cp -a $file /root/with-${file##*/}
    [ ! -e $file ] || sed -i '/^# The next line is safetynet/,+1d' $file
done
mv /etc/fish/conf.d/prod-access.fish /usr/lib/prod-access/prompt /etc/prod-access /root/
"""
_BACK = """
for file in /etc/bash.bashrc /etc/zsh/zshrc /etc/profile /etc/inputrc /etc/screenrc /etc/tmux.conf; do
    [ ! -e /root/with-${file##*/} ] || mv /root/with-${file##*/} $file
done
mv /root/prod-access.fish /etc/fish/conf.d/; mv /root/prompt /usr/lib/prod-access/; mv /root/prod-access /etc/
"""


class Without:
    """A host as it is without the role, for as long as it is asked to be."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        host(self.name, _AWAY)

    def __exit__(self, *_: object) -> None:
        host(self.name, _BACK)


def run(command: str, stdin: str = "") -> tuple[int, str, str]:
    """On the controller, as whoever has the fleet's keys; what ssh itself says of connections stays out."""
    done = subprocess.run(
        ["bash", "-c", command], input=stdin, capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def repository(name: str) -> Iterator[None]:
    host(name, "git init -q --bare /tmp/repository; install -m 666 /dev/null /tmp/file; echo one two > /tmp/file")
    yield
    host(name, "rm -rf /tmp/repository /tmp/file")


@pytest.mark.usefixtures("repository")
def test_what_machines_do_is_the_same_byte_for_byte(name: str, tmp_path: Path) -> None:
    ssh = " ".join(SSH)
    options = " ".join(SSH[1:])
    done = {}
    for login in ("alice", "bob", "root"):  # zsh, bash, bash
        at = f"{login}@{name}"
        done[login] = {
            "command": f"{ssh} {at} 'echo out; echo err >&2; exit 3'",
            "login shell": f'{ssh} {at} \'bash -lc "echo out; alias; declare -F"; zsh -lc "echo out"\'',
            "environment": f"{ssh} {at} 'sh -lc env | grep -vE \"^(SSH_|XDG_SESSION_ID)\"'",
            "shell from a pipe": f"{ssh} {at}",
            "interactive shell from a pipe": f'{ssh} {at} \'fish -c "echo a"; dash -c "echo b"\'',
            "scp": f"scp {options} {at}:/tmp/file {tmp_path}/back && cat {tmp_path}/back && scp -O {options} {at}:/tmp/file {tmp_path}/old",
            "sftp": f"echo 'ls /tmp/file' | sftp {options} -b - {at}",
            "rsync": f"rsync -e '{ssh}' -v --no-motd {at}:/tmp/file {tmp_path}/synced | grep -v bytes",
            "git": f"GIT_SSH_COMMAND='{ssh}' git ls-remote {at}:/tmp/repository",
            "sudo": f"{ssh} {at} 'sudo -n sh -c \"echo out; id -un\"; sudo -n -i echo in'",
        }
    cron = "su alice -c 'env -i HOME=/home/alice SHELL=/bin/sh /bin/sh -c \"echo out; redis-cli --version; rm -rf /tmp/nothing\"'"
    pairs = [(who, what, command) for who, commands in done.items() for what, command in commands.items()]
    pairs.append(("cron", "job", f'{ssh} root@{name} "{cron.replace(chr(34), chr(92) + chr(34))}"'))
    for pipelining in ("True", "False"):
        module = f"ANSIBLE_PIPELINING={pipelining} ansible -i {FLEET}/inventory {name} -m command -a 'echo out'"
        pairs.append(("ansible", f"pipelining {pipelining}", f"{module}; {module} -u deploy -b"))
    scripts = "echo from a script\nrm -rf /tmp/nothing\nalias\n"

    # Every login writes the message of the day anew, which a login shell shows: nobody else logs in meanwhile.
    shows_message = {"shell from a pipe"}

    def said() -> dict[tuple[str, str], tuple[int, str, str]]:
        with ThreadPoolExecutor(4) as pool:
            asked = {(who, what): pool.submit(run, command, scripts) for who, what, command in pairs if what not in shows_message}
        answers = {pair: future.result() for pair, future in asked.items()}
        return {**answers, **{(who, what): run(command, scripts) for who, what, command in pairs if what in shows_message}}

    with_it = said()
    with Without(name):
        without = said()
    assert with_it == without
    assert all("out" in said[1] for (_who, what), said in with_it.items() if what in ("command", "login shell", "sudo", "job"))
    assert with_it["bob", "command"][0] == 3


# Others use the processors too; it comes before all of them, where it may.
_COST = """
import contextlib, os, subprocess, sys, time
with contextlib.suppress(OSError):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
def best(argv, env):
    found = []
    for _ in range(15):
        begin = time.perf_counter()
        subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found.append(time.perf_counter() - begin)
    return min(found) * 1000
env = {"PATH": os.environ["PATH"], "HOME": "/root", "TERM": "xterm-256color"}
for shell in ("bash", "zsh", "fish", "dash"):
    print(shell, best([shell, "-i", "-c", "exit"], {**env, "ENV": os.environ.get("ENV_OF_SH", "")}))
"""


def test_a_shell_starts_as_quickly_as_before(name: str, record_property: pytest.RecordProperty) -> None:
    """At most 15 ms more: the best of many starts."""
    measure = "ENV_OF_SH=/usr/lib/prod-access/prompt/sh.sh python3 -"
    costs = dict(line.split() for line in host(name, measure, stdin=_COST).splitlines())
    with Without(name):
        before = dict(line.split() for line in host(name, "python3 -", stdin=_COST).splitlines())
    for shell, cost in costs.items():
        more, ratio = float(cost) - float(before[shell]), float(cost) / float(before[shell])
        print(f"{name}: {shell}: {more:.1f} ms more, {ratio:.2f} times as long")
        assert more < 15, shell


# What stands before a prompt of a person's own, and what it costs with ours around it; fish has no clock of its own.
_FISH = """
function fish_prompt; end
set -l begin (date +%s%N)
for i in (seq 500); fish_prompt; end
set -l without (math (date +%s%N) - $begin)
set -l begin (date +%s%N)
for i in (seq 500); emit fish_prompt; fish_prompt; end
echo without $without with (math (date +%s%N) - $begin)
"""


def test_a_prompt_costs_nothing_to_speak_of_and_starts_no_program(name: str) -> None:
    said = host(
        name,
        "export TERM=xterm-256color; bash -ic 'time for i in {1..500}; do __prod_access_prompt; done' 2>&1;"
        "zsh -ic 'time (repeat 500 __prod_access_prompt)' 2>&1;"
        f"fish -ic '{_FISH}' 2>/dev/null",
    )
    bash = re.search(r"real\s+(\d+)m([\d.]+)s", said)
    zsh = re.search(r"([\d.]+) total", said)
    fish = re.search(r"without (\d+) with (\d+)", said)
    assert bash and zsh and fish, said
    of_fish = (int(fish[2]) - int(fish[1])) / 1e9
    for shell, seconds in (("bash", 60 * int(bash[1]) + float(bash[2])), ("zsh", float(zsh[1])), ("fish", of_fish)):
        print(f"{name}: {shell}: {1000 * seconds / 500:.3f} ms a prompt")
        assert seconds / 500 < 0.002
    processes_of_prompts(name, "fish")  # At its very first start it reads manual pages.
    with_it = {shell: processes_of_prompts(name, shell) for shell in ("bash", "zsh", "fish")}
    with Without(name):
        assert {shell: processes_of_prompts(name, shell) for shell in with_it} == with_it


def processes_of_prompts(name: str, shell: str) -> int:
    """How many processes nine prompts more start. fish's own prompt starts git; threads, of which newer fish has many, do not count."""
    started = []
    for prompts in (3, 12):
        trace = f"strace -f -qq -e trace=fork,vfork,clone,clone3 -o /run/trace script -qec '{shell} -i' /dev/null"
        host(name, trace, stdin="true\n" * prompts + "exit\n")
        # Signals are in it too, and a call that something else came in between of has two lines.
        started.append(int(host(name, r"grep -v CLONE_THREAD /run/trace | grep -cE '^[0-9]+ +(v?fork|clone3?)\('")))
    return started[1] - started[0]


def test_demo_people_see_the_label(desk: Desk) -> None:
    """The comparison above would hold where the role does nothing at all."""
    done = subprocess.run([*SSH, "-tt", "bob@web1"], input="echo here\nexit\n", capture_output=True, text=True, check=False)
    assert "PRODUCTION" in done.stdout
