# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on a host: accounts, groups, keys and what the collection remembers. Read here, changed elsewhere."""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Mapping

from . import _files, _sshd, _units
from ._access import Access
from ._command import HostError, run
from ._names import GROUP
from ._processes import Process, processes

SAVED = os.path.join(_files.STATE, "accounts.json")
LEDGER = os.path.join(_files.STATE, "ledger.json")
_LINGER = "/var/lib/systemd/linger"
_CRONTABS = ("/var/spool/cron/crontabs", "/var/spool/cron")
_AT_JOBS = ("/var/spool/cron/atjobs", "/var/spool/at")


@dataclass(frozen=True)
class Account:
    """A line of passwd(5) with its line of shadow(5).

    ``expires`` is a day since 1970, or None. What a tool that was killed midway leaves: ``half_groups`` are those of ``groups``
    that stand in only one of group(5) and gshadow(5), and ``lacks`` names what useradd did not come to write.
    """

    login: str
    uid: int
    gid: int
    gecos: str
    home: str
    shell: str
    password: str = "!"
    expires: int | None = None
    groups: frozenset[str] = frozenset()
    half_groups: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.gecos.partition(",")[0]

    @property
    def is_locked(self) -> bool:
        return self.password.startswith(("!", "*"))

    @property
    def is_closed(self) -> bool:
        """Closed as we close accounts: no key, password or job gets in (account expiry is asked by each of them)."""
        return self.expires == CLOSED_DAY and self.is_locked


# shadow(5): 0 is not to be used, since it reads as "never" or as 1970-01-01.
CLOSED_DAY = 1


@dataclass
class Ledger:
    """The numbers that were given away, for ever: uid to login, gid to team."""

    people: dict[int, str] = field(default_factory=dict)
    teams: dict[int, str] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        return {
            "people": {str(uid): login for uid, login in sorted(self.people.items())},
            "teams": {str(gid): team for gid, team in sorted(self.teams.items())},
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Ledger:
        return cls({int(uid): login for uid, login in data["people"].items()}, {int(gid): team for gid, team in data["teams"].items()})


@dataclass(frozen=True)
class Given:
    """What a person had when the host was last made to agree with the data; what is lost since then is taken away."""

    groups: frozenset[str] = frozenset()
    powers: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    def to_data(self) -> dict[str, list[str]]:
        return {"groups": sorted(self.groups), "powers": sorted(self.powers), "keys": sorted(self.keys)}

    @classmethod
    def from_data(cls, data: Mapping[str, list[str]]) -> Given:
        return cls(*(frozenset(data[name]) for name in ("groups", "powers", "keys")))


@dataclass(frozen=True)
class Saved:
    """What the host remembers: the access that was last put in force."""

    access: Access
    given: Mapping[str, Given]

    def to_data(self) -> dict[str, Any]:
        return {
            "access": self.access.to_data(),
            "given": {login: given.to_data() for login, given in sorted(self.given.items())},
        }

    @classmethod
    def load(cls) -> Saved | None:
        data = _files.load(SAVED)
        if data is None:
            return None
        given = {login: Given.from_data(entry) for login, entry in data["given"].items()}
        return cls(Access.from_data(data["access"]), given)


@dataclass(frozen=True)
class Host:
    """A reading of the host, enough to plan with. ``scan`` looks at the processes, which only some plans need."""

    accounts: Mapping[str, Account]
    groups: Mapping[str, int]
    ledger: Ledger = field(default_factory=Ledger)
    saved: Saved | None = None
    key_files: Mapping[str, str] = field(default_factory=dict)
    bad_key_files: frozenset[str] = frozenset()
    remote: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    homes: Mapping[str, int] = field(default_factory=dict)
    lingering: frozenset[str] = frozenset()
    crontabs: frozenset[str] = frozenset()
    at_jobs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scan: Callable[[], tuple[Process, ...]] = tuple
    unsound_folders: tuple[str, ...] = ()
    drop_in: str | None = None
    includes_drop_in: bool = True
    ends_keys: bool = True
    timer: str | None = None
    stale_programs: tuple[str, ...] = ()

    def is_ours(self, login: str) -> bool:
        """Whether the account is one of ours: in the group, or made by us (a killed run may have come no further)."""
        account = self.accounts.get(login)
        return account is not None and (GROUP in account.groups or self.ledger.people.get(account.uid) == login)


def read_accounts() -> tuple[dict[str, Account], dict[str, int]]:
    """The local accounts and groups; those of a directory service are not in these files, and not ours to change."""
    shadow = {parts[0]: parts for parts in _lines("/etc/shadow", 9)}
    groups = {name: int(gid) for name, _password, gid, _members in _lines("/etc/group", 4)}
    shadow_groups = {parts[0] for parts in _lines("/etc/gshadow", 4)}
    memberships = _memberships("/etc/group")
    shadowed = _memberships("/etc/gshadow") if shadow_groups else memberships
    accounts = {}
    names = {gid: name for name, gid in groups.items()}
    for login, _password, uid, gid, gecos, home, shell in _lines("/etc/passwd", 7):
        secret = shadow.get(login)
        password, expires = (secret[1], secret[7]) if secret else ("!", "")
        lacks = {"line in shadow"} if secret is None else set()
        if int(gid) not in names:
            lacks.add("group")
        elif shadow_groups and names[int(gid)] not in shadow_groups:
            lacks.add("line in gshadow")
        accounts[login] = Account(
            login,
            int(uid),
            int(gid),
            gecos,
            home,
            shell,
            # What is kept of the password is only its first character: whether it is locked, and whether there is one.
            password[:1] + password[1:2],
            int(expires) if expires else None,
            frozenset(memberships.get(login, set()) | shadowed.get(login, set())),
            frozenset(memberships.get(login, set()) ^ shadowed.get(login, set())),
            frozenset(lacks),
        )
    return accounts, groups


def _memberships(path: str) -> dict[str, set[str]]:
    memberships: dict[str, set[str]] = {}
    for name, _password, _gid_or_administrators, members in _lines(path, 4):
        for member in filter(None, members.split(",")):
            memberships.setdefault(member, set()).add(name)
    return memberships


def _lines(path: str, width: int) -> Iterable[list[str]]:
    for line in (_files.read_text(path) or "").splitlines():
        parts = line.split(":")
        if len(parts) == width:
            yield parts


def read(access: Access, *, timer: str, programs: Mapping[str, str], default_shell: str) -> Host:
    """Read what planning this access needs; ``timer`` and ``programs`` are files that should be there, by path."""
    accounts, groups = read_accounts()
    ledger_data = _files.load(LEDGER)
    ledger = Ledger.from_data(ledger_data) if ledger_data else Ledger()
    saved = Saved.load()
    key_files, bad = _key_files()
    ours = {login for login in accounts if GROUP in accounts[login].groups or login in access.people}
    new = [login for login in access.people if login not in accounts]
    shells = {person.person.shell or default_shell for person in access.people.values()}
    return Host(
        accounts=accounts,
        groups=groups,
        ledger=ledger,
        saved=saved,
        key_files=key_files,
        bad_key_files=frozenset(bad),
        remote=frozenset(login for login in new if _is_remote(login)),
        paths=frozenset(shell for shell in shells if os.path.isfile(shell) and os.access(shell, os.X_OK)),
        homes=_homes([accounts[login].home for login in ours if login in accounts] + [f"/home/{login}" for login in new]),
        lingering=frozenset(_listed(_LINGER)),
        crontabs=frozenset(login for folder in _CRONTABS for login in _listed(folder) if login in accounts),
        at_jobs=_at_jobs({accounts[login].uid for login in ours if login in accounts}),
        scan=lambda: tuple(processes()),
        unsound_folders=tuple(path for path in (_files.STATE, _sshd.KEYS) if not _is_folder(path)),
        drop_in=_files.read_text(_sshd.DROP_IN),
        includes_drop_in=_sshd.includes_drop_in(_sshd.config_text()),
        ends_keys=not access.moments() or _sshd.version() >= _sshd.ENDS_KEYS,
        timer=_timer(timer),
        stale_programs=tuple(path for path, text in programs.items() if _read_if_ours(path) != text),
    )


def _key_files() -> tuple[dict[str, str], set[str]]:
    files, bad = {}, set()
    for name in _listed(_sshd.KEYS):
        path = _sshd.keys_file(name)
        if name.startswith("."):
            continue
        try:
            files[name] = _files.read_text(path) or ""
        except (HostError, OSError):
            files[name] = ""
            bad.add(name)
        if not _files.is_ours(path, 0o644):
            bad.add(name)
    return files, bad


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode) and _files.is_ours(path, 0o755)
    except FileNotFoundError:
        return False


def _timer(path: str) -> str | None:
    """The text of a timer that systemd follows; None where it follows another one, or none: a run was cut off, or somebody stopped it."""
    text = _files.read_text(path)
    if text is None:
        return None
    # Where systemd does not answer, this stands in nobody's way to take access away, which comes before all timers.
    with contextlib.suppress(HostError):
        timer, service = _units.shown(_units.of_timer(path), "ActiveState", "UnitFileState", "NeedDaemonReload")
        stale = "yes" in (timer["NeedDaemonReload"], service["NeedDaemonReload"])
        return text if (timer["ActiveState"], timer["UnitFileState"], stale) == ("active", "enabled", False) else None
    return None


def _read_if_ours(path: str) -> str | None:
    with contextlib.suppress(HostError, FileNotFoundError, UnicodeDecodeError):
        return _files.read_text(path)
    return None


def _is_remote(login: str) -> bool:
    try:
        pwd.getpwnam(login)
        return True
    except KeyError:
        return False


def _homes(paths: Iterable[str]) -> dict[str, int]:
    """The owner of each home that is there; -1 for what is no plain directory."""
    homes = {}
    for path in paths:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found = os.lstat(path)
            plain = stat.S_ISDIR(found.st_mode) and os.path.realpath(path) == path and not os.path.ismount(path)
            homes[path] = found.st_uid if plain else -1
    return homes


def _at_jobs(uids: set[int]) -> dict[str, tuple[str, ...]]:
    """The numbers of at(1) jobs, by login. atq costs a process, so it is asked only when one of these users has a job."""
    waiting = False
    for folder in _AT_JOBS:
        for name in _listed(folder):
            with contextlib.suppress(OSError):
                waiting = waiting or (not name.startswith(".") and os.lstat(os.path.join(folder, name)).st_uid in uids)
    jobs: dict[str, tuple[str, ...]] = {}
    if waiting:
        for line in run(["atq"]).splitlines():
            words = line.split()
            jobs[words[-1]] = (*jobs.get(words[-1], ()), words[0])
    return jobs
