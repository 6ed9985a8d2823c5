# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which environment a host belongs to, how that is shown to people, and which guards stand there."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Mapping

PATH = "/etc/prod-access/environment"
# Not empty where statements that people type are recorded.
SQL = "/etc/prod-access/audit/sql"
# The parameters of "Select Graphic Rendition" (ECMA-48): numbers, and what parts them.
_SGR = re.compile(r"\d{1,3}(?:[;:]\d{0,3})*")


@dataclass(frozen=True)
class Environment:
    """What ``/etc/prod-access/environment`` says. Without that file nothing is guarded."""

    name: str = ""
    label: str = ""
    sgr_16: str = ""
    sgr_256: str = ""
    sgr_true: str = ""
    guards: frozenset[str] = frozenset()
    ask_why: bool = False

    @classmethod
    def parse(cls, text: str) -> Environment:
        """Read lines of ``name=value``. What is not known is passed over; what is odd counts as not said."""
        said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
        values = {name.strip(): "".join(filter(str.isprintable, value)).strip() for name, value in said.items()}
        sgr = {key: value for key, value in values.items() if key.startswith("sgr_") and _SGR.fullmatch(value)}
        name = values.get("environment", "")
        return cls(
            name=name,
            label=values.get("label", "") or name.upper(),
            sgr_16=sgr.get("sgr_16", ""),
            sgr_256=sgr.get("sgr_256", ""),
            sgr_true=sgr.get("sgr_true", ""),
            guards=frozenset(values.get("guards", "").split()),
            ask_why=values.get("ask_why") == "yes",
        )

    def sgr(self, terminal: Mapping[str, str]) -> str:
        """The parameters of the label's colour, from what the variables TERM and COLORTERM say; none where there is no colour."""
        term = terminal.get("TERM", "")
        if term in ("", "dumb", "unknown") or term.startswith("vt"):
            return ""
        if terminal.get("COLORTERM") in ("truecolor", "24bit") or term.endswith("-direct"):
            return self.sgr_true or self.sgr_256 or self.sgr_16
        return (self.sgr_256 if "256color" in term else "") or self.sgr_16


def records_sql(path: str = SQL) -> bool:
    """Whether the role audit wants to know which statements people type."""
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False


def read(path: str = PATH) -> Environment:
    """The environment of this host."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return Environment.parse(file.read())
    except OSError:
        return Environment()
