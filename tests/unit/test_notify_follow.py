"""The collector's files are followed from where they were left: what is new waits for chats once, whatever becomes of files and program."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils import _notify_follow
from ansible_collections.safetynet.prod_access.plugins.module_utils._command import HostError
from ansible_collections.safetynet.prod_access.plugins.module_utils._notify import ABOUT, Note, Policy
from ansible_collections.safetynet.prod_access.plugins.module_utils._notify_apprise import Chat, without_secrets
from ansible_collections.safetynet.prod_access.plugins.module_utils._notify_follow import Follower, Settings
from ansible_collections.safetynet.prod_access.plugins.module_utils._notify_queue import Queue

CHATS = [Chat("ops", "json://x", frozenset(ABOUT)), Chat("alarms", "json://y", frozenset(("alarms",)))]
TIME = 1_795_688_100_000_000


def line(number: int, host: str = "web1") -> bytes:
    fields = {
        "MESSAGE": f"text {number}",
        "PROD_ACCESS_KIND": "announcement",
        "_AUDIT_LOGINUID": "1000",
        "_TRANSPORT": "journal",
        "__REALTIME_TIMESTAMP": str(TIME + number),
    }
    return json.dumps({"seq": number, "received": "2026-11-26T10:15:00Z", "host": host, "journal": fields}).encode() + b"\n"


NOISE = b'{"seq": 1, "received": "2026-11-26T10:15:00Z", "host": "web1", "journal": {"MESSAGE": "x"}}\n'


class Place:
    """A collector's folder, and who follows it."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "log/web1"
        self.files.mkdir(parents=True)
        (self.files / "names.json").write_text('{"1000": "alice"}')
        self.database = folder / "queue.db"
        self.settings = Settings(Policy(), 1, 1000, str(folder / "log"))

    def start(self) -> tuple[Follower, Queue]:
        queue = Queue(str(self.database))
        follower = Follower(self.settings, CHATS, queue)
        follower.begin()
        queue.keep_chats(chat.name for chat in CHATS)
        queue.commit()
        return follower, queue

    def add(self, day: str, *numbers: int) -> None:
        with (self.files / f"{day}.jsonl").open("ab") as stream:
            stream.write(b"".join(map(line, numbers)))

    def compress(self, day: str) -> None:
        plain = self.files / f"{day}.jsonl"
        (self.files / f"{day}.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def told(queue: Queue, chat: str = "ops") -> list[int]:
    return [int(note.after.rpartition(" ")[2]) for _number, note in queue.waiting(chat, 10000)[0]]


def test_what_was_there_before_the_first_start_is_no_news(place: Place) -> None:
    place.add("2026-11-24", 1)
    place.compress("2026-11-24")
    place.add("2026-11-25", 2)
    follower, queue = place.start()
    assert not follower.turn()
    place.add("2026-11-25", 3)
    assert follower.turn()
    assert told(queue) == [3]
    assert told(queue, "alarms") == []
    follower, queue = place.start()
    assert not follower.turn()
    assert told(queue) == [3]


def test_a_host_that_comes_later_is_told_from_its_first_line(place: Place) -> None:
    follower, queue = place.start()
    place.add("2026-11-25", 1, 2)
    place.compress("2026-11-25")
    place.add("2026-11-26", 3)
    while follower.turn():
        pass
    assert told(queue) == [1, 2, 3]


def test_days_change_and_are_compressed_while_nobody_follows(place: Place) -> None:
    follower, queue = place.start()
    place.add("2026-11-24", 1, 2)
    assert follower.turn()
    place.add("2026-11-24", 3)
    place.compress("2026-11-24")
    place.add("2026-11-25", 4)
    place.compress("2026-11-25")
    place.add("2026-11-26", 5)
    place.add("2026-11-27", 6)
    follower, queue = place.start()
    while follower.turn():
        pass
    assert told(queue) == [1, 2, 3, 4, 5, 6]
    place.compress("2026-11-26")
    follower, queue = place.start()
    assert not follower.turn()
    assert told(queue) == [1, 2, 3, 4, 5, 6]


def test_a_compressed_day_is_read_once_and_again_after_a_fault(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    follower, queue = place.start()
    place.add("2026-11-25", 1)
    place.compress("2026-11-25")
    follower._read_host("web1")
    follower.begin_again()
    assert follower.turn()
    assert told(queue) == [1]
    monkeypatch.setattr(_notify_follow, "_rest", None)
    assert not follower.turn()


def test_what_comes_to_the_old_day_around_midnight(place: Place) -> None:
    follower, queue = place.start()
    place.add("2026-11-24", 1)
    place.add("2026-11-25", 2)
    follower.turn()
    place.add("2026-11-24", 3)
    follower.turn()
    assert told(queue) == [1, 2, 3]


def test_half_a_line_waits_for_its_end(place: Place) -> None:
    follower, queue = place.start()
    whole = line(1)
    path = place.files / "2026-11-26.jsonl"
    path.write_bytes(whole[:50])
    assert not follower.turn()
    with path.open("ab") as stream:
        stream.write(whole[50:])
    assert follower.turn()
    assert told(queue) == [1]


def test_a_day_is_read_to_its_end_before_the_next_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_notify_follow, "_BLOCK", 2000)
    follower, queue = place.start()
    place.add("2026-11-23", *range(1, 40))
    place.add("2026-11-24", 40)
    place.add("2026-11-25", 41)
    place.add("2026-11-26", 42)
    while follower.turn():
        pass
    assert told(queue) == list(range(1, 43))


def test_a_line_without_an_end_is_passed_over(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_notify_follow, "_BLOCK", 400)
    monkeypatch.setattr(_notify_follow, "_LONGEST_LINE", 200)
    follower, queue = place.start()
    (place.files / "2026-11-26.jsonl").write_bytes(b"x" * 5000 + b"\n" + line(1)[:-1] + b"\n")
    while follower.turn():
        pass
    assert told(queue) == [1]


def test_what_was_not_kept_is_read_again_and_never_told_twice(place: Place) -> None:
    follower, queue = place.start()
    place.add("2026-11-26", 1)
    follower._read_host("web1")
    assert told(queue) == [1]
    follower.begin_again()
    assert told(queue) == []
    follower.turn()
    place.add("2026-11-26", 1, 2)
    follower.turn()
    assert told(queue) == [1, 2]


def test_a_file_that_was_cut_is_said_and_not_told_again(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    follower, queue = place.start()
    place.add("2026-11-26", 1, 2)
    follower.turn()
    (place.files / "2026-11-26.jsonl").write_bytes(line(1))
    follower.turn()
    assert "is shorter than it was; run: prod-access-audit verify" in capsys.readouterr().err
    place.add("2026-11-26", 3)
    follower.turn()
    assert told(queue) == [1, 2, 3]


def test_a_line_in_the_folder_of_another_host_counts_for_nobody(place: Place) -> None:
    follower, queue = place.start()
    (place.files / "2026-11-26.jsonl").write_bytes(line(1, "db1") + NOISE + b"nonsense PROD_ACCESS_KIND\n" + line(2))
    follower.turn()
    assert told(queue) == [2]


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.settings = Settings(Policy(), 1, 1000, str(tmp_path / "nowhere"))
    follower, _queue = place.start()
    with pytest.raises(HostError, match="nowhere is missing"):
        follower.turn()


def test_a_queue_has_an_end_and_says_what_it_left_out(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "queue.db"))
    queue.keep_chats(["ops"])
    for number in range(5):
        queue.add("ops", Note(TIME, "web1", "alarms" if number == 0 else "runs", "x", f": {number}"), 1.0, 3)
    assert told(queue) == [0, 3, 4]
    assert queue.chat("ops")["left_out"] == 2
    numbers = [number for number, _note in queue.waiting("ops", 10)[0]]
    queue.told("ops", numbers, 2, 5.0)
    assert dict(queue.chat("ops")) == {
        "name": "ops", "doubt": 0, "left_out": 0, "failures": 0, "reason": "", "told": 5.0, "waiting": 0,
    }  # fmt: skip


def test_a_chat_that_is_no_more_leaves_nothing(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "queue.db"))
    queue.keep_chats(["ops", "old"])
    queue.add("old", Note(TIME, "web1", "runs", "x", ": 1"), 1.0, 3)
    queue.keep_chats(["ops", "new"])
    assert queue.names() == ["new", "ops"]
    assert queue.waiting("old", 10)[0] == []


def test_a_damaged_queue_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "queue.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(HostError, match=r"to begin anew: mv .*queue.db"):
        Queue(str(tmp_path / "queue.db"))


def test_old_memories_end(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "queue.db"))
    queue.put("a", 1)
    queue.put("b", 2)
    queue.forget(2)
    assert (queue.get("a"), queue.get("b")) == (None, 2)


def test_no_part_of_an_address_is_in_a_complaint() -> None:
    url = "mailtos://us%40er:pa%20ss@mail.example.com/s3cret?to=ops@example.com&key=T0ken"
    said = "no route to mail.example.com for us@er with pa ss, pa%20ss at /s3cret T0ken"
    assert without_secrets(said, url) == "no route to *** for *** with ***, *** at /*** ***"
