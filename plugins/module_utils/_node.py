# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A value of the inventory, where it stands, and what is wrong with it.

Every parser of the data model takes a :class:`Node`. It asks for the type that it needs, and complaints are
collected rather than raised, so that one run names them all.
"""

from __future__ import annotations

import datetime
import difflib
from dataclasses import dataclass
from typing import Any, Iterable, Tuple, Union

from ._moment import Moment

Path = Tuple[Union[str, int], ...]
QUOTE = "quote it"
# Persian and Indic scripts need these two to write names; Python counts them as unprintable.
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong (or, as a warning, odd) in the inventory."""

    path: Path
    what: str
    mend: str
    warning: bool = False
    scope: str = ""

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.what}; {self.mend}"


def dotted(path: Path) -> str:
    """Render a path the way people write it: prod_access_people.alice.ssh_keys[1]."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif text:
            text += "." + shown(part)
        else:
            text = shown(part)
    return text


def is_private_key(text: str) -> bool:
    """Whether it is the file of a private key: OpenSSH's, PEM or PuTTY's."""
    return "PRIVATE KEY-----" in text or "Private-Lines:" in text


def shown(text: str, limit: int = 200) -> str:
    """Text that is safe on a terminal and in a log: unprintable characters escaped, not too long, and no secret."""
    if is_private_key(text):
        return "(a private key)"
    safe = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text[:limit])
    return safe if len(text) <= limit else safe + "…"


class Node:
    """One value with its path. The problems found in it and below it go to one shared list."""

    def __init__(self, value: Any, path: Path, problems: list[Problem], scope: str = "") -> None:
        self.value = value
        self.path = path
        self.problems = problems
        self.scope = scope

    def wrong(self, what: str, mend: str) -> None:
        self.problems.append(Problem(self.path, what, mend, scope=self.scope))

    def warn(self, what: str, mend: str) -> None:
        self.problems.append(Problem(self.path, what, mend, warning=True, scope=self.scope))

    def below(self, key: str | int, value: Any) -> Node:
        return Node(value, (*self.path, key), self.problems, self.scope)

    def entries(self, mend: str = "write `name:` entries below it, or {} for none") -> dict[str, Node]:
        """The entries of a dictionary with names as keys."""
        if not isinstance(self.value, dict):
            self.wrong(f"must be a dictionary, not {_kind(self.value)}", mend)
            return {}
        nodes = {}
        for key, value in self.value.items():
            if isinstance(key, str):
                nodes[key] = self.below(key, value)
            else:
                self.below(_yaml(key), value).wrong(f"YAML reads this name as {_kind(key)}", f'{QUOTE}: "{_yaml(key)}"')
        return nodes

    def fields(self, known: Iterable[str], required: Iterable[str] = ()) -> dict[str, Node]:
        """The entries of a record. Unknown and missing keys are errors, a key without a value too."""
        known = tuple(known)
        nodes = self.entries("write its keys below it: " + ", ".join(known))
        for name, node in list(nodes.items()):
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                node.wrong("unknown key", f"did you mean `{close[0]}`?" if close else "known are " + ", ".join(known))
                del nodes[name]
            elif node.value is None:
                node.wrong("has no value", "give it one, or remove the key")
                del nodes[name]
        if isinstance(self.value, dict):
            for name in required:
                if name not in self.value:
                    self.wrong(f"`{name}` is missing", f"add `{name}:`")
        return nodes

    def items(self) -> list[Node]:
        """The items of a list."""
        if not isinstance(self.value, list):
            none = ", or as [] for none" if self.value is None else ""
            self.wrong(f"must be a list, not {_kind(self.value)}", f"write it as [a, b], or as lines that begin with `- `{none}")
            return []
        return [self.below(index, value) for index, value in enumerate(self.value)]

    def text(self) -> str | None:
        """Text that is not empty, on one line, without control characters, and no template."""
        value = self.value
        if not isinstance(value, str):
            if value is None:
                self.wrong("is empty", "write the text")
            elif isinstance(value, (bool, int, float, datetime.date)):
                self.wrong(f"must be text; YAML reads this as {_kind(value)}", f'{QUOTE}: "{_yaml(value)}"')
            else:
                self.wrong(
                    f"must be text, not {_kind(value)}", "write one text; put quotes around it if it holds `: ` or begins with [ or {"
                )
            return None
        if not value.strip().strip(_JOINERS):
            self.wrong("is empty", "write the text")
        elif "\n" in value:
            self.wrong(
                "holds a line break", "write it on one line; if it is too long for that, begin with `>-` and go on in the lines below"
            )
        elif value != value.strip():
            self.wrong("has white space at an end", "remove it")
        elif not value.isprintable() and any(not char.isprintable() and char not in _JOINERS for char in value):
            self.wrong(f"holds a character that does not show ('{shown(value)}')", "type it again, as plain text")
        elif "{{" in value or "{%" in value or "{#" in value:
            self.wrong("is a template", "write the value itself: people's data is not templated")
        else:
            return value
        return None

    def flag(self) -> bool | None:
        if isinstance(self.value, bool):
            return self.value
        self.wrong(f"must be true or false, not {_kind(self.value)}", "write true or false, without quotes")
        return None

    def number(self, low: int, high: int) -> int | None:
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            self.wrong(f"must be a whole number, not {_kind(self.value)}", f"write a number of {low} to {high}, without quotes")
        elif not low <= self.value <= high:
            self.wrong(f"{self.value} is out of range", f"take a number of {low} to {high}")
        else:
            return int(self.value)
        return None

    def choice(self, *choices: str) -> str | None:
        if isinstance(self.value, str) and self.value in choices:
            return self.value
        given = f"`{shown(self.value)}`" if isinstance(self.value, str) else _kind(self.value)
        self.wrong(f"{given} is not known", "say " + " or ".join(choices))
        return None

    def moment(self) -> Moment | None:
        value = self.value
        if not isinstance(value, (str, datetime.date)):
            self.wrong(f"must be a time, not {_kind(value)}", "write it like 2027-01-31T18:00:00Z")
            return None
        try:
            return Moment.parse(value)
        except ValueError as error:
            given = f" ('{shown(value)}')" if isinstance(value, str) else ""
            self.wrong(f"{error}{given}", "write it like 2027-01-31T18:00:00Z, or 2027-01-31 for the end of that day, UTC")
            return None


def _yaml(value: Any) -> str:
    """A scalar, as YAML would write it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the boolean {_yaml(value)}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text '{shown(value)}'"
    if isinstance(value, datetime.date):
        return f"the time {value}"
    if isinstance(value, dict):
        return "a dictionary"
    return "a list" if isinstance(value, list) else "a value of another kind (encrypted, or one that holds itself)"
