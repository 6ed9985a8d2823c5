"""The page of what is proven, in a browser: what a reader sees and opens, by mouse and by keyboard, and that hostile texts stay texts."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._report_page import PROVE
from ansible_collections.safetynet.prod_access.tests.unit import proofs
from playwright.sync_api import Page, expect

from .conftest import OpenReport
from .inventories import HOSTILE
from .looks import WIDTHS, check_page, check_panel, contrast, luminance

BAD: dict[str, Any] = {"record": {"events": []}, "host": {"ways_in": ["carol"]}}


def opened(open_report: OpenReport, given: dict[str, Any] | None = None, **options: Any) -> Page:
    return open_report(given or proofs.page(**BAD), PROVE, **options)


def shown(page: Page) -> list[str]:
    return [name.split()[0] for name in page.locator("#matrix tbody th").all_inner_texts()]


def test_a_reader_sees_what_does_not_hold_and_how_to_mend_it(open_report: OpenReport) -> None:
    page = opened(open_report)
    expect(page.locator("#verdict")).to_have_text("no")
    assert page.locator("#counts").inner_text().split("\n") == ["1", "broken", "1", "not known", "0", "need a look", "1", "hold"]
    rows = [row.inner_text() for row in page.locator("#wrong tbody tr").all()]
    assert "a canary of this run was not at log1 within 30 s" in rows[0]
    assert "systemctl status prod-access-audit-ship" in rows[0]
    assert sum("gone1" in row for row in rows) == 2, "what could not be seen is told once for each reason"
    assert rows[1].startswith("recorded, prompt, backup, restore, sudo, ways in, access, ends, clock, certificates\tgone1\tunreachable")
    assert "only carol can log in" in rows[-1]
    assert shown(page) == ["web1", "web2", "gone1"]
    expect(page.get_by_role("button", name="web1, recorded: holds, 1.4 s")).to_be_visible()
    expect(page.locator("#made")).to_contain_text("compared with 11 earlier runs")


def test_where_all_holds_it_says_so(open_report: OpenReport) -> None:
    given = proofs.page(runs=1)
    given["hosts"] = given["hosts"][:2]
    page = opened(open_report, given)
    expect(page.locator("#verdict")).to_have_text("yes")
    expect(page.locator("#wrong")).to_contain_text("Nothing: every promise was seen to hold on every host.")
    assert page.locator(".trend").count() == 0, "one run is no trend"


def test_a_proof_opens_with_its_evidence_and_its_trend(open_report: OpenReport) -> None:
    page = opened(open_report)
    page.get_by_role("button", name="web2, recorded: does not hold, not seen").click()
    text = page.locator("#panel").inner_text()
    for part in (
        "web2: recorded",
        "does not hold",
        "was not at log1",
        "How to mend it",
        "between 1.4 and 1.4. It did not hold in 1 run of 12.",
    ):
        assert part in text, part
    expect(page.locator("#panel").get_by_role("img")).to_have_accessible_name("recorded of web2 in the last 12 runs: seconds on the way")
    assert page.locator("#panel .trend rect.broken").count() == 1
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#panel")).to_be_hidden()


def test_the_keyboard_does_all_that_the_mouse_does(open_report: OpenReport) -> None:
    page = opened(open_report)
    cell = page.get_by_role("button", name="web1, prompt: holds, red")
    cell.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel")).to_contain_text("bash shows PRODUCTION on red")
    expect(page.locator("#panel-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(cell).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("web1, backup: ")


def test_search_and_filters(open_report: OpenReport) -> None:
    page = opened(open_report)
    page.get_by_label("Search hosts").fill("WEB")
    assert shown(page) == ["web1", "web2"]
    expect(page.locator("#status")).to_have_text("Showing 2 of 3 hosts.")
    page.get_by_label("Only what does not hold").check()
    assert shown(page) == ["web2"]
    page.get_by_label("Search hosts").fill("nothing")
    expect(page.locator("#status")).to_have_text("Nothing fits. Clear the search or a filter.")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#status")).to_have_text("Showing all 3 hosts.")
    page.get_by_role("combobox", name="Environment").select_option("(none)")
    assert shown(page) == ["gone1"]


def test_hostile_texts_stay_texts(open_report: OpenReport) -> None:
    given = proofs.page(**BAD)
    given["hosts"][1].update(name=HOSTILE, environment=HOSTILE)
    for proof in given["hosts"][1]["proofs"]:
        proof.update(evidence=HOSTILE, mend=HOSTILE, short=HOSTILE)
    page = opened(open_report, given)
    page.locator("#matrix tbody tr").nth(1).locator(".cell").first.click()
    assert "<img" in page.locator("#panel").inner_text()
    assert page.locator("img, iframe, a[href^=javascript]").count() == 0


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_three_widths_in_light_and_dark(open_report: OpenReport, width: int, scheme: str) -> None:
    page = opened(open_report, viewport={"width": width, "height": 900}, color_scheme=scheme)
    check_page(page, scheme)
    # Each state can be read, and is more than a colour: it has a shape and a word.
    for mark in page.locator("#legend .mark").all():
        own, back = mark.evaluate("(mark) => [getComputedStyle(mark).color, getComputedStyle(mark).backgroundColor]")
        card = page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor")
        assert contrast(own, card if back == "rgba(0, 0, 0, 0)" else back) > 4.5, mark.inner_text()
    page.locator(".cell").first.click()
    check_panel(page, width)


def test_paper_has_the_findings_and_no_controls(open_report: OpenReport) -> None:
    page = opened(open_report)
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("#controls")).to_be_hidden()
    expect(page.locator("#wrong")).to_contain_text("was not at log1")
    assert luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 0.9
    assert page.pdf().startswith(b"%PDF-")


def test_five_hundred_hosts_open_and_answer_at_once(open_report: OpenReport) -> None:
    given = proofs.page(runs=30, **BAD)
    some = given["hosts"]
    given["hosts"] = [{**copy.deepcopy(some[number % 2]), "name": f"host{number}"} for number in range(500)]
    page = opened(open_report, given)
    assert page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") < 5000
    expect(page.locator("#matrix tbody tr")).to_have_count(100)
    page.get_by_role("button", name="Show 400 more hosts").click()
    expect(page.locator("#matrix tbody tr")).to_have_count(500)
    began = time.monotonic()
    page.get_by_label("Search hosts").fill("host499")
    expect(page.locator("#matrix tbody tr")).to_have_count(1)
    expect(page.locator("#more")).to_be_hidden()
    assert page.locator("#wrong tbody tr").count() == 2, "what is alike is told once"
    expect(page.locator("#wrong tbody tr").first).to_contain_text("host1, host3, host5, host7, host9, host11, host13, host15 and 242 more")
    assert time.monotonic() - began < 2
