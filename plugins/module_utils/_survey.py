# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can log in to a host and become what, ours or not: read from what is really there, and nothing changed."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterable, Mapping

from . import _host, _sshd, _sudo
from ._command import HostError, attempt, run
from ._host import Account
from ._host_module import HostModule
from ._moment import Moment
from ._names import GROUP, ROOT_GROUPS

# Groups whose members read much of a host, or change what others run on it, without being root.
_STRONG_GROUPS = ROOT_GROUPS | frozenset("adm systemd-journal backup video netdev utmp tty".split())
_NO_SHELLS = ("/nologin", "/false", "/sync")
# ssh-keygen(1), -l: bits, fingerprint, comment, type.
_KEY = re.compile(r"(\d+) (SHA256:\S+) (.*) \(([\w-]+)\)")


def survey(owners: Mapping[str, str], *, with_files: bool = False) -> dict[str, Any]:
    """Read the host. ``owners`` maps the fingerprints of people's keys to their logins.

    ``with_files`` also looks through all local file systems for files of accounts that are closed or gone, which takes its time.
    """
    accounts, groups = _host.read_accounts()
    with ThreadPoolExecutor(max_workers=2) as pool:
        settings = _settings(accounts.values(), pool)
        powers = dict(zip(accounts, pool.map(_powers, accounts)))
    entries = [_entry(account, settings[account.login], powers[account.login], groups, owners) for account in accounts.values()]
    found = {
        "read": str(Moment(int(time.time()))),
        "accounts": entries,
        "strays": list(_strays(entries, settings.values())),
    }
    if with_files:
        found["files"] = _files_of_nobody(accounts.values())
    return found


def _entry(
    account: Account, settings: Mapping[str, str], powers: list[str] | None, groups: Mapping[str, int], owners: Mapping[str, str]
) -> dict[str, Any]:
    names = {gid: name for name, gid in groups.items()}
    memberships = account.groups | ({names[account.gid]} if account.gid in names else frozenset())
    keys = [key for path in _key_files(account, settings) for key in _keys(path, owners)]
    closed = account.expires is not None and account.expires <= time.time() / 86400
    password = "none" if not account.password else "locked" if account.is_locked else "set"
    return {
        "login": account.login,
        "name": account.name,
        "uid": account.uid,
        "ours": GROUP in account.groups,
        "shell": account.shell,
        "password": password,
        "expires": None if account.expires is None else str(Moment(max(1, account.expires * 86400))),
        "closed": closed,
        "groups": sorted(memberships),
        "strong_groups": sorted(memberships & _STRONG_GROUPS),
        "keys": keys,
        "logs_in": not closed and _logs_in(account, settings, keys, password),
        "sudo": powers,
    }


def _logs_in(account: Account, settings: Mapping[str, str], keys: list[dict[str, Any]], password: str) -> bool:
    """Whether some key or password opens a session by ssh, as far as sshd's own configuration says."""
    if account.shell.endswith(_NO_SHELLS) or _sshd.shut_out(settings, account.login, sorted(account.groups)):
        return False
    root = settings.get("permitrootlogin", "") if account.uid == 0 else "yes"
    by_password = password == "set" and settings.get("passwordauthentication") == "yes" and root == "yes"
    return by_password or (bool(keys) and root != "no" and settings.get("pubkeyauthentication") != "no")


def _settings(accounts: Iterable[Account], pool: ThreadPoolExecutor) -> dict[str, Mapping[str, str]]:
    """What sshd would do for each account. Where no Match of others tells accounts apart, two answers stand for all."""
    every = list(accounts)
    if _sshd.decides_by() - {_sshd.OUR_MATCH}:
        return dict(zip((account.login for account in every), pool.map(_sshd.setting, (account.login for account in every))))
    answers: dict[bool, Mapping[str, str]] = {}
    found: dict[str, Mapping[str, str]] = {}
    for account in every:
        ours = GROUP in account.groups
        if ours not in answers:
            answers[ours] = _sshd.setting(account.login)
        found[account.login] = answers[ours]
    return found


def _key_files(account: Account, settings: Mapping[str, str]) -> list[str]:
    return [_sshd.key_path(pattern, account.login, account.uid, account.home) for pattern in settings.get("authorizedkeysfile", "").split()]


def _keys(path: str, owners: Mapping[str, str]) -> list[dict[str, Any]]:
    """The keys of a file, as ssh-keygen(1) reads them. Links are followed, as sshd follows them."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return []
        with open(path, encoding="utf-8", errors="replace") as stream:
            text = stream.read()
    except OSError:
        return []
    if not text.strip():
        return []
    ends = _ends(text)
    found = []
    with contextlib.suppress(HostError):
        for line in attempt(["ssh-keygen", "-l", "-f", "-"], data=text).stdout.splitlines():
            match = _KEY.fullmatch(line)
            if match:
                bits, fingerprint, comment, kind = match.groups()
                found.append(
                    {
                        "fingerprint": fingerprint,
                        "type": kind,
                        "bits": int(bits),
                        "comment": "" if comment == "no comment" else comment,
                        "file": path,
                        "until": ends.get(fingerprint),
                        "person": owners.get(fingerprint),
                    }
                )
    return found


def _ends(text: str) -> dict[str, str]:
    """The ``expiry-time`` (sshd(8)) of each key that has one, by fingerprint; ssh-keygen does not tell."""
    found = {}
    for line in text.splitlines():
        end = re.search(r'expiry-time="(\w+)"', line)
        blob = re.search(r"\bAAAA[A-Za-z0-9+/]+=*", line)
        if end and blob:
            with contextlib.suppress(ValueError):
                digest = hashlib.sha256(base64.b64decode(blob.group())).digest()
                found["SHA256:" + base64.b64encode(digest).decode().rstrip("=")] = _end(end.group(1))
    return found


def _end(text: str) -> str:
    try:
        return str(Moment.of_last_second(text))
    except ValueError:
        return text


def _powers(login: str) -> list[str] | None:
    """What sudo says that somebody may do; None where it does not answer."""
    try:
        said = run(["sudo", "-n", "-l", "-U", login])
    except HostError:
        return None
    _head, _blank, lines = said.partition(" may run the following commands on ")
    return [line.strip() for line in lines.splitlines()[1:] if line.strip() not in ("", _sudo.OWN_RECORD)]


def _strays(entries: Iterable[Mapping[str, Any]], settings: Iterable[Mapping[str, str]]) -> Iterable[dict[str, Any]]:
    """What gives access and did not come from the inventory."""
    for entry in entries:
        for kind, what, person in _strays_of(entry):
            yield {"kind": kind, "what": what, "login": entry["login"], "person": person}
    for command in sorted({values.get("authorizedkeyscommand", "none") for values in settings} - {"none"}):
        yield {"kind": "key", "what": f"sshd also asks {command} for keys", "login": None, "person": None}
    if os.path.isdir(_sudo.FOLDER):
        for name in sorted(os.listdir(_sudo.FOLDER)):
            path = os.path.join(_sudo.FOLDER, name)
            if path not in (_sudo.FILE, _sudo.AUDIT_FILE) and name != "README":
                yield {"kind": "sudo", "what": f"{path} is a file of others", "login": None, "person": None}


def _strays_of(entry: Mapping[str, Any]) -> Iterable[tuple[str, str, str | None]]:
    """What is an account's: the kind, what it is, and whose."""
    login = entry["login"]
    if entry["uid"] == 0 and login != "root":
        yield "uid 0", f"{login} has uid 0", None
    if entry["ours"]:
        return
    for key in entry["keys"]:
        yield "key", f"{key['fingerprint']} {key['comment']} in {key['file']}, for {login}", key["person"]
    if entry["sudo"] and login != "root":
        yield "sudo", f"{login}: {'; '.join(entry['sudo'])}", None
    roots = sorted(set(entry["strong_groups"]) & ROOT_GROUPS - {"root"})
    if roots and entry["uid"] >= 1000:
        yield "group", f"{login} is in {', '.join(roots)}", None
    if entry["logs_in"] and entry["uid"] >= 1000:
        yield "account", f"{login} (uid {entry['uid']}) logs in by ssh", None


def _files_of_nobody(accounts: Iterable[Account]) -> list[str]:
    """Files of no account, and of closed accounts of ours outside their homes, on local file systems."""
    closed = [account for account in accounts if GROUP in account.groups and account.is_closed]
    owners = ["-nouser", "-o", "-nogroup", *(part for account in closed for part in ("-o", "-uid", str(account.uid)))]
    homes = [part for account in closed for part in ("-path", account.home, "-prune", "-o")]
    said = attempt(["find", "/", "-xdev", "-path", "/proc", "-prune", "-o", *homes, "(", *owners, ")", "-print"], timeout=3600).stdout
    return said.splitlines()


def _manage(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """All that the module does, and its answer. In check mode it is the same."""
    if os.geteuid() != 0:
        raise HostError("reading who has access needs root", "connect as root, or say `become: true`")
    return {"changed": False, **survey(json.loads(params["key_owners"] or "{}"), with_files=params["with_files"])}


_ARGUMENTS = {"with_files": {"type": "bool", "default": False}, "key_owners": {"type": "json", "no_log": False}}

MODULES: Mapping[str, HostModule] = {"access_info": HostModule(_ARGUMENTS, _manage)}
