"""What became of canaries, by what was found of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._selftest import Row, rows, said

OUTPUT = "a banner\nwhoami\talice\t\nsu\tran\t\nsudo -i\tran\t\nbase64 | sh\tran\t\nat\tskipped\tno at on this host\n"


def event(what: str, person: str | None = "alice", source: str = "snoopy", received: str = "00:00:02.5Z") -> dict[str, Any]:
    return {"what": what, "source": source, "time": "2026-11-26T00:00:01Z", "received": f"2026-11-26T{received}", "person": person}


def one(name: str, *events: dict[str, Any]) -> Row:
    return next(rows("canary-1", "alice", {name: ""}, events))


def test_a_host_says_who_ran_which() -> None:
    assert said(OUTPUT) == ("alice", {"su": "", "sudo -i": "", "base64 | sh": "", "at": "no at on this host"})


@pytest.mark.parametrize("output", ["", "whoami\talice\t\n", "su\tran\t\n", "sh: not found"])
def test_a_host_that_says_nothing_is_no_good_host(output: str) -> None:
    with pytest.raises(ValueError, match="said nothing"):
        said(output)


def test_each_is_told_from_those_whose_names_begin_the_same() -> None:
    found = [
        event("/bin/true canary-1-sudo-i"),
        event("/bin/true canary-1-base64-sh"),
        event("/bin/true canary-2-su"),
        event("canary-1-suse"),
    ]
    states = [(row.canary, row.state) for row in rows("canary-1", *said(OUTPUT), found)]
    assert states == [("su", "not seen"), ("sudo -i", "seen"), ("base64 | sh", "seen"), ("at", "not tried")]


def test_what_is_seen_says_by_what_as_whose_and_how_soon() -> None:
    row = one("su", event("canary-1-su"), event("canary-1-su", source="sudo", received="00:00:03Z"), event("canary-1-su", "root", "other"))
    assert (row.layers, row.person, row.seconds, row.is_broken) == (("snoopy", "sudo"), "alice", 1.5, False)
    assert str(row) == "su                 seen by snoopy, sudo, as alice's, after 1.5 s"


def test_what_is_not_seen_says_why_and_breaks_the_promise_where_there_is_one() -> None:
    assert one("su").is_broken
    assert "audit.json" in str(one("su"))
    assert not one("shell builtin").is_broken
    assert "starts no program" in one("shell builtin").why


def test_what_is_seen_as_another_s() -> None:
    row = one("su", event("canary-1-su", None))
    assert (row.state, row.why, row.is_broken) == ("seen, not whose", "it is on record as nobody's, and alice ran it", True)
    assert not one("systemd-run", event("canary-1-systemd-run", None)).is_broken
