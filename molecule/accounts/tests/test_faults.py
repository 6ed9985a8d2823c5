"""Hosts on which something is wrong, and runs that are cut short: nothing is lost, and no half state stays."""

from __future__ import annotations

import concurrent.futures
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk import HOSTS, ROOT, Desk, each, host, kill_at_every_write, until

Clean = Callable[..., None]
KILLER = Path(__file__).with_name("kill_at_every_write.py")


def snapshot(name: str) -> str:
    """All that must not change on a host: account files, people's keys, sshd, memory, timers."""
    state = "/var/lib/prod-access/*.json"
    return host(name, f"cd /etc && sha256sum passwd group shadow gshadow ssh/sshd_config ssh/*.d/* systemd/system/prod-access* {state}")


@pytest.mark.parametrize("case", ["add", "add-together", "change", "remove", "end"])
def test_a_kill_at_any_write_is_healed_by_the_next_run(desk: Desk, case: str) -> None:
    """The module is killed at each write that it makes, and midway through each write of shadow-utils' own."""

    def heals(name: str) -> None:
        said = kill_at_every_write(name, KILLER, case)
        assert said["kills"] > {"add": 25, "add-together": 25, "change": 8, "remove": 8, "end": 8}[case], (name, said)
        assert said["faults"] == [], name

    each(heals, HOSTS)


def test_a_full_etc_loses_nothing(desk: Desk, clean: Clean) -> None:
    clean("fay")
    desk.person("fay", grant={})
    before = snapshot("web1")
    size = host("web1", "du -sk /etc").split()[0]
    host(
        "web1",
        f"mkdir -p /run/etc && mount -t tmpfs -o size={int(size) + 600}k tmpfs /run/etc && cp -a /etc/. /run/etc/"
        " && mount --bind /run/etc /etc && (dd if=/dev/zero of=/etc/filler bs=1k 2>/dev/null; true)",
    )
    try:
        done = desk.access(limit="web1", rc=2)
        assert "space" in (done.stdout + done.stderr).lower()
        host("web1", "sshd -t && getent passwd root alice")
        assert desk.logs_in("alice", "web1")
        host("web1", "rm /etc/filler")
        desk.access(limit="web1")
        assert desk.logs_in("fay", "web1"), "with room again the next run ends what this one began"
    finally:
        host("web1", "umount /etc; umount /run/etc; systemctl daemon-reload")
    assert snapshot("web1").splitlines()[:6] == before.splitlines()[:6]
    desk.forget("fay")


def test_a_read_only_etc_is_said_and_changes_nothing(desk: Desk, clean: Clean) -> None:
    clean("gil")
    desk.person("gil", grant={})
    before = snapshot("web2")
    host("web2", "mount --bind /etc /etc && mount -o remount,ro,bind /etc")
    try:
        done = desk.access(limit="web2", rc=2)
        assert "read-only" in (done.stdout + done.stderr).lower()
    finally:
        host("web2", "umount /etc")
    after = snapshot("web2")
    assert [line for line in after.splitlines() if "/lib/" not in line] == [line for line in before.splitlines() if "/lib/" not in line]
    desk.access(limit="web2")
    assert desk.logs_in("gil", "web2")


def test_a_stale_lock_is_named_with_its_cure(desk: Desk, clean: Clean) -> None:
    clean("hal")
    desk.person("hal", grant={})
    host("web1", ": > /etc/passwd.lock")
    try:
        done = desk.access(limit="web1", rc=2)
        assert "rm /etc/passwd.lock" in done.stdout + done.stderr
    finally:
        host("web1", "rm -f /etc/passwd.lock")
    desk.access(limit="web1")
    assert desk.logs_in("hal", "web1")


def test_a_held_lock_is_waited_for(desk: Desk, clean: Clean) -> None:
    clean("ida")
    desk.person("ida", grant={})
    host("web1", "setsid sh -c 'echo -n $$ > /etc/passwd.lock; sleep 5; rm /etc/passwd.lock' >/dev/null 2>&1 &")
    until(lambda: host("web1", "cat /etc/passwd.lock", check=False), 3, "the lock is held")
    desk.access(limit="web1")
    assert desk.logs_in("ida", "web1")


def test_two_controllers_at_once(desk: Desk, clean: Clean) -> None:
    logins = [f"jo{number}" for number in range(4)]
    clean(*logins)
    for login in logins:
        desk.person(login, grant={})
    desk.write()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _number: desk.access(write=False, rc=None), range(3)))
    assert [run.returncode for run in runs] == [0, 0, 0], [run.stdout for run in runs]
    assert sum(run.stdout.count("changed=1") for run in runs) == len(HOSTS), "one made the changes, the others found them made"
    for name in HOSTS:
        assert desk.logs_in("jo3", name)


def test_who_waits_too_long_is_told_for_whom(desk: Desk, clean: Clean) -> None:
    clean("kai")
    desk.person("kai", grant={})
    hold = (
        "import fcntl,time; f=open('/run/prod-access.lock','r+'); fcntl.flock(f,2); f.truncate(0);"
        " f.write('eve on laptop (process 7)'); f.flush(); time.sleep(8)"
    )
    holder = subprocess.Popen(["ssh", "-F", str(ROOT / ".fleet/ssh_config"), "root@web1", f'python3 -c "{hold}"'])
    try:
        until(lambda: "eve" in host("web1", "cat /run/prod-access.lock"), 5, "the lock is held")
        done = desk.access("-e", "accounts_lock_timeout=1", limit="web1", rc=2)
        assert "eve on laptop (process 7) is changing this host" in " ".join((done.stdout + done.stderr).split())
    finally:
        holder.wait()


@pytest.mark.parametrize("trap", ["ssh", "home", "hard"])
def test_a_hostile_home_reaches_nothing_outside(desk: Desk, clean: Clean, trap: str) -> None:
    """Links out of a home, set by its owner, while their keys change and when they depart."""
    clean("mallory")
    desk.person("mallory", grant={})
    desk.access(limit="web1")
    host("web1", "install -d -m 700 /root/precious && echo secret > /root/precious/file && chmod 600 /root/precious/file")
    traps = {
        "ssh": "ln -s /root/precious ~mallory/.ssh",
        "home": "mv /home/mallory /home/.mallory && ln -s /root/precious /home/mallory",
        "hard": "install -d -o mallory ~mallory/.ssh && ln /root/precious/file ~mallory/.ssh/authorized_keys",
    }
    before = "find /root/precious /etc/ssh -printf '%p %u %m %T@\\n' -type f -exec sha256sum {} + | grep -v mallory"
    host("web1", traps[trap])
    reference = host("web1", before)
    keys = host("web1", "cat /root/.ssh/authorized_keys")
    desk.person("mallory", grant={}, ssh_keys=[desk.key("mallory-new")])
    desk.access(limit="web1")
    desk.person("mallory", state="departed", home="remove")
    desk.access(limit="web1")

    def stable(text: str) -> list[str]:
        return [line for line in text.splitlines() if "authorized_keys.d " not in line and " authorized_keys.d" not in line]

    assert stable(host("web1", before)) == stable(reference)
    assert host("web1", "cat /root/.ssh/authorized_keys") == keys
    assert not desk.logs_in("mallory", "web1", key="mallory-new")
    host("web1", "rm -rf /root/precious /home/.mallory /home/mallory")


def test_a_dead_controller_leaves_the_old_sshd_behind(desk: Desk) -> None:
    """Without a confirmation over a new connection the host puts sshd's configuration back."""
    drop_in = "/etc/ssh/sshd_config.d/00-prod-access.conf"
    good = host("web1", f"cat {drop_in}")
    host("web1", f"echo '# as it was before' > {drop_in}")
    try:
        # The module as Ansible would run it, from a controller that dies before it confirms; the clock is set forward.
        argument = json.dumps(json.loads(host("web1", "cat /var/lib/prod-access/accounts.json"))["access"])
        host("web1", "cat > /run/access.json", stdin=argument)
        said = host("web1", "python3 - </dev/stdin", stdin=_DIES)
        assert "install_sshd" in said
        assert host("web1", f"cat {drop_in}") == good
        assert "prod-access-dead-man-sshd.timer" in host("web1", "systemctl list-timers --all")
        until(lambda: host("web1", f"cat {drop_in}") == "# as it was before", 12, "the switch puts it back")
        until(lambda: not desk.logs_in("alice", "web1"), 3, "sshd itself reads the old one again")
    finally:
        desk.access(limit="web1")
    assert host("web1", f"cat {drop_in}") == good
    assert desk.logs_in("alice", "web1")
    assert "dead-man" not in host("web1", "systemctl list-timers --all")


def test_sshd_stays_as_it_should_be_when_something_else_fails(desk: Desk, clean: Clean) -> None:
    """One person's trouble must not take everybody's keys away 120 seconds later."""
    clean("lena")
    desk.person("lena", grant={})
    host("web1", "rm /etc/ssh/sshd_config.d/00-prod-access.conf && systemctl reload ssh && mount --bind /bin/false /usr/sbin/useradd")
    try:
        assert not desk.logs_in("alice", "web1")
        desk.access(limit="web1", rc=2)
    finally:
        host("web1", "umount /usr/sbin/useradd")
    assert desk.logs_in("alice", "web1")
    assert not desk.logs_in("lena", "web1")
    assert "dead-man" not in host("web1", "systemctl list-timers --all")


def test_a_host_that_takes_no_new_connection_fails_the_run(desk: Desk) -> None:
    """A sshd that hangs when it reads its configuration again: the run says so, and the host is left to undo the change."""
    host(
        "web1",
        "rm /etc/ssh/sshd_config.d/00-prod-access.conf && mkdir /run/systemd/system/ssh.service.d && "
        "cat > /run/systemd/system/ssh.service.d/hang.conf && systemctl daemon-reload",
        stdin="[Service]\nExecReload=\nExecReload=/bin/kill -STOP $MAINPID\n",
    )
    try:
        done = desk.access(limit="web1", rc=2)
        assert "no new connection came about" in " ".join((done.stdout + done.stderr).split())
        assert "prod-access-dead-man-sshd.timer" in host("web1", "systemctl list-timers --all")
    finally:
        host(
            "web1",
            "rm -r /run/systemd/system/ssh.service.d && systemctl daemon-reload && systemctl kill -s CONT ssh && "
            "prod-access-accounts undo-sshd && ! ls /etc/ssh/sshd_config.d/00-prod-access.conf",
        )
        desk.access(limit="web1")


_DIES = """
import json, sys
sys.path.insert(0, "/usr/lib/prod-access")
from prod_access import _accounts, _trial
from prod_access._access import Access
from prod_access._plan import Options
_trial.SECONDS = 5
access = Access.from_data(json.load(open("/run/access.json")))
outcome = _accounts.manage(access, Options(), programs={}, check=False)
print(outcome.error, [change.act for change in outcome.done])
"""


def test_a_foreign_match_and_a_late_include(desk: Desk) -> None:
    """Whatever stands in sshd_config, sshd reads our file for our people, or the run says why it cannot."""
    config = host("web1", "cat /etc/ssh/sshd_config")
    body = "\n".join(line for line in config.splitlines() if not line.lower().startswith("include"))
    late = (
        f"{body}\nMatch User nobody,alice\n    AuthorizedKeysFile /tmp/elsewhere\n"
        "Match Address 192.0.2.1\nInclude /etc/ssh/sshd_config.d/*.conf\n"
    )
    try:
        host("web1", "cat > /etc/ssh/sshd_config && systemctl reload ssh", stdin=late)
        assert "/tmp/elsewhere" in host("web1", "sshd -T -C user=alice"), "the fault is there before it is mended"
        done = desk.access("--diff", limit="web1")
        assert "/etc/ssh/sshd_config: a first line that includes it" in done.stdout
        for login in ("alice", "bob", "carol"):
            assert "authorizedkeysfile /etc/ssh/authorized_keys.d/%u" in host("web1", f"sshd -T -C user={login}")
        assert desk.logs_in("alice", "web1")
        assert "changed=0" in desk.access(limit="web1").stdout
    finally:
        host("web1", "cat > /etc/ssh/sshd_config && systemctl reload ssh", stdin=config + "\n")


def test_an_earlier_foreign_match_stops_grants_and_not_revocations(desk: Desk, clean: Clean) -> None:
    clean("abe", "nia", "otto")
    desk.person("otto", grant={})
    desk.access(limit="web1")
    host(
        "web1",
        "cat > /etc/ssh/sshd_config.d/00-first.conf && systemctl reload ssh",
        stdin="Match User nia\n    AuthorizedKeysFile .ssh/authorized_keys\n",
    )
    try:
        for login in ("abe", "nia"):
            desk.person(login, grant={})
        desk.person("otto", state="departed")
        done = desk.access(limit="web1", rc=2)
        assert "sshd -T -C user=nia" in done.stdout + done.stderr
        assert desk.logs_in("abe", "web1"), "sshd's answer for one is not taken for another's"
        assert host("web1", "ls /etc/ssh/authorized_keys.d/nia", check=False) == ""
        assert not desk.logs_in("otto", "web1")
    finally:
        host("web1", "rm /etc/ssh/sshd_config.d/00-first.conf && systemctl reload ssh")


def test_a_broken_sshd_config_of_others_is_named_and_left(desk: Desk, clean: Clean) -> None:
    clean("pam")
    desk.access(limit="web1")
    host("web1", "echo 'Nonsense yes' > /etc/ssh/sshd_config.d/50-broken.conf")
    try:
        desk.person("pam", grant={})
        done = desk.access(limit="web1", rc=2)
        assert "50-broken.conf" in done.stdout + done.stderr
        assert host("web1", "cat /etc/ssh/sshd_config.d/50-broken.conf") == "Nonsense yes"
        assert desk.logs_in("alice", "web1"), "the running sshd was not touched"
    finally:
        host("web1", "rm /etc/ssh/sshd_config.d/50-broken.conf")


def test_adoption_only_when_it_is_said(desk: Desk, clean: Clean) -> None:
    clean("legacy")
    host("web1", "useradd --create-home --uid 1777 legacy && echo old > /home/legacy/file")
    desk.person("legacy", grant={})
    done = desk.access(limit="web1", rc=2)
    assert "legacy: there is an account of this name (uid 1777) that is not ours" in " ".join((done.stdout + done.stderr).split())
    assert not desk.logs_in("legacy", "web1")
    desk.person("legacy", grant={}, adopt=True, uid=12070)
    desk.access(limit="web1")
    assert desk.ssh("legacy", "web1", "id -u; cat ~/file").stdout.split() == ["1777", "old"]
    assert "changed=0" in desk.access(limit="web1").stdout


def test_what_is_not_ours_is_reported_and_left(desk: Desk, clean: Clean) -> None:
    clean("stray", "pat")
    host("web1", "useradd --create-home stray; install -d -o stray -m 700 ~stray/.ssh; groupadd -f handmade")
    try:
        desk.person("stray", state="departed")
        desk.person("pat", grant={})
        done = desk.access(limit="web1")
        assert "an account of this name is not ours" in done.stdout + done.stderr
        assert host("web1", "passwd --status stray; getent passwd stray; ls -d ~stray/.ssh")
        host("web1", "usermod -aG handmade pat")
        done = desk.access(limit="web1")
        assert "pat: is also in handmade" in " ".join((done.stdout + done.stderr).split())
        assert "handmade" in host("web1", "id -Gn pat")
    finally:
        host("web1", "userdel -r stray 2>/dev/null; groupdel -f handmade; true")


def test_faults_of_the_host_come_all_at_once_and_stop_no_revocation(desk: Desk, clean: Clean) -> None:
    clean("ron", "sue", "tim")
    desk.person("tim", grant={})
    desk.access(limit="web1")
    desk.person("ron", grant={}, shell="/bin/nosuchshell")
    desk.person("sue", grant={"groups": ["nosuchgroup"]})
    desk.person("tim", state="departed")
    done = desk.access(limit="web1", rc=2)
    said = " ".join((done.stdout + done.stderr).split())
    assert "ron: /bin/nosuchshell is not on this host" in said and "sue: the group nosuchgroup is not on this host" in said
    assert host("web1", "getent passwd ron sue", check=False) == ""
    assert not desk.logs_in("tim", "web1")


def test_mass_removal_is_on_purpose(desk: Desk, clean: Clean) -> None:
    logins = [f"mm{number}" for number in range(4)]
    clean(*logins)
    for login in logins:
        desk.person(login, grant={})
    desk.access(limit="web2")
    for login in logins:
        desk.person(login)
    done = desk.access(limit="web2", rc=2)
    assert "accounts_allow_mass_removal=true" in done.stdout + done.stderr
    assert all(desk.logs_in(login, "web2") for login in logins)
    desk.access("-e", "accounts_allow_mass_removal=true", limit="web2")
    assert not any(desk.logs_in(login, "web2") for login in logins)


def test_the_last_way_in_stays(desk: Desk, clean: Clean) -> None:
    """Root's key is taken away for a moment, and ``deploy`` as well: then whoever can still become root cannot be removed."""
    clean("only")
    desk.person("only", grant={})
    desk.access(limit="web2")
    others = "/root/.ssh/authorized_keys /home/deploy/.ssh/authorized_keys"
    host("web2", f"echo 'only ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/test-only; for f in {others}; do mv $f $f.away; done")
    desk.write()
    overlay = {"ansible_user": "only", "ansible_ssh_private_key_file": str(desk.keys["only"])}
    try:
        desk.person("only", state="departed")
        done = desk.access("-e", json.dumps(overlay), limit="web2", rc=2)
        said = " ".join((done.stdout + done.stderr).split())
        assert "this run is connected as only, whose access it would end" in said
        assert desk.ssh("only", "web2", "sudo -n id -u").stdout == "0\n"
        # By another road (as root from the console, say) the guard still counts who is left.
        host("web2", "mv /etc/sudoers.d/prod-access /root/prod-access.away")
        said = host("web2", "python3 -", stdin=_GUARD)
        assert "nobody could log in and become root any more" in said
    finally:
        desk.ssh("only", "web2", f"sudo -n sh -c 'for f in {others}; do mv $f.away $f; done'")
        host("web2", "rm -f /etc/sudoers.d/test-only; mv /root/prod-access.away /etc/sudoers.d/prod-access")


_GUARD = """
import dataclasses, json, sys
sys.path.insert(0, "/usr/lib/prod-access")
from prod_access import _accounts, _host, _command
from prod_access._access import Access
from prod_access._plan import Options
saved = _host.Saved.load().access
people = {login: person for login, person in saved.people.items() if login != "only"}
try:
    access = dataclasses.replace(saved, people=people)
    outcome = _accounts.manage(access, Options(), programs={}, check=True)
    print(outcome.plan.changes)
except _command.HostError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "way",
    [
        pytest.param({"ansible_user": "deploy"}, id="become"),
        pytest.param({"ansible_pipelining": False}, id="no-pipelining"),
        pytest.param({"ansible_user": "deploy", "ansible_pipelining": False}, id="become-no-pipelining"),
    ],
)
def test_every_way_to_connect(desk: Desk, clean: Clean, way: dict[str, object]) -> None:
    clean("ways")
    desk.person("ways", grant={})
    desk.access("-e", json.dumps(way))
    assert all(desk.logs_in("ways", name) for name in HOSTS)
    assert desk.access("-e", json.dumps(way)).stdout.count("changed=0") == len(HOSTS)


@pytest.mark.parametrize("language", ["C", "tr_TR.UTF-8"])
def test_any_language_and_umask(desk: Desk, clean: Clean, language: str) -> None:
    clean("iris")
    desk.person("iris", grant={}, name="Iris İpek Işık")
    host(
        "web1",
        "printf 'umask 077\\n' > /etc/profile.d/umask.sh; echo 'session optional pam_umask.so umask=0077' >> /etc/pam.d/common-session",
    )
    try:
        host("web1", f"echo LANG={language} > /etc/default/locale")
        assert language in host("web1", "cat /etc/default/locale")
        desk.access(limit="web1")
        assert host("web1", "getent passwd iris").split(":")[4] == "Iris İpek Işık"
        assert host("web1", "stat -c %a /etc/ssh/authorized_keys.d/iris /etc/ssh/authorized_keys.d /var/lib/prod-access").split() == [
            "644",
            "755",
            "755",
        ]
        assert desk.logs_in("iris", "web1")
    finally:
        host("web1", "rm /etc/profile.d/umask.sh /etc/default/locale; sed -i /umask=0077/d /etc/pam.d/common-session")


class TestTheProgramThatStays:
    """A run is by what an earlier one left on the host, or by Ansible's way of bringing it there: with the same outcome."""

    @pytest.fixture(autouse=True)
    def _in_order(self, desk: Desk) -> Iterator[None]:
        desk.access(limit="web1")
        yield
        desk.access(limit="web1")

    def test_a_run_is_by_the_program_that_an_earlier_one_left(self, desk: Desk) -> None:
        for arguments in ([], ["--check"]):
            done = desk.access("-vvv", *arguments, limit="web1")
            assert "prod-access-apply" in done.stdout
            assert "Using module file" not in done.stdout

    @pytest.mark.parametrize(
        "fault",
        [
            "echo '# Of another version.' >>/usr/lib/prod-access/prod_access/_rules.py",
            "echo 'exit 1' > /usr/sbin/prod-access-apply",
            "chmod -x /usr/sbin/prod-access-apply; echo >> /usr/sbin/prod-access-apply",
            "rm -r /usr/lib/prod-access",
            "rm /usr/sbin/prod-access-apply",
        ],
    )
    def test_one_of_another_version_or_broken_is_replaced(self, desk: Desk, fault: str) -> None:
        host("web1", fault)
        done = desk.access("--check", limit="web1")
        assert "changed=1" in done.stdout
        done = desk.access("--diff", limit="web1")
        assert "programs of this version" in done.stdout
        assert "changed=0" in desk.access(limit="web1").stdout

    def test_wrong_options_are_refused_in_the_same_words(self, desk: Desk) -> None:
        done = desk.access("-e", "accounts_lock_timeout=soon", limit="web1", rc=2)
        assert "lock_timeout" in done.stdout
        assert "cannot be converted to an int" in done.stdout
