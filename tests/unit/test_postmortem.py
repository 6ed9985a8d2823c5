"""What happened, from all that there is of it: in order, without names, and with what is not known said."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.plugin_utils import _postmortem
from ansible_collections.safetynet.prod_access.tests.unit.incidents import (
    MINUTE,
    PRODUCTION,
    SINCE,
    UNTIL,
    dropped,
    event,
    found,
    host,
    timeline,
)

GOOD = {"title": "Orders  table dropped", "from": "2026-11-25 12:00", "to": "2026-11-25T13:00:00Z", "names": False}


def test_what_is_asked_for() -> None:
    asked = _postmortem.asked(GOOD, UNTIL + MINUTE)
    assert (asked.title, asked.since, asked.until, asked.folder) == (
        "Orders table dropped",
        SINCE,
        UNTIL,
        "2026-11-25-orders-table-dropped",
    )
    assert _postmortem.asked({**GOOD, "to": "now"}, UNTIL + MINUTE).until == UNTIL + MINUTE
    assert _postmortem.asked({**GOOD, "to": "2027-01-01"}, UNTIL).until == UNTIL, "nothing is on record of the future"
    assert _postmortem.slug("Größe: 1/2 … of 'All'!") == "groe-1-2-of-all"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": " ", "from": ""}, ["postmortem_title: say in a few words", "postmortem_from: is missing; say it like"]),
        ({"from": "soon", "to": "2026-13-01"}, ["postmortem_from: not an RFC 3339 time ('soon'); ", "postmortem_to: "]),
        ({"from": "2026-11-25 14:00"}, ["postmortem_from: 2026-11-25T14:00:00.000000Z is not before postmortem_to, "]),
        ({"from": "2027-11-25", "to": "2027-11-26"}, ["postmortem_from: 2027-11-25T00:00:00.000000Z is still to come"]),
    ],
)
def test_all_that_is_wrong_with_it_is_said_at_once(wrong: dict[str, str], said: list[str]) -> None:
    with pytest.raises(ValueError) as error:
        _postmortem.asked({**GOOD, **wrong}, UNTIL)
    lines = str(error.value).splitlines()
    assert len(lines) == len(said)
    assert all(line.startswith(start) for line, start in zip(lines, said, strict=True)), lines


def test_notes_of_people() -> None:
    data = {
        "notes": [
            {"time": datetime.datetime(2026, 11, 25, 12, 3), "text": "I saw\n  red.", "who": "alice"},
            {"time": datetime.datetime(2026, 11, 25, 12, 3, tzinfo=datetime.UTC), "text": "b"},
            {"time": datetime.date(2026, 11, 25), "text": "c"},
            {"time": "10 minutes ago", "text": "d"},
        ]
    }
    notes = _postmortem.notes(data, "notes.yml", UNTIL)
    assert [(note.time - SINCE) // MINUTE for note in notes] == [3, 3, -720, 50]
    assert notes[0] == _postmortem.Note(SINCE + 3 * MINUTE, "I saw red.", "alice", "notes.yml: notes[0]")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, ["notes.yml: must be a dictionary, not nothing"]),
        ({"note": []}, ["notes.yml: note: unknown key; did you mean `notes`?", "notes.yml: `notes` is missing"]),
        ({"notes": {}}, ["notes.yml: notes: must be a list"]),
        (
            {"notes": [{"time": "then", "text": 5, "who": ""}, {"txt": "x"}]},
            [
                "notes.yml: notes[0].time: not an RFC 3339 time ('then'); say it like",
                "notes.yml: notes[0].text: must be text; say what you saw",
                "notes.yml: notes[0].who: is empty",
                "notes.yml: notes[1].txt: unknown key; did you mean `text`?",
                "notes.yml: notes[1]: `time` is missing",
                "notes.yml: notes[1]: `text` is missing",
            ],
        ),
    ],
)
def test_what_is_wrong_with_notes_is_said_at_once(data: Any, said: list[str]) -> None:
    with pytest.raises(ValueError) as error:
        _postmortem.notes(data, "notes.yml", UNTIL)
    lines = str(error.value).splitlines()
    assert len(lines) == len(said)
    assert all(line.startswith(start) for line, start in zip(lines, said, strict=True)), lines


def test_what_is_known_of_an_incident() -> None:
    data = timeline()
    moments = {name: data["events"][number]["what"] for name, number in data["moments"].items()}
    assert moments == {
        "said": "cleaning up staging",
        "began": "confirmed: DROP TABLE orders",
        "told": "orders are missing",
        "restored": "restore of orders: good",
    }
    assert data["people"] == ["developer 1"]
    assert data["marks"] == [["DROP TABLE", "orders", "db1"]]
    assert (data["defence"]["rto"], data["defence"]["rpo"], data["defence"]["backup"]) == (16 * 60, None, None)
    assert (data["total"], data["unannounced"], data.get("repeats", [])) == (7, [], [])
    assert data["hosts"][0]["label"] == "PRODUCTION"
    assert not any(name in str(data) for name in ("alice", "192.0.2.1"))
    assert "alice" in str(timeline(names=True))
    assert [event["id"] for event in data["events"]] == list(range(7))


def test_where_nothing_was_destroyed_nothing_began() -> None:
    refused = event(4, "guard", "refused: DROP TABLE orders", person="alice", status=1, details={"action": "DROP TABLE orders"})
    data = timeline(found(refused, event(5, "alarm", "x")))
    assert (data["moments"], data["defence"], data["marks"], data["unannounced"]) == ({}, {}, [], [])


def test_a_change_that_was_not_announced_on_that_host() -> None:
    elsewhere = [event(1, "announcement", "x", person="alice", host="web1")]
    data = timeline(found(hosts={"db1": host(*dropped()[3:]), "web1": host(*elsewhere)}))
    assert [data["events"][number]["kind"] for number in data["unannounced"]] == ["guard", "sql"]
    assert "said" in data["moments"], "they believed that they were there"
    late = [event(0, "announcement", "x", person="alice"), event(59, "sql", "DROP TABLE a", person="alice")]
    assert timeline(found(*late))["unannounced"] == []
    nobody = [event(5, "sql", "DROP TABLE a", user="shop")]
    assert (timeline(found(*nobody))["unannounced"], "said" in timeline(found(*nobody))["moments"]) == ([], False)


def test_the_last_good_backup_before_counts_by_what_can_be_restored() -> None:
    before = [
        {"time": "2026-11-25T02:10:00.000000Z", "kind": "backup", "what": "a", "record": "1", "details": {"ended": "2026-11-25T02:00:00Z"}},
        {"time": "2026-11-25T03:00:00.000000Z", "kind": "backup", "what": "b", "record": "2", "details": {"result": "failed"}},
        {"time": "2026-11-24T05:00:00.000000Z", "kind": "restore", "what": "drill", "record": "3"},
    ]
    data = timeline(found(hosts={"db1": host(*dropped(), before=before)}))
    assert data["defence"]["backup"] == {"time": "2026-11-25T02:00:00.000000Z", "what": "a", "record": "1"}
    assert data["defence"]["rpo"] == 10 * 3600 + 4 * 60
    assert data["defence"]["proven"] == "2026-11-24T05:00:00.000000Z"
    later = [*dropped(), event(30, "backup", "after", details={"result": "good"})]
    assert timeline(found(*later))["defence"]["backup"] is None


def test_receipts_count_where_they_are_of_that_time() -> None:
    receipts = [
        {"kind": "backup", "part": "", "ended": "2026-11-25T11:59:00Z", "ok": True},
        {"kind": "backup", "part": "pg", "ended": "2026-11-25T12:02:00Z", "ok": True},
        {"kind": "backup", "part": "x", "ended": "2026-11-25T12:03:00Z", "ok": False},
        {"kind": "repository", "part": "", "ended": "2026-11-25T12:01:00Z", "ok": True},
        {"kind": "backup", "part": "y", "ended": "2026-11-26T12:03:00Z", "ok": True},
        {"kind": "backup", "part": "z", "ended": "yesterday", "ok": True},
    ]
    data = timeline(found(here={"db1": {**PRODUCTION, "receipts": receipts}}))
    assert data["defence"]["backup"] == {
        "time": "2026-11-25T12:02:00.000000Z",
        "what": "backup of pg: good",
        "record": "/var/lib/prod-access/receipts/backup-pg.json",
    }
    told = [(event["kind"], event["what"]) for event in data["events"] if event.get("source") == "receipt"]
    assert told == [("note", "repository of all parts: good"), ("backup", "backup of pg: good"), ("backup", "backup of x: failed")]


def test_the_inventorys_history_and_notes_are_a_part_of_it() -> None:
    commit = _postmortem.Commit(SINCE + MINUTE, "Alice Murphy", "alice@example.com", "abc123", "Give alice more", ("a.yml", "b.yml"))
    note = _postmortem.Note(SINCE + 2 * MINUTE, "It was red, said Carol Szabó.", "carol", "notes.yml: notes[0]")
    plain = _postmortem.Note(SINCE + 3 * MINUTE, "x", "", "notes.yml: notes[1]")
    events = timeline(found(commits=[commit], notes=[note, plain]))["events"]
    shown = [(one["host"], one.get("person"), one["what"], one["record"]) for one in events if one["host"] in ("inventory", "notes")]
    assert shown == [
        ("inventory", "developer 1", "Give developer 1 more", "abc123"),
        ("notes", "operator 1", "It was red, said operator 1.", "notes.yml: notes[0]"),
        ("notes", None, "x", "notes.yml: notes[1]"),
    ]


def test_what_is_not_known_is_a_gap() -> None:
    beats = [event(minute, "heartbeat", "x", host="web1") for minute in range(10)]
    lost = event(9, "recording", "lines were lost", host="web1")
    journal = host(event(30, "login", "x", host="stage1"), source="journal", begins="2026-11-25T12:20:00Z")
    early = host(source="journal", begins="2026-11-25T10:00:00Z")
    unplaced = {**host(), "unplaced": 3}
    # The same time as the silence before its first sign of life, and the reason for it.
    new = host(*(event(minute, "heartbeat", "x", host="new") for minute in range(15, 60)), begins="2026-11-25T12:15:00.000000Z")
    later = host(begins="2026-11-25T14:00:00.000000Z")
    data = timeline(
        found(
            hosts={"web1": host(*beats, lost), "stage1": journal, "web2": unplaced, "early": early, "later": later, "new": new},
            unread={"gone1": "could not be reached: alice closed it"},
            complaints=["db1: a file is damaged", "nothing to say"],
        )
    )
    gaps = [(gap["host"], gap["from"][11:16], gap["until"][11:16], gap["kind"]) for gap in data["gaps"]]
    assert gaps == [
        ("db1", "12:00", "13:00", "none"),
        ("nothing to say", "12:00", "13:00", "none"),
        ("gone1", "12:00", "13:00", "none"),
        ("later", "12:00", "13:00", "none"),
        ("new", "12:00", "12:15", "none"),
        ("stage1", "12:00", "12:20", "none"),
        ("web1", "12:09", "13:00", "none"),
        ("web2", "12:00", "13:00", "none"),
        ("web1", "12:09", "12:09", "record"),
    ]
    assert [gap["why"] for gap in data["gaps"][3:6]] == [
        "the collector has nothing of it from before",
        "the collector has nothing of it from before",
        "its journal begins only then",
    ]
    assert data["gaps"][2]["why"] == "could not be reached: developer 1 closed it"
    assert [(one["name"], one["source"]) for one in data["hosts"]] == [
        ("early", "journal"),
        ("gone1", None),
        ("later", "collector"),
        ("new", "collector"),
        ("stage1", "journal"),
        ("web1", "collector"),
        ("web2", "collector"),
    ]


def test_clocks_that_are_wrong_are_marked_and_their_times_left() -> None:
    def skew(ahead: float | None) -> Any:
        return timeline(found(hosts={"db1": {**host(*dropped()), "ahead": ahead}}))["hosts"][0]["skew"]

    assert [skew(None), skew(500_000), skew(-1_000_000), skew(-30_000_000), skew(60_000_000)] == [None, None, None, 30.0, -60.0]
