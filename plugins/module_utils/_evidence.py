# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host itself shows of the net under it. It is read and tried here, and judged elsewhere; nothing is changed."""

from __future__ import annotations

import os
from typing import Any, Callable, Mapping

from . import _certificate, _files, _first_prompt, _host, _last_way_in, _sudo
from ._command import HostError, attempt
from ._host_module import HostModule
from ._names import GROUP

_OURS = "/etc/prod-access"
_TIMER = "prod-access-accounts.timer"
_SHELL = "/bin/bash"


def gather() -> dict[str, Any]:
    """All of it. A part that cannot be had says why, as ``problem``, and stands in no other's way."""
    parts: dict[str, Callable[[], Any]] = {
        "prompts": _prompts,
        "receipts": _receipts,
        "sudo": _sudo_state,
        "ways_in": lambda: list(_last_way_in.ways_in(_host.read_accounts()[0].values())),
        "connecting": _last_way_in.connecting_account,
        "timer": lambda: attempt(["systemctl", "is-active", _TIMER]).stdout.strip() or "missing",
        "certificates": _certificates,
    }
    found: dict[str, Any] = {}
    for name, part in parts.items():
        try:
            found[name] = part()
        except (HostError, OSError, ValueError) as error:
            found[name] = {"problem": str(error)}
    return found


def _prompts() -> list[dict[str, Any]]:
    """The first prompt of each shell that our people here have."""
    accounts, _groups = _host.read_accounts()
    ours = {account.shell for account in accounts.values() if GROUP in account.groups and not account.is_closed}
    ours = {shell for shell in ours if not shell.endswith(("/nologin", "/false"))}
    return [_first_prompt.look(shell) for shell in sorted(ours or {_SHELL})]


def _receipts() -> dict[str, Any]:
    """What the last backup and the last proven restore came to, as the role backup says it."""
    found = {}
    for kind in ("backup", "restore"):
        receipt = _files.load(f"{_files.RECEIPTS}/{kind}.json")
        names = ("ok", "ended", "alarm", "good_until")
        found[kind] = {name: receipt.get(name) for name in names} if isinstance(receipt, dict) else None
    return found


def _sudo_state() -> dict[str, Any]:
    if not _sudo.is_installed():
        raise HostError("sudo is not installed on this host", "install the package sudo")
    files = 1 + len(os.listdir(_sudo.FOLDER)) if os.path.isdir(_sudo.FOLDER) else 1
    # What is checked is a copy, which a run that changes sudo's rules makes in the same place.
    with _files.host_lock("playbook prove", 60):
        return {"sound": _sudo.is_sound(), "faults": _sudo.faults(), "oddities": _sudo.oddities(), "files": files}


def _certificates() -> list[dict[str, Any]]:
    """All certificates that this host uses, and when each ends. What it has signed for others has other names."""
    found = []
    for folder, _folders, names in os.walk(_OURS):
        for name in sorted(names):
            path = os.path.join(folder, name)
            if not name.endswith((".crt", ".pem")) or os.path.islink(path):
                continue
            if "-----BEGIN CERTIFICATE-----" in (_files.read_text(path) or ""):
                found.append({"path": path, "ends": _certificate.ends(path)})
    return found


def _manage(_params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """All that the module does, and its answer."""
    if os.geteuid() != 0:
        raise HostError("to see whether the net holds needs root", "connect as root, or say `become: true`")
    return {"changed": False, **gather()}


MODULES: Mapping[str, HostModule] = {"prove_host": HostModule({}, _manage)}
