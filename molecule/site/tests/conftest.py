"""Fixtures for the whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from desk import ENVIRONMENT, ROOT, Done

_PATHS = ("molecule/default", "molecule/prompt/tests", "molecule/notify/tests")


@pytest.fixture(scope="package", autouse=True)
def told() -> Done:
    """The story that the demo tells. All tests begin where it ends: with people who have access, and backups that were proven."""
    environment = {**ENVIRONMENT, "PYTHONPATH": ":".join(str(ROOT / path) for path in _PATHS)}
    command = [sys.executable, "molecule/site/story.py"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=900)


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the proofs of these tests are kept, for all of them."""
    return tmp_path_factory.mktemp("proofs") / "prove"
