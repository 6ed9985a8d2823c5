"""Small texts of backups: what restic says, and names in SQL."""

from __future__ import annotations

from ansible_collections.safetynet.prod_access.plugins.module_utils._restic_text import at, has_secret, pattern, summary, without_secrets
from ansible_collections.safetynet.prod_access.plugins.module_utils._sql_text import identifier, literal
from hypothesis import given
from hypothesis import strategies as st


def test_passwords_of_addresses_are_seen_and_hidden() -> None:
    assert has_secret("rest:https://me:pass@host:8000/me/")
    assert not has_secret("rest:https://host:8000/me/")
    assert not has_secret("s3:https://s3.example.com/a@b:c/")
    assert without_secrets("at rest:https://me:pass@host/ with token", "token", "") == "at rest:https://(hidden)@host/ with (hidden)"


def test_the_summary_of_a_backup() -> None:
    said = '{"message_type":"status"}\n{"message_type":"summary","snapshot_id":"abc"}\nnot JSON\n{"message_type":"status"}\n'
    assert summary(said) == {"message_type": "summary", "snapshot_id": "abc"}
    assert summary("") == {}


def test_a_path_that_means_itself() -> None:
    assert pattern("/a*[b]?\\c/") == "/a\\*\\[b]\\?\\\\c"
    assert pattern("/") == "/"


def test_the_time_of_a_backup() -> None:
    assert at(1795705255) == "--time=2026-11-26 15:00:55"


@given(st.text())
def test_no_text_ends_its_own_quotes(text: str) -> None:
    for quote, quoted in (("'", literal(text)), ('"', identifier(text)), ("`", identifier(text, "`"))):
        assert quoted[0] == quoted[-1] == quote
        assert quoted[1:-1].replace(quote * 2, "").count(quote) == 0
        assert quoted[1:-1].replace(quote * 2, quote) == text
