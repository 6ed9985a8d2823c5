#!/usr/bin/env python3
"""Make plugins/module_utils/_gtfobins.py from a clone of https://github.com/GTFOBins/GTFOBins.github.io: hacking/gtfobins.py CLONE

A program counts when one of its entries, in the context of sudo, runs another program, loads a library or raises privileges,
or does so through a program that it starts (`inherit`). Reading and writing files does not count.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml

RUNS = {"shell", "command", "reverse-shell", "bind-shell", "library-load", "privilege-escalation"}
TARGET = Path(__file__).parent.parent / "plugins/module_utils/_gtfobins.py"
TEXT = '''\
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that can be made to run others, from https://gtfobins.org (GPL-3.0), as of {date}, commit {commit}.

Made by hacking/gtfobins.py, which says what counts. Make it again instead of editing it.
"""

from __future__ import annotations

RUN_OTHERS = frozenset(
    """
{names}
    """.split()
)
'''


def main(clone: Path) -> None:
    programs = {path.name: next(yaml.safe_load_all(path.read_text())) for path in sorted((clone / "_gtfobins").iterdir())}
    names = [name for name in programs if runs_others(name, programs, ())]
    said = subprocess.run(["git", "-C", clone, "log", "-1", "--format=%h %cs"], check=True, capture_output=True, text=True).stdout
    commit, date = said.split()
    wrapped = textwrap.fill(" ".join(names), 120, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    TARGET.write_text(TEXT.format(date=date, commit=commit, names=wrapped))


def runs_others(name: str, programs: dict[str, Any], seen: tuple[str, ...]) -> bool:
    if name not in programs or name in seen:
        return False
    program = programs[name]
    if "alias" in program:
        return runs_others(program["alias"], programs, (*seen, name))
    for function, ways in program["functions"].items():
        for way in ways:
            if "sudo" not in way["contexts"]:
                continue
            if function in RUNS or (function == "inherit" and runs_others(way["from"], programs, (*seen, name))):
                return True
    return False


if __name__ == "__main__":
    main(Path(sys.argv[1]))
