"""Runs on a host: a process that kills itself at one of its writes, as Python's own audit events count them (PEP 578)."""

import contextlib
import os
import signal
import sys

WRITES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "shutil.rmtree", "subprocess.Popen"}


def child(run, arm):
    """Run something in a process of its own, armed to kill itself. Says whether it was killed; it must not return an error."""
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        null = os.open("/dev/null", os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        arm()
        os._exit(1 if run() else 0)
    _pid, status = os.waitpid(pid, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "a run that was not killed failed"
    return False


def at_python_write(number):
    def arm():
        count = 0

        def hook(event, arguments):
            nonlocal count
            writes = event in WRITES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
            if writes:
                count += 1
                if count == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)

    return arm
