"""A role's files on a host: what is written is said beforehand, others' files keep what is theirs, and a kill at any point does no harm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk, host, kill_at_every_write

CONVERGE = "molecule/prompt/converge.yml"
LINES = ("/etc/bash.bashrc", "/etc/zsh/zshrc", "/etc/profile", "/etc/inputrc", "/etc/screenrc", "/etc/tmux.conf")


@pytest.fixture
def bare(desk: Desk) -> Iterator[str]:
    """A host that the role has never seen; afterwards it has the role."""
    lines = " ".join(LINES)
    host("web1", f"cp -a {lines} /run/; sed -i '/^# The next line is safetynet/,+1d' {lines}; rm /etc/tmux.conf")
    host(
        "web1",
        "rm -rf /usr/lib/prod-access/prompt /etc/prod-access/{environment,protected,sudo.env,welcome} /etc/fish/conf.d/prod-access.fish",
    )
    yield "web1"
    host("web1", f"for file in {lines}; do cp -a --remove-destination /run/${{file##*/}} $file; done")
    desk.play(CONVERGE, limit="web1")


def diff(said: str) -> list[str]:
    return re.findall(r"^(?:[-+ ]|@@).*$", said.partition("TASK")[2], re.M)


def test_check_mode_says_what_is_written_and_a_second_run_writes_nothing(desk: Desk, bare: str) -> None:
    before = host(bare, f"sha256sum {' '.join(LINES[:-1])}; ls -A /etc/prod-access /usr/lib/prod-access/prompt 2>&1", check=False)
    expected = desk.play(CONVERGE, "--check", "--diff", limit=bare)
    assert host(bare, f"sha256sum {' '.join(LINES[:-1])}; ls -A /etc/prod-access /usr/lib/prod-access/prompt 2>&1", check=False) == before
    done = desk.play(CONVERGE, "--diff", limit=bare)
    assert diff(done.stdout) == diff(expected.stdout)
    assert "+++ after: /etc/prod-access/environment (0644)" in diff(done.stdout)
    assert "changed=0" in desk.play(CONVERGE, "--check", "--diff", limit=bare).stdout
    assert "changed=0" in desk.play(CONVERGE, "--diff", limit=bare).stdout


def test_files_of_others_keep_what_is_theirs(desk: Desk, bare: str) -> None:
    # A link, a mode, bytes that are no UTF-8, no end of the last line: nothing of that is for us to tidy.
    host(bare, "mkdir /root/dots && mv /etc/bash.bashrc /root/dots/bashrc && ln -s /root/dots/bashrc /etc/bash.bashrc")
    host(bare, r"printf '# caf\351\r\ntrue' >> /root/dots/bashrc; chmod 640 /root/dots/bashrc; cp -a /root/dots/bashrc /root/dots/before")
    try:
        desk.play(CONVERGE, limit=bare)
        assert host(bare, "readlink /etc/bash.bashrc; stat -c %a /root/dots/bashrc").split() == ["/root/dots/bashrc", "640"]
        host(bare, "head -c $(stat -c %s /root/dots/before) /root/dots/bashrc | cmp - /root/dots/before")
        added = host(bare, "tail -c +$(($(stat -c %s /root/dots/before) + 1)) /root/dots/bashrc").splitlines()
        assert added[0].startswith("# The next line is safetynet.prod_access's.")
        assert len(added) == 2
    finally:
        host(bare, "rm -f /etc/bash.bashrc; mv /root/dots/before /etc/bash.bashrc; rm -r /root/dots; chmod 644 /etc/bash.bashrc")


def test_what_an_earlier_version_left_goes_and_others_files_stay(desk: Desk) -> None:
    host("web1", "touch /usr/lib/prod-access/prompt/older.sh /etc/fish/conf.d/theirs.fish /etc/prod-access/theirs")
    host("web1", "sed -i '/^# The next line is safetynet/{n;s/.*/an older line/}' /etc/screenrc")
    try:
        done = desk.play(CONVERGE, "--diff", limit="web1")
        assert "-an older line" in done.stdout
        host("web1", "! grep older /etc/screenrc && test ! -e /usr/lib/prod-access/prompt/older.sh")
        assert host("web1", "grep -c 'The next line is safetynet' /etc/screenrc") == "1"
        host("web1", "ls /etc/fish/conf.d/theirs.fish /etc/prod-access/theirs")
    finally:
        host("web1", "rm -f /etc/fish/conf.d/theirs.fish /etc/prod-access/theirs")


def test_wrong_modes_and_owners_of_ours_are_mended(desk: Desk) -> None:
    host("web1", "chmod 666 /etc/prod-access/environment; chown bob /usr/lib/prod-access/prompt/bash.sh")
    desk.play(CONVERGE, limit="web1")
    said = host("web1", "stat -c '%U %a' /etc/prod-access/environment /usr/lib/prod-access/prompt/bash.sh")
    assert said.splitlines() == ["root 644", "root 644"]


def test_a_kill_at_any_write_is_healed_by_the_next_run() -> None:
    said = kill_at_every_write("web1", Path(__file__).with_name("kill_at_every_write.py"))
    assert said["kills"] > 15, said
    assert said["faults"] == []
