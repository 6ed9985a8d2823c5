"""The list of chats: all that is wrong is said at once, and no part of an address is."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._chats import faults, schema
from hypothesis import given
from hypothesis import strategies as st

GOOD = [
    {"name": "ops", "url": "slack://T1/B1/secret"},
    {"name": "on-call", "url": "https://hooks.slack.com/services/T1/B1/secret", "tell": ["alarms", "runs"]},
    {"name": "mail", "url": "mailtos://user:secret@mail.example.com?to=ops@example.com"},
]


def test_good_ones() -> None:
    assert faults(GOOD, "chats") == []
    assert faults([], "chats") == []


@pytest.mark.parametrize(
    ("chats", "said"),
    [
        ("slack://secret", "chats: not a list"),
        (None, "chats: not a list"),
        (["slack://secret"], "chats[0]: not an entry"),
        ([{"url": "slack://secret"}], "chats[0].name: missing"),
        ([{"name": "a b", "url": "slack://secret"}], "chats[0].name: missing"),
        ([{"name": 1, "url": "slack://secret"}], "chats[0].name: missing"),
        ([{"name": "a"}], "chats[0].url: missing or empty"),
        ([{"name": "a", "url": " "}], "chats[0].url: missing or empty"),
        ([{"name": "a", "url": 5}], "chats[0].url: missing or empty"),
        ([{"name": "a", "url": "$ANSIBLE_VAULT;1.1;AES256 secret"}], "chats[0].url: still encrypted"),
        ([{"name": "a", "url": "secret"}], "chats[0].url: not an address"),
        ([{"name": "a", "url": "slack://secret here"}], "chats[0].url: not an address"),
        ([{"name": "a", "url": "slack://secret\n"}], "chats[0].url: not an address"),
        ([{"name": "a", "url": "HTTP://secret"}], "chats[0].url: http:// alone"),
        ([{"name": "a", "url": "secret://x"}], "chats[0].url: apprise has no such schema"),
        ([{"name": "a", "url": "slack://secret", "tell": []}], "chats[0].tell: not a list"),
        ([{"name": "a", "url": "slack://secret", "tell": ["all"]}], "chats[0].tell: not a list"),
        ([{"name": "a", "url": "slack://secret", "tell": "runs"}], "chats[0].tell: not a list"),
        ([{"name": "a", "url": "slack://secret", "tags": 1}], "chats[0].tags: not known"),
        ([{"name": "a", "url": "slack://x", "slack://secret": 1}], "chats[0].(a key): not known"),
        ([*GOOD, {"name": "ops", "url": "slack://secret"}], "chats[3].name: the same as an earlier one"),
        ([*GOOD, {"name": "new", "url": GOOD[0]["url"]}], "chats[3].url: the same as an earlier one"),
    ],
)
def test_what_is_wrong_and_where(chats: Any, said: str) -> None:
    (fault,) = faults(chats, "chats")
    assert fault.startswith(said)
    assert "secret" not in fault.replace("it is a secret", "").replace("part of a secret", "")
    assert ";" in fault, "how to mend it"


def test_all_at_once() -> None:
    assert len(faults([{"url": ""}, 5, {"name": "a", "url": "slac://x", "tell": [1]}], "chats")) == 4


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_nothing_makes_it_fail(chats: Any) -> None:
    assert faults(chats, "chats") == [] or all(fault.startswith("chats") for fault in faults(chats, "chats"))


def test_what_may_be_shown() -> None:
    assert schema("Slack://T1/B1/secret") == "slack"
