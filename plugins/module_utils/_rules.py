# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sudo rules of a host, from reading to proof: the one way that the module goes."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Iterable, Mapping, Sequence

from . import _files, _host, _last_way_in, _library, _sudo
from ._access import Access
from ._command import HostError, attempt
from ._moment import Moment
from ._names import GROUP, some
from ._sudoers import Entry, Power, Settings, entries_of, narrowed, parse, powers_of, render

_Powers = Mapping[str, "frozenset[Power]"]


@dataclass(frozen=True)
class Options:
    """What the role's variables say."""

    settings: Settings = field(default_factory=Settings)
    only: str | None = None
    prove_all: bool = False


@dataclass(frozen=True)
class Change:
    """What one person gains or loses, or what is mended of the host's files when it is nobody's."""

    person: str | None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def to_data(self) -> dict[str, Any]:
        return {"act": "write_rules", "person": self.person, "before": list(self.before), "after": list(self.after), "why": []}


@dataclass
class Outcome:
    """What a run found and did; ``before`` and ``after`` are the texts of our file."""

    changes: list[Change] = field(default_factory=list)
    before: str = ""
    after: str = ""
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def diff(self) -> list[dict[str, str]]:
        """Our file, with the reasons in it; and what is mended beside it."""
        mended = [change for change in self.changes if change.person is None]
        sides = {
            "before": [line for change in mended for line in change.before],
            "after": [line for change in mended for line in change.after],
        }
        headers = {"before_header": _sudo.FILE, "after_header": _sudo.FILE}
        texts = [{**headers, "before": self.before, "after": self.after}] if self.before != self.after else []
        return texts + ([{side: "".join(line + "\n" for line in lines) for side, lines in sides.items()}] if any(sides.values()) else [])


def manage(access: Access, options: Options, *, programs: Mapping[str, str], check: bool) -> Outcome:
    """Make sudo's rules agree with the access, or say what would change. Raises HostError when the host cannot even be read.

    ``programs`` are the files of ours, by path, that stay on the host. The caller holds the host's lock.
    """
    if os.geteuid() != 0:
        raise HostError("changing sudo's rules needs root", "connect as root, or say `become: true`")
    if options.only is not None:
        saved = _host.Saved.load()
        access = access.only(options.only, saved.access if saved else None)
    return _Run(access, options, programs, check).outcome()


class _Run:
    def __init__(self, access: Access, options: Options, programs: Mapping[str, str], check: bool) -> None:
        self.access = access
        self.options = options
        self.programs = programs
        self.check = check
        self.accounts, _groups = _host.read_accounts()
        self.found = Outcome()

    def outcome(self) -> Outcome:
        found = self.found
        sound = _sudo.is_sound()
        current = _files.read_text(_sudo.FILE)
        main = _files.read_text(_sudo.MAIN)
        wanted = entries_of(self.access, Moment(int(time.time())))
        if current is None and not wanted:
            return found
        found.before = found.after = current or ""
        if main is None or not _sudo.is_installed():
            found.errors.append("sudo is not installed on this host; install the package sudo, or give nobody any of it")
            return found
        had = powers_of(parse(current or ""))
        found.errors += self._hindrances(wanted)
        new_main = None if _sudo.includes(main) else _sudo.with_include(main)
        entries = self._allowed(wanted, had)
        text = self._text(entries, current)
        faults = _sudo.faults(new_main or main, text)
        # Whose they are shows without our change. Most hosts have none, and visudo takes its time.
        broken = _sudo.faults() if faults else []
        others = [
            fault + "; " + ("run the role audit again" if fault.startswith(_sudo.AUDIT_FILE) else "others' file, mend it: visudo -c")
            for fault in broken
            if not fault.startswith(_sudo.FILE + ":")
        ]
        if others:
            found.errors += others
            entries = self._allowed(wanted, had)
            text = self._text(entries, current)
            faults = _sudo.faults(new_main or main, text)
        given = powers_of(entries)
        found.notes += _sudo.oddities()
        if text == current and sound and new_main is None:
            found.notes += broken
            if self.options.prove_all and not self.check:
                found.errors += self._unproven(sorted(given), given)
            return found
        found.after = text
        found.changes = [*_changes(had, given), *_mended(sound, new_main)]
        clashes = [fault for fault in faults if fault not in broken]
        if clashes:
            raise HostError(f"visudo refuses the new rules: {'; '.join(clashes)}", "nothing was changed; mend what they clash with")
        if self.check:
            return found
        # The dead man's switch is one of them. The role accounts, if it has run, has left nothing to do here.
        _library.install({path: text for path, text in self.programs.items() if _files.read_text(path) != text})
        self._apply(text, new_main, had, given)
        return found

    def _text(self, entries: Sequence[Entry], current: str | None) -> str:
        """The whole file, without what sudo-rs cannot be told."""
        text = render(entries, self.options.settings)
        # sudo is asked what it is only where that is not known from the file.
        if text != current and _sudo.implementation().name != "sudo":
            text = render(entries, replace(self.options.settings, env_file=""))
        return text

    def _hindrances(self, wanted: Sequence[Entry]) -> list[str]:
        """What stands in the way of giving somebody what they are to have."""
        logins = sorted({user for entry in wanted for user in entry.users})
        errors = [
            f"{login}: the account of this name is not ours; see what the role accounts says of it"
            for login in logins
            if login in self.accounts and GROUP not in self.accounts[login].groups
        ]
        absent = [login for login in logins if login not in self.accounts]
        # Where nothing is changed, the role that makes accounts made none either.
        if absent and not self.check:
            errors.append(f"{some(absent)}: no account on this host; run the role accounts first")
        errors += [f"{who}: {sudo} does not know {what}; say it otherwise, or update sudo" for who, sudo, what in _sudo.lacks(wanted)]
        return errors + self._writable()

    def _allowed(self, wanted: Sequence[Entry], had: _Powers) -> list[Entry]:
        """The entries of people who have an account of ours here; where something is wrong, only what takes away."""
        ours = {login for login, account in self.accounts.items() if GROUP in account.groups}
        if self.check:
            ours |= set(self.access.people) - set(self.accounts)
        kept = []
        for entry in wanted:
            users = tuple(user for user in entry.users if user in ours)
            if users:
                kept.append(Entry(users, entry.commands, entry.run_as, entry.password, entry.until, entry.comments))
        return narrowed(kept, had) if self.found.errors else kept

    def _writable(self) -> list[str]:
        """Commands that somebody who may run them can also write: they would give whatever one puts there."""
        errors = []
        for login, person in sorted(self.access.people.items()):
            account = self.accounts.get(login)
            if account is None:
                continue
            for grant in person.in_force(Moment(int(time.time()))):
                for rule in grant.sudo if not isinstance(grant.sudo, str) else ():
                    for path in () if rule.unsafe is not None else rule.programs():
                        place = _writable_place(path, account, grant.memberships())
                        if place is not None:
                            errors.append(
                                f"{login}: {path} can be changed by those who may run it as {', '.join(rule.run_as)}: {place} is theirs to "
                                f"write; give it to root (chown root:root {place}; chmod go-w {place}), or say `unsafe: why`"
                            )
        return errors

    def _apply(self, text: str, main: str | None, had: _Powers, given: _Powers) -> None:
        changed = sorted(login for login in {*had, *given} if had.get(login) != given.get(login))
        losers = [login for login in changed if _is_root(had.get(login)) and not _is_root(given.get(login))]
        way = bool(losers) and self._way_in()
        mine = _last_way_in.connecting_account()
        became = mine is not None and _becomes_root(mine)
        _sudo.install(text, main)
        try:
            faults = self._unproven(sorted(given) if self.options.prove_all else [login for login in changed if login in given], given)
            if became and not _becomes_root(str(mine)):
                faults.append(f"this run is connected as {mine}, who could not become root any more; connect as somebody else to do that")
            elif way and not self._way_in():
                faults.append(
                    f"after this run nobody could log in and become root any more ({', '.join(losers)} would lose it); "
                    "give somebody else a way in first: a key and sudo, or a key of root's"
                )
            if faults:
                raise HostError("; ".join(faults), "sudo's files are as they were")
        except BaseException:
            _sudo.undo()
            raise
        _sudo.TRIAL.end()

    def _unproven(self, logins: Iterable[str], given: _Powers) -> list[str]:
        """Those of whom sudo itself does not say what the rules say; what it says beyond that comes from others' rules."""
        errors = []
        logins = [login for login in logins if login in self.accounts]
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(_sudo.powers, logins))
        for login, said in zip(logins, answers):
            ours = {power.as_listed() for power in given[login]}
            missing = sorted(map(str, ours - said))
            if missing:
                errors.append(f"{login}: sudo does not give what the rules say: {', '.join(missing[:3])}; see: sudo -l -U {login}")
            beyond = sorted(map(str, said - ours))
            if beyond:
                self.found.notes.append(f"{login}: by rules of others, sudo also gives {', '.join(beyond[:3])}")
        return errors

    def _way_in(self) -> bool:
        return any(True for _login in _last_way_in.ways_in(self.accounts.values()))


def _becomes_root(login: str) -> bool:
    """Whether an account becomes root by sudo without being asked for anything, tried and not only read."""
    return login != "root" and attempt(["runuser", "-u", login, "--", "sudo", "-n", "true"]).returncode == 0


def _is_root(powers: frozenset[Power] | None) -> bool:
    return any(power.command == "ALL" and power.run_as.startswith("ALL") for power in powers or ())


def _changes(had: _Powers, given: _Powers) -> list[Change]:
    changes = []
    for login in sorted({*had, *given}):
        lost, won = had.get(login, frozenset()) - given.get(login, frozenset()), given.get(login, frozenset()) - had.get(login, frozenset())
        if lost or won:
            changes.append(Change(login, tuple(sorted(map(str, lost))), tuple(sorted(map(str, won)))))
    return changes


def _mended(sound: bool, main: str | None) -> Iterable[Change]:
    if not sound:
        yield Change(None, (f"{_sudo.FILE} with a mode or an owner that sudo refuses",), (f"{_sudo.FILE}, root's, mode 0440",))
    if main is not None:
        yield Change(None, (), (f"{_sudo.MAIN}: a last line that includes {_sudo.FILE}",))


def _writable_place(path: str, account: _host.Account, groups: Iterable[str]) -> str | None:
    """The first part of a path, links followed, that the account could change; None when only others can.

    An access control list that lets anybody write counts as letting the account: acl(5).
    """
    members = account.groups | frozenset(groups)
    seen: set[str] = set()
    todo = [path]
    while todo:
        place = todo.pop()
        if place in seen:
            continue
        seen.add(place)
        folder = os.path.dirname(place)
        if folder != place:
            todo.append(folder)
        try:
            about = os.lstat(place)
        except OSError:
            continue
        if stat.S_ISLNK(about.st_mode):
            todo.append(os.path.normpath(os.path.join(folder, os.readlink(place))))
            continue
        mode = about.st_mode
        # In a sticky directory others can make files, and change none that is not theirs.
        open_to_all = mode & stat.S_IWOTH and not (mode & stat.S_ISVTX and place != path and os.path.exists(path))
        # Where there is a list, the bits of the group are its mask: the most that it gives to any but the owner.
        shared = mode & stat.S_IWGRP and (_has_list(place) or _in_group(about.st_gid, account, members))
        if about.st_uid == account.uid or open_to_all or shared:
            return place
    return None


def _has_list(place: str) -> bool:
    try:
        return "system.posix_acl_access" in os.listxattr(place)
    except OSError:
        return False


def _in_group(gid: int, account: _host.Account, members: frozenset[str]) -> bool:
    if gid == account.gid:
        return True
    with contextlib.suppress(HostError):
        said = attempt(["getent", "group", str(gid)]).stdout.split(":")
        return said[0] in members
    return False
