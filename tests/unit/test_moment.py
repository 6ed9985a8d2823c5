"""Points in time: what the inventory may say, and what sshd, systemd and shadow are told."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
import yaml
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment, earliest
from ansible_collections.safetynet.prod_access.tests.unit.strategies import MOMENTS
from hypothesis import given
from hypothesis import strategies as st

UTC = datetime.UTC
EVENING = Moment(int(datetime.datetime(2027, 1, 31, 18, tzinfo=UTC).timestamp()))


@pytest.mark.parametrize(
    "text",
    [
        "2027-01-31T18:00:00Z",
        "2027-01-31t18:00:00z",
        "2027-01-31 18:00:00Z",
        "2027-01-31T18:00:00+00:00",
        "2027-01-31T18:00:00-00:00",
        "2027-01-31T21:30:00+03:30",
        "2027-01-31T08:15:00-09:45",
        "2027-02-01T07:59:00+13:59",
        "2027-02-01T17:59:00+23:59",
        "2027-01-31T18:00:00.999999999Z",
    ],
)
def test_reads_the_same_moment_however_it_is_written(text: str) -> None:
    assert Moment.parse(text) == EVENING


@pytest.mark.parametrize(
    "scalar", ["2027-01-31T18:00:00Z", "2027-01-31T21:30:00+03:30", "2027-01-31 18:00:00.75Z", '"2027-01-31T18:00:00Z"']
)
def test_quotes_make_no_difference_to_a_time(scalar: str) -> None:
    assert Moment.parse(yaml.safe_load(scalar)) == EVENING


@pytest.mark.parametrize("scalar", ["2027-01-31", '"2027-01-31"'])
def test_a_date_lasts_until_its_end(scalar: str) -> None:
    assert str(Moment.parse(yaml.safe_load(scalar))) == "2027-02-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not an RFC 3339 time"),
        ("tomorrow", "not an RFC 3339 time"),
        ("31.01.2027", "not an RFC 3339 time"),
        ("2027-1-31", "not an RFC 3339 time"),
        ("2027-01-31T18:00Z", "not an RFC 3339 time"),
        ("2027-01-31T18:00:00Z\n", "not an RFC 3339 time"),
        ("2027-01-31T18:00:00+0330", "not an RFC 3339 time"),
        ("٢٠٢٧-01-31", "not an RFC 3339 time"),
        ("2027-01-31T18:00:00", "the time has no zone"),
        ("2027-02-29", "no such time: day is out of range for month"),
        ("2027-13-01T00:00:00Z", "no such time: month must be in 1..12"),
        ("2027-01-31T24:00:00Z", "no such time: hour must be in 0..23"),
        ("2027-01-31T18:00:60Z", "no such time: second must be in 0..59"),
        ("2027-01-31T18:00:00+24:00", "no such zone offset"),
        ("2027-01-31T18:00:00+01:60", "no such zone offset"),
        ("0000-01-01", "no such time: year 0 is out of range"),
        ("1969-12-31T23:59:59Z", "the year must be 1970 to 9999"),
        ("1970-01-01T00:00:00Z", "the year must be 1970 to 9999"),
        ("9999-12-31T00:00:01Z", "the year must be 1970 to 9999"),
    ],
)
def test_refuses_what_is_no_moment(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=rf"^{says}$"):
        Moment.parse(text)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (datetime.datetime(2027, 1, 31, 18), "the time has no zone"),
        (datetime.datetime(1, 1, 1, tzinfo=UTC), "the year must be 1970 to 9999"),
        (
            datetime.datetime.max.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-14))),
            "the year must be 1970 to 9999",
        ),
        (datetime.date.max, "the year must be 1970 to 9999"),
        (datetime.date.min, "the year must be 1970 to 9999"),
    ],
)
def test_refuses_dates_of_yaml_that_no_tool_of_the_host_takes(value: datetime.date, says: str) -> None:
    with pytest.raises(ValueError, match=rf"^{says}$"):
        Moment.parse(value)


@given(MOMENTS)
def test_reads_back_what_it_writes(moment: Moment) -> None:
    assert Moment.parse(str(moment)) == moment
    assert Moment.of_last_second(moment.last_second()) == moment


@given(MOMENTS, st.sampled_from(["Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati", "UTC"]))
def test_reads_what_yaml_makes_of_a_time_in_any_zone(moment: Moment, zone: str) -> None:
    if moment.epoch > 250_000_000_000:
        return  # Beyond the calendar's end in zones east of Greenwich.
    local = datetime.datetime.fromtimestamp(moment.epoch, ZoneInfo(zone))
    assert Moment.parse(local) == moment
    # Offsets of today are of whole minutes; RFC 3339 has no place for the older ones.
    if not (local.utcoffset() or datetime.timedelta()).total_seconds() % 60:
        assert Moment.parse(local.isoformat()) == moment


@pytest.mark.parametrize("text", ["20270131175959", "2027-01-31", "20271331175959Z", "20270131175959Z ", ""])
def test_refuses_what_is_no_expiry_time_of_ours(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not match format|unconverted data"):
        Moment.of_last_second(text)


def test_the_last_second_of_a_key_is_the_one_before_its_end() -> None:
    assert EVENING.last_second() == "20270131175959Z"


def test_systemd_is_told_the_moment_itself() -> None:
    assert EVENING.systemd() == "2027-01-31 18:00:00 UTC"


@given(MOMENTS)
def test_the_day_of_expiry_is_the_first_that_begins_at_or_after_the_end(moment: Moment) -> None:
    first_refused = moment.expiry_day() * 86400
    assert first_refused - 86400 < moment.epoch <= first_refused


def test_the_day_of_a_date_is_still_admitted() -> None:
    day = datetime.date(2027, 1, 31)
    assert Moment.parse(day).expiry_day() == (day - datetime.date(1970, 1, 1)).days + 1


def test_the_first_and_the_last_moment() -> None:
    assert str(Moment.parse("1970-01-01T00:00:01Z")) == "1970-01-01T00:00:01Z"
    assert str(Moment.parse("9999-12-31T00:00:00Z")) == "9999-12-31T00:00:00Z"


def test_the_earliest_end_counts_and_none_is_no_end() -> None:
    assert earliest() is None
    assert earliest(None, None) is None
    assert earliest(None, Moment(3), Moment(2), None) == Moment(2)
