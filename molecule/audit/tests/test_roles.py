"""What the roles say, refuse and bring; and the way onwards from the collector."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from collected import COLLECTOR, FOLDER, RECEIVE, SHIP, canary, lines, ran, soon, verify
from desk import Desk, Done, host, kill_at_every_write, until

HOSTS = ("web1", "web2", "db1", "stage1")


def said(done: Done) -> str:
    return " ".join((done.stdout + done.stderr).split())


def test_wrong_settings_are_all_said_before_any_host_is_touched(desk: Desk) -> None:
    wrong = {
        "audit_redact": ["("],
        "audit_exclude": [{}],
        "audit_patience": 1,
        "audit_journal_size": "much",
    }
    before = host("web1", "journalctl -u ssh -o cat | grep -c Accepted")
    done = desk.play("playbooks/audit.yml", "-e", json.dumps(wrong), limit=None, rc=2)
    for part in ("audit_redact[0]", "audit_exclude[0]", "audit_patience: 1; it has to be", "audit_journal_size: 'much' is no size"):
        assert part in said(done), part
    assert host("web1", "journalctl -u ssh -o cat | grep -c Accepted") == before


@pytest.mark.parametrize("name", HOSTS)
def test_each_layer_is_reported_as_it_is(name: str) -> None:
    layers = json.loads(host(name, "cat /etc/prod-access/audit.json"))
    assert all(layers[layer]["on"] for layer in ("collector", "journal", "snoopy", "sudo"))
    assert layers["kernel"] == {"on": False, "why": "the kernel shows its audit to no container"}
    assert ("no login UID in a container" in layers["journal"].get("why", "")) == (name in ("web2", "stage1"))
    assert any(layer.startswith("postgresql") and found["on"] for layer, found in layers.items()) == (name in ("db1", "stage1"))


PLUGIN = "/usr/lib/mysql/plugin/server_audit.so"


@pytest.fixture
def databases() -> Iterator[str]:
    """The folder of settings of a PostgreSQL that has none of ours; and beside it a MariaDB without its plugin."""
    folder = host("db1", "ls -d /etc/postgresql/*/main/conf.d")
    reload = "systemctl reload postgresql"
    main = f"{folder}/../postgresql.conf"
    host("db1", f"rm -f {folder}/prod-access-audit.conf; cp {main} /run/main.conf; {reload}")
    host("db1", f"mariadb -e \"UNINSTALL SONAME 'server_audit'\"; mv {PLUGIN} {PLUGIN}.away")
    yield folder
    host(
        "db1",
        f"rm -f {folder}/other.conf {folder}/zz.conf; cat /run/main.conf >{main}; {reload}; mv {PLUGIN}.away {PLUGIN} 2>/dev/null; true",
    )


# What the module does with databases, by itself.
_TAKE = """
import json, sys
sys.path.insert(0, "/usr/lib/prod-access")
from prod_access import _audit_databases
from prod_access._command import HostError
found = {}
for database in _audit_databases.plan(True):
    try:
        for step in database.steps:
            step()
        found[database.name.partition(" ")[0]] = [database.on, database.why]
    except HostError as error:
        found[database.name.partition(" ")[0]] = ["refused", str(error)]
print(json.dumps(found))
"""


def test_databases_that_do_not_take_settings_are_left_as_they_were(desk: Desk, databases: str) -> None:
    ours, main, other, last = (f"{databases}/{name}" for name in ("prod-access-audit.conf", "../postgresql.conf", "other.conf", "zz.conf"))

    def taken(database: str = "postgresql") -> list[object]:
        found: list[object] = json.loads(host("db1", "python3 -", stdin=_TAKE))[database]
        return found

    host("db1", f"echo 'log_min_messages nonsense here' >{other}")
    on, why = taken()
    assert not on
    assert f"it cannot be asked: Error: invalid line 1 in {other}" in str(why)
    host("db1", f"rm {other}; echo 'log_statement = none' >{last}")
    instead = f"log_statement = none in {last}:1 counts instead of ours: remove it there, or by ALTER SYSTEM RESET"
    assert taken() == [False, instead]
    # Where that is not to be seen before, the server says so, and what was there is there again.
    host("db1", f"rm {last}; test ! -e {ours} && echo 'log_statement = none' >>{main}")
    refused = f"PostgreSQL refuses {ours}:3 log_statement: another line counts instead; its configuration is as it was"
    assert str(taken()[1]).startswith(refused)
    host("db1", f"test ! -e {ours} && cat /run/main.conf >{main}")
    assert taken("mariadb") == [False, "this server has no plugin server_audit"]
    host("db1", f"rm {ours}; mv {PLUGIN}.away {PLUGIN}")
    done = desk.play("audit", limit="db1")
    assert re.search("db1 .* changed=1", done.stdout), done.stdout
    assert host("db1", "cd /; sudo -u postgres psql -XAtqc 'SHOW log_statement'") == "ddl"
    assert host("db1", 'mariadb -BNe "SELECT @@server_audit_logging"') == "1"


@pytest.mark.parametrize("name", HOSTS)
def test_keys_are_where_they_belong(name: str) -> None:
    listed = host(name, "cd /etc/prod-access/audit; stat -c '%n %U:%G %a' host.pem; ls")
    assert listed.startswith(f"host.pem root:{SHIP} 640")
    assert "ca.key" not in listed
    assert "request.key" not in listed
    assert host(COLLECTOR, "stat -c '%U:%G %a' /etc/prod-access/audit/ca.key") == "root:root 600"
    subject = host(name, "openssl x509 -noout -subject -ext extendedKeyUsage -in /etc/prod-access/audit/host.pem")
    assert f"CN = {name}" in subject.replace("CN=", "CN = ")
    assert "TLS Web Client Authentication" in subject


def test_a_certificate_that_ends_soon_is_told_and_renewed(desk: Desk) -> None:
    folder = "/etc/prod-access/audit"
    new = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /run/short.key -subj /CN=web1 2>/dev/null"
    sign = f"openssl x509 -req -days 10 -CA {folder}/ca.crt -CAkey {folder}/ca.key 2>/dev/null"
    short = host(COLLECTOR, sign, stdin=host("web1", new) + "\n")
    host("web1", f"(cat /run/short.key; cat) >{folder}/host.pem; rm /run/short.key; systemctl restart {SHIP}", stdin=short + "\n")
    end = host("web1", f"openssl x509 -noout -enddate -dateopt iso_8601 -in {folder}/host.pem").partition("=")[2].replace(" ", "T")
    soon("--kind", "alarm", "--host", "web1", "--text", f"the certificate of this host ends at {end}", seconds=10)
    done = desk.play("playbooks/audit.yml", "--diff", limit="web1")
    assert "a certificate for web1" in done.stdout
    host("web1", f"openssl x509 -noout -checkend $((300 * 86400)) -in {folder}/host.pem")
    word = canary("renewed")
    ran(desk, "alice", "web1", f"/bin/true {word}")
    soon("--person", "alice", "--text", word)


def test_a_request_for_another_name_is_not_signed(desk: Desk) -> None:
    request = host(
        "web1", "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=db1 2>/dev/null"
    )
    arguments = json.dumps({"state": "signed", "name": "web1", "request": request})
    ansible = desk.inventory.parent / "sign.yml"
    ansible.write_text(
        f"- hosts: audit_collectors\n  gather_facts: false\n  tasks:\n    - safetynet.prod_access.audit_certificate: {arguments}\n"
    )
    done = desk.play(str(ansible), limit=None, rc=2)
    assert "the request of web1 is for 'db1'" in said(done)


def test_no_secret_is_shown_at_any_verbosity(desk: Desk) -> None:
    done = desk.play("playbooks/audit.yml", "-e", "audit_renew=true", "-vvvv", "--diff", limit="web2")
    assert "PRIVATE KEY" not in said(done)


def test_a_broken_file_of_others_stands_in_nobodys_way(desk: Desk) -> None:
    """sudo passes over it; ours is checked all the same, and what is wrong with it is not what is wrong with ours."""
    file = "/etc/sudoers.d/prod-access-audit"
    before = host("web2", f"cat {file}")
    host("web2", f"rm {file}; echo 'Defaults nonsense (' >/etc/sudoers.d/zz; chmod 440 /etc/sudoers.d/zz")
    try:
        assert "syntax error" in host("web2", "visudo -c 2>&1", check=False)
        desk.play("playbooks/audit.yml", limit="web2")
        assert host("web2", f"cat {file}") == before
        assert ran(desk, "alice", "web2", "sudo -n id -u").stdout == "0\n"
    finally:
        host("web2", "rm /etc/sudoers.d/zz")


def test_files_of_earlier_days_are_compressed_and_removed_in_time() -> None:
    """A host's lines go on from the last one, also when that was compressed."""
    folder = f"{FOLDER}/tidied"
    host(COLLECTOR, f"mkdir {folder}")
    for number, day in enumerate(("2026-01-01", "2026-11-20", "2026-11-21"), start=1):
        line = {
            "seq": number,
            "received": f"{day}T00:00:00.000000Z",
            "host": "tidied",
            "ship": {"cursor": "", "kind": "heartbeat", "message": "x"},
        }
        host(COLLECTOR, f"cat >{folder}/{day}.jsonl", stdin=json.dumps(line) + "\n")
    host(COLLECTOR, f"chown -R prod-access-audit: {folder}")
    try:
        host(COLLECTOR, "systemctl start prod-access-audit-tidy.service")
        assert host(COLLECTOR, f"ls {folder}").split() == [
            "2026-11-20.jsonl.gz",
            "2026-11-20.seals",
            "2026-11-21.jsonl",
            "2026-11-21.seals",
        ]
        assert verify(FOLDER, "tidied")["tidied"]["faults"] == []
        assert [line["seq"] for line in lines("tidied")] == [2, 3]
    finally:
        host(COLLECTOR, f"rm -rf {folder}")


@pytest.fixture
def other() -> Iterator[str]:
    """A file for what comes to another rsyslog, which begins when the role has installed one."""
    file = "/run/forwarded"
    yield file
    host(COLLECTOR, f"systemctl stop other-rsyslog; systemctl disable -q --now rsyslog; rm -f {file} /etc/rsyslog.d/prod-access-audit.conf")


def hosts_of(word: str, forwarded: str) -> set[str]:
    """The hosts of which a record with a word was sent on."""
    return {json.loads(line[line.index("{") :])["host"] for line in forwarded.splitlines() if word in line}


def test_records_go_on_to_what_an_organisation_has(desk: Desk, other: str) -> None:
    action = {
        "type": "omfwd",
        "target": "localhost",
        "port": 5514,
        "protocol": "tcp",
        "queue.type": "LinkedList",
        "queue.filename": "audit",
    }
    refused = desk.play(
        "playbooks/audit.yml", "-e", json.dumps({"audit_collector_forward": [{**action, "no_such": "x"}]}), limit=COLLECTOR, rc=2
    )
    assert "rsyslog refuses audit_collector_forward" in said(refused)
    output = f'action(type="omfile" file="{other}" template="RSYSLOG_SyslogProtocol23Format")'
    config = f'module(load="imtcp")\ninput(type="imtcp" port="5514" ruleset="x")\nruleset(name="x") {{ {output} }}\n'
    start = "systemd-run -q --unit=other-rsyslog rsyslogd -n -i /run/other.pid -f /run/other.conf"
    host(COLLECTOR, f"cat >/run/other.conf; {start}", stdin=config)
    desk.play("playbooks/audit.yml", "-e", json.dumps({"audit_collector_forward": [action]}), limit=COLLECTOR)
    word = canary("onwards")
    ran(desk, "alice", "web1", f"/bin/true {word}")
    soon("--person", "alice", "--text", word)
    # What looks for the word is on record too, as the collector's own.
    until(lambda: "web1" in hosts_of(word, host(COLLECTOR, f"cat {other}", check=False)), 15, "the record at the other rsyslog")
    assert host(COLLECTOR, f"systemctl is-active {RECEIVE}") == "active"


def test_a_kill_at_a_write_locks_nobody_out_and_is_healed_by_the_next_run(desk: Desk) -> None:
    said = kill_at_every_write("web1", Path(__file__).with_name("kill_at_every_write.py"))
    assert said["kills"] > 4, said
    assert said["faults"] == []
