"""Fixtures for the tests of all scenarios."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from desk import Desk


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
