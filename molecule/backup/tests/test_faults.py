"""What goes wrong is said, and is never taken for a backup; and what a host must not do to its backups it cannot do."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterator

import pytest
from desk import Desk, each, host, until
from proofs import BACK, DATABASES, FOLDER, RESTIC, now, psql, receipt, restore, settings, snapshots

REPOSITORY = "/srv/prod-access-backup/restic"
# What the repository itself opens web1's with.
KEYS = "/etc/prod-access/backup-repository/clients/web1"
# The one whose PostgreSQL goes to backup1 as well.
CLUSTER = "stage1"
STANZA = "stage1-17-main"


@pytest.fixture(scope="module", autouse=True)
def nothing_by_itself() -> Iterator[None]:
    """A log that is saved by its timer would meet faults that are not its own."""
    each(lambda name: host(name, "systemctl stop prod-access-backup-binlog.timer"), DATABASES)
    yield
    each(lambda name: host(name, "systemctl start prod-access-backup-binlog.timer"), DATABASES)


@pytest.fixture
def mended() -> Iterator[Callable[[str, str], None]]:
    """Names commands that mend a fault of this test."""
    commands: list[tuple[str, str]] = []
    yield lambda name, command: commands.append((name, command))
    for name, command in reversed(commands):
        host(name, command)


def of(name: str, part: str) -> set[str]:
    """The snapshots that there are of a part."""
    return {one["id"] for one in snapshots(name) if part in one["tags"]}


def fails(name: str, part: str, *said: str, command: str = "prod-access-backup run") -> None:
    """The run ends with an error that says this; nothing was saved; and what was good before is as old as it was."""
    before, known = receipt(name, f"backup-{part}"), of(name, part)
    failed(name, part, before["ended"], *said, done=host(name, f"{command} {part} 2>&1; echo ended $?", check=False))
    assert of(name, part) == known, "a fault is never a snapshot"


def failed(name: str, part: str, ended: str, *said: str, done: str) -> None:
    after = receipt(name, f"backup-{part}")
    assert done.endswith("ended 1"), done
    assert not after["ok"]
    assert after["ended"] == ended
    assert all(word in after["failed"] for word in said), after["failed"]
    assert part in receipt(name, "backup")["alarm"]


def succeeds(name: str, part: str) -> None:
    host(name, f"prod-access-backup run {part}")
    assert receipt(name, f"backup-{part}")["ok"]


def of_repository(**changes: object) -> str:
    """The same as settings(), of a repository's host."""
    return settings("/etc/prod-access/backup-repository/config.json", **changes)


# It says that it has started before it listens.
START = "systemctl restart restic-rest-server; until ss -ltn | grep -q :8000; do sleep 0.05; done"
BACK_OF_REPOSITORY = "[ ! -e /root/config.json ] || mv /root/config.json /etc/prod-access/backup-repository/config.json"


# --- What goes wrong on the way --------------------------------------------------------------------------------------------------------


def test_the_repositories_are_down(mended: Callable[[str, str], None]) -> None:
    """Both at the same time: restic's, and that of PostgreSQL, whose tools try again for half a minute."""
    each(lambda down: down(mended), (_restic_s_repository_is_down, _postgresql_has_no_repository))


def _restic_s_repository_is_down(mended: Callable[[str, str], None]) -> None:
    known, ended = of("web1", "files"), receipt("web1", "backup-files")["ended"]
    mended("backup1", START)
    host("backup1", "systemctl stop restic-rest-server")
    failed("web1", "files", ended, "connection refused", done=host("web1", "prod-access-backup run files 2>&1; echo ended $?"))
    said = host("web1", "prod-access-backup drill files 2>&1; echo ended $?")
    assert said.endswith("ended 1") and "files: failed" in said, "nor is anything proven"
    # It is tried again after five seconds, where the settings say so; by then it is there.
    mended("web1", BACK)
    host("web1", settings(attempts=2))
    host("backup1", "systemd-run --quiet --on-active=3 --timer-property=AccuracySec=100ms systemctl start restic-rest-server")
    began = time.monotonic()
    succeeds("web1", "files")
    assert time.monotonic() - began > 5
    assert len(of("web1", "files") - known) == 1, "of the runs, the good one alone is there"
    host("web1", "prod-access-backup drill files")


def _postgresql_has_no_repository(mended: Callable[[str, str], None]) -> None:
    ended = receipt(CLUSTER, "backup-postgresql")["ended"]
    mended("backup1", "systemctl start pgbackrest")
    host("backup1", "systemctl stop pgbackrest")
    done = host(CLUSTER, "prod-access-backup run postgresql 2>&1; echo ended $?")
    failed(CLUSTER, "postgresql", ended, "cannot read the repository", done=done)
    host("backup1", "systemctl start pgbackrest")
    # One that tries goes on trying for a minute.
    host(CLUSTER, "pkill -f '[a]rchive-push'; true")
    until(lambda: host(CLUSTER, "prod-access-backup run postgresql >/dev/null 2>&1; echo $?") == "0", 60, "WAL arrives again")


def test_the_repositories_are_full(mended: Callable[[str, str], None]) -> None:
    """Both at the same time, since either takes the better part of a minute to give up."""
    each(lambda full: full(mended), (_restic_s_repository_is_full, _the_repository_of_postgresql_is_full))


def _restic_s_repository_is_full(mended: Callable[[str, str], None]) -> None:
    data = f"{REPOSITORY}/web1/data"
    mended("backup1", f"umount {data}; {START}")
    mended("web1", "rm -f /srv/big")
    host("web1", "head -c 30000000 /dev/urandom >/srv/big")
    host(
        "backup1",
        f"mount -t tmpfs -o size=4m,mode=0700 tmpfs {data}; cd {data}; mkdir $(printf '%02x ' $(seq 0 255));"
        f" chown -R restic-rest-server: {data}; {START}",
    )
    fails("web1", "files", "restic backup")


def _the_repository_of_postgresql_is_full(mended: Callable[[str, str], None]) -> None:
    folder = f"/var/lib/pgbackrest/backup/{STANZA}"
    backups = f'su postgres -c \'pgbackrest --stanza={STANZA} --output=json info\' | grep -o \'"label":"[^"]*F"\' | sort -u'
    known = host("backup1", backups)
    mended("backup1", f"prod-access-backup-repository postgresql {STANZA}")
    mended("backup1", f"umount {folder}")
    room = f"size=$(($(du -sm {folder} | cut -f1) + 4))m,mode=0750,uid=$(id -u postgres),gid=$(id -g postgres)"
    host("backup1", f"cp -a {folder} /root/full; mount -t tmpfs -o {room} tmpfs {folder}; cp -a /root/full/. {folder}; rm -r /root/full")
    said = host("backup1", f"prod-access-backup-repository postgresql --full {STANZA} 2>&1; echo ended $?")
    assert said.endswith("ended 1") and f"unable to write '{folder}/" in said
    assert not receipt("backup1", "repository-postgresql")["ok"]
    assert host("backup1", backups) == known, "half a backup is none"


def test_the_password_is_wrong(mended: Callable[[str, str], None]) -> None:
    known, ended = of("web1", "files"), receipt("web1", "backup-files")["ended"]
    mended("web1", f"[ ! -e /root/password ] || mv /root/password {FOLDER}/restic.password")
    host("web1", f"cp -p {FOLDER}/restic.password /root/password; printf not-that-one >{FOLDER}/restic.password")
    failed("web1", "files", ended, "wrong password", done=host("web1", "prod-access-backup run files 2>&1; echo ended $?"))
    host("web1", f"mv /root/password {FOLDER}/restic.password")
    assert of("web1", "files") == known


def test_a_dump_dies_midway_with_its_database_or_alone(mended: Callable[[str, str], None]) -> None:
    for name in DATABASES:
        mended(name, f"{BACK}; systemctl start mariadb; rm -f /etc/mysql/conf.d/slow.cnf; mariadb shop -e 'DROP TABLE IF EXISTS noise'")
    each(_dies_midway, DATABASES)


def _dies_midway(name: str) -> None:
    # Slow enough, and more than restic takes up before it has sent any, to be in the middle of it.
    host(name, settings(bandwidth=400))
    host(name, "mariadb shop -e 'CREATE TABLE noise AS SELECT random_bytes(1000) AS b FROM seq_1_to_60000'")
    wait = "until pgrep -x mariadb-dump >/dev/null; do sleep 0.05; done; sleep 1"
    for kill in ("pkill -KILL -x mariadb-dump", "systemctl kill -s KILL mariadb"):
        fails(name, "mariadb", "mariadb-dump failed", "nothing was saved of it", command=f"({wait}; {kill}) & prod-access-backup run")
    host(
        name, f"{BACK}; systemctl start mariadb; until mariadb-admin --silent ping; do sleep 0.2; done; mariadb shop -e 'DROP TABLE noise'"
    )
    succeeds(name, "mariadb")


def test_a_dump_that_is_empty_or_has_shrunk_is_an_alarm(mended: Callable[[str, str], None]) -> None:
    """Options that somebody left for mariadb-dump: it ends well, and lacks what it is there for."""
    options = "/etc/mysql/conf.d/zz-left.cnf"
    mended("db1", f"rm -f {options}; prod-access-backup run mariadb")

    def dumped(option: str) -> list[str]:
        host("db1", f"printf '[mariadb-dump]\\n{option}\\n' >{options}; prod-access-backup run mariadb 2>&1; true")
        found = receipt("db1", "backup-mariadb")["warnings"]
        assert all(warning in receipt("db1", "backup")["alarm"] for warning in found)
        assert host("db1", "prod-access-backup status >/dev/null; echo $?") == "1"
        return found

    (shrunken,) = dumped("\\n".join(f"ignore-table={name}" for name in ("shop.orders", "shop.customers", "mysql.help_topic")))
    assert shrunken.startswith("it has shrunk from")
    empty, shrunken = dumped("no-data")
    assert empty.startswith("the dump is empty") and shrunken.startswith("it has shrunk from")
    host("db1", f"rm {options}; prod-access-backup run mariadb")
    assert receipt("db1", "backup-mariadb")["warnings"] == []


def test_what_takes_too_long_is_ended(mended: Callable[[str, str], None]) -> None:
    mended("web1", f"{BACK}; rm -f /srv/big")
    host("web1", f"{settings(timeout=4, bandwidth=200)}; head -c 30000000 /dev/urandom >/srv/big")
    fails("web1", "files", "restic backup was not done in 4 s; raise backup_timeout")
    assert host("web1", "pgrep -x restic; true") == ""
    host("web1", f"{BACK}; rm /srv/big")
    succeeds("web1", "files")


def test_the_host_dies_midway(mended: Callable[[str, str], None]) -> None:
    """Nothing of it is a snapshot, its lock keeps nobody out, and the next run is good."""
    mended("backup1", f"find {REPOSITORY}/web1/locks -type f -delete")
    mended("web1", f"{BACK}; rm -f /srv/big")
    host("web1", f"{settings(bandwidth=200)}; head -c 30000000 /dev/urandom >/srv/big")
    known = of("web1", "files")
    locks = f"ls {REPOSITORY}/web1/locks | wc -l"
    host("web1", "prod-access-backup run files >/dev/null 2>&1 & echo $! >/run/victim", check=False)
    until(lambda: host("backup1", locks) != "0", 20, "a lock in the repository")
    host("web1", "sleep 1; kill -9 $(cat /run/victim) $(pgrep -x restic)")
    assert host("backup1", locks) != "0", "nobody was left to take it away"
    assert of("web1", "files") == known
    host("web1", f"{BACK}; rm /srv/big")
    succeeds("web1", "files")
    # Pruning waits for a lock that may be somebody's. restic takes it for a dead one's after half an hour, which is not waited for here.
    said = host("backup1", "prod-access-backup-repository maintain web1 2>&1; echo ended $?")
    assert "already locked" in said and said.endswith("ended 1")


def test_two_runs_do_not_meet() -> None:
    said = host("web1", "flock /run/prod-access-backup.lock prod-access-backup run 2>&1", check=False)
    assert "another run is at work" in said


_TOLD = 'grep -o \'"--key-hint", "[^"]*\' /run/execs | cut -d\'"\' -f4 | sort -u; rm /run/execs'


@pytest.mark.parametrize(
    ("name", "command", "options"),
    [
        ("web1", "prod-access-backup run files >/dev/null", RESTIC),
        ("backup1", "prod-access-backup-repository maintain web1 >/dev/null", f"--repo {REPOSITORY}/web1 --password-file {KEYS}/password"),
    ],
    ids=["client", "repository"],
)
def test_restic_is_told_which_key_is_whose(name: str, command: str, options: str) -> None:
    """It would try the other one first, by chance, for half a second each time."""
    keys = json.loads(host(name, f"restic {options} --no-cache --no-lock key list --json"))
    assert len(keys) == 2
    trace = "strace -f -qq -e trace=execve -s 1000 -o /run/execs"
    (told,) = host(name, f"{trace} {command}; {_TOLD}").split()
    assert [key["current"] for key in keys if told.startswith(key["id"])] == [True]


# --- What is damaged -------------------------------------------------------------------------------------------------------------------

# One bit each time: what is damaged first may keep restic from looking further.
_FLIPS = r"""
import glob, os, random, shutil, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
options = ["--password-file", f"{sys.argv[2]}/password", "--key-hint", open(f"{sys.argv[2]}/key").read(), "--no-cache"]
# What runs that were ended have left behind is in no index: it is part of no backup, and nobody would miss it.
source = shutil.copytree(sys.argv[1], "/srv/whole")
subprocess.run(["restic", "--repo", source, *options, "prune"], capture_output=True, check=True)
def found(number):
    dice, copy = random.Random(number), f"/srv/flip-{number}"
    shutil.copytree(source, copy)
    try:
        paths = sorted(path for what in ("data/*/*", "index/*", "snapshots/*", "config") for path in glob.glob(f"{copy}/{what}"))
        path = dice.choice(paths)
        data = bytearray(open(path, "rb").read())
        place = dice.randrange(len(data) * 8)
        data[place // 8] ^= 1 << place % 8
        os.chmod(path, 0o600)
        open(path, "wb").write(data)
        argv = ["restic", "--repo", copy, *options, "check", "--read-data"]
        return subprocess.run(argv, capture_output=True).returncode != 0
    finally:
        shutil.rmtree(copy)
with ThreadPoolExecutor(2) as pool:
    print(sum(pool.map(found, range(50))))
shutil.rmtree(source)
"""


def test_every_flipped_bit_is_found() -> None:
    assert host("backup1", f"python3 - {REPOSITORY}/web1 {KEYS}", stdin=_FLIPS) == "50", "flips that were found"


# A bit of every 64 bytes; twice, it is as it was.
_FLIP_ALL = """
import sys
for path in sys.argv[1:]:
    data = bytearray(open(path, "rb").read())
    data[::64] = bytes(byte ^ 1 for byte in data[::64])
    open(path, "r+b").write(data)
"""


def test_nothing_comes_back_from_a_damaged_repository(desk: Desk, mended: Callable[[str, str], None]) -> None:
    flip = f"python3 -c {shlex.quote(_FLIP_ALL)} {REPOSITORY}/web1/data/*/*"
    moment = now("web1")
    mended("backup1", f"{flip}; prod-access-backup-repository check web1 --subset 100%")
    host("backup1", flip)
    said = host("backup1", "prod-access-backup-repository check web1 --subset 100% 2>&1; echo ended $?")
    assert said.endswith("ended 1") and "check of web1: restic check" in said
    assert not receipt("backup1", "repository-check")["ok"]
    said = host("web1", "prod-access-backup drill files 2>&1; echo ended $?")
    assert said.endswith("ended 1") and "files: failed" in said
    restore(desk, "web1", "restore_files=/etc/ssh", f"restore_to={moment}", rc=2)
    assert host("web1", "ls /var/lib/prod-access/restored 2>/dev/null | grep etc_ssh | grep -v unfinished || true") == ""


@pytest.mark.parametrize("kind", ["backup", "archive"])
def test_what_is_damaged_of_postgresql_is_found(kind: str, mended: Callable[[str, str], None]) -> None:
    path = host("backup1", f"find /var/lib/pgbackrest/{kind}/{STANZA} -type f -size +8k -not -name '*.manifest*' | sort | head -1")
    assert path
    mended("backup1", f"cp -p /root/good {path}; prod-access-backup-repository check {STANZA}")
    host("backup1", f"cp -p {path} /root/good; printf X | dd of={path} bs=1 seek=5000 conv=notrunc 2>/dev/null")
    said = host("backup1", f"prod-access-backup-repository check {STANZA} 2>&1; echo ended $?")
    assert f"verify {STANZA}: there are faults" in said
    assert said.endswith("ended 1")
    assert not receipt("backup1", "repository-check")["ok"]


# --- Time, and room --------------------------------------------------------------------------------------------------------------------


# What docs/backup.md says to do with one of them, but for its time.
_FORGET = (
    "R='restic -q -r {0} --password-file /etc/prod-access/backup-repository/clients/db1/password --no-cache';"
    " $R forget $($R snapshots --tag wrong-clock --json | grep -o '\"short_id\":\"[0-9a-f]*' | cut -d: -f2 | tr -d '\"');"
    " chown -R restic-rest-server: {0}"
).format(f"{REPOSITORY}/db1")


def test_a_wrong_clock_displaces_no_good_backup_and_silences_no_alarm(mended: Callable[[str, str], None]) -> None:
    """Containers have the machine's clock: faketime gives our program another one, which dates what it saves by it."""
    mended("db1", "prod-access-backup run mariadb")
    mended("backup1", f"{BACK_OF_REPOSITORY}; {_FORGET}")
    host("db1", "dpkg -s faketime >/dev/null 2>&1 || apt-get -qq install --no-install-recommends faketime >/dev/null 2>&1")
    host("backup1", _FORGET)
    good = of("db1", "mariadb")
    for span in ("-400 days", "+400 days"):
        host("db1", f"faketime '{span}' prod-access-backup run mariadb")
    wrong = of("db1", "mariadb") - good
    assert good and len(wrong) == 2
    ahead = receipt("db1", "backup-mariadb")
    assert ahead["ok"] and ahead["good_until"] > int(host("db1", "date +%s"))
    said = host("db1", "prod-access-backup status", check=False)
    assert f"mariadb: the last good one is of {ahead['ended']}, which is in the future; see the clock" in said
    host("db1", "prod-access-backup run mariadb && prod-access-backup drill mariadb")
    tried, proven = receipt("db1", "backup-mariadb")["tried"], receipt("db1", "restore-mariadb")["facts"]["moment"]
    assert tried <= proven < ahead["ended"], "the last one is proven, and not the one of the future"
    (last,) = of("db1", "mariadb") - good - wrong
    # Nothing stays, by these settings, but what is of the last hour before the newest one; and that is of the future.
    host("backup1", of_repository(keep={"within": "1h"}))
    said = host("backup1", "prod-access-backup-repository maintain db1 2>&1; echo ended $?")
    assert said.endswith("ended 1") and "2 of its backups have a time that they did not arrive at" in said
    there = snapshots("db1")
    assert last in {one["id"] for one in there}, "it displaced what is good"
    assert len([one for one in there if "wrong-clock" in one["tags"]]) == 2, "they are kept, until somebody looks at them"


def test_old_backups_and_a_full_disk_are_alarms(mended: Callable[[str, str], None]) -> None:
    mended(
        "backup1", f"{BACK_OF_REPOSITORY}; touch {REPOSITORY}/web2/snapshots/*; prod-access-backup-repository watch >/dev/null 2>&1 || true"
    )
    # Dumps and the like arrive, and files do not: the newest snapshot of all is not what counts.
    host("web2", "prod-access-backup run")
    old = " ".join(f"{REPOSITORY}/web2/snapshots/{one}" for one in of("web2", "files"))
    host("backup1", f"touch -d '3 days ago' {old}; {of_repository(watermark=1)}")
    said = host("backup1", "prod-access-backup-repository watch 2>&1; echo ended $?")
    assert "the newest backup of files of web2 is 72 hours old" in said
    assert "sqlite of web2" not in said
    assert "is full to" in said and "above 1 %" in said
    assert said.endswith("ended 1")
    assert "files of web2" in receipt("backup1", "repository")["alarm"]


# --- What a host cannot do -----------------------------------------------------------------------------------------------------------

_ASK = r"""
import base64, ssl, sys, urllib.error, urllib.parse, urllib.request
method, path, folder = sys.argv[1:4]
url = urllib.parse.urlsplit(open(f"{folder}/restic.repository").read()[5:])
request = urllib.request.Request(f"https://{url.hostname}:{url.port}{path}", method=method, data=b"x" if method == "POST" else None)
request.add_header("Authorization", "Basic " + base64.b64encode(f"{url.username}:{url.password}".encode()).decode())
try:
    print(urllib.request.urlopen(request, context=ssl.create_default_context(cafile=f"{folder}/ca.crt")).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def ask(method: str, path: str) -> str:
    """What restic's server answers to web1's own credentials."""
    return host("web1", f"python3 - {method} {path} {FOLDER}", stdin=_ASK)


def test_a_client_adds_and_reads_its_own_alone() -> None:
    look = f"cd {REPOSITORY}; find web1 web2 -type f -not -path '*/locks/*' | sort | xargs sha256sum"
    kept = host("backup1", look)
    for kind in ("snapshots", "data", "index", "keys"):
        (one,) = host("backup1", f"find {REPOSITORY}/web1/{kind} -type f -printf '%f\n' | head -1").splitlines()
        assert ask("GET", f"/web1/{kind}/{one}") == "200"
        assert ask("DELETE", f"/web1/{kind}/{one}") == "403"
        assert ask("POST", f"/web1/{kind}/{one}") == "403", "overwritten"
        assert ask("GET", f"/web2/{kind}/{one}") == "401"
    assert ask("DELETE", "/web1/config") == "403"
    assert ask("DELETE", "/web1/") in ("403", "405")
    assert ask("GET", "/web2/config") == "401"
    assert ask("GET", "/web1/../web2/config") in ("401", "404", "301")
    assert host("backup1", look) == kept


def test_a_client_of_postgresql_reaches_its_own_stanza_alone(mended: Callable[[str, str], None]) -> None:
    """web1 has a certificate of the same authority. With it, nothing of another host's is read, added or deleted."""
    mended(CLUSTER, "rm -rf /run/other")
    host(CLUSTER, "install -d -o postgres /run/other")
    for path in ("/etc/prod-access/backup/host.key", f"{FOLDER}/host.crt"):
        # pgbackrest wants a key of its user's alone.
        text = host("web1", f"cat {path}")
        host(CLUSTER, f"f=/run/other/$(basename {path}); cat >$f; chown postgres $f; chmod 600 $f", stdin=f"{text}\n")
    look = f"cd /var/lib/pgbackrest; find backup/{STANZA} archive/{STANZA} -type f -name '*.info' | sort | xargs sha256sum"
    kept = host("backup1", look)
    theirs = "--repo1-host-cert-file=/run/other/host.crt --repo1-host-key-file=/run/other/host.key"
    for command in ("--output=json info", "archive-get 000000010000000000000001 /run/other/wal", "--force stanza-delete", "stanza-upgrade"):
        said = host(CLUSTER, f"su postgres -c 'pgbackrest --stanza={STANZA} {theirs} {command}' 2>&1; echo ended $?")
        assert "access denied" in said and (not said.endswith("ended 0") or "info" in command), said
    assert host("backup1", look) == kept
    # No certificate, or one of another authority, is no way in.
    said = host("web1", f"openssl s_client -connect backup1:8432 -CAfile {FOLDER}/ca.crt </dev/null 2>&1; true")
    assert "Acceptable client certificate CA names" in said or "certificate required" in said or "alert" in said
    # 2.45 refuses this by itself; 2.55 does not, any more than `stanza-delete`: hence the second copy.
    said = host("db1", "su postgres -c 'pgbackrest --stanza=db1-15-main --repo1-retention-full=9 expire' 2>&1", check=False)
    assert "expire command must be run on the repository host" in said


def test_what_a_host_wipes_comes_back_from_the_second_copy() -> None:
    """pgbackrest lets a client delete what is its own. The second copy it cannot reach."""
    rows = psql(CLUSTER, "SELECT count(*) FROM orders")
    host("backup1", "systemctl start prod-access-backup-postgresql")
    wipe = f"pgbackrest --stanza={STANZA} stop && pgbackrest --stanza={STANZA} --force stanza-delete"
    said = host(CLUSTER, f"su postgres -c '{wipe}' 2>&1")
    assert host("backup1", f"ls /var/lib/pgbackrest/backup/{STANZA} 2>&1 | grep -c F || true") == "0", said
    # As docs/backup.md says it.
    host(
        "backup1",
        "restic -r /srv/prod-access-backup/copy --password-file /etc/prod-access/backup-repository/copy.password"
        " restore latest --target / --include /var/lib/pgbackrest >/dev/null",
    )
    host(CLUSTER, f"su postgres -c 'pgbackrest --stanza={STANZA} start'")
    host("backup1", f"su postgres -c 'pgbackrest --stanza={STANZA} start'; prod-access-backup-repository check {STANZA}")
    host(CLUSTER, "prod-access-backup run postgresql && prod-access-backup drill postgresql")
    assert receipt(CLUSTER, "restore-postgresql")["facts"]["rows"] >= int(rows)


def test_files_are_copied_to_where_the_second_copy_is_when_asked(mended: Callable[[str, str], None]) -> None:
    mended("backup1", BACK_OF_REPOSITORY)
    host("backup1", f"{of_repository(copy_files=True)}; prod-access-backup-repository maintain web1")
    ours = "restic -q -r /srv/prod-access-backup/copy --password-file /etc/prod-access/backup-repository/copy.password"
    assert host("backup1", f"{ours} dump --host web1 --tag files latest /etc/debian_version").startswith("12.")
    assert host("backup1", f"find {REPOSITORY}/web1 -user root") == "", "nothing that its server could not read"


# --- Secrets, and what is wrong in the inventory -------------------------------------------------------------------------------------


def test_secrets_are_nowhere(desk: Desk) -> None:
    secret = {host("web1", f"cat {FOLDER}/restic.password"), host("web1", f"sed 's/.*web1:\\(.*\\)@.*/\\1/' {FOLDER}/restic.repository")}
    secret |= {host("backup1", f"cat /etc/prod-access/backup-repository/{path}") for path in ("copy.password", "clients/web1/password")}
    assert min(map(len, secret)) > 40
    # New credentials, so that all of it passes by.
    host("backup1", "rm /etc/prod-access/backup-repository/clients/web1/sealed.json")
    done = desk.play("molecule/backup/converge.yml", "-vvvv", "--diff", limit="web1,backup1")
    secret |= {host("web1", f"cat {FOLDER}/restic.password"), host("web1", f"sed 's/.*web1:\\(.*\\)@.*/\\1/' {FOLDER}/restic.repository")}
    assert len(secret) == 6, "they are new"
    seen = done.stdout + done.stderr
    trace = "strace -f -qq -v -e trace=execve -s 100000 -o /root/execs"
    seen += host("web1", f"{trace} prod-access-backup run; {trace} -A prod-access-backup drill; cat /root/execs; rm /root/execs")
    ours = "prod-access-backup-repository"
    seen += host("backup1", f"{trace} {ours} maintain web1; {trace} -A {ours} copy; cat /root/execs; rm /root/execs")
    places = "/etc/systemd /usr/lib/prod-access /var/lib/prod-access/receipts /var/lib/prometheus /run/systemd /etc/pgbackrest"
    for name in ("web1", "backup1"):
        seen += host(name, f"(journalctl --sync; journalctl -o export --no-pager; grep -rsa . {places}) | tr -cd '\\11\\12\\40-\\176'")
    assert "prod-access-backup" in seen
    assert not [one for one in secret if one in seen], "a secret was seen"
    assert "BEGIN EC PRIVATE KEY" not in seen and "BEGIN PRIVATE KEY" not in seen
    open_to_all = host("web1", "find /etc/prod-access/backup -perm /o+r -type f -printf '%f\\n' | sort")
    assert open_to_all.split() == ["ca.crt", "config.json", "host.crt"]


def test_all_that_is_wrong_is_said_before_a_host_is_touched(desk: Desk) -> None:
    wrong = {
        "backup_paths": ["etc", "/srv/../etc"],
        "backup_to": "nobody",
        "backup_attempts": 0,
        "backup_before": [["rm"], []],
        "backup_checks": [{"engine": "oracle", "database": "shop"}],
    }
    before = host("web1", "journalctl --sync; journalctl -u ssh | grep -c Accepted")
    done = desk.play("molecule/backup/converge.yml", "-e", json.dumps(wrong), limit="web1", rc=2)
    said = " ".join((done.stdout + done.stderr).split())
    for one in (
        "backup_paths[0]: `etc` is not absolute", "backup_paths[1]: `/srv/../etc` has `..` in it",
        "backup_to: nobody is not in the inventory", "backup_attempts: 0 is out of range",
        "backup_before[0][0]: `rm` is not absolute", "backup_before[1]: is empty",
        "backup_checks[0].engine: `oracle` is not known", "backup_checks[0]: checks nothing",
    ):  # fmt: skip
        assert one in said
    assert host("web1", "journalctl --sync; journalctl -u ssh | grep -c Accepted") == before
