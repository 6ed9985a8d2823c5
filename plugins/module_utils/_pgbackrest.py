# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pgbackrest's configuration at both ends, and what it says of its backups: text alone."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Sequence

from ._command import HostError

FOLDER = "/etc/pgbackrest/conf.d"
# Whatever is wrong beyond that there is no stanza or no backup yet.
_OTHER = 99
_NOTE = "# Managed by safetynet.prod_access.\n"
_VERSION = re.compile(r"\d{1,2}(\.\d)?", re.ASCII)
_CLUSTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}", re.ASCII)
# What WARNING says of a page that a change is of, and that is not there. pgbackrest restores other databases as zeroes.
_INVALID = re.compile(
    r"relation (?:global|(?:base|pg_tblspc/\d+/[^/]+)/(?P<database>\d+))/\S+ (?:is uninitialized|does not exist)", re.ASCII
)
_DATA = re.compile(r"/[A-Za-z0-9._/@+-]+", re.ASCII)


@dataclass(frozen=True, order=True)
class Cluster:
    """A cluster of databases, as Debian's postgresql-common knows it."""

    version: str
    name: str
    port: int
    data: str

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Cluster:
        """Read what a host says, which is not trusted. Raises HostError."""
        found = cls(str(data["version"]), str(data["name"]), int(data["port"]), str(data["data"]))
        if not (_VERSION.fullmatch(found.version) and _CLUSTER.fullmatch(found.name) and _DATA.fullmatch(found.data)):
            raise HostError(f"the cluster {found.to_data()} has a name or a path that cannot be used", "rename it: pg_renamecluster")
        if ".." in found.data.split("/") or not 0 < found.port < 65536:
            raise HostError(f"the cluster {found.to_data()} has a path or a port that cannot be", "look at pg_lsclusters")
        return found

    def to_data(self) -> dict[str, Any]:
        return {"version": self.version, "name": self.name, "port": self.port, "data": self.data}

    def __str__(self) -> str:
        return f"{self.version}/{self.name}"

    def stanza(self, host: str) -> str:
        return f"{host}-{self.version}-{self.name}"


def clusters(printed: str) -> list[Cluster]:
    """Read what ``pg_lsclusters --no-header`` prints."""
    found = []
    for line in printed.splitlines():
        version, name, port, _status, _owner, data = line.split()[:6]
        found.append(Cluster(version, name, int(port), data))
    return sorted(found)


def _section(name: str, options: Iterable[tuple[str, Any]]) -> str:
    return f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in options)


def client_text(*, repository: str, address: str, folder: str, key: str, host: str, found: Sequence[Cluster]) -> str:
    """Of a host with databases: where its WAL goes, and who may fetch backups from it."""
    stanzas = ",".join(cluster.stanza(host) for cluster in found)
    certificates = (("cert", f"{folder}/host.crt"), ("key", key), ("ca", f"{folder}/ca.crt"))
    options = [
        ("repo1-host", address),
        ("repo1-host-type", "tls"),
        *((f"repo1-host-{what}-file", path) for what, path in certificates),
        ("tls-server-address", "*"),
        *((f"tls-server-{what}-file", path) for what, path in certificates),
        ("tls-server-auth", f"{repository}={stanzas}"),
        ("compress-type", "lz4"),
        ("process-max", 2),
        ("log-level-console", "warn"),
    ]
    text = _NOTE + _section("global", options)
    for cluster in found:
        text += "\n" + _section(cluster.stanza(host), [("pg1-path", cluster.data), ("pg1-port", cluster.port)])
    return text


def repository_text(*, folder: str, keep_full: int) -> str:
    """Of a repository's host: what holds for all."""
    certificates = (("cert", "pgbackrest.crt"), ("key", "pgbackrest.key"), ("ca", "ca.crt"))
    options = [
        ("tls-server-address", "*"),
        *((f"tls-server-{what}-file", f"{folder}/{name}") for what, name in certificates),
        ("repo1-retention-full", keep_full),
        ("repo1-bundle", "y"),
        ("compress-type", "lz4"),
        ("process-max", 2),
        ("start-fast", "y"),
        ("log-level-console", "warn"),
    ]
    return _NOTE + _section("global", options)


def stanzas_text(*, folder: str, name: str, address: str, found: Sequence[Cluster]) -> str:
    """Of a repository's host: one client, which may reach its own stanzas and no others."""
    text = _NOTE + _section("global", [("tls-server-auth", f"{name}={','.join(cluster.stanza(name) for cluster in found)}")])
    for cluster in found:
        options = [
            ("pg1-host", address),
            ("pg1-host-type", "tls"),
            ("pg1-host-cert-file", f"{folder}/pgbackrest.crt"),
            ("pg1-host-key-file", f"{folder}/pgbackrest.key"),
            ("pg1-host-ca-file", f"{folder}/ca.crt"),
            ("pg1-path", cluster.data),
            ("pg1-port", cluster.port),
        ]
        text += "\n" + _section(cluster.stanza(name), options)
    return text


@dataclass(frozen=True)
class Backup:
    """One backup of a stanza; times are seconds since 1970, sizes bytes."""

    label: str
    kind: str
    start: int
    stop: int
    size: int
    stored: int
    wal_start: str
    wal_stop: str
    error: bool


def backups_of(printed: str, stanza: str) -> list[Backup]:
    """The backups of a stanza, the oldest first, of ``pgbackrest info --output=json``.

    Raises HostError where the repository could not be read, which pgbackrest says there alone, and ends with zero.
    """
    found = []
    for entry in json.loads(printed):
        if entry["name"] != stanza:
            continue
        if entry["status"]["code"] == _OTHER:
            said = "; ".join(one["status"]["message"] for one in entry.get("repo", ()))
            raise HostError(
                f"pgbackrest cannot read the repository: {said}", "see whether pgbackrest.service runs on the repository's host"
            )
        for one in entry.get("backup", ()):
            repository = one["info"]["repository"]
            found.append(
                Backup(
                    one["label"],
                    one["type"],
                    one["timestamp"]["start"],
                    one["timestamp"]["stop"],
                    one["info"]["size"],
                    repository.get("delta", repository.get("size", 0)),
                    one["archive"]["start"],
                    one["archive"]["stop"],
                    bool(one.get("error")),
                )
            )
    return sorted(found, key=lambda backup: backup.stop)


def faults(printed: str) -> list[str]:
    """What ``pgbackrest verify --output=text --verbose`` found wrong; where it does not say that all is well, that is wrong too."""
    found = []
    subject = ""
    for line in (line.strip() for line in printed.splitlines()):
        if line.startswith(("archiveId:", "backup:")):
            subject = line.partition(",")[0]
        counts = re.findall(r"(missing|checksum invalid|size invalid|other): ([1-9]\d*)", line)
        found += [f"{subject}: {number} {what}" for what, number in counts]
        status = re.search(r"status: (.*?)(,|$)", line)
        if status is not None and status[1] not in ("ok", "valid"):
            found.append(line)
    if "status: ok" not in printed and not found:
        found.append("it does not say that all is well")
    return found


def invalid_pages(log: Iterable[str], databases: Iterable[str]) -> list[str]:
    """The pages that PostgreSQL went on without in its recovery, of databases of these numbers and of what all have in common."""
    ours = {*databases, "global"}
    found = [(_INVALID.search(line), line) for line in log]
    return [line.strip() for match, line in found if match and (match["database"] or "global") in ours]


def errors(printed: str) -> list[str]:
    """The errors that pgbackrest printed, with the lines that go on from one: hints, and what came of trying again."""
    found = []
    of_an_error = False
    for line in printed.splitlines():
        of_an_error = "ERROR: " in line or (of_an_error and line.startswith(" "))
        if of_an_error:
            found.append(line.strip())
    return found
