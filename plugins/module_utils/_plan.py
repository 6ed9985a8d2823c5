# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on a host: the access that should be, compared with what was read. No I/O, no Ansible.

The order is the promise that a kill at any point leaves each person as before, as after, or with less: revocations first,
then what grants need (numbers, memory, the timer that ends them), then accounts, then memberships, and keys last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

from . import _sshd
from ._access import Access, HostPerson
from ._host import CLOSED_DAY, Account, Given, Host, Ledger, Saved
from ._model import ID_MAX, ID_MIN
from ._moment import Moment
from ._names import GROUP
from ._processes import Process
from ._ssh_key import SshKey
from ._sudo_rule import Sudo


@dataclass(frozen=True)
class Change:
    """One change. ``act`` names the hand that makes it, with ``detail`` as its arguments; the rest is for people."""

    act: str
    person: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    revokes: bool = False

    def to_data(self) -> dict[str, Any]:
        return {"act": self.act, "person": self.person, "before": list(self.before), "after": list(self.after), "why": list(self.why)}


# shadow(5) has days that no calendar has.
_LAST_DAY = Moment.parse("9999-12-30").expiry_day()
# What revocations themselves stand on.
_FOUNDING = ("create_own_group", "make_folders")


@dataclass(frozen=True)
class Fault:
    """Something on the host that stands in the way of what the data says of a person or team."""

    who: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.who}: {self.what}; {self.mend}"


@dataclass(frozen=True)
class Options:
    """What the role's variables say."""

    default_shell: str = "/bin/bash"
    only: str | None = None
    allow_mass_removal: bool = False


@dataclass
class Plan:
    """The changes in their order, what stands in the way, and what is merely odd."""

    changes: list[Change] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def revocations(self) -> list[Change]:
        return [change for change in self.changes if change.revokes or change.act in _FOUNDING]

    def closing(self) -> list[str]:
        """The people who lose their last access."""
        return [change.person for change in self.changes if change.act == "close_account" and change.person is not None]

    @staticmethod
    def diff(changes: Iterable[Change]) -> dict[str, str]:
        """Before and after, a line for each thing: who, what, and why."""
        sides: dict[str, list[str]] = {"before": [], "after": []}
        for change in changes:
            who = change.person or "host"
            sides["before"] += [f"{who}: {line}\n" for line in change.before]
            sides["after"] += [f"{who}: {line}\n" for line in change.after]
            because = [f"{who}:   because {line}\n" for line in change.why]
            sides["after"] += [line for line in because if line not in sides["after"]]
        return {side: "".join(lines) for side, lines in sides.items()}


def plan(access: Access, host: Host, options: Options, now: Moment, *, timer: str) -> Plan:
    """Compare and order. ``timer`` is the unit that ends access in time, as it should stand on the host."""
    return _Planner(access, host, options, now, timer).plan()


class _Planner:
    def __init__(self, access: Access, host: Host, options: Options, now: Moment, timer: str) -> None:
        self.access = access
        self.host = host
        self.options = options
        self.now = now
        self.timer = timer
        self.faults: list[Fault] = []
        self.notes: list[str] = []
        self.revoking: list[Change] = []
        self.ending: list[Change] = []
        self.founding: list[Change] = []
        self.preparing: list[Change] = []
        self.granting: list[Change] = []
        self.opening: list[Change] = []
        self.ledger = Ledger(dict(host.ledger.people), dict(host.ledger.teams))
        self.given: dict[str, Given] = {}
        self._scanned: tuple[Process, ...] | None = None
        taken = {account.uid for account in host.accounts.values()} | set(host.groups.values())
        taken |= set(host.ledger.people) | set(host.ledger.teams) | set(access.reserved)
        self._taken = taken | {gid for gid in access.teams.values() if gid is not None}

    def plan(self) -> Plan:
        self._teams()
        for login in self._logins():
            self._person(login)
        self._mass_removal()
        self._prepare()
        if self.faults:
            self._remember_losses()
        changes = self.founding + self.revoking + self.ending + self.preparing + self._ssh() + self.granting + self.opening
        return Plan(changes, self.faults, self.notes)

    def _logins(self) -> list[str]:
        ours = {login for login in self.host.accounts if self.host.is_ours(login)} | set(self.host.ledger.people.values())
        logins = sorted(ours | set(self.access.people))
        return [login for login in logins if self.options.only in (None, login)]

    # --- People ---

    def _person(self, login: str) -> None:
        wanted = self.access.people.get(login)
        account = self.host.accounts.get(login)
        if account is not None and not self._may_touch(login, account, wanted):
            return
        if wanted is not None and wanted.in_force(self.now):
            self.given[login] = _given(wanted, self.now)
            if account is None:
                self._create(login, wanted)
            else:
                self._keep(account, wanted)
        elif account is not None:
            self._close(account, wanted)
        else:
            self._no_keys(login, "they are left of an account that is no more")

    def _may_touch(self, login: str, account: Account, wanted: HostPerson | None) -> bool:
        """Whether an account that the host has is ours, or may become so."""
        if self.host.is_ours(login):
            return True
        if wanted is None or (wanted.person.state == "departed" and not wanted.person.adopt):
            self.notes.append(f"{login}: an account of this name is not ours, and stays as it is")
            return False
        if not wanted.person.adopt:
            self._fault(
                login,
                f"there is an account of this name (uid {account.uid}) that is not ours",
                "if it is theirs, say `adopt: true` on the person; else rename one of them",
            )
        elif account.uid < ID_MIN or account.uid > ID_MAX:
            self._fault(login, f"a system account (uid {account.uid}) cannot be adopted", "rename the person")
        else:
            return True
        return False

    def _create(self, login: str, wanted: HostPerson) -> None:
        person = wanted.person
        before = len(self.faults)
        uid = self._uid(login, wanted)
        shell = person.shell or self.options.default_shell
        home = f"/home/{login}"
        if login in self.host.remote:
            self._fault(login, "a directory service (NSS) already has an account of this name", "give access there, or rename the person")
        if login in self.host.groups:
            self._fault(
                login,
                f"there is a group of this name (gid {self.host.groups[login]}) and no account",
                f"see whose it is, then: groupdel {login}",
            )
        if home in self.host.homes and self.host.homes[home] != uid:
            self._fault(
                login,
                f"{home} is there already and is not a directory of uid {uid}",
                f"see whose it is, then move it: mv {home} {home}.old",
            )
        self._shell(login, shell)
        groups = self._groups(login, wanted)
        if len(self.faults) > before:
            return
        self.ledger.people[uid] = login
        # They must not open the new account for a moment.
        self._no_keys(login, "they are left of an account that is no more")
        self.granting.append(
            Change(
                "create_account",
                login,
                {
                    "uid": uid,
                    "name": person.name,
                    "shell": shell,
                    "home": home,
                    "groups": sorted(groups | {GROUP}),
                    "expires": _expires(wanted),
                },
                after=(
                    f"account with uid {uid}, {person.name}, shell {shell}, home {home}{_until(wanted)}",
                    "groups " + ", ".join(sorted(groups | {GROUP})),
                ),
                why=_reasons(wanted, self.now),
            )
        )
        self._keys(login, wanted, None)

    def _keep(self, account: Account, wanted: HostPerson) -> None:
        login = account.login
        person = wanted.person
        before = len(self.faults)
        if person.uid not in (None, account.uid) and not person.adopt:
            self._fault(
                login,
                f"has uid {account.uid} on this host, the data says {person.uid}",
                "uids are never changed, for files would change hands; put the host's into the data, or say `adopt: true`",
            )
        if person.shell is not None:
            self._shell(login, person.shell)
        wants = self._groups(login, wanted)
        self._lost(account, wanted)
        if len(self.faults) > before:
            return
        self.ledger.people[account.uid] = login
        set_to: dict[str, Any] = {}
        lines: list[tuple[str, str]] = []
        if account.name != person.name:
            set_to["gecos"] = ",".join([person.name, *account.gecos.split(",")[1:]])
            lines.append((f"name {account.name}", f"name {person.name}"))
        if person.shell is not None and account.shell != person.shell:
            set_to["shell"] = person.shell
            lines.append((f"shell {account.shell}", f"shell {person.shell}"))
        if account.expires != _expires(wanted):
            set_to["expires"] = _expires(wanted)
            was = "closed" if account.is_closed else _day(account.expires)
            lines.append((was, f"open{_until(wanted)}"))
            # Locked by us together with the expiry. A password that was never there stays away.
            if account.is_closed and len(account.password) > 1 and account.password[1] not in "!*":
                set_to["unlock"] = True
        joins = (wants | {GROUP}) - (account.groups - account.half_groups)
        if joins:
            set_to["join"] = sorted(joins)
            lines.append(("", "groups " + ", ".join(sorted(joins))))
        if set_to:
            adopted = not self.host.is_ours(login)
            self.granting.append(
                Change(
                    "change_account",
                    login,
                    set_to,
                    before=tuple(old for old, _new in lines if old) + (("an account that is not ours",) if adopted else ()),
                    after=tuple(new for _old, new in lines) + (("adopted",) if adopted else ()),
                    why=_reasons(wanted, self.now),
                )
            )
        if account.lacks:
            lacks = ", ".join(sorted(account.lacks))
            after = (f"{lacks}, which a useradd that was killed did not write",)
            self.granting.insert(0, Change("finish_account", login, {"gid": account.gid, "lacks": sorted(account.lacks)}, after=after))
        # A useradd that was killed leaves no home, or one that is still root's.
        if account.home == f"/home/{login}" and self.host.homes.get(account.home, 0) == 0:
            self.granting.append(Change("make_home", login, {"home": account.home}, after=(f"home {account.home}",)))
        self._keys(login, wanted, self.host.key_files.get(login))

    def _lost(self, account: Account, wanted: HostPerson) -> None:
        """Take away what a person who stays no longer has, and end the sessions that still have it."""
        login = account.login
        now, was = self.given[login], self._was(login)
        ours = (was.groups | self._team_names()) & account.groups
        extra = ours - now.groups - {GROUP}
        foreign = account.groups - now.groups - ours - {GROUP}
        if foreign:
            self.notes.append(f"{login}: is also in {', '.join(sorted(foreign))}, which no grant gives")
        if extra:
            self.revoking.append(
                Change(
                    "leave_groups",
                    login,
                    {"keep": sorted(account.groups - extra)},
                    before=("groups " + ", ".join(sorted(extra)),),
                    why=("no grant in force gives these groups",),
                    revokes=True,
                )
            )
        self._lost_keys(login, wanted)
        gone = {key.fingerprint for key in _read_keys(self.host.key_files.get(login, ""))} | was.keys
        if extra or was.groups - now.groups or (was.powers - now.powers and "full" not in now.powers):
            self._end(login, account.uid, "what they had is no longer granted")
        elif gone - now.keys:
            self._end(login, account.uid, "the key that opened them is gone", keys=sorted(gone - now.keys))

    def _lost_keys(self, login: str, wanted: HostPerson) -> None:
        """What goes of the keys, or of when and where they are good, does not wait for what comes."""
        found = self.host.key_files.get(login, "")
        old = {key.fingerprint: key for key in _read_keys(found)}
        force = [key for key in wanted.keys_in_force(self.now) if key.fingerprint in old]
        kept = [key for key in (key.within(old[key.fingerprint]) for key in force) if key is not None]
        if {_limits(key) for key in kept} == {_limits(key) for key in old.values()}:
            return
        text = "".join(key.line() + "\n" for key in kept)
        change = self._key_change(login, wanted, found, revokes=True)
        self.revoking.append(change if change.detail["text"] == text else Change("write_keys", login, {"text": text}, revokes=True))

    def _close(self, account: Account, wanted: HostPerson | None) -> None:
        """The end of all access: a tombstone stays, so that the uid is never another's."""
        login, uid = account.login, account.uid
        person = wanted.person if wanted else None
        departed = person is None or person.state != "suspended"
        why = (_ended(wanted, self.now),)
        self.ledger.people[uid] = login
        if not account.is_closed:
            self._revoke("close_account", login, {}, ("account open",), ("account closed",), why)
        self._no_keys(login, why[0])
        was = self._was(login)
        drop = account.groups - {GROUP} if departed else account.groups & (was.groups | self._team_names())
        if drop:
            self._revoke("leave_groups", login, {"keep": sorted(account.groups - drop)}, ("groups " + ", ".join(sorted(drop)),), (), why)
        if GROUP not in account.groups - account.half_groups:
            self._revoke("join_tombstones", login, {}, (), (f"groups {GROUP}",), why)
        if login in self.host.lingering:
            self._revoke("stop_lingering", login, {}, ("user units run without a login",), (), why)
        if departed and login in self.host.crontabs:
            self._revoke("remove_crontab", login, {}, ("crontab",), (), why)
        if departed and self.host.at_jobs.get(login):
            jobs = list(self.host.at_jobs[login])
            self._revoke("remove_at_jobs", login, {"jobs": jobs}, tuple(f"at job {job}" for job in jobs), (), why)
        self._end(login, uid, why[0], settled=account.is_closed)
        daemons = sorted({process.unit for process in self._processes() if process.is_of(uid) and process.is_daemon()})
        if daemons:
            self.notes.append(f"{login}: started what still runs as a service: {', '.join(daemons)}")
        if person is not None and person.state == "departed" and person.home != "keep" and account.home in self.host.homes:
            self._home(account, person.home)

    def _no_keys(self, login: str, why: str) -> None:
        if login in self.host.key_files:
            keys = _key_lines(_read_keys(self.host.key_files[login]))
            self._revoke("remove_keys", login, {}, keys or ("an empty file of keys",), (), (why,))

    def _home(self, account: Account, fate: str) -> None:
        home = account.home
        others = [
            other.login for other in self.host.accounts.values() if other is not account and (other.home + "/").startswith(home + "/")
        ]
        if self.host.homes[home] != account.uid or home.count("/") < 2 or others:
            self.notes.append(
                f"{account.login}: {home} stays: it is not a plain directory of their own"
                + (f" ({', '.join(others)} live in it)" if others else "")
            )
            return
        why = (f"`home: {fate}` is asked for at departure",)
        self.ending.append(Change(f"{fate}_home", account.login, {"home": home}, (f"home {home}",), (), why, revokes=True))

    def _end(self, login: str, uid: int, why: str, *, keys: Iterable[str] = (), settled: bool = False) -> None:
        """End a person's processes; with ``keys``, only the sessions that these opened.

        Who loses something now may open a session until the door is shut, so all are looked for then. Where that is
        ``settled`` since long, what runs now is all there is.
        """
        mortal = [process for process in self._processes() if process.is_of(uid) and not process.is_daemon()]
        if settled and not mortal:
            return
        keys = list(keys)
        what = "sessions that a lost key opened, of" if keys else "sessions and processes:"
        names = ", ".join(sorted({process.name for process in mortal}))
        # Every door is shut before the first session is waited for.
        before = (f"{what} {names}",) if mortal else ()
        self.ending.append(Change("end_sessions", login, {"uid": uid, "keys": keys}, before, (), (why,), revokes=True))

    def _groups(self, login: str, wanted: HostPerson) -> frozenset[str]:
        """The groups to be in. Those of the host must be there."""
        if not self.host.ends_keys and any(key.until for key in wanted.keys_in_force(self.now)):
            self._fault(login, "the OpenSSH of this host cannot end a key at its time", "take `until` away, or OpenSSH 9.1 or newer")
        teams = {grant.team for grant in wanted.grants}
        groups: frozenset[str] = frozenset().union(*(grant.memberships() for grant in wanted.in_force(self.now)))
        for group in sorted(groups - teams):
            if group not in self.host.groups:
                self._fault(login, f"the group {group} is not on this host", "install what brings it, or take it out of the grant")
        return groups

    def _keys(self, login: str, wanted: HostPerson, found: str | None) -> None:
        text = _keys_text(wanted, self.now)
        if (text or None) != found or (found is not None and login in self.host.bad_key_files):
            change = self._key_change(login, wanted, found or "")
            # The same change may have been made among the revocations already.
            if change.detail not in [done.detail for done in self.revoking if done.person == login]:
                self.opening.append(change)

    def _key_change(self, login: str, wanted: HostPerson, found: str, *, revokes: bool = False) -> Change:
        before = _key_lines(_read_keys(found))
        after = _key_lines(wanted.keys_in_force(self.now))
        if before == after:
            before, after = ("file of keys, changed by somebody else",), ("file of keys, as the data says",)
        return Change(
            "write_keys",
            login,
            {"text": _keys_text(wanted, self.now)},
            before=tuple(line for line in before if line not in after),
            after=tuple(line for line in after if line not in before),
            why=_reasons(wanted, self.now),
            revokes=revokes,
        )

    def _uid(self, login: str, wanted: HostPerson) -> int:
        # Somebody who comes back gets the number that their old files have.
        uid = wanted.person.uid or _number_of(login, self.ledger.people) or self._free()
        owner = next((account.login for account in self.host.accounts.values() if account.uid == uid), None) or self.ledger.people.get(uid)
        if owner not in (None, login):
            self._fault(
                login, f"uid {uid} was {owner}'s on this host", "take another: a uid is never used again, for files may still carry it"
            )
        return uid

    def _free(self) -> int:
        number = next(number for number in range(ID_MIN, ID_MAX + 1) if number not in self._taken)
        self._taken.add(number)
        return number

    def _shell(self, login: str, shell: str) -> None:
        if shell not in self.host.paths:
            self._fault(login, f"{shell} is not on this host", "install it, or choose another shell")

    # --- Teams, and the host as a whole ---

    def _teams(self) -> None:
        gids = {gid: name for name, gid in self.host.groups.items()}
        for team, wanted in sorted(self.access.teams.items()):
            found = self.host.groups.get(team)
            if found is not None:
                if self.ledger.teams.get(found) != team:
                    self._fault(
                        team, f"there is a group of this name (gid {found}) that is not ours", "rename the team, or remove the group"
                    )
                elif wanted not in (None, found):
                    self._fault(
                        team,
                        f"has gid {found} on this host, the data says {wanted}",
                        "put the host's into the data: gids are never changed",
                    )
                continue
            gid = wanted or _number_of(team, self.ledger.teams) or self._free()
            owner = gids.get(gid) or self.ledger.teams.get(gid)
            if owner not in (None, team):
                self._fault(team, f"gid {gid} is {owner}'s on this host", "take another")
                continue
            self.ledger.teams[gid] = team
            self.granting.append(Change("create_group", None, {"name": team, "gid": gid}, after=(f"group {team} with gid {gid}",)))

    def _team_names(self) -> set[str]:
        """All groups that were ever teams on this host."""
        return set(self.host.ledger.teams.values())

    def _mass_removal(self) -> None:
        closing = {change.person for change in self.revoking if change.act == "close_account"}
        open_now = [login for login in self.host.accounts if self.host.is_ours(login) and not self.host.accounts[login].is_closed]
        if len(closing) > 2 and len(closing) > 0.2 * len(open_now) and not self.options.allow_mass_removal:
            names = ", ".join(sorted(login for login in closing if login)[:10])
            self._fault(
                "host",
                f"{len(closing)} of {len(open_now)} people would lose their access ({names}, …)",
                "if that is meant: -e accounts_allow_mass_removal=true",
            )
            self.revoking, self.ending = [], []

    def _prepare(self) -> None:
        host = self.host
        if GROUP not in host.groups:
            self.founding.append(Change("create_own_group", None, {}, after=(f"group {GROUP}",)))
        if host.unsound_folders:
            folders = tuple(f"directory {path}, of root's, 0755" for path in host.unsound_folders)
            self.founding.append(Change("make_folders", None, {}, after=folders))
        if self.ledger.to_data() != host.ledger.to_data():
            self.preparing.append(Change("save_ledger", None, {"ledger": self.ledger.to_data()}))
        if host.stale_programs:
            self.preparing.append(Change("install_programs", None, {}, after=("programs of this version",)))
        given = dict(host.saved.given) if host.saved and self.options.only else {}
        given.pop(self.options.only or "", None)
        saved = Saved(self.access, {**given, **self.given})
        if host.saved is None or saved.to_data() != host.saved.to_data():
            self.preparing.append(
                Change("save", None, {"saved": saved.to_data()}, after=("memory of who has access, and why",) if host.saved is None else ())
            )
        if host.timer != self.timer:
            self.preparing.append(
                Change("write_timer", None, {"text": self.timer}, after=_timer_lines(self.timer), before=_timer_lines(host.timer))
            )

    def _remember_losses(self) -> None:
        """Nothing is given while something stands in the way. What is taken away is remembered, so that it is taken once."""
        saved = self.host.saved
        if saved is None or not self.ending:
            return
        closed = {change.person for change in self.revoking if change.act == "close_account"}
        given = {login: _still(was, self.given.get(login, was)) for login, was in saved.given.items() if login not in closed}
        if given != saved.given:
            self.ending.append(Change("save", None, {"saved": Saved(saved.access, given).to_data()}, revokes=True))

    def _ssh(self) -> list[Change]:
        include = not self.host.includes_drop_in
        if self.host.drop_in == _sshd.DROP_IN_TEXT and not include:
            return []
        after: tuple[str, ...] = (f"{_sshd.DROP_IN}: keys of our people are read from {_sshd.KEYS}",)
        if include:
            after += (f"{_sshd.CONFIG}: a first line that includes it",)
        return [Change("install_sshd", None, {"include": include}, after=after)]

    # --- Small things ---

    def _revoke(
        self, act: str, login: str, detail: Mapping[str, Any], before: tuple[str, ...], after: tuple[str, ...], why: tuple[str, ...]
    ) -> None:
        self.revoking.append(Change(act, login, detail, before, after, why, revokes=True))

    def _fault(self, who: str, what: str, mend: str) -> None:
        self.faults.append(Fault(who, what, mend))

    def _was(self, login: str) -> Given:
        return self.host.saved.given.get(login, Given()) if self.host.saved else Given()

    def _processes(self) -> tuple[Process, ...]:
        if self._scanned is None:
            self._scanned = self.host.scan()
        return self._scanned


def _still(was: Given, now: Given) -> Given:
    """What of the old is left."""
    return Given(was.groups & now.groups, was.powers & now.powers, was.keys & now.keys)


def _given(wanted: HostPerson, now: Moment) -> Given:
    force = wanted.in_force(now)
    return Given(
        frozenset().union(*(grant.memberships() for grant in force)),
        frozenset().union(*(_powers(grant.sudo) for grant in force)),
        frozenset(key.fingerprint for key in wanted.keys_in_force(now)),
    )


def _powers(sudo: Sudo) -> frozenset[str]:
    if isinstance(sudo, str):
        return frozenset({sudo} - {"none"})
    return frozenset().union(*(rule.powers() for rule in sudo))


def _number_of(name: str, ledger: Mapping[int, str]) -> int | None:
    return min((number for number, owner in ledger.items() if owner == name), default=None)


def _expires(wanted: HostPerson) -> int | None:
    end = wanted.end()
    return None if end is None else end.expiry_day()


def _until(wanted: HostPerson) -> str:
    end = wanted.end()
    return "" if end is None else f", until {end}"


def _day(expires: int | None) -> str:
    if expires is None or expires > _LAST_DAY:
        return "open"
    return f"open, until {Moment(expires * 86400)}" if expires > CLOSED_DAY else "expired"


def _reasons(wanted: HostPerson, now: Moment) -> tuple[str, ...]:
    return tuple(f"{grant.source}: {grant.reason()}" for grant in wanted.in_force(now))


def _ended(wanted: HostPerson | None, now: Moment) -> str:
    if wanted is None:
        return "no grant names them on this host any more"
    if wanted.person.state != "active":
        return f"their state is {wanted.person.state}"
    end = wanted.end()
    return f"their access ended at {end}" if end is not None else "no grant in force names them on this host"


def _keys_text(wanted: HostPerson, now: Moment) -> str:
    return "".join(key.line() + "\n" for key in wanted.keys_in_force(now))


def _read_keys(text: str) -> list[SshKey]:
    """The keys of a file that we wrote; lines of others are passed over, and the whole file is replaced."""
    keys = []
    for line in text.splitlines():
        try:
            keys.append(SshKey.of_line(line))
        except ValueError:
            continue
    return keys


def _limits(key: SshKey) -> tuple[str, Moment | None, frozenset[str]]:
    return key.fingerprint, key.until, frozenset(key.sources)


def _key_lines(keys: Iterable[SshKey]) -> tuple[str, ...]:
    return tuple(
        f"key {key.fingerprint} {key.comment}".rstrip()
        + (f", until {key.until}" if key.until else "")
        + (f", from {', '.join(key.sources)}" if key.sources else "")
        for key in keys
    )


def _timer_lines(text: str | None) -> tuple[str, ...]:
    prefix = "OnCalendar="
    return tuple(f"something ends at {line[len(prefix) :]}" for line in (text or "").splitlines() if line.startswith(prefix))
