# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and texts, written so that SQL takes them for nothing else."""

from __future__ import annotations


def identifier(name: str, quote: str = '"') -> str:
    """A name in quotes: MariaDB's are backquotes."""
    return quote + name.replace(quote, quote * 2) + quote


def literal(text: str) -> str:
    """A text of PostgreSQL, where standard_conforming_strings is on, as it is since 9.1."""
    return "'" + text.replace("'", "''") + "'"
