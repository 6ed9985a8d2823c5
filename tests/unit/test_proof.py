"""Whether the net holds, by what was gathered: each promise, kept and broken."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._proof import PROOFS, Asked, Limits, worst

from .proofs import DAY, FOUND, NOW, asked, proofs

EVENT = FOUND["record"]["events"][0]
CHAIN = FOUND["record"]["chain"]
ACCOUNT = FOUND["access"]["accounts"][0]
RECEIPT = FOUND["host"]["receipts"]["backup"]


def prompt(text: str, colour: str, **more: Any) -> dict[str, Any]:
    painted = [{"text": f" {text} ", "colour": colour}] if colour else []
    return {"prompts": [{"shell": "/bin/zsh", "painted": painted, "text": text, "problem": "", **more}]}


def receipts(**backup: Any) -> dict[str, Any]:
    return {"receipts": {"backup": {**RECEIPT, **backup} if backup else None, "restore": None}}


def certificate(days: float) -> dict[str, Any]:
    return {"certificates": [{"path": "/a", "ends": NOW + 900 * DAY}, {"path": "/b", "ends": NOW + days * DAY}]}


def test_where_all_is_well_each_proof_says_what_was_seen() -> None:
    found = proofs()
    assert list(found) == list(PROOFS)
    assert {proof.state for proof in found.values()} == {"ok"}
    assert not any(proof.mend for proof in found.values())
    assert {name: proof.evidence for name, proof in found.items()} == {
        "record": "a canary of 15:59:50 was at log1 after 1.4 s, by snoopy, as carol's",
        "prompt": "in a terminal, bash shows PRODUCTION on red",
        "backup": "the last backup is of 2026-11-26T02:00:00Z, 14 hours ago",
        "restore": "the last proven restore is of 2026-11-24T04:00:00Z, 2 days ago",
        "chain": "1200 lines of 3 days are as they were sealed on log1; last seal 0123456789ab",
        "sudo": "visudo finds nothing in the whole of it, 4 files",
        "ways_in": "2 accounts can log in and become root: root, carol",
        "access": "what was found is what was declared, for 1 person",
        "ends": "no access has an end",
        "clock": "0.02 s behind the controller's clock, give or take 0.03 s",
        "certificates": "the first of 1 to end is /etc/prod-access/audit/host.pem, which ends in 300 days, at 2027-09-22T16:00:00Z",
    }


@pytest.mark.parametrize(
    ("name", "state", "says", "parts"),
    [
        ("record", "broken", "was not at log1 within 30 s", {"record": {"events": []}}),
        ("record", "broken", "was not at log1: it failed: no", {"canary": {"canaries": {"ssh command": "it failed: no"}}}),
        ("record", "warn", "after 6.0 s", {"record": {"events": [{**EVENT, "received": "2026-11-26T15:59:56.0Z"}]}}),
        ("record", "broken", "after 40.0 s", {"record": {"events": [{**EVENT, "received": "2026-11-26T16:00:30.0Z"}]}}),
        ("record", "broken", "on record as bob's, and carol ran it", {"record": {"events": [{**EVENT, "person": "bob"}]}}),
        ("record", "unknown", "failed: no such file", {"record": {"failed": True, "msg": "no  such\nfile"}}),
        ("record", "unknown", "nothing was tried", {"record": {}}),
        ("prompt", "broken", "zsh shows STAGING on amber", {"host": prompt("STAGING", "amber")}),
        ("prompt", "broken", "zsh begins without a label: 'web1%'", {"host": prompt("web1%", "")}),
        ("prompt", "broken", "zsh: it said nothing", {"host": prompt("", "", problem="it said nothing")}),
        ("prompt", "broken", "no shell was tried", {"host": {"prompts": []}}),
        ("backup", "broken", "no backup is known here", {"host": receipts()}),
        ("backup", "warn", "30 hours ago", {"host": receipts(ended="2026-11-25T10:00:00Z")}),
        ("backup", "broken", "30 seconds ago; ", {"host": receipts(ended="2026-11-26T15:59:30Z", ok=False, alarm="x")}),
        ("backup", "broken", "3 days ago", {"host": receipts(ended="2026-11-23T10:00:00Z")}),
        ("backup", "broken", "has ever succeeded: disk full", {"host": receipts(ended="", alarm="disk full")}),
        ("backup", "broken", "has ever succeeded", {"host": receipts(ended="")}),
        ("backup", "broken", "14 hours ago; files failed", {"host": receipts(ok=False, alarm="files failed")}),
        ("backup", "broken", "14 hours ago", {"host": receipts(good_until=NOW - 1)}),
        ("backup", "warn", "14 hours ago; it has shrunk", {"host": receipts(alarm="it has shrunk")}),
        ("restore", "broken", "no proven restore is known here", {"host": receipts()}),
        ("chain", "broken", "on log1: d, line 1: edited", {"record": {"chain": {**CHAIN, "faults": ["d, line 1: edited"]}}}),
        ("chain", "broken", "a; b; c and 1 more", {"record": {"chain": {**CHAIN, "faults": ["a", "b", "c", "d"]}}}),
        ("chain", "warn", "none of them sealed yet", {"record": {"chain": {**CHAIN, "hash": ""}}}),
        ("chain", "unknown", "nothing ever came from web1", {"record": {"chain": {"problem": "nothing ever came from web1"}}}),
        ("sudo", "broken", "syntax error", {"host": {"sudo": {"sound": True, "faults": ["syntax error"], "oddities": [], "files": 1}}}),
        ("sudo", "broken", "that sudo refuses", {"host": {"sudo": {"sound": False, "faults": [], "oddities": [], "files": 1}}}),
        ("sudo", "warn", "passed over", {"host": {"sudo": {"sound": True, "faults": [], "oddities": ["a is passed over"], "files": 1}}}),
        ("ways_in", "broken", "nobody can", {"host": {"ways_in": []}}),
        ("ways_in", "warn", "only carol can log in", {"host": {"ways_in": ["carol"]}}),
        ("access", "broken", "carol: the account is closed", {"access": {"accounts": [{**ACCOUNT, "closed": True}]}}),
        ("access", "broken", "nobody declared key: SHA256:x", {"host": {"connecting": "ansible"}}),
        ("access", "broken", "key 3; and 2 more", {"host": {"connecting": None}, "access": {"strays": [
            {"kind": "key", "what": f"key {number}", "login": None, "person": None} for number in range(6)]}}),
        ("clock", "warn", "2.00 s ahead of", {"host": {"clock": {"offset": 2.0, "within": 0.1}}}),
        ("clock", "broken", "9.00 s behind", {"host": {"clock": {"offset": -9.0, "within": 0.1}}}),
        ("clock", "unknown", "the host said nothing of it", {"host": {"clock": None}}),
        ("certificates", "warn", "the first of 2 to end is /b, which ends in 20 days", {"host": certificate(20)}),
        ("certificates", "broken", "ends in 3 days", {"host": certificate(3)}),
        ("certificates", "broken", "ended 2 hours ago", {"host": certificate(-1 / 12)}),
        ("certificates", "broken", "no certificate", {"host": {"certificates": []}}),
    ],
)  # fmt: skip
def test_a_promise_that_is_not_kept_says_what_and_how_to_mend_it(name: str, state: str, says: str, parts: dict[str, Any]) -> None:
    proof = proofs(**parts)[name]
    assert (proof.state, says in proof.evidence, bool(proof.mend), bool(proof.short)) == (state, True, True, True), proof


def test_an_unreachable_host_is_unknown_in_all() -> None:
    gone = {"unreachable": True, "msg": "no route"}
    found = proofs(host=gone, canary=gone, record=gone, access=gone)
    assert {proof.state for proof in found.values()} == {"unknown"}
    assert found["prompt"].evidence == "unreachable: no route"


@pytest.mark.parametrize(
    ("name", "nonsense"),
    [
        ("clock", {"clock": {"offset": "nan?"}}),
        ("ways_in", {"ways_in": 7}),
        ("sudo", {"sudo": []}),
        ("certificates", {"certificates": [{"ends": 1e400}]}),
    ],
)
def test_a_host_that_talks_nonsense_is_unknown_in_that_alone(name: str, nonsense: dict[str, Any]) -> None:
    found = proofs(host=nonsense)
    assert (found[name].state, found["prompt"].state) == ("unknown", "ok")
    assert "makes no sense" in found[name].evidence


def test_elsewhere_than_in_production_a_red_prompt_is_wrong_and_backups_are_amber() -> None:
    stage = asked(is_production=False)
    found = proofs(stage, host={**prompt("STAGING", "amber"), **receipts()})
    assert (found["prompt"].state, found["prompt"].short, found["backup"].state) == ("ok", "not red", "warn")
    assert proofs(stage)["prompt"].state == "warn"


def test_without_a_collector_nothing_is_recorded() -> None:
    alone = Asked("web1", asked().access)
    found = proofs(alone, record={}, host={"certificates": []})
    assert [found[name].state for name in ("record", "chain", "certificates")] == ["broken", "broken", "ok"]


def test_ends_are_said_beforehand_and_need_a_timer() -> None:
    far, near = asked(until="2027-03-01T00:00:00Z"), asked(until="2026-12-01T00:00:00Z")
    assert proofs(far)["ends"].evidence == "the first of 1 end is carol's, at 2027-03-01T00:00:00Z, in 94 days"
    assert (proofs(far)["ends"].state, proofs(far)["ends"].short) == ("ok", "94 d")
    assert proofs(asked(until="2099-01-31T18:00:00Z"))["ends"].short == "72 y"
    assert proofs(near)["ends"].state == "warn"
    assert proofs(far, host={"timer": "inactive"})["ends"].state == "broken"


def test_what_is_known_is_no_stray_and_what_is_waived_is_not_asked_for() -> None:
    given = asked(known=("* in /root/.ssh/authorized_keys, for root",), waived={"backup": "It keeps nothing."})
    found = proofs(given, host={"connecting": "ansible", **receipts()})
    assert found["access"].state == "ok"
    assert proofs(asked(known=("root",)), host={"connecting": "ansible"})["access"].state == "ok"
    assert (found["backup"].state, found["backup"].evidence) == ("waived", "not asked for: It keeps nothing.")


def test_settings_that_cannot_work_are_said_all_at_once() -> None:
    limits = Limits(record_seconds=(9, 3), clock_seconds=(0, 5), certificate_days=(7, 30), ends_days=-1)
    wrong = asked(limits=limits, waived={"backups": "why", "restore": " ", "clock": 1})  # type: ignore[dict-item]
    assert [fault.partition(":")[0] for fault in wrong.faults()] == [
        "prove_record_seconds",
        "prove_clock_seconds",
        "prove_certificate_days",
        "prove_ends_days",
        "prove_waived",
        "prove_waived.restore",
        "prove_waived.clock",
    ]
    assert list(asked(waived={"backup": "It keeps nothing."}).faults()) == []


def test_the_worst_counts() -> None:
    assert worst(["ok", "waived", "warn", "unknown", "broken"]) == "broken"
    assert worst(["ok", "waived"]) == "waived"
