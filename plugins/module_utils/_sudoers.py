# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sudoers(5) file of a host: made from its access, read back, and compared with what sudo itself says.

Each thing that somebody may do is a :class:`Power`, in the words of sudoers. A file is the powers of all people, grouped
into :class:`Entry` so that it can be read.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, replace
from typing import Iterable, Iterator, Mapping, NamedTuple

from ._access import Access, HostGrant
from ._moment import Moment, earliest
from ._names import GROUP
from ._sudo_rule import Command, SudoRule, commands_of

_SYSTEMCTL = "/usr/bin/systemctl"
_JOURNALCTL = "/usr/bin/journalctl"
# What `services` allows, for each name of the unit. No form has a pager, which would run as root.
_SERVICE_FORMS = (
    *(f"{_SYSTEMCTL} {verb} {{}}" for verb in ("start", "stop", "restart", "reload")),
    f"{_SYSTEMCTL} status --no-pager {{}}",
    f"{_SYSTEMCTL} --no-pager status {{}}",
    f"{_JOURNALCTL} --no-pager -u {{}}",
    *(f"{_JOURNALCTL} --no-pager {options} -u {{}}" for options in ("-b", "-f", "-n 100", "-n 1000")),
)
_FULL = "ALL : ALL"
_WIDTH = 120
_HEAD = """\
# Managed by safetynet.prod_access: a change here is undone by the next run.
# Who may do what on this host, by the grants of the inventory, each with its reason.
"""
_ENTRY = re.compile(r"(?P<users>\S+(?:, \S+)*) ALL = (?P<rest>\(.*)")
_SPEC = re.compile(r"\((?P<run_as>[^)]*)\) (?:NOTAFTER=(?P<until>\d{14}Z) )?(?P<tag>(?:NO)?PASSWD: )?(?P<commands>.+)")
# A list of commands is parted by a comma and a blank; those within one are escaped.
_COMMAND = re.compile(r"(?:[^\\,]|\\.|,(?! ))+")


class Power(NamedTuple):
    """One command that somebody may run, all in the words of sudoers(5)."""

    run_as: str
    password: bool
    until: Moment | None
    command: str

    def as_listed(self) -> Power:
        """The same as ``sudo -l`` shows it, which hides one of two backslashes, but not in a pattern."""
        return self if " ^" in self.command else self._replace(command=self.command.replace("\\\\", "\\"))

    def __str__(self) -> str:
        until = f", until {self.until}" if self.until else ""
        return f"{self.command} as {self.run_as}{until}" + (", with a password" if self.password else "")


@dataclass(frozen=True)
class Entry:
    """One user specification: several people, and what all of them may do."""

    users: tuple[str, ...]
    commands: tuple[str, ...]
    run_as: str = "root"
    password: bool = False
    until: Moment | None = None
    comments: tuple[str, ...] = ()

    def powers(self) -> frozenset[Power]:
        return frozenset(Power(self.run_as, self.password, self.until, command) for command in self.commands)

    def render(self) -> str:
        until = f"NOTAFTER={self.until.last_second()} " if self.until else ""
        head = ", ".join(self.users) + f" ALL = ({self.run_as}) {until}{'' if self.password else 'NO'}PASSWD: "
        return _folded(head + ", ".join(self.commands)) + "\n"


@dataclass(frozen=True)
class Settings:
    """The ``Defaults`` of our people: the search path, the tries for a password, and the minutes for which one is good.

    ``env_file`` leads programs to the label of the host. The role prompt brings it, and sudo does without where it is not there.
    """

    secure_path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    passwd_tries: int = 3
    timestamp_timeout: float = 5
    env_file: str = "/etc/prod-access/sudo.env"

    def render(self) -> str:
        text = (
            f"Defaults:%{GROUP} use_pty, env_reset, !visiblepw, passwd_tries={self.passwd_tries}, "
            f"timestamp_timeout={self.timestamp_timeout:g}\n"
            f'Defaults:%{GROUP} secure_path="{self.secure_path}"\n'
        )
        return text + (f"Defaults:%{GROUP} env_file={self.env_file}\n" if self.env_file else "")


def entries_of(access: Access, now: Moment) -> list[Entry]:
    """What the grants in force give, in the order of the grants; those that ask for a password come first.

    sudo takes the last entry that matches (sudoers(5)), so what one grant gives without a password, another does not take back.
    """
    people: dict[tuple[HostGrant, Moment | None], list[str]] = {}
    for login, person in sorted(access.people.items()):
        for grant in person.in_force(now):
            end = earliest(person.person.until, grant.until)
            people.setdefault((grant, end), []).append(login)
    found = []
    for (grant, end), logins in sorted(people.items(), key=lambda item: (_order(item[0][0].source), item[1])):
        for rule in _rules(grant):
            unsafe = () if rule is None or rule.unsafe is None else (f"unsafe: {rule.unsafe}",)
            comments = (f"{grant.source}: {grant.reason()}", *unsafe)
            commands = ("ALL",) if rule is None else tuple(commands_for(rule))
            run_as = _FULL if rule is None else ", ".join(rule.run_as)
            password = rule is not None and rule.password
            found.append(Entry(tuple(logins), commands, run_as, password, end, comments))
    return sorted(found, key=lambda entry: not entry.password)


def powers_of(entries: Iterable[Entry]) -> dict[str, frozenset[Power]]:
    """What each person may do."""
    powers: dict[str, frozenset[Power]] = {}
    for entry in entries:
        for user in entry.users:
            powers[user] = powers.get(user, frozenset()) | entry.powers()
    return powers


def narrowed(entries: Iterable[Entry], limit: Mapping[str, frozenset[Power]]) -> list[Entry]:
    """The entries without everything that is not within the limit of each person."""
    kept = []
    for entry in entries:
        groups: dict[tuple[str, ...], list[str]] = {}
        for user in entry.users:
            within = {power.command for power in entry.powers() & limit.get(user, frozenset())}
            groups.setdefault(tuple(command for command in entry.commands if command in within), []).append(user)
        kept += [replace(entry, users=tuple(users), commands=commands) for commands, users in groups.items() if commands]
    return kept


def render(entries: Iterable[Entry], settings: Settings) -> str:
    """The whole file."""
    text = _HEAD + settings.render()
    before: tuple[str, ...] = ()
    for entry in entries:
        if entry.comments != before:
            text += "\n" + "".join(map(_comment, entry.comments))
        text += entry.render()
        before = entry.comments
    return text


def parse(text: str) -> list[Entry]:
    """Read back what :func:`render` made, without the comments. Lines of others are passed over."""
    entries = []
    for line in text.replace("\\\n", "").splitlines():
        match = _ENTRY.fullmatch(re.sub(" {2,}", " ", line))
        for power in _powers(match.group("rest")) if match else ():
            entries.append(replace(power, users=tuple(match.group("users").split(", ")) if match else ()))
    return entries


def listed(said: str) -> frozenset[Power]:
    """The powers that ``sudo -l`` names (sudo(8)). A rule without a tag asks for a password."""
    _head, _blank, lines = said.partition(" may run the following commands on ")
    return frozenset().union(*map(listed_line, lines.splitlines()[1:]))


def listed_line(line: str) -> frozenset[Power]:
    """The powers of one such line."""
    return frozenset().union(*(entry.powers() for entry in _powers(line.strip())))


def _powers(text: str) -> Iterator[Entry]:
    match = _SPEC.fullmatch(text)
    if match:
        until = match.group("until")
        yield Entry(
            (),
            tuple(command.lstrip(" ") for command in _COMMAND.findall(match.group("commands"))),
            match.group("run_as"),
            match.group("tag") != "NOPASSWD: ",
            Moment.of_last_second(until) if until else None,
        )


# --- From rules to commands, in the words of sudoers ---


def commands_for(rule: SudoRule) -> Iterator[str]:
    """The commands of a rule as sudoers(5) writes them."""
    if rule.everything:
        yield "ALL"
    for unit in rule.services:
        for name in names_of(unit):
            for form in _SERVICE_FORMS:
                path, _blank, arguments = form.partition(" ")
                yield written(Command(path, arguments.format(name)))
    for text in rule.commands:
        for command in commands_of(text):
            yield written(command)
    for path in rule.edit:
        yield f"sudoedit {_escaped_path(path)}"


def names_of(unit: str) -> tuple[str, ...]:
    """The names under which systemctl(1) knows a unit: it adds the suffix of a service itself."""
    stem, _dot, suffix = unit.rpartition(".")
    return (unit, stem) if suffix == "service" else (unit,)


def written(command: Command) -> str:
    """A command in sudoers(5), so that it matches itself and nothing else; in a wildcard or a pattern, what these say."""
    path = _escaped_path(command.path)
    if not command.arguments:
        return f'{path} ""'
    if command.pattern:
        # A regular expression is taken as it is.
        return f"{path} {command.arguments}"
    return f"{path} {_escaped_arguments(command.arguments)}"


def _escaped_path(path: str) -> str:
    return re.sub(r"[,:=\\!#\"]", r"\\\g<0>", path)


def _escaped_arguments(text: str) -> str:
    # Read twice: by the parser of sudoers, and by fnmatch(3), for which a backslash hides what follows it.
    return re.sub(r"[,:=#]", r"\\\g<0>", text.replace("\\", "\\\\\\\\"))


def _rules(grant: HostGrant) -> tuple[SudoRule | None, ...]:
    """The rules of a grant; None is everything as everybody."""
    if isinstance(grant.sudo, str):
        return (None,) if grant.sudo == "full" else ()
    return grant.sudo


def _order(source: str) -> list[tuple[int, str]]:
    """So that item 10 of a list comes after item 9."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", source)]


def _comment(text: str) -> str:
    lines = textwrap.wrap(text, _WIDTH - 4, break_long_words=False, break_on_hyphens=False)
    # A backslash at the end would take the next line into the comment.
    return "".join(f"# {line} .\n" if line.endswith("\\") else f"# {line}\n" for line in lines)


def _folded(text: str) -> str:
    """One line over several: sudoers(5) takes a backslash at the end of a line for nothing."""
    lines = [""]
    for word in re.split(r"(?<=[^\\], )", text):
        if lines[-1] and len(lines[-1]) + len(word) > _WIDTH:
            lines.append("    ")
        lines[-1] += word
    return " \\\n".join(line.rstrip() for line in lines)
