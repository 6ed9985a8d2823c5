# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first prompt of a login shell, in a real terminal.

It is nobody's shell, in an empty home that is gone afterwards: what all people have of this host is seen, and no file of theirs is run,
no welcome used up. In the record it is a command of whoever this run is connected as.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import pwd
import re
import select
import shutil
import signal
import struct
import tempfile
import termios
import time
from typing import Any

from ._painted import painted

_USER = "nobody"
_LONGEST = 10.0
# A shell that shows nothing new for so long waits for its user: with a label, and without one, which a busy host may be about to show.
_QUIET = 0.4
_QUIET_WITHOUT = 3.0
_WIDTH = 120
# What shells ask a terminal before they begin, and what it says: where the cursor is, and that it is a simple one. fish(1) waits for it.
_ANSWERS = ((re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"), (re.compile(rb"\x1b\[0?c"), b"\x1b[?62;22c"))


def look(shell: str) -> dict[str, Any]:
    """What it paints, as ``painted``: the pieces with a colour behind them, first ones first. ``text`` is how the prompt reads.

    ``problem`` says why there is none.
    """
    found: dict[str, Any] = {"shell": shell, "painted": [], "text": "", "problem": ""}
    if not os.access(shell, os.X_OK):
        return {**found, "problem": "it is not on this host"}
    user = pwd.getpwnam(_USER)
    home = tempfile.mkdtemp(prefix="prod-access-prompt-", dir="/run")
    try:
        # Without one, zsh asks a person at the first login what to write into it.
        for path in (home, os.path.join(home, ".zshrc")):
            if path != home:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            os.chown(path, user.pw_uid, user.pw_gid)
        said = _begin(shell, user, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    pieces = painted(said)
    found["painted"] = [{"text": piece.text, "colour": piece.colour} for piece in pieces if piece.colour and piece.text.strip()][:5]
    found["text"] = "".join(piece.text for piece in pieces).strip()[-200:]
    if not found["text"]:
        found["problem"] = f"it ended without a prompt, or showed none within {_LONGEST:.0f} s"
    return found


def _begin(shell: str, user: pwd.struct_passwd, home: str) -> str:
    """Start it, and read until it waits for its user; then end it, surely."""
    environment = {
        "TERM": "xterm-256color",
        "HOME": home,
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "SHELL": shell,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
    }
    child, master = pty.fork()
    if child == 0:
        # A login shell is one whose name begins with a dash. Whatever goes wrong, this copy of the program must not go on.
        try:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            os.chdir(home)
            os.execve(shell, ["-" + os.path.basename(shell)], environment)
        finally:
            os._exit(127)
    try:
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, _WIDTH, 0, 0))
        return _read(master)
    finally:
        os.close(master)
        for number in (signal.SIGHUP, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, number)
        os.waitpid(child, 0)


def _read(master: int) -> str:
    deadline = time.monotonic() + _LONGEST
    said, asked = b"", b""
    while True:
        left = deadline - time.monotonic()
        quiet = _QUIET if any(piece.colour for piece in painted(said.decode("utf-8", "replace"))) else _QUIET_WITHOUT
        wait = min(left, quiet) if said.strip() else left
        if left <= 0 or not select.select([master], [], [], wait)[0]:
            return said.decode("utf-8", "replace")
        try:
            new = os.read(master, 65536)
        except OSError:
            new = b""
        if not new:
            return said.decode("utf-8", "replace")
        said += new
        asked += new
        for question, answer in _ANSWERS:
            if question.search(asked):
                asked = question.sub(b"", asked)
                os.write(master, answer)
