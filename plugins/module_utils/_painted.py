# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program paints on a terminal: texts, and the colour behind each, read from the bytes that it writes (ECMA-48)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator, Sequence

# Sequences that paint nothing: the terminal's own strings, and control sequences, of which those that end in "m" set colours.
_SEQUENCE = re.compile(r"\x1b(?:\[([0-?]*[ -/]*)([@-~])|[PX^_k\]].*?(?:\x07|\x1b\\)|[ -/]*[0-~])", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# The first 16 of the palette, as xterm has them; terminals may choose others, of the same hue.
_BASIC = "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5 7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff".split()
_LEVELS = (0, 95, 135, 175, 215, 255)


@dataclass(frozen=True)
class Painted:
    """A piece of text on one background; ``colour`` is empty where that is the terminal's own."""

    text: str
    colour: str = ""


def painted(text: str) -> list[Painted]:
    """The pieces of a text, in their order. What moves the cursor is passed over: this is no screen."""
    found: list[Painted] = []
    colour = ""
    for piece, parameters in _pieces(text):
        if piece:
            if found and found[-1].colour == colour:
                piece = found.pop().text + piece
            found.append(Painted(piece, colour))
        if parameters is not None:
            colour = _background(parameters, colour)
    return found


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """Each text, with the parameters that follow it and set colours, or None."""
    start = 0
    for match in _SEQUENCE.finditer(text):
        sets = match.group(2) == "m" and not match.group(1).startswith((">", "<", "=", "?"))
        yield _CONTROL.sub("", text[start : match.start()]), match.group(1) if sets else None
        start = match.end()
    yield _CONTROL.sub("", text[start:]), None


def _background(parameters: str, colour: str) -> str:
    """The colour behind what follows "Select Graphic Rendition"."""
    numbers = [int(part) if part.isdigit() else 0 for part in re.split("[;:]", parameters)]
    while numbers:
        number = numbers.pop(0)
        if number in (0, 49):
            colour = ""
        elif 40 <= number <= 47:
            colour = _of_palette(number - 40)
        elif 100 <= number <= 107:
            colour = _of_palette(number - 92)
        elif number in (38, 48):
            chosen, numbers = _extended(numbers)
            colour = chosen if number == 48 else colour
    return colour


def _extended(numbers: list[int]) -> tuple[str, list[int]]:
    """A colour of 256, or of all, and what is left of the parameters."""
    if numbers[:1] == [5] and len(numbers) > 1:
        return _of_palette(numbers[1]), numbers[2:]
    if numbers[:1] == [2] and len(numbers) > 3:
        return hue(numbers[1:4]), numbers[4:]
    return "", []


def _of_palette(number: int) -> str:
    if number < 16:
        return hue(list(bytes.fromhex(_BASIC[number])))
    if number < 232:
        return hue([_LEVELS[(number - 16) // power % 6] for power in (36, 6, 1)])
    return "grey"


def hue(rgb: Sequence[int]) -> str:
    """What people call a colour: red, amber, green, blue, grey, or another one."""
    red, green, blue = rgb
    most, least = max(rgb), min(rgb)
    if most - least < 48:
        return "grey"
    if most == red and green < 0.45 * red and blue < 0.6 * red:
        return "red"
    if most == red and green > 1.4 * blue:
        return "amber"
    if most == green and red < 0.85 * green:
        return "green"
    return "blue" if most == blue and red < 0.85 * blue else "another colour"
