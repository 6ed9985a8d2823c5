"""What every page must be at every width: legible, and not wider than the window."""

from __future__ import annotations

import re

from playwright.sync_api import Page

WIDTHS = (360, 800, 1600)


def check_page(page: Page, scheme: str) -> None:
    """Nothing stands outside the window, and the text can be read, dark on light or light on dark as is wanted."""
    assert sideways(page) == 0
    back, text = page.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    assert contrast(back, text) > 7
    assert (luminance(back) > luminance(text)) == (scheme == "light")


def check_panel(page: Page, width: int) -> None:
    """The panel that was opened is within the window, in pixels."""
    box = page.locator("#panel").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert sideways(page) == 0


def check_policy(page: Page) -> None:
    """The page may run its one script and use its one style, and nothing else."""
    policy = page.locator('meta[http-equiv="Content-Security-Policy"]').get_attribute("content") or ""
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert len(re.findall(r"'sha256-[A-Za-z0-9+/]{43}='", policy)) == 2


def sideways(page: Page) -> int:
    """How many pixels of the page stand outside its width."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def luminance(colour: str) -> float:
    """WCAG 2.2, "relative luminance", of a colour as the browser computed it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)
