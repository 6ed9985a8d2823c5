"""The folder of post-mortems: what is read there, and that it is written whole or not at all; and the inventory's git log."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._event import instant
from ansible_collections.safetynet.prod_access.plugins.plugin_utils import _postmortem_files as files
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._postmortem import Commit


def write(folder: Path, name: str, text: str) -> None:
    files.write(str(folder / name), {files.DOCUMENT: text})


def test_what_is_open_and_since_when(tmp_path: Path) -> None:
    write(tmp_path, "2026-11-25-said", "---\nfrom: 2026-11-25T12:00:00Z\nclosed:\n---\n")
    write(tmp_path, "2026-11-24-day-only", "# no front\n")
    write(tmp_path, "2026-99-99-odd", "---\nfrom: then\n---\n")
    write(tmp_path, "2026-11-23-closed", "---\nfrom: 2026-11-23T12:00:00Z\nclosed: 2026-12-01\n---\n")
    (tmp_path / "empty").mkdir()
    assert files.open_incidents(str(tmp_path)) == {
        "2026-11-25-said": instant("2026-11-25T12:00:00Z"),
        "2026-11-24-day-only": instant("2026-11-24T00:00:00Z"),
        "2026-99-99-odd": 0,
    }
    assert files.open_incidents(str(tmp_path / "nowhere")) == {}


def test_what_people_wrote_is_read_and_written_as_it_is(tmp_path: Path) -> None:
    odd = tmp_path / "a" / files.DOCUMENT
    odd.parent.mkdir()
    odd.write_bytes(b"one\r\ntwo \xff\n\x85three")
    text = files.documents(str(tmp_path))["a"]
    files.write(str(odd.parent), {files.DOCUMENT: text})
    assert odd.read_bytes() == b"one\r\ntwo \xff\n\x85three"


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a", "old")

    def full(handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError):
        write(tmp_path, "a", "new")
    assert files.documents(str(tmp_path)) == {"a": "old"}


def test_a_timeline_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("[1]")
    (tmp_path / "y").write_text('{"version": 1}')
    (tmp_path / "z").write_text("{")
    assert [files.timeline(str(tmp_path / name)) for name in "wxyz"] == [{}, {}, {"version": 1}, {}]


def test_commits_of_the_inventory_in_that_time(tmp_path: Path) -> None:
    def git(*words: str, date: str = "2026-11-25T12:00:00Z") -> None:
        who = {
            "GIT_AUTHOR_NAME": "Alice",
            "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "x",
            "GIT_COMMITTER_EMAIL": "x@example.com",
        }
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin", **who, **dates})

    inventory = tmp_path / "inventory"
    inventory.mkdir()
    git("init", "-q")
    for name, date in (("hosts.yml", "2026-11-25T12:00:00Z"), ("other", "2026-11-25T12:30:00Z"), ("people.yml", "2026-11-25T14:00:00Z")):
        (inventory / name if name != "other" else tmp_path / name).write_text(name)
        git("add", "-A")
        git("commit", "-qm", f"{name}: changed", date=date)
    since, until = instant("2026-11-25T11:00:00Z"), instant("2026-11-25T13:00:00Z")
    (commit,) = files.commits([str(inventory / "hosts.yml"), str(inventory)], since, until)
    assert commit == Commit(
        instant("2026-11-25T12:00:00Z"), "Alice", "a@example.com", commit.revision, "hosts.yml: changed", ("inventory/hosts.yml",)
    )
    assert files.commits([str(tmp_path.parent / "nowhere" / "hosts.yml")], since, until) == []
    assert files.revision_before(str(inventory), since) is None
    assert files.revision_before(str(inventory), until)
