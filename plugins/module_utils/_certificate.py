# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of the hosts and the collector, by openssl(1). A key never leaves the host that it was made on."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from typing import Iterator

from . import _files
from ._command import HostError, attempt, run

FOLDER = "/etc/prod-access/audit"
AUTHORITY = f"{FOLDER}/ca.crt"
_AUTHORITY_KEY = f"{FOLDER}/ca.key"
_AUTHORITY_DAYS = 3650
_NEW_KEY = f"{FOLDER}/request.key"
_KEY = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
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
keyUsage = critical, digitalSignature
extendedKeyUsage = {purpose}
subjectAltName = DNS:{name}
"""


@contextlib.contextmanager
def _config(name: str, purpose: str = "clientAuth") -> Iterator[str]:
    with _folder() as folder:
        path = os.path.join(folder, "openssl.cnf")
        with open(path, "w", encoding="ascii") as stream:
            stream.write(_CONFIG.format(name=name, purpose=purpose))
        yield path


@contextlib.contextmanager
def _folder() -> Iterator[str]:
    """A place that nobody else sees, on the disk where the files are to be."""
    _files.make_folder(os.path.dirname(FOLDER), 0o755)
    _files.make_folder(FOLDER, 0o755)
    folder = tempfile.mkdtemp(dir=FOLDER, prefix=".")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_authority() -> None:
    """Make the key and the certificate that all others hang on; or the certificate alone, from the same key, when it ends soon."""
    with _config("prod-access audit") as config:
        if _files.read_text(_AUTHORITY_KEY) is None:
            _files.write(_AUTHORITY_KEY, run(["openssl", "genpkey", *_KEY]), mode=0o600)
        new = ["openssl", "req", "-x509", "-new", "-key", _AUTHORITY_KEY, "-days", str(_AUTHORITY_DAYS), "-set_serial", _serial()]
        _files.write(AUTHORITY, run([*new, "-config", config, "-extensions", "authority"]))


def is_authority_good() -> bool:
    return os.path.exists(_AUTHORITY_KEY) and _files.read_text(AUTHORITY) is not None and _lasts(AUTHORITY, _AUTHORITY_DAYS // 3)


def _serial() -> str:
    return "0x" + secrets.token_hex(16)


def _lasts(path: str, days: int) -> bool:
    return attempt(["openssl", "x509", "-noout", "-in", path, "-checkend", str(days * _DAY)]).returncode == 0


def is_good(path: str, name: str, days: int) -> bool:
    """Whether a file holds a certificate of this name, by this authority, for as many days at least."""
    if not os.path.exists(path) or not os.path.exists(AUTHORITY):
        return False
    said = attempt(["openssl", "verify", "-CAfile", AUTHORITY, path])
    return said.returncode == 0 and _subject("x509", path) == name and _lasts(path, days)


def _subject(kind: str, path: str) -> str:
    said = run(["openssl", kind, "-noout", "-subject", "-nameopt", "RFC2253,sep_multiline,-esc_msb", "-in", path])
    names = [line.strip() for line in said.splitlines()[1:]]
    return names[0][len("CN=") :] if len(names) == 1 and names[0].startswith("CN=") else ""


def request(name: str) -> str:
    """A new key, which waits on this host, and the request for its certificate, which is no secret."""
    with _config(name) as config:
        _files.write(_NEW_KEY, run(["openssl", "genpkey", *_KEY]), mode=0o600)
        return run(["openssl", "req", "-new", "-key", _NEW_KEY, "-config", config])


def sign(asked: str, name: str, days: int, purpose: str = "clientAuth") -> str:
    """The certificate for a request of the host of this name. Raises HostError when another name stands in it, or its key is another's."""
    if not os.path.exists(_AUTHORITY_KEY):
        mend = "set the collector up first: the same playbook without --limit, or with the collector in it"
        raise HostError("there is no authority on this host yet that could sign for others", mend)
    with _config(name, purpose) as config:
        path = os.path.join(os.path.dirname(config), "request")
        with open(path, "w", encoding="ascii", errors="replace") as stream:
            stream.write(asked)
        mend = "run the role audit on that host again"
        run(["openssl", "req", "-verify", "-noout", "-in", path], mend=mend)
        said = _subject("req", path)
        if said != name:
            raise HostError(f"the request of {name} is for {said[:80]!r}", mend)
        signed = ["openssl", "x509", "-req", "-in", path, "-CA", AUTHORITY, "-CAkey", _AUTHORITY_KEY, "-set_serial", _serial()]
        return run([*signed, "-days", str(days), "-extfile", config, "-extensions", "host"])


def install(path: str, name: str, certificate: str, authority: str, group: int) -> None:
    """Put a certificate beside its key, which waits here, into one file. Raises HostError, and then nothing was changed."""
    mend = "run the role audit again"
    key = _files.read_text(_NEW_KEY)
    if key is None:
        raise HostError("no key waits on this host for a certificate", mend)
    with _folder() as folder:
        places = {}
        for what, text in (("certificate", certificate), ("authority", authority)):
            places[what] = os.path.join(folder, what)
            with open(places[what], "w", encoding="ascii", errors="replace") as stream:
                stream.write(text)
        run(["openssl", "verify", "-CAfile", places["authority"], places["certificate"]], mend=mend)
        ours = run(["openssl", "pkey", "-pubout", "-in", _NEW_KEY])
        if (
            run(["openssl", "x509", "-noout", "-pubkey", "-in", places["certificate"]]) != ours
            or _subject("x509", places["certificate"]) != name
        ):
            raise HostError("the certificate is another host's, or for another key", mend)
    _files.write(AUTHORITY, authority)
    _files.write(path, key + certificate, mode=0o640, group=group)
    _files.remove(_NEW_KEY)
