"""The collector, away for the time of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from collected import COLLECTOR, RECEIVE
from desk import host


@pytest.fixture
def no_collector() -> Iterator[None]:
    """The collector does not listen."""
    host(COLLECTOR, f"systemctl stop {RECEIVE}")
    yield
    host(COLLECTOR, f"systemctl start {RECEIVE}")
