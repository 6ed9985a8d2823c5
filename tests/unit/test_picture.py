"""A picture of a terminal is sound XML, whatever was on the terminal, and looks like it."""

from __future__ import annotations

from xml.etree import ElementTree

from picture import painted, svg
from terminal import Cell, Ink

SVG = "{http://www.w3.org/2000/svg}"


def cells(text: str, **look: str) -> list[Cell]:
    return [Cell(char, **look) for char in text]


def test_colours_are_rectangles_under_text_on_a_grid() -> None:
    row = [*cells(" RED ", foreground="brightwhite", background="d70000"), *cells(" $ ls  ")]
    root = ElementTree.fromstring(svg([row, cells("     ")], title="ssh web1", cursor=(9, 0)))
    grid = root.findall(f"{SVG}g/*")
    assert [element.tag.removeprefix(SVG) for element in grid] == ["rect", "text", "text", "rect"]
    back, label, prompt, cursor = (element.attrib for element in grid)
    assert (back["x"], back["width"], back["fill"]) == ("0", "45", "#d70000")
    assert (label["x"], label["textLength"], label["fill"]) == ("9", "27", "#ffffff")
    assert (prompt["x"], prompt["textLength"]) == ("54", "36")
    assert cursor["x"] == "81"


def test_hostile_text_is_text() -> None:
    hostile = "</desc><script>alert('1')</script>&amp;\"]]>\x00\x1b\ufffe"
    root = ElementTree.fromstring(svg([cells(hostile)], title=hostile))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {"svg", "title", "desc", "rect", "path", "circle", "text", "g"}
    assert root.findtext(f"{SVG}desc") == root.findtext(f"{SVG}title") == hostile[:-3] + "\ufffd" * 3


def test_wide_characters_take_two_places() -> None:
    row = [Cell("漢", bold=True), Cell("", bold=True), *cells("$")]
    texts = ElementTree.fromstring(svg([row], title="")).findall(f"{SVG}g/{SVG}text")
    assert [(text.get("x"), text.get("textLength")) for text in texts] == [("0", "18"), ("18", "9")]


def test_an_empty_screen_is_a_window_all_the_same() -> None:
    assert ElementTree.fromstring(svg([cells("   ")], title="")).get("height") == "62"


def test_another_terminal_shows_the_same_cells() -> None:
    row = [
        *cells(" RED ", foreground="brightwhite", background="d70000", bold=True),
        *cells(" $ "),
        *cells("amber", foreground="black", background="brown", underlined=True),
        *cells("turned", foreground="paper", background="ink"),
    ]
    ink = Ink(len(row), 1, answer=lambda _said: None)
    ink.feed(painted(row).encode())
    assert ink.cells() == [row]
