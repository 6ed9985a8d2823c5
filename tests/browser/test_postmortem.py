"""The page of a post-mortem, in a browser: what a reader sees and opens, by mouse and by keyboard, and that hostile texts stay texts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._report_page import POSTMORTEM
from ansible_collections.safetynet.prod_access.tests.unit import incidents
from playwright.sync_api import Page, expect

from .conftest import OpenReport
from .inventories import HOSTILE
from .looks import WIDTHS, check_page, check_panel, check_policy, contrast


def data(*, given: dict[str, Any] | None = None, **document: str) -> dict[str, Any]:
    made = given or incidents.timeline(incidents.found(unread={"gone1": "could not be reached: no route"}))
    text = incidents.document(made)
    for old, new in document.items():
        text = text.replace(old, new)
    return {**made, "document": text, "closed": ""}


def opened(open_report: OpenReport, given: dict[str, Any] | None = None, **options: Any) -> Page:
    return open_report(given or data(), POSTMORTEM, **options)


def record(page: Page) -> str:
    expect(page.locator("#panel")).to_be_visible()
    return page.locator("#panel").inner_text()


def ink(page: Page) -> int:
    """How many colours the drawing has."""
    return page.evaluate(
        """() => { const c = document.getElementById("canvas"); const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
        const s = new Set(); for (let i = 0; i < d.length; i += 4) s.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); return s.size; }"""
    )


def test_a_stranger_reads_what_happened(open_report: OpenReport) -> None:
    page = opened(open_report)
    expect(page.locator("h1")).to_have_text("Orders table droppedopen")
    story = page.locator("#story").inner_text()
    for part in (
        "Said just before",
        "cleaning up staging",
        "It began",
        "12:04:00",
        "was asked about DROP TABLE orders (database shop on db1), and answered yes",
        "because it is the copy",
        "Others were told",
        "12:06:00",
        "Restored",
        "12:20:00",
        "RTO 16 min",
        "No record of one of db1.",
    ):
        assert part in story, part
    assert "alice" not in page.content()
    expect(page.locator("#status")).to_contain_text("Showing all 7 entries, which stand for 7 events, on 2 lanes of hosts.")
    document = page.locator("#document").inner_text()
    for part in (
        "What information and decisions led to it",
        "Was the prompt red, and did it help?",
        "to be answered",
        "Prompts on db1 say PRODUCTION",
    ):
        assert part in document, part
    assert page.locator("#document .evidence").count() == 8
    assert page.locator("#document h3").count() == 13
    assert ink(page) > 6


def drawn(page: Page, *spans: tuple[float, float]) -> list[int]:
    """What the drawing has between two minutes of the hour, as a number for each such span."""
    return page.evaluate(
        """(spans) => { const c = document.getElementById("canvas"), scale = c.width / c.clientWidth;
        const data = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
        const x = (minute) => Math.round((190 + (c.clientWidth - 204) * minute / 60) * scale);
        return spans.map(([begin, end]) => { let hash = 0;
          for (let i = 0; i < data.length; i++) { const at = (i >> 2) % c.width;
            if (at >= x(begin) && at < x(end)) hash = (hash * 31 + data[i]) | 0; }
          return hash; }); }""",
        spans,
    )


def test_the_time_before_the_first_record_of_a_host_is_a_gap(open_report: OpenReport) -> None:
    events = incidents.dropped()[-1:]
    with_gap, without = (
        opened(open_report, data(given=incidents.timeline(incidents.found(hosts={"db1": incidents.host(*events, begins=begins)}))))
        for begins in ("2026-11-25T12:15:00Z", "2026-11-25T11:00:00Z")
    )
    assert "the collector has nothing of it from before" in with_gap.locator("#document").inner_text()
    (before, after), (nothing, same) = (drawn(page, (1, 14), (16, 59)) for page in (with_gap, without))
    assert before != nothing
    assert after == same


def test_an_event_opens_its_record_from_the_list_and_from_the_drawing(open_report: OpenReport) -> None:
    page = opened(open_report)
    page.get_by_role("button", name="Record of 12:04:00 on db1").first.click()
    text = record(page)
    for part in (
        "guard on db1",
        "Destroys, or would: DROP TABLE orders",
        "On the collector, number 40",
        "prod-access-audit search --json --host 'db1'",
        '"answer": "confirmed"',
    ):
        assert part in text, part
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.get_by_role("button", name="Record of 12:04:00 on db1").first).to_be_focused()
    # The first lane of the first host has the question of the guard, four minutes after the beginning.
    page.locator("#lanes").scroll_into_view_if_needed()
    box = page.locator("#lanes").bounding_box()
    assert box
    page.mouse.click(box["x"] + 190 + (box["width"] - 204) * 4 / 60, box["y"] + 30 + 14 + 24 + 11)
    assert "guard on db1" in record(page)
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#lanes")).to_be_focused()


def test_the_keyboard_does_all_that_the_mouse_does(open_report: OpenReport) -> None:
    page = opened(open_report)
    page.locator("#lanes").focus()
    current = page.locator("#current")
    page.keyboard.press("ArrowRight")
    expect(current).to_contain_text("12:04:00 db1, developer 1 as postgres: was asked about DROP TABLE orders")
    page.keyboard.press("ArrowDown")
    expect(current).to_contain_text("12:04:00 db1, developer 1 as postgres: DROP TABLE orders")
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp", "ArrowUp", "Home", "End"):
        page.keyboard.press(key)
    expect(current).to_contain_text("was asked about")
    page.keyboard.press("+")
    expect(page.locator("#status")).to_contain_text("In sight: ")
    page.keyboard.press("-")
    page.keyboard.press("0")
    expect(page.locator("#status")).not_to_contain_text("In sight: ")
    page.keyboard.press("Enter")
    assert "guard on db1" in record(page)
    page.keyboard.press("Escape")
    expect(page.locator("#lanes")).to_be_focused()


@pytest.mark.parametrize(
    ("label", "choice", "shown"),
    [("Host", "gone1", "Nothing fits"), ("Person", "developer 1", "Showing 5 of 7"), ("Kind", "guard", "Showing 1 of 7")],
)
def test_filters(open_report: OpenReport, label: str, choice: str, shown: str) -> None:
    page = opened(open_report)
    if label == "Host":
        page.get_by_label("Search events").fill("no such thing")
    else:
        page.get_by_role("combobox", name=label, exact=True).select_option(choice)
    expect(page.locator("#status")).to_contain_text(shown)
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#status")).to_contain_text("Showing all 7")
    page.get_by_label("Only what stands out").check()
    expect(page.locator("#status")).to_contain_text("Showing 5 of 7")
    page.get_by_label("Search events").fill("drop ORDERS")
    expect(page.locator("#events tbody tr")).to_have_count(2)


def test_zoom_narrows_the_list_to_what_is_in_sight(open_report: OpenReport) -> None:
    page = opened(open_report)
    page.get_by_role("button", name="Record of 12:04:00 on db1").first.click()
    page.keyboard.press("Escape")
    for _press in range(4):
        page.get_by_role("button", name="Zoom in").click()
    expect(page.locator("#events tbody tr")).to_have_count(3)
    expect(page.locator("#status")).to_contain_text("In sight: 12:03:45 to 12:07:30")
    page.get_by_role("button", name="Zoom out").click()
    expect(page.locator("#status")).to_contain_text("In sight")


def test_where_each_source_keeps_its_record(open_report: OpenReport) -> None:
    given = incidents.found(
        hosts={"db1": incidents.host(*incidents.dropped(), source="journal")},
        commits=[incidents._postmortem.Commit(incidents.SINCE, "x", "x@example.com", "abc123", "A commit")],
        notes=[incidents._postmortem.Note(incidents.SINCE, "A note", "", "notes.yml: notes[0]")],
        here={"db1": {**incidents.PRODUCTION, "receipts": [{"kind": "backup", "part": "", "ended": "2026-11-25T12:01:30Z", "ok": True}]}},
    )
    page = opened(open_report, data(given=incidents.timeline(given)))
    for name, source in (
        ("A commit", "git show abc123"),
        ("A note", "notes.yml: notes[0]"),
        ("backup of all parts", "cat /var/lib/prod-access/receipts/backup.json"),
        ("was asked", "journalctl --cursor='40' --lines=1 --output=json-pretty"),
    ):
        page.locator("#events tbody tr", has_text=name).get_by_role("button").click()
        record(page)
        assert page.locator("#source").inner_text() == source
        page.keyboard.press("Escape")


def test_hostile_texts_are_shown_as_they_are(open_report: OpenReport) -> None:
    why = {"why": HOSTILE}
    events = [*incidents.dropped(**why), incidents.event(5, "announcement", HOSTILE, person="carol", host="db1")]
    made = incidents.timeline(incidents.found(*events, unread={HOSTILE: HOSTILE}))
    page = opened(open_report, {**data(given=made), "document": incidents.document(made).replace("[…]", HOSTILE), "title": HOSTILE})
    shown = HOSTILE.replace("\u202e", "\\u202e")
    assert shown in page.locator("h1").inner_text()
    assert shown in page.locator("#events").inner_text()
    assert page.locator("img, iframe, object").count() == 0
    assert page.locator("script").count() == 2, "its data and its own"


def test_what_people_wrote_is_shown_as_they_meant_it(open_report: OpenReport) -> None:
    made = data()
    made["document"] += (
        "\n## Ours\n\n- one\n    - **two**\n\n> quoted\n\n```\nraw <b>\n```\n\n[a link](https://example.com) [no link](javascript:x) "
        "*soft* `a\\|b`\n\n1 | 2\n"
    )
    page = opened(open_report, made)
    expect(page.locator("#document h2", has_text="Ours")).to_be_visible()
    assert page.locator("#document li li strong").last.inner_text() == "two"
    assert page.locator("#document blockquote").last.inner_text() == "quoted"
    assert page.locator("#document pre").inner_text() == "raw <b>"
    assert [link.get_attribute("href") for link in page.locator("#document a").all()] == ["https://example.com"]
    assert page.locator("#document em").inner_text() == "soft"
    assert "1 | 2" in page.locator("#document").inner_text()


def test_the_policy_of_the_page_runs_nothing_but_its_own(open_report: OpenReport) -> None:
    check_policy(opened(open_report))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_three_widths_in_light_and_dark(open_report: OpenReport, width: int, scheme: str) -> None:
    page = opened(open_report, viewport={"width": width, "height": 900}, color_scheme=scheme)
    check_page(page, scheme)
    assert ink(page) > 6
    # What kinds are called in the drawing can be read.
    card = page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor")
    for mark in page.locator("#legend .swatch[class*=kind-]").all():
        assert contrast(card, mark.evaluate("(mark) => getComputedStyle(mark).color")) > 4.5, mark.get_attribute("class")
    page.get_by_role("button", name="Record of 12:04:00 on db1").first.click()
    check_panel(page, width)


def test_paper_has_the_drawing_and_the_document_and_no_controls(open_report: OpenReport) -> None:
    page = opened(open_report)
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("#controls")).to_be_hidden()
    expect(page.locator("#events")).to_be_hidden()
    expect(page.locator("#canvas")).to_be_visible()
    assert "Was the prompt red" in page.locator("body").inner_text()
    corner = page.evaluate("[...document.getElementById('canvas').getContext('2d').getImageData(300, 60, 1, 1).data]")
    assert min(corner[:3]) > 200, "on paper it is light"
    assert page.pdf().startswith(b"%PDF-")


def test_a_long_timeline_opens_and_answers_at_once(open_report: OpenReport, tmp_path: Path) -> None:
    made = incidents.large()
    assert len(made["events"]) > 9900
    page = opened(open_report, data(given=made))
    assert (tmp_path / "access.html").stat().st_size < 10_000_000
    assert page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") < 3000
    assert page.evaluate("document.getElementsByTagName('*').length") < 5000, "only what is in sight is in the document"
    assert page.get_by_label("Only what stands out").is_checked()
    page.get_by_label("Only what stands out").uncheck()
    expect(page.locator("#status")).to_contain_text("Showing all 10,000 entries")
    # Scrolling, zooming and moving draw anew each time; sixty times a second is 16 ms. Other programs have the processor as well: of
    # each zoom the fastest counts, and more are tried where all were slow.
    spent = page.evaluate(
        """() => { const fastest = Array(7).fill(Infinity); const box = document.getElementById("lanes");
        for (let n = 0; n < 70 || (n < 700 && Math.max(...fastest) >= 50); n += 1) {
          const t = performance.now();
          box.scrollTop = n * 40; look(start + n * 1000, (end - start) / (1 + n % 7)); draw();
          fastest[n % 7] = Math.min(fastest[n % 7], performance.now() - t);
        }
        return Math.max(...fastest); }"""
    )
    assert spent < 50, f"drawing took {spent} ms"
    began = time.monotonic()
    page.get_by_label("Search events").fill("drop orders")
    expect(page.locator("#events tbody tr")).to_have_count(2)
    assert time.monotonic() - began < 2
