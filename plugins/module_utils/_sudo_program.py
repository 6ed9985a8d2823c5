# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``prod-access-sudo``, which undoes a change of sudo's rules that was cut off."""

from __future__ import annotations

import argparse
import sys

from . import _files, _library, _sudo
from ._command import HostError


def files() -> dict[str, str]:
    """The files of the program."""
    return {"/usr/sbin/prod-access-sudo": _library.program(__name__)}


def main(arguments: list[str]) -> int:
    """What the dead man's switch starts on the host."""
    parser = argparse.ArgumentParser(prog="prod-access-sudo", description="The last change of sudo's rules on this host.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("undo", help="put sudo's files back as they were before a run that did not come to its end")
    parser.parse_args(arguments)
    try:
        with _files.host_lock("prod-access-sudo undo", 60):
            _sudo.undo()
        return 0
    except HostError as error:
        sys.stderr.write(f"prod-access-sudo: {error}\n")
    except PermissionError as error:
        sys.stderr.write(f"prod-access-sudo: {error.filename}: {error.strerror}; run it as root\n")
    return 1
