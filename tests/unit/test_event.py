"""The one model of what people did: its data, its times, its limits."""

from __future__ import annotations

import contextlib
import json

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._event import KINDS, Event, cut, instant, written
from ansible_collections.safetynet.prod_access.tests.unit.strategies import JUNK
from hypothesis import given
from hypothesis import strategies as st

TIMES = st.integers(1_000_000, 253402300799 * 1_000_000)
EVENTS = st.builds(
    Event,
    time=TIMES,
    host=st.text(),
    kind=st.sampled_from(sorted(KINDS)),
    what=st.text(),
    person=st.text(),
    user=st.text(),
    session=st.text(),
    status=st.none() | st.integers(),
    source=st.text(),
    record=st.text(),
    details=st.dictionaries(st.text(), st.text(), max_size=3),
)


@given(EVENTS)
def test_events_survive_a_journey_as_json(event: Event) -> None:
    text = event.to_json()
    assert text.isascii() and text.isprintable()
    assert Event.from_data(json.loads(text)) == event


def test_what_an_event_looks_like() -> None:
    event = Event(1795611075925121, "db1", "sudo", "id -u", "alice", "root", status=0, source="sudo", details={"directory": "/"})
    assert event.to_data() == {
        "time": "2026-11-25T12:51:15.925121Z",
        "host": "db1",
        "kind": "sudo",
        "what": "id -u",
        "person": "alice",
        "user": "root",
        "status": 0,
        "source": "sudo",
        "details": {"directory": "/"},
    }


@pytest.mark.parametrize(
    "change",
    [
        {"time": 5},
        {"time": "yesterday"},
        {"host": None},
        {"kind": "theft"},
        {"status": True},
        {"status": "0"},
        {"details": ["a"]},
        {"details": {"a": 1}},
        {"more": "x"},
    ],
)
def test_what_is_no_event_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Event.from_data({"time": "2026-11-25T12:51:15Z", "host": "a", "kind": "sudo", "what": "", **change})


@given(st.dictionaries(st.sampled_from(["time", "host", "kind", "what", "status", "details"]), JUNK))
def test_junk_is_an_event_or_a_value_error(data: dict[str, object]) -> None:
    with contextlib.suppress(ValueError):
        Event.from_data(data)


@given(TIMES)
def test_times_keep_their_microseconds(time: int) -> None:
    assert instant(written(time)) == time


def test_times_of_others() -> None:
    assert instant("2026-11-25T13:51:15.5+01:00") == instant("2026-11-25T12:51:15.500000Z")
    assert instant("1970-01-01T00:00:01Z") == 1_000_000
    assert instant("2026-11-25T12:51:15.123456789Z") % 1_000_000 == 123456


@given(st.text(st.characters()))
def test_texts_can_be_encoded_and_are_not_long(text: str) -> None:
    assert len(cut(text, 10)) < 50
    cut(text).encode()
    assert cut("\ud800") == "?"
    assert cut("ab", 1) == "a… (1 more characters)"
