"""The commands in README.md, docs/ and the roles' pages, with what they are said to print; and how each can run on the fleet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from desk import ROOT

PAGES = [
    *map(ROOT.joinpath, ("README.md", "SECURITY.md", "CONTRIBUTING.md")),
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("roles/*/README.md")),
]

# Why a command does not run here; each is a pattern for the whole of it.
NOT_HERE = {
    r"make (demo|test|bench|docs)": "these gates run this one, or make what it reads",
    r"\.venv/bin/pytest molecule/.*": "a test of another scenario",
    r"ansible-galaxy collection install --upgrade .*": "the registry is not in reach: the archive is built and installed instead",
    r"ansible-playbook .*safetynet\.prod_access\.site": "it is how this scenario begins",
    r"ansible-playbook .*safetynet\.prod_access\.site --limit stage1,log1": "the same",
    r"ansible-playbook .*safetynet\.prod_access\.audit": "the same, but for prompts and access",
    r"ansible-playbook .*audit_selftest --limit db1 -u carol": "it takes a minute and a half; molecule/audit runs it",
    r"ansible-playbook .*uninstall --limit stage1 -e uninstall=true": "test_leaving.py runs it, and brings back what it takes away",
    r"ansible-playbook .*safetynet\.prod_access\.restore .*": "molecule/backup drops what it restores",
    r"ansible-playbook .*safetynet\.prod_access\.prove": "molecule/site runs it, where backups were proven",
    r"restic .*": "molecule/backup runs restic on a repository of its own",
    r"prod-access-audit-notify try operations": "the example has no chat; molecule/notify/tests has, and tries it",
    r"(apt|gpasswd|ansible-builder) .*": "it changes what the fleet shares with other scenarios, or needs a registry",
}
# What a placeholder of the text is here.
IN_PLACE = {
    # The fleet's inventory says as whom it connects, and that wins over -u.
    r" -u carol": " -e ansible_user=carol",
    # It goes on until it is stopped.
    r"(prod-access-audit follow .*)": r"timeout 2 \1; test $? = 124",
}
# Where it is typed, if the prompt does not say it.
ON = {r"sudo prod-access-audit.*": "carol@log1", r"(journalctl -u )?prod-access-audit-notify.*": "root@log1", r"announce .*": "alice@web1"}
# How it ends, if not with zero.
ENDS = {
    ("README.md", "ssh ann@web1"): 255,
    ("docs/playbooks.md", "ansible-playbook -i inventory safetynet.prod_access.offboard -e person=alice"): 2,
    ("docs/playbooks.md", "ansible-playbook -i inventory safetynet.prod_access.postmortem --tags lint"): 2,
    ("docs/postmortem.md", "ansible-playbook -i inventory safetynet.prod_access.postmortem --tags lint"): 2,
}
# What is printed depends on more than the command; each is a pattern for a line, and why it is not looked for.
NOT_COMPARED = {
    r"[+]host: .*": "these hosts have known the collection before",
    r".*alice as postgres.*DROP TABLE.*": "nobody dropped a table here today",
    r"postmortems/.*": "which questions wait depends on what the record has",
    r"WARNING: .*": "there is no incident here, and it is folded to fit the page",
}

_INDENTED = r"ansible|prod-access|journalctl|python|make|\.venv|restic|announce"


class Command(NamedTuple):
    """One command of a page, where it is typed (``person@host``, or empty for the controller), and the lines that it prints."""

    page: str
    text: str
    where: str
    prints: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Why it does not run here; empty where it does."""
        return next((why for pattern, why in NOT_HERE.items() if re.fullmatch(pattern, self.text)), "")

    def line(self) -> str:
        text = self.text
        for pattern, put in IN_PLACE.items():
            text = re.sub(pattern, put, text)
        return text


def commands() -> Iterator[Command]:
    for path in PAGES:
        yield from _of_page(str(path.relative_to(ROOT)), path.read_text())


def _of_page(page: str, text: str) -> Iterator[Command]:
    text = re.sub(r" *\\\n +", " ", text)
    for console, indented in re.findall(rf"(?ms)^```console\n(.*?)^```|^ {{4}}((?:{_INDENTED})[a-z./-]* [^\n]+)$", text):
        if indented:
            yield _command(page, "", indented, ())
            continue
        for where, line, prints in re.findall(r"(?m)^(\w+@\w+)?\$ (.+)\n((?:(?!(?:\w+@\w+)?\$ ).*\n)*)", console):
            yield _command(page, where, line, tuple(prints.splitlines()))


def _command(page: str, where: str, line: str, prints: tuple[str, ...]) -> Command:
    text = re.sub(r" {2,}#.*", "", line).strip()
    where = where or next((place for pattern, place in ON.items() if re.fullmatch(pattern, text)), "")
    return Command(page, text, where, prints)


def missing(prints: tuple[str, ...], said: str) -> list[str]:
    """The lines that were to be printed and were not, in their order; numbers, times and hashes aside."""
    lines = iter(map(_alike, said.splitlines()))
    wanted = [line for line in prints if line.strip(" .…") and not any(re.fullmatch(pattern, line.strip()) for pattern in NOT_COMPARED)]
    return [line for line in wanted if not any(re.fullmatch(_pattern(line), found) for found in lines)]


def _alike(line: str) -> str:
    line = re.sub(r"SHA256:\S+", "SHA256", line.strip())
    return re.sub(r"\s+", " ", re.sub(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b|\d[\d,.:T-]*\d*Z?", "0", line)).replace("changes", "change")


def _pattern(line: str) -> str:
    return ".*".join(map(re.escape, re.split("…", _alike(line))))


def files(page: Path) -> dict[str, str]:
    """The files that a page says to write: those of its YAML whose first line is a comment with a path."""
    found = {}
    for block in re.findall(r"(?ms)^```yaml\n(.*?)^```", page.read_text()):
        parts = re.split(r"(?m)^# ((?:[\w-]+/)*[\w-]+\.yml)\n", block)
        found.update(zip(parts[1::2], parts[2::2], strict=True))
    return found
