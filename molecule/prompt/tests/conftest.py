"""The matrix is filled once, by threads, while its tests wait for their rows; it is printed at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import HOSTS, Desk, host
from journal import Journal
from matrix import Matrix
from page import between, summary, tables
from pictures import PICTURES, take
from rows import CASES, PEOPLE, RELEASES

_MATRIX = pytest.StashKey[Matrix]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--page", type=Path, help="write the matrix into this page, and pictures of terminals beside it")


@pytest.fixture(params=HOSTS)
def name(request: pytest.FixtureRequest) -> str:
    """A host of each Debian release in turn."""
    return str(request.param)


@pytest.fixture
def journal(name: str) -> Journal:
    since = host(name, "date +%s.%N")

    def entries() -> list[dict[str, str]]:
        said = host(name, f"journalctl --sync; journalctl --since=@{since} -o json PROD_ACCESS_KIND=guard")
        return [json.loads(line) for line in said.splitlines()]

    return entries


@pytest.fixture(scope="session")
def people(desk: Desk) -> Iterator[Desk]:
    """A person for each login shell, on the hosts of the matrix; what they have at home changes with each row."""
    _forget(desk)
    for login, shell in PEOPLE.items():
        desk.person(login, grant={"sudo": "full"}, shell=f"/bin/{shell}")
    desk.access(limit=",".join(RELEASES))
    yield desk
    _forget(desk)


def _forget(desk: Desk) -> None:
    for name in RELEASES:
        # A server of tmux goes on after its terminal; screen's folders are of a login, and know its number.
        host(name, f"tmux kill-server 2>/dev/null; cd /run/screen 2>/dev/null && rm -rf {' '.join(f'S-{login}' for login in PEOPLE)}; true")
    desk.forget(*PEOPLE, hosts=RELEASES)


@pytest.fixture(scope="session")
def matrix(people: Desk, request: pytest.FixtureRequest) -> Iterator[Matrix]:
    matrix = Matrix(people)
    matrix.start(item.callspec.params["case"] for item in request.session.items if "matrix" in getattr(item, "fixturenames", ()))
    request.config.stash[_MATRIX] = matrix
    yield matrix
    if page := request.config.option.page:
        wrong = [str(case) for case in CASES if case not in matrix.results or matrix.results[case].verdict(case)]
        assert not wrong, f"{page} stays as it is, since these rows were not run, or are not as they should be: {', '.join(wrong)}"
        page.write_text(between(page.read_text(), tables(matrix.results)))
        for name in PICTURES:
            page.with_name(f"{page.stem}-{name}.svg").write_text(take(people, name))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if matrix := config.stash.get(_MATRIX, None):
        terminalreporter.section("prompts, as terminals showed them")
        for line in summary(matrix.results):
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"{len(matrix.results)} prompts in {matrix.seconds:.0f} s")
