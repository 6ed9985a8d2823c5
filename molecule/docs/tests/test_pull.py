"""A host that pulls the inventory by its own timer, with the files of examples/pull/, from a repository that it can only read."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk import FLEET, ROOT, Desk, host, until

EXAMPLE = ROOT / "examples/pull"
# Debian 13 has an Ansible that is new enough.
PULLS, HOLDS = "web2", "stage1"
URL = f"root@{HOLDS}:/srv/git/inventory.git"
COLLECTIONS = "/usr/share/ansible/collections"
NOW = "[Timer]\nRandomizedDelaySec=0\n"
PUT = {
    "/etc/systemd/system/prod-access-pull.service": (EXAMPLE / "prod-access-pull.service").read_text(),
    "/etc/systemd/system/prod-access-pull.timer": (EXAMPLE / "prod-access-pull.timer").read_text(),
    "/etc/prod-access-pull.conf": f"URL={URL}\n",
}


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory, archive: Path, desk: Desk) -> Iterator[Callable[[], None]]:
    """What puts the desk's inventory into the repository. Before, the host has all that it takes."""
    work = tmp_path_factory.mktemp("repository")
    host(HOLDS, "git init --quiet --bare --initial-branch=main /srv/git/inventory.git")
    host(PULLS, "DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends ansible-core git >/dev/null")
    key = host(PULLS, "ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/prod-access-pull && cat ~/.ssh/prod-access-pull.pub")
    host(PULLS, f"ssh-keyscan -T 30 -t ed25519 {HOLDS} >~/.ssh/known_hosts 2>/dev/null")
    line = f'restrict,command="git-upload-pack /srv/git/inventory.git" {key}'
    host(HOLDS, "cat >>~/.ssh/authorized_keys", stdin=line + "\n")
    subprocess.run(["scp", "-q", "-F", FLEET / "ssh_config", archive, f"root@{PULLS}:/root/"], check=True)
    host(PULLS, f"ansible-galaxy collection install --offline -p {COLLECTIONS} /root/{archive.name}")
    for path, text in PUT.items():
        host(PULLS, f"cat >{path}", stdin=text)
    host(PULLS, "chmod 0600 /etc/prod-access-pull.conf; systemctl daemon-reload")
    git = ["git", "-C", str(work), "-c", "user.name=ops", "-c", "user.email=ops@example.com"]
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", work], check=True)
    shutil.copy(EXAMPLE / "pull.yml", work)

    def push() -> None:
        desk.write()
        shutil.rmtree(work / "inventory", ignore_errors=True)
        shutil.copytree(desk.inventory, work / "inventory")
        ssh = f"ssh -F '{FLEET}/ssh_config'"
        for command in (["add", "--all"], ["commit", "--quiet", "-m", "access"], ["push", "--quiet", URL, "main"]):
            subprocess.run([*git, "-c", f"core.sshCommand={ssh}", *command], check=True)

    yield push
    desk.forget("pia", hosts=[PULLS])
    host(
        PULLS,
        f"systemctl disable --quiet --now prod-access-pull.timer; rm -r {' '.join(PUT)} /var/lib/prod-access-pull ~/.ssh/prod-access-pull*",
    )
    host(PULLS, f"rm -r ~/.ssh/known_hosts /root/{archive.name} {COLLECTIONS}/ansible_collections/safetynet; systemctl daemon-reload")
    host(HOLDS, "sed -i /git-upload-pack/d ~/.ssh/authorized_keys; rm -r /srv/git/inventory.git")


def test_what_is_merged_is_so_at_the_next_turn_of_the_timer(pushed: Callable[[], None], desk: Desk) -> None:
    desk.person("pia", grant={"sudo": "full"})
    pushed()
    host(PULLS, "systemd-analyze verify /etc/systemd/system/prod-access-pull.*")
    # The host was up for longer than the timer waits at first, and so it begins within its random delay: without that, at once.
    host(
        PULLS,
        "mkdir -p /run/systemd/system/prod-access-pull.timer.d; cat >/run/systemd/system/prod-access-pull.timer.d/now.conf",
        stdin=NOW,
    )
    host(PULLS, "systemctl daemon-reload; systemctl enable --quiet --now prod-access-pull.timer")
    until(lambda: desk.ssh("pia", PULLS, "sudo -n id -u").stdout.strip() == "0", 90, "pia has what was merged")
    assert desk.logs_in("alice", PULLS)
    # Who starts it while it runs is told what comes of this turn.
    until(lambda: host(PULLS, "systemctl show --property=ActiveState --value prod-access-pull.service") == "inactive", 60, "the turn ends")


def test_the_host_can_read_the_repository_and_no_more(pushed: Callable[[], None]) -> None:
    ssh = "ssh -i ~/.ssh/prod-access-pull -o IdentitiesOnly=yes"
    assert "refs/heads/main" in host(PULLS, f"GIT_SSH_COMMAND='{ssh}' git ls-remote {URL}")
    assert "uid=" not in host(PULLS, f"{ssh} root@{HOLDS} id", check=False)
    host(PULLS, f"cd /var/lib/prod-access-pull && ! GIT_SSH_COMMAND='{ssh}' git push --quiet origin HEAD:another 2>&1")
    assert host(HOLDS, "git -C /srv/git/inventory.git branch") == "* main"


def test_a_bad_inventory_changes_nothing_and_is_seen(pushed: Callable[[], None], desk: Desk) -> None:
    desk.people["pia"] |= {"state": "departed", "uid": 5}
    pushed()
    host(PULLS, "! systemctl start prod-access-pull.service")
    assert "prod_access_people.pia.uid: 5 is out of range" in host(PULLS, "journalctl -u prod-access-pull.service -o cat")
    assert desk.logs_in("pia", PULLS)
    host(PULLS, "systemctl reset-failed prod-access-pull.service")
