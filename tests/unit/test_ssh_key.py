"""Public keys: what is taken, what is refused, and that OpenSSH reads them as we do."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._ssh_key import (
    TYPES,
    SshKey,
    SshKeyError,
    parse_source,
)
from ansible_collections.safetynet.prod_access.tests.unit.strategies import KEYS, MOMENTS, blob, ed25519, rsa
from hypothesis import assume, given
from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus" / "keys.pub"
REAL = [line for line in CORPUS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
POINT = base64.b64decode(next(line for line in REAL if "nistp256" in line).split()[1])[-65:]
# OpenSSH's PROTOCOL.u2f, "SSH U2F Key formats"; a program that makes them needs a token.
TOKENS = [
    "sk-ssh-ed25519@openssh.com " + blob(b"sk-ssh-ed25519@openssh.com", bytes(range(32)), b"ssh:") + " token",
    "sk-ecdsa-sha2-nistp256@openssh.com " + blob(b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", POINT, b"ssh:work"),
]
EVERY_TYPE = pytest.mark.parametrize("line", [*REAL, *TOKENS], ids=lambda line: line.split()[-1][-12:])


def parse(line: str) -> SshKey:
    return SshKey.parse(line, rsa_min_bits=2048)


def fault(line: str) -> tuple[str, str]:
    with pytest.raises(SshKeyError) as caught:
        SshKey.parse(line)
    return caught.value.what, caught.value.mend


def test_the_real_keys_and_the_tokens_are_of_every_type() -> None:
    assert {line.split()[0] for line in [*REAL, *TOKENS]} == set(TYPES)


@EVERY_TYPE
def test_openssh_reads_each_key_and_prints_the_same_fingerprint(line: str, tmp_path: Path) -> None:
    file = tmp_path / "key.pub"
    file.write_text(line + "\n", encoding="utf-8")
    said = subprocess.run(["ssh-keygen", "-l", "-f", str(file)], check=True, capture_output=True, text=True).stdout
    assert said.split()[1] == parse(line).fingerprint


@EVERY_TYPE
def test_a_line_comes_back_as_it_was(line: str) -> None:
    key = parse(line)
    assert key.line() == line
    assert SshKey.of_line(line) == key
    assert key.comment == " ".join(line.split(" ")[2:])


@EVERY_TYPE
def test_a_comment_may_be_missing_or_long(line: str) -> None:
    bare = " ".join(line.split(" ")[:2])
    assert parse(f"{bare} my PUBLIC KEY").comment == "my PUBLIC KEY"
    assert parse(bare).line() == bare
    assert parse(f"{bare}   alice at  her laptop ").comment == "alice at  her laptop"


@EVERY_TYPE
@given(data=st.data())
def test_a_damaged_key_is_refused_or_is_another(line: str, data: st.DataObject) -> None:
    kind, text = line.split(" ")[:2]
    raw = bytearray(base64.b64decode(text))
    place = data.draw(st.integers(0, len(raw) - 1))
    how = data.draw(st.sampled_from(["flip", "drop", "double", "cut"]))
    if how == "flip":
        raw[place] ^= 1 << data.draw(st.integers(0, 7))
    elif how == "drop":
        del raw[place]
    elif how == "double":
        raw.insert(place, raw[place])
    else:
        del raw[place:]
    damaged = base64.b64encode(raw).decode()
    assume(damaged != text)
    try:
        key = parse(f"{kind} {damaged}")
    except SshKeyError:
        return
    assert how == "flip"
    assert key.fingerprint != parse(line).fingerprint


@EVERY_TYPE
@given(data=st.data())
def test_a_damaged_text_is_refused_or_is_another_key(line: str, data: st.DataObject) -> None:
    kind, text = line.split(" ")[:2]
    place = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:place] + data.draw(st.sampled_from("AQgwz059+/=-_é \u200b")) + text[place + 1 :]
    assume(damaged != text)
    try:
        key = parse(f"{kind} {damaged}")
    except SshKeyError:
        return
    assert key.fingerprint != parse(line).fingerprint


@EVERY_TYPE
def test_a_key_that_says_another_type_is_refused(line: str) -> None:
    for kind in set(TYPES) - {line.split()[0]}:
        assert fault(f"{kind} {line.split()[1]}")[0] == f"the line says {kind}, but the key in it is {line.split()[0]}"


@pytest.mark.parametrize("bits", [3072, 4096, 16384])
def test_rsa_keys_are_long_enough(bits: int) -> None:
    assert SshKey.parse(rsa(bits).line()) == rsa(bits)


@pytest.mark.parametrize("bits", [1024, 2048, 3071])
def test_short_rsa_keys_are_refused(bits: int) -> None:
    assert fault(rsa(bits).line()) == (f"RSA key of {bits} bits", "at least 3072 are needed: ssh-keygen -t ed25519")


def test_the_smallest_exponent_of_rsa_keys() -> None:
    assert SshKey.parse(rsa(3072, exponent=3).line()) == rsa(3072, exponent=3)


def test_the_inventory_may_ask_for_more_or_less_of_rsa_keys() -> None:
    assert SshKey.parse(rsa(2048).line(), rsa_min_bits=2048) == rsa(2048)
    with pytest.raises(SshKeyError, match="at least 4096 are needed"):
        SshKey.parse(rsa(3072).line(), rsa_min_bits=4096)


MODULUS = (2**3072 - 1).to_bytes(385, "big")
NOT_SOUND = "the RSA key is not a sound one"
NOT_WELL_FORMED = "the key is not a well-formed {} key"
RSA, ED25519, ECDSA = "ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256"
SK_ED25519, SK_ECDSA = "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"


@pytest.mark.parametrize(
    ("kind", "fields", "says"),
    [
        (RSA, [b"\1\0\1"], NOT_WELL_FORMED),
        (RSA, [b"\1\0\1", MODULUS, b"x"], NOT_WELL_FORMED),
        (RSA, [b"", MODULUS], NOT_WELL_FORMED),
        (RSA, [b"\1\0\1", b""], NOT_WELL_FORMED),
        (RSA, [b"\1", MODULUS], NOT_SOUND),
        (RSA, [b"\4", MODULUS], NOT_SOUND),
        (RSA, [b"\1\0\1", (2**3072 - 2).to_bytes(385, "big")], NOT_SOUND),
        (RSA, [b"\1\0\1", (2**16385 - 1).to_bytes(2049, "big")], NOT_SOUND),
        (RSA, [b"\1\0\1", b"\x80" + MODULUS[1:]], NOT_SOUND),
        # RFC 4251, section 5: one number, one spelling. Else a key could be there twice and look like two.
        (RSA, [b"\1\0\1", b"\0" + MODULUS], NOT_SOUND),
        (RSA, [b"\0\1\0\1", MODULUS], NOT_SOUND),
        (ED25519, [], NOT_WELL_FORMED),
        (ED25519, [bytes(31)], NOT_WELL_FORMED),
        (ED25519, [bytes(32), b"ssh:"], NOT_WELL_FORMED),
        (SK_ED25519, [bytes(32)], NOT_WELL_FORMED),
        (SK_ED25519, [bytes(32), b""], NOT_WELL_FORMED),
        (SK_ED25519, [bytes(32), b"ssh:", b"x"], NOT_WELL_FORMED),
        (ECDSA, [POINT], NOT_WELL_FORMED),
        (ECDSA, [b"nistp384", POINT], NOT_WELL_FORMED),
        (ECDSA, [b"nistp256", POINT[:-1]], NOT_WELL_FORMED),
        (ECDSA, [b"nistp256", b"\2" + POINT[1:]], NOT_WELL_FORMED),
        (ECDSA, [b"nistp256", POINT, b"ssh:"], NOT_WELL_FORMED),
        (SK_ECDSA, [b"nistp256", POINT], NOT_WELL_FORMED),
        (SK_ECDSA, [b"nistp256", POINT, b""], NOT_WELL_FORMED),
        (SK_ECDSA, [b"ssh:"], NOT_WELL_FORMED),
    ],
)
def test_a_key_holds_what_its_type_asks_for(kind: str, fields: list[bytes], says: str) -> None:
    assert fault(f"{kind} {blob(kind.encode(), *fields)}")[0] == says.format(kind)


ALICE = ed25519(b"alice")
LINE = ALICE.line()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "not a public SSH key"),
        ("hello", "not a public SSH key"),
        ("---- hello", "not a public SSH key"),
        (ALICE.blob, "not a public SSH key"),
        ("~/.ssh/id_ed25519.pub", "not a public SSH key"),
        ("https://github.com/alice.keys", "not a public SSH key"),
        ("ssh-ed25519", "the key's text is damaged (not base64)"),
        ("ssh-ed25519 AAAA....", "the key's text is damaged (not base64)"),
        (LINE[:-4], "the key's text is cut off or damaged"),
        ("ssh-ed25519 AAAA", "the key's text is cut off or damaged"),
        (LINE[:-5] + LINE[-4:], "the key's text is damaged (not base64)"),
        # The last character has bits that mean nothing; the same bytes, spelled differently.
        (rsa(3072).line()[:-2] + "9=", "the key's text is damaged (not base64)"),
        ('command="/bin/sh" ' + LINE, "there is something before the key's type"),
        ("no-pty,permitopen=host:22 " + LINE, "there is something before the key's type"),
        ("# " + LINE, "there is something before the key's type"),
        ("ssh-dss AAAAB3NzaC1kc3M alice", "ssh-dss keys are not accepted"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA alice", "ssh-ed25519-cert-v01@openssh.com keys are not accepted"),
        ("ssh-ed448 AAAA alice", "not a public SSH key"),
        ("---- BEGIN SSH2 PUBLIC KEY ----", "this is a public key in another format"),
        ("-----BEGIN PUBLIC KEY-----", "this is a public key in another format"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "this is a private key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519 Private-Lines: 1", "this is a private key"),
    ],
)
def test_what_is_no_key_is_named_for_what_it_is(line: str, says: str) -> None:
    what, mend = fault(line)
    assert what == says
    assert mend


def test_a_fault_is_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"^RSA key of 1024 bits; at least 3072 are needed: ssh-keygen -t ed25519$"):
        SshKey.parse(rsa(1024).line())


def test_limits_stand_before_the_key() -> None:
    key = replace(ALICE, until=Moment.parse("2027-01-31T18:00:00Z"), sources=("10.0.0.0/8", "2001:db8::1"))
    assert key.line() == f'expiry-time="20270131175959Z",from="10.0.0.0/8,2001:db8::1" {LINE}'


@given(KEYS)
def test_every_line_and_every_datum_comes_back_as_the_same_key(key: SshKey) -> None:
    assert SshKey.of_line(key.line()) == key
    assert SshKey.from_data(json.loads(json.dumps(key.to_data()))) == key


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# a comment",
        'command="/bin/sh" ' + LINE,
        f"restrict,{LINE}",
        f",{LINE}",
        f" {LINE}",
        f"{LINE} ",
        f'from="10.0.0.0/8"{LINE}',
        f'expiry-time="20270131175959" {LINE}',
        f'expiry-time="20271331175959Z" {LINE}',
        f'from="10.0.0.0/8",expiry-time="20270131175959Z" {LINE}',
        f'expiry-time="20270131175959Z"from="10.0.0.0/8" {LINE}',
        rsa(1024).line(),
    ],
)
def test_only_lines_of_ours_are_read_back(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        SshKey.of_line(line)


@given(KEYS, st.none() | MOMENTS)
def test_an_end_can_only_come_closer(key: SshKey, end: Moment | None) -> None:
    ends = [moment for moment in (key.until, end) if moment]
    assert key.ending(end) == replace(key, until=min(ends) if ends else None)


@pytest.mark.parametrize(
    ("sources", "other", "common"),
    [
        ("", "", ""),
        ("10.0.0.0/8", "", "10.0.0.0/8"),
        ("", "10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.0/8", "10.1.0.0/16 192.0.2.7", "10.1.0.0/16"),
        ("10.1.0.0/16 10.2.0.1", "10.0.0.0/8", "10.1.0.0/16 10.2.0.1"),
        ("10.1.0.0/16", "10.0.0.0/8 10.0.0.0/7", "10.1.0.0/16"),
        ("10.0.0.0/8 2001:db8::/32", "2001:db8::1 10.0.0.0/8", "10.0.0.0/8 2001:db8::1"),
        ("10.1.0.0/16", "10.2.0.0/16", None),
        ("10.0.0.0/8", "2001:db8::/32", None),
    ],
)
def test_a_key_within_another_is_good_where_both_are(sources: str, other: str, common: str | None) -> None:
    found = replace(ALICE, sources=tuple(sources.split())).within(replace(ALICE, sources=tuple(other.split())))
    assert found == (None if common is None else replace(ALICE, sources=tuple(common.split())))


@given(st.none() | MOMENTS, st.none() | MOMENTS)
def test_a_key_within_another_is_good_as_long_as_both_are(until: Moment | None, other: Moment | None) -> None:
    assert replace(ALICE, until=until).within(replace(ALICE, until=other)) == ALICE.ending(until).ending(other)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7/32", "192.0.2.7"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("2001:db8::1/128", "2001:db8::1"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_addresses_are_written_as_sshd_compares_them(text: str, rendered: str) -> None:
    assert parse_source(text) == rendered


@pytest.mark.parametrize(
    "text",
    [
        "",
        "office",
        "*.example.com",
        "!10.0.0.0/8",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0",
        "fe80::1%eth0",
        "10.0.0.0/8,0.0.0.0/0",
        '1.1.1.1"',
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_source(text)
