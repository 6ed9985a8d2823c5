# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One sudo rule of a grant: what it allows, and why it is refused where it would give more than it says."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Any, Mapping, Tuple, Union

from ._gtfobins import RUN_OTHERS
from ._node import Node

_UNIT_TYPES = "service socket timer path target mount automount swap slice scope device"
# systemd.unit(5): a unit name is at most 255 of these characters; the type is the last part. "-.mount" is one, "-Hx.mount" an option.
_UNIT = re.compile(r"(?!-[^.])[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]+)?\.(" + "|".join(_UNIT_TYPES.split()) + ")")
_USER = re.compile(r"[a-z_][a-z0-9_.-]{0,31}\$?")
_GLOB = set("*?[]")
_MOST_ALTERNATIVES = 256
# What no program or file is named with, and what sudoers(5) gives a meaning.
_NOT_IN_PATHS = re.compile(r"(?<!\[)!|[^\w/.@%+~*?\[\]!-]")
# One piece of an extended regular expression: an escaped character, a set, or a character. A backslash in a set is one.
_PIECE = re.compile(r"\\.|\[\^?\]?(?:\[:\w+:\]|[^]])*\]|.")
# What named classes hold of blanks and slashes; those that are not here hold neither.
_CLASSES = {"space": " ", "blank": " ", "print": " /", "graph": "/", "punct": "/"}
# Of the programs that can be made to run others (_gtfobins.py), those for which it takes no particular argument: editors, pagers
# and other programs that take commands while they run; package managers, which ask questions with a shell among the answers; and
# programs that read what they shall run from the directory of their caller.
_RUN_AT_ONCE = frozenset(
    """
    su sudo doas pkexec vi vim view vimdiff rvim rview nvim ex ed elvish nano pico emacs joe jed mcedit mc less zless more most pg
    man info batcat screen tmux byobu script busybox zathura ranger ncdu iftop top htop atop
    asterisk bconsole crash debugfs dotnet ftp ncftp lftp sftp psftp smbclient telnet gdb ghci ginsh hping3 irb pry byebug
    ispell jjs joe jshell jtag mail mutt mysql mariadb psql sqlite3 redis-cli msfconsole octave scanmem tasksh tdbtool volatility R
    apt apt-get aptitude dpkg dpkg-reconfigure dnf yum zypper rpm snap pip pip3 pipx gem npm yarn cpan composer easy_install opkg pkg
    make cmake git hg svn rake bundle bundler cargo go vagrant poetry gradle mvn docker-compose ansible-playbook
    crontab visudo vipw vigr run-mailcap
    """.split()
)
_INTERPRETERS = frozenset("sh bash rbash dash ash zsh ksh mksh csh tcsh fish python perl ruby lua node php tclsh expect".split())
_VERSION = re.compile(r"([.-]?[0-9][0-9.]*|\.(basic|tiny|nox|gtk3))$")
# Programs of systemd show what they have to say in a pager, which runs as root; of systemctl's verbs these say nothing.
_PAGED = frozenset("systemctl journalctl loginctl timedatectl hostnamectl localectl busctl machinectl networkctl systemd-analyze".split())
_UNPAGED = frozenset(
    """
    start stop restart reload try-restart reload-or-restart try-reload-or-restart kill clean freeze thaw reset-failed
    is-active is-failed is-enabled enable disable mask unmask preset daemon-reload daemon-reexec isolate
    """.split()
)
# All keys of a rule: what they hold, and what that means. docs/reference.md is made of them.
RULE_KEYS: Mapping[str, tuple[str, str]] = {
    "services": ("list of units", "start, stop, restart, reload, status and journal of these"),
    "commands": ("list of commands, or `all`", "programs by their absolute paths, with just these arguments; `all` needs `as`"),
    "edit": ("list of paths", "these files, by `sudoedit`"),
    "as": ("list of users", "as one of these instead of root"),
    "password": ("true or false", "only after the person's own password"),
    "unsafe": ("text", "the reason why a rule may give more than it says"),
}


@dataclass(frozen=True)
class Command:
    """A program with its arguments.

    ``arguments`` is one string, compared with what was typed joined by single blanks; ``""`` means: none. A ``pattern``
    is a regular expression, anchored at both ends (sudoers(5), "Regular expressions", sudo 1.9.10 or newer).
    """

    path: str
    arguments: str = ""
    pattern: bool = False


@dataclass(frozen=True)
class SudoRule:
    """Just one of ``services``, ``commands`` (with ``everything`` for ``commands: all``) and ``edit`` is filled."""

    services: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    everything: bool = False
    edit: tuple[str, ...] = ()
    run_as: tuple[str, ...] = ("root",)
    password: bool = False
    unsafe: str | None = None

    @classmethod
    def parse(cls, node: Node) -> SudoRule | None:
        """Read one entry of ``sudo:``; None when anything is wrong with it."""
        before = _errors(node)
        fields = node.fields(RULE_KEYS)
        kinds = [name for name in ("services", "commands", "edit") if isinstance(node.value, dict) and name in node.value]
        if isinstance(node.value, dict) and len(kinds) != 1:
            node.wrong(
                "a rule says one of `services`, `commands` and `edit`" + (f", not {' and '.join(kinds)}" if kinds else ""),
                "write one rule for each" if kinds else "add one of them",
            )
        unsafe = fields["unsafe"].text() if "unsafe" in fields else None
        password = fields["password"].flag() if "password" in fields else False
        run_as = _users(fields["as"]) if "as" in fields else ("root",)
        if "as" in fields and "services" in fields:
            fields["as"].wrong("units are managed as root", "remove `as`")
        everything = "commands" in fields and fields["commands"].value == "all"
        if everything and "root" in run_as:
            fields["commands"].wrong(
                "everything as root is not a rule",
                "say `sudo: full` on the grant, or name a service user with `as`",
            )
        services = _texts(fields.get("services"), _check_unit, unsafe)
        commands = () if everything else _texts(fields.get("commands"), _check_command, unsafe)
        edit = _texts(fields.get("edit"), _check_edit, unsafe)
        if _errors(node) > before:
            return None
        return cls(services, commands, everything, edit, run_as, bool(password), unsafe)

    def powers(self) -> frozenset[str]:
        """What it gives, piece by piece, to see whether a later rule gives less."""
        pieces = [*self.services, *self.commands, *(f"edit {path}" for path in self.edit), *(["all"] if self.everything else [])]
        return frozenset(f"{user}: {piece}" for user in self.run_as for piece in pieces)

    def programs(self) -> tuple[str, ...]:
        """The files of commands that it runs: programs, and the scripts that interpreters are given."""
        found = []
        for command in itertools.chain.from_iterable(map(commands_of, self.commands)):
            found.append(command.path)
            if _VERSION.sub("", command.path.rpartition("/")[2]) in _INTERPRETERS and not command.pattern:
                found += [word for word in command.arguments.split() if not word.startswith("-")][:1]
        return tuple(dict.fromkeys(found))

    def to_data(self) -> dict[str, Any]:
        """The rule as the inventory would write it."""
        data: dict[str, Any] = {}
        if self.services:
            data["services"] = list(self.services)
        elif self.edit:
            data["edit"] = list(self.edit)
        else:
            data["commands"] = "all" if self.everything else list(self.commands)
        if self.run_as != ("root",):
            data["as"] = list(self.run_as)
        if self.password:
            data["password"] = True
        if self.unsafe is not None:
            data["unsafe"] = self.unsafe
        return data

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> SudoRule:
        """Read back what :meth:`to_data` made; the data was checked when it was parsed."""
        commands = data.get("commands", [])
        everything = commands == "all"
        return cls(
            tuple(data.get("services", ())),
            () if everything else tuple(commands),
            everything,
            tuple(data.get("edit", ())),
            tuple(data.get("as", ("root",))),
            data.get("password", False),
            data.get("unsafe"),
        )


Sudo = Union[str, Tuple[SudoRule, ...]]
"""``none``, ``full``, or rules."""


def parse_sudo(node: Node) -> Sudo:
    """Read the ``sudo:`` of a grant."""
    if isinstance(node.value, list):
        if not node.value:
            node.wrong("the list of rules is empty", "say `sudo: none`, or remove the key")
        return tuple(rule for rule in map(SudoRule.parse, node.items()) if rule is not None)
    if isinstance(node.value, dict):
        node.wrong("must be a list of rules, not one", "begin the rule with `- `")
        return "none"
    return node.choice("none", "full") or "none"


def expand(text: str) -> list[str]:
    """Write out the alternatives: ``a {b,c}`` means ``a b`` and ``a c``. Raises ValueError."""
    parts: list[list[str]] = []
    count = 1
    rest = text
    while rest:
        head, brace, rest = rest.partition("{")
        if "}" in head:
            raise ValueError("a } without its {")
        parts.append([head])
        if brace:
            inner, end, rest = rest.partition("}")
            if not end or "{" in inner:
                raise ValueError("a { without its }, or one within another")
            choices = inner.split(",")
            if len(choices) < 2 or not all(choices) or len(set(choices)) < len(choices):
                raise ValueError("alternatives must be two or more, different, and none of them empty")
            count *= len(choices)
            if count > _MOST_ALTERNATIVES:
                raise ValueError(f"more than {_MOST_ALTERNATIVES} alternatives")
            parts.append(choices)
    return ["".join(choice) for choice in itertools.product(*parts)]


def commands_of(text: str) -> list[Command]:
    """The commands that one entry of ``commands`` means. Raises ValueError."""
    path, _blank, arguments = text.partition(" ")
    if arguments.startswith("^"):
        # Braces count repetitions there.
        return [Command(one, arguments, pattern=True) for one in expand(path)]
    commands = [Command(*one.partition(" ")[::2]) for one in expand(text)]
    if any(command.arguments.startswith("^") for command in commands):
        raise ValueError("a pattern stands for all arguments, and not among alternatives")
    return commands


def _errors(node: Node) -> int:
    return sum(not problem.warning for problem in node.problems)


def _texts(node: Node | None, check: Any, unsafe: str | None) -> tuple[str, ...]:
    if node is None:
        return ()
    texts: list[str] = []
    for item in node.items():
        text = item.text()
        if text is None:
            continue
        if text in texts:
            item.wrong(f"{text} is there twice", "remove one")
        check(item, text, unsafe)
        texts.append(text)
    if node.value == []:
        node.wrong("is empty", "name what is allowed, or remove the rule")
    return tuple(texts)


def _users(node: Node) -> tuple[str, ...]:
    users = []
    for item in node.items():
        text = item.text()
        if text is None:
            continue
        if not _USER.fullmatch(text):
            item.wrong(f"{text!r} is not the name of one user", "name each user; ALL, aliases, groups, numbers and negation are not taken")
        elif text in users:
            item.wrong(f"{text} is there twice", "remove one")
        users.append(text)
    if node.value == []:
        node.wrong("is empty", "name a user, or remove the key for root")
    return tuple(users)


def _check_unit(node: Node, text: str, _unsafe: str | None) -> None:
    if _GLOB & set(text):
        node.wrong("a pattern would match units that nobody thought of", "name each unit")
    elif not _UNIT.fullmatch(text) or len(text) > 255:
        node.wrong(f"{text!r} is not the full name of a unit", "write it like search.service or indexer@1.service")


def _check_path(node: Node, path: str) -> bool:
    """The one form of a path that sudo, the kernel and a reader understand alike."""
    odd = sorted({"blanks" if char == " " else f"`{char}`" for char in _NOT_IN_PATHS.findall(path)})
    if not path.startswith("/"):
        node.wrong(f"{path} is not an absolute path", "write the whole path, which begins with /")
    elif odd:
        node.wrong("a path does not hold " + " ".join(odd), "write the plain path of one file; several are items of their own")
    elif path.endswith("/"):
        node.wrong("a directory gives all that is or will be in it", "name each file")
    elif "//" in path or any(part in (".", "..") for part in path.split("/")):
        node.wrong(f"{path} is not the plain form of the path", "write it without //, . and ..")
    else:
        return True
    return False


def _check_command(node: Node, text: str, unsafe: str | None) -> None:
    if text.startswith("!"):
        node.wrong("negation does not take power away: there is always another way to run the same", "list what is allowed instead")
        return
    if text in ("all", "ALL"):
        node.wrong(f"{text} is not a command", "say `commands: all`, with `as: [a service user]`, for everything as that user")
        return
    if text.split(" ")[0].rpartition("/")[2] == "sudoedit":
        node.wrong("sudoedit is not a command in this sense", "use `edit: [/path/of/the/file]`")
        return
    try:
        commands = commands_of(text)
    except ValueError as error:
        node.wrong(str(error), "write alternatives like {a,b}, none within another; a pattern is all of the arguments, between ^ and $")
        return
    if not all(_check_form(node, command) for command in commands):
        return
    escape = next(((command.path, *found) for command in commands for found in [_runs_others(command)] if found), None)
    if unsafe is None and escape is not None:
        path, why, safer = escape
        node.wrong(f"gives more than it says: {path} {why}", f"{safer}, or give the reason with `unsafe: why`")
    elif commands[0].pattern:
        _check_pattern(node, commands[0].arguments, unsafe)
    elif unsafe is None and _GLOB & set(text):
        node.wrong(
            "a wildcard spans blanks and slashes, and so allows more arguments than it shows",
            "use {a,b}, or a pattern between ^ and $, or give the reason with `unsafe: why`",
        )


def _check_form(node: Node, command: Command) -> bool:
    if not _check_path(node, command.path):
        return False
    if _GLOB & set(command.path):
        node.wrong("a pattern in a path would match programs that nobody thought of", "name each program, or use {a,b}")
    elif command.arguments and "" in command.arguments.split(" "):
        node.wrong("two blanks in a row, or one at an end", "write one: arguments are compared joined by single blanks")
    elif command.arguments == '""':
        node.wrong('"" is how sudoers says that there are no arguments', "write the command alone: that is meant then")
    else:
        return True
    return False


def _runs_others(command: Command) -> tuple[str, str] | None:
    """Why a command can run programs that it does not name, and what is safer; None when it cannot, as far as is known."""
    name = command.path.rpartition("/")[2]
    names = {name, _VERSION.sub("", name)}
    words = command.arguments.split()
    if names & _INTERPRETERS:
        script = next((word for word in words if not word.startswith("-")), "")
        if command.pattern or not script.startswith("/"):
            return "runs whatever its user asks for, or has in the directory they are in", "name a script of root's by its whole path"
    elif names & _RUN_AT_ONCE:
        return "runs whatever its user asks for while it runs", "use `edit:` for files, cat to read them, a script of root's for all else"
    elif name in _PAGED:
        quiet = name == "systemctl" and not command.pattern and words and words[0] in _UNPAGED
        if "--no-pager" not in words and not quiet:
            return "has a pager, which runs whatever its user asks for", "use `services:`, or add --no-pager"
    elif names & RUN_OTHERS and not words:
        return "can run other programs when its arguments say so", "write the arguments out"
    elif names & RUN_OTHERS and command.pattern and _chooses_options(command.arguments):
        return "can run other programs when its options say so", "begin each varying argument with something fixed, such as a path"
    return None


def _chooses_options(pattern: str) -> bool:
    """Whether something that varies stands where an argument begins, or within an option."""
    begins, option, begun = True, False, True
    groups: list[tuple[bool, bool, bool]] = []
    for piece in _PIECE.findall(pattern[1:-1]):
        if piece == "(":
            groups.append((begins, option, False))
        elif piece == "|" and groups:
            first, before, found = groups.pop()
            groups.append((first, before, found or option))
            begins, option = first, before
        elif piece == ")" and groups:
            begun, _before, found = groups.pop()
            begins, option = False, option or found
        elif piece in ("?", "*", "{"):
            # What came last may not be there at all.
            begins = begins or begun
        elif piece == " ":
            begins, option, begun = True, False, False
        else:
            if (begins or option) and (piece == "." or piece[:1] == "["):
                return True
            option = piece not in "= " and (option or (begins and piece in ("-", "\\-")))
            begins, begun = False, begins
    return False


def _check_pattern(node: Node, pattern: str, unsafe: str | None) -> None:
    pieces = _PIECE.findall(pattern)
    outline = "".join(piece[0] for piece in pieces)
    if not outline.endswith("$"):
        node.wrong("the pattern is open at its end", "end it with $")
        return
    if outline == "^$":
        node.wrong("the pattern is empty", "write the command alone: no arguments are meant then")
        return
    unwritable = next((sign for sign, found in _unwritable(pieces[:-1]) if found), None)
    if unwritable is not None:
        node.wrong(f"{unwritable} cannot stand in a pattern of sudoers", "write \\# or \\$ for these themselves, and [,] before a blank")
        return
    foreign = next((piece for piece in pieces if re.match(r"\\\w", piece)), "(?" if "(?" in outline else None)
    if foreign is not None:
        node.wrong(f"{foreign} is not of sudo's expressions", "they are POSIX extended ones, see regex(7); write a set like [0-9]")
        return
    # Python's are near enough to find the slips of a hand; visudo has the last word.
    try:
        re.compile("".join(map(_as_python, pieces)))
    except (re.error, OverflowError, RecursionError) as error:
        node.wrong(f"not a regular expression: {error}", "see regex(7); sudo reads extended ones")
        return
    depth = 0
    for char in outline:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "|" and depth == 0:
            node.wrong("the pattern is open: ^ and $ bind to one side of | each", "put the alternatives in ( )")
            return
    if unsafe is None and any(map(_is_wide, pieces)):
        node.wrong(
            "matches blanks or slashes by a dot, a class or a range, and so more arguments than it shows",
            "name the characters, like [a-z0-9-]+, or give the reason with `unsafe: why`",
        )


def _unwritable(pieces: list[str]) -> list[tuple[str, bool]]:
    """What sudoers(5) takes for the end of a pattern, or for a comment, and what our own reader takes for the end of a command."""
    return [
        ("#", any("#" in piece and piece != "\\#" for piece in pieces)),
        ("$", any("$" in piece and piece != "\\$" for piece in pieces)),
        ("a comma before a blank", ", " in "".join(pieces)),
    ]


def _as_python(piece: str) -> str:
    """A piece as Python writes it, with what matters of named classes."""
    if len(piece) == 1 or not piece.startswith("["):
        return piece
    negation = piece.startswith("[^")
    inner = re.sub(r"\[:(\w+):\]", lambda match: _CLASSES.get(match.group(1), "a"), piece[1 + negation : -1])
    return "[" + "^" * negation + re.sub(r"[\\\[\]]", r"\\\g<0>", inner) + "]"


def _is_wide(piece: str) -> bool:
    """Whether it matches a blank or a slash without showing it."""
    negation = piece.startswith("[^")
    shown = "" if negation else piece
    return piece == "." or (
        len(piece) > 1 and piece[0] == "[" and any(re.match(_as_python(piece), char) and char not in shown for char in " /")
    )


def _check_edit(node: Node, text: str, unsafe: str | None) -> None:
    if text.startswith("!"):
        node.wrong("negation does not take power away", "list the files that may be edited")
    elif _check_path(node, text) and unsafe is None and _GLOB & set(text):
        node.wrong("a pattern matches files that nobody thought of", "name each file, or give the reason with `unsafe: why`")
