# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hands: each makes one kind of change on a host, with the system's own tools. Nothing here decides anything."""

from __future__ import annotations

import contextlib
import functools
import grp
import os
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Iterable, Mapping

from . import _files, _host, _library, _processes, _sshd, _units
from ._command import HostError, attempt, run
from ._names import GROUP
from ._plan import Change

_DEPARTED = os.path.join(_files.STATE, "departed")
_HOMES = os.path.join(_files.STATE, "homes")
_SHADOW_FILES = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")
_SHADOW_PATIENCE = 10.0
_SKELETON = "/etc/skel"
# From so many on, new accounts are made together.
_MANY = 8
TIMER = "/etc/systemd/system/prod-access-accounts.timer"


class Hands:
    """Applies changes in their order. ``programs`` maps the path of each program file of ours to its text."""

    def __init__(self, programs: Mapping[str, str]) -> None:
        self._programs = programs
        self._proofs: dict[str, Future[bool]] = {}
        # sshd's proof of one person runs while useradd makes the next, and homes of many are made two at a time.
        self._pool = ThreadPoolExecutor(max_workers=2)
        self._revoking = False
        self._made: frozenset[str] | None = None

    def apply(self, changes: Iterable[Change]) -> tuple[list[Change], list[str]]:
        """Make the changes in their order. Returns those that were made, and what went wrong.

        Revocations go on past one that fails; nothing is given, and nothing is taken for done, after a failure.
        """
        done: list[Change] = []
        failures: list[str] = []
        for folder in (_files.STATE, _sshd.KEYS, os.path.dirname(_sshd.DROP_IN), os.path.dirname(TIMER)):
            _files.sweep(folder)
        changes = list(changes)
        for change in changes:
            if failures and (not change.revokes or change.act == "save"):
                break
            arguments = dict(change.detail) if change.person is None else {"login": change.person, **change.detail}
            self._revoking = change.revokes
            try:
                if change.act == "create_account" and self._made is None:
                    self._made = self._create_together([{"login": c.person, **c.detail} for c in changes if c.act == change.act])
                getattr(self, change.act)(**arguments)
                done.append(change)
            except HostError as error:
                failures.append(str(error))
            except OSError as error:
                failures.append(f"{error.filename or 'the host'}: {error.strerror}; mend this and run again")
        self._pool.shutdown()
        return done, failures

    def _shadow(self, *argv: str) -> None:
        """Run a tool of shadow-utils, once nobody else edits the account files."""
        if self._shadow_fault is not None:
            raise self._shadow_fault
        run(list(argv))

    @functools.cached_property
    def _shadow_fault(self) -> HostError | None:
        """What keeps the account files from being edited; waited for once, when the first tool needs to know."""
        try:
            wait_for_shadow()
        except HostError as error:
            return error
        return None

    # --- The host ---

    def create_own_group(self) -> None:
        self._shadow("groupadd", "--system", GROUP)

    def make_folders(self) -> None:
        for folder in (_files.STATE, _sshd.KEYS):
            _files.make_folder(folder, 0o755)

    def save_ledger(self, ledger: Any) -> None:
        _files.write(_host.LEDGER, _files.dumped(ledger), mode=0o600)

    def save(self, saved: Any) -> None:
        _files.write(_host.SAVED, _files.dumped(saved), mode=0o600)

    def install_programs(self) -> None:
        _library.install(self._programs)
        _timer, service = _units.of_timer(TIMER)
        self._follow(service)

    def write_timer(self, text: str) -> None:
        _files.write(TIMER, text)
        timer, service = _units.of_timer(TIMER)
        run(["systemctl", "enable", "--quiet", "--no-reload", timer])
        self._follow(timer, service)
        run(["systemctl", "restart", timer])

    def _follow(self, *units: str) -> None:
        if _units.are_stale(units):
            run(["systemctl", "daemon-reload"])

    def install_sshd(self, include: bool) -> None:
        ours = next((login for login, account in _host.read_accounts()[0].items() if GROUP in account.groups), None)
        _sshd.install(ours, include)

    def create_group(self, name: str, gid: int) -> None:
        self._shadow("groupadd", "--gid", str(gid), name)

    # --- Giving ---

    def _create_together(self, accounts: list[Mapping[str, Any]]) -> frozenset[str]:
        """Make many accounts by newusers(8), which writes each file of the host once. Returns whom it made; the others are useradd's.

        Where it is built with PAM, it has PAM set the passwords in the end. There are none, which PAM refuses, and so the accounts
        stay locked, as useradd leaves them. Without PAM it would set empty ones.
        """
        these = {account["login"]: account for account in accounts if account["expires"] is None and _is_free(account["uid"])}
        if len(these) < _MANY or "--crypt-method" in attempt(["newusers", "--help"]).stdout:
            return frozenset()
        if self._shadow_fault is not None:
            raise self._shadow_fault
        list(self._pool.map(lambda account: _furnish(account["home"], account["uid"]), these.values()))
        lines = ("{login}::{uid}:{uid}:{name}:{home}:{shell}\n".format_map(account) for account in these.values())
        attempt(["newusers"], data="".join(lines))
        found, _groups = _host.read_accounts()
        made = frozenset(login for login, account in these.items() if login in found and _is_as_wanted(found[login], account))
        for login in made:
            if not found[login].is_locked:
                self._shadow("usermod", "--lock", login)
        for group in sorted({group for login in made for group in these[login]["groups"]}):
            members = {login for login, account in found.items() if group in account.groups}
            members |= {login for login in made if group in these[login]["groups"]}
            self._shadow("gpasswd", "--members", ",".join(sorted(members)), group)
        return made

    def create_account(self, login: str, uid: int, name: str, shell: str, home: str, groups: list[str], expires: int | None) -> None:
        if self._made and login in self._made:
            self._prove(login)
            return
        argv = ["useradd", "--create-home", "--no-log-init", "--user-group", "-K", "HOME_MODE=0700"]
        argv += ["--uid", str(uid), "--home-dir", home, "--shell", shell, "--comment", name, "--groups", ",".join(groups)]
        if expires is not None:
            argv += ["--expiredate", str(expires)]
        self._shadow(*argv, login)
        self._prove(login)

    def change_account(
        self,
        login: str,
        gecos: str | None = None,
        shell: str | None = None,
        unlock: bool = False,
        join: Iterable[str] = (),
        **expiry: int | None,
    ) -> None:
        argv = ["usermod"]
        if gecos is not None:
            argv += ["--comment", gecos]
        if shell is not None:
            argv += ["--shell", shell]
        if unlock:
            argv.append("--unlock")
        if "expires" in expiry:
            argv += ["--expiredate", "" if expiry["expires"] is None else str(expiry["expires"])]
        if join:
            argv += ["--append", "--groups", ",".join(join)]
        self._shadow(*argv, login)
        self._prove(login)

    def finish_account(self, login: str, gid: int, lacks: list[str]) -> None:
        if "group" in lacks:
            self._shadow("groupadd", "--gid", str(gid), login)
        if "line in shadow" in lacks:
            self._shadow("pwconv")
            self._shadow("usermod", "--password", "!", login)
        self._shadow("grpconv")
        self._shadow("groupmod", "--password", "!", login)

    def make_home(self, login: str, home: str) -> None:
        if os.path.lexists(home):
            skeleton = set(os.listdir("/etc/skel"))
            if os.path.islink(home) or not set(os.listdir(home)) <= skeleton:
                raise HostError(f"{home} is root's, and not empty", f"see what is in it, then give it to them: chown -R {login}: {home}")
            shutil.rmtree(home)
        run(["mkhomedir_helper", login, "0077"])

    def write_keys(self, login: str, text: str) -> None:
        """Last of all when it gives something: that sshd reads this file, and no other, for the person is proven before."""
        if text and not self._revoking and not self._proven(login):
            raise HostError(
                f"sshd does not read {_sshd.KEYS} for {login}",
                f"their keys were not put there; find what wins over {_sshd.DROP_IN}: sshd -T -C user={login}",
            )
        if text:
            _files.write(_sshd.keys_file(login), text)
        else:
            self.remove_keys(login)

    # --- Taking away ---

    def close_account(self, login: str) -> None:
        self._shadow("usermod", "--lock", "--expiredate", str(_host.CLOSED_DAY), login)

    def remove_keys(self, login: str) -> None:
        _files.remove(_sshd.keys_file(login))

    def leave_groups(self, login: str, keep: list[str]) -> None:
        self._shadow("usermod", "--groups", ",".join(keep), login)

    def join_tombstones(self, login: str) -> None:
        self._shadow("usermod", "--append", "--groups", GROUP, login)

    def stop_lingering(self, login: str) -> None:
        run(["loginctl", "disable-linger", login])

    def remove_crontab(self, login: str) -> None:
        self._keep_copy(login, "crontab", run(["crontab", "-u", login, "-l"]))
        run(["crontab", "-u", login, "-r"])

    def remove_at_jobs(self, login: str, jobs: list[str]) -> None:
        for job in jobs:
            self._keep_copy(login, f"at-job-{job}", run(["at", "-c", job]))
            run(["atrm", job])

    def end_sessions(self, login: str, uid: int, keys: list[str]) -> None:
        if keys:
            sessions = _processes.sessions_by_key(login, uid, set(keys))
            left = _processes.end(lambda process: process.session in sessions and not process.is_daemon())
        else:
            left = _processes.end_user(uid)
        if left:
            names = ", ".join(f"{process.name} ({process.pid})" for process in left)
            raise HostError(f"processes of {login} do not end: {names}", "they hang in the kernel; see: ps -o stat,wchan -p PID")

    def archive_home(self, login: str, home: str) -> None:
        _files.make_folder(_HOMES, 0o700)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        archive = os.path.join(_HOMES, f"{login}-{stamp}.tar.gz")
        beside = os.path.join(_HOMES, f".{login}.new")
        os.close(os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
        try:
            folder, name = os.path.split(home)
            tar = ["tar", "--create", "--gzip", "--numeric-owner", "--one-file-system", "--acls", "--xattrs"]
            done = attempt([*tar, f"--file={beside}", f"--directory={folder}", f"./{name}"], timeout=24 * 3600)
            if done.returncode != 0:
                raise HostError(
                    f"{home} could not be archived: {done.stderr.strip()[-300:]}", "nothing of it was removed; mend this and run again"
                )
            run(["tar", "--list", "--gzip", f"--file={beside}"])
            with open(beside, "rb") as stream:
                os.fsync(stream.fileno())
            os.rename(beside, archive)
            _files.sync_folder(_HOMES)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside)
        self.remove_home(login, home)

    def remove_home(self, login: str, home: str) -> None:
        # Renamed first: a kill midway must not leave half a home for the next archive. rmtree follows no link.
        doomed = os.path.join(os.path.dirname(home), f".{login}.removed")
        if os.path.lexists(doomed):
            shutil.rmtree(doomed)
        os.rename(home, doomed)
        shutil.rmtree(doomed)

    def _keep_copy(self, login: str, name: str, text: str) -> None:
        folder = os.path.join(_DEPARTED, login)
        _files.make_folder(_DEPARTED, 0o700)
        _files.make_folder(folder, 0o700)
        _files.write(os.path.join(folder, name), text, mode=0o600)

    def _prove(self, login: str) -> None:
        """Ask sshd whose keys it reads: for each person where a foreign Match may tell them apart, else once for all."""
        whom = GROUP if self._all_alike else login
        if whom not in self._proofs:
            self._proofs[whom] = self._pool.submit(_sshd.uses_our_keys, login)

    def _proven(self, login: str) -> bool:
        self._prove(login)
        return self._proofs[GROUP if self._all_alike else login].result()

    @functools.cached_property
    def _all_alike(self) -> bool:
        return _sshd.decides_by() == {_sshd.OUR_MATCH}


def _is_free(gid: int) -> bool:
    try:
        grp.getgrgid(gid)
        return False
    except KeyError:
        return True


def _is_as_wanted(found: _host.Account, wanted: Mapping[str, Any]) -> bool:
    """Whether an account is whole, and as it was asked for."""
    return not found.lacks and (found.uid, found.gid, found.gecos, found.home, found.shell) == (
        *(wanted["uid"], wanted["uid"], wanted["name"]),
        *(wanted["home"], wanted["shell"]),
    )


def _furnish(home: str, uid: int) -> None:
    """Make a home as useradd(8) does, from /etc/skel; it is there whole, or not at all. The group's number is the user's."""
    if os.path.lexists(home):
        return
    beside = os.path.join(os.path.dirname(home), f".{os.path.basename(home)}.new")
    shutil.rmtree(beside, ignore_errors=True)
    if os.path.isdir(_SKELETON):
        shutil.copytree(_SKELETON, beside, symlinks=True)
    else:
        os.mkdir(beside)
    os.chmod(beside, 0o700)
    for folder, folders, files in os.walk(beside):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), uid, uid, follow_symlinks=False)
    os.chown(beside, uid, uid)
    os.rename(beside, home)


def wait_for_shadow() -> None:
    """Wait while somebody edits the account files. Raises HostError for a lock that nobody will ever release.

    The tools of shadow-utils clear a lock whose process is gone, but not one without a number in it.
    """
    if not os.access("/etc", os.W_OK):
        raise HostError("/etc is on a read-only file system", "see why (dmesg), then: mount -o remount,rw /")
    deadline = time.monotonic() + _SHADOW_PATIENCE
    for name in _SHADOW_FILES:
        lock = f"/etc/{name}.lock"
        while True:
            text = _files.read_text(lock)
            pid = (text or "").strip("\0 \n")
            if text is None or (pid.isdigit() and not os.path.exists(f"/proc/{pid}")):
                break
            if time.monotonic() >= deadline:
                if pid.isdigit():
                    raise HostError(f"process {pid} holds {lock}", f"wait for it to end, or see what it is: ps {pid}")
                raise HostError(f"{lock} is stale: it names no process", f"see that nobody is editing accounts, then: rm {lock}")
            time.sleep(0.1)
