"""The kernel's audit, which answers in no ordinary container: the role's own files in one that shares the machine's first PID namespace.

What is not seen here is systemd, which does not run there: that it enables auditd and starts it anew, and that journald stamps its unit.
The journal's part is played by a program of the name of systemd-cat, which keeps what laurel says in a file.
"""

from __future__ import annotations

import base64
import json
import platform
import re
import subprocess
from collections.abc import Iterator

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._event import Event
from ansible_collections.safetynet.prod_access.plugins.module_utils._event_sources import read
from ansible_collections.safetynet.prod_access.plugins.module_utils._ship import Choice
from desk import HOSTS, ROOT, SSH, until

UTILS = ROOT / "plugins/module_utils"
# All of the machine's programs are seen; these are found by their word.
WORD = "kernel-canary"

SET_UP = """
set -e
command -v laurel auditd >/dev/null || {
    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends auditd laurel
} >/dev/null 2>&1
sed -i 's/^active = yes/active = no/' /etc/audit/plugins.d/laurel.conf
printf '#!/bin/sh\\nshift 2\\nexec "$@" >>/run/laurel.out 2>&1\\n' >/usr/bin/systemd-cat
chmod 755 /usr/bin/systemd-cat
: >/run/laurel.out
mkdir -p /run/package/prod_access
tar -C /run/package/prod_access -xf -
cd /run/package
python3 -c '
from prod_access import _audit_kernel, _tree
_tree.apply(_tree.Change(file.path, None, file.text, file.mode) for file in _audit_kernel.FILES)
_audit_kernel.load()
'
auditd -s enable
"""
CLEAN_UP = """
auditctl -D >/dev/null 2>&1
auditctl -e 0 >/dev/null 2>&1
pkill -x auditd
true
"""


class Kernel:
    """The place where a release's audit runs."""

    def __init__(self, host: str) -> None:
        self.host = host

    def sh(self, command: str, stdin: bytes = b"") -> str:
        argv = [str(ROOT / "molecule/default/fleet"), "kernel", self.host, "sh", "-c", command]
        done = subprocess.run(argv, input=stdin, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.decode()

    def events(self, word: str) -> list[Event]:
        """What the collector makes of it, as each line leaves a host."""
        choice = Choice()
        found = []
        for message in self.sh("cat /run/laurel.out").splitlines():
            if word not in message:
                continue
            stamps = {"_TRANSPORT": "stdout", "_SYSTEMD_UNIT": "auditd.service", "SYSLOG_IDENTIFIER": "laurel"}
            entry = choice.entry(json.dumps({**stamps, "__REALTIME_TIMESTAMP": "1795611100000000", "MESSAGE": message}).encode())
            line = {"seq": 1, "received": "2026-11-26T00:00:00Z", "host": self.host, "journal": entry}
            event = read(json.dumps(line).encode(), {"0": "root", "12001": "alice"})
            if event is not None:
                found.append(event)
        return found


@pytest.fixture(scope="module", params=HOSTS)
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """A release's audit; there is one for the whole machine, so one after the other, and nothing of it is left."""
    kernel = Kernel(str(request.param))
    package = subprocess.run(["tar", "-C", str(UTILS), "--exclude=__pycache__", "-cf", "-", "."], capture_output=True, check=True).stdout
    try:
        kernel.sh(SET_UP, package)
        until(lambda: kernel.sh("pgrep -f 'laurel --config /etc/laurel/prod-access.toml' || true"), 10, "laurel runs")
        yield kernel
    finally:
        kernel.sh(CLEAN_UP)
        subprocess.run([str(ROOT / "molecule/default/fleet"), "kernel", kernel.host], check=True)


def ran(kernel: Kernel, program: str, word: str, command: str) -> list[Event]:
    """What is on record of a command of alice's by ssh, once the program that it runs is: the shell that runs it is on record before."""
    subprocess.run([*SSH, f"alice@{kernel.host}", command], check=True, stdin=subprocess.DEVNULL, capture_output=True)
    until(lambda: any(event.what.startswith(f"{program} {word}") for event in kernel.events(word)), 5, f"{program} {word} is on record")
    return kernel.events(word)


def test_a_kernel_that_cannot_record_neither_stops_nor_waits(kernel: Kernel) -> None:
    state = dict(line.split(maxsplit=1) for line in kernel.sh("auditctl -s").splitlines())
    assert (state["enabled"], state["failure"], state["backlog_wait_time"]) == ("1", "1", "0")
    assert int(state["backlog_limit"]) >= 8192


def test_whoever_began_the_session_is_on_record_whatever_user_they_became(kernel: Kernel) -> None:
    word = f"{WORD}-became"
    found = ran(kernel, "/bin/true", word, f"sudo -n -i su - -c '/bin/true {word}'")
    programs = [event for event in found if event.what == f"/bin/true {word}"]
    assert [(event.kind, event.person, event.user, event.source) for event in programs] == [("command", "alice", "root", "laurel")]
    assert {event.person for event in found} == {"alice"}


def test_a_program_that_loads_no_library_is_on_record(kernel: Kernel) -> None:
    canaries = (ROOT / "plugins/plugin_utils/canaries.sh").read_text()
    rest = re.search(rf"{platform.machine()}\) rest='(.+?)'", canaries)
    if rest is None:
        pytest.skip(f"no static program for {platform.machine()}")
    program = base64.b64encode(bytes.fromhex("7f454c46020101000000000000000000") + base64.b64decode(rest[1])).decode()
    word = f"{WORD}-static"
    found = ran(kernel, "./static", word, f"echo {program} | base64 -d >static && chmod +x static && ./static {word}; rm static")
    assert [event.person for event in found if event.what == f"./static {word}"] == ["alice"]


def test_secrets_among_arguments_do_not_leave_the_host(kernel: Kernel) -> None:
    word = f"{WORD}-secret"
    found = ran(kernel, "/bin/true", word, f"/bin/true {word} --password=geheim42")
    assert found
    assert all("geheim42" not in event.what for event in found)


def test_arguments_without_end_are_one_line_that_can_be_read(kernel: Kernel) -> None:
    word = f"{WORD}-long"
    found = ran(kernel, "/bin/true", word, f'/bin/true {word} "$(head -c 100000 /dev/zero | tr "\\0" x)" $(seq 20000)')
    assert [event.kind for event in found if event.what.startswith(f"/bin/true {word}")] == ["command"]
