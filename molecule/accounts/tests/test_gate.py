"""The gate: an inventory with an error reaches no host, in whatever way the run is started."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import playing
import pytest
from desk import ENVIRONMENT, HOSTS, ROOT, Desk, host

Clean = Callable[..., None]


@pytest.fixture
def broken(desk: Desk) -> Any:
    """An inventory with three errors, one of them in a group that the runs here do not even touch."""
    desk.people["Bad.Name."] = {"name": "Bad", "ssh_keys": []}
    desk.write()
    (desk.inventory / "group_vars/staging.yml").write_text("prod_access_grants_oops: [{team: nobody-knows}]\n")
    yield desk
    desk.people.pop("Bad.Name.")


def contacts(name: str) -> int:
    """How often somebody has logged in to a host by ssh."""
    return int(host(name, "journalctl --sync; journalctl -q --no-pager -t sshd -t sshd-session | grep -c 'Accepted publickey' || true"))


PLAYS = {
    "limit": {"limit": "web1"},
    "no limit": {"limit": None},
    "tags": {"arguments": ["--tags", "all"]},
    "free": {"arguments": ["-e", "ansible_strategy=free"], "env": {"ANSIBLE_STRATEGY": "free"}},
}


def own_connections(folder: Path) -> list[str]:
    """A run that finds a connection of an earlier one open would not be seen to log in."""
    return ["-e", f"ansible_control_path_dir={folder}"]


@pytest.mark.parametrize("way", PLAYS)
def test_an_error_anywhere_stops_every_way_of_starting(broken: Desk, way: str, tmp_path: Path) -> None:
    # The connection that counts connections is open already, so that it does not count itself.
    before = {name: contacts(name) for name in HOSTS}
    options = dict(PLAYS[way])
    arguments = options.pop("arguments", [])
    done = broken.access(*own_connections(tmp_path), *arguments, write=False, rc=None, **options)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "prod_access_people.Bad.Name.:" in said
    assert "prod_access_grants_oops[0]" in said
    assert "no host was touched" in said
    assert {name: contacts(name) for name in HOSTS} == before


def test_started_at_a_task_it_is_ansible_alone_that_logs_in_to_gather_facts(broken: Desk, tmp_path: Path) -> None:
    """It does so whatever the play says of that (ansible-core's PlayIterator); nothing of ours runs, and nothing is changed."""
    state = "sha256sum /etc/{passwd,group,shadow,gshadow,sudoers.d/*,ssh/authorized_keys.d/*} /var/lib/prod-access/*.json"
    before = {name: (contacts(name), host(name, state)) for name in HOSTS}
    start = ["--start-at-task", "Make the host agree with the inventory"]
    done = broken.access(*own_connections(tmp_path), *start, write=False, rc=None)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "prod_access_people.Bad.Name.:" in said
    assert "prod_access_grants_oops[0]" in said
    assert "no host was touched" in said
    # This login is also what shows that the count of the tests around would see one.
    assert "TASK [Gathering Facts]" in said
    assert {name: (contacts(name) - 1, host(name, state)) for name in HOSTS} == before


def test_by_its_full_name_from_an_empty_folder(broken: Desk, tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").touch()
    env = {"ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections")}
    before = {name: contacts(name) for name in HOSTS}
    done = broken.play("safetynet.prod_access.access", *own_connections(tmp_path), write=False, rc=None, env=env, cwd=tmp_path)
    assert done.returncode != 0 and "no host was touched" in done.stdout + done.stderr
    assert {name: contacts(name) for name in HOSTS} == before


@pytest.mark.parametrize("order", ["serial: 1", "serial: 50%", "strategy: host_pinned"])
def test_in_a_play_of_ones_own(broken: Desk, tmp_path: Path, order: str) -> None:
    play = tmp_path / "own.yml"
    play.write_text(f"- hosts: all\n  gather_facts: false\n  {order}\n  tasks:\n    - safetynet.prod_access.accounts:\n")
    before = {name: contacts(name) for name in HOSTS}
    done = broken.play(str(play), *own_connections(tmp_path), write=False, rc=None)
    assert done.returncode != 0 and "no host was touched" in done.stdout + done.stderr
    assert {name: contacts(name) for name in HOSTS} == before


def test_a_host_cannot_speak_for_the_inventory(desk: Desk, clean: Clean, tmp_path: Path) -> None:
    """Hostile facts: a host returns people and grants of its own making, and marks itself as another."""
    clean("eve", "real")
    desk.person("real", grant={})
    desk.write()
    facts = {
        "prod_access_people": {"eve": {"name": "Eve", "ssh_keys": [desk.key("eve")]}},
        "prod_access_teams": {},
        "prod_access_grants_tests": [{"person": "eve", "why": "I say so"}],
        "prod_access_grants_more": [{"person": "eve", "why": "I say so"}],
        "inventory_hostname": "web2",
    }
    host("web1", "mkdir -p /etc/ansible/facts.d && cat > /etc/ansible/facts.d/x.fact", stdin=json.dumps(facts))
    play = tmp_path / "own.yml"
    play.write_text(
        "- hosts: all\n  gather_facts: true\n  tasks:\n"
        "    - ansible.builtin.set_fact:\n        cacheable: true\n"
        + "".join(f"        {name}: {json.dumps(value)}\n" for name, value in facts.items() if name != "inventory_hostname")
        + "    - safetynet.prod_access.accounts:\n"
    )
    try:
        desk.play(str(play), write=False)
        for name in HOSTS:
            assert host(name, "getent passwd eve", check=False) == ""
            assert desk.logs_in("real", name)
    finally:
        host("web1", "rm -r /etc/ansible/facts.d")


def test_access_cannot_be_handed_to_the_module_past_the_gate(desk: Desk, tmp_path: Path) -> None:
    desk.write()
    play = tmp_path / "own.yml"
    play.write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - safetynet.prod_access.accounts:\n        access: {people: {}, teams: {}, reserved: {}}\n"
    )
    done = desk.play(str(play), write=False, rc=None)
    assert done.returncode != 0 and "access cannot be set" in done.stdout + done.stderr


def test_validate_says_everything_in_one_run_and_contacts_nobody(broken: Desk, tmp_path: Path) -> None:
    before = {name: contacts(name) for name in HOSTS}
    done = broken.play("validate", *own_connections(tmp_path), write=False, rc=2, limit=None)
    said = done.stdout + done.stderr
    assert "ERROR: prod_access_people.Bad.Name.:" in said
    assert "ERROR: prod_access_grants_oops[0].team: there is no team nobody-knows" in said
    assert "ERROR: prod_access_grants_oops[0]: `why` is missing" in said
    assert "group_vars/staging.yml:1" in said
    assert {name: contacts(name) for name in HOSTS} == before
    limited = broken.play("validate", write=False, rc=2, limit="web1")
    assert "prod_access_grants_oops[0]" in limited.stdout + limited.stderr


UNREADABLE = {
    "group_vars/all/late.yml": "prod_access_grants_late:\n  - {person: alice, why: A day, until: 2027-02-30}\n",
    "group_vars/staging.yml": "prod_access_environment: staging\n\tother: 1\n",
    "host_vars/log1.yml": "- other: 1\n",
}


@pytest.mark.parametrize("way", ["validate", "access", "site", "safetynet.prod_access.onboard", "own"])
def test_what_ansible_cannot_read_is_told_with_its_place(desk: Desk, tmp_path: Path, way: str) -> None:
    """All of it at once, in groups that the run would not touch, too. Ansible's own error names neither file nor line."""
    desk.write()
    for name, text in UNREADABLE.items():
        (desk.inventory / name).parent.mkdir(exist_ok=True)
        (desk.inventory / name).write_text(text)
    play = tmp_path / "own.yml"
    hosts = "\"{{ lookup('safetynet.prod_access.readable', 'all') }}\""
    play.write_text(f"- hosts: {hosts}\n  gather_facts: false\n  tasks:\n    - safetynet.prod_access.accounts:\n")
    before = {name: contacts(name) for name in HOSTS}
    options = [*own_connections(tmp_path), "-e", "person=alice"]
    done = desk.play(str(play) if way == "own" else way, *options, write=False, rc=4, limit="web1", cwd=tmp_path if "." in way else ROOT)
    said = (done.stdout + done.stderr).replace(f"{desk.inventory}/", "")
    assert "ERROR: prod_access_grants_late[0].until: YAML reads 2027-02-30 as a date or time, and there is no such: day is out" in said
    assert "(group_vars/all/late.yml:2)" in said
    assert "ERROR: group_vars/staging.yml:2: is not YAML that Ansible can read:" in said
    assert "ERROR: host_vars/log1.yml: is no dictionary;" in said
    assert "the inventory has 3 errors, shown above; no host was touched" in " ".join(said.split())
    assert {name: contacts(name) for name in HOSTS} == before


@pytest.mark.parametrize("inventory", ["gone", "[web\nweb1\n", "# No hosts yet.\n"])
def test_to_offboard_somebody_nowhere_does_not_end_well(desk: Desk, tmp_path: Path, inventory: str) -> None:
    file = tmp_path / "hosts"
    if inventory != "gone":
        file.write_text(inventory)
    command = ["ansible-playbook", "-i", str(file), "safetynet.prod_access.offboard", "-e", "person=alice"]
    done = playing.play(command, tmp_path, ENVIRONMENT)
    assert done.returncode != 0 and "ERROR: hosts: " in done.stderr and "no host was touched" in done.stderr


def test_an_inventory_that_is_read_in_part_takes_nothing_away(desk: Desk, clean: Clean, tmp_path: Path) -> None:
    """Ansible warns of a source that it cannot read, and goes on without its groups."""
    clean("pat")
    desk.person("pat")
    desk.write()
    more = tmp_path / "more"
    more.write_text("[visited]\nweb1\n")
    (desk.inventory / "group_vars/visited.yml").write_text("prod_access_grants_visits: [{person: pat, why: A visit}]\n")
    both = ("-i", str(more), *own_connections(tmp_path))
    desk.access(*both, write=False, limit="web1")
    assert desk.logs_in("pat", "web1")
    for damage in (lambda: more.write_text("[visited\nweb1\n"), more.unlink):
        damage()
        done = desk.access(*both, write=False, rc=None, limit="web1")
        said = done.stdout + done.stderr
        assert done.returncode != 0 and "no host was touched" in said and f"ERROR: {more}" in said
        assert desk.logs_in("pat", "web1")
    # What would have become of it.
    desk.access(write=False, limit="web1")
    assert not desk.logs_in("pat", "web1")


def test_no_people_is_an_error_and_not_an_answer(desk: Desk, clean: Clean) -> None:
    desk.write()
    (desk.inventory / "group_vars/all/people.yml").unlink()
    done = desk.access(write=False, rc=2)
    assert "prod_access_people: is not set" in done.stdout + done.stderr
    assert desk.logs_in("alice", "web1")


def test_onboard_and_offboard_touch_one_person(desk: Desk, clean: Clean) -> None:
    clean("una", "udo")
    desk.person("una", grant={})
    desk.person("udo", grant={})
    done = desk.play("onboard", "-e", "person=una")
    assert all(desk.logs_in("una", name) and not desk.logs_in("udo", name) for name in HOSTS)
    assert done.stdout.count("has access") == len(HOSTS)
    done = desk.play("offboard", "-e", "person=una", rc=2)
    assert "the inventory still gives una access to web1, web2" in " ".join((done.stdout + done.stderr).split())
    desk.person("una", state="departed")
    desk.person("udo", state="departed")
    desk.play("offboard", "-e", "person=una")
    assert not any(desk.logs_in("una", name) for name in HOSTS)
    for playbook in ("onboard", "offboard"):
        done = desk.play(playbook, "-e", "person=uma", rc=2)
        assert "uma is not in prod_access_people" in done.stdout + done.stderr
        done = desk.play(playbook, rc=2)
        assert "no person is named" in done.stdout + done.stderr


def test_nothing_secret_is_said(desk: Desk, clean: Clean) -> None:
    """A private key pasted by mistake is refused, and not repeated in what is printed, however loud."""
    clean("pia")
    desk.person("pia", grant={})
    private = Path(desk.keys["pia"]).read_text()
    desk.people["pia"]["ssh_keys"] = [" ".join(private.split())]
    done = desk.access("-vvvv", "--diff", rc=2)
    said = done.stdout + done.stderr
    assert "this is a private key" in said
    assert private.splitlines()[2] not in said
