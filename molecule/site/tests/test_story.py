"""The story that the demo tells, from the net to the proof of it."""

from __future__ import annotations

import re

from desk import FLEET, Done, host


def test_the_story_ends_well(told: Done) -> None:
    assert told.returncode == 0, f"{told.stdout}\n{told.stderr}"
    assert told.stderr == ""
    seconds = [int(found) for found in re.findall(r"500000 orders are back after (\d+) s", told.stdout)]
    assert len(seconds) == 2, "alice's and carol's"
    assert max(seconds) < 30, seconds
    assert "alice on db1 was asked about DROP TABLE orders (database shop on db1), and said yes" in told.stdout, "what the chat heard"
    assert re.search(r"Orders dropped on db1, twice: [\d,]+ events of 7 of 7 hosts, 0 gaps in the evidence", told.stdout)
    for page in ("prove/prove.html", "access-report/access.html"):
        assert (FLEET / page).exists() and f".fleet/{page}" in told.stdout
    (document,) = (FLEET / "postmortems").glob("*/postmortem.md")
    assert "alice" not in document.read_text(), "people appear by what they do"
    assert "developer 1 as postgres: was asked about `DROP TABLE orders`" in document.read_text()
    assert host("db1", "runuser -u postgres -- psql -qAtX shop -c 'SELECT count(*) FROM orders'") == "500000"
