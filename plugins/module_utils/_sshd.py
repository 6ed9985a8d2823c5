# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sshd on a host: the drop-in that reads people's keys from where only root writes, and the proof that it is in force."""

from __future__ import annotations

import fnmatch
import os
import re
from typing import Mapping

from . import _files
from ._command import HostError, attempt, run
from ._names import GROUP
from ._trial import Trial

KEYS = "/etc/ssh/authorized_keys.d"
CONFIG = "/etc/ssh/sshd_config"
DROP_IN = "/etc/ssh/sshd_config.d/00-prod-access.conf"
OUR_MATCH = f"Group {GROUP}"
# sshd takes the first value that it finds, so ours sorts first, and a foreign Match that came earlier would win.
DROP_IN_TEXT = f"""\
# Managed by safetynet.prod_access: a change here is undone by the next run.
# Keys of the people in {GROUP} stand where only root writes; all other accounts are untouched.
Match {OUR_MATCH}
    AuthorizedKeysFile {KEYS}/%u
    AuthorizedKeysCommand none
    AuthorizedPrincipalsFile none
    TrustedUserCAKeys none
    PubkeyAuthentication yes
    AuthenticationMethods publickey
"""
INCLUDE = f"Include {DROP_IN}"
_INCLUDE_LINES = f"# The next line is safetynet.prod_access's: without it the people in {GROUP} have no keys.\n{INCLUDE}\n"
TRIAL = Trial("sshd", (DROP_IN, CONFIG), "/usr/sbin/prod-access-accounts undo-sshd")
# Since then expiry-time= takes UTC. An older sshd refuses the whole line.
ENDS_KEYS = (9, 1)


def keys_file(login: str) -> str:
    return os.path.join(KEYS, login)


def includes_drop_in(config: str) -> bool:
    """Whether sshd_config reads our drop-in for everybody: an Include of it that stands before any Match."""
    for line in config.splitlines():
        words = line.replace("=", " ", 1).split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].lower() == "match":
            return False
        if words[0].lower() == "include":
            # sshd_config(5): patterns without a leading / are below /etc/ssh; glob(7) lets no * match a /.
            patterns = [os.path.join("/etc/ssh", word.strip('"')) for word in words[1:]]
            if any(os.path.dirname(p) == os.path.dirname(DROP_IN) and fnmatch.fnmatch(DROP_IN, p) for p in patterns):
                return True
    return False


def with_include(config: str) -> str:
    return _INCLUDE_LINES + config


def without_include(config: str) -> str:
    return config.replace(_INCLUDE_LINES, "")


def config_text() -> str:
    text = _files.read_text(CONFIG)
    if text is None:
        raise HostError(f"{CONFIG} is missing", "install openssh-server")
    return text


def setting(login: str, *, file: str = CONFIG) -> dict[str, str]:
    """What sshd would do for a user, as sshd itself says it (sshd(8), -T)."""
    said = run(["sshd", "-T", "-f", file, "-C", f"user={login},host=localhost,addr=127.0.0.1"], mend="mend sshd's configuration: sshd -t")
    return dict(line.partition(" ")[::2] for line in said.splitlines())


def version() -> tuple[int, ...]:
    """The version of OpenSSH, such as (9, 2)."""
    match = re.search(r"OpenSSH_(\d+)\.(\d+)", attempt(["ssh", "-V"]).stderr)
    return tuple(int(part) for part in match.groups()) if match else ()


def uses_our_keys(login: str) -> bool:
    values = setting(login)
    return values.get("authorizedkeysfile") == f"{KEYS}/%u" and values.get("authenticationmethods") == "publickey"


def decides_by() -> set[str]:
    """The conditions of all the Match lines that sshd reads, as its own debug output names them (sshd(8), -d)."""
    done = attempt(["sshd", "-T", "-ddd", "-C", "user=root,host=localhost,addr=127.0.0.1"])
    return set(re.findall(r"checking syntax for 'Match (.*)'", done.stderr))


def shut_out(values: Mapping[str, str], login: str, groups: list[str]) -> str | None:
    """Why a foreign AllowUsers, DenyUsers, AllowGroups or DenyGroups keeps a person out, by their settings; None when none does."""
    for keyword, names, wanted in (
        ("allowusers", [login], True),
        ("denyusers", [login], False),
        ("allowgroups", groups, True),
        ("denygroups", groups, False),
    ):
        if keyword in values and _matches(values[keyword].split(), names) is not wanted:
            return f"{keyword} {values[keyword]}"
    return None


def key_path(pattern: str, login: str, uid: int, home: str) -> str:
    """A file of ``AuthorizedKeysFile`` for one account (sshd_config(5), TOKENS); one that is not absolute is below the home."""
    tokens = {"%%": "%", "%h": home, "%u": login, "%U": str(uid)}
    return os.path.join(home, re.sub("%.", lambda found: tokens.get(str(found.group()), ""), pattern))


def _matches(patterns: list[str], names: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern.partition("@")[0]) for pattern in patterns for name in names)


def install(login: str | None, include: bool) -> None:
    """Put the drop-in in force: the whole configuration is checked before, and put back if sshd or the proof objects.

    It is on trial until somebody keeps it, since only a new connection proves that there still is a way in.
    """
    config = config_text()
    candidate = with_include(config) if include else config
    _check(candidate)
    TRIAL.begin()
    try:
        _files.write(DROP_IN, DROP_IN_TEXT)
        if include:
            _files.write(CONFIG, candidate, mode=os.stat(CONFIG).st_mode & 0o777)
        run(["sshd", "-t"], mend="the change was taken back; see what in sshd's configuration clashes with it")
        if login is not None and not uses_our_keys(login):
            raise HostError(
                f"sshd does not read {KEYS} for {login}, though {DROP_IN} says so",
                f"an earlier Match in {CONFIG} wins; see: sshd -T -C user={login}",
            )
        reload()
    except BaseException:
        undo()
        raise


def undo() -> None:
    """Put sshd's configuration back as :func:`install` found it."""
    if TRIAL.undo():
        reload()
        TRIAL.end()


def reload() -> None:
    """Make sshd read its configuration; a sshd that is not running (socket activation) reads it with each connection."""
    for unit in ("ssh.service", "sshd.service"):
        if attempt(["systemctl", "is-active", "--quiet", unit]).returncode == 0:
            run(["systemctl", "reload", unit])
            return


def _check(config: str) -> None:
    """Let sshd judge the configuration as it will be, in a file beside it."""
    beside = CONFIG + ".prod-access"
    drop_in = DROP_IN + ".prod-access"  # No Include of *.conf reads it.
    try:
        os.makedirs(os.path.dirname(DROP_IN), mode=0o755, exist_ok=True)
        _files.write(drop_in, DROP_IN_TEXT, mode=0o600)
        text = re.sub(rf"(?m)^{re.escape(INCLUDE)}$", "", config)
        _files.write(beside, f"Include {drop_in}\n{text}", mode=0o600)
        run(["sshd", "-t", "-f", beside], mend=f"nothing was changed; mend what stands in {CONFIG} first: sshd -t")
    finally:
        _files.remove(beside)
        _files.remove(drop_in)
