"""What the module backup_info says, as data."""

from __future__ import annotations

import time

from desk import answer, host
from proofs import receipt


def test_a_host_says_what_is_backed_up_and_proven_and_what_its_repositories_have() -> None:
    host("stage1", "prod-access-backup run && prod-access-backup drill")
    found = answer("stage1", "backup_info")
    assert found["changed"] is False
    assert found["alarms"] == []
    for kind in ("backup", "restore"):
        parts = {one["name"]: one for one in found[kind]}
        assert {"files", "mariadb", "postgresql"} <= set(parts)
        assert all(one["ok"] for one in parts.values())
        assert parts["files"]["ended"] == receipt("stage1", f"{kind}-files")["ended"]
    newest = {part: one for one in found["snapshots"] for part in one["parts"]}
    assert {"files", "mariadb", "binlog"} <= set(newest)
    assert newest["files"]["id"].startswith(receipt("stage1", "backup-files")["facts"]["snapshot"])
    assert 0 <= newest["files"]["age"] < 120
    (backups,) = found["postgresql"].values()
    assert backups[0]["kind"] == "full"
    assert backups[-1]["stop"] <= time.time()
    assert "snapshots" not in answer("stage1", "backup_info", "snapshots=false")


def test_a_repository_says_what_it_holds_and_a_fault_is_an_alarm() -> None:
    held = answer("backup1", "backup_info")["repository"]
    assert held["clients"]["web1"]["parts"]["files"]["newest"] > time.time() - 86400
    assert held["clients"]["stage1"]["postgresql"]["stage1-17-main"]["backups"] >= 1
    assert all(0 < used < 100 for used in held["disks"].values())
    path = "/var/lib/prod-access/receipts/backup-files.json"
    host("web2", f'cp -p {path} /root/; sed -i \'s/"good_until": [0-9]*/"good_until": 1/\' {path}')
    try:
        assert any("files" in alarm for alarm in answer("web2", "backup_info")["alarms"])
    finally:
        host("web2", f"mv /root/backup-files.json {path}")
