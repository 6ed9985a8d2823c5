"""What sudo records of terminals, at the collector: played there, and not changed by anybody who is root on the host."""

from __future__ import annotations

import pytest
from collected import COLLECTOR, FOLDER, SHIP, canary, ran, search, soon
from desk import HOSTS, Desk, host, until


def says(word: str) -> str:
    """A command that shows ``<word>``, which does not stand in the command itself: that is shown as well."""
    return f'printf "%s%s%s\\\\n" "<" {word} ">"'


def replayed(name: str, recording: str) -> str:
    return host(COLLECTOR, f"prod-access-audit replay {name} {recording} --speed 1000", check=False)


@pytest.mark.parametrize("name", HOSTS)
def test_a_session_is_played_at_the_collector(desk: Desk, name: str) -> None:
    word = canary("shown")
    ran(desk, "alice", name, f"sudo sh -c '{says(word)}'")
    event = soon("--text", word, "--kind", "sudo", "--host", name)
    recording = event["details"]["recording"]
    until(lambda: f"<{word}>" in replayed(name, recording), 10, f"{recording} of {name} at {COLLECTOR}")
    # Who watched others is on record as well.
    assert soon("--kind", "audit_read", suits=lambda event: recording in event["what"] or recording in str(event["details"]))


def test_root_on_a_host_does_not_change_what_was_shipped(desk: Desk) -> None:
    word = canary("kept")
    ran(desk, "alice", "web1", f"sudo sh -c '{says(word)}'")
    recording = soon("--text", word, "--kind", "sudo", "--host", "web1")["details"]["recording"]
    until(lambda: f"<{word}>" in replayed("web1", recording), 10, "the recording")
    # It is recorded anew, in the place of the old one, and is longer.
    host("web1", f"f={recording}/stdout; [ -e $f ] || f={recording}/ttyout; rm -f $f; printf 'nothing to see here, %1000s' x >$f")
    host("web1", f"systemctl restart {SHIP}")
    ran(desk, "alice", "web1", "sudo true")
    host("web1", "sleep 3")
    assert f"<{word}>" in replayed("web1", recording)
    assert "nothing to see" not in replayed("web1", recording)
    host("web1", f"rm -r {recording}")
    assert f"<{word}>" in replayed("web1", recording)


def test_a_session_that_goes_on_is_there_already_and_goes_on_after_an_outage(desk: Desk) -> None:
    first, second = canary("first"), canary("second")
    waits = f"until [ -e /run/{second} ]; do sleep 0.1; done"
    with desk.session("alice", "web2", f"sudo sh -c 'echo ready; {says(first)}; {waits}; rm /run/{second}; {says(second)}; sleep 5'"):
        recording = soon("--text", first, "--kind", "sudo", "--host", "web2")["details"]["recording"]
        until(lambda: f"<{first}>" in replayed("web2", recording), 10, "what was shown so far")
        host("web2", f"systemctl restart {SHIP}; touch /run/{second}")
        until(lambda: f"<{second}>" in replayed("web2", recording), 15, "what was shown after")
    assert replayed("web2", recording).count(f"<{first}>") == 1


def test_a_service_that_says_much_is_in_nobodys_way(desk: Desk) -> None:
    """Of what it says nothing leaves the host. Meanwhile recordings grow."""
    word, go = canary("amid"), canary("go")
    ran(desk, "alice", "web1", f"/bin/true {go}")
    soon("--text", go, seconds=15)
    # Nothing that alice does after the beginning is a record.
    host("web1", f"mkfifo -m 666 /run/{go}; systemd-run -q --unit=noise sh -c 'while :; do echo noise; sleep 0.1; done'")
    try:
        command = f"echo ready; read line </run/{go}; {says(word)}; read line </run/{go}"
        with desk.session("alice", "web1", f"sudo sh -c '{command}'"):
            recording = soon("--text", word, "--kind", "sudo", "--host", "web1")["details"]["recording"]
            host("web1", f"sleep 3; echo >/run/{go}")
            until(lambda: f"<{word}>" in replayed("web1", recording), 10, "what was shown amid noise")
    finally:
        host("web1", f"systemctl stop noise; rm /run/{go}")


def test_recordings_are_read_by_nobody_but_root(desk: Desk) -> None:
    ran(desk, "alice", "web1", "sudo true")
    recording = search("--kind", "sudo", "--person", "alice", "--host", "web1")[-1]["details"]["recording"]
    assert desk.ssh("alice", "web1", f"ls /var/log/sudo-io || cat {recording}/log.json").returncode != 0
    modes = host("web1", f"stat -c '%U %G %a' /var/log/sudo-io {recording} {recording}/log.json").splitlines()
    assert modes == ["root prod-access-audit-ship 750", "root prod-access-audit-ship 750", "root prod-access-audit-ship 640"]
    assert host(COLLECTOR, f"stat -c '%U %a' {FOLDER}/web1/sudo-io") == "prod-access-audit 700"
