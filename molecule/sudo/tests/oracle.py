"""Runs on a host: lets the real visudo and sudo say what they make of sudoers files.

Reads a list of cases from standard input, each with the text of a file, and commands of the account `probe` that it should
allow or refuse; prints what visudo and `sudo -l` say of each. Programs below /opt/probe are made as they are needed.
"""

import json
import os
import subprocess
import sys
import time

FILE = "/etc/sudoers.d/probe"


def sudo(*argv):
    done = subprocess.run(["sudo", "-n", "-l", "-U", "probe", *argv], capture_output=True, text=True)
    return done.returncode, done.stdout


def allowed(run_as, argv):
    if argv[0].startswith("/opt/probe/") and not os.path.exists(argv[0]):
        os.makedirs("/opt/probe", exist_ok=True)
        os.symlink("/bin/true", argv[0])
    return sudo("-u", run_as, "--", *argv)[0] == 0


def answer(case):
    handle = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o440)
    with open(handle, "w", encoding="utf-8") as stream:
        stream.write(case["text"])
    check = subprocess.run(["visudo", "-c", "-f", FILE], capture_output=True, text=True)
    begin = time.perf_counter()
    sudo()
    return {
        "seconds": time.perf_counter() - begin,
        "visudo": check.stdout + check.stderr if check.returncode else "",
        "listed": sudo()[1],
        "allowed": [allowed(*command) for command in case.get("allowed", [])],
        "refused": [allowed(*command) for command in case.get("refused", [])],
    }


try:
    json.dump([answer(case) for case in json.load(sys.stdin)], sys.stdout)
finally:
    os.unlink(FILE)
    subprocess.run(["rm", "-rf", "/opt/probe"])
