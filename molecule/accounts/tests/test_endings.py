"""Every way in which access ends, each seen open before, and closed after."""

from __future__ import annotations

import contextlib
import datetime
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from desk import HOSTS, Desk, Done, host, soon, until

Clean = Callable[..., None]


def ended(session: Any) -> bool:
    return session.poll() is not None


def groups(login: str, name: str) -> set[str]:
    return set(host(name, f"id -Gn {login}").split())


def processes(login: str, name: str) -> str:
    return host(name, f"ps -o pid=,args= -U {login} -u {login} || true")


@contextlib.contextmanager
def foreign_sudo(name: str, login: str) -> Iterator[None]:
    """A sudo rule that is not ours, so that there are root's processes that a person began."""
    host(name, f"echo '{login} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/test-{login}; chmod 440 /etc/sudoers.d/test-{login}")
    try:
        yield
    finally:
        host(name, f"rm -f /etc/sudoers.d/test-{login}")


def test_each_end_comes_on_its_second_without_ansible(desk: Desk, clean: Clean) -> None:
    """A key, a person and a grant, each with an end in a few seconds; nothing runs on the controller meanwhile.

    Six more end a second after one another: more than systemd starts a unit in such a time unless it is told to.
    """
    swift = {f"swift-{seconds}": seconds for seconds in range(1, 7)}
    clean("kim", "perry", "grant", *swift)
    end = soon(20)
    for login, seconds in swift.items():
        desk.person(login, grant={"groups": ["adm"]}, until=end + datetime.timedelta(seconds=seconds))
    desk.person("kim", grant={}, ssh_keys=[{"key": desk.key("kim"), "until": end.isoformat()}, desk.key("kim-spare")])
    desk.person("perry", grant={"groups": ["adm"]}, until=end)
    desk.person("grant", grant={"until": end, "groups": ["adm"]})
    desk.grants.append({"person": "grant", "why": "this one stays"})
    desk.access()
    with contextlib.ExitStack() as stack:
        doomed = [stack.enter_context(desk.session(login, name)) for login in ("kim", "perry", "grant") for name in HOSTS]
        spared = [stack.enter_context(desk.session("kim", name, key="kim-spare")) for name in HOSTS]
        for name in HOSTS:
            assert "adm" in groups("grant", name)
        left = (end - datetime.datetime.now(datetime.UTC)).total_seconds()
        assert left > 1.5, f"the set-up took too long: {left} s were left"
        time.sleep(left - 1)
        assert not any(map(ended, doomed + spared)), "a session ended before its time"
        assert desk.logs_in("perry", "web1")
        time.sleep(max(0.0, (end - datetime.datetime.now(datetime.UTC)).total_seconds()))
        for name in HOSTS:
            assert not desk.logs_in("kim", name)
            assert not desk.logs_in("perry", name)
        until(lambda: all(map(ended, doomed)), 4, "open sessions are ended")
        assert not any(map(ended, spared)), "the session of the key that stays must stay"
    for name in HOSTS:
        until(
            lambda name=name: host(name, "systemctl is-active prod-access-accounts.service", check=False) == "inactive",
            5,
            "the unit is done",
        )
        started = host(
            name, "systemctl show -p ExecMainStartTimestampMonotonic,ActiveEnterTimestamp,ExecMainStatus prod-access-accounts.service"
        )
        assert "ExecMainStatus=0" in started, host(name, "journalctl -u prod-access-accounts.service --no-pager | tail -20")
        journal = "journalctl -u prod-access-accounts.service -o json --no-pager"
        moment = host(name, f"{journal} --since=@{int(end.timestamp()) - 1} | head -1")
        late = int(json.loads(moment)["__REALTIME_TIMESTAMP"]) / 1e6 - end.timestamp()
        assert 0 <= late < 1.5, f"{name}: {late:.2f} s after the end"
        assert groups("perry", name) == {"perry", "prod-access"}
        assert groups("grant", name) == {"grant", "prod-access"}
        assert desk.logs_in("grant", name), "the other grant stays"
        assert desk.logs_in("kim", name, key="kim-spare")
        until(lambda name=name: host(name, "id -nG swift-6") == "swift-6 prod-access", 8, "the last of many ends is kept")
    again = desk.access()
    assert again.stdout.count("changed=0") == len(HOSTS), "what the host did itself is what a run would have done\n" + again.stdout


def test_departure_ends_everything_at_once(desk: Desk, clean: Clean) -> None:
    clean("quinn")
    desk.person("quinn", grant={"groups": ["adm"]}, uid=12050)
    desk.access()
    with contextlib.ExitStack() as stack:
        sessions = []
        for name in HOSTS:
            stack.enter_context(foreign_sudo(name, "quinn"))
            assert desk.ssh("quinn", name, "echo '* * * * * touch /tmp/quinn-cron' | crontab -").returncode == 0
            assert desk.ssh("quinn", name, "echo 'touch /tmp/quinn-at' | at now + 1 day").returncode == 0
            assert desk.ssh("quinn", name, "loginctl enable-linger || sudo loginctl enable-linger quinn").returncode == 0
            assert desk.ssh("quinn", name, "systemd-run --user --unit=mine sleep 4241").returncode == 0
            assert (
                desk.ssh(
                    "quinn", name, "nohup setsid sleep 4242 >/dev/null 2>&1 & sudo -b setsid sleep 4243 </dev/null >/dev/null 2>&1"
                ).returncode
                == 0
            )
            sessions.append(stack.enter_context(desk.session("quinn", name, "echo ready; sudo -i sleep 4244")))
            sessions.append(stack.enter_context(desk.session("quinn", name, "echo ready; sftp-server 2>/dev/null; sleep 300")))
            # A process of root's outside quinn's slice: only its login UID still tells whose doing it is.
            elsewhere = "setsid systemd-run --quiet --scope --slice=system.slice sleep 4245 </dev/null >/dev/null 2>&1 &"
            assert desk.ssh("quinn", name, f"sudo sh -c '{elsewhere}'").returncode == 0
            forward = subprocess.Popen(
                [*desk._ssh("quinn"), "-N", "-L", f"{4300 + HOSTS.index(name)}:localhost:22", f"quinn@{name}"], stderr=subprocess.DEVNULL
            )
            stack.callback(forward.kill)
            sessions.append(forward)
            for number in (4241, 4242, 4243, 4244, 4245):
                until(lambda n=number, name=name: host(name, f"pgrep -f 'sleep {n}'", check=False), 5, f"sleep {number} runs on {name}")
        desk.person("quinn", uid=12050, state="departed", home="archive")
        done = desk.play("offboard", "-e", "person=quinn")
        assert "web1  done" in done.stdout and "web2  done" in done.stdout
        until(lambda: all(map(ended, sessions)), 5, "every connection is closed")
        for name in HOSTS:
            assert not desk.logs_in("quinn", name)
            assert desk.ssh("quinn", name, "-N", "-o", "ExitOnForwardFailure=yes", "-L", "4399:localhost:22").returncode == 255
            assert processes("quinn", name) == ""
            assert host(name, "pgrep -af 'sleep 424[0-9]'", check=False) == "", "root's processes that quinn began"
            assert "no crontab" in host(name, "crontab -u quinn -l 2>&1", check=False)
            assert "quinn" not in host(name, "atq")
            assert host(name, "ls /var/lib/systemd/linger") == ""
            assert groups("quinn", name) == {"quinn", "prod-access"}
            assert host(name, "systemctl is-failed user@12050.service", check=False) == "inactive", "no failed unit is left behind"
            # No way back from inside either: not by su with root's help withheld, nor by sudo.
            assert host(name, "su deploy -c 'su quinn -c id' </dev/null; echo $?", check=False).splitlines()[-1] != "0"
            assert host(name, "su quinn -s /bin/sh -c 'sudo -n id -u' 2>&1; true").splitlines()[-1:] != ["0"]
            # Kept: the name of the uid, what the jobs were, and the home in an archive.
            assert host(name, "getent passwd 12050").startswith("quinn:")
            assert "touch /tmp/quinn-cron" in host(name, "cat /var/lib/prod-access/departed/quinn/crontab")
            assert "touch /tmp/quinn-at" in host(name, "cat /var/lib/prod-access/departed/quinn/at-job-*")
            assert host(name, "test -e /home/quinn; echo $?") == "1"
            archive = host(name, "ls /var/lib/prod-access/homes/quinn-*.tar.gz")
            assert "./quinn/.bashrc" in host(name, f"tar -tzf {archive}")
            assert host(name, f"stat -c %a {archive}") == "600"
            host(name, f"rm {archive}")
    assert desk.play("offboard", "-e", "person=quinn").stdout.count("done: nothing to change, has no access") == 2


def test_a_daemon_that_a_departed_person_restarted_stays(desk: Desk, clean: Clean) -> None:
    clean("rory")
    desk.person("rory", grant={})
    desk.access()
    command = "/bin/sh -c 'echo $$(id -u rory) > /proc/self/loginuid; exec sleep 4250'"
    host("web1", "cat > /etc/systemd/system/daemon-test.service; systemctl daemon-reload", stdin=f"[Service]\nExecStart={command}\n")
    try:
        # As a daemon that rory had started would look: it carries rory's login UID, in a unit of the host.
        host("web1", "systemctl start daemon-test")
        desk.person("rory", state="departed")
        done = desk.play("offboard", "-e", "person=rory")
        assert "daemon-test.service" in done.stdout + done.stderr, "it is reported"
        assert host("web1", "systemctl is-active daemon-test") == "active"
    finally:
        host("web1", "systemctl stop daemon-test; rm /etc/systemd/system/daemon-test.service; systemctl daemon-reload")


def test_a_changed_key_closes_the_old_ones_sessions(desk: Desk, clean: Clean) -> None:
    clean("sasha")
    desk.person("sasha", grant={}, ssh_keys=[desk.key("sasha"), desk.key("sasha-other")])
    desk.access()
    assert desk.logs_in("sasha", "web1") and desk.logs_in("sasha", "web2", key="sasha-other")
    with desk.session("sasha", "web1") as old, desk.session("sasha", "web1", key="sasha-other") as other:
        desk.person("sasha", grant={}, ssh_keys=[desk.key("sasha-new"), desk.key("sasha-other")])
        desk.access()
        until(lambda: ended(old), 3, "the session of the lost key ends")
        assert not ended(other)
    for name in HOSTS:
        assert not desk.logs_in("sasha", name)
        assert desk.logs_in("sasha", name, key="sasha-new")
        assert desk.logs_in("sasha", name, key="sasha-other")


def test_suspension_and_return(desk: Desk, clean: Clean) -> None:
    clean("toni")
    desk.person("toni", grant={"groups": ["adm"]})
    desk.access()
    assert desk.ssh("toni", "web1", "echo '0 0 1 1 * true' | crontab -; echo kept > note").returncode == 0
    uid = host("web1", "id -u toni")
    with desk.session("toni", "web1") as session:
        desk.person("toni", grant={"groups": ["adm"]}, state="suspended")
        desk.access()
        until(lambda: ended(session), 3, "the session ends")
    assert not desk.logs_in("toni", "web1")
    assert "adm" not in groups("toni", "web1")
    assert "true" in host("web1", "crontab -u toni -l"), "a suspended person's crontab waits; cron asks for the account's expiry"
    desk.person("toni", grant={"groups": ["adm"]})
    desk.access()
    done = desk.ssh("toni", "web1", "id -u; cat note; id -Gn")
    assert done.stdout.splitlines()[:2] == [uid, "kept"]
    assert "adm" in done.stdout
    assert host("web1", "passwd --status toni").split()[1] == "L"


def test_cron_runs_nothing_for_a_closed_account(desk: Desk, clean: Clean) -> None:
    """Proven with the checker that cron itself asks, since cron's own clock is in minutes."""
    clean("uma")
    desk.person("uma", grant={})
    desk.access()
    ask = "python3 - uma cron"
    assert [host(name, ask, stdin=_PAM_ACCOUNT) for name in HOSTS] == ["0", "0"]
    desk.person("uma", grant={}, state="suspended")
    desk.access()
    assert "0" not in [host(name, ask, stdin=_PAM_ACCOUNT) for name in HOSTS]


# pam_acct_mgmt(3) for a user and a service, as cron(8) and atd(8) call it before each job.
_PAM_ACCOUNT = """
import ctypes, ctypes.util, sys
pam = ctypes.CDLL("libpam.so.0")
class Conv(ctypes.Structure):
    _fields_ = [("conv", ctypes.c_void_p), ("data", ctypes.c_void_p)]
handle = ctypes.c_void_p()
user, service = (word.encode() for word in sys.argv[1:])
assert pam.pam_start(service, user, ctypes.byref(Conv()), ctypes.byref(handle)) == 0
print(pam.pam_acct_mgmt(handle, 0))
"""


def test_the_last_grant_lost_and_found_again(desk: Desk, clean: Clean) -> None:
    clean("vic")
    desk.person("vic", grant={})
    desk.access()
    uid = host("web2", "id -u vic")
    assert desk.logs_in("vic", "web2")
    desk.person("vic")
    done = desk.access("--check", "--diff")
    assert "-vic: account open" in done.stdout and "no grant names them on this host any more" in done.stdout
    assert desk.logs_in("vic", "web2"), "check mode takes nothing away"
    desk.access()
    assert not desk.logs_in("vic", "web2")
    assert host("web2", "id -u vic") == uid, "a tombstone keeps the uid"
    assert host("web2", "ls -d /home/vic") == "/home/vic"
    desk.person("vic", grant={})
    desk.access()
    assert desk.logs_in("vic", "web2") and host("web2", "id -u vic") == uid


def test_a_uid_is_never_anothers(desk: Desk, clean: Clean) -> None:
    """Not even when the account was purged by hand: the ledger survives it."""
    clean("wren", "xeno")
    desk.person("wren", grant={}, uid=12060)
    desk.access()
    host("web1", "userdel --remove wren 2>/dev/null")
    desk.people.pop("wren")
    desk.grants.clear()
    desk.person("xeno", grant={}, uid=12060)
    done = desk.access(rc=2)
    assert "xeno: uid 12060 was wren's on this host" in done.stdout + done.stderr
    desk.person("xeno", grant={})
    desk.access()
    assert host("web1", "id -u xeno") != "12060"


@pytest.mark.parametrize("fate", ["keep", "remove"])
def test_what_becomes_of_the_home(desk: Desk, clean: Clean, fate: str) -> None:
    clean("yael")
    desk.person("yael", grant={})
    desk.access()
    assert desk.ssh("yael", "web1", "echo work > work; ln -s /etc/passwd passwd; ln -s /var/lib deep").returncode == 0
    desk.person("yael", state="departed", home=fate)
    desk.access()
    assert host("web1", "cat /home/yael/work", check=False) == ("work" if fate == "keep" else "")
    assert host("web1", "test -s /etc/passwd && test -d /var/lib/dpkg && echo whole") == "whole"


def test_an_unreachable_host_is_never_called_done(desk: Desk, clean: Clean) -> None:
    clean("zoe")
    desk.person("zoe", grant={})
    desk.access()
    desk.person("zoe", state="departed")
    desk.write()
    (desk.inventory / "dead.yml").write_text("all: {hosts: {dead: {ansible_host: 127.0.0.1, ansible_port: 1}}}\n")
    (desk.inventory / "host_vars").mkdir(exist_ok=True)
    (desk.inventory / "host_vars/dead.yml").write_text("ansible_ssh_common_args: ''\n")
    done: Done = desk.play("offboard", "-e", "person=zoe", limit="web1,web2,dead", rc=2, write=False)
    table = done.stdout[done.stdout.index("Access of zoe") :]
    assert "web1  done" in table and "web2  done" in table
    assert "dead  state unknown" in table
    assert "not done on 1 of 3 hosts: dead" in done.stdout
