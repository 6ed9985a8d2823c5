"""What people can do with sudo once the playbook has run, and what stands in nobody's way."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from desk import ENVIRONMENT, HOSTS, ROOT, Desk, host, kill_at_every_write, soon, until

Clean = Callable[..., None]
FILE = "/etc/sudoers.d/prod-access"


def said(text: str) -> str:
    return " ".join(text.split())


def sudo(desk: Desk, login: str, name: str, command: str) -> subprocess.CompletedProcess[str]:
    return desk.ssh(login, name, f"sudo -n {command}")


@pytest.mark.parametrize("name", HOSTS)
class TestDemo:
    def test_full_is_everything_as_everybody(self, desk: Desk, name: str) -> None:
        done = sudo(desk, "alice", name, "id -un; sudo -n -u daemon id -un; sudo -n -l")
        assert done.stdout.split()[:2] == ["root", "daemon"]
        assert "(ALL : ALL) NOPASSWD: ALL" in done.stdout

    def test_the_file_says_who_gets_what_and_why(self, name: str) -> None:
        text = host(name, f"cat {FILE}")
        assert (
            "# prod_access_grants_payments[0] (group production): team payments: They build the payments API and run it.\nalice, bob ALL"
            in text
        )
        assert host(name, f"stat -c '%U %G %a' {FILE}") == "root root 440"

    def test_our_people_have_a_terminal_of_their_own_and_others_keep_theirs(self, desk: Desk, name: str) -> None:
        assert "use_pty" in sudo(desk, "alice", name, "-l").stdout
        assert "timestamp_timeout=5" in host(name, "sudo -l -U alice")
        assert "timestamp_timeout=5" not in host(name, "sudo -l -U deploy")

    def test_nothing_of_the_trial_is_left(self, name: str) -> None:
        assert "dead-man" not in host(name, "systemctl list-timers --all")
        assert host(name, "ls /var/lib/prod-access | grep sudo", check=False) == ""


def test_rules_on_a_real_host(desk: Desk, clean: Clean) -> None:
    """Each kind of rule, by its person over ssh: what it says works, and the ways around it do not."""
    clean("rhea")
    host(
        "web1",
        "id search >/dev/null 2>&1 || useradd --system --create-home search; mkdir -p /etc/search && echo old > /etc/search/search.yml",
    )
    desk.person(
        "rhea",
        grant={
            "sudo": [
                {"services": ["cron.service"]},
                {"commands": "all", "as": ["search"]},
                {"edit": ["/etc/search/search.yml"]},
                {"commands": ["/usr/bin/printf {one,two}"]},
            ]
        },
    )
    desk.access(limit="web1")

    def works(command: str) -> str:
        done = sudo(desk, "rhea", "web1", command)
        assert done.returncode == 0, done
        return done.stdout.strip()

    def refused(command: str) -> bool:
        done = sudo(desk, "rhea", "web1", command)
        # What no rule allows, sudo would ask a password for; there is none, so -n ends it.
        return done.returncode != 0 and ("password is required" in done.stderr or "not allowed" in done.stderr)

    started = host("web1", "systemctl show -P ActiveEnterTimestampMonotonic cron")
    works("systemctl restart cron")
    assert host("web1", "systemctl show -P ActiveEnterTimestampMonotonic cron") != started
    assert "cron.service" in works("systemctl --no-pager status cron")
    assert works("-u search id -un") == "search"
    assert works("-iu search pwd") == "/home/search"
    assert works("printf two") == "two"
    edited = desk.ssh("rhea", "web1", 'EDITOR="sed -i s/old/new/" sudo -n -e /etc/search/search.yml')
    assert edited.returncode == 0, edited
    assert host("web1", "cat /etc/search/search.yml") == "new"
    for command in (
        "id",
        "systemctl restart ssh",
        "systemctl status cron",
        "printf three",
        "printf one two",
        "-u daemon id",
        "-e /etc/shadow",
        "-s",
    ):
        assert refused(command), command
    # sudoedit's own check: a link does not lead elsewhere.
    host("web1", "ln -sf /etc/shadow /etc/search/search.yml")
    assert desk.ssh("rhea", "web1", 'EDITOR="sed -i s/a/b/" sudo -n -e /etc/search/search.yml').returncode != 0
    host("web1", "rm -r /etc/search")


def test_an_end_is_kept_by_sudo_itself_and_a_later_rule_stays(desk: Desk, clean: Clean) -> None:
    clean("tess")
    end = soon(8)
    desk.person("tess", grant={"sudo": [{"commands": ["/usr/bin/id"]}], "until": end.isoformat()})
    desk.grants.append({"person": "tess", "why": "another test", "sudo": [{"commands": ["/usr/bin/uptime"]}]})
    desk.access(limit="web1")
    assert sudo(desk, "tess", "web1", "id").returncode == 0
    # The timer that ends sessions is not what is looked at here.
    host("web1", "systemctl stop prod-access-accounts.timer")
    time.sleep(max(0, end.timestamp() - time.time()))
    until(lambda: sudo(desk, "tess", "web1", "id").returncode != 0, 1.5, "the rule has ended")
    assert sudo(desk, "tess", "web1", "uptime").returncode == 0
    host("web1", "systemctl start prod-access-accounts.timer")


def test_what_is_taken_from_the_inventory_goes_and_the_others_stay(desk: Desk, clean: Clean) -> None:
    clean("uma", "vic")
    for login in ("uma", "vic"):
        desk.person(login, grant={"sudo": "full"})
    desk.access()
    assert "changed=0" in desk.access(limit="web1").stdout
    desk.person("uma", grant={"sudo": [{"commands": ["/usr/bin/id"]}]})
    check = desk.access("--check", "--diff", limit="web1").stdout
    assert "-uma ALL = (ALL : ALL) NOPASSWD: ALL" in check
    assert '+uma ALL = (root) NOPASSWD: /usr/bin/id ""' in check
    assert sudo(desk, "uma", "web1", "uptime").returncode == 0
    assert (
        host("web1", "cat /var/log/lastlog 2>/dev/null | wc -c; ls /var/lib/prod-access | grep -c sudo", check=False).splitlines()[-1]
        == "0"
    )
    desk.access(limit="web1")
    assert sudo(desk, "uma", "web1", "id").returncode == 0
    assert sudo(desk, "uma", "web1", "uptime").returncode != 0
    assert sudo(desk, "vic", "web1", "uptime").returncode == 0
    desk.person("vic", state="departed")
    desk.play("offboard", "-e", "person=vic", limit="web1")
    assert "vic ALL" not in host("web1", f"cat {FILE}")
    assert sudo(desk, "uma", "web1", "id").returncode == 0


def test_everybody_is_proven_when_asked_and_what_others_give_is_told(desk: Desk) -> None:
    desk.access(limit="web1")
    host("web1", "echo 'bob ALL=(root) NOPASSWD: /usr/bin/whoami' > /etc/sudoers.d/zz-others && chmod 440 /etc/sudoers.d/zz-others")
    try:
        done = desk.access("-e", "sudo_prove_all=true", limit="web1")
        assert "changed=0" in done.stdout
        assert "bob: by rules of others, sudo also gives /usr/bin/whoami as root" in said(done.stderr + done.stdout)
        host("web1", "echo 'Defaults !authenticate\nalice ALL=(ALL : ALL) PASSWD: ALL' > /etc/sudoers.d/zz-others")
        assert "bob" not in desk.access("-e", "sudo_prove_all=true", limit="web1").stderr
    finally:
        host("web1", "rm /etc/sudoers.d/zz-others")


# --- Faults: sudo is as it was, or as it should be, and somebody can always become root ---


@pytest.fixture
def broken(desk: Desk) -> Iterator[None]:
    host("web1", "cp -a /etc/sudoers /root/sudoers && cp -a /etc/sudoers.d /root/sudoers.d")
    yield
    host("web1", "rm -rf /etc/sudoers.d && mv /root/sudoers.d /etc/sudoers.d && mv /root/sudoers /etc/sudoers && visudo -c")
    desk.access(limit="web1")


@pytest.mark.usefixtures("broken")
class TestFaults:
    def test_broken_files_of_others_stop_grants_and_not_revocations(self, desk: Desk, clean: Clean) -> None:
        clean("wes", "xia")
        desk.person("wes", grant={"sudo": "full"})
        desk.access(limit="web1")
        host("web1", "printf 'root ALL=(ALL) ALL\nnonsense here\n' > /etc/sudoers.d/50-others && chmod 440 /etc/sudoers.d/50-others")
        desk.person("wes", grant={})
        desk.person("xia", grant={"sudo": "full"})
        done = desk.access(limit="web1", rc=2)
        assert "/etc/sudoers.d/50-others:2" in said(done.stdout)
        assert sudo(desk, "wes", "web1", "id").returncode != 0
        assert sudo(desk, "xia", "web1", "id").returncode != 0
        assert sudo(desk, "alice", "web1", "id").returncode == 0
        assert host("web1", "cat /etc/sudoers.d/50-others").endswith("nonsense here")
        host("web1", "rm /etc/sudoers.d/50-others")
        desk.access(limit="web1")
        assert sudo(desk, "xia", "web1", "id").returncode == 0

    def test_a_missing_include_is_mended_for_our_file_alone(self, desk: Desk, clean: Clean) -> None:
        host(
            "web1",
            "sed -i '/includedir/d' /etc/sudoers && echo 'bob ALL=(root) NOPASSWD: /usr/bin/whoami' > /etc/sudoers.d/dead "
            "&& chmod 440 /etc/sudoers.d/dead",
        )
        assert sudo(desk, "alice", "web1", "id").returncode != 0, "the fault is there before it is mended"
        assert "a last line that includes /etc/sudoers.d/prod-access" in desk.access("--check", "--diff", limit="web1").stdout
        assert sudo(desk, "alice", "web1", "id").returncode != 0
        desk.access(limit="web1")
        assert sudo(desk, "alice", "web1", "id").returncode == 0
        assert "whoami" not in host("web1", "sudo -l -U bob")
        assert "changed=0" in desk.access(limit="web1").stdout

    def test_our_own_file_is_healed(self, desk: Desk) -> None:
        good = host("web1", f"cat {FILE}")
        for fault in ("chown bob {}", "echo 'bob ALL=(ALL) ALL' >> {}", "rm {}", "echo '!' > {}"):
            host("web1", fault.format(FILE))
            assert "changed=1" in desk.access(limit="web1").stdout, fault
            assert host("web1", f"cat {FILE}; stat -c '%U %G %a' {FILE}") == f"{good}\nroot root 440"
        host("web1", f"chmod 666 {FILE}")
        assert "changed=1" in desk.access("--check", limit="web1").stdout
        desk.access(limit="web1")
        assert sudo(desk, "alice", "web1", "id").returncode == 0
        assert "changed=0" in desk.access(limit="web1").stdout

    def test_odd_files_of_others_are_told_and_left(self, desk: Desk) -> None:
        host(
            "web1",
            "echo 'x ALL=(ALL) ALL' > /etc/sudoers.d/a.b; echo 'y ALL=(ALL) ALL' > /etc/sudoers.d/open; chmod 666 /etc/sudoers.d/open",
        )
        done = desk.access(limit="web1")
        assert "/etc/sudoers.d/a.b is passed over by sudo" in said(done.stderr + done.stdout)
        assert "/etc/sudoers.d/open is passed over by sudo: others than root can write it" in said(done.stderr + done.stdout)
        assert host("web1", "stat -c %a /etc/sudoers.d/open") == "666"

    def test_aliases_that_clash_are_others_business(self, desk: Desk, clean: Clean) -> None:
        clean("yan")
        host("web1", "for n in 1 2; do echo 'User_Alias OPS = bob' > /etc/sudoers.d/5$n; chmod 440 /etc/sudoers.d/5$n; done")
        desk.person("yan", grant={"sudo": "full"})
        done = desk.access(limit="web1", rc=2)
        assert "/etc/sudoers.d/52:1" in said(done.stdout)
        assert sudo(desk, "yan", "web1", "id").returncode != 0
        assert sudo(desk, "alice", "web1", "id").returncode == 0

    def test_without_visudo_nothing_changes(self, desk: Desk, clean: Clean) -> None:
        clean("zoe")
        good = host("web1", f"cat {FILE}")
        host("web1", "mv /usr/sbin/visudo /usr/sbin/visudo.away")
        try:
            desk.person("zoe", grant={"sudo": "full"})
            done = desk.access(limit="web1", rc=2)
            assert "visudo is missing on this host" in said(done.stdout)
            assert host("web1", f"cat {FILE}") == good
        finally:
            host("web1", "mv /usr/sbin/visudo.away /usr/sbin/visudo")

    def test_a_rule_that_wins_over_ours_is_put_back(self, desk: Desk, clean: Clean) -> None:
        """sudo does not say what the file says: a sudo that reads another file altogether."""
        clean("abe")
        good = host("web1", f"cat {FILE}")
        host("web1", "cp /etc/sudoers /root/other-sudoers && sed -i /includedir/d /root/other-sudoers && chown root /root/other-sudoers")
        host("web1", "echo 'Plugin sudoers_policy sudoers.so sudoers_file=/root/other-sudoers' > /etc/sudo.conf")
        try:
            desk.person("abe", grant={"sudo": "full"})
            done = desk.access(limit="web1", rc=2)
            assert "abe: sudo does not give what the rules say" in said(done.stdout)
            assert host("web1", f"cat {FILE}") == good
        finally:
            host("web1", "rm /etc/sudo.conf /root/other-sudoers")

    def test_a_command_that_its_user_can_change_is_refused(self, desk: Desk, clean: Clean) -> None:
        clean("cleo")
        desk.person("cleo", grant={"sudo": [{"commands": ["/usr/local/bin/tool"]}]})
        host("web1", "cp /bin/true /usr/local/bin/tool")
        desk.access(limit="web1")
        for fault, place in (
            ("chown cleo /usr/local/bin/tool", "/usr/local/bin/tool"),
            ("chmod o+w /usr/local/bin/tool", "/usr/local/bin/tool"),
            ("chgrp prod-access /usr/local/bin/tool; chmod g+w /usr/local/bin/tool", "/usr/local/bin/tool"),
            ("echo 'a+ /usr/local/bin/tool - - - - u:cleo:rwx' | systemd-tmpfiles --create -", "/usr/local/bin/tool"),
            ("mkdir -m 777 /opt/open; mv /usr/local/bin/tool /opt/open/; ln -s /opt/open/tool /usr/local/bin/tool", "/opt/open"),
        ):
            host("web1", "rm -rf /opt/open /usr/local/bin/tool; cp /bin/true /usr/local/bin/tool; " + fault)
            done = desk.access(limit="web1", rc=2)
            assert f"cleo: /usr/local/bin/tool can be changed by those who may run it as root: {place} is theirs" in said(done.stdout), (
                fault
            )
        desk.person("cleo", grant={"sudo": [{"commands": ["/usr/local/bin/tool"], "unsafe": "She builds it here."}]})
        desk.access(limit="web1")
        host("web1", "rm -rf /opt/open /usr/local/bin/tool")

    def test_a_full_disk_changes_nothing(self, desk: Desk, clean: Clean) -> None:
        clean("dora")
        desk.person("dora", grant={})
        desk.access(limit="web1")
        good = host("web1", f"cat {FILE}")
        host("web1", "mkdir /run/small && mount -t tmpfs -o size=64k none /run/small && cp -a /etc/sudoers.d/. /run/small/")
        host(
            "web1",
            "mount --bind /run/small /etc/sudoers.d && { dd if=/dev/zero of=/etc/sudoers.d/fill.up bs=1k 2>/dev/null || true; }",
        )
        try:
            desk.person("dora", grant={"sudo": "full"})
            done = desk.access(limit="web1", rc=2)
            assert "No space left on device" in said(done.stdout)
            assert host("web1", f"cat {FILE}") == good
            assert host("web1", "ls -A /etc/sudoers.d | grep new", check=False) == ""
            assert sudo(desk, "alice", "web1", "id").returncode == 0
        finally:
            host("web1", "umount /etc/sudoers.d /run/small && rmdir /run/small")


def test_an_account_of_others_gets_no_rules(desk: Desk, clean: Clean) -> None:
    clean("eve")
    host("web1", "useradd eve")
    desk.person("eve", grant={"sudo": "full"})
    done = desk.access(limit="web1", rc=2)
    assert "eve: the account of this name is not ours" in said(done.stdout)
    assert "eve ALL" not in host("web1", f"cat {FILE}")
    assert sudo(desk, "alice", "web1", "id").returncode == 0


def test_the_last_way_to_become_root_stays(desk: Desk, clean: Clean) -> None:
    """Root has no key, the connecting account is on its way, and the only other person would lose sudo."""
    clean("finn")
    desk.person("finn", grant={"sudo": "full"})
    desk.access(limit="web1")
    as_finn = ["--private-key", str(desk.keys["finn"]), "-e", "ansible_user=finn"]
    desk.person("finn", grant={})
    done = desk.access(*as_finn, limit="web1", rc=2)
    assert "this run is connected as finn, who could not become root any more" in said(done.stdout)
    assert sudo(desk, "finn", "web1", "id").returncode == 0

    # Everybody else is out; this run comes by root's own key, which is nobody's way in any more once it is moved.
    host("web1", "mv /etc/sudoers.d/deploy /root/ && mv /root/.ssh/authorized_keys /root/keys")
    try:
        desk.write()
        grants = desk.inventory / "group_vars"
        for file in grants.rglob("*.yml"):
            data = yaml.safe_load(file.read_text())
            for variable, value in data.items():
                if variable.startswith("prod_access_grants"):
                    data[variable] = [{**one, "sudo": "none"} if "sudo" in one else one for one in value]
            file.write_text(yaml.safe_dump(data, allow_unicode=True))
        before = host("web1", f"cat {FILE}")
        done = desk.play("access", limit="web1", rc=2, write=False)
        assert "nobody could log in and become root any more" in said(done.stdout)
        assert host("web1", f"cat {FILE}") == before
        assert sudo(desk, "finn", "web1", "id").returncode == 0
    finally:
        host("web1", "mv /root/deploy /etc/sudoers.d/ && mv /root/keys /root/.ssh/authorized_keys")
        desk.access(limit="web1")


def test_a_run_that_is_killed_before_the_proof_leaves_the_old_rules_behind(desk: Desk) -> None:
    """Nobody has said yet that the new rules are good, and nobody will: the host puts back what was there."""
    good = host("web1", f"cat {FILE}")
    host("web1", "cat > /run/access.json", stdin=host("web1", "cat /var/lib/prod-access/accounts.json"))
    host("web1", "python3 - </dev/stdin", stdin=_DIES, check=False)
    assert "bob ALL" not in host("web1", f"cat {FILE}")
    assert "alice, bob ALL" not in host("web1", f"cat {FILE}")
    assert "prod-access-dead-man-sudo.timer" in host("web1", "systemctl list-timers --all")
    until(lambda: host("web1", f"cat {FILE}") == good, 12, "the switch puts it back")
    assert sudo(desk, "bob", "web1", "id").returncode == 0
    assert "changed=0" in desk.access(limit="web1").stdout


_DIES = """
import json, os, signal, sys
sys.path.insert(0, "/usr/lib/prod-access")
from prod_access import _rules, _sudo, _trial
from prod_access._access import Access
_trial.SECONDS = 5
_sudo.powers = lambda login: os.kill(os.getpid(), signal.SIGKILL)
data = json.load(open("/run/access.json"))["access"]
del data["people"]["bob"]
_rules.manage(Access.from_data(data), _rules.Options(prove_all=True), programs={}, check=False)
"""


def test_another_sudo_gives_what_it_can_and_says_what_it_cannot(desk: Desk, clean: Clean) -> None:
    """sudo-rs, as newer distributions have it: rules that it would pass over or misread are errors, the others work."""
    clean("hana", "ivan")
    host("web2", "dpkg -s sudo-rs >/dev/null 2>&1 || apt-get install --yes -qq sudo-rs")
    # What the role audit has written is for the sudo that it found.
    host("web2", "mv /etc/sudoers.d/prod-access-audit /run 2>/dev/null || true")
    host("web2", "mount --bind /usr/bin/sudo-rs /usr/bin/sudo && mount --bind /usr/bin/visudo-rs /usr/sbin/visudo")
    try:
        desk.person("hana", grant={"sudo": [{"commands": ["/usr/bin/printf {one,two}"]}, {"services": ["cron.service"]}]})
        desk.access(limit="web2")
        assert sudo(desk, "hana", "web2", "printf one").stdout == "one"
        assert sudo(desk, "hana", "web2", "systemctl --no-pager status cron").returncode == 0
        assert sudo(desk, "hana", "web2", "printf three").returncode != 0
        assert "changed=0" in desk.access(limit="web2").stdout
        desk.person("ivan", grant={"sudo": "full", "until": "2099-01-01"})
        desk.person("hana", grant={"sudo": [{"commands": ["/usr/bin/printf ^[a-z]+$"]}]})
        done = desk.access(limit="web2", rc=2)
        assert "ivan: sudo-rs 0.2.5 does not know an end of a rule, NOTAFTER" in said(done.stdout)
        assert "hana: sudo-rs 0.2.5 does not know a pattern for arguments" in said(done.stdout)
        assert sudo(desk, "ivan", "web2", "id").returncode != 0
        assert sudo(desk, "hana", "web2", "printf one").returncode != 0, "what is no longer granted goes all the same"
    finally:
        host("web2", "umount /usr/bin/sudo /usr/sbin/visudo; mv /run/prod-access-audit /etc/sudoers.d 2>/dev/null || true")
        desk.forget("hana", "ivan")
        desk.access(limit="web2")


@pytest.mark.parametrize("case", ["add", "change", "remove"])
def test_a_kill_at_any_write_is_healed_by_the_next_run(desk: Desk, case: str) -> None:
    said = kill_at_every_write("web1", Path(__file__).with_name("kill_at_every_write.py"), case)
    assert said["kills"] > 10, said
    assert said["faults"] == []


def test_two_controllers_at_once(desk: Desk, clean: Clean) -> None:
    clean("gail")
    desk.person("gail", grant={"sudo": "full"})
    desk.write()
    command = ["ansible-playbook", "-i", str(desk.inventory), "playbooks/access.yml", "--limit", "web1"]
    runs = [subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for run in runs:
        out = run.communicate()[0]
        assert run.returncode == 0, out
    assert sudo(desk, "gail", "web1", "id").returncode == 0
    assert "changed=0" in desk.access(limit="web1").stdout
    assert "dead-man" not in host("web1", "systemctl list-timers --all")
