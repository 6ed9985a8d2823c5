# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host records of what people do on it: in layers, each of which is looked for, set up, proven, and reported as it is."""

from __future__ import annotations

import contextlib
import grp
import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator, Mapping

from . import _audit_databases, _audit_kernel, _certificate, _files, _sudo, _tree
from ._audit_ship_program import CERTIFICATE, STATE
from ._command import PATH, HostError, attempt, run
from ._host_module import HostModule, locked
from ._names import GROUP
from ._recordings import FOLDER
from ._tree import Change

REPORT = "/etc/prod-access/audit.json"
_AREA = "audit"
_SHIP = "prod-access-audit-ship"
_RECORDINGS = "prod-access-audit-recordings.timer"
_PRELOAD = "/etc/ld.so.preload"
_RENEWED_BEFORE = 30
_AUTHORITY = _certificate.Authority(os.path.dirname(CERTIFICATE))
_HEAD = "# Managed by safetynet.prod_access: a change here is undone by the next run."
_OWN_RECORD = f"%{GROUP} ALL = {_sudo.OWN_RECORD}"
# sudoers(5): since which version sudo knows what.
_SINCE = {
    "log_format=json": (1, 9, 4),
    "log_exit_status": (1, 9, 8),
    "log_subcmds": (1, 9, 8),
    "!intercept_verify": (1, 9, 11),
    "!log_passwords": (1, 9, 10),
}


@dataclass
class Layer:
    """One way in which something is recorded: whether it is, and what stands in the way, or how far it goes."""

    on: bool
    why: str = ""

    def to_data(self) -> dict[str, Any]:
        return {"on": self.on, **({"why": self.why} if self.why else {})}


@dataclass
class _Plan:
    layers: dict[str, Layer] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    """What is to be done that is no change of a file."""
    steps: list[Callable[[], None]] = field(default_factory=list)

    def add(self, change: Change | None, step: Callable[[], None]) -> None:
        if change is not None:
            self.changes.append(change)
            self.steps.append(step)


def manage(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """All that the module does, and its answer."""
    if os.geteuid() != 0:
        raise HostError("what is recorded on a host is root's to say", "connect as root, or say `become: true`")
    files = [_tree.File(entry["path"], entry["text"], int(entry["mode"], 8)) for entry in params["files"]]
    plan = _Plan()
    tree = _tree.plan(files, [], params["pruned"])
    plan.changes += tree
    # What follows the files depends on which of them changed, or on all of them where nobody knows.
    changed = [change.path for change in tree]
    if _tree.is_unfinished(_AREA):
        plan.words.append("what a run that was cut off did not come to")
        changed = [file.path for file in files]
    if changed:
        plan.steps.append(lambda: _bring(tree, changed))
    _plan_journal(plan)
    _plan_sudo(plan, params)
    kernel = _audit_kernel.plan(params["kernel"])
    for found in (kernel, *_audit_databases.plan(params["databases"])):
        plan.layers[found.name] = Layer(found.on, found.why)
        plan.changes += found.changes
        plan.words += found.words
        plan.steps += found.steps
    _plan_snoopy(plan, wanted=params["snoopy"] and not kernel.on, why_not="the kernel's record has more" if kernel.on else "not asked for")
    asks = _plan_shipping(plan, params, files)
    report = _files.dumped({name: layer.to_data() for name, layer in plan.layers.items()})
    before = _files.read_text(REPORT)
    if before != report:
        plan.changes.append(Change(REPORT, before, report, 0o644))
        plan.steps.append(lambda: _files.write(REPORT, report))
    if plan.steps and not check:
        with _tree.to_the_end(_AREA):
            for step in plan.steps:
                step()
    answer: dict[str, Any] = {
        "changed": bool(plan.changes or plan.words or asks),
        "changes": [change.to_data() for change in plan.changes] + [{"act": "do", "path": word} for word in plan.words],
        "diff": [change.diff() for change in plan.changes] + [{"before": "", "after": word + "\n"} for word in plan.words],
        "layers": {name: layer.to_data() for name, layer in plan.layers.items()},
        "msg": "; ".join(
            f"{name}: {'on' if layer.on else 'off'}{', ' if layer.why else ''}{layer.why}" for name, layer in plan.layers.items()
        ),
        "request": "",
    }
    if asks and not check:
        answer["request"] = _certificate.ask(CERTIFICATE, params["name"])
    return answer


def undone() -> tuple[list[Change], list[str], list[Callable[[], None]]]:
    """Changes, words and steps after which kernel, databases and programs record nothing. Sudo and services are the caller's."""
    plan = _Plan()
    for found in (_audit_kernel.plan(False), *_audit_databases.plan(False)):
        plan.changes += found.changes
        plan.words += found.words
        plan.steps += found.steps
    _plan_snoopy(plan, wanted=False, why_not="")
    return plan.changes, plan.words, plan.steps


def _bring(changes: list[Change], paths: list[str]) -> None:
    _tree.apply(changes)
    if any(path.startswith("/etc/sysusers.d/") for path in paths):
        run(["systemd-sysusers", *(path for path in paths if path.startswith("/etc/sysusers.d/"))])
    if any(path.startswith("/etc/systemd/system/") for path in paths):
        run(["systemctl", "daemon-reload"])
    if any(path.startswith("/etc/systemd/journald.conf.d/") for path in paths):
        run(["systemctl", "restart", "systemd-journald.service"])
        attempt(["journalctl", "--flush"])


def _plan_journal(plan: _Plan) -> None:
    """Whether journald says of itself whose session an entry comes from: in a container, newer ones do not."""
    version = re.search(r"\d+", run(["systemctl", "--version"]))
    contained = attempt(["systemd-detect-virt", "--container", "--quiet"]).returncode == 0
    if contained and version is not None and int(version.group()) >= 256:
        why = "no login UID in a container: the owner of the session counts, which su and sudo do not change, and jobs of cron do not have"
        plan.layers["journal"] = Layer(True, why)
    else:
        plan.layers["journal"] = Layer(True)


def _plan_sudo(plan: _Plan, params: Mapping[str, Any]) -> None:
    if not _sudo.is_installed():
        plan.layers["sudo"] = Layer(False, "sudo is not installed")
        return
    sudo = _sudo.implementation()
    main = _files.read_text(_sudo.MAIN) or ""
    if sudo.name != "sudo":
        plan.layers["sudo"] = Layer(False, f"{sudo} records commands in words, and no output")
        # It refuses what an earlier run wrote for another sudo.
        _plan_sudo_file(plan, "\n".join([_HEAD, _OWN_RECORD, ""]))
        return
    if not _sudo.reads_folder(main):
        plan.layers["sudo"] = Layer(False, f"{_sudo.MAIN} has no @includedir {_sudo.FOLDER}")
        return
    lacking = [name for name, since in _SINCE.items() if sudo.version < since]
    text = sudoers(params["sudo_recordings"], params["sudo_subcommands"], lacking)
    # There are no versions but one with all that is asked for.
    plan.layers["sudo"] = Layer(True, f"{sudo} does not know {', '.join(lacking)}" if lacking else "")
    _plan_sudo_file(plan, text)


def _plan_sudo_file(plan: _Plan, text: str) -> None:
    before = _files.read_text(_sudo.AUDIT_FILE)
    if before == text and _files.is_ours(_sudo.AUDIT_FILE, _sudo.MODE):
        return
    faults = _sudo.faults(ours=text, name=os.path.basename(_sudo.AUDIT_FILE))
    if faults:
        # What is wrong with files of others was so before, and sudo passes over it.
        known = _sudo.faults()
        faults = [fault for fault in faults if fault not in known]
    if faults:
        raise HostError(f"{'; '.join(faults)}", "sudo's files are as they were: see visudo -c")
    plan.add(Change(_sudo.AUDIT_FILE, before, text, _sudo.MODE), lambda: _put_sudo(text))


def sudoers(recordings: bool, subcommands: bool, lacking: list[str]) -> str:
    """What sudo is to record. Whatever cannot be written never keeps anybody from using it."""

    def known(settings: list[str]) -> str:
        return ", ".join(setting for setting in settings if setting not in lacking)

    lines = [
        _HEAD,
        "Defaults "
        + known(["syslog=authpriv", "!logfile", "log_format=json", "log_exit_status", "!log_passwords", "ignore_logfile_errors"]),
    ]
    if recordings:
        lines.append(f"Defaults:%{GROUP} log_output, !log_input, ignore_iolog_errors, iolog_dir={FOLDER}")
        # The shipper reads them as they grow, and nobody else who is not root.
        lines.append(f"Defaults iolog_group={_SHIP}, iolog_mode=0640, iolog_flush")
    if subcommands and "log_subcmds" not in lacking:
        lines.append(f"Defaults:%{GROUP} " + known(["log_subcmds", "!intercept_verify"]))
    lines.append(_OWN_RECORD)
    return "\n".join(lines) + "\n"


def _put_sudo(text: str) -> None:
    """Put sudo's file in force, and see that sudo still works; or put back what was there."""
    with _of_service():
        _files.make_folder(FOLDER, 0o750)
        os.chown(FOLDER, 0, grp.getgrnam(_SHIP).gr_gid)
    worked = attempt(["sudo", "-n", "true"]).returncode == 0
    _sudo.install(text, None, _sudo.AUDIT_FILE)
    try:
        done = attempt(["sudo", "-n", "true"])
        if worked and done.returncode != 0:
            raise HostError(f"with {_sudo.AUDIT_FILE} in force sudo fails: {done.stderr.strip()[:200]}", "it is as it was before")
    except BaseException:
        _sudo.undo()
        raise
    _sudo.TRIAL.end()


def _plan_snoopy(plan: _Plan, *, wanted: bool, why_not: str) -> None:
    """The record of programs where the kernel's is not to be had: a library before all others, by ld.so(8)."""
    library = _library()
    before = _files.read_text(_PRELOAD)
    lines = (before or "").splitlines()
    if not wanted or library is None:
        plan.layers["snoopy"] = Layer(False, why_not if not wanted else "snoopy is not installed")
        kept = [line for line in lines if "libsnoopy" not in line] if not wanted else lines
    else:
        why = "a program that is linked statically, or sets its own environment for the loader, is not seen"
        plan.layers["snoopy"] = Layer(True, why)
        kept = lines if library in lines else [*(line for line in lines if "libsnoopy" not in line), library]
    if kept != lines:
        text = "".join(line + "\n" for line in kept)
        plan.add(Change(_PRELOAD, before, text, 0o644), lambda: _preload(text, before))


def _library() -> str | None:
    for folder in ("/lib", "/usr/lib", "/usr/local/lib"):
        for name in (f"{folder}/{os.uname().machine}-linux-gnu/libsnoopy.so", f"{folder}/libsnoopy.so", f"{folder}64/libsnoopy.so"):
            if os.path.exists(name):
                return name
    return None


def _preload(text: str, before: str | None) -> None:
    """Let all programs load what is in the text, if that was tried with some of them; or leave things as they were."""
    _try_preload(text.split())
    _files.write(_PRELOAD, text)
    try:
        _try_preload([])
    except BaseException:
        if before is None:
            _files.remove(_PRELOAD)
        else:
            _files.write(_PRELOAD, before)
        raise


def _try_preload(libraries: list[str]) -> None:
    """Start programs with these libraries. Raises HostError when that goes wrong."""
    with tempfile.TemporaryDirectory() as folder:
        for command in (["true"], ["ls", "/"], ["sh", "-c", "echo good"], ["python3", "-c", "print('good')"], ["sudo", "-V"]):
            if shutil.which(command[0], path=PATH) is None:
                continue
            environment = [f"LD_PRELOAD={':'.join(libraries)}"] if libraries else []
            done = attempt(["env", f"--chdir={folder}", *environment, *command])
            if done.returncode != 0 or "ld.so" in done.stderr:
                said = (done.stderr.strip() or f"ended with {done.returncode}").splitlines()[0]
                raise HostError(
                    f"`{command[0]}` with {' '.join(libraries) or _PRELOAD} loaded before it: {said}", f"{_PRELOAD} is as it was"
                )


def _plan_shipping(plan: _Plan, params: Mapping[str, Any], files: list[_tree.File]) -> bool:
    """The services, and the certificate. Returns whether the host needs a certificate."""
    if not params["collector"]:
        plan.layers["collector"] = Layer(False, "there is none: what is recorded stays on this host, where root can change it")
        wanted = [_RECORDINGS]
        asks = False
    else:
        asks = params["renew"] or not _AUTHORITY.has_signed(_files.read_text(CERTIFICATE) or "", params["name"], _RENEWED_BEFORE)
        plan.layers["collector"] = Layer(True, params["collector"])
        if asks:
            plan.words.append(f"a certificate for {params['name']}")
        wanted = [_RECORDINGS, f"{_SHIP}.service"]
    for unit in (_RECORDINGS, f"{_SHIP}.service"):
        _plan_unit(plan, Unit(unit, files), wanted=unit in wanted)
    return asks


class Unit:
    """A unit of systemd, and the files that it runs with: a library that other roles bring parts of, too."""

    def __init__(self, name: str, files: Iterable[_tree.File]) -> None:
        self.name = name
        digest = hashlib.sha256()
        for file in files:
            # Other units, and their settings, are nothing to this one.
            if name in file.path or not file.path.startswith("/etc/") or file.path.startswith("/etc/prod-access/audit/"):
                digest.update(f"{file.path}\0{file.text}\0".encode())
        self._digest = digest.hexdigest()
        self._stamp = os.path.join(_files.STATE, f"{name}.started")

    @property
    def is_enabled(self) -> bool:
        return attempt(["systemctl", "is-enabled", "--quiet", self.name]).returncode == 0

    @property
    def is_stale(self) -> bool:
        """Whether it was started with other files, or a run was cut off before it was started."""
        return self.name.endswith(".service") and _files.read_text(self._stamp) != self._digest

    def enable(self) -> None:
        """Start it, now and at each start of the host. A service waits until it has its certificate."""
        run(["systemctl", "enable", "--quiet", self.name])
        self.restart()

    def restart(self) -> None:
        run(["systemctl", "restart", "--no-block", self.name])
        _files.write(self._stamp, self._digest)


def _plan_unit(plan: _Plan, unit: Unit, *, wanted: bool) -> None:
    """A unit that is to be there from now on, and at each start of the host; or not at all."""
    enabled = unit.is_enabled
    if wanted and not enabled:
        plan.words.append(f"{unit.name} begins, and at each start of the host")
        plan.steps.append(unit.enable)
    elif wanted and unit.is_stale:
        plan.words.append(f"{unit.name} begins anew, with what there is now")
        plan.steps.append(unit.restart)
    elif enabled and not wanted:
        plan.words.append(f"{unit.name} ends")
        plan.steps.append(lambda: _disable(unit.name))


def _disable(unit: str) -> None:
    run(["systemctl", "disable", "--now", "--quiet", unit])


def install_certificate(params: Mapping[str, Any]) -> None:
    """What :func:`manage` asked for has come: from now on the host ships."""
    with _of_service():
        _certificate.install(CERTIFICATE, params["name"], params["certificate"], params["authority"], grp.getgrnam(_SHIP).gr_gid)
    run(["systemctl", "restart", f"{_SHIP}.service"])


@contextlib.contextmanager
def _of_service() -> Iterator[None]:
    try:
        yield
    except KeyError:
        raise HostError(f"the group {_SHIP} is missing on this host", f"run: systemd-sysusers; its state is in {STATE}") from None


_ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "collector": {"type": "str", "default": ""},
    "databases": {"type": "bool", "default": True},
    "kernel": {"type": "bool", "default": True},
    "snoopy": {"type": "bool", "default": True},
    "sudo_recordings": {"type": "bool", "default": True},
    "sudo_subcommands": {"type": "bool", "default": False},
    "renew": {"type": "bool", "default": False},
    **_tree.ARGUMENTS,
}
MODULES: Mapping[str, HostModule] = {"audit": HostModule(_ARGUMENTS, locked(manage))}
