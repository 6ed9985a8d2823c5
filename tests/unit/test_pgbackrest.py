"""pgbackrest's configuration as we write it, and what pgbackrest 2.45 and 2.55 print as we read it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._command import HostError
from ansible_collections.safetynet.prod_access.plugins.module_utils._pgbackrest import (
    Backup,
    Cluster,
    backups_of,
    client_text,
    clusters,
    errors,
    faults,
    invalid_pages,
    repository_text,
    stanzas_text,
)

MAIN = Cluster("17", "main", 5432, "/var/lib/postgresql/17/main")
OTHER = Cluster("17", "other", 5433, "/srv/pg")
VERIFIED = """\
stanza: db1-17-main
status: {status}
  archiveId: 17-1, total WAL checked: 3, total valid WAL: 3
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
  backup: 20261126-115307F, status: {one}, total files checked: 1285, total valid files: 1284
    missing: 0, checksum invalid: {bad}, size invalid: 0, other: 0
"""


def test_clusters_of_a_host() -> None:
    said = "17 other 5433 online postgres /srv/pg /var/log/a\n17  main    5432 online postgres /var/lib/postgresql/17/main /var/log/b\n"
    assert clusters(said) == [MAIN, OTHER]
    assert Cluster.parse(MAIN.to_data()) == MAIN
    assert (str(MAIN), MAIN.stanza("db1")) == ("17/main", "db1-17-main")


@pytest.mark.parametrize(
    "change",
    [{"version": "17;"}, {"name": "a]\nb"}, {"data": "/srv/a b"}, {"data": "srv"}, {"data": "/srv/../etc"}, {"port": 0}, {"port": 65536}],
)
def test_what_a_host_says_of_a_cluster_is_not_trusted(change: dict[str, Any]) -> None:
    with pytest.raises(HostError):
        Cluster.parse({**MAIN.to_data(), **change})


def test_the_configuration_of_a_client() -> None:
    text = client_text(repository="backup1", address="10.0.0.9", folder="/f", key="/k", host="db1", found=[MAIN, OTHER])
    assert (
        "repo1-host=10.0.0.9\nrepo1-host-type=tls\nrepo1-host-cert-file=/f/host.crt\nrepo1-host-key-file=/k\nrepo1-host-ca-file=/f/ca.crt\n"
        in text
    )
    assert "tls-server-auth=backup1=db1-17-main,db1-17-other\n" in text
    assert "[db1-17-main]\npg1-path=/var/lib/postgresql/17/main\npg1-port=5432\n" in text


def test_the_configuration_of_a_repository() -> None:
    assert "repo1-retention-full=4\n" in repository_text(folder="/f", keep_full=4)
    text = stanzas_text(folder="/f", name="db1", address="db1.example.com", found=[MAIN])
    assert "[global]\ntls-server-auth=db1=db1-17-main\n\n[db1-17-main]\npg1-host=db1.example.com\npg1-host-type=tls\n" in text


def test_backups_of_a_stanza() -> None:
    info = {"size": 100, "delta": 90, "repository": {"size": 30, "delta": 20}}
    one = {
        "label": "20261126-115307F", "type": "full", "error": False, "info": info,
        "timestamp": {"start": 10, "stop": 20}, "archive": {"start": "A", "stop": "B"},
    }  # fmt: skip
    later = {**one, "label": "x", "timestamp": {"start": 30, "stop": 40}, "info": {**info, "repository": {"size": 7}}, "error": True}
    last = {**one, "label": "y", "timestamp": {"start": 50, "stop": 60}, "info": {**info, "repository": {}}}
    fine = {"name": "mine", "status": {"code": 0}}
    printed = json.dumps([{"name": "other", "backup": [one]}, {**fine, "backup": [later, last, one]}, fine])
    assert backups_of(printed, "mine") == [
        Backup("20261126-115307F", "full", 10, 20, 100, 20, "A", "B", False),
        Backup("x", "full", 30, 40, 100, 7, "A", "B", True),
        Backup("y", "full", 50, 60, 100, 0, "A", "B", False),
    ]


def test_a_repository_that_cannot_be_read_is_not_an_empty_one() -> None:
    repo = [{"key": 1, "status": {"code": 99, "message": "[AccessError] raised from remote-0 tls protocol on 'backup1': access denied"}}]
    with pytest.raises(HostError, match=r"cannot read the repository: \[AccessError\] .*: access denied; see whether"):
        backups_of(json.dumps([{"name": "mine", "status": {"code": 99}, "repo": repo}]), "mine")


def test_faults_that_are_found() -> None:
    assert faults(VERIFIED.format(status="ok", one="valid", bad=0)) == []
    assert faults(VERIFIED.format(status="error", one="invalid", bad=2)) == [
        "status: error",
        "backup: 20261126-115307F, status: invalid, total files checked: 1285, total valid files: 1284",
        "backup: 20261126-115307F: 2 checksum invalid",
    ]
    assert faults("") == ["it does not say that all is well"]


def test_pages_that_a_recovery_went_on_without() -> None:
    log = """\
2026-11-28 01:28:17.813 GMT [1788] LOG:  consistent recovery state reached at 0/2A000138
2026-11-28 01:28:17.813 GMT [1788] WARNING:  page 4 of relation base/16385/16657 is uninitialized
2026-11-28 01:28:17.813 GMT [1788] WARNING:  WAL contains references to invalid pages
2026-11-28 01:28:17.813 GMT [1788] WARNING:  page 1 of relation base/16390/2619_vm does not exist
2026-11-28 01:28:17.813 GMT [1788] WARNING:  page 2 of relation pg_tblspc/16400/PG_15_202209061/16390/99 does not exist
2026-11-28 01:28:17.813 GMT [1788] WARNING:  page 3 of relation global/1262 is uninitialized
""".splitlines()
    assert invalid_pages(log, ["16390", "1"]) == log[3:]
    assert invalid_pages(log, ["5"]) == log[5:]
    assert invalid_pages(log[:3], ["16390", "1"]) == []


def test_errors_with_what_goes_on_from_them() -> None:
    printed = """\
2026-11-26 22:39:57.001 P00   WARN: no prior backup exists, incr backup has been changed to full
2026-11-26 22:39:58.189 P00  ERROR: [064]: raised from local-1 protocol: unable to write '/srv/16398.lz4'
                                    [FileWriteError] on retry at 129ms: unable to write '/srv/16398.lz4': [28] No space left on device
2026-11-26 22:39:58.200 P00   INFO: backup command end
"""
    assert errors(printed) == [
        "2026-11-26 22:39:58.189 P00  ERROR: [064]: raised from local-1 protocol: unable to write '/srv/16398.lz4'",
        "[FileWriteError] on retry at 129ms: unable to write '/srv/16398.lz4': [28] No space left on device",
    ]
    assert errors("") == []
