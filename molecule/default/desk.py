"""The fleet as the tests see it: an operator's desk, with an inventory to edit, playbooks to run, and people's keys."""

from __future__ import annotations

import contextlib
import copy
import datetime
import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import playing
import yaml

ROOT = Path(__file__).resolve().parents[2]
FLEET = ROOT / ".fleet"
HOSTS = ("web1", "web2")  # Debian 12 and 13
# All of the fleet but those that hold backups.
EVERY = ("web1", "web2", "db1", "stage1", "log1")
ENVIRONMENT = {
    # Molecule says how Ansible is to run for itself, in colour for one.
    **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
    "ANSIBLE_HOME": str(ROOT / ".ansible"),
    "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
    "ANSIBLE_NOCOLOR": "1",
    "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}",
}
SSH = ["ssh", "-F", str(FLEET / "ssh_config"), "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]

Done = subprocess.CompletedProcess[str]
T = TypeVar("T")


def shared(path: str) -> list[str]:
    """Options of ssh for one connection that many commands share."""
    return ["-o", "ControlMaster=auto", "-o", f"ControlPath={path}", "-o", "ControlPersist=60"]


# A shell command costs a host less than a connection for it does, though that is shared: root of a host is asked by what stays there.
_ROOT = """
import json, subprocess, sys
for line in sys.stdin:
    command, stdin = json.loads(line)
    done = subprocess.run(["bash", "-c", command], input=stdin, capture_output=True, text=True, start_new_session=True)
    print(json.dumps([done.returncode, done.stdout, done.stderr]), flush=True)
"""
# Those who have nothing to do, of each host: as many as were asked at a time.
_idle: dict[str, list[subprocess.Popen[str]]] = {}


def host(name: str, command: str, *, stdin: str = "", check: bool = True) -> str:
    """Run a shell command as root on a host."""
    idle = _idle.setdefault(name, [])
    try:
        root = idle.pop()
    except IndexError:
        ssh = [*SSH, *shared(f"{FLEET}/ssh/test-%h"), f"root@{name}", f"exec python3 -c {shlex.quote(_ROOT)}"]
        root = subprocess.Popen(ssh, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert root.stdin is not None and root.stdout is not None and root.stderr is not None
    root.stdin.write(json.dumps([command, stdin]) + "\n")
    root.stdin.flush()
    answer = root.stdout.readline()
    assert answer, f"{name}: {command}\n{root.stderr.read()}"
    idle.append(root)
    returncode, stdout, stderr = json.loads(answer)
    assert not check or returncode == 0, f"{name}: {command}\n{stdout}\n{stderr}"
    return str(stdout).strip()


def each(test: Callable[[T], object], items: Iterable[T]) -> None:
    """Do the same with several hosts, or other things, at the same time; what fails first is raised."""
    with ThreadPoolExecutor() as pool:
        for _done in pool.map(test, items):
            pass


def answer(name: str, module: str, arguments: str = "", inventory: Path = FLEET / "inventory") -> dict[str, Any]:
    """What a module of ours answers on a host where it does well."""
    command = ["ansible", "-i", str(inventory), name, "--one-line", "-m", f"safetynet.prod_access.{module}", "-a", arguments]
    done = playing.play(command, ROOT, ENVIRONMENT)
    assert "SUCCESS" in done.stdout, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.partition("=>")[2])
    return found


def kill_at_every_write(name: str, script: Path, *arguments: str) -> Any:
    """Run a script that uses killing.py on a host. Returns how many kills there were, and what was wrong after them."""
    for file in (Path(__file__).with_name("killing.py"), script):
        host(name, f"cat > /run/{file.name}", stdin=file.read_text())
    return json.loads(host(name, f"python3 /run/{script.name} {' '.join(arguments)}").splitlines()[-1])


def until(true: Callable[[], Any], seconds: float, what: str) -> None:
    """Ask until it is true; less and less often, since most of what is asked costs a host as much as what is waited for."""
    deadline, pause = time.monotonic() + seconds, 0.05
    while not true():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(pause)
        pause = min(1.3 * pause, 0.5)


class Desk:
    """An inventory laid over the fleet's, playbooks that run on it, and the keys of people who are not in the demo."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inventory = folder / "inventory"
        self.config = folder / "ssh_config"
        self.keys: dict[str, Path] = {}
        self.people: dict[str, Any] = {}
        self.teams: dict[str, Any] = {}
        self.grants: list[Any] = []
        self._introduce()
        self._demo = yaml.safe_load((FLEET / "inventory/group_vars/all/people.yml").read_text())["prod_access_people"]
        self._demo_teams = yaml.safe_load((FLEET / "inventory/group_vars/all/teams.yml").read_text())["prod_access_teams"]

    def _introduce(self) -> None:
        """Where the hosts are, without the fleet's keys."""
        lines = (FLEET / "ssh_config").read_text().splitlines(keepends=True)
        self.config.write_text("".join(line for line in lines if "IdentityFile" not in line))

    def key(self, name: str) -> str:
        """The public key of a name; made when it is asked for first."""
        if name not in self.keys:
            file = self.folder / name
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(file)], check=True)
            self.keys[name] = file
        return Path(f"{self.keys[name]}.pub").read_text().strip()

    def person(self, login: str, *, grant: dict[str, Any] | None = None, **entry: Any) -> str:
        """Write a person into the inventory, with a key and, unless told otherwise, a grant on web1 and web2."""
        self.people[login] = {"name": f"{login.title()} Test", "ssh_keys": [self.key(login)], **entry}
        self.grants = [one for one in self.grants if one.get("person") != login]
        if grant is not None:
            self.grants.append({"person": login, "why": "a test", **grant})
        return login

    def write(self) -> None:
        shutil.rmtree(self.inventory, ignore_errors=True)
        shutil.copytree(FLEET / "inventory", self.inventory)
        self._dump("people", {"prod_access_people": {**copy.deepcopy(self._demo), **self.people}})
        self._dump("teams", {"prod_access_teams": {**copy.deepcopy(self._demo_teams), **self.teams}})
        self._dump("tests", {"prod_access_grants_tests": self.grants})

    def _dump(self, name: str, data: Any) -> None:
        (self.inventory / f"group_vars/all/{name}.yml").write_text(yaml.safe_dump(data, allow_unicode=True))

    def play(
        self,
        playbook: str,
        *arguments: str,
        limit: str | None = ",".join(HOSTS),
        rc: int | None = 0,
        env: dict[str, str] | None = None,
        cwd: Path = ROOT,
        write: bool = True,
    ) -> Done:
        if write:
            self.write()
        name = playbook if "." in playbook else f"playbooks/{playbook}.yml"
        command = ["ansible-playbook", "-i", str(self.inventory), name, *arguments]
        if limit:
            command += ["--limit", limit]
        if env is None:
            done = playing.play(command, cwd, ENVIRONMENT)
        else:
            done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**ENVIRONMENT, **env}, check=False)
        assert rc is None or done.returncode == rc, f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def access(self, *arguments: str, **options: Any) -> Done:
        return self.play("access", *arguments, **options)

    def ssh(self, login: str, name: str, *command: str, key: str | None = None, timeout: float = 30) -> Done:
        """A real login, with just one key; or, where it begins with a dash, what ssh does instead of a command."""
        options = list(command) if command[:1] and command[0].startswith("-") else []
        argv = [*self._ssh(key or login), *options, f"{login}@{name}", *([] if options else command)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL)

    def _ssh(self, key: str) -> list[str]:
        """ssh with one key alone: a refusal proves nothing where another key was tried as well."""
        file = self.keys.get(key, FLEET / "keys" / key)
        return ["ssh", "-F", str(self.config), *SSH[3:], "-i", str(file)]

    def logs_in(self, login: str, name: str, key: str | None = None) -> bool:
        done = self.ssh(login, name, "id -un", key=key)
        if done.returncode == 0:
            assert done.stdout.strip() == login
            return True
        assert done.returncode == 255, f"neither in nor refused: {done}"
        return False

    @contextlib.contextmanager
    def session(self, login: str, name: str, command: str = "echo ready; sleep 300", key: str | None = None) -> Iterator[Any]:
        """An open session, which has begun when this returns."""
        argv = [*self._ssh(key or login), "-tt", f"{login}@{name}", command]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "ready" in line, f"no session of {login} on {name}: {line!r}"
            yield process
        finally:
            process.kill()
            process.wait()

    def terminal(self, login: str, name: str, command: str = "") -> list[str]:
        """The command of a person who sits at a terminal; over one connection, like those who keep theirs. It has their locale."""
        sent = ["-o", "SendEnv=LC_ALL COLORTERM"]
        return [*self._ssh(login), *shared(f"{self.folder}/%r-%h"), *sent, "-tt", f"{login}@{name}", *([command] if command else [])]

    def reboot(self, name: str) -> None:
        subprocess.run([ROOT / "molecule/default/fleet", "restart", name], check=True, capture_output=True, cwd=ROOT)
        # It may have another address now.
        _idle.pop(name, None)
        self._introduce()

    def forget(self, *logins: str, hosts: Iterable[str] = HOSTS) -> None:
        """Make the hosts forget that these people ever were there, so that a test begins with a clean slate."""
        for login in logins:
            self.people.pop(login, None)
            self.grants = [one for one in self.grants if one.get("person") != login]
        for name in hosts:
            host(name, "python3 - " + " ".join(logins), stdin=_FORGET)


_FORGET = """
import grp, json, os, pathlib, pwd, shutil, subprocess, sys
logins = sys.argv[1:]
accounts = {account.pw_name: account.pw_uid for account in pwd.getpwall()}
groups = {group.gr_name for group in grp.getgrall()}
for login in logins:
    if login in accounts:
        subprocess.run(["systemctl", "stop", f"user@{accounts[login]}.service"], capture_output=True)
        subprocess.run(["pkill", "-KILL", "-u", login], capture_output=True)
        subprocess.run(["userdel", "--force", "--remove", login], capture_output=True)
    if login in groups:
        subprocess.run(["groupdel", login], capture_output=True)
    for path in (f"/etc/ssh/authorized_keys.d/{login}", f"/var/spool/cron/crontabs/{login}"):
        pathlib.Path(path).unlink(missing_ok=True)
    shutil.rmtree(f"/home/{login}", ignore_errors=True)
    shutil.rmtree(f"/var/lib/prod-access/departed/{login}", ignore_errors=True)
    for archive in pathlib.Path("/var/lib/prod-access/homes").glob(f"{login}-*"):
        archive.unlink()
state = pathlib.Path("/var/lib/prod-access")
ledger = state / "ledger.json"
if ledger.exists():
    data = json.loads(ledger.read_text())
    data["people"] = {uid: login for uid, login in data["people"].items() if login not in logins}
    ledger.write_text(json.dumps(data))
saved = state / "accounts.json"
if saved.exists():
    data = json.loads(saved.read_text())
    for login in logins:
        data["access"]["people"].pop(login, None)
        data["given"].pop(login, None)
    saved.write_text(json.dumps(data))
"""


def soon(seconds: float) -> datetime.datetime:
    """A whole second in the near future."""
    now = datetime.datetime.now(datetime.UTC)
    return (now + datetime.timedelta(seconds=seconds + 1)).replace(microsecond=0)
