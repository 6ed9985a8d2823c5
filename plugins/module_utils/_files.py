# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of ours on a host: written whole or not at all; and the lock that keeps two controllers apart."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
import time
from typing import Any, Iterator

from ._command import HostError

STATE = "/var/lib/prod-access"
RECEIPTS = f"{STATE}/receipts"
_LOCK = "/run/prod-access.lock"
_NEW = ".new"


def read_text(path: str) -> str | None:
    """The text of a file, or None when there is none. A symbolic link is not followed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise HostError(f"{path} is a symbolic link", f"look at what it points to, then: rm {path}") from None
        raise
    with open(handle, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read()


def is_ours(path: str, mode: int, group: int = 0) -> bool:
    """Whether a path is root's, with just this mode and group, and not a link."""
    found = os.lstat(path)
    return found.st_uid == 0 and found.st_gid == group and stat.S_IMODE(found.st_mode) == mode and not stat.S_ISLNK(found.st_mode)


def write(path: str, data: str, mode: int = 0o644, group: int = 0) -> None:
    """Write beside, sync, rename, sync the directory: a kill at any point leaves the old file or the new one."""
    folder, name = os.path.split(path)
    beside = os.path.join(folder, f".{name}{_NEW}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)  # What a killed run left.
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(data)
            stream.flush()
            os.fchown(stream.fileno(), 0, group)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.rename(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    sync_folder(folder)


def remove(path: str) -> None:
    """Remove a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        sync_folder(os.path.dirname(path))


def make_folder(path: str, mode: int) -> None:
    """Make a directory of root's, or give it back to root."""
    with contextlib.suppress(FileExistsError):
        os.makedirs(path, mode=0o700)
    if not os.path.isdir(path) or os.path.islink(path):
        raise HostError(f"{path} is not a directory", f"look at what it is, then move it away: mv {path} {path}.old")
    os.chown(path, 0, 0)
    os.chmod(path, mode)


def sync_folder(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: str) -> None:
    """Remove what a killed run left half written."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(folder):
            if name.startswith(".") and name.endswith(_NEW):
                os.unlink(os.path.join(folder, name))


@contextlib.contextmanager
def host_lock(owner: str, timeout: float, path: str = _LOCK) -> Iterator[None]:
    """Keep others out until done. Raises HostError, naming the owner, after ``timeout`` seconds. ``path`` is that of a lesser lock.

    The kernel drops the lock when its holder dies, so it can never be stale.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(handle, "r+", encoding="utf-8") as lock:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = lock.read().strip() or "another run"
                    raise HostError(
                        f"{holder} is changing this host, and was not done in {timeout:.0f} s",
                        "wait and run again; if that run hangs, end its process, which frees the lock",
                    ) from None
                time.sleep(0.05)
        lock.truncate(0)
        lock.write(f"{owner} (process {os.getpid()} on this host, since {time.strftime('%H:%M:%S')})")
        lock.flush()
        yield


@contextlib.contextmanager
def alone(path: str, *, wait: bool = False) -> Iterator[None]:
    """Be the only run of its kind, and wait for that or not. The kernel drops the lock when its holder dies, so it is never stale.

    Raises HostError where another one is at work.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(handle, "r+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise HostError(f"another run is at work: {lock.read().strip()}", "wait until it is done") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S')}")
        lock.flush()
        yield


def load(path: str) -> Any:
    """The JSON of a file of ours; None when there is no file. Raises HostError when it is damaged."""
    text = read_text(path)
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise HostError(f"{path} is damaged", f"restore it from a backup, or move it away: mv {path} {path}.damaged") from None


def dumped(data: Any) -> str:
    """JSON that people can read, and that is the same for the same data. What lies deep stands on one line."""
    return _laid_out(data, 3, "\n") + "\n"


def _laid_out(data: Any, depth: int, line: str) -> str:
    # What json itself does with an indent is done in Python, and takes longer than making the accounts that it tells of.
    if not (depth and data and isinstance(data, dict)):
        return json.dumps(data, sort_keys=True, ensure_ascii=False)
    within = line + " "
    parts = (f"{json.dumps(str(key), ensure_ascii=False)}: {_laid_out(data[key], depth - 1, within)}" for key in sorted(data))
    return "{" + ",".join(within + part for part in parts) + line + "}"
