"""How much of a journal waits, beside what is kept of it."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.safetynet.prod_access.plugins.module_utils._waiting import Archived, in_bytes, measured, room, share

MEGABYTE = 1 << 20


def test_sizes_are_those_of_journald() -> None:
    assert [in_bytes(size) for size in ("4096", "8K", "500M", "2G", "1T")] == [4096, 8192, 500 * MEGABYTE, 2 << 30, 1 << 40]


def test_what_ended_before_the_last_entry_that_was_shipped_waits_no_more() -> None:
    files = [Archived(8 * MEGABYTE, time - 100, time) for time in (100.0, 200.0, 300.0)]
    assert [share(files, 0, shipped, 32 * MEGABYTE) for shipped in (0, 100, 250, 300)] == [0.75, 0.5, 0.25, 0]
    assert share(files, 0, 0, 0) > 1, "a disk without room"


def test_what_began_first_is_removed_first_also_where_its_end_waits() -> None:
    """A user who does little has one file for long."""
    shipped = [Archived(8 * MEGABYTE, time - 100, time) for time in (100.0, 200.0, 300.0)]
    assert share([*shipped, Archived(MEGABYTE, 50, 400)], 3 * MEGABYTE, 350, 32 * MEGABYTE) == 20 / 32


def test_many_small_files_are_as_bad_as_large_ones() -> None:
    assert share([Archived(1, 0, 100.0)] * 80, 0, 0, 1 << 30) == 0.8


def test_the_journal_takes_what_it_may_and_leaves_what_it_must() -> None:
    assert room(100, 1000, 500, 50) == 500
    assert room(100, 200, 500, 50) == 250


def test_the_files_of_a_host_are_measured(tmp_path: Path) -> None:
    machine = tmp_path / "0123"
    machine.mkdir()
    identity, sequence = "1" * 32, "2" * 16
    names = {
        "system.journal": 300,
        f"system@{identity}-{sequence}-{50_000_000:016x}.journal": 100,
        f"user-1000@{150_000_000:016x}-{sequence}.journal~": 200,
        "of-others@x.journal": 300,
    }
    for name, time in names.items():
        (machine / name).write_bytes(b"x" * MEGABYTE)
        os.utime(machine / name, (time, time))
    (machine / "gone.journal").symlink_to("nothing")
    used = os.stat(machine / "system.journal").st_blocks * 512
    assert [measured(shipped, "4M", "1K", str(tmp_path)) * 4 * MEGABYTE / used for shipped in (0, 150, 250)] == [4, 3, 0]
