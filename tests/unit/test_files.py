"""What is kept on hosts as JSON."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.safetynet.prod_access.plugins.module_utils import _files
from hypothesis import given
from hypothesis import strategies as st

_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(_DATA)
def test_what_is_written_reads_back_the_same(data: Any) -> None:
    text = _files.dumped(data)
    assert json.loads(text) == data
    assert text.endswith("\n")


def test_a_person_is_a_line() -> None:
    assert _files.dumped({"people": {"b": {"uid": 2, "keys": [{"id": 1}]}, "a": {}}}) == (
        '{\n "people": {\n  "a": {},\n  "b": {\n   "keys": [{"id": 1}],\n   "uid": 2\n  }\n }\n}\n'
    )
