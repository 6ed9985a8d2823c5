# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository's host: its authority, its servers, and the clients that it knows."""

from __future__ import annotations

import base64
import glob
import hashlib
import json
import os
import re
import secrets
from typing import Any, Mapping

from . import _certificate, _files, _pgbackrest
from ._command import HostError, attempt, run
from ._host_module import LOCKING, HostModule
from ._pgbackrest import Cluster
from ._postgres import POSTGRES, postgres_argv
from ._restic import Restic
from ._steps import Steps
from ._units import keep_running

FOLDER = "/etc/prod-access/backup-repository"
CONFIG = f"{FOLDER}/config.json"
PASSWORDS = f"{FOLDER}/htpasswd"
# Where the second copy's repository was made, if that is on no disk of this host.
_COPY_MADE = f"{FOLDER}/copy.made"
_PASSWORDS_LOCK = "/run/prod-access-backup-passwords.lock"
SERVER = "restic-rest-server"
# Where Debian's pgbackrest keeps what is of one stanza.
STANZAS = "/var/lib/pgbackrest/backup"
_TIMERS = tuple(f"prod-access-backup-{name}.timer" for name in ("postgresql", "copy", "maintenance", "watch"))
AUTHORITY = _certificate.Authority(FOLDER)
_DAYS = 800
_RENEWED_BEFORE = 270
# Who a service runs as, by the name of its certificate.
_SERVICES = {"restic": SERVER, "pgbackrest": POSTGRES}


def read_config() -> dict[str, Any]:
    found: dict[str, Any] | None = _files.load(CONFIG)
    if found is None:
        raise HostError("this host holds no backups", "give it the role backup_repository")
    return found


def clients() -> list[str]:
    """The hosts whose backups are here."""
    folder = f"{FOLDER}/clients"
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def client(name: str) -> dict[str, Any]:
    """What is known of a client: its address and its clusters of databases."""
    found: dict[str, Any] = _files.load(f"{FOLDER}/clients/{name}/client.json") or {"address": name, "clusters": []}
    return found


def restic_folder(config: Mapping[str, Any], name: str) -> str:
    return f"{config['folder']}/restic/{name}"


def repository(config: Mapping[str, Any], name: str) -> Restic:
    """A client's repository of files, by the credentials that no client has."""
    key = _files.read_text(f"{FOLDER}/clients/{name}/key") or ""
    return Restic(["--repo", restic_folder(config, name)], password(name), user=SERVER, key=key)


def password(name: str) -> str:
    """What opens a client's repository here. Raises HostError."""
    found = _files.read_text(f"{FOLDER}/clients/{name}/password")
    if found is None:
        raise HostError(f"there is no password for the repository of {name}", "give that host the role backup")
    return found


def copies(config: Mapping[str, Any]) -> Restic:
    """The second copy of what pgbackrest holds: of root's, which pgbackrest's server and so no client can reach."""
    environment = {}
    path = config["copy_environment"]
    if path:
        for line in (_files.read_text(path) or "").splitlines():
            name, sign, value = line.partition("=")
            if sign and re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
                environment[name] = value
    password = _files.read_text(f"{FOLDER}/copy.password") or ""
    return Restic(["--repo", config["copy"]], password, environment=environment, secrets=tuple(environment.values()))


def set_up(config: Mapping[str, Any], steps: Steps) -> dict[str, Any]:
    """The repository itself. Its configuration has been written, and its packages are there, unless this is check mode."""
    services = {name: user for name, user in _SERVICES.items() if name != "restic" or config["restic"]}
    steps.folder(FOLDER, 0o755)
    steps.folder(f"{FOLDER}/clients", 0o700)
    if not AUTHORITY.is_good():
        steps.act("make an authority for certificates", lambda: AUTHORITY.make(f"backups on {config['name']}"))
    for name, user in services.items():
        _certify(config, name, user, steps)
    folder = config["folder"]
    steps.folder(folder, 0o755)
    if config["restic"]:
        steps.folder(f"{folder}/restic", 0o750, SERVER, SERVER)
        if not os.path.exists(PASSWORDS):
            steps.file(PASSWORDS, "", 0o640, SERVER)
    _set_up_pgbackrest(config, steps)
    changed = bool(steps.changes)
    keep_running(["restic-rest-server.service"] if config["restic"] else [], steps, restart=changed)
    # pgbackrest does not start before there is a client to let in.
    known = bool(glob.glob(f"{_pgbackrest.FOLDER}/prod-access-*.conf"))
    keep_running(["pgbackrest.service"] if known else [], steps, restart=changed)
    keep_running(_TIMERS, steps)
    return steps.answer()


def _certify(config: Mapping[str, Any], name: str, user: str, steps: Steps) -> None:
    """The key and the certificate of a service, which are made anew when the address has changed or the end is near."""
    key, path = f"{FOLDER}/{name}.key", f"{FOLDER}/{name}.crt"
    found = _files.read_text(path) or ""
    if not AUTHORITY.has_signed(found, config["name"], _RENEWED_BEFORE, address=config["address"]):
        steps.act(f"make a certificate for {name}", lambda: _make_certificate(config, key, path))
    text = _files.read_text(key)
    if text is not None:
        steps.file(key, text, 0o640, user)


def _make_certificate(config: Mapping[str, Any], key: str, path: str) -> None:
    if not os.path.exists(key):
        _files.write(key, _certificate.new_key(), 0o600)
    asked = _certificate.request(key, config["name"])
    _files.write(path, _sign(asked, config["name"], config["address"]))


def _sign(asked: str, name: str, address: str) -> str:
    return AUTHORITY.sign(asked, name, _DAYS, address=address, purposes=f"{_certificate.SERVER}, {_certificate.CLIENT}")


def _set_up_pgbackrest(config: Mapping[str, Any], steps: Steps) -> None:
    steps.folder(_pgbackrest.FOLDER, 0o755)
    text = _pgbackrest.repository_text(folder=FOLDER, keep_full=config["postgresql_keep_full"])
    steps.file(f"{_pgbackrest.FOLDER}/prod-access.conf", text)
    password = f"{FOLDER}/copy.password"
    if not os.path.exists(password):
        steps.act("make a password for the second copy", lambda: _files.write(password, secrets.token_urlsafe(32), 0o600))
    copy = config["copy"]
    if copy.startswith("/"):
        steps.folder(copy, 0o700)
        made = os.path.exists(f"{copy}/config")
    else:
        made = _files.read_text(_COPY_MADE) == copy
    if not made:
        steps.act(f"make the second copy's repository {copy}", lambda: _make_copy(config))


def _make_copy(config: Mapping[str, Any]) -> None:
    """Make the repository of the second copy, or find that it is there and that our password opens it. Raises HostError."""
    restic = copies(config)
    try:
        restic.run("init", timeout=120)
    except HostError as error:
        if "already" not in error.what:
            raise
        restic.run("cat", "config", "--no-lock", timeout=120)
    _files.write(_COPY_MADE, config["copy"], 0o600)


def enrol(config: Mapping[str, Any], asked: Mapping[str, Any], steps: Steps) -> dict[str, Any]:
    """Let a client in: a certificate for its key, a stanza for each of its clusters, and a repository for its files.

    ``asked`` is what the client says: ``name`` and ``address`` of the inventory, ``request`` and ``clusters`` of the host itself, and
    whether it wants ``files`` and ``postgresql`` here. Its credentials go back sealed: no one but the client's key opens them.
    """
    name, folder = asked["name"], f"{FOLDER}/clients/{asked['name']}"
    found = [Cluster.parse(cluster) for cluster in asked["clusters"]] if asked["postgresql"] else []
    if not asked["request"]:
        # Check mode, before the host has a key.
        steps.act(f"let {name} in", lambda: None)
        return steps.answer()
    if not config["restic"] and asked["files"]:
        raise HostError(
            f"{config['name']} takes no files", "set backup_repository_restic there, or backup_to of the client to another host"
        )
    steps.folder(folder, 0o700)
    parts = asked["parts"] if asked["files"] else []
    known = {"address": asked["address"], "clusters": [one.to_data() for one in found], "parts": parts}
    steps.file(f"{folder}/client.json", _files.dumped(known), 0o600)
    certificate = _files.read_text(f"{folder}/host.crt") or ""
    good = AUTHORITY.has_signed(certificate, name, _RENEWED_BEFORE, address=asked["address"])
    if not good or not _certificate.same_key(asked["request"], certificate):
        certificate = _sign(asked["request"], name, asked["address"])
        steps.file(f"{folder}/host.crt", certificate)
    answer = {"certificate": certificate, "authority": AUTHORITY.text, "address": config["address"], "sealed": ""}
    if asked["files"]:
        given = _files.load(f"{folder}/sealed.json")
        if given is None or given["certificate"] != certificate:
            steps.act(f"give {name} new credentials", lambda: _give_credentials(config, name, certificate))
            given = _files.load(f"{folder}/sealed.json") or {"sealed": ""}
        answer["sealed"] = given["sealed"]
    path = f"{_pgbackrest.FOLDER}/prod-access-{name}.conf"
    if found:
        text = _pgbackrest.stanzas_text(folder=FOLDER, name=name, address=asked["address"], found=found)
        if steps.file(path, text, 0o640, POSTGRES):
            steps.act("reload pgbackrest.service", lambda: attempt(["systemctl", "reload", "pgbackrest.service"]))
        keep_running(["pgbackrest.service"], steps)
    elif steps.remove(path):
        # Its databases go elsewhere now, or nowhere. What it saved here stays.
        steps.act("reload pgbackrest.service", lambda: attempt(["systemctl", "reload", "pgbackrest.service"]))
    return steps.answer(answer=answer)


def _give_credentials(config: Mapping[str, Any], name: str, certificate: str) -> None:
    """A password for the server, and one for the repository. Those that were given before open nothing from now on."""
    folder, place = f"{FOLDER}/clients/{name}", restic_folder(config, name)
    if not os.path.exists(f"{folder}/password"):
        _files.write(f"{folder}/password", secrets.token_urlsafe(32), 0o600)
    ours = repository(config, name)
    keys = f"{place}/keys"
    current = ""
    if os.path.exists(f"{place}/config"):
        (current,) = (key["id"] for key in json.loads(ours.run("key", "list", "--json")) if key["current"])
    else:
        ours.run("init")
    there = set(os.listdir(keys))
    # Older restic says the beginning of a key's name alone.
    (own,) = (key for key in there if key.startswith(current))
    _files.write(f"{folder}/key", own, 0o600)
    ours = repository(config, name)
    for_server, for_repository = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    ours.run("key", "add", "--host", name, other_password=("--new-password-file", for_repository))
    (added,) = set(os.listdir(keys)) - there
    for key in there - {own}:
        ours.run("key", "remove", key)
    given = json.dumps({"server": for_server, "repository": for_repository, "key": added, "port": config["port"]})
    text = _certificate.sealed(given, certificate)
    # A password that nobody made up needs no slow hash, and restic's server takes this one or bcrypt, which Python has no more.
    digest = base64.b64encode(hashlib.sha1(for_server.encode()).digest()).decode()  # noqa: S324
    with _files.alone(_PASSWORDS_LOCK, wait=True):
        lines = [line for line in (_files.read_text(PASSWORDS) or "").splitlines() if not line.startswith(f"{name}:")]
        gid = os.stat(PASSWORDS).st_gid
        _files.write(PASSWORDS, "".join(f"{line}\n" for line in [*lines, f"{name}:{{SHA}}{digest}"]), 0o640, gid)
    run(["systemctl", "kill", "--signal=HUP", "restic-rest-server.service"])
    _files.write(f"{folder}/sealed.json", _files.dumped({"certificate": certificate, "sealed": text}), 0o600)


def begin(asked: Mapping[str, Any], steps: Steps) -> dict[str, Any]:
    """Make the stanzas of a client that are not there yet, and begin with their first backup, without waiting for it."""
    clusters = [Cluster.parse(cluster) for cluster in asked["clusters"]] if asked["postgresql"] else []
    new = [one.stanza(asked["name"]) for one in clusters if not os.path.exists(f"{STANZAS}/{one.stanza(asked['name'])}/backup.info")]
    for stanza in new:
        steps.act(f"make the stanza {stanza}", lambda stanza=stanza: create_stanza(stanza))  # type: ignore[misc]
    if new:
        steps.act("begin with the first backup", lambda: run(["systemctl", "start", "--no-block", "prod-access-backup-postgresql.service"]))
    return steps.answer()


def create_stanza(stanza: str) -> None:
    run(postgres_argv("pgbackrest", f"--stanza={stanza}", "stanza-create"), mend="see whether pgbackrest.service runs on that client")


def _manage(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    steps = Steps(check=check)
    asked = params["client"]
    # Many are let in at the same time: restic takes seconds for each, by its choice of how slow a password is to try.
    lock = {"path": f"/run/prod-access-client-{asked['name']}.lock"} if asked else {}
    with _files.host_lock(params["owner"], params["lock_timeout"], **lock):
        if asked is None:
            return set_up(params["settings"], steps)
        if params["begin"]:
            return begin(asked, steps)
        if check and not os.path.exists(CONFIG):
            return {"changed": True, "changes": [f"let {asked['name']} in"]}
        return enrol(read_config(), asked, steps)


_CLIENT = {
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "request": {"type": "str", "required": True},
    "clusters": {"type": "list", "elements": "dict", "default": []},
    "files": {"type": "bool", "default": True},
    "parts": {"type": "list", "elements": "str", "default": ["files"]},
    "postgresql": {"type": "bool", "default": False},
}
_ARGUMENTS = {
    "client": {"type": "dict", "options": _CLIENT},
    "settings": {"type": "dict"},
    "begin": {"type": "bool", "default": False},
    **LOCKING,
}
MODULES: Mapping[str, HostModule] = {
    "backup_repository": HostModule(_ARGUMENTS, _manage, required_one_of=[["client", "settings"]]),
}
