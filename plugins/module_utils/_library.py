# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stays on a host after a module ended: this package itself, as the module brought it, for programs of ours to start."""

from __future__ import annotations

import os
import pkgutil
import sys
from typing import Mapping

from . import _files

_LIBRARY = "/usr/lib/prod-access"
_PACKAGE = "prod_access"
_PROGRAM = """\
#!/usr/bin/python3 -I
# Managed by safetynet.prod_access.
import sys

sys.path.insert(0, "{library}")
from {package}.{module} import main

sys.exit(main(sys.argv[1:]))
"""


def files(version: str) -> dict[str, str]:
    """The package, file by file; the last one says of which version it is."""
    package = __package__ or ""
    # A module and its program import all that they need when they start, and a module has nothing else with it.
    names = sorted(name[len(package) + 1 :] for name in sys.modules if name.startswith(package + "._"))
    names = [name for name in names if name != "_apply_module"]
    found = {place(name): (pkgutil.get_data(package, name + ".py") or b"").decode() for name in names}
    return {**found, place("__init__"): f"VERSION = {version!r}\n"}


def install(found: Mapping[str, str]) -> None:
    """Write files that stay on the host, in their order: the programs among them can be run."""
    for path, text in found.items():
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        _files.write(path, text, mode=0o755 if "/sbin/" in path else 0o644)


def place(name: str) -> str:
    """Where a module of the package is on a host."""
    return f"{_LIBRARY}/{_PACKAGE}/{name}.py"


def version() -> str:
    """The version of the package that runs; on a host, where a module left it."""
    return str(getattr(sys.modules[__package__ or ""], "VERSION", ""))


def program(name: str) -> str:
    """A program that runs ``main`` of a module of the package."""
    return _PROGRAM.format(library=_LIBRARY, package=_PACKAGE, module=name.rpartition(".")[2])
