"""The folder of proofs: what is written, what is kept, and what is said of a file that is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.errors import AnsibleError
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._proof_files import keep, runs

from .proofs import hosts


def test_a_run_is_kept_and_comes_first_afterwards(tmp_path: Path) -> None:
    folder = str(tmp_path / "prove")
    assert list(runs(folder)) == []
    keep(folder, "2026-11-25T16:00:00Z", hosts())
    page, data = keep(folder, "2026-11-26T16:00:00Z", hosts())
    assert [run["made"] for run in runs(folder)] == ["2026-11-26T16:00:00Z", "2026-11-25T16:00:00Z"]
    assert json.loads(Path(data).read_text())["runs"] == ["2026-11-25T16:00:00Z", "2026-11-26T16:00:00Z"]
    assert "Does the net hold?" in Path(page).read_text()
    assert sorted(path.name for path in (tmp_path / "prove").iterdir()) == ["prove.html", "prove.json", "runs"], "nothing half written"


def test_ninety_runs_are_kept_and_files_of_others_stay(tmp_path: Path) -> None:
    place = tmp_path / "runs"
    place.mkdir()
    for number in range(95):
        (place / f"202601{number // 60 + 1:02}T00{number % 60:02}00Z.json").write_text('{"made": "2026-01-01T00:00:00Z", "hosts": {}}')
    (place / "notes.txt").write_text("ours")
    keep(str(tmp_path), "2026-11-26T16:00:00Z", hosts())
    assert len(list(place.glob("*.json"))) == 90
    assert (place / "20261126T160000Z.json").exists()
    assert not (place / "20260101T000000Z.json").exists()
    assert (place / "notes.txt").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"made": "2026-01-01T00:00:00Z"}', '{"made": 1, "hosts": {}}'])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/20260101T000000Z.json").write_text(text)
    with pytest.raises(AnsibleError, match=r"20260101T000000Z.json cannot be read: .*; move it away, and run playbook prove again"):
        list(runs(str(tmp_path)))
