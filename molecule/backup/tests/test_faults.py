"""What goes wrong is said, and is never taken for a backup; and what a host must not do to its backups it cannot do."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable, Iterator

import pytest
from desk import ENVIRONMENT, FLEET, ROOT, Desk, host, until
from proofs import psql, receipt, snapshots

FOLDER = "/etc/prod-access/backup/backup1"
CONFIG = "/etc/prod-access/backup/config.json"


@pytest.fixture
def mended() -> Iterator[Callable[[str, str], None]]:
    """Names commands that mend a fault of this test."""
    commands: list[tuple[str, str]] = []
    yield lambda name, command: commands.append((name, command))
    for name, command in reversed(commands):
        host(name, command)


def fails(name: str, part: str, *said: str, command: str = "prod-access-backup run") -> None:
    """The run ends with an error that says this; nothing was saved; and what was good before is as old as it was."""
    before, known = receipt(name, f"backup-{part}"), {one["id"] for one in snapshots(name)}
    done = host(name, f"{command} {part} 2>&1; echo ended $?", check=False)
    after = receipt(name, f"backup-{part}")
    assert done.endswith("ended 1"), done
    assert not after["ok"]
    assert after["ended"] == before["ended"]
    assert all(word in after["failed"] for word in said), after["failed"]
    assert part in receipt(name, "backup")["alarm"]
    assert {one["id"] for one in snapshots(name)} == known, "a fault is never a snapshot"


def succeeds(name: str, part: str) -> None:
    host(name, f"prod-access-backup run {part}")
    assert receipt(name, f"backup-{part}")["ok"]


def settings(name: str, **changes: object) -> str:
    """A command that changes the settings of a host."""
    change = "import json, sys; p = sys.argv[1]; c = json.load(open(p)); c.update(json.loads(sys.argv[2])); json.dump(c, open(p, 'w'))"
    return f"cp -n {CONFIG} /root/config.json; python3 -c {shlex.quote(change)} {CONFIG} {shlex.quote(json.dumps(changes))}"


# It says that it has started before it listens.
START = "systemctl restart restic-rest-server; until ss -ltn | grep -q :8000; do sleep 0.05; done"
BACK = f"mv /root/config.json {CONFIG}"


def test_the_repository_is_down(mended: Callable[[str, str], None]) -> None:
    known = {one["id"] for one in snapshots("web1")}
    mended("backup1", START)
    host("backup1", "systemctl stop restic-rest-server")
    done = host("web1", "prod-access-backup run files 2>&1; echo ended $?", check=False)
    assert done.endswith("ended 1")
    assert "connection refused" in receipt("web1", "backup-files")["failed"]
    host("backup1", START)
    assert {one["id"] for one in snapshots("web1")} == known
    succeeds("web1", "files")


def test_the_repository_is_full(mended: Callable[[str, str], None]) -> None:
    data = "/srv/prod-access-backup/restic/web1/data"
    mended("backup1", f"umount {data}; {START}")
    mended("web1", "rm -f /srv/big")
    host("web1", "head -c 30000000 /dev/urandom >/srv/big")
    host(
        "backup1",
        f"mount -t tmpfs -o size=4m,mode=0700 tmpfs {data}; cd {data}; mkdir $(printf '%02x ' $(seq 0 255));"
        f" chown -R restic-rest-server: {data}; {START}",
    )
    fails("web1", "files", "restic backup")


def test_the_password_is_wrong(mended: Callable[[str, str], None]) -> None:
    mended("web1", f"mv /root/password {FOLDER}/restic.password")
    before = {one["id"] for one in snapshots("web1")}
    host("web1", f"cp -p {FOLDER}/restic.password /root/password; printf not-that-one >{FOLDER}/restic.password")
    assert host("web1", "prod-access-backup run files >/dev/null 2>&1; echo $?") == "1"
    assert "wrong password" in receipt("web1", "backup-files")["failed"]
    host("web1", f"cp -p /root/password {FOLDER}/restic.password")
    assert {one["id"] for one in snapshots("web1")} == before


@pytest.mark.parametrize("name", ["stage1", "db1"])
def test_the_database_stops_midway(name: str, mended: Callable[[str, str], None]) -> None:
    mended(name, f"{BACK}; systemctl start mariadb")
    # Slow enough to be in the middle of it.
    host(name, settings(name, bandwidth=200))
    host(name, "mariadb shop -e 'CREATE TABLE noise AS SELECT random_bytes(1000) AS b FROM seq_1_to_20000'")
    stop = "until pgrep -x mariadb-dump >/dev/null; do sleep 0.05; done; sleep 1; systemctl kill -s KILL mariadb"
    fails(name, "mariadb", "mariadb-dump failed", command=f"({stop}) & prod-access-backup run")
    host(
        name,
        f"{BACK}; {settings(name)}; systemctl start mariadb; until mariadb-admin --silent ping; do sleep 0.2; done;"
        " mariadb shop -e 'DROP TABLE noise'",
    )
    succeeds(name, "mariadb")


def test_the_host_dies_midway(mended: Callable[[str, str], None]) -> None:
    """Nothing of it is a snapshot, its lock keeps nobody out, and the next run is good."""
    mended("backup1", "find /srv/prod-access-backup/restic/web1/locks -type f -delete")
    mended("web1", f"{BACK}; rm -f /srv/big")
    host("web1", f"{settings('web1', bandwidth=200)}; head -c 30000000 /dev/urandom >/srv/big")
    before = {one["id"] for one in snapshots("web1")}
    locks = "ls /srv/prod-access-backup/restic/web1/locks | wc -l"
    host("web1", "prod-access-backup run files >/dev/null 2>&1 & echo $! >/run/victim", check=False)
    until(lambda: host("backup1", locks) != "0", 20, "a lock in the repository")
    host("web1", "sleep 1; kill -9 $(cat /run/victim) $(pgrep -x restic)")
    assert host("backup1", locks) != "0", "nobody was left to take it away"
    assert {one["id"] for one in snapshots("web1")} == before
    host("web1", f"{BACK}; {settings('web1')}; rm /srv/big")
    succeeds("web1", "files")
    assert "already locked" in host("backup1", "prod-access-backup-repository maintain 2>&1", check=False)
    # restic takes it for a dead one's after half an hour; that is not waited for here.


def test_postgresql_without_a_repository(mended: Callable[[str, str], None]) -> None:
    mended("backup1", "systemctl start pgbackrest")
    host("backup1", "systemctl stop pgbackrest")
    assert host("stage1", "prod-access-backup run postgresql >/dev/null 2>&1; echo $?") == "1"
    assert "cannot read the repository" in receipt("stage1", "backup-postgresql")["failed"]
    host("backup1", "systemctl start pgbackrest")
    # One that tries goes on trying for a minute.
    host("stage1", "pkill -f '[a]rchive-push'; true")
    until(lambda: host("stage1", "prod-access-backup run postgresql >/dev/null 2>&1; echo $?") == "0", 60, "WAL arrives again")


def test_two_runs_do_not_meet() -> None:
    said = host("web1", "flock /run/prod-access-backup.lock prod-access-backup run 2>&1", check=False)
    assert "another run is at work" in said


_FLIPS = r"""
import concurrent.futures, glob, random, shutil, sys
sys.path.insert(0, "/usr/lib/prod-access")
from prod_access import _backup_repository as r
from prod_access._command import HostError
from prod_access._restic import Restic
ours = r.repository(r.read_config(), "web1")
source = r.restic_folder(r.read_config(), "web1")
def found(number):
    random.seed(number)
    copy = f"/srv/flip-{number % 2}"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy)
    paths = sorted(sum((glob.glob(f"{copy}/{what}") for what in ("data/*/*", "index/*", "snapshots/*", "config")), []))
    path = random.choice(paths)
    data = bytearray(open(path, "rb").read())
    place = random.randrange(len(data) * 8)
    data[place // 8] ^= 1 << place % 8
    open(path, "wb").write(data)
    try:
        Restic(["--repo", copy, "--no-cache"], open(f"{r.FOLDER}/clients/web1/password").read()).run("check", "--read-data")
    except HostError:
        return True
    return False
def half(rest):
    return [number for number in range(rest, 50, 2) if not found(number)]
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    print(sum(pool.map(half, [0, 1]), []))
for rest in (0, 1):
    shutil.rmtree(f"/srv/flip-{rest}")
"""


def test_every_flipped_bit_is_found() -> None:
    # An own random for each: with one of two threads' they would not be the same each time.
    script = (
        _FLIPS.replace("random.seed(number)", "dice = random.Random(number)")
        .replace("random.choice", "dice.choice")
        .replace("random.randrange", "dice.randrange")
    )
    assert host("backup1", "python3 -", stdin=script) == "[]", "flips that were not found"


@pytest.mark.parametrize("kind", ["backup", "archive"])
def test_what_is_damaged_of_postgresql_is_found(kind: str, mended: Callable[[str, str], None]) -> None:
    path = host("backup1", f"find /var/lib/pgbackrest/{kind}/stage1-17-main -type f -size +8k -not -name '*.manifest*' | sort | head -1")
    assert path
    mended("backup1", f"cp -p /root/good {path}; prod-access-backup-repository check")
    host("backup1", f"cp -p {path} /root/good; printf X | dd of={path} bs=1 seek=5000 conv=notrunc 2>/dev/null")
    said = host("backup1", "prod-access-backup-repository check 2>&1; echo ended $?")
    assert "verify stage1-17-main: there are faults" in said
    assert said.endswith("ended 1")
    assert not receipt("backup1", "repository-check")["ok"]


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
    kept = host("backup1", "find /srv/prod-access-backup/restic -type f -not -path '*/locks/*' | sort | xargs sha256sum")
    for kind in ("snapshots", "data", "index", "keys"):
        (one,) = host("backup1", f"find /srv/prod-access-backup/restic/web1/{kind} -type f -printf '%f\n' | head -1").splitlines()
        assert ask("GET", f"/web1/{kind}/{one}") == "200"
        assert ask("DELETE", f"/web1/{kind}/{one}") == "403"
        assert ask("POST", f"/web1/{kind}/{one}") == "403", "overwritten"
        assert ask("GET", f"/web2/{kind}/{one}") == "401"
    assert ask("DELETE", "/web1/config") == "403"
    assert ask("DELETE", "/web1/") in ("403", "405")
    assert ask("GET", "/web2/config") == "401"
    assert ask("GET", "/web1/../web2/config") in ("401", "404", "301")
    assert host("backup1", "find /srv/prod-access-backup/restic -type f -not -path '*/locks/*' | sort | xargs sha256sum") == kept


def test_a_client_of_postgresql_reaches_its_own_stanza_alone() -> None:
    said = host("stage1", "su postgres -c 'pgbackrest --stanza=db1-15-main --output=json info' 2>&1", check=False)
    assert "access denied" in said
    # 2.45 refuses this by itself; 2.55 does not, any more than `stanza-delete`: hence the second copy.
    said = host("db1", "su postgres -c 'pgbackrest --stanza=db1-15-main --repo1-retention-full=9 expire' 2>&1", check=False)
    assert "expire command must be run on the repository host" in said
    # No certificate, or one of another authority, is no way in.
    said = host("web1", "openssl s_client -connect backup1:8432 -CAfile /etc/prod-access/backup/backup1/ca.crt </dev/null 2>&1; true")
    assert "Acceptable client certificate CA names" in said or "certificate required" in said or "alert" in said


def test_what_a_host_wipes_comes_back_from_the_second_copy() -> None:
    """pgbackrest lets a client delete what is its own. The second copy it cannot reach."""
    rows = psql("stage1", "SELECT count(*) FROM orders")
    host("backup1", "systemctl start prod-access-backup-postgresql")
    said = host(
        "stage1",
        "su postgres -c 'pgbackrest --stanza=stage1-17-main stop && pgbackrest --stanza=stage1-17-main --force stanza-delete' 2>&1",
    )
    assert host("backup1", "ls /var/lib/pgbackrest/backup/stage1-17-main 2>&1 | grep -c F || true") == "0", said
    # As docs/backup.md says it.
    host(
        "backup1",
        "restic -r /srv/prod-access-backup/copy --password-file /etc/prod-access/backup-repository/copy.password"
        " restore latest --target / --include /var/lib/pgbackrest >/dev/null",
    )
    host("stage1", "su postgres -c 'pgbackrest --stanza=stage1-17-main start'")
    host(
        "backup1",
        "su postgres -c 'pgbackrest --stanza=stage1-17-main start';"
        " su postgres -c 'pgbackrest --stanza=stage1-17-main --output=text --verbose verify' | grep -x 'status: ok'",
    )
    host("stage1", "prod-access-backup run postgresql && prod-access-backup drill postgresql")
    assert receipt("stage1", "restore-postgresql")["facts"]["rows"] >= int(rows)


# --- Secrets, and what is wrong in the inventory -------------------------------------------------------------------------------------


def test_secrets_are_nowhere(desk: Desk) -> None:
    secret = {host("web1", f"cat {FOLDER}/restic.password"), host("web1", f"sed 's/.*web1:\\(.*\\)@.*/\\1/' {FOLDER}/restic.repository")}
    secret |= {host("backup1", f"cat /etc/prod-access/backup-repository/{path}") for path in ("copy.password", "clients/web1/password")}
    assert min(map(len, secret)) > 40
    # New credentials, so that all of it passes by.
    host("backup1", "rm /etc/prod-access/backup-repository/clients/web1/sealed.json")
    command = [
        "ansible-playbook",
        "-i",
        str(FLEET / "inventory"),
        "molecule/backup/converge.yml",
        "--limit",
        "web1,backup1",
        "-vvvv",
        "--diff",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    secret |= {host("web1", f"cat {FOLDER}/restic.password"), host("web1", f"sed 's/.*web1:\\(.*\\)@.*/\\1/' {FOLDER}/restic.repository")}
    assert len(secret) == 6, "they are new"
    seen = done.stdout + done.stderr
    trace = "strace -f -qq -v -e trace=execve -s 100000 -o /root/execs"
    seen += host("web1", f"{trace} prod-access-backup run; {trace} -A prod-access-backup drill; cat /root/execs; rm /root/execs")
    seen += host("backup1", f"{trace} prod-access-backup-repository maintain; cat /root/execs; rm /root/execs")
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
