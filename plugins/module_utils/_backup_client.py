# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose backups are made: its key, what repositories gave it, and its databases' way to them."""

from __future__ import annotations

import json
import os
import urllib.parse
from typing import Any, Mapping

from . import _certificate, _files, _pgbackrest
from ._command import HostError, attempt, run
from ._host_module import LOCKING, HostModule
from ._mariadb import keep_binlog
from ._pgbackrest import Cluster
from ._postgres import POSTGRES, found_clusters, has_postgres, postgres_argv, program, psql
from ._restic import Restic
from ._steps import Steps
from ._units import keep_off, keep_running

FOLDER = "/etc/prod-access/backup"
CONFIG = f"{FOLDER}/config.json"
KEY = f"{FOLDER}/host.key"
STATE = f"{_files.STATE}/backup"
UNITS = ("prod-access-backup.timer", "prod-access-drill.timer")
LOG_UNIT = "prod-access-backup-binlog.timer"
# What an uninstall leaves archives nothing either.
_NO_COMMAND = ("", "(disabled)", "/bin/true")
_POSTGRESQL = """\
# Managed by safetynet.prod_access. Every change of the databases goes to the backup repository.
archive_mode = on
archive_command = '{command}'
archive_timeout = 60
wal_level = replica
"""


def read_config() -> dict[str, Any]:
    found: dict[str, Any] | None = _files.load(CONFIG)
    if found is None:
        raise HostError("this host has no backups", "give it the role backup")
    return found


def repository(config: Mapping[str, Any]) -> Restic:
    """The repository of this host's files, by this host's own credentials."""
    folder = f"{FOLDER}/{config['to']}"
    password = _files.read_text(f"{folder}/restic.password")
    if password is None:
        raise HostError(f"this host has no credentials for {config['to']}", "run the role backup again")
    options = ["--repository-file", f"{folder}/restic.repository", "--cacert", f"{folder}/ca.crt"]
    if config["bandwidth"]:
        options += ["--limit-upload", str(config["bandwidth"])]
    address = _files.read_text(f"{folder}/restic.repository") or ""
    key = _files.read_text(f"{folder}/restic.key") or ""
    return Restic(options, password, key=key, secrets=[urllib.parse.urlsplit(address[len("rest:") :]).password or ""])


def prepare(params: Mapping[str, Any], steps: Steps) -> dict[str, Any]:
    """The key of this host, and what is asked of repositories in its name."""
    steps.folder("/etc/prod-access", 0o755)
    steps.folder(FOLDER, 0o755)
    if not os.path.exists(KEY):
        steps.act("make a key for this host", lambda: _files.write(KEY, _certificate.new_key(), 0o600))
    text = _files.read_text(KEY)
    if text is not None:
        # PostgreSQL's own user sends WAL with it, and opens nothing else by it.
        group = POSTGRES if params["postgresql"] and has_postgres() else "root"
        steps.file(KEY, text, 0o640 if group == POSTGRES else 0o600, group)
    asked = _certificate.request(KEY, params["name"]) if text is not None else ""
    found = found_clusters() if params["postgresql"] else []
    if params["postgresql"] and not found and not steps.check:
        raise HostError("backup_postgresql is set, and there is no cluster of PostgreSQL on this host", "set it to false here")
    return steps.answer(request=asked, clusters=[cluster.to_data() for cluster in found])


def settle(params: Mapping[str, Any], steps: Steps) -> dict[str, Any]:
    """Put in place what repositories answered, and begin. ``answers`` has what each said, by its name."""
    for name, answer in params["answers"].items():
        _keep_answer(params["name"], name, answer, steps)
    notes: list[str] = []
    if params["postgresql"] and not steps.check:
        notes = _settle_postgresql(params, params["answers"][params["postgresql_to"]], steps)
    steps.folder(_files.STATE, 0o755)
    steps.folder(_files.RECEIPTS, 0o755)
    # The users of databases pass to a scratch folder of theirs, and see nothing on the way.
    steps.folder(STATE, 0o711)
    logged = params["mariadb"] and params["mariadb_binlog"]
    if params["mariadb"]:
        notes += keep_binlog(steps, wanted=logged, restart=params["mariadb_restart"])
    keep_running([*UNITS, *([LOG_UNIT] if logged else [])], steps)
    keep_off([] if logged else [LOG_UNIT], steps)
    return steps.answer(notes=notes)


def _keep_answer(host: str, name: str, answer: Mapping[str, Any], steps: Steps) -> None:
    folder = f"{FOLDER}/{name}"
    steps.folder(folder, 0o755)
    if not answer.get("certificate"):
        steps.act(f"keep what {name} gives this host", lambda: None)
        return
    steps.file(f"{folder}/ca.crt", answer["authority"])
    steps.file(f"{folder}/host.crt", answer["certificate"])
    if not answer["sealed"] or answer["sealed"] == _files.read_text(f"{folder}/sealed.pem"):
        return
    given = json.loads(_certificate.unsealed(answer["sealed"], key=KEY, certificate=f"{folder}/host.crt"))
    address = f"[{answer['address']}]" if ":" in answer["address"] else answer["address"]
    url = f"rest:https://{host}:{given['server']}@{address}:{given['port']}/{host}/"
    steps.file(f"{folder}/restic.repository", url, 0o600)
    steps.file(f"{folder}/restic.password", given["repository"], 0o600)
    steps.file(f"{folder}/restic.key", given.get("key", ""), 0o600)
    steps.file(f"{folder}/sealed.pem", answer["sealed"], 0o600)


def _settle_postgresql(params: Mapping[str, Any], answer: Mapping[str, Any], steps: Steps) -> list[str]:
    """WAL goes to the repository from now on. Nothing is restarted but what was asked for."""
    found = found_clusters()
    for cluster in found:
        _refuse_foreign(cluster, params["name"])
    name = params["postgresql_to"]
    steps.folder(_pgbackrest.FOLDER, 0o755)
    text = _pgbackrest.client_text(
        repository=name, address=answer["address"], folder=f"{FOLDER}/{name}", key=KEY, host=params["name"], found=found
    )
    changed = steps.file(f"{_pgbackrest.FOLDER}/prod-access.conf", text)
    keep_running(["pgbackrest.service"], steps, restart=changed)
    notes = []
    for cluster in found:
        notes += _archive(cluster, params, steps)
    return notes


def archive_command(cluster: Cluster, host: str) -> str:
    return f"pgbackrest --stanza={cluster.stanza(host)} archive-push %p"


def setting(cluster: Cluster, name: str) -> str:
    """A setting of a running cluster."""
    return psql(cluster, "postgres", f"SHOW {name}")


def _refuse_foreign(cluster: Cluster, host: str) -> None:
    command = setting(cluster, "archive_command")
    if setting(cluster, "archive_mode") != "off" and command not in (*_NO_COMMAND, archive_command(cluster, host)):
        raise HostError(
            f"cluster {cluster} archives already, by `{command}`",
            "take that out of its configuration, or set backup_postgresql to false here",
        )


def _archive(cluster: Cluster, params: Mapping[str, Any], steps: Steps) -> list[str]:
    """Let a cluster send its WAL. Its configuration is read whole by itself before it counts, and put back where it is refused."""
    folder = f"/etc/postgresql/{cluster.version}/{cluster.name}"
    path = f"{folder}/conf.d/prod-access-backup.conf"
    command = archive_command(cluster, params["name"])
    before = _files.read_text(path)
    if steps.file(path, _POSTGRESQL.format(command=command)):
        server = postgres_argv(program(cluster, "postgres"), "-D", cluster.data, f"--config_file={folder}/postgresql.conf")
        tried = attempt([*server, "-C", "archive_command"])
        if tried.returncode or tried.stdout.strip() != command:
            _files.write(path, before) if before is not None else _files.remove(path)
            said = tried.stderr.strip().splitlines()[-1:] or [
                f"{folder}/postgresql.conf does not read conf.d, or sets archive_command behind it"
            ]
            raise HostError(f"cluster {cluster} would not take {path}: {said[0]}", "mend its configuration; ours was put back")
        steps.act(f"reload cluster {cluster}", lambda: run(["pg_ctlcluster", cluster.version, cluster.name, "reload"]))
    if setting(cluster, "archive_mode") == "on":
        return []
    if not params["postgresql_restart"]:
        return [
            f"cluster {cluster} was started without archive_mode, and so has no backups until it is restarted: set "
            f"backup_postgresql_restart, or run systemctl restart postgresql@{cluster.version}-{cluster.name} when it suits"
        ]
    unit = f"postgresql@{cluster.version}-{cluster.name}.service"
    steps.act(f"restart cluster {cluster}, for archive_mode", lambda: run(["systemctl", "restart", unit], mend=f"journalctl -u {unit}"))
    return []


def _manage(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    act = prepare if params["answers"] is None else settle
    with _files.host_lock(params["owner"], params["lock_timeout"]):
        return act(params, Steps(check=check))


_ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "postgresql": {"type": "bool", "default": False},
    "postgresql_to": {"type": "str", "default": ""},
    "postgresql_restart": {"type": "bool", "default": False},
    "mariadb": {"type": "bool", "default": False},
    "mariadb_binlog": {"type": "bool", "default": True},
    "mariadb_restart": {"type": "bool", "default": False},
    # Sealed for this host alone; and nothing of it is of use in an output.
    "answers": {"type": "dict", "no_log": True},
    **LOCKING,
}
MODULES: Mapping[str, HostModule] = {"backup_client": HostModule(_ARGUMENTS, _manage)}
