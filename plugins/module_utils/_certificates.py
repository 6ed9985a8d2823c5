# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of hosts, by openssl(1). A private key is made where it is used and never leaves that place."""

from __future__ import annotations

import tempfile

from ._command import HostError, attempt

_DAYS_OF_AUTHORITY = "7300"
_DAYS = "800"
_RENEWED = str(270 * 86400)  # seconds before the end
_EXTENSIONS = """\
subjectAltName={kind}:{address}
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,keyAgreement
extendedKeyUsage=serverAuth,clientAuth
"""


def new_key() -> str:
    return _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


def request(key: str, name: str) -> str:
    """What an authority is asked to sign; ``key`` is the file of the private key."""
    return _openssl("req", "-new", "-key", key, "-subj", f"/CN={name}")


def authority(key: str, name: str) -> str:
    """The certificate of an authority that signs itself."""
    extensions = ("-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign")
    return _openssl("req", "-new", "-x509", "-key", key, "-subj", f"/CN=backups on {name}", "-days", _DAYS_OF_AUTHORITY, *extensions)


def sign(asked: str, *, key: str, certificate: str, name: str, address: str) -> str:
    """A certificate for whoever holds the key of a request. What the request says of itself counts for nothing: name and address do.

    ``key`` and ``certificate`` are the authority's files.
    """
    kind = "IP" if address.replace(".", "").isdigit() or ":" in address else "DNS"
    with tempfile.NamedTemporaryFile("w") as extensions:
        extensions.write(_EXTENSIONS.format(kind=kind, address=address))
        extensions.flush()
        options = ("-subj", f"/CN={name}", "-days", _DAYS, "-extfile", extensions.name)
        return _openssl("x509", "-req", "-CA", certificate, "-CAkey", key, *options, data=asked)


def same_key(asked: str, certificate: str) -> bool:
    """Whether a certificate is for the key of a request."""
    return _openssl("req", "-noout", "-pubkey", data=asked) == _openssl("x509", "-noout", "-pubkey", data=certificate)


def is_for(certificate: str, address: str) -> bool:
    """Whether a certificate is good for an address, and for long enough not to be made anew."""
    kind = "-checkip" if address.replace(".", "").isdigit() or ":" in address else "-checkhost"
    if "does match" not in _openssl("x509", "-noout", kind, address, data=certificate):
        return False
    return attempt(["openssl", "x509", "-noout", "-checkend", _RENEWED], data=certificate).returncode == 0


def sealed(text: str, certificate: str) -> str:
    """The text, for none to read but the holder of a certificate's key (CMS, RFC 5652)."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(certificate)
        file.flush()
        return _openssl("cms", "-encrypt", "-aes-256-cbc", "-outform", "PEM", "-recip", file.name, data=text)


def unsealed(text: str, *, key: str, certificate: str) -> str:
    """What :func:`sealed` hid; ``key`` and ``certificate`` are files. openssl writes lines as mail does."""
    return _openssl("cms", "-decrypt", "-inform", "PEM", "-inkey", key, "-recip", certificate, data=text).replace("\r\n", "\n")


def _openssl(*arguments: str, data: str | None = None) -> str:
    done = attempt(["openssl", *arguments], data=data)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise HostError(f"openssl {arguments[0]}: {'; '.join(said[-2:])}", "run it by hand to see why")
    return done.stdout
