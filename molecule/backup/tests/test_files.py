"""Files and small databases: what comes back is what was saved, to the last attribute, and a proof of it is red when it is not."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Iterator

from desk import HOSTS, Desk, each, host
from proofs import BACK, CLIENTS, now, receipt, restore, settings

_TREE = r"""
rm -rf /srv/proof && mkdir -p /srv/proof/deep/er && cd /srv/proof
printf 'one\n' >plain; printf '' >empty; head -c 300000 /dev/urandom >random; ln -s plain link; mkfifo pipe
printf 'x' >'name with  blanks'; printf 'y' >"$(printf 'new\nline')"; printf 'z' >'[a]*?\'; printf 'ü' >ünïcode
chmod 4750 plain; chown 1900:1900 random; chmod 1777 deep; touch -d '2001-02-03 04:05:06.789' deep/er/old; ln plain hard
python3 -c 'import os; os.setxattr("plain", "user.note", b"\0\1kept")'
"""
_LOOK = r"""
import hashlib, os, stat, sys
for folder, folders, names in sorted(os.walk(sys.argv[1])):
    for name in sorted([*folders, *names]):
        path = os.path.join(folder, name)
        found = os.lstat(path)
        if found.st_dev != os.stat(sys.argv[1]).st_dev:
            continue  # A container's hostname and the like are mounted.
        print(
            ascii(os.path.relpath(path, sys.argv[1])), oct(found.st_mode), found.st_uid, found.st_gid, found.st_mtime_ns,
            # A directory's number of links is its file system's affair.
            0 if stat.S_ISDIR(found.st_mode) else found.st_nlink,
            hashlib.sha256(open(path, "rb").read()).hexdigest() if stat.S_ISREG(found.st_mode) else "",
            os.readlink(path) if stat.S_ISLNK(found.st_mode) else "",
            [(name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(os.listxattr(path, follow_symlinks=False))],
        )
"""


def look(name: str, folder: str) -> str:
    return host(name, f"python3 - {folder}", stdin=_LOOK)


def place(said: str) -> str:
    """Where the playbook says that it put what came back."""
    (where,) = (word.rstrip(":") for word in said.split() if word.startswith("/var/lib/prod-access/restored/") and word.endswith(":"))
    return where


def test_a_tree_comes_back_as_it_was(desk: Desk) -> None:
    each(lambda name: _tree_comes_back(desk, name), HOSTS)


def _tree_comes_back(desk: Desk, name: str) -> None:
    host(name, "sh -es", stdin=_TREE)
    before = look(name, "/srv/proof")
    assert before.count("\n") == 12
    host(name, "prod-access-backup run files")
    moment = now(name)
    host(name, "rm -r /srv/proof")
    done = restore(desk, name, "restore_files=/srv/proof", f"restore_to={moment}")
    where = place(done.stdout)
    assert look(name, f"{where}/srv/proof") == before
    assert f"rsync -aAX {where}/srv/proof /srv/" in done.stdout
    again = restore(desk, name, "restore_files=/srv/proof", f"restore_to={moment}")
    assert "changed=0" in again.stdout


def test_a_whole_host_comes_back_beside_itself(desk: Desk) -> None:
    host("web2", "prod-access-backup run files")
    before, moment = look("web2", "/etc"), now("web2")
    where = place(restore(desk, "web2", "restore_host=true", f"restore_to={moment}").stdout)
    assert look("web2", f"{where}/etc") == before
    assert look("web2", f"{where}/usr/local") == look("web2", "/usr/local")
    host("web2", f"rm -r {where}")


def test_sqlite_and_redis_are_saved_whole_and_proven() -> None:
    rows = "INSERT INTO notes (text) SELECT hex(randomblob(20)) FROM generate_series(1, 1000)"
    host("web2", f"sqlite3 /srv/app/app.sqlite {shlex.quote(rows)}; redis-cli SET kept 1; redis-cli SET too 2")
    host("web2", "prod-access-backup run sqlite redis && prod-access-backup drill sqlite redis")
    assert receipt("web2", "restore-sqlite")["facts"]["rows"] >= 1000
    assert receipt("web2", "restore-redis")["facts"]["rows"] == 2
    host(
        "web2",
        "cp /srv/app/app.sqlite /root/good; dd if=/dev/urandom of=/srv/app/app.sqlite bs=4096 seek=2 count=3 conv=notrunc 2>/dev/null",
    )
    try:
        host("web2", "prod-access-backup run sqlite", check=False)
        assert not receipt("web2", "backup-sqlite")["ok"], "a damaged database is no backup"
    finally:
        host("web2", "rm -f /srv/app/app.sqlite-*; mv /root/good /srv/app/app.sqlite; prod-access-backup run sqlite")


def test_a_password_of_redis_is_not_seen() -> None:
    host("web2", "echo 'requirepass canary-of-redis' >>/etc/redis/redis.conf; systemctl restart redis-server")
    try:
        said = host(
            "web2", "strace -f -qq -e trace=execve -s 1000 -o /root/execs prod-access-backup run redis; cat /root/execs; rm /root/execs"
        )
        assert receipt("web2", "backup-redis")["ok"]
        assert "canary" not in said
    finally:
        host("web2", "sed -i '/canary/d' /etc/redis/redis.conf; systemctl restart redis-server")


def test_every_part_is_proven() -> None:
    each(_is_proven, CLIENTS)


def _is_proven(name: str) -> None:
    host(name, "prod-access-backup drill")
    whole = receipt(name, "restore")
    assert whole["ok"], whole
    for part in whole["parts"]:
        facts = receipt(name, f"restore-{part}")["facts"]
        assert facts.get("rows", facts.get("files")) > 1, f"{part}: nothing was compared"
        assert facts["moment"] > "2026"
        assert 0 <= facts["lost_seconds_at_most"] < 7200
    assert host(name, "ls /var/lib/prod-access/backup/scratch") == "", "what was restored for it is gone"
    entry = json.loads(host(name, "journalctl --sync; journalctl -n 1 -o json PROD_ACCESS_KIND=restore"))
    assert entry["PROD_ACCESS_RESULT"] == "good"
    assert host(name, "grep -c ^prod_access_restore_ok /var/lib/prometheus/node-exporter/prod-access-restore.prom") == str(
        len(whole["parts"])
    )


@contextlib.contextmanager
def noted_otherwise(name: str, edit: str) -> Iterator[str]:
    """What a drill of files says where the note that the last backup left is another one, by sed(1); then all is well again."""
    host(name, f"cd /var/lib/prod-access/backup; cp manifest.json /root; sed -i '{edit}' manifest.json")
    try:
        yield host(name, "prod-access-backup drill files 2>&1", check=False)
    finally:
        host(name, "mv /root/manifest.json /var/lib/prod-access/backup/; prod-access-backup drill files")


def test_a_file_that_comes_back_different_is_an_alarm() -> None:
    good = receipt("web1", "restore-files")["ended"]
    with noted_otherwise("web1", 's/"sha256": "./"sha256": "g/') as said:
        assert "came back different" in said
        found = receipt("web1", "restore-files")
        assert (found["ok"], found["ended"]) == (False, good), "what was proven before grows old"
        assert "came back different" in receipt("web1", "restore")["alarm"]
        assert "ALARM: restore of files failed" in host("web1", "prod-access-backup status", check=False)


def test_a_snapshot_that_somebody_removed_is_an_alarm() -> None:
    """On both releases: the older one's restic ignores that it is not there."""

    def removed(name: str) -> None:
        with noted_otherwise(name, 's/"snapshot": "[0-9a-f]*"/"snapshot": "0badc0de"/') as said:
            assert "snapshot 0badc0de is not in the repository; see who removed it" in said, said

    each(removed, HOSTS)


def test_databases_that_nobody_backs_up_are_named() -> None:
    host("web1", "mkdir -p /srv/forgotten; sqlite3 /srv/forgotten/orders.db 'CREATE TABLE a (b)'")
    try:
        host("web1", "prod-access-backup run files")
        assert "the SQLite database /srv/forgotten/orders.db is not backed up" in receipt("web1", "backup")["alarm"]
    finally:
        host("web1", "rm -r /srv/forgotten; prod-access-backup run files")
    assert receipt("web1", "backup")["alarm"] == ""


def test_filesystems_below_what_is_backed_up_are_named() -> None:
    """restic does not cross into another filesystem: what is mounted below /srv would be missing, and nobody would know."""
    named = "the filesystem at /srv/a disk is not backed up"
    mount = "truncate -s 8M /var/tmp/disk; mkfs.ext4 -q /var/tmp/disk; mkdir -p '/srv/a disk'; mount -o loop /var/tmp/disk '/srv/a disk'"
    host("web1", mount)
    try:
        host("web1", "prod-access-backup run files")
        assert named in receipt("web1", "backup")["alarm"]
        host("web1", f"{settings(exclude=['/srv/a*'])}; prod-access-backup run files")
        assert receipt("web1", "backup")["alarm"] == ""
    finally:
        host("web1", f"{BACK}; umount '/srv/a disk'; rm -r /var/tmp/disk '/srv/a disk'; prod-access-backup run files")
    assert receipt("web1", "backup")["alarm"] == ""


def test_commands_of_the_team_are_run_before_and_after() -> None:
    def having(before: list[list[str]]) -> str:
        host("web1", f"rm -f /run/after; {settings(before=before, after=[['/usr/bin/touch', '/run/after']])}")
        try:
            return host("web1", "prod-access-backup run files 2>&1; ls /run/after /run/be*fore", check=False)
        finally:
            host("web1", f"{BACK}; rm -f /run/after '/run/be fore'")

    said = having([["/usr/bin/touch", "/run/be fore"]])
    assert "files: good" in said and "/run/be fore" in said and "/run/after" in said
    said = having([["/usr/bin/false"]])
    assert "files: failed: before it, /usr/bin/false ended with 1" in said and "/run/after" in said
    host("web1", "prod-access-backup run files")
