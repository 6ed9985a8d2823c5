# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's own record of every program that is started in somebody's session: auditd(8), and laurel(8), which makes one line of each.

auditd starts laurel, and laurel's lines go to the journal, where all records wait for the collector.
"""

from __future__ import annotations

import os
import re
import shutil

from . import _files, _tree
from ._audit_databases import Database
from ._command import PATH, HostError, attempt, run
from ._tree import Change, File

# After Debian's own audit.rules, whose --backlog_wait_time would win; augenrules(8) puts -e last wherever it stands.
RULES = "/etc/audit/rules.d/prod-access.rules"
LAUREL = "/etc/laurel/prod-access.toml"
STARTER = "/usr/lib/prod-access/laurel"
PLUGIN = "/etc/audit/plugins.d/prod-access.conf"
_UNIT = "auditd.service"
_SETTINGS = "/etc/audit/auditd.conf"
_KEY = "prod-access"
_CALLS = "-S execve,execveat -F auid!=unset"

# auditctl(8). A kernel that cannot record goes on (-f 1), and makes no program wait for its turn to be recorded. People are told
# apart by their login UID, which is unset in what no login began; that of root is recorded too.
_RULES = f"""\
# Managed by safetynet.prod_access.
-b 8192
-f 1
--backlog_wait_time 0
-a always,exit -F arch=b64 {_CALLS} -F key={_KEY}
-a always,exit -F arch=b32 {_CALLS} -F key={_KEY}
"""
_LAUREL = """\
# Managed by safetynet.prod_access.
directory = "/var/log/laurel"
user = "_laurel"

[auditlog]
file = "-"

[transform]
execve-argv = [ "array" ]
execve-argv-limit-bytes = 16384

[translate]
universal = false
user-db = false

[enrich]
execve-env = []
container = false
pid = false
script = true
"""
# It becomes laurel, so that signals of auditd reach it.
_STARTER = f"""\
#!/bin/sh
# Managed by safetynet.prod_access: laurel, with what it says in the journal.
exec systemd-cat --identifier=laurel --level-prefix=false laurel --config {LAUREL}
"""
_PLUGIN = f"""\
# Managed by safetynet.prod_access.
active = yes
direction = out
path = {STARTER}
type = always
format = string
"""
FILES = (File(RULES, _RULES, 0o640), File(LAUREL, _LAUREL), File(STARTER, _STARTER, 0o755), File(PLUGIN, _PLUGIN, 0o640))
# auditd.conf(5): what these take down is the host.
_DANGEROUS = re.compile(r"(?mi)^\s*(\w+_action)\s*=\s*(halt|single)\s*$")


def missing() -> str:
    """Why there can be no such record on this host; empty where there can."""
    if attempt(["systemd-detect-virt", "--container", "--quiet"]).returncode == 0:
        return "the kernel shows its audit to no container"
    lacking = [name for name in ("auditctl", "augenrules", "laurel") if shutil.which(name, path=PATH) is None]
    if lacking:
        return f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not installed"
    done = attempt(["auditctl", "-s"])
    if done.returncode != 0:
        return f"auditctl -s: {done.stderr.strip() or done.returncode}"
    if re.search(r"(?m)^enabled 2$", done.stdout) and not _is_in_force():
        return "its rules are locked until the host starts anew (auditctl -e 2), and ours are not among them"
    return ""


def dangers(text: str) -> str:
    """What in auditd's own settings may take the host down; it is not ours to change."""
    found = [f"{name} = {action.lower()}" for name, action in _DANGEROUS.findall(text)]
    return f"{_SETTINGS} says {', '.join(found)}: a full disk or an error takes this host down; say suspend there" if found else ""


def plan(wanted: bool) -> Database:
    """What there is of it, and what is to be done. Other rules, and auditd's own settings, stay as they are."""
    lacking = missing() if wanted else "not asked for"
    found = Database("kernel", not lacking, lacking or dangers(_files.read_text(_SETTINGS) or ""))
    if wanted and lacking:
        return found
    for file in FILES:
        text = _files.read_text(file.path)
        after = file.text if wanted else None
        if text != after or (wanted and not _files.is_ours(file.path, file.mode)):
            found.changes.append(Change(file.path, text, after, file.mode))
    if wanted and not found.changes and not (_is_in_force() and attempt(["systemctl", "is-active", "--quiet", _UNIT]).returncode == 0):
        found.words.append(f"{_UNIT} begins, with the rules of all files")
    if found.changes or found.words:
        found.steps.append(lambda: put(found.changes, wanted))
    return found


def put(changes: list[Change], wanted: bool) -> None:
    """Write the files, and let the kernel and auditd read them; or put back what was there."""
    try:
        _tree.apply(changes)
        load()
        if wanted:
            run(["systemctl", "enable", "--quiet", _UNIT])
        run(["systemctl", "restart" if wanted else "try-restart", _UNIT])
    except BaseException:
        _tree.apply(Change(change.path, change.after, change.before, change.mode) for change in changes)
        attempt(["augenrules", "--load"])
        raise


def load() -> None:
    """Have the kernel take the rules of all files. Raises HostError where it does not take ours."""
    done = attempt(["augenrules", "--load"])
    there = os.path.exists(RULES)
    if there and not _is_in_force():
        said = "; ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-3:])
        raise HostError(f"the kernel does not take the rules of {RULES}: {said}", "they are as they were before; see: augenrules --check")


def _is_in_force() -> bool:
    rules = attempt(["auditctl", "-l"]).stdout
    return all(re.search(rf"arch={arch}\b.*\bkey={_KEY}\b", rules) for arch in ("b64", "b32"))
