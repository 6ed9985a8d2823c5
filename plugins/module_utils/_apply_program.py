# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``prod-access-apply``: what the modules do, without what it takes Ansible to bring a module to a host.

A module leaves it, and the part of the package that it needs, on the host. As long as that is the controller's own, the next runs
start it instead of the module, with the module's options on standard input: to carry the code there, and to compile it, would
take several times as long as what it does there.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Mapping

from . import _library

PROGRAM = "/usr/sbin/prod-access-apply"
# Where each module is: in ``MODULES`` there. It is imported only when it is asked for, and none of the others with it.
PLACES: Mapping[str, str] = {
    "access": "_areas",
    "access_info": "_survey",
    "accounts": "_areas",
    "announce_run": "_announce_run",
    "audit": "_audit",
    "audit_collector": "_audit_collector",
    "backup_client": "_backup_client",
    "backup_repository": "_backup_repository",
    "backup_restore": "_restore",
    "postmortem_evidence": "_postmortem_evidence",
    "prove_host": "_evidence",
    "prove_record": "_prove_record",
    "sudo_rules": "_areas",
    "tree": "_tree",
}
_OTHER_VERSION = 3


def files() -> dict[str, str]:
    """The file of the program."""
    return {PROGRAM: _library.program(__name__)}


def main(arguments: list[str]) -> int:
    """What the controller starts: the module, and whether it is only to say what it would do.

    On standard input are its options, and the digests of the controller's package.
    """
    if len(arguments) != 2 or arguments[0] not in PLACES or arguments[1] not in ("apply", "check"):
        sys.stderr.write(f"usage: prod-access-apply {{{','.join(PLACES)}}} {{apply,check}}; a controller starts it\n")
        return 0 if arguments == ["--help"] else 2
    name, mode = arguments
    asked = json.load(sys.stdin)
    module = importlib.import_module(f".{PLACES[name]}", __package__).MODULES[name]
    if not _library.is_of(asked["package"]):
        return _OTHER_VERSION
    sys.stdout.write(json.dumps(module.apply(asked["options"], check=mode == "check")) + "\n")
    return 0
