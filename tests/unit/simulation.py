"""A host that is nothing but values: what the hands do, done to dictionaries. And what its people can do there."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.safetynet.prod_access.plugins.module_utils import _sshd
from ansible_collections.safetynet.prod_access.plugins.module_utils._access import Access
from ansible_collections.safetynet.prod_access.plugins.module_utils._host import CLOSED_DAY, Account, Given, Host, Ledger, Saved
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._names import GROUP
from ansible_collections.safetynet.prod_access.plugins.module_utils._plan import Change, Options, Plan, plan
from ansible_collections.safetynet.prod_access.plugins.module_utils._processes import Process
from ansible_collections.safetynet.prod_access.plugins.module_utils._ssh_key import SshKey

DAY = 86400


def timer_text(access: Access) -> str:
    """A unit of the kind that the collection writes; all that the planner asks of it is to be there."""
    return "".join(f"OnCalendar={moment.systemd()}\n" for moment in access.moments())


@dataclass(frozen=True)
class Session:
    """A login that is still open, with what it had when it began."""

    login: str
    uid: int
    key: str
    groups: frozenset[str]


@dataclass
class Simulation:
    """A host with some accounts and groups that are not ours."""

    accounts: dict[str, Account] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=lambda: {"sudo": 27, "adm": 4, "docker": 999, "mallory": 1001})
    ledger: Ledger = field(default_factory=Ledger)
    saved: Saved | None = None
    key_files: dict[str, str] = field(default_factory=dict)
    bad_key_files: set[str] = field(default_factory=set)
    homes: dict[str, int] = field(default_factory=dict)
    lingering: set[str] = field(default_factory=set)
    crontabs: set[str] = field(default_factory=set)
    at_jobs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sessions: set[Session] = field(default_factory=set)
    folders: bool = False
    drop_in: str | None = None
    includes_drop_in: bool = True
    timer: str | None = None
    programs: bool = False

    def __post_init__(self) -> None:
        self.accounts.setdefault(
            "mallory", Account("mallory", 1001, 1001, "Mallory,,,", "/home/mallory", "/bin/bash", "$y", groups=frozenset({"sudo"}))
        )

    def copy(self) -> Simulation:
        return copy.deepcopy(self)

    def host(self, **facts: Any) -> Host:
        """What a reading of it finds."""
        return Host(
            accounts=dict(self.accounts),
            groups=dict(self.groups),
            ledger=copy.deepcopy(self.ledger),
            saved=self.saved,
            key_files=dict(self.key_files),
            bad_key_files=frozenset(self.bad_key_files),
            paths=frozenset({"/bin/bash", "/bin/zsh"}),
            homes=dict(self.homes),
            lingering=frozenset(self.lingering),
            crontabs=frozenset(self.crontabs),
            at_jobs=dict(self.at_jobs),
            scan=self.scan,
            unsound_folders=() if self.folders else ("/var/lib/prod-access",),
            drop_in=self.drop_in,
            includes_drop_in=self.includes_drop_in,
            timer=self.timer,
            stale_programs=() if self.programs else ("/usr/sbin/prod-access-accounts",),
            **facts,
        )

    def scan(self) -> tuple[Process, ...]:
        ordered = sorted(self.sessions, key=repr)
        return tuple(Process(pid, "bash", frozenset({s.uid}), s.uid, pid, f"session-{pid}.scope") for pid, s in enumerate(ordered, 100))

    def plan(self, access: Access, now: Moment, options: Options | None = None, **facts: Any) -> Plan:
        return plan(access, self.host(**facts), options or Options(allow_mass_removal=True), now, timer=timer_text(access))

    def apply(self, changes: list[Change]) -> Simulation:
        for change in changes:
            self.make(change)
        return self

    def make(self, change: Change) -> None:
        arguments: Mapping[str, Any] = change.detail if change.person is None else {"login": change.person, **change.detail}
        getattr(self, change.act)(**arguments)

    def log_in(self, login: str, now: Moment) -> None:
        """Open a session with each key that opens one."""
        account = self.accounts[login]
        for key in self.keys(login, now):
            self.sessions.add(Session(login, account.uid, key.fingerprint, account.groups))

    # --- The hands ---

    def create_own_group(self) -> None:
        self.groups[GROUP] = 990

    def make_folders(self) -> None:
        self.folders = True

    def save_ledger(self, ledger: Any) -> None:
        self.ledger = Ledger.from_data(ledger)

    def save(self, saved: Any) -> None:
        given = {login: Given.from_data(entry) for login, entry in saved["given"].items()}
        self.saved = Saved(Access.from_data(saved["access"]), given)

    def install_programs(self) -> None:
        self.programs = True

    def write_timer(self, text: str) -> None:
        self.timer = text

    def install_sshd(self, include: bool) -> None:
        assert GROUP in self.groups
        self.drop_in = _sshd.DROP_IN_TEXT
        self.includes_drop_in = self.includes_drop_in or include

    def create_group(self, name: str, gid: int) -> None:
        assert name not in self.groups
        assert gid not in self.groups.values()
        self.groups[name] = gid

    def create_account(self, login: str, uid: int, name: str, shell: str, home: str, groups: list[str], expires: int | None) -> None:
        assert login not in self.accounts
        assert uid not in {account.uid for account in self.accounts.values()}
        assert set(groups) <= set(self.groups)
        gid = uid if uid not in self.groups.values() else max(self.groups.values()) + 1
        self.groups[login] = gid
        self.homes.setdefault(home, uid)
        self.accounts[login] = Account(login, uid, gid, name, home, shell, "!", expires, frozenset(groups))

    def change_account(
        self,
        login: str,
        gecos: str | None = None,
        shell: str | None = None,
        unlock: bool = False,
        join: list[str] | None = None,
        **expiry: int | None,
    ) -> None:
        account = self.accounts[login]
        assert set(join or ()) <= set(self.groups)
        self.accounts[login] = replace(
            account,
            gecos=account.gecos if gecos is None else gecos,
            shell=shell or account.shell,
            password=account.password[1:] if unlock else account.password,
            groups=account.groups | set(join or ()),
            half_groups=account.half_groups - set(join or ()),
            **expiry,
        )

    def finish_account(self, login: str, gid: int, lacks: list[str]) -> None:
        self.groups[login] = gid
        self.accounts[login] = replace(self.accounts[login], lacks=self.accounts[login].lacks - set(lacks))

    def make_home(self, login: str, home: str) -> None:
        self.homes[home] = self.accounts[login].uid

    def write_keys(self, login: str, text: str) -> None:
        self.bad_key_files.discard(login)
        if text:
            self.key_files[login] = text
        else:
            self.remove_keys(login)

    def close_account(self, login: str) -> None:
        account = self.accounts[login]
        locked = account.password if account.is_locked else "!" + account.password
        self.accounts[login] = replace(account, password=locked, expires=CLOSED_DAY)

    def remove_keys(self, login: str) -> None:
        self.bad_key_files.discard(login)
        self.key_files.pop(login, None)

    def leave_groups(self, login: str, keep: list[str]) -> None:
        self.accounts[login] = replace(self.accounts[login], groups=frozenset(keep))

    def join_tombstones(self, login: str) -> None:
        account = self.accounts[login]
        self.accounts[login] = replace(account, groups=account.groups | {GROUP}, half_groups=account.half_groups - {GROUP})

    def stop_lingering(self, login: str) -> None:
        self.lingering.remove(login)

    def remove_crontab(self, login: str) -> None:
        self.crontabs.remove(login)

    def remove_at_jobs(self, login: str, jobs: list[str]) -> None:
        assert set(jobs) == set(self.at_jobs.pop(login))

    def end_sessions(self, login: str, uid: int, keys: list[str]) -> None:
        self.sessions = {session for session in self.sessions if session.uid != uid or (keys and session.key not in keys)}

    def archive_home(self, login: str, home: str) -> None:
        self.remove_home(login, home)

    def remove_home(self, login: str, home: str) -> None:
        assert self.homes.pop(home) == self.accounts[login].uid

    # --- What people can do ---

    def keys(self, login: str, now: Moment) -> list[SshKey]:
        """The keys that open a session at this moment."""
        account = self.accounts.get(login)
        if account is None or account.lacks or GROUP not in account.groups or self.drop_in is None:
            return []
        if account.expires is not None and account.expires * DAY <= now.epoch:
            return []
        keys = [SshKey.of_line(line) for line in self.key_files.get(login, "").splitlines()]
        return [key for key in keys if key.until is None or key.until > now]

    def power(self, login: str, moments: list[Moment]) -> set[tuple[Any, ...]]:
        """All that a person can do, in pieces: to log in with a key, at a time, from a place; to be in a group.

        Who cannot log in now can do nothing.
        """
        if not self.keys(login, moments[0]):
            return set()
        logins = {
            ("key", key.fingerprint, moment, source)
            for moment in moments
            for key in self.keys(login, moment)
            for source in (key.sources or ("10.0.0.0/8", "192.0.2.7", "anywhere"))
        }
        return logins | {("group", group) for group in self.accounts[login].groups - {GROUP}}

    def settled(self) -> dict[str, Any]:
        """Everything that stays, to compare."""
        state = {name: value for name, value in vars(self).items() if name != "sessions"}
        return {**state, "saved": self.saved and self.saved.to_data(), "ledger": self.ledger.to_data()}


def killed(change: Change, before: Simulation) -> Iterator[Simulation]:
    """The states that a kill within one change leaves: its tool has written some of its files, and not the others."""
    login = change.person or ""
    if change.act == "create_account":
        whole = before.copy()
        whole.make(change)
        made = whole.accounts[login]
        without_group = {name: gid for name, gid in whole.groups.items() if name != login}
        for groups, homes, account in (
            (without_group, before.homes, replace(made, expires=None, groups=frozenset(), lacks=frozenset({"line in shadow", "group"}))),
            (without_group, before.homes, replace(made, groups=frozenset(), lacks=frozenset({"group"}))),
            (whole.groups, before.homes, replace(made, half_groups=made.groups)),
            (whole.groups, {**before.homes, made.home: before.homes.get(made.home, 0)}, made),
        ):
            state = before.copy()
            state.groups, state.homes, state.accounts[login] = dict(groups), dict(homes), account
            yield state
    elif change.act == "change_account":
        # usermod writes passwd, then shadow, then group.
        for names in (("gecos", "shell"), ("gecos", "shell", "expires", "unlock")):
            state = before.copy()
            state.make(replace(change, detail={name: value for name, value in change.detail.items() if name in names}))
            yield state
    elif change.act in ("archive_home", "remove_home", "end_sessions"):
        yield before.copy()
