# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One public SSH key of a person: parsed, checked, and rendered as a line for sshd."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
import struct
from dataclasses import dataclass, replace
from typing import Any

from ._moment import Moment, earliest
from ._node import is_private_key, shown

RSA_MIN_BITS = 3072
RSA_FLOOR_BITS = 2048

# What a public key blob holds after its type, as RFC 4253 (ssh-rsa), RFC 5656 (ecdsa), RFC 8709 (ed25519) and OpenSSH's
# PROTOCOL.u2f (sk-*, which end with the application) define it.
_ECDSA_CURVES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
TYPES = (
    "ssh-ed25519",
    *(f"ecdsa-sha2-{curve}" for curve in _ECDSA_CURVES),
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_MAKE_ONE = "make one with: ssh-keygen -t ed25519"


class SshKeyError(ValueError):
    """Why a text is not an acceptable key, and how to mend it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what}; {mend}")
        self.what = what
        self.mend = mend


@dataclass(frozen=True)
class SshKey:
    """A public key, with the limits that sshd itself enforces."""

    kind: str
    blob: str
    comment: str = ""
    until: Moment | None = None
    sources: tuple[str, ...] = ()

    @classmethod
    def parse(cls, line: str, *, rsa_min_bits: int = RSA_MIN_BITS) -> SshKey:
        """Read one line of a ``.pub`` file. Raises SshKeyError."""
        refuse_file(line)
        kind, _blank, rest = line.partition(" ")
        blob, _blank, comment = rest.strip().partition(" ")
        if kind not in TYPES:
            raise _unknown_kind(kind, line)
        raw = _decode(blob)
        _check_blob(kind, raw, rsa_min_bits)
        return cls(kind, blob, comment.strip())

    @property
    def fingerprint(self) -> str:
        """SHA256:..., as ``ssh-keygen -l`` and sshd's log print it."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def ending(self, moment: Moment | None) -> SshKey:
        """The same key, good until the moment at the latest."""
        return replace(self, until=earliest(self.until, moment))

    def within(self, other: SshKey) -> SshKey | None:
        """The same key, good when and where both are; None when there is no such place."""
        sources = self.sources or other.sources
        if self.sources and other.sources:
            pairs = [(ipaddress.ip_network(one), ipaddress.ip_network(two)) for one in self.sources for two in other.sources]
            # Of two networks one holds the other, or they have nothing in common.
            common = [max(pair, key=lambda network: network.prefixlen) for pair in pairs if pair[0].overlaps(pair[1])]
            sources = tuple(dict.fromkeys(parse_source(str(network)) for network in common))
            if not sources:
                return None
        return replace(self, until=earliest(self.until, other.until), sources=sources)

    def line(self) -> str:
        """The line for authorized_keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT)."""
        options = []
        if self.until is not None:
            options.append(f'expiry-time="{self.until.last_second()}"')
        if self.sources:
            options.append('from="{}"'.format(",".join(self.sources)))
        return " ".join(part for part in (",".join(options), self.kind, self.blob, self.comment) if part)

    @classmethod
    def of_line(cls, line: str) -> SshKey:
        """Read back a line that :meth:`line` made. Raises ValueError for any other."""
        match = re.fullmatch(r'(?:expiry-time="(\d{14}Z)")?,?(?:from="([^"]*)")? ?((?:[a-z-]+)[^ ]* .*)', line)
        if match is None:
            raise ValueError("not a line of ours")
        until, sources, rest = match.groups()
        key = cls.parse(rest, rsa_min_bits=RSA_FLOOR_BITS)
        if until:
            key = replace(key, until=Moment.of_last_second(until))
        if sources:
            key = replace(key, sources=tuple(sources.split(",")))
        if key.line() != line:
            raise ValueError("not a line of ours")
        return key

    def to_data(self) -> dict[str, Any]:
        return {
            "key": " ".join(part for part in (self.kind, self.blob, self.comment) if part),
            "until": None if self.until is None else str(self.until),
            "from": list(self.sources),
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> SshKey:
        kind, blob, comment = ([*data["key"].split(" ", 2), ""])[:3]
        until = None if data["until"] is None else Moment.parse(data["until"])
        return cls(kind, blob, comment, until, tuple(data["from"]))


def parse_source(text: str) -> str:
    """An address or network for ``from=``, in the form that sshd compares. Raises ValueError."""
    if "%" in text:
        raise ValueError("a zone is of no use here")
    network = ipaddress.ip_network(text)
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def refuse_file(text: str) -> None:
    """Raise SshKeyError for the whole file of a key in another format, or worse, of a private key."""
    if is_private_key(text):
        raise SshKeyError("this is a private key", "put the line of the .pub file here, and replace the key: it is no longer secret")
    if text.startswith("----") and "PUBLIC KEY" in text:
        raise SshKeyError("this is a public key in another format", "put it as one line: ssh-keygen -i -f FILE (for PEM: -i -m PKCS8)")


def _unknown_kind(kind: str, line: str) -> SshKeyError:
    accepted = ", ".join(TYPES)
    if kind in ("ssh-dss", "ssh-dsa") or "-cert-" in kind:
        return SshKeyError(f"{kind} keys are not accepted", f"accepted are {accepted}; {_MAKE_ONE}")
    if any(known in line.split() for known in TYPES):
        return SshKeyError(
            "there is something before the key's type", "give the key alone; limits go to `until:` and `from:`, other options are refused"
        )
    return SshKeyError("not a public SSH key", f"put the line of the .pub file here, which begins with one of {accepted}")


def _decode(blob: str) -> bytes:
    try:
        raw = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    # A second spelling of the same bytes would slip past "one key for two people".
    if not raw or base64.b64encode(raw).decode() != blob:
        raise SshKeyError("the key's text is damaged (not base64)", "copy the whole line of the .pub file again")
    return raw


def _check_blob(kind: str, raw: bytes, rsa_min_bits: int) -> None:
    fields = _fields(raw)
    if not fields:
        raise SshKeyError("the key's text is cut off or damaged", "copy the whole line of the .pub file again")
    named = fields[0].decode("ascii", "replace")
    if named != kind:
        raise SshKeyError(f"the line says {kind}, but the key in it is {shown(named)}", "copy the whole line of the .pub file again")
    if kind == "ssh-rsa":
        _check_rsa(fields, rsa_min_bits)
        return
    body = fields[1:]
    # Security keys end with the application that they are for.
    sound = not kind.startswith("sk-") or (len(body) > 1 and bool(body.pop()))
    if "ed25519" in kind:
        sound = sound and [len(field) for field in body] == [32]
    else:
        curve = kind[len("sk-") :] if kind.startswith("sk-") else kind
        curve = curve[len("ecdsa-sha2-") :].partition("@")[0]
        sound = sound and len(body) == 2 and body[0] == curve.encode() and len(body[1]) == _ECDSA_CURVES[curve] and body[1][0] == 4
    if not sound:
        raise SshKeyError(f"the key is not a well-formed {kind} key", "copy the whole line of the .pub file again")


def _check_rsa(fields: list[bytes], rsa_min_bits: int) -> None:
    if len(fields) != 3 or not fields[1] or not fields[2]:
        raise SshKeyError("the key is not a well-formed ssh-rsa key", "copy the whole line of the .pub file again")
    exponent, modulus = (int.from_bytes(field, "big", signed=True) for field in fields[1:])
    if modulus.bit_length() < rsa_min_bits:
        raise SshKeyError(f"RSA key of {modulus.bit_length()} bits", f"at least {rsa_min_bits} are needed: ssh-keygen -t ed25519")
    # A number has one spelling (RFC 4251, section 5: mpint); with a second one a key could be there twice, unseen.
    plain = fields[1:] == [number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True) for number in (exponent, modulus)]
    # OpenSSH itself takes at most 16384 bits (sshbuf.h, SSHBUF_MAX_BIGNUM).
    if not plain or exponent < 3 or exponent % 2 == 0 or modulus < 0 or modulus % 2 == 0 or modulus.bit_length() > 16384:
        raise SshKeyError("the RSA key is not a sound one", _MAKE_ONE)


def _fields(raw: bytes) -> list[bytes]:
    """Split the length-prefixed strings of RFC 4251, section 5; an empty list when they do not fill the blob exactly."""
    fields = []
    while raw:
        if len(raw) < 4:
            return []
        (length,) = struct.unpack(">I", raw[:4])
        if len(raw) < 4 + length:
            return []
        fields.append(raw[4 : 4 + length])
        raw = raw[4 + length :]
    return fields
