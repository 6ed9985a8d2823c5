"""Recordings on their way: what a host sends, and what the collector takes from one that lies."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._recordings import Inbox, Outbox, RecordingError

NAME = "00/00/01/ttyout"


def part(data: bytes, offset: int = 0, name: str = NAME) -> dict[str, Any]:
    return {"recording": name, "offset": offset, "data": base64.b64encode(data).decode()}


def exchange(outbox: Outbox, inbox: Inbox) -> int:
    """Let a host and a collector talk until there is nothing more to say. Returns how much was said."""
    outbox._looked = 0  # it looks every other second
    for turn in range(100):
        said = outbox.next()
        if said is None:
            return turn
        if "recordings" in said:
            outbox.answered(inbox.sizes(said["recordings"]))
        else:
            inbox.add(said)
    raise AssertionError("without end")


def test_a_recording_arrives_as_it_grows_and_once(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    file = there / NAME
    file.parent.mkdir(parents=True)
    (there / "seq").write_text("000001")
    outbox, inbox = Outbox(str(there)), Inbox(str(here))
    assert exchange(outbox, inbox) == 0
    file.write_bytes(b"x" * 100_000)
    outbox.began(str(file.parent))
    assert exchange(outbox, inbox) == 3
    with file.open("ab") as stream:
        stream.write(b"more")
    assert exchange(outbox, inbox) == 1
    # A new connection asks, and finds that all is there.
    assert exchange(Outbox(str(there)), inbox) == 1
    assert (here / "sudo-io" / NAME).read_bytes() == file.read_bytes()
    file.unlink()
    assert exchange(outbox, inbox) == 0


@pytest.mark.parametrize(
    "data",
    [
        part(b"x", offset=3),
        part(b"x", offset=0),
        part(b"x", name="../../../etc/passwd"),
        part(b"x", name="00/00/01/ttyout/../x"),
        part(b"x", name="/etc/passwd"),
        part(b"x", name="00/00/01/ttyout\n"),
        {**part(b"x", offset=4), "more": 1},
        {**part(b"x", offset=4), "data": "%%%"},
        {**part(b"x", offset=4), "data": 7},
        {**part(b"x", offset=4), "recording": 7},
    ],
)
def test_what_is_there_is_never_written_anew_and_nothing_else_is_written(tmp_path: Path, data: dict[str, Any]) -> None:
    inbox = Inbox(str(tmp_path))
    inbox.add(part(b"true"))
    with pytest.raises(RecordingError):
        inbox.add(data)
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [b"true"]


@pytest.mark.parametrize("names", [None, "x", ["../x"], [7], [NAME] * 501])
def test_questions_are_for_recordings(tmp_path: Path, names: Any) -> None:
    with pytest.raises(RecordingError):
        Inbox(str(tmp_path)).sizes(names)


def test_a_collector_that_answers_nonsense_is_sent_nothing(tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    outbox = Outbox(str(tmp_path))
    assert outbox.next() == {"recordings": [NAME]}
    outbox.answered({"/etc/shadow": 0, NAME: "x"})
    assert outbox.next() is None
