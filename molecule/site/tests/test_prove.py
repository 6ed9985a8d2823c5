"""The proof that the net holds: green on a fleet that was made by site, and each promise broken for real is seen and named."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import EVERY, Desk, host
from net import RECEIPTS, evidence, old_receipts, prove, states

CARD = "/etc/prod-access/audit/host.pem"
ENVIRONMENT = "/etc/prod-access/environment"
# What a look at the host could leave there: files, processes, and a welcome that a person has not seen.
TRACES = "ls -A /run /tmp | sort; pgrep -u nobody; ls -A ~nobody 2>&1; find /home -name welcomed | sort"
# Changes a letter of the first line of a host today, in its name, which all lines have; in place: whoever appends to the file goes on.
FLIP = """
import glob, sys
path = sorted(glob.glob("/var/log/prod-access/db1/*.jsonl"))[-1]
with open(path, "r+b") as stream:
    line = stream.readline()
    place = line.index(b'"host": "') + 9
    stream.seek(place)
    stream.write(bytes([line[place] ^ 1]))
"""


def test_where_site_has_run_the_net_holds(desk: Desk, folder: Path) -> None:
    before = host("web1", TRACES, check=False)
    done = prove(desk, folder)
    assert states(folder) == {name: {} for name in EVERY}, done.stdout
    for name in EVERY:
        assert " was at log1 after " in evidence(folder, name, "record")
    assert evidence(folder, "web1", "prompt") == "in a terminal, bash shows PRODUCTION on red; zsh shows PRODUCTION on red"
    assert evidence(folder, "stage1", "prompt") == "in a terminal, bash shows STAGING on amber; zsh shows STAGING on amber"
    assert "web1: chain: ok: " in done.stdout
    assert host("web1", TRACES, check=False) == before, "it leaves traces"


def test_by_its_full_name_from_elsewhere_as_a_person(desk: Desk, tmp_path: Path) -> None:
    # Root's key is the fleet's own way in, which is known by its own as long as it is used.
    known = json.dumps({"prove_known_access": ["deploy", "/etc/sudoers.d/deploy *", "* in /root/.ssh/authorized_keys, for root"]})
    done = prove(
        desk, tmp_path / "here", "-e", "ansible_user=carol", "-e", known, limit="web2", playbook="safetynet.prod_access.prove", cwd=tmp_path
    )
    assert ", as carol's" in evidence(tmp_path / "here", "web2", "record"), done.stdout
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["prove.html", "prove.json", "runs"]


def test_check_mode_says_what_it_would_do_and_sings_no_canary(desk: Desk, tmp_path: Path) -> None:
    done = prove(desk, tmp_path / "none", "--check", limit="web1")
    assert "On web1: would run a harmless command" in done.stdout
    assert not (tmp_path / "none").exists()


def test_settings_that_cannot_work_are_all_named_before_a_host_is_asked(desk: Desk, tmp_path: Path) -> None:
    wrong = {"prove_waived": {"backups": "none here"}, "prove_clock_seconds": {"warn": 9, "broken": 5}}
    done = prove(desk, tmp_path, "-e", json.dumps(wrong), limit="web1", rc=2)
    assert "prove_waived: there is no proof 'backups'" in done.stdout + done.stderr
    assert "prove_clock_seconds: warn is 9 and broken 5" in done.stdout + done.stderr
    assert "Run a harmless command" not in done.stdout


# What is broken on which host, and how it is put back.
BROKEN = (
    ("web1", "systemctl stop prod-access-audit-ship", "systemctl start prod-access-audit-ship", ""),
    (
        "web1",
        "useradd --create-home --uid 1950 mallory; cp -r /root/.ssh /home/mallory/; chown -R mallory: /home/mallory",
        "userdel --force --remove mallory 2>/dev/null",
        "",
    ),
    (
        "web2",
        f"cp -p {ENVIRONMENT} /run/environment; sed -i 's/PRODUCTION/STAGING/; s/^sgr_256=.*/sgr_256=38;5;16;48;5;214/' {ENVIRONMENT}",
        f"mv /run/environment {ENVIRONMENT}",
        "",
    ),
    ("web2", "echo 'games ALL=(ALL) NOPASSWD: /usr/bin/true' >/etc/sudoers.d/games", "rm /etc/sudoers.d/games", ""),
    ("db1", "echo 'this is no rule' >/etc/sudoers.d/rubbish", "rm /etc/sudoers.d/rubbish", ""),
    ("log1", "python3 -", "python3 -", FLIP),
    (
        "stage1",
        f"cp -p {CARD} /run/card; openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=stage1 -days 5 -keyout /run/key -out {CARD} 2>&1",
        f"mv /run/card {CARD}; rm /run/key",
        "",
    ),
)


@pytest.fixture
def broken() -> Iterator[None]:
    """Each host has something broken; all of it is put back."""
    with contextlib.ExitStack() as stack:
        for name, command, back, script in BROKEN:
            stack.callback(host, name, back, stdin=script, check=False)
            host(name, command, stdin=script)
        stack.callback(host, "log1", f"rm -r {RECEIPTS}; mv /run/receipts {RECEIPTS}")
        host("log1", f"cp -a {RECEIPTS} /run/receipts")
        old_receipts("log1", hours=55)
        yield


@pytest.mark.usefixtures("broken")
def test_what_is_broken_is_named_where_it_is_and_ends_the_run(desk: Desk, folder: Path) -> None:
    done = prove(desk, folder, rc=2)
    assert states(folder) == {
        "web1": {"record": "broken", "access": "broken"},
        "web2": {"prompt": "broken", "access": "broken"},
        "db1": {"chain": "broken", "sudo": "broken", "access": "broken"},
        "stage1": {"certificates": "broken"},
        "log1": {"backup": "broken"},
    }, done.stdout
    for name, proof, said in (
        ("web1", "record", "was not at log1 within 5 s"),
        ("web1", "access", "nobody declared account: mallory (uid 1950) logs in by ssh"),
        ("web2", "prompt", "bash shows STAGING on amber"),
        ("web2", "access", "nobody declared sudo: /etc/sudoers.d/games is a file of others"),
        ("db1", "sudo", "/etc/sudoers.d/rubbish:1"),
        ("db1", "chain", "line 1: edited: it is not what was sealed"),
        ("stage1", "certificates", f"{CARD}, which ends in 5 days"),
        ("log1", "backup", ", 2 days ago"),
    ):
        assert said in evidence(folder, name, proof), (name, proof, evidence(folder, name, proof))
    assert "the net does not hold on 5 of 5 hosts: web1, web2, db1, stage1, log1" in done.stdout + done.stderr


def test_what_was_mended_is_green_again_and_the_trend_remembers(desk: Desk, folder: Path) -> None:
    prove(desk, folder)
    assert states(folder) == {name: {} for name in EVERY}
    web1 = next(one for one in json.loads((folder / "prove.json").read_text())["hosts"] if one["name"] == "web1")
    assert [state for state, _value in web1["trends"]["record"]] == ["ok", "broken", "ok"]


def test_a_host_that_does_not_answer_is_unknown_and_counts_as_broken(desk: Desk, tmp_path: Path) -> None:
    desk.write()
    (desk.inventory / "host_vars/web2").mkdir(parents=True)
    (desk.inventory / "host_vars/web2/gone.yml").write_text("ansible_port: 9\n")
    done = prove(desk, tmp_path, limit="web1,web2", rc=2, write=False)
    assert states(tmp_path)["web1"] == {}
    assert set(states(tmp_path)["web2"].values()) == {"unknown"}, done.stdout
    assert "unreachable: " in evidence(tmp_path, "web2", "prompt")
