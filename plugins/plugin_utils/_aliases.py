# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People by what they do instead of by their names: ``developer 1``, ``operator 2``. No I/O.

It is a courtesy to people and no secrecy: whoever may read the record finds out who it was. But who reads what happened has no name before
their eyes, and asks what led to it instead of who did it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils._names import SYSTEM_NAMES
from ..module_utils._resolve import Model

_ROLES = {"development": "developer", "operations": "operator"}
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[.-]+[A-Za-z0-9_]+)*")
_PART = re.compile(r"[A-Za-z0-9_]+")
# What points at a person as their name does.
_TELLING = ("address", "key")
_FROM = re.compile(r"\bfrom \S+")


class Aliases:
    """Who stands for whom. ``key`` keeps the aliases of one document apart from others'; ``before`` are those that it had.

    An alias stays with its person when a document is made again. So that no name stands in it, it is found again by a hash.
    """

    def __init__(self, model: Model, key: str, before: Mapping[str, str], *, names: bool) -> None:
        self.known = dict(before)
        self._key = key
        self._names = names
        kinds = sorted((team.kind, name) for name, team in model.teams.items() if team.kind)
        self._roles = {login: _ROLES[kind] for kind, name in reversed(kinds) for login in model.members(name)}
        self._logins = {login for login in model.people if login not in SYSTEM_NAMES}
        self._real: dict[str, str] = {}
        for person in model.people.values():
            self._real.update({text.lower(): person.login for text in (person.name, person.email) if text and text != person.login})
        self._compile()

    def meet(self, logins: Iterable[str]) -> None:
        """Take these for people, too, whom the inventory does not know."""
        self._logins.update(login for login in logins if login and login not in SYSTEM_NAMES)

    def meet_author(self, name: str, email: str) -> str:
        """The login of whoever wrote a commit; where nobody knows them, their address."""
        login = self._real.get(email.lower()) or self._real.get(name.lower()) or email or name
        self._real.update({text.lower(): login for text in (name, email) if text})
        self._logins.add(login)
        self._compile()
        return login

    def _compile(self) -> None:
        longest = sorted(self._real, key=len, reverse=True)
        self._full = re.compile("|".join(map(re.escape, longest)) or r"(?!)", re.I)

    def of(self, login: str) -> str:
        """What a person is called."""
        if self._names or login not in self._logins:
            return login
        digest = hashlib.sha256(f"{self._key}\0{login}".encode()).hexdigest()[:16]
        if digest not in self.known:
            role = self._roles.get(login, "person")
            taken = [int(alias.rpartition(" ")[2]) for alias in self.known.values() if alias.startswith(f"{role} ")]
            self.known[digest] = f"{role} {max(taken, default=0) + 1}"
        return self.known[digest]

    def text(self, text: str, *, full: bool = False) -> str:
        """The text without names: logins, and if asked to also the full names and addresses of people."""
        if self._names:
            return text
        if full:
            text = self._full.sub(lambda match: self.of(self._real[match.group().lower()]), text)
        return _WORD.sub(self._word, text)

    def _word(self, match: re.Match[str]) -> str:
        word = match.group()
        if word in self._logins:
            return self.of(word)
        return _PART.sub(lambda part: self.of(part.group()), word)

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """An event without names."""
        if self._names:
            return dict(event)
        full = event["kind"] in ("access_change", "inventory", "note")

        def told(text: str) -> str:
            return self.text(_FROM.sub("from an address", text) if event["kind"] == "login" else text, full=full)

        hidden: dict[str, Any] = dict(event)
        for name in ("person", "user"):
            if name in hidden:
                hidden[name] = self.of(hidden[name])
        hidden["what"] = told(event["what"])
        if "details" in event:
            hidden["details"] = {name: told(text) for name, text in event["details"].items() if name not in _TELLING}
        if "more" in event:
            hidden["more"] = [{**one, "what": told(one["what"])} for one in event["more"]]
        return hidden
