"""Runs on a host: the sudo rules are written by a process that is killed at each of its writes, and each time looked at and healed.

usage: kill_at_every_write.py add|change|remove

Prints how many kills there were, and each state that should never have been.
"""

import json
import os
import subprocess
import sys

sys.path.insert(0, "/usr/lib/prod-access")
from killing import at_python_write, child
from prod_access import _files, _host, _rules, _sudo, _trial
from prod_access._access import Access, HostGrant
from prod_access._sudo_rule import SudoRule

BOB = {
    "none": (),
    "some": (SudoRule(commands=("/usr/bin/id",)), SudoRule(services=("cron.service",))),
    "other": (SudoRule(commands=("/usr/bin/id",)), SudoRule(commands=("/usr/bin/uptime",), run_as=("daemon",))),
}
CASES = {"add": ("none", "some"), "change": ("some", "other"), "remove": ("some", "none")}


def wanted(name):
    base = _host.Saved.load().access
    bob = base.people["bob"]
    grants = (HostGrant("a test", "a test", sudo=BOB[name] or "none"),)
    return Access({**base.people, "bob": type(bob)(bob.person, grants)}, base.teams, base.reserved)


def manage(name, check=False):
    return _rules.manage(wanted(name), _rules.Options(), programs={}, check=check)


def put_back():
    """What the dead man's switch would do in time."""
    timer = "prod-access-dead-man-sudo.timer"
    armed = subprocess.run(["systemctl", "is-active", "--quiet", timer]).returncode == 0
    if armed:
        subprocess.run(["systemctl", "stop", timer])
        _sudo.undo()
    return armed


def main():
    before, after = CASES[sys.argv[1]]
    faults = []
    kills = 0
    manage(before)
    old, old_text = _sudo.powers("bob"), _files.read_text(_sudo.FILE)
    manage(after)
    new, new_text = _sudo.powers("bob"), _files.read_text(_sudo.FILE)
    number = 0
    while True:
        number += 1
        manage(before)
        assert _sudo.powers("bob") == old
        if not child(lambda: manage(after).errors, at_python_write(number)):
            break
        kills += 1
        text = _files.read_text(_sudo.FILE)
        if text not in (old_text, new_text) or _sudo.powers("bob") not in (old, new):
            faults.append(f"{number}: neither old nor new: {text!r}")
        if _sudo.faults():
            faults.append(f"{number}: visudo: {_sudo.faults()}")
        if subprocess.run(["runuser", "-u", "alice", "--", "sudo", "-n", "true"]).returncode:
            faults.append(f"{number}: alice cannot become root")
        unproven = os.path.exists("/var/lib/prod-access/sudo-before")
        if put_back() and unproven and _files.read_text(_sudo.FILE) != old_text:
            faults.append(f"{number}: the switch did not put the old file back")
        if manage(after).errors or _files.read_text(_sudo.FILE) != new_text or manage(after, check=True).changes:
            faults.append(f"{number}: not healed")
        left = [name for name in (*os.listdir("/etc/sudoers.d"), *os.listdir("/var/lib/prod-access")) if "new" in name or "sudo" in name]
        if left or put_back():
            faults.append(f"{number}: left behind: {left}")
    print(json.dumps({"kills": kills, "faults": faults}))


_trial.SECONDS = 3600
GOOD = _files.read_text(_sudo.FILE)
try:
    main()
finally:
    _rules.manage(_host.Saved.load().access, _rules.Options(), programs={}, check=False)
    assert _files.read_text(_sudo.FILE) == GOOD
