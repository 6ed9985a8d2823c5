"""The matrix as text: for the end of a test run, and for docs/prompts.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

from label import Seen
from rows import GROUPS, RELEASES, Case, Row

BEGIN, END = (
    "<!-- Written by `make prompts`: run it again instead of editing this part. -->",
    "<!-- The end of what `make prompts` writes. -->",
)
_DEPTHS = {"16": "16 colours", "256": "256 colours", "true": "true colour"}

Results = Mapping[Case, Seen]


def summary(results: Results) -> Iterator[str]:
    """The rows by what was seen, on each host where hosts differ; "!" is beside what is not as it should be."""
    for title, rows in GROUPS.items():
        by_words = defaultdict(list)
        for row, cases in _looked_at(rows, results):
            by_words[" | ".join(dict.fromkeys(_word(case, results[case]) for case in cases))].append(row.id)
        for words, ids in by_words.items():
            yield from wrap(f"{title}, {words}: {' '.join(ids)}", 76, subsequent_indent="    ", break_on_hyphens=False)


def _word(case: Case, seen: Seen) -> str:
    word = "not there" if seen.missing else seen.shows[:14] + (", above" if seen.above else "")
    return f"{word}!" if seen.verdict(case) else word


def _looked_at(rows: Sequence[Row], results: Results) -> Iterator[tuple[Row, list[Case]]]:
    for row in rows:
        if cases := [case for case in (Case(row, name) for name in row.hosts) if case in results]:
            yield row, cases


def tables(results: Results) -> str:
    """The matrix for the documentation, a table for each part."""
    return "\n\n".join(_table(title, list(_looked_at(rows, results)), results) for title, rows in GROUPS.items())


def _table(title: str, looked_at: Sequence[tuple[Row, list[Case]]], results: Results) -> str:
    releases = sorted({RELEASES[case.host] for _, cases in looked_at for case in cases})
    terms = ["`TERM`"] if len({row.term for row, _ in looked_at}) > 1 else []
    head = ["shell", "way", "dotfiles", *terms, *releases]
    lines = [head, ["---"] * len(head)]
    for row, cases in looked_at:
        cells = {RELEASES[case.host]: _cell(case, results[case]) for case in cases}
        lines.append([row.shell, row.way, row.dotfiles.what, *(row.term for _ in terms), *(cells.get(release, "") for release in releases)])
    return f"### {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(case: Case, seen: Seen) -> str:
    if seen.missing:
        return "not installed"
    if seen.shows == "none":
        return f"**none**: {case.row.hole}"
    if seen.shows == "reversed":
        return "in reversed video"
    text = f"`[{case.environment.label}]`" if seen.shows == "plain" else f"{case.environment.colour}, {_DEPTHS[seen.shows]}"
    return text + (", on the line above" if seen.above else "")


def between(page: str, written: str) -> str:
    """The page with what is written between the two marks renewed."""
    head, mark, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"the page has no lines {BEGIN!r} and {END!r}")
    return f"{head}{BEGIN}\n\n{written}\n\n{END}{tail}"
