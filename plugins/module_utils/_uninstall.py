# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All of ours taken off a host, in an order that leaves nobody outside who was in: doors first, and each proven; then the rest.

What is of ours is found by its names on the host, so that nothing has to be kept in step with what roles bring. Data stays: the memory of
accounts and their uids, records, recordings, backups. It is listed, with how it goes.
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import os
import shutil
import stat
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, Mapping

from . import _audit, _files, _host, _journal, _last_way_in, _sshd, _sudo, _tree
from ._command import HostError, attempt, run
from ._host_module import LOCKING, HostModule, locked
from ._names import GROUP
from ._sudoers import parse, powers_of

_OURS = "Managed by safetynet.prod_access"
_CONFIG = "/etc/prod-access"
_PGBACKREST = "/etc/pgbackrest/conf.d/prod-access*.conf"
# Whole, with all that is in it.
_TREES = (
    "/usr/lib/prod-access",
    "/var/cache/prod-access-backup",
    "/var/lib/prod-access-audit-ship",
    "/var/lib/private/prod-access",
    f"{_files.STATE}/notify",
)
_FILES = (
    "/etc/fish/conf.d/prod-access.fish",
    "/etc/molly-guard/run.d/*-prod-access",
    "/etc/mysql/*/*-prod-access-backup.cnf",
    _PGBACKREST,
    "/etc/rsyslog.d/prod-access-*.conf",
    "/etc/systemd/journald.conf.d/prod-access.conf",
    "/etc/systemd/system/*.service.d/prod-access.conf",
    "/etc/systemd/system/prod-access-*",
    "/etc/sysusers.d/prod-access-*.conf",
    "/usr/sbin/prod-access-*",
    "/var/lib/prometheus/node-exporter/prod-access-*.prom",
    "/var/lib/systemd/timers/stamp-prod-access-*",
    f"{_files.STATE}/*.started",
    f"{_files.STATE}/*-unfinished",
)
# These have names that others may use, too.
_MARKED = ("/etc/snoopy.ini", "/usr/bin/my-record", "/usr/local/bin/announce")
# Passwords of backups, without which nobody can read these.
_SECRETS = (f"{_CONFIG}/backup", f"{_CONFIG}/backup-repository")
_DATA = {
    _files.STATE: "whose uid is whose, what people had, homes and crontabs of those who left, receipts of backups",
    "/var/log/sudo-io": "recordings of terminals",
    "/var/log/prod-access": "the records of all hosts",
    **dict.fromkeys(_SECRETS, "keys and passwords of backups, which cannot be read without them"),
}
# With archive_mode on and no command, PostgreSQL keeps every segment until the disk is full.
_ARCHIVES = "/etc/postgresql/*/*/conf.d/prod-access-backup.conf"
_NO_ARCHIVE = """\
# Left by safetynet.prod_access: archive_mode is on until the server starts anew, and without a command it would keep every segment.
# After that start this file can go.
archive_command = '/bin/true'
"""


@dataclass
class _Plan:
    """What is to change, in words: ``-`` goes, ``+`` comes. ``doors`` are the steps that others than root come in by."""

    words: list[str] = field(default_factory=list)
    doors: list[Callable[[], None]] = field(default_factory=list)
    rest: list[Callable[[], None]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def at_door(self, words: list[str], step: Callable[[], None]) -> None:
        self.words += words
        self.doors.append(step)

    def later(self, words: list[str], step: Callable[[], None]) -> None:
        self.words += words
        self.rest.append(step)


def manage(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """All that the module does, and its answer. Raises HostError where somebody would be left outside; nothing has changed then."""
    if os.geteuid() != 0:
        raise HostError("taking programs and settings off a host needs root", "connect as root, or say `become: true`")
    plan = _Plan()
    accounts, _groups = _host.read_accounts()
    ours = {login: account for login, account in accounts.items() if GROUP in account.groups}
    # Keys first, on trial: where sudo then objects, the host puts sshd's file back by itself.
    _plan_sshd(plan, ours)
    _plan_sudo(plan, ours, accounts)
    _plan_layers(plan)
    _plan_units(plan)
    _plan_lines(plan)
    _plan_files(plan)
    if not check:
        if plan.words and params["step"] == "doors":
            _say_goodbye(params["owner"])
        for step in plan.doors if params["step"] == "doors" else plan.rest:
            step()
    removed = "".join(word[1:] + "\n" for word in plan.words if word.startswith("-"))
    left = "".join(word[1:] + "\n" for word in plan.words if word.startswith("+"))
    return {
        "changed": bool(plan.words),
        "changes": [{"act": "remove" if word.startswith("-") else "write", "path": word[1:]} for word in plan.words],
        "diff": [{"before_header": "of safetynet.prod_access", "after_header": "left behind", "before": removed, "after": left}]
        if plan.words
        else [],
        "left": [*_people(ours), *_data()],
        "notes": plan.notes,
        "on_trial": not check and any(word == f"-{_sshd.DROP_IN}" for word in plan.words),
    }


def _say_goodbye(owner: str) -> None:
    """The record's last word, while there still is somebody who carries it to the others."""
    result = "begins; after this nothing is recorded here any more"
    fields = {"PLAYBOOK": "uninstall", "OWNER": owner, "RESULT": result, "STATUS": "0"}
    _journal.tell("automation", "run", f"playbook uninstall, run by {owner}: {result}", fields, wait=1)


# --- Doors ---


def _plan_sudo(plan: _Plan, ours: Mapping[str, _host.Account], accounts: Mapping[str, _host.Account]) -> None:
    """Rules of ours end. Refused where nobody else could log in and become root, or where this run came by them."""
    main = _files.read_text(_sudo.MAIN) or ""
    paths = [path for path in (_sudo.FILE, _sudo.AUDIT_FILE) if os.path.lexists(path)]
    without = _sudo.without_include(main)
    if not paths and without == main:
        return
    roots = {login for login in ours if _is_root_by_others(login)}
    mine = _last_way_in.connecting_account()
    if mine in ours and mine not in roots:
        raise HostError(
            f"this run is connected as {mine}, who becomes root by a rule of ours; nothing was changed",
            "connect as root, or as an account that is not the collection's",
        )
    if not any(login not in ours or login in roots for login in _last_way_in.ways_in(accounts.values())):
        raise HostError(
            "without the rules of ours nobody could log in and become root any more; nothing was changed",
            "give somebody else a way in first: a key of root's, or an account with a key and a rule of its own",
        )
    words = [f"-{path}" for path in paths]
    if without != main:
        words.append(f"-{_sudo.MAIN}: the line that includes {_sudo.FILE}")
    plan.at_door(words, lambda: _end_sudo(paths, without if without != main else None, accounts))


def _is_root_by_others(login: str) -> bool:
    """Whether an account can do everything as root by rules that are not ours."""
    said = _sudo.powers(login) if _sudo.is_installed() else frozenset()
    mine = powers_of(parse(_files.read_text(_sudo.FILE) or "")).get(login, frozenset())
    beyond = said - {power.as_listed() for power in mine}
    return any(power.command == "ALL" and power.run_as.startswith(("ALL", "root")) for power in beyond)


def _end_sudo(paths: list[str], main: str | None, accounts: Mapping[str, _host.Account]) -> None:
    known = _sudo.faults()
    _sudo.TRIAL.begin()
    try:
        for path in paths:
            _files.remove(path)
        if main is not None:
            _files.write(_sudo.MAIN, main, mode=_sudo.MODE)
        faults = [fault for fault in _sudo.faults() if fault not in known]
        if faults:
            raise HostError(f"visudo refuses what would be left: {'; '.join(faults)}", "sudo's files are as they were")
        if not any(True for _login in _last_way_in.ways_in(accounts.values())):
            raise HostError("nobody could log in and become root any more", "sudo's files are as they were")
    except BaseException:
        _sudo.undo()
        raise
    _sudo.TRIAL.end()


def _plan_sshd(plan: _Plan, ours: Mapping[str, _host.Account]) -> None:
    """Accounts become plain ones: keys go into homes, written there as the person, and count there."""
    config = _sshd.config_text()
    without = _sshd.without_include(config)
    if not os.path.lexists(_sshd.DROP_IN):
        # The keys have moved before, or there were none.
        if os.path.isdir(_sshd.KEYS):
            plan.later([f"-{_sshd.KEYS}/"], lambda: shutil.rmtree(_sshd.KEYS))
        return
    heirs: list[_host.Account] = []
    faults: list[str] = []
    for login, account in sorted(ours.items()):
        text = _files.read_text(_sshd.keys_file(login))
        lines = [line for line in (text or "").splitlines() if line and not line.startswith("#")]
        path = _home_keys(account)
        if not lines or account.is_closed:
            continue
        theirs = [line for line in _as(account, ["cat", path]).stdout.splitlines() if line and not line.startswith("#")]
        counting = [line for line in theirs if line not in lines]
        if counting:
            plan.notes.append(f"{login}: {len(counting)} of their own in {path} count from then on")
        missing = [line for line in lines if line not in theirs]
        heirs.append(account)
        faults += _loose(account, path)
        if missing:
            plan.at_door(
                [f"+{path}: {len(missing)} key{'s' * (len(missing) > 1)} of {login}, in {login}'s hands from now on"],
                lambda account=account, path=path, missing=missing: _hand_over(account, path, missing),  # type: ignore[misc]
            )
    if faults:
        raise HostError(
            f"sshd may refuse keys in homes that others can write: {', '.join(faults)}; nothing was changed",
            "chmod go-w each, and give it to its person",
        )
    words = [f"-{_sshd.DROP_IN}", *([f"-{_sshd.CONFIG}: the line that includes it"] if without != config else [])]
    plan.at_door(words, lambda: _end_sshd(without if without != config else None, heirs))
    plan.later([f"-{_sshd.KEYS}/"], lambda: shutil.rmtree(_sshd.KEYS))


def _home_keys(account: _host.Account) -> str:
    return os.path.join(account.home, ".ssh/authorized_keys")


def _loose(account: _host.Account, path: str) -> Iterator[str]:
    """What of a home makes sshd refuse its keys: sshd_config(5), StrictModes."""
    for place in (account.home, os.path.dirname(path), path):
        with contextlib.suppress(FileNotFoundError):
            about = os.stat(place)
            if about.st_mode & 0o022 or about.st_uid not in (0, account.uid):
                yield place


def _as(account: _host.Account, command: list[str], data: str | None = None) -> Any:
    """Run a program as the person, who alone may write into their home."""
    return attempt(["runuser", "-u", account.login, "--", *command], data=data)


def _hand_over(account: _host.Account, path: str, lines: list[str]) -> None:
    script = 'umask 077 && mkdir -p "$1" && { [ -z "$(tail -c1 "$2" 2>/dev/null)" ] || echo >>"$2"; } && cat >>"$2"'
    done = _as(account, ["sh", "-c", script, "sh", os.path.dirname(path), path], "".join(line + "\n" for line in lines))
    if done.returncode != 0:
        raise HostError(
            f"{account.login}: keys cannot be written into {path}: {done.stderr.strip()[:200]}",
            "mend the home, or end this person's access",
        )


def _end_sshd(config: str | None, heirs: list[_host.Account]) -> None:
    """Without the drop-in; on trial until a new connection has come about."""
    run(["sshd", "-t"], mend="nothing was changed; mend sshd's configuration first")
    _sshd.TRIAL.begin()
    try:
        _files.remove(_sshd.DROP_IN)
        if config is not None:
            _files.write(_sshd.CONFIG, config, mode=stat.S_IMODE(os.stat(_sshd.CONFIG).st_mode))
        run(["sshd", "-t"], mend="the change was taken back")
        for account in heirs:
            patterns = _sshd.setting(account.login).get("authorizedkeysfile", "").split()
            if _home_keys(account) not in [_sshd.key_path(one, account.login, account.uid, account.home) for one in patterns]:
                raise HostError(
                    f"{account.login}: sshd does not read {_home_keys(account)} (AuthorizedKeysFile {' '.join(patterns)})",
                    "the change was taken back; let sshd read keys in homes, or end these people's access first",
                )
        _sshd.reload()
    except BaseException:
        _sshd.undo()
        raise


# --- The rest ---


def _plan_layers(plan: _Plan) -> None:
    """What records, and what databases were told."""
    changes, words, steps = _audit.undone()
    for path in sorted(glob.glob(_ARCHIVES)):
        if _files.read_text(path) != _NO_ARCHIVE:
            words.append(f"{path}: archives nothing from now on; goes after the next start of the server")
            steps.append(lambda path=path: _end_archive(path))  # type: ignore[misc]
    if steps:
        told = [f"-{change.path}" if change.after is None else f"+{change.path}: without what is ours" for change in changes]
        plan.later([*told, *(f"+{word}" for word in words)], lambda: _each(steps))


def _each(steps: list[Callable[[], None]]) -> None:
    for step in steps:
        step()


def _end_archive(path: str) -> None:
    _files.write(path, _NO_ARCHIVE)
    version, cluster = path.split("/")[3:5]
    attempt(["pg_ctlcluster", version, cluster, "reload"])


def _plan_units(plan: _Plan) -> None:
    """Units end before their files and programs go; timers before what they start."""
    units = [os.path.basename(path) for path in glob.glob("/etc/systemd/system/prod-access-*") if os.path.isfile(path)]
    if units:
        ordered = sorted(units, key=lambda name: (not name.endswith(".timer"), name))
        plan.rest.append(lambda: _end_units(ordered))
    settings = sorted({*glob.glob("/etc/pgbackrest*.conf"), *glob.glob("/etc/pgbackrest/**/*.conf", recursive=True)})
    servers = [path for path in settings if "tls-server" in (_files.read_text(path) or "")]
    if servers and all(fnmatch.fnmatch(path, _PGBACKREST) for path in servers):
        plan.later(["-pgbackrest.service: runs no more"], lambda: _end_units(["pgbackrest.service"]))


def _end_units(units: list[str]) -> None:
    run(["systemctl", "stop", *units])
    run(["systemctl", "disable", "--quiet", *units])
    # One that was at work has failed by that, and nobody could mend it any more.
    attempt(["systemctl", "reset-failed", *units])


def _plan_lines(plan: _Plan) -> None:
    """Lines of ours at the end of others' files."""
    for path in sorted(filter(os.path.isfile, [*glob.glob("/etc/*"), *glob.glob("/etc/*/*")])):
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            before = stream.read()
            after = _tree.without_line(before)
            if after == before:
                continue
            if after:
                mode = stat.S_IMODE(os.stat(path).st_mode)
                change = _tree.Change(path, before, after, mode)
                plan.later([f"-{path}: the line of ours at its end"], lambda change=change: _tree.apply([change]))  # type: ignore[misc]
            else:
                plan.later([f"-{path}"], lambda path=path: _files.remove(path))  # type: ignore[misc]


def _plan_files(plan: _Plan) -> None:
    paths = sorted(path for pattern in _FILES for path in glob.glob(pattern))
    paths += [path for path in _MARKED if _OURS in (_files.read_text(path) or "")]
    trees = [path for path in (*_TREES, *_config_entries()) if os.path.lexists(path)]
    if paths or trees:
        plan.later(
            [*(f"-{path}" for path in paths), *(f"-{path}{'/' * os.path.isdir(path)}" for path in trees)], lambda: _end(paths, trees)
        )


def _config_entries() -> Iterator[str]:
    for path in sorted(glob.glob(f"{_CONFIG}/*")):
        if path not in _SECRETS:
            yield path


def _end(paths: list[str], trees: list[str]) -> None:
    """Settings before programs: what starts meanwhile finds both, or no settings."""
    for path in [*trees, *paths]:
        if "prod-access" not in path and path not in _MARKED:
            # Whatever is wrong above, this removes nothing else.
            raise HostError(f"{path} is not the collection's", "tell its maintainers")
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            _files.remove(path)
    for folder in {_CONFIG, *(os.path.dirname(path) for path in paths if path.endswith(".d/prod-access.conf"))}:
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    run(["systemctl", "daemon-reload"])
    if any("/journald.conf.d/" in path for path in paths):
        run(["systemctl", "restart", "systemd-journald.service"])
    if any(path.startswith("/etc/rsyslog.d/") for path in paths):
        run(["systemctl", "try-restart", "rsyslog.service"])


# --- What stays ---


def _people(ours: Mapping[str, _host.Account]) -> Iterator[str]:
    for login, account in sorted(ours.items()):
        yield f"account {login} (uid {account.uid}), {'closed' if account.is_closed else 'a plain one from now on'}"
    if ours:
        yield f"group {GROUP}, by which a later installation knows them again"


def _data() -> Iterator[str]:
    for path, what in _DATA.items():
        if os.path.isdir(path):
            yield f"{path}: {what}"


_ARGUMENTS = {"step": {"type": "str", "choices": ["doors", "rest"], "default": "doors"}, **LOCKING}
MODULES: Mapping[str, HostModule] = {"uninstall": HostModule(_ARGUMENTS, locked(manage))}
