# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data as one HTML page that works from a file and uses no network: who has access to what, and what happened in a time.

Names, reasons and what was found on hosts or typed there come from many hands. So the data cannot end the element that it stands in, the
page makes nothing but text of it, and the browser may run the page's own script alone, which it knows by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
ACCESS, POSTMORTEM, PROVE = (_FOLDER / name for name in ("access_report.html", "postmortem.html", "prove.html"))
# What all pages have.
_SHARED = {"@STYLES@": "page.css", "@SHARED@": "page.js"}

# What could begin or end an element, or a comment. In JSON these are in strings only, where their numbers mean the same.
_NUMBERED = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}


def page(report: Mapping[str, Any], template: Path = ACCESS) -> str:
    """The whole page of a template. It is ASCII where the data is concerned: how it is stored, and odd characters, cannot change it."""
    data = json.dumps(report, separators=(",", ":"), allow_nan=False).translate(_NUMBERED)
    text = template.read_text(encoding="utf-8")
    for place, file in _SHARED.items():
        # A file says which place it is for, in a comment, which is not that place.
        text = text.replace(f"{place}\n", (_FOLDER / file).read_text(encoding="utf-8"), 1)
    for name in ("style", "script"):
        text = text.replace(f"@{name.upper()}@", _hash(_between(text, f"<{name}>", f"</{name}>")))
    # Last, as data could hold the other words too.
    return text.replace("@DATA@", data)


def _between(text: str, start: str, end: str) -> str:
    return text.partition(start)[2].partition(end)[0]


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
