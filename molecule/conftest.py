"""Fixtures for the tests of all scenarios."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk import Desk

# Molecule says much after its tests. "make molecule" shows this file last.
FAILURES = Path(__file__).parents[1] / ".fleet/failures"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in [*terminalreporter.getreports("failed"), *terminalreporter.getreports("error")]:
        with FAILURES.open("a") as stream:
            stream.write("\n".join([f"==> failed: {report.nodeid}", *report.longreprtext.splitlines()[-25:], ""]))


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    yield desk
    desk.people, desk.teams, desk.grants = {}, {}, []


@pytest.fixture
def clean(desk: Desk) -> Iterator[Callable[..., None]]:
    """Names people of this test, whom the hosts do not know before it and have forgotten after it."""
    named: list[str] = []

    def names(*logins: str) -> None:
        named.extend(logins)
        desk.forget(*logins)

    yield names
    desk.forget(*named)
