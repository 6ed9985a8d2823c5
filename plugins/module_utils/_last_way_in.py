# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard that refuses to take away the last way into a host, or the one that the run itself came by."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import time
from typing import Iterable

from . import _sshd
from ._command import HostError, attempt
from ._host import Account, Host
from ._plan import Plan


def guard(planned: Plan, host: Host) -> None:
    """Refuse to take away the last way in, or the one that this very run came by."""
    mine = connecting_account()
    _guard_own_keys(planned, host, mine)
    closing = set(planned.closing())
    if not closing:
        return
    if mine in closing:
        raise HostError(
            f"this run is connected as {mine}, whose access it would end; nothing was changed",
            "connect as somebody else to do that",
        )
    if not any(way not in closing for way in ways_in(host.accounts.values())):
        raise HostError(
            f"after this run nobody could log in and become root any more ({', '.join(sorted(closing))} would go); nothing was changed",
            "give somebody else a way in first: a key and sudo, or a key of root's",
        )


def _guard_own_keys(planned: Plan, host: Host, mine: str | None) -> None:
    """Whoever the run is connected as (adopted in it, perhaps) needs a key afterwards that they have now."""
    new = [change.detail["text"] for change in planned.changes if change.act == "write_keys" and change.person == mine]
    if mine is None or not new or mine not in host.accounts:
        return
    values = _sshd.setting(mine)
    paths = values.get("authorizedkeysfile", "").split()
    if not any(_has_blob(line, new[-1]) for path in paths for line in _lines(path, host.accounts[mine])):
        raise HostError(
            f"this run is connected as {mine}, and none of the keys that open it now would do so afterwards; nothing was changed",
            f"put the key that you use into prod_access_people.{mine}.ssh_keys, or connect as somebody else",
        )


def _has_blob(line: str, text: str) -> bool:
    """Whether a key of an authorized_keys line, options and comment aside, is among those of a text."""
    return any(len(word) > 40 and word in text.split() for word in line.split())


def connecting_account() -> str | None:
    """The account that the controller came by: the login UID survives sudo and su."""
    for number in (_login_uid(), os.environ.get("SUDO_UID", ""), str(os.getuid())):
        if number.isdigit() and number != str(2**32 - 1):
            with contextlib.suppress(KeyError):
                return pwd.getpwuid(int(number)).pw_name
    return None


def _login_uid() -> str:
    with contextlib.suppress(OSError), open("/proc/self/loginuid", encoding="ascii") as stream:
        return stream.read().strip()
    return ""


def ways_in(accounts: Iterable[Account]) -> Iterable[str]:
    """The accounts, ours or not, that can log in by ssh and become root, counted from what is really on the host."""
    today = time.time() / 86400
    for account in accounts:
        if account.expires is not None and account.expires <= today:
            continue
        if account.shell.endswith(("/nologin", "/false")) or not becomes_root(account):
            continue
        if _logs_in(account):
            yield account.login


def _logs_in(account: Account) -> bool:
    values = _sshd.setting(account.login)
    if account.uid == 0 and values.get("permitrootlogin") == "no":
        return False
    if _sshd.shut_out(values, account.login, sorted(account.groups)):
        return False
    by_password = values.get("passwordauthentication") == "yes" and (account.uid != 0 or values.get("permitrootlogin") == "yes")
    if by_password and account.password and not account.is_locked:
        return True
    return any(True for path in values.get("authorizedkeysfile", "").split() for _line in _lines(path, account))


def _lines(pattern: str, account: Account) -> list[str]:
    """The keys in a file of ``AuthorizedKeysFile``."""
    path = _sshd.key_path(pattern, account.login, account.uid, account.home)
    with contextlib.suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8", errors="replace") as stream:
        return [line for line in stream if line.strip() and not line.startswith("#")]
    return []


def becomes_root(account: Account) -> bool:
    """Whether sudo lets an account run everything as root, as sudo itself says it."""
    if account.uid == 0:
        return True
    with contextlib.suppress(HostError):
        said = attempt(["sudo", "-n", "-l", "-U", account.login]).stdout
        return re.search(r"(?m)^\s+\((ALL|root)\b[^)]*\).*\bALL$", said) is not None
    return False
