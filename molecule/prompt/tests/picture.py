"""A picture of a terminal, from its cells: one SVG that needs nothing else, for a page of documentation; or for another terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from terminal import Cell, Rows, text_of

# A monospaced glyph is about six tenths as wide as it is high; every text says its width, so that any font keeps to the grid.
_SIZE, _WIDTH, _HEIGHT = 15, 9, 20
_BAR, _MARGIN = 34, 14
_FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
_INK, _PAPER, _FRAME, _QUIET = "d8dee9", "1b1f27", "2b303b", "9aa3b2"
_BUTTONS = ("ff5f57", "febc2e", "28c840")

# The first sixteen colours, under pyte's names. What a person has set for them is their own; these are a usual choice.
_NAMED = {
    "default": _INK, "ink": _INK, "paper": _PAPER,
    "black": "14171c", "red": "c01c28", "green": "2ec27e", "brown": "e5a50a",
    "blue": "3584e4", "magenta": "a347ba", "cyan": "2aa1b3", "white": "d0cfcc",
    "brightblack": "5e5c64", "brightred": "f66151", "brightgreen": "57e389", "brightbrown": "f8e45c",
    "brightblue": "62a0ea", "brightmagenta": "dc8add", "brightcyan": "5bc8af", "brightwhite": "ffffff",
}  # fmt: skip

_FIRST_EIGHT = ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white")

# A terminal may hold what XML may not.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg(cells: Rows, *, title: str, cursor: tuple[int, int] | None = None) -> str:
    """A terminal's window, down to its last line with text. The title is what the window's bar says."""
    rows = used(cells, cursor)
    columns = max((len(row) for row in rows), default=0)
    width, height = columns * _WIDTH + 2 * _MARGIN, len(rows) * _HEIGHT + _BAR + 2 * _MARGIN
    said = "\n".join(text_of(row).rstrip() for row in rows)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            f'role="img" aria-labelledby="title text" font-family="{_FONT}" font-size="{_SIZE}">',
            f'<title id="title">{_text(title)}</title>',
            f'<desc id="text">{_text(said)}</desc>',
            f'<rect width="{width}" height="{height}" rx="9" fill="#{_PAPER}"/>',
            f'<path d="M0 {_BAR}V9a9 9 0 0 1 9-9H{width - 9}a9 9 0 0 1 9 9V{_BAR}z" fill="#{_FRAME}"/>',
            *(f'<circle cx="{20 + 20 * at}" cy="{_BAR // 2}" r="6" fill="#{fill}"/>' for at, fill in enumerate(_BUTTONS)),
            f'<text x="{width / 2:g}" y="{_BAR // 2 + 5}" fill="#{_QUIET}" font-size="13" text-anchor="middle">{_text(title)}</text>',
            f'<g transform="translate({_MARGIN} {_BAR + _MARGIN})" xml:space="preserve" style="white-space:pre">',
            *(line for y, row in enumerate(rows) for line in _row(row, y)),
            *([_cursor(*cursor)] if cursor else []),
            "</g>",
            "</svg>",
            "",
        ]
    )


def painted(row: Sequence[Cell]) -> str:
    """A row as another terminal shows it, in any colours that one has: by the numbers of ECMA-48 and of xterm."""
    text = ""
    for _x, run in _runs(row):
        looks = [*_sgr(run[0].foreground, 30), *_sgr(run[0].background, 40), *["1"] * run[0].bold, *["4"] * run[0].underlined]
        text += f"\x1b[{';'.join(looks)}m{text_of(run)}\x1b[0m" if looks else text_of(run)
    return text


def _sgr(colour: str, first: int) -> list[str]:
    if colour in ("default", "ink", "paper"):
        return [] if colour == "default" else ["7"]
    if colour in _NAMED:
        name = colour.removeprefix("bright")
        return [str(first + _FIRST_EIGHT.index(name) + (60 if name != colour else 0))]
    return [f"{first + 8};2;{';'.join(str(int(colour[at : at + 2], 16)) for at in (0, 2, 4))}"]


def used(cells: Rows, cursor: tuple[int, int] | None = None) -> Rows:
    """The rows down to the last one with text, or to the cursor."""
    last = max((y for y, row in enumerate(cells) if text_of(row).strip()), default=-1)
    return cells[: max(last, cursor[1] if cursor else -1) + 1]


def _row(row: Sequence[Cell], y: int) -> Iterator[str]:
    """The backgrounds first, since a glyph may reach out of its cell."""
    runs = list(_runs(row))
    for x, run in runs:
        if run[0].background != "default":
            place = f'x="{x * _WIDTH}" y="{y * _HEIGHT}" width="{len(run) * _WIDTH}" height="{_HEIGHT}"'
            yield f'<rect {place} fill="#{_colour(run[0].background)}" shape-rendering="crispEdges"/>'
    for x, run in runs:
        inked = [at for at, cell in enumerate(run) if cell.text != " "]
        if inked:
            yield _glyphs(x + inked[0], y, run[inked[0] : inked[-1] + 1])


def _runs(row: Sequence[Cell]) -> Iterator[tuple[int, list[Cell]]]:
    """Neighbours that look the same, and where they begin."""
    x = 0
    for _, neighbours in groupby(row, key=lambda cell: cell[1:]):
        run = list(neighbours)
        yield x, run
        x += len(run)


def _glyphs(x: int, y: int, run: Sequence[Cell]) -> str:
    look = (
        f' fill="#{_colour(run[0].foreground)}"' + ' font-weight="bold"' * run[0].bold + ' text-decoration="underline"' * run[0].underlined
    )
    place = f'x="{x * _WIDTH}" y="{y * _HEIGHT + 15}" textLength="{len(run) * _WIDTH}" lengthAdjust="spacingAndGlyphs"'
    return f"<text {place}{look}>{_text(text_of(run))}</text>"


def _cursor(x: int, y: int) -> str:
    return f'<rect x="{x * _WIDTH}" y="{y * _HEIGHT + 1}" width="{_WIDTH}" height="{_HEIGHT - 2}" fill="#{_INK}" opacity="0.75"/>'


def _colour(name: str) -> str:
    return _NAMED.get(name, name)


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))
