"""Fixtures for the whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import host
from net import EVERY, RECEIPTS, receipts


@pytest.fixture(scope="package", autouse=True)
def backed_up() -> Iterator[None]:
    """Every host has a backup that was proven."""
    for name in EVERY:
        receipts(name, hours=2)
    yield
    for name in EVERY:
        host(name, f"rm -f {RECEIPTS}/backup.json {RECEIPTS}/restore.json; rmdir {RECEIPTS} 2>/dev/null; true")


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the proofs of these tests are kept, for all of them."""
    return tmp_path_factory.mktemp("proofs") / "prove"
