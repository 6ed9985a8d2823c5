"""Finds the label among the cells of a screen. It knows no host and no terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rows import Case, Environment
from terminal import Cell, Rows, text_of


@dataclass
class Seen:
    """A label on a screen: its colours by name, whether it stands on a line above the person's own, and what is wrong around it."""

    shows: str = "none"
    above: bool = False
    problems: list[str] = field(default_factory=list)
    screen: str = ""
    seconds: float = 0
    # The program is not on this host.
    missing: bool = False

    def verdict(self, case: Case) -> str:
        """What is wrong with it; nothing, when it is as the row says."""
        problems = list(self.problems)
        if self.shows != case.expected and not self.missing:
            problems.insert(0, f"shows {self.shows}, not {case.expected}" + (": the hole is closed" if case.row.hole else ""))
        return "; ".join(problems)


def look(cells: Rows, line: int, before: str, case: Case) -> Seen:
    """Find the label in front of the prompt on a line, or on the lines before it that belong to the same prompt."""
    row, label = case.row, case.environment.label
    after = row.dotfiles.after
    own = text_of(cells[line])
    problems = []
    if row.shown not in own:
        problems.append(f"what was typed is not there: {row.shown}")
    # A hole is an editor that shows something else, for one.
    if not own[after:].startswith(before.rstrip()[after:]) and not row.hole:
        problems.append(f"typing changed the prompt from {before!r} to {own.rstrip()!r}")
    if row.own not in own:
        problems.append(f"the person's own prompt is not there: {row.own}")
    if row.announced and not any(text_of(line).rstrip() == f" {label}  {case.host}" for line in cells):
        problems.append("no line says it either")
    for up in range(min(row.dotfiles.lines, line + 1)):
        found = cells[line - up][after:]
        shows = _label(found, case.environment)
        if shows != "none":
            break
    else:
        return Seen(problems=problems)
    if sum(text_of(cells[line - higher]).count(label) for higher in range(up + 1)) != 1:
        problems.append("there is more than one label")
    if shows != "plain" and any(cell.background == found[0].background for cell in found[len(label) + 2 :]):
        problems.append("the label's colour runs on")
    return Seen(shows, above=up > 0, problems=problems)


def _label(row: Sequence[Cell], of: Environment) -> str:
    text = text_of(row)
    if of.label not in text:
        return "none"
    width = len(of.label) + 2
    colours = {(cell.foreground, cell.background) for cell in row[:width]}
    if text.startswith(f"[{of.label}] ") and colours == {("default", "default")}:
        return "plain"
    if text.startswith(f" {of.label}  ") and len(colours) == 1 and row[width].background == "default":
        colour = colours.pop()
        return next((name for name, cell in of.cells.items() if cell == colour), " on ".join(colour))
    return f"something else: {text.rstrip()!r} {sorted(colours)}"
