# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of hosts, by openssl(1). A private key is made where it is used, and never leaves that place."""

from __future__ import annotations

import calendar
import contextlib
import os
import re
import secrets
import tempfile
import time
from typing import Iterator

from . import _files
from ._command import HostError, attempt, run

CLIENT, SERVER = "clientAuth", "serverAuth"
_AUTHORITY_DAYS = 3650
# A host has a file of this name where it was signed for, and a directory on the collector.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_DAY = 86400
_CONFIG = """\
[req]
prompt = no
distinguished_name = name
[name]
CN = {name}
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[host]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyAgreement
extendedKeyUsage = {purposes}
subjectAltName = {kind}:{address}
"""


@contextlib.contextmanager
def _config(name: str, address: str = "", purposes: str = CLIENT) -> Iterator[str]:
    with _file(_CONFIG.format(name=name, kind="IP" if _is_ip(address) else "DNS", address=address or name, purposes=purposes)) as path:
        yield path


@contextlib.contextmanager
def _file(text: str) -> Iterator[str]:
    """A file with a text that is no secret, for programs that read no pipe."""
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        yield stream.name


def _ascii(text: str) -> str:
    """What others wrote, as openssl can be given it. Certificates have nothing else in them."""
    return text.encode("ascii", "replace").decode()


def _is_ip(address: str) -> bool:
    return address.replace(".", "").isdigit() or ":" in address


def new_key() -> str:
    return run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])


def request(key: str, name: str) -> str:
    """What an authority is asked to sign, which is no secret; ``key`` is the file of the private key."""
    with _config(name) as config:
        return run(["openssl", "req", "-new", "-key", key, "-config", config])


class Authority:
    """Whoever signs for others, in a folder of a host, where hosts that were signed for keep its certificate too.

    ``mend`` says what is to be done where there is none.
    """

    def __init__(self, folder: str, mend: str = "run the role again") -> None:
        self.certificate = f"{folder}/ca.crt"
        self._key = f"{folder}/ca.key"
        self._issued = f"{folder}/issued"
        self._mend = mend

    @property
    def text(self) -> str:
        """Its certificate; empty where there is none."""
        return _files.read_text(self.certificate) or ""

    def is_good(self) -> bool:
        return os.path.exists(self._key) and bool(self.text) and _lasts(self.text, _AUTHORITY_DAYS // 3)

    def make(self, name: str) -> None:
        """Make the key and the certificate that all others hang on; or the certificate alone, from the same key, when it ends soon."""
        with _config(name) as config:
            if _files.read_text(self._key) is None:
                _files.write(self._key, new_key(), mode=0o600)
            new = ["openssl", "req", "-x509", "-new", "-key", self._key, "-days", str(_AUTHORITY_DAYS), "-set_serial", _serial()]
            _files.write(self.certificate, run([*new, "-config", config, "-extensions", "authority"]))

    def sign(self, asked: str, name: str, days: int, *, address: str = "", purposes: str = CLIENT) -> str:
        """The certificate for a request of the host of this name, which is reached by an address, or by its name.

        Raises HostError when another name stands in the request, or when it is not signed by its own key.
        """
        if not os.path.exists(self._key):
            raise HostError("there is no authority on this host yet that could sign for others", self._mend)
        if not _NAME.fullmatch(name):
            raise HostError(f"{name[:80]!r} is no name of a host that could have a certificate", "name the host otherwise in the inventory")
        mend = f"run the role on {name} again"
        asked = _ascii(asked)
        run(["openssl", "req", "-verify", "-noout"], data=asked, mend=mend)
        said = _subject("req", asked)
        if said != name:
            raise HostError(f"the request of {name} is for {said[:80]!r}", mend)
        with _config(name, address, purposes) as config, _file(asked) as path:
            signed = ["openssl", "x509", "-req", "-in", path, "-CA", self.certificate, "-CAkey", self._key, "-set_serial", _serial()]
            return run([*signed, "-days", str(days), "-extfile", config, "-extensions", "host"])

    def note_issued(self, name: str, certificate: str) -> None:
        """Keep what was signed for a host, which is expected to come with it from now on."""
        _files.make_folder(self._issued, 0o755)
        _files.write(os.path.join(self._issued, name), certificate)

    def issued(self) -> list[str]:
        """The hosts for which that was kept, ever."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(name for name in os.listdir(self._issued) if _NAME.fullmatch(name))
        return []

    def has_signed(self, certificate: str, name: str, days: int, *, address: str = "") -> bool:
        """Whether a certificate is by this authority, of this name and for this address, and for as many days at least."""
        if not certificate or not self.text:
            return False
        return (
            attempt(["openssl", "verify", "-CAfile", self.certificate], data=certificate).returncode == 0
            and _subject("x509", certificate) == name
            and (not address or _is_for(certificate, address))
            and _lasts(certificate, days)
        )


def _serial() -> str:
    return "0x" + secrets.token_hex(16)


def _lasts(certificate: str, days: int) -> bool:
    return attempt(["openssl", "x509", "-noout", "-checkend", str(days * _DAY)], data=certificate).returncode == 0


def _is_for(certificate: str, address: str) -> bool:
    kind = "-checkip" if _is_ip(address) else "-checkhost"
    return "does match" in run(["openssl", "x509", "-noout", kind, address], data=certificate)


def ends(path: str) -> int:
    """When a certificate of a file ends, in seconds since 1970."""
    said = run(["openssl", "x509", "-noout", "-enddate", "-in", path]).strip()
    return calendar.timegm(time.strptime(said, "notAfter=%b %d %H:%M:%S %Y GMT"))


def _subject(kind: str, text: str) -> str:
    said = run(["openssl", kind, "-noout", "-subject", "-nameopt", "RFC2253,sep_multiline,-esc_msb"], data=text)
    names = [line.strip() for line in said.splitlines()[1:]]
    return names[0][len("CN=") :] if len(names) == 1 and names[0].startswith("CN=") else ""


def same_key(asked: str, certificate: str) -> bool:
    """Whether a certificate is for the key of a request."""
    return run(["openssl", "req", "-noout", "-pubkey"], data=asked) == run(["openssl", "x509", "-noout", "-pubkey"], data=certificate)


# --- A key that waits for its certificate, and then is in one file with it -----------------------------------------------------------


def _waiting(path: str) -> str:
    return os.path.join(os.path.dirname(path), "request.key")


def ask(path: str, name: str) -> str:
    """A new key, which waits in the folder where the file is to be, and the request for its certificate."""
    _files.make_folder(os.path.dirname(os.path.dirname(path)), 0o755)
    _files.make_folder(os.path.dirname(path), 0o755)
    _files.write(_waiting(path), new_key(), mode=0o600)
    return request(_waiting(path), name)


def install(path: str, name: str, certificate: str, authority: str, group: int) -> None:
    """Put a certificate beside its key into one file, and its authority's next to it. Raises HostError, and then nothing was changed."""
    mend = "run the role again"
    key = _files.read_text(_waiting(path))
    if key is None:
        raise HostError("no key waits on this host for a certificate", mend)
    certificate, authority = _ascii(certificate), _ascii(authority)
    with _file(authority) as by:
        run(["openssl", "verify", "-CAfile", by], data=certificate, mend=mend)
    ours = run(["openssl", "pkey", "-pubout", "-in", _waiting(path)])
    if run(["openssl", "x509", "-noout", "-pubkey"], data=certificate) != ours or _subject("x509", certificate) != name:
        raise HostError("the certificate is another host's, or for another key", mend)
    _files.write(Authority(os.path.dirname(path)).certificate, authority)
    _files.write(path, key + certificate, mode=0o640, group=group)
    _files.remove(_waiting(path))


# --- Secrets for the holder of a key -------------------------------------------------------------------------------------------------


def sealed(text: str, certificate: str) -> str:
    """The text, for none to read but the holder of a certificate's key (CMS, RFC 5652)."""
    with _file(certificate) as path:
        return run(["openssl", "cms", "-encrypt", "-aes-256-cbc", "-outform", "PEM", "-recip", path], data=text)


def unsealed(text: str, *, key: str, certificate: str) -> str:
    """What :func:`sealed` hid; ``key`` and ``certificate`` are files. openssl writes lines as mail does."""
    opened = run(["openssl", "cms", "-decrypt", "-inform", "PEM", "-inkey", key, "-recip", certificate], data=text)
    return opened.replace("\r\n", "\n")
