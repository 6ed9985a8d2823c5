# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``prod-access-apply``: what the modules do, without what it takes Ansible to bring a module to a host.

A module leaves it, and the package that it needs, on the host. As long as that is the controller's own version, the next runs
start it instead of the module, with the module's options on standard input: to carry the code there, and to compile it, would
take several times as long as what it does there.
"""

from __future__ import annotations

import json
import sys

from . import _accounts_program, _areas, _library, _sudo_program

PROGRAM = "/usr/sbin/prod-access-apply"
_OTHER_VERSION = 3


def programs() -> dict[str, str]:
    """The programs that stay on a host."""
    return {**_accounts_program.files(), **_sudo_program.files(), PROGRAM: _library.program(__name__)}


def files(version: str) -> dict[str, str]:
    """All that stays on a host: the programs, and the package that they import, which says last of which version all of it is."""
    return {**programs(), **_library.files(version)}


def main(arguments: list[str]) -> int:
    """What the controller starts: the version that it expects, the module, and whether it is only to say what it would do."""
    if len(arguments) != 3 or arguments[1] not in _areas.AREAS or arguments[2] not in ("apply", "check"):
        sys.stderr.write(f"usage: prod-access-apply VERSION {{{','.join(_areas.AREAS)}}} {{apply,check}}; a controller starts it\n")
        return 0 if arguments == ["--help"] else 2
    version, module, mode = arguments
    if version != _library.version():
        return _OTHER_VERSION
    # The package is what runs here: to compare it with itself would find nothing.
    answer = _areas.apply(module, json.load(sys.stdin), programs(), check=mode == "check")
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0
