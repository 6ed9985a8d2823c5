"""Everything in one run: nothing where the inventory has an error, and nothing more than it says."""

from __future__ import annotations

from desk import Desk, host


def test_site_touches_no_host_while_the_inventory_has_an_error(desk: Desk) -> None:
    desk.person("eve", grant={"sudo": "full"}, shell="bin/bash")
    before = host("web1", "rm -f /etc/prod-access/environment; ls -l /etc/prod-access /etc/sudoers.d")
    try:
        done = desk.play("site", rc=2)
        assert "prod_access_people.eve.shell" in done.stdout + done.stderr
        assert host("web1", "ls -l /etc/prod-access /etc/sudoers.d") == before
    finally:
        desk.forget("eve")
    desk.play("site")
    assert "environment" in host("web1", "ls /etc/prod-access")
    done = desk.play("site", "--check", "--diff")
    assert "changed=0" in done.stdout and "changed=1" not in done.stdout


def test_a_second_run_is_by_what_the_first_one_left_on_the_host(desk: Desk) -> None:
    """Modules of ours that change hosts are brought there again only to replace what is not of this version."""
    done = desk.play("site", "-vvv", limit="web1,backup1")
    assert done.stdout.count("changed=0") == 2 and "/plugins/modules/" not in done.stdout
    host("web1", "echo '# Of another version.' >>/usr/lib/prod-access/prod_access/_tree.py")
    done = desk.play("site", "-vvv", limit="web1,backup1")
    assert "/plugins/modules/tree.py" in done.stdout
    assert "Of another version" not in host("web1", "tail -n 1 /usr/lib/prod-access/prod_access/_tree.py")
