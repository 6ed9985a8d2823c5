# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements of SQL that destroy data in one stroke: found in what a client sends, as its server would read it.

A lexer that knows what is a comment, a string or a name in each dialect, and patterns over its tokens. Nothing here
parses SQL in full: what a pattern does not know is let through, and the documentation says what that is.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Container, Iterator, NamedTuple, Pattern, Sequence

# Without one of these no statement is of interest, and most text need not be read any further.
_VERBS = re.compile(r"drop|truncate|delete|update|replace", re.I)
# What stands before a verb where a statement, or a part of one that does something, begins.
_BEFORE = frozenset(["", "(", ")", *"ANALYZE VERBOSE JSON FOR BEGIN ATOMIC THEN ELSE DO LOOP REPEAT".split()])
_HOLD_DATA = frozenset("TABLE TABLES VIEW SCHEMA DATABASE SEQUENCE OWNED".split())
# ALTER TABLE can drop these without losing a value.
_HOLD_NONE = frozenset("CONSTRAINT DEFAULT NOT IDENTITY EXPRESSION INDEX KEY PRIMARY FOREIGN CHECK PERIOD".split())
_ROUTINES = frozenset("FUNCTION PROCEDURE TRIGGER EVENT PACKAGE".split())
_CONSTANTS = frozenset("TRUE FALSE NULL NOT AND OR IS".split())
# With these, statements begin that read, or are about the session alone.
_READ = frozenset(
    "SELECT TABLE VALUES SHOW EXPLAIN DESCRIBE DESC HELP FETCH MOVE DECLARE CLOSE BEGIN START COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE "
    "SET RESET USE DISCARD LISTEN UNLISTEN DEALLOCATE ( ;".split()
)
_AFTER_WHERE = frozenset("RETURNING ORDER LIMIT".split())


class Dialect(NamedTuple):
    """How a server tells comments, strings, names and words apart."""

    token: Pattern[str]
    nested_comments: bool


class Token(NamedTuple):
    """A word, a quoted name, a constant (a string or a number), or any other single character."""

    kind: str
    text: str

    @property
    def word(self) -> str:
        """The word in capitals, the character, or what no keyword equals."""
        return self.text.upper() if self.kind in ("word", "symbol") else f"a {self.kind}"


@dataclass(frozen=True)
class Finding:
    """What a statement would do, and to which objects, by the names that it gives them."""

    action: str
    names: tuple[str, ...] = ()
    detail: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.action, ", ".join(self.names), self.detail)))


def _dialect(*, comment: str, string: str, number: str, name: str, word: str, nested_comments: bool) -> Dialect:
    parts = {"comment": comment, "opening": r"/\*", "constant": f"{string}|{number}", "name": name, "word": word}
    pattern = "|".join(f"(?P<{kind}>{part})" for kind, part in parts.items())
    return Dialect(re.compile(rf"\s+|{pattern}|(?P<symbol>.)", re.S), nested_comments)


# PostgreSQL's manual, "Lexical Structure". Only a string after E knows the backslash.
POSTGRESQL = _dialect(
    comment=r"--[^\n\r]*",
    string=r"[eE]'(?:[^'\\]+|\\.?)*(?:'|\Z)|'[^']*(?:'|\Z)|(?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?:(?P=tag)|\Z)",
    number=r"\.?\d[\w.]*",
    name=r'"(?:[^"]+|"")*(?:"|\Z)',
    word=r"[^\W\d][\w$]*",
    nested_comments=True,
)
# MariaDB's manual, "Comment Syntax", "String Literals", "Identifier Names". What stands in /*! */ is executed.
MARIADB = _dialect(
    comment=r"#[^\n]*|--(?=[\s\x00-\x1f]|\Z)[^\n]*|/\*M?!\d*|\*/",
    string=r"""'(?:[^'\\]+|\\.?)*(?:'|\Z)|"(?:[^"\\]+|\\.?)*(?:"|\Z)""",
    number=r"\.?\d+(?![\w$])",
    name=r"`(?:[^`]+|``)*(?:`|\Z)",
    word=r"[\w$]+",
    nested_comments=False,
)


def findings(text: str, dialect: Dialect) -> list[Finding]:
    """What the statements of a text would destroy."""
    if not _VERBS.search(text):
        return []
    return [finding for statement in statements(text, dialect) for finding in _in_statement(statement)]


def changes(text: str, dialect: Dialect) -> bool:
    """Whether a statement of a text may change data or their shape: whatever begins otherwise than those that only read."""
    return any(statement and statement[0].word not in _READ for statement in statements(text, dialect))


def tokens(text: str, dialect: Dialect) -> Iterator[Token]:
    """The tokens of a text without blanks and comments. A string or comment that does not end goes on to the end of the text."""
    position = 0
    while match := dialect.token.match(text, position):
        position = match.end()
        kind = match.lastgroup or "blank"
        if kind == "opening":
            position = _end_of_comment(text, position, dialect.nested_comments)
        elif kind not in ("blank", "comment"):
            yield Token(kind, match.group())


def statements(text: str, dialect: Dialect) -> Iterator[list[Token]]:
    """The statements of a text. The body of a routine that is only defined belongs to its definition."""
    statement: list[Token] = []
    depth, in_body = 0, False
    for token in tokens(text, dialect):
        depth = _deeper(depth, token)
        ends = token.word == ";" and depth <= 0
        in_body = in_body or (ends and _in_body(statement))
        if ends and not in_body:
            yield statement
            statement, depth = [], 0
        else:
            statement.append(token)
    yield statement


def unquoted(name: str) -> str:
    """The last part of a name as the server keeps it."""
    parts: list[str] = ["", *re.findall(r'"(?:[^"]|"")*"|`(?:[^`]|``)*`|[^."`]+', name)]
    last = parts[-1]
    return last[1:-1].replace(last[0] * 2, last[0]) if last[:1] in ('"', "`") else last


def _end_of_comment(text: str, position: int, nested: bool) -> int:
    depth = 1
    for match in re.compile(r"/\*|\*/").finditer(text, position):
        if match.group() == "*/":
            depth -= 1
        elif nested:
            depth += 1
        if depth == 0:
            return match.end()
    return len(text)


def _deeper(depth: int, token: Token) -> int:
    return depth + {"(": 1, ")": -1}.get(token.word, 0)


def _in_body(statement: Sequence[Token]) -> bool:
    words = [token.word for token in statement]
    return words[:1] == ["CREATE"] and "BEGIN" in words and not _ROUTINES.isdisjoint(words)


def _in_statement(statement: Sequence[Token]) -> Iterator[Finding]:
    words = [token.word for token in statement]
    # What is only defined or explained does not run.
    if words[:1] == ["CREATE"]:
        starts = [0]
    elif words[:1] in (["EXPLAIN"], ["DESCRIBE"], ["DESC"]) and "ANALYZE" not in words:
        starts = []
    else:
        starts = [index for index, word in enumerate(words) if (words[index - 1] if index else "") in _BEFORE]
    for index in starts:
        finder = _FINDERS.get(words[index])
        finding = finder(_level(statement[index:])) if finder else None
        if finding:
            yield finding


class _Level(NamedTuple):
    """A verb with all that belongs to it, up to the end of the statement or of the parentheses around it."""

    tokens: Sequence[Token]
    outer: Sequence[str]
    """The words that stand in no further parentheses; of the other tokens the places are kept."""


def _level(tokens: Sequence[Token]) -> _Level:
    outer = []
    depth = 0
    for token in tokens:
        outer.append(token.word if depth == 0 else "")
        depth = _deeper(depth, token)
        if depth < 0:
            break
    return _Level(tokens[: len(outer)], outer)


def _names(tokens: Sequence[Token], skip: Container[str] = ()) -> tuple[str, ...]:
    """The names of a list such as ``a, b.c``, without the words that may stand before it."""
    names = [""]
    for token in itertools.dropwhile(lambda token: token.word in skip, tokens):
        if token.word == ",":
            names.append("")
        elif token.word == "." or (token.kind in ("word", "name") and names[-1][-1:] in ("", ".")):
            names[-1] += token.text
        elif token.word == "*":
            names[-1] = names[-1].rstrip(".")
        else:
            break
    return tuple(filter(None, names))


def _drop(level: _Level) -> Finding | None:
    end = 3 if level.outer[1:2] in (["MATERIALIZED"], ["FOREIGN"]) else 2
    # Of a type, an extension or a server, CASCADE drops the columns and tables that use it.
    if _HOLD_DATA.isdisjoint(level.outer[1:end]) and "CASCADE" not in level.outer:
        return None
    return Finding(" ".join(level.outer[:end]), _names(level.tokens[end:], {"IF", "EXISTS", "BY"}))


def _truncate(level: _Level) -> Finding | None:
    names = _names(level.tokens[1:], {"TABLE", "ONLY"})
    return Finding("TRUNCATE", names) if names else None


def _delete(level: _Level) -> Finding | None:
    if "FROM" not in level.outer or _has_filter(level):
        return None
    start = level.outer.index("FROM")
    # MariaDB deletes from the tables that are named first, and looks up in others.
    names = _names(level.tokens[1:start], {"LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY"}) or _names(level.tokens[start + 1 :], {"ONLY"})
    return Finding("DELETE FROM", names, "without a filter")


def _update(level: _Level) -> Finding | None:
    # Without a name it is a clause: ON CONFLICT DO UPDATE SET.
    if "SET" not in level.outer[2:] or level.outer[1] == "SET" or _has_filter(level):
        return None
    return Finding("UPDATE", _names(level.tokens[1:], {"LOW_PRIORITY", "IGNORE", "ONLY"}), "without a filter")


def _alter(level: _Level) -> Finding | None:
    if "TABLE" not in level.outer[:4]:
        return None
    losses = [
        " ".join(token.text for token in itertools.takewhile(lambda token: token.kind in ("word", "name"), level.tokens[index:]))
        for index, (word, following) in enumerate(zip(level.outer, level.outer[1:]))
        if word in ("DROP", "TRUNCATE") and following not in _HOLD_NONE
    ]
    names = _names(level.tokens[level.outer.index("TABLE") + 1 :], {"IF", "EXISTS", "ONLY"})
    return Finding("ALTER TABLE", names, ", ".join(losses)) if losses else None


def _create(level: _Level) -> Finding | None:
    if level.outer[:4] != ["CREATE", "OR", "REPLACE", "TABLE"]:
        return None
    return Finding("CREATE OR REPLACE TABLE", _names(level.tokens[4:]))


_FINDERS = {"ALTER": _alter, "CREATE": _create, "DELETE": _delete, "DROP": _drop, "TRUNCATE": _truncate, "UPDATE": _update}


def _has_filter(level: _Level) -> bool:
    """Whether its WHERE looks at anything: a condition of nothing but constants holds for every row or for none."""
    if "WHERE" not in level.outer:
        return False
    start = level.outer.index("WHERE") + 1
    end = next((index for index, word in enumerate(level.outer) if index > start and word in _AFTER_WHERE), None)
    return any(token.kind == "name" or (token.kind == "word" and token.word not in _CONSTANTS) for token in level.tokens[start:end])
