"""Seals find whatever was done to a file afterwards, and where."""

from __future__ import annotations

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._chain import Chain, Fault, Seal, Watch, verify
from hypothesis import given
from hypothesis import strategies as st

LINES = [f'{{"seq": {number}}}\n'.encode() for number in range(1, 11)]


def sealed(lines: list[bytes], ends: tuple[int, ...], previous: str = "") -> list[Seal]:
    chain = Chain("db1/2026-11-25", previous)
    seals = []
    for number, line in enumerate(lines, start=1):
        chain.add(line)
        if number in ends:
            seals.append(chain.seal(f"at {number}"))
    return seals


SEALS = sealed(LINES, (4, 7, 10))


def fault(lines: list[bytes], seals: list[Seal] = SEALS) -> Fault | None:
    return verify("db1/2026-11-25", lines, seals).fault


def test_a_file_as_it_was_sealed() -> None:
    verdict = verify("db1/2026-11-25", [*LINES, b"more\n", b"and more\n"], SEALS)
    assert (verdict.fault, verdict.lines, verdict.sealed) == (None, 12, 10)
    assert verify("db1/2026-11-25", LINES, []).sealed == 0


def test_every_kind_of_change_is_named_with_its_line() -> None:
    edited = [*LINES[:5], b'{"seq": 66}\n', *LINES[6:]]
    assert fault(edited) == Fault(6, "edited: it is not what was sealed")
    assert fault([*LINES[:5], *LINES[6:]]) == Fault(6, "a line before it was removed")
    assert fault([*LINES[:5], b"new\n", *LINES[5:]]) == Fault(6, "inserted: it was not sealed here")
    assert fault([*LINES[:5], LINES[6], LINES[5], *LINES[7:]]) == Fault(6, "another place than where it was sealed")
    assert fault([*LINES[:5], LINES[8], *LINES[5:8], LINES[9]]) is not None
    assert fault([*LINES[:5], LINES[8], *LINES[6:]]) == Fault(6, "a line of another place")
    assert fault(LINES[:8]) == Fault(9, "missing: the file ends before it, and 10 lines were sealed")
    assert fault([]) == Fault(1, "missing: the file ends before it, and 10 lines were sealed")


def test_seals_that_were_changed() -> None:
    missing = "its seals do not follow one another: some of them are missing or were changed"
    assert fault(LINES, [SEALS[0], SEALS[2]]) == Fault(0, missing)
    assert fault(LINES, SEALS[1:]) == Fault(0, missing)
    assert fault(LINES, [*SEALS, SEALS[2]]) == Fault(0, missing)
    other = sealed([b"x\n", *LINES[1:]], (4, 7, 10))
    assert fault(LINES, [SEALS[0], other[1], SEALS[2]]) == Fault(7, "the hash of the lines up to here is another one than was sealed")
    assert fault(LINES, sealed(LINES, (10,), "aa")[:1]) is None
    moved = verify("db1/2026-11-26", LINES, SEALS)
    assert moved.fault == Fault(4, "the hash of the lines up to here is another one than was sealed")


@given(st.lists(st.binary(max_size=5), min_size=1, max_size=8), st.data())
def test_nothing_that_differs_passes(lines: list[bytes], data: st.DataObject) -> None:
    ends = tuple(data.draw(st.sets(st.integers(1, len(lines)), max_size=3)) | {len(lines)})
    seals = sealed(lines, ends)
    assert fault(lines, seals) is None
    changed = data.draw(
        st.permutations(lines) | st.just(lines[:-1]) | st.lists(st.binary(max_size=5), min_size=len(lines), max_size=len(lines))
    )
    assert (fault(changed, seals) is None) == (changed == lines)


def test_sealing_goes_on_where_it_was() -> None:
    chain = Chain("db1/2026-11-25")
    assert chain.is_sealed
    chain.resume(SEALS[1])
    assert chain.bytes == len(b"".join(LINES[:7]))
    for line in LINES[7:]:
        chain.add(line)
    assert not chain.is_sealed
    assert chain.seal("at 10") == SEALS[2]
    assert chain.hash == SEALS[2].hash


def test_seals_survive_a_journey_as_json() -> None:
    for seal in [*SEALS, sealed(LINES, (10,), "f" * 64)[0]]:
        assert Seal.from_json(seal.to_json()) == seal


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "1", '{"a": 1}', SEALS[0].to_json().replace("4", "true"), '{"time": 1, "lines": 1, "bytes": 1, "hash": "x"}']
)
def test_what_is_no_seal_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Seal.from_json(text)


def test_gaps_and_silence() -> None:
    watch = Watch(300)
    assert list(watch.now(1e9)) == []
    assert list(watch.line(7, 1000)) == []
    assert list(watch.line(8, 1300)) == []
    assert list(watch.line(11, 1301)) == ["2 lines are missing: 9 to 10"]
    assert list(watch.line(10, 1302)) == ["line 10 came after line 11: twice, or out of its order"]
    assert list(watch.line(11, 1302)) == ["line 11 came after line 11: twice, or out of its order"]
    assert list(watch.line(12, 1000)) == []
    assert list(watch.line(1, 1303)) == ["its numbers begin anew after 12: was it set up again?"]
    assert list(watch.line(2, 1700)) == ["silent for 397 s"]
    assert list(watch.line(None, 1700)) == []
    assert list(watch.now(2000)) == []
    assert list(watch.now(2001)) == ["silent for 301 s"]
