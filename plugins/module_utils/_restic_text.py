# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restic says, and what it is told: read and written, without running it."""

from __future__ import annotations

import json
import re
import time
from typing import Any

_SECRET = re.compile(r"://[^/@\s:]*:[^/@\s]+@")


def has_secret(repository: str) -> bool:
    """Whether a repository's address has a password in it."""
    return _SECRET.search(repository) is not None


def without_secrets(text: str, *secrets: str) -> str:
    """The text without passwords of addresses, and without these secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "(hidden)")
    return _SECRET.sub("://(hidden)@", text)


def summary(printed: str) -> dict[str, Any]:
    """The last thing that ``restic backup --json`` says: what it saved. Empty when it did not come so far."""
    for line in reversed(printed.splitlines()):
        if line.startswith("{"):
            data = json.loads(line)
            if data.get("message_type") == "summary":
                return dict(data)
    return {}


def pattern(path: str) -> str:
    """A path as a pattern of restic that means this path alone, and what is below it."""
    return "".join(f"\\{char}" if char in "*?[\\" else char for char in path.rstrip("/") or "/")


def at(epoch: int) -> str:
    """The option that says when a backup was made, where that is not when restic began. It is in the zone of restic, which is UTC here."""
    return "--time=" + time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(epoch))
