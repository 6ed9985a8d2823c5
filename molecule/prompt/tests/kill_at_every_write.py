"""Runs on a host: a tree of files is written by a process that is killed at each of its writes, and each time looked at and healed.

Prints how many kills there were, and each state that should never have been.
"""

import json
import os
import shutil
import sys

sys.path.insert(0, "/usr/lib/prod-access")
from killing import at_python_write, child
from prod_access import _tree

PLACE = "/root/tree"
OLD = {"ours/changed": "old\n", "ours/stale": "stale\n", "theirs": "theirs\n"}
NEW = {"ours/changed": "new\n", "ours/deep/new.py": "VALUE = 1\n", "theirs": _tree.with_line("theirs\n", "ours")}
PARAMS = {
    "files": [{"path": f"{PLACE}/{name}", "text": text, "mode": "0644"} for name, text in NEW.items() if name != "theirs"],
    "lines": [{"path": f"{PLACE}/theirs", "line": "ours", "check": ["sh", "-n"], "create": False}],
    "pruned": [f"{PLACE}/ours"],
}


def start():
    shutil.rmtree(PLACE, ignore_errors=True)
    os.makedirs(f"{PLACE}/ours")
    for name, text in OLD.items():
        with open(f"{PLACE}/{name}", "w") as file:
            file.write(text)


def manage(check=False):
    return _tree.manage(PARAMS, check=check)["changed"]


def found():
    texts = {}
    for folder, folders, names in os.walk(PLACE):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for path in (os.path.join(folder, name) for name in names):
            with open(path) as file:
                texts[os.path.relpath(path, PLACE)] = file.read()
    return texts


def main():
    faults = []
    number = 0
    while True:
        number += 1
        start()
        if not child(lambda: not manage(), at_python_write(number)):
            break
        # What is being written beside a file is nobody's yet.
        texts = {name: text for name, text in found().items() if not name.endswith(".new")}
        wrong = {name: text for name, text in texts.items() if text not in (OLD.get(name), NEW.get(name))}
        lost = [name for name in ("ours/changed", "theirs") if name not in texts]
        if wrong or lost:
            faults.append(f"{number}: neither old nor new: {wrong}, gone: {lost}")
        manage()
        if found() != NEW or manage(check=True):
            faults.append(f"{number}: not healed: {found()}")
    shutil.rmtree(PLACE)
    print(json.dumps({"kills": number - 1, "faults": faults}))


os.umask(0o022)
main()
