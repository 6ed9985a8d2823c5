# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hides secrets that people typed as arguments, before anything is shown or kept elsewhere.

It knows the forms in which secrets are usually given, and no more: it rather hides too much than too little. Each pattern looks only
a bounded way ahead, so that no text, however it is made, takes long.
"""

from __future__ import annotations

import os
import re
from typing import Iterator, Sequence

HIDDEN = "***"
# What is longer is cut: nobody reads on from there.
_MOST = 16384

_SECRET = r"(?:pass(?:word|wd|phrase|out|in)?|(?<=_)pwd|secret|token|(?:api|access|private|auth)[_-]?key|credentials?)"
# The name of a file that holds a secret is none.
_NO_FILE = r"(?![\w.-]{0,32}(?:file|path|dir\b))"
# To the closing quote, or to the end; without a quote to the next blank.
_VALUE = r"""(?:'(?:[^'\\]|\\.|'')*(?:'|\Z)|"(?:[^"\\]|\\.)*(?:"|\Z)|[^\s'"]\S*)"""

# Within any text. What is in no group is hidden.
_TEXTS = tuple(
    re.compile(pattern, re.I | re.S)
    for pattern in (
        r"(-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----).*?(-----END [A-Z ]{0,32}PRIVATE KEY-----|\Z)",
        r"""(\bauthorization["']?[ ]{0,4}[:=][ ]{0,4}(?:(?:basic|bearer|token|digest|negotiate)[ ]{1,4})?)[^\s'"][^'"\r\n]*()""",
        r"""(://[^\s/:@'"]{0,256}:)[^\s/@'"]{1,256}(@)""",
        rf"""({_SECRET}{_NO_FILE}[\w.-]{{0,32}}["']?\s{{0,2}}[=:]\s{{0,2}}){_VALUE}()""",
        rf"(\s--?[\w-]{{0,16}}{_SECRET}{_NO_FILE}[\w-]{{0,32}}\s{{1,4}})(?!-){_VALUE}()",
        rf"(\b(?:password|(?:by|using|as)(?:\s{{1,4}}password)?)\s{{0,4}}\(?\s{{0,4}})(?=['\"]){_VALUE}()",
        r"(\b(?:AKIA|ASIA))[A-Z0-9]{16}()\b",
        r"(\b(?:gh[pousr]_|glpat-|xox[abeprs]-|sk_live_))[\w-]{10,255}()",
        r"(\beyJ)[\w-]{10,512}\.[\w-]{10,4096}\.[\w-]{0,1024}()",
    )
)
# One whole argument.
_NAMED = re.compile(rf"(-{{0,2}}[\w.-]{{0,64}}{_SECRET}{_NO_FILE}[\w.-]{{0,32}}=).+", re.I | re.S)
_FLAG = re.compile(rf"--?[\w-]{{0,32}}{_SECRET}{_NO_FILE}[\w-]{{0,32}}", re.I)
# Options of programs, by the beginning of their names: a secret follows at once, or in the next argument; the last after a colon.
_ATTACHED = {"mysql": ("-p",), "mariadb": ("-p",), "sshpass": ("-p",), "redis-cli": ("-a",), "ldap": ("-w",), "7z": ("-p",)}
_FOLLOWED = {"sshpass": ("-p",), "redis-cli": ("-a",), "ldap": ("-w",), "useradd": ("-p",), "usermod": ("-p",)}
_PAIR = {"curl": ("-u", "--user", "-U", "--proxy-user"), "smbclient": ("-U", "--user")}
_PROGRAMS = tuple(sorted({*_ATTACHED, *_FOLLOWED, *_PAIR}))
# Where none of these is in a text in small letters, no pattern fits: most texts have none, and need not be looked at closely.
_HINT = re.compile(
    r"pass|_pwd|secret|token|key|credential|authorization|://|(?:by|using|as)\s{0,4}\(?\s{0,4}['\"]|akia|asia|gh[pousr]_|glpat-|xox|sk_live_|eyj"
)
_PROGRAM = re.compile("|".join(_PROGRAMS))


def redact(text: str) -> str:
    """A text, such as a whole command line or a statement, without the secrets in it."""
    text = text[:_MOST]
    lower = text.lower()
    if _HINT.search(lower):
        for rule in _TEXTS:
            text = rule.sub(rf"\1{HIDDEN}\2", text)
    if _PROGRAM.search(lower):
        # Blanks stand between the words, each in a place of its own.
        parts = re.split(r"(\s+)", text)
        parts[::2] = _of_programs(parts[::2])
        text = "".join(parts)
    return text


def redact_arguments(words: Sequence[str]) -> list[str]:
    """The arguments of a command, the command itself first, without the secrets in them."""
    lower = " ".join(words).lower()
    if not _HINT.search(lower) and not _PROGRAM.search(lower):
        return [word[:_MOST] for word in words]
    found = []
    follows = False
    for word in _of_programs(words):
        named = _NAMED.fullmatch(word)
        if follows and not word.startswith("-"):
            word = HIDDEN
        elif named:
            word = named.group(1) + HIDDEN
        else:
            word = redact(word)
        follows = _FLAG.fullmatch(word) is not None
        found.append(word)
    return found


def _of_programs(words: Sequence[str]) -> Iterator[str]:
    """The words, with what single programs take for a secret hidden."""
    program = option = ""
    for word in words:
        name = next((known for known in _PROGRAMS if os.path.basename(word).startswith(known)), "")
        attached = next((flag for flag in _ATTACHED.get(program, ()) if word.startswith(flag) and word != flag), "")
        pair = next((flag for flag in _PAIR.get(program, ()) if word.startswith(flag) and ":" in word), "")
        if option in _FOLLOWED.get(program, ()):
            shown = HIDDEN
        elif option in _PAIR.get(program, ()) or pair:
            shown = re.sub(r"([:%]).+", rf"\1{HIDDEN}", word, count=1, flags=re.S)
        else:
            shown = attached + HIDDEN if attached else word
        yield shown
        # An argument of a program may look like another one; its own options go on.
        program, option = name or program, word
