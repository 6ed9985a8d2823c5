# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector's own side: its authority and certificate, its services, and the way onwards by rsyslog."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from typing import Any, Callable, Mapping

from . import _certificate, _files, _tree
from ._audit import Unit
from ._audit_receive_program import AUTHORITY, CERTIFICATE
from ._command import PATH, HostError, attempt, run
from ._event_store import FOLDER
from ._host_module import HostModule, locked
from ._tree import Change

_AREA = "audit-collector"
USER = "prod-access-audit"
_RECEIVE = "prod-access-audit-receive.service"
_TIMERS = tuple(f"prod-access-audit-{name}.timer" for name in ("seal", "verify", "tidy"))
_FORWARD = "/etc/rsyslog.d/prod-access-audit.conf"
_DAYS = 730
_RENEWED_BEFORE = 60


def manage(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """All that the module does, and its answer."""
    if os.geteuid() != 0:
        raise HostError("a collector is set up by root", "connect as root, or say `become: true`")
    files = [_tree.File(entry["path"], entry["text"], int(entry["mode"], 8)) for entry in params["files"]]
    tree = _tree.plan(files, [], params["pruned"])
    forward = _forward(params["forward"])
    changes = [*tree, *([forward] if forward else [])]
    words: dict[str, Callable[[], None]] = {}
    paths = [change.path for change in tree]
    if _tree.is_unfinished(_AREA):
        paths = [file.path for file in files]
        words["what a run that was cut off did not come to"] = _nothing
    is_new = not AUTHORITY.is_good()
    if is_new:
        words["the authority of all certificates"] = lambda: AUTHORITY.make("prod-access audit")
    certifies = is_new or not AUTHORITY.has_signed(_files.read_text(CERTIFICATE) or "", params["name"], _RENEWED_BEFORE)
    if certifies:
        words[f"a certificate for {params['name']}"] = lambda: _certify(params["name"])
    for unit in (Unit(name, files) for name in (_RECEIVE, *_TIMERS)):
        if not unit.is_enabled:
            words[f"{unit.name} begins, and at each start of the host"] = unit.enable
        elif unit.is_stale or (certifies and unit.name == _RECEIVE):
            words[f"{unit.name} begins anew, with what there is now"] = unit.restart
    if (changes or words) and not check:
        if forward is not None and forward.after is not None:
            _try_forward(forward.after)
        with _tree.to_the_end(_AREA):
            _apply(tree, paths)
            for step in words.values():
                step()
            if forward is not None:
                _tree.apply([forward])
                run(["systemctl", "restart", "rsyslog.service"])
    return {
        "changed": bool(changes or words),
        "changes": [change.to_data() for change in changes] + [{"act": "do", "path": word} for word in words],
        "diff": [change.diff() for change in changes] + [{"before": "", "after": word + "\n"} for word in words],
    }


def _nothing() -> None:
    """All of it is done anyway."""


def _apply(tree: list[Change], paths: list[str]) -> None:
    _tree.apply(tree)
    for path in paths:
        if path.startswith("/etc/sysusers.d/"):
            run(["systemd-sysusers", path])
    if any(path.startswith("/etc/systemd/system/") for path in paths):
        run(["systemctl", "daemon-reload"])
    about = pwd.getpwnam(USER)
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    os.chown(FOLDER, about.pw_uid, about.pw_gid)
    os.chmod(FOLDER, 0o700)


def _certify(name: str) -> None:
    signed = AUTHORITY.sign(_certificate.ask(CERTIFICATE, name), name, _DAYS, purposes=_certificate.SERVER)
    _certificate.install(CERTIFICATE, name, signed, AUTHORITY.text, pwd.getpwnam(USER).pw_gid)


def sign(params: Mapping[str, Any]) -> dict[str, Any]:
    """A certificate for a host, and the authority by which it knows the collector."""
    certificate = AUTHORITY.sign(params["request"], params["name"], params["days"])
    AUTHORITY.note_issued(params["name"], certificate)
    return {"changed": True, "certificate": certificate, "authority": AUTHORITY.text}


def _forward(actions: list[Mapping[str, Any]]) -> Change | None:
    before = _files.read_text(_FORWARD)
    after = forwarding(actions) if actions else None
    return Change(_FORWARD, before, after, 0o644) if before != after else None


def forwarding(actions: list[Mapping[str, Any]]) -> str:
    """rsyslog's configuration for sending the lines of all hosts on, as they are. An action is rsyslog's own, by its parameters."""

    def quoted(value: Any) -> str:
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = "# Managed by safetynet.prod_access: what hosts sent goes on from here.\n"
    text += 'module(load="imfile")\n'
    for module in sorted({str(action["type"]) for action in actions} - {"omfwd", "omfile"}):
        text += f"module(load={quoted(module)})\n"
    text += 'template(name="prod_access_line" type="string" string="%msg%\\n")\n'
    text += (
        'template(name="prod_access_syslog" type="string" '
        'string="<86>1 %timereported:::date-rfc3339% %hostname% prod-access-audit - - - %msg%")\n'
        f'input(type="imfile" file="{FOLDER}/*/*.jsonl" tag="prod-access-audit" ruleset="prod_access_audit" addMetadata="off")\n'
    )
    text += 'ruleset(name="prod_access_audit") {\n'
    for action in actions:
        template = "prod_access_syslog" if action["type"] == "omfwd" else "prod_access_line"
        parameters = {"template": template, **action}
        text += "  action(" + " ".join(f"{name}={quoted(value)}" for name, value in parameters.items()) + ")\n"
    return text + "}\n"


def _try_forward(text: str) -> None:
    """Let rsyslog look at its whole configuration with ours in it."""
    if shutil.which("rsyslogd", path=PATH) is None:
        raise HostError("rsyslog is not installed, and audit_collector_forward needs it", "install the package rsyslog")
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "rsyslog.d")
        shutil.copytree("/etc/rsyslog.d", copy)
        with open(os.path.join(copy, os.path.basename(_FORWARD)), "w", encoding="utf-8") as stream:
            stream.write(text)
        main = os.path.join(folder, "rsyslog.conf")
        with open("/etc/rsyslog.conf", encoding="utf-8") as there, open(main, "w", encoding="utf-8") as stream:
            stream.write(there.read().replace("/etc/rsyslog.d", copy))
        done = attempt(["rsyslogd", "-N1", "-f", main])
        if done.returncode != 0:
            said = [line.replace(copy, "/etc/rsyslog.d") for line in done.stderr.splitlines() if "error" in line]
            raise HostError(f"rsyslog refuses audit_collector_forward: {'; '.join(said)[:1000]}", "nothing was changed")


_ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "forward": {"type": "list", "elements": "dict", "default": []},
    **_tree.ARGUMENTS,
}
MODULES: Mapping[str, HostModule] = {"audit_collector": HostModule(_ARGUMENTS, locked(manage))}
