"""The page of the report, in a browser: what a reader sees, by mouse and by keyboard, and that hostile texts stay texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from . import inventories
from .conftest import OpenReport
from .looks import WIDTHS, check_page, check_panel, check_policy, contrast

SMALL = inventories.small()


def cell(page: Page, person: str, host: str) -> str:
    """What the matrix shows of a person on a host, beside drift: full, rules, login, or nothing."""
    return page.locator(f'[role=gridcell][aria-label^="{person} on {host}:"]').inner_text()


def people(page: Page) -> list[str]:
    return page.locator("#grid .who b").all_inner_texts()


def hosts(page: Page) -> list[str]:
    return [name.split()[0] for name in page.locator("#grid [role=columnheader].host").all_inner_texts()]


def explanation(page: Page) -> str:
    expect(page.locator("#panel")).to_be_visible()
    return page.locator("#panel").inner_text()


def test_the_matrix_says_who_may_do_what_where(open_report: OpenReport) -> None:
    page = open_report(SMALL)
    assert people(page) == ["alice", "bob", "carol", "dave"]
    assert hosts(page) == ["web1", "web2", "db1", "gone1"]
    shown = {
        person: [cell(page, person, host).split() for host in ("web1", "db1", "gone1")] for person in ("alice", "bob", "carol", "dave")
    }
    assert shown == {
        "alice": [["rules"], [], []],
        "bob": [["rules"], ["login"], []],
        "carol": [["full"], ["full", "drift"], ["full"]],
        "dave": [[], [], []],
    }
    expect(page.locator("#unread")).to_contain_text("1 host could not be read.")
    expect(page.locator("#status")).to_have_text("Showing all 4 people and all 4 hosts.")


@pytest.mark.parametrize(
    ("words", "who", "where"),
    [
        ("smith", ["alice"], ["web1", "web2", "db1", "gone1"]),
        ("DB1", ["alice", "bob", "carol", "dave"], ["db1"]),
        ("carol staging", ["carol"], ["db1"]),
        ("departed", ["dave"], ["web1", "web2", "db1", "gone1"]),
        ("person:shop host:web", ["alice", "bob"], ["web1", "web2"]),
        ("person:db", [], []),
        ("nobody has such a name", [], []),
    ],
)
def test_search(open_report: OpenReport, words: str, who: list[str], where: list[str]) -> None:
    page = open_report(SMALL)
    page.get_by_label("Search people and hosts").fill(words)
    if who:
        assert (people(page), hosts(page)) == (who, where)
    else:
        expect(page.locator("#grid")).to_be_hidden()
        expect(page.locator("#status")).to_have_text("Nothing fits. Clear the search or a filter.")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#status")).to_have_text("Showing all 4 people and all 4 hosts.")
    assert len(people(page)) == 4


@pytest.mark.parametrize(
    ("label", "choice", "who", "where"),
    [
        ("Environment", "staging", ["alice", "bob", "carol", "dave"], ["db1"]),
        ("Environment", "(none)", ["alice", "bob", "carol", "dave"], ["gone1"]),
        ("Team", "sre", ["carol"], ["web1", "web2", "db1", "gone1"]),
        ("Kind of team", "development", ["alice", "bob"], ["web1", "web2", "db1", "gone1"]),
        ("Power", "login", ["bob"], ["db1"]),
    ],
)
def test_filters(open_report: OpenReport, label: str, choice: str, who: list[str], where: list[str]) -> None:
    page = open_report(SMALL)
    page.get_by_role("combobox", name=label, exact=True).select_option(choice)
    assert (people(page), hosts(page)) == (who, where)


def test_ticks_leave_drift_alone_and_hide_what_is_empty(open_report: OpenReport) -> None:
    page = open_report(SMALL)
    page.get_by_label("Only drift").check()
    assert (people(page), hosts(page)) == (["carol"], ["db1"])
    page.get_by_label("Only drift").uncheck()
    page.get_by_label("Hide empty rows and columns").check()
    assert people(page) == ["alice", "bob", "carol"]


def test_findings_follow_the_search(open_report: OpenReport) -> None:
    page = open_report(SMALL)
    expect(page.locator("#unsafe tbody tr")).to_have_count(4)
    page.get_by_label("Search people and hosts").fill("alice web2")
    expect(page.locator("#unsafe tbody tr")).to_have_count(1)
    expect(page.locator("#unsafe")).to_contain_text("/usr/sbin/traceroute *")
    expect(page.locator("#unsafe")).to_contain_text("Showing 1 of 4")


def test_a_click_explains_a_cell(open_report: OpenReport) -> None:
    page = open_report(SMALL)
    page.locator('[role=gridcell][aria-label^="alice on web1:"]').click()
    text = explanation(page)
    for part in (
        "alice on web1",
        "They build the shop.",
        "web.yml: prod_access_grants_web[0]",
        "services shop.service as root",
        "/usr/sbin/traceroute * as root",
        "Any argument is possible.",
        "until 2026-12-01 00:00 (in 5 days)",
        "read 2026-11-25 11:00",
    ):
        assert part in text
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#panel")).to_be_hidden()
    page.locator('[role=gridcell][aria-label^="carol on db1:"]').click()
    assert "in the group docker, which no grant gives" in explanation(page)
    page.locator("#grid .who", has_text="dave").click()
    assert "No access to any host." in explanation(page)
    page.locator("#grid .host", has_text="gone1").click()
    assert "This host could not be read" in explanation(page)


def test_the_keyboard_does_all_that_the_mouse_does(open_report: OpenReport) -> None:
    page = open_report(SMALL)
    grid = page.locator("#grid")
    grid.focus()
    for key in ("ArrowDown", "ArrowDown", "End", "ArrowLeft"):
        page.keyboard.press(key)
    active = page.locator("#" + (grid.get_attribute("aria-activedescendant") or ""))
    assert (active.get_attribute("aria-label") or "").startswith("carol on db1: full, drift")
    page.keyboard.press("Enter")
    assert "carol on db1" in explanation(page)
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(grid).to_be_focused()
    page.keyboard.press("Control+Home")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    assert explanation(page).startswith("alice")


def test_hostile_texts_are_shown_as_they_are(open_report: OpenReport) -> None:
    page = open_report(SMALL)
    shown = inventories.HOSTILE.replace("\u202e", "\\u202e")
    assert shown in page.locator("#unread").inner_text()
    assert shown in page.locator("#strays").inner_text()
    page.locator('[role=gridcell][aria-label^="bob on db1:"]').click()
    assert explanation(page).count(shown) == 2, "as the person's name, and as the reason"
    assert page.locator("img, iframe, object").count() == 0
    assert page.locator("script").count() == 2, "its data and its own"
    assert page.title() == "Production access"


def test_the_policy_of_the_page_runs_nothing_but_its_own(open_report: OpenReport) -> None:
    page = open_report(SMALL)
    check_policy(page)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_three_widths_in_light_and_dark(open_report: OpenReport, tmp_path: Path, width: int, scheme: str) -> None:
    page = open_report(SMALL, viewport={"width": width, "height": 900}, color_scheme=scheme)
    check_page(page, scheme)
    for kind in ("full", "rules", "login"):
        mark = page.locator(f"#legend .{kind}")
        colours = mark.evaluate("(mark) => [getComputedStyle(mark).backgroundColor, getComputedStyle(mark).color]")
        assert contrast(*colours) > 4.5, kind
    page.locator('[role=gridcell][aria-label^="alice on web1:"]').click()
    check_panel(page, width)


def test_paper_has_every_access_and_no_controls(open_report: OpenReport) -> None:
    page = open_report(SMALL)
    page.emulate_media(media="print")
    expect(page.locator("#on-paper")).to_be_visible()
    expect(page.locator("#controls")).to_be_hidden()
    paper = page.locator("body").inner_text()
    for part in ("web1, web2", "They build the shop.", "Hosts, and when each was read", "gone1", "Any argument is possible."):
        assert part in paper
    assert page.pdf().startswith(b"%PDF-")


def test_a_large_inventory_opens_and_answers_at_once(open_report: OpenReport, tmp_path: Path) -> None:
    page = open_report(inventories.large())
    assert (tmp_path / "access.html").stat().st_size < 5_000_000
    assert page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") < 2000
    assert page.evaluate("document.getElementsByTagName('*').length") < 5000, "only what is in sight is in the document"
    expect(page.locator("#status")).to_have_text("Showing all 300 people and all 1,000 hosts.")
    page.locator("#grid").focus()
    page.keyboard.press("Control+End")
    assert people(page)[-1] == "person299"
    assert hosts(page)[-1] == "host0999.example.org"
    # Names stay in sight wherever one scrolls to.
    grid, who, host = (page.locator(name).bounding_box() for name in ("#grid", "#grid .who >> nth=-1", "#grid .host >> nth=-1"))
    assert grid and who and host
    assert abs(who["x"] - grid["x"]) < 2
    assert abs(host["y"] - grid["y"]) < 2
    page.get_by_label("Search people and hosts").fill("person042 host0017")
    assert (people(page), hosts(page)) == (["person042"], ["host0017.example.org"])
    page.locator("[role=gridcell]").click()
    assert "person042 on host0017.example.org" in explanation(page)
