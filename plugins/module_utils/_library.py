# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stays on a host after a module ended: this package itself, as the module brought it, for programs of ours to start."""

from __future__ import annotations

import hashlib
import os
import sys
from typing import Any, Mapping

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


def files() -> dict[str, str]:
    """The package as a module brought it, file by file; nothing where it is what runs: to compare that with itself would find nothing."""
    package = __package__ or ""
    if package == _PACKAGE:
        return {}
    # A module and its program import all that they need when they start, and a module has nothing else with it.
    return {place(name): text.decode() for name, text in _loaded().items() if name != "_apply_module"}


def digest(text: bytes) -> str:
    """What tells a file of the package from any other of the same name."""
    return hashlib.sha256(text).hexdigest()[:32]


def is_of(package: Mapping[str, str]) -> bool:
    """Whether all that runs here is of this package, by the digest of each of its files."""
    return all(package.get(name) == digest(text) for name, text in _loaded().items())


def _loaded() -> dict[str, bytes]:
    """What has been imported of the package, as it was written."""
    prefix = f"{__package__}."
    found = {}
    for name in sorted(name for name in sys.modules if name.startswith(prefix + "_")):
        spec: Any = sys.modules[name].__spec__
        found[name[len(prefix) :]] = spec.loader.get_data(spec.origin)
    return found


def install(found: Mapping[str, str]) -> None:
    """Write files that stay on the host, in their order: the programs among them can be run."""
    for path, text in found.items():
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        _files.write(path, text, mode=0o755 if "/sbin/" in path else 0o644)


def place(name: str) -> str:
    """Where a module of the package is on a host."""
    return f"{_LIBRARY}/{_PACKAGE}/{name}.py"


def program(name: str) -> str:
    """A program that runs ``main`` of a module of the package."""
    return _PROGRAM.format(library=_LIBRARY, package=_PACKAGE, module=name.rpartition(".")[2])
