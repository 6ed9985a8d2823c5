# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""restic on a host: a client with a repository's credentials in files of root's, or the repository's own folder."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from typing import Any, Iterator, Sequence

from ._command import PATH, HostError
from ._moment import Moment
from ._restic_text import summary, without_secrets

# The tag of snapshots that cannot be of the time that they say.
WRONG_CLOCK = "wrong-clock"
_SKEW = 60
# Of restic 0.17 and newer; older ones say 1 for everything.
_LOCKED, _WRONG_PASSWORD = 11, 12


class Restic:
    """A repository, and how to reach it.

    ``options`` are restic's own for that. A password is given by a file that lives in memory alone, so that a user who may not read
    root's files can be let run restic: ``user``. ``key`` names the one that the password opens: restic would try all that there are
    otherwise, each with its slow hash. Where there is no such key, it does. ``secrets`` are never repeated to anyone.
    """

    def __init__(
        self,
        options: Sequence[str],
        password: str,
        *,
        user: str = "",
        key: str = "",
        environment: dict[str, str] | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self._options = list(options)
        self._password = password
        self._prefix = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        cache = {"RESTIC_CACHE_DIR": "/var/cache/prod-access-backup"} if not user else {}
        home = {"HOME": "/root" if not user else "/nonexistent"}
        self._environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC", **home, **cache, **(environment or {})}
        if user:
            self._options.append("--no-cache")
        if key:
            self._options += ["--key-hint", key]
        self._secrets = (password, *secrets)

    def run(self, *arguments: str, timeout: float = 3600, other_password: tuple[str, str] | None = None) -> str:
        """What restic prints. Raises HostError with its own words. ``other_password`` is given as well, by the option of that name."""
        with self.started(*arguments, stdin=subprocess.DEVNULL, other_password=other_password) as process:
            try:
                printed, errors = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                end(process)
                raise HostError(
                    f"restic {arguments[0]} was not done in {timeout:.0f} s", "look at the network and at the repository's host"
                ) from None
        if process.returncode:
            raise self.failed(arguments[0], process.returncode, errors or printed)
        return str(printed)

    @contextlib.contextmanager
    def started(self, *arguments: str, stdin: int, other_password: tuple[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
        """A running restic."""
        option, other = other_password or ("", "")
        with _in_memory(self._password) as first, _in_memory(other) as second:
            command = [*self._prefix, "restic", *self._options, "--password-file", f"/proc/self/fd/{first}", *arguments]
            if option:
                command += [option, f"/proc/self/fd/{second}"]
            try:
                process = subprocess.Popen(
                    command,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    encoding="utf-8",
                    errors="replace",
                    env=self._environment,
                    pass_fds=(first, second),
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise HostError("restic is missing on this host", "install the package that brings it") from None
            with process:
                try:
                    yield process
                except BaseException:
                    end(process)
                    raise

    def failed(self, what: str, status: int, errors: str) -> HostError:
        said = [line for line in without_secrets(errors, *self._secrets).splitlines() if line.strip()]
        fatal = next((number for number, line in enumerate(said) if line.startswith("Fatal")), max(0, len(said) - 4))
        words = "; ".join(said[fatal : fatal + 4]) or f"ended with {status}"
        mend = "run it by hand to see why"
        if status == _WRONG_PASSWORD or "wrong password" in words:
            mend = "run the role again, which gives this host a new password"
        elif status == _LOCKED or "already locked" in words:
            mend = "wait for the one that holds the lock; one of a dead run is removed by itself after half an hour, or by `restic unlock`"
        elif "connection refused" in words or "no such host" in words or "timeout" in words:
            mend = "see whether the repository's host is up: systemctl status restic-rest-server"
        return HostError(f"restic {what}: {words}", mend)

    def backup(self, *arguments: str, tags: Sequence[str], timeout: float) -> dict[str, Any]:
        """Save files; what restic says of it. Status 3 means that some could not be read: the snapshot is there, and they are named."""
        options = [option for tag in tags for option in ("--tag", tag)]
        with self.started("backup", "--json", *options, *arguments, stdin=subprocess.DEVNULL) as process:
            try:
                printed, errors = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                end(process)
                raise HostError(f"restic backup was not done in {timeout:.0f} s", "raise backup_timeout, or look at the network") from None
        found = summary(printed)
        if process.returncode not in (0, 3) or not found:
            raise self.failed("backup", process.returncode, errors or printed)
        found["unread"] = _unread(errors) if process.returncode == 3 else []
        return found

    def snapshots(self, *, tag: str = "", host: str = "") -> list[dict[str, Any]]:
        """The snapshots, the oldest first."""
        options = [*(("--tag", tag) if tag else ()), *(("--host", host) if host else ())]
        found: list[dict[str, Any]] = json.loads(self.run("snapshots", "--json", "--no-lock", *options, timeout=600)) or []
        return sorted(found, key=lambda snapshot: str(snapshot["time"]))

    def usable(self, *, tag: str, host: str) -> list[dict[str, Any]]:
        """The snapshots whose times can be believed, the oldest first: none of the future, and none that the repository set apart."""
        now = time.time() + _SKEW
        found = self.snapshots(tag=tag, host=host)
        return [one for one in found if Moment.parse(one["time"]).epoch <= now and WRONG_CLOCK not in one["tags"]]

    def holds(self, snapshot: str, paths: set[str]) -> tuple[str, set[str]]:
        """The time of a snapshot, and those of these paths that it has. Raises HostError where there is no such snapshot."""
        try:
            printed = self.run("ls", "--json", "--no-lock", snapshot, timeout=3600)
        except HostError as error:
            if "no matching ID" not in str(error):
                raise
            printed = ""
        # Older ones only say that they ignore it.
        if not printed:
            raise HostError(f"snapshot {snapshot[:8]} is not in the repository", "see who removed it")
        first, *lines = printed.splitlines()
        entries = (json.loads(line) for line in lines)
        return json.loads(first)["time"], {entry["path"] for entry in entries if entry["path"] in paths}

    def names(self, snapshot: str, folder: str) -> dict[str, int]:
        """The files of a snapshot right in a folder, by their names, and the bytes of each."""
        entries = (json.loads(line) for line in self.run("ls", "--json", "--no-lock", snapshot, folder, timeout=3600).splitlines())
        found = (entry for entry in entries if entry.get("type") == "file" and os.path.dirname(entry["path"]) == folder)
        return {entry["name"]: entry.get("size", 0) for entry in found}

    def listed(self, snapshot: str, path: str) -> tuple[int, int]:
        """How many entries a snapshot has at and below a path, and how many bytes they are of."""
        arguments = ["ls", "--json", "--no-lock", snapshot, *([path.rstrip("/") or "/"] if path else [])]
        count, size = 0, 0
        for line in self.run(*arguments, *(["--recursive"] if path else []), timeout=3600).splitlines():
            entry = json.loads(line)
            if entry.get("struct_type") == "node":
                count += 1
                size += entry.get("size", 0)
        return count, size


def _unread(errors: str) -> list[str]:
    """The files that could not be read, of the JSON or the words that restic says of them."""
    found = []
    for line in errors.splitlines():
        with contextlib.suppress(ValueError, AttributeError):
            found.append(str(json.loads(line).get("item", "")))
            continue
        if line.startswith("error: "):
            found.append(line[len("error: ") :])
    return [item for item in found if item] or ["some files"]


def end(process: subprocess.Popen[Any]) -> None:
    """End a program and what it started: asked first, so that it takes its lock away, then by force."""
    for number, wait in ((signal.SIGINT, 10.0), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait)
            return


@contextlib.contextmanager
def _in_memory(text: str) -> Iterator[int]:
    """A file without a name that only this process and its children can open."""
    handle = os.memfd_create("secret")
    try:
        os.write(handle, text.encode())
        yield handle
    finally:
        os.close(handle)
