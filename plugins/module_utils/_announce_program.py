# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program ``announce``: one line that tells the others what a person is about to do, or has done."""

from __future__ import annotations

import argparse
import socket
import sys

from . import _journal

_LONGEST = 500


def main(arguments: list[str]) -> int:
    """What people type."""
    parser = argparse.ArgumentParser(
        prog="announce",
        description="Tell the others what you are doing on this host. It goes on record with your name, and to where the others read it.",
        epilog="example: announce restarting search, back in a minute",
    )
    parser.add_argument("text", nargs="+", help="what to tell, in your own words")
    text = _journal.harmless(" ".join(parser.parse_args(arguments).text))
    if not 0 < len(text) <= _LONGEST:
        sys.stderr.write(f"announce: say it in 1 to {_LONGEST} characters, not {len(text)}\n")
        return 2
    failed = _journal.tell("announcement", "announce", text, {})
    if failed is not None:
        sys.stderr.write(f"announce: nobody was told, since {failed}; tell them yourself\n")
        return 1
    sys.stdout.write(f"announced from {socket.gethostname()}: {text}\n")
    return 0
