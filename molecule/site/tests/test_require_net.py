"""New access waits for the net; what people have stays, and what is taken away goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk, host
from net import prove

HOSTS = "web1,stage1"
PEOPLE = ("fresh", "there", "gone")


@pytest.fixture
def strangers(desk: Desk) -> Iterator[None]:
    desk.forget(*PEOPLE, hosts=HOSTS.split(","))
    yield
    desk.forget(*PEOPLE, hosts=HOSTS.split(","))


def access(desk: Desk, folder: Path, *arguments: str, rc: int = 0, playbook: str = "access", limit: str = HOSTS) -> str:
    done = desk.play(playbook, "-e", "accounts_require_net=true", "-e", f"prove_folder={folder}", *arguments, limit=limit, rc=rc)
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.usefixtures("strangers")
def test_new_access_waits_for_the_net_and_nothing_else_does(desk: Desk, tmp_path: Path) -> None:
    desk.person("there", grant={})
    desk.person("gone", grant={})
    desk.play("access", limit=HOSTS)
    assert desk.logs_in("there", "web1")
    assert desk.logs_in("gone", "web1")

    # A proof that says no is none, and what it says is in the error.
    host("web1", "systemctl stop prod-access-audit-ship")
    try:
        prove(desk, tmp_path / "prove", limit="web1", rc=2)
    finally:
        host("web1", "systemctl start prod-access-audit-ship")
    # Somebody new, more power for one who is there, and the end of another one.
    desk.person("fresh", grant={"sudo": "full"})
    desk.person("there", grant={"sudo": "full"})
    desk.person("gone", state="departed")
    said = access(desk, tmp_path / "prove", rc=2)
    why = ", since the net under this host is not proven: as of "
    assert f"fresh is not given access{why}" in said
    assert f"there is not given more of sudo, by prod_access_grants_tests[1] (group all){why}" in said
    assert "recorded: a canary of this run was not at log1 within 5 s" in said
    assert not desk.logs_in("gone", "web1"), "what is taken away goes"
    assert desk.logs_in("there", "web1"), "what was there stays"
    assert desk.ssh("there", "web1", "sudo -n true").returncode == 1
    assert host("web1", "id fresh", check=False) == ""
    # It is no production.
    assert desk.logs_in("fresh", "stage1")
    assert desk.ssh("there", "stage1", "sudo -n true").returncode == 0

    # What is proven opens the way, for one person at a time too.
    prove(desk, tmp_path / "prove", limit="web1", rc=None)
    access(desk, tmp_path / "prove", "-e", "person=fresh", playbook="onboard", limit="web1")
    assert desk.logs_in("fresh", "web1")
    assert desk.ssh("there", "web1", "sudo -n true").returncode == 1, "not asked for"
