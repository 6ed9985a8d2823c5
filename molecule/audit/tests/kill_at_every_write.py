"""Runs on a host: the role's module is killed at every eighth of its writes; each time people can still work, and the next run heals it.

Prints how many kills there were, and each state that should never have been.
"""

import json
import os
import subprocess
import sys
import time

sys.path.insert(0, "/usr/lib/prod-access")
from killing import at_python_write, child
from prod_access import _audit

SHIP = "prod-access-audit-ship.service"
FILES = (f"/etc/systemd/system/{SHIP}", "/etc/prod-access/audit/ship.json", "/etc/sysusers.d/prod-access-audit-ship.conf")
SUDO, PRELOAD = "/etc/sudoers.d/prod-access-audit", "/etc/ld.so.preload"


def text(path):
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return None


NEW = {path: text(path) for path in (*FILES, SUDO, PRELOAD)}
OLD = {**{path: NEW[path] + "\n" for path in FILES}, SUDO: None, PRELOAD: None}
PARAMS = {
    "files": [{"path": path, "text": NEW[path], "mode": "0644"} for path in FILES],
    "pruned": [],
    "name": os.uname().nodename,
    "collector": "log1",
    "databases": False,
    "kernel": False,
    "snoopy": True,
    "renew": False,
    "sudo_recordings": True,
    "sudo_subcommands": False,
}
TREE = [_audit._tree.File(entry["path"], entry["text"]) for entry in PARAMS["files"]]


def start():
    for path, old in OLD.items():
        if old is None:
            os.unlink(path)
        else:
            with open(path, "w") as file:
                file.write(old)


def manage(check=False):
    return _audit.manage(PARAMS, check=check)["changed"]


def said(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    return f"{argv[0]}: {done.returncode} {done.stderr}" if done.returncode or "ld.so" in done.stderr else ""


def healed():
    """That the service runs what its files say, once it has started."""
    asked = ["systemctl", "show", "--property=NeedDaemonReload,ActiveState", SHIP]
    for _turn in range(100):
        shown = subprocess.run(asked, capture_output=True, text=True).stdout.split()
        if set(shown) == {"NeedDaemonReload=no", "ActiveState=active"} and not _audit.Unit(SHIP, TREE).is_stale:
            return True
        time.sleep(0.1)
    return False


def main():
    faults = []
    kills, number = 0, 1
    while True:
        start()
        if not child(lambda: not manage(), at_python_write(number)):
            break
        wrong = [path for path in NEW if text(path) not in (OLD[path], NEW[path])]
        broken = [word for word in (said("sudo", "-n", "true"), said("visudo", "-c"), said("/bin/true")) if word]
        if wrong or broken:
            faults.append(f"{number}: neither old nor new: {wrong}; {broken}")
        manage()
        if any(text(path) != NEW[path] for path in NEW) or not healed() or manage(check=True):
            faults.append(f"{number}: not healed")
        kills, number = kills + 1, number + 8
    print(json.dumps({"kills": kills, "faults": faults}))


os.umask(0o022)
main()
