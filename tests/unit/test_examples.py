"""The files in examples/, as far as they can be tried without what they are for."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

EXAMPLES = Path(__file__).parents[2] / "examples"
PLAYBOOKS = {path.stem for path in EXAMPLES.with_name("playbooks").glob("*.yml")}


def test_ansible_builder_takes_the_execution_environment(tmp_path: Path) -> None:
    command = ["ansible-builder", "create", "--file", str(EXAMPLES / "awx/execution-environment.yml"), "--context", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "safetynet.prod_access" in (tmp_path / "_build/requirements.yml").read_text()
    assert "ansible-core~=2.19.0" in (tmp_path / "Containerfile").read_text()


def test_jobs_are_playbooks_of_ours() -> None:
    play: dict[str, Any] = yaml.safe_load((EXAMPLES / "awx/awx.yml").read_text())[0]
    assert {job["name"] for job in play["vars"]["jobs"]} <= PLAYBOOKS
