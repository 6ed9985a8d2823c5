"""Every row of the matrix, on each of its hosts."""

from __future__ import annotations

import pytest
from matrix import Matrix
from rows import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=str)
def test_row(matrix: Matrix, case: Case) -> None:
    seen = matrix.result(case)
    if seen.missing:
        pytest.skip(f"{case.row.needs} is not on {case.host}")
    wrong = seen.verdict(case)
    assert not wrong, f"{case}: {wrong}\n{seen.screen}"
