"""What is kept of runs, shown of them, and asked before access is given."""

from __future__ import annotations

from typing import Any

from ansible_collections.safetynet.prod_access.plugins.plugin_utils._proof_history import lacking, page_data, sentences, small, table

from .proofs import NOW, hosts, page

MADE = "2026-11-26T16:00:00Z"
BAD: dict[str, Any] = {"record": {"events": []}, "host": {"certificates": []}}


def test_the_table_has_a_row_for_each_host_and_marks_what_does_not_hold() -> None:
    lines = list(table(hosts(**BAD)))
    assert [state for state, _line in lines] == ["waived", "ok", "broken", "unknown"]
    assert [line.split()[:3] for _state, line in lines] == [
        ["host", "recorded", "prompt"],
        ["web1", "1.4", "s"],
        ["web2", "!not", "seen"],
        ["gone1", "!?", "!?"],
    ]
    assert "certificates" in lines[0][1]


def test_a_proof_that_all_have_waived_is_no_column() -> None:
    few = {"web1": {"proofs": [{"name": "backup", "state": "waived", "short": "waived"}, {"name": "clock", "state": "ok", "short": "0 s"}]}}
    assert [line for _state, line in table(few)] == ["host  clock", "web1  0 s"]


def test_sentences_are_for_what_does_not_hold_unless_all_are_asked_for() -> None:
    lines = list(sentences(hosts(**BAD), every=False))
    assert lines[0] == (
        "broken",
        "web2: recorded: broken: a canary of this run was not at log1 within 30 s; see: systemctl status prod-access-audit-ship; "
        "then run playbook audit_selftest, which tries every way to run a command",
    )
    assert not any(line.startswith("web1") for _state, line in lines)
    assert any(line.startswith("web1: recorded: ok: ") for _state, line in sentences(hosts(), every=True))


def test_what_is_kept_is_small_and_says_what_was_wrong() -> None:
    kept = small(MADE, hosts(**BAD))["hosts"]
    assert kept["web1"]["record"] == ["ok", 1.4]
    assert kept["web2"]["record"] == ["broken", None, "a canary of this run was not at log1 within 30 s"]


def test_trends_go_back_as_far_as_a_host_is_known() -> None:
    made = page(**BAD)
    assert len(made["runs"]) == 12
    assert made["hosts"][1]["trends"]["record"][-2:] == [["ok", 1.4], ["broken", None]]
    assert made["hosts"][2]["trends"]["record"][0] == [None, None]
    assert [host["state"] for host in made["hosts"]] == ["ok", "broken", "unknown"]
    assert len(page_data(MADE, hosts(), [small(MADE, hosts())] * 50)["runs"]) == 30


def test_access_is_given_where_the_net_is_proven_and_the_proof_is_fresh() -> None:
    run = small(MADE, hosts(access={"strays": []}, **BAD))
    later = {"made": "2026-11-26T17:00:00Z", "hosts": {}}
    assert lacking([later, run], "web1", NOW + 60, 24) == ""
    assert lacking([], "web1", NOW, 24) == "nobody has proven it yet"
    assert lacking([run], "web1", NOW + 90000, 24) == f"the newest proof is of {MADE}, more than 24 hours ago"
    assert lacking([run], "web2", NOW, 24) == (
        f"as of {MADE}, recorded: a canary of this run was not at log1 within 30 s; certificates: there is no certificate here"
    )
    del run["hosts"]["web1"]["clock"]
    assert lacking([run], "web1", NOW, 24) == f"as of {MADE}, clock: nobody looked"


def test_what_is_about_access_itself_is_not_waited_for() -> None:
    run = small(MADE, hosts(host={"ways_in": []}))
    assert run["hosts"]["web2"]["ways_in"][0] == "broken"
    assert lacking([run], "web2", NOW, 24) == ""
