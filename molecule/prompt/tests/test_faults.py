"""Files of ours that are broken, labels that are hostile, hosts that nobody has said anything about: logins go on, nothing runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from desk import EVERY, HOSTS, Desk, each, host
from matrix import at_prompt
from terminal import Terminal

FILES = "/usr/lib/prod-access/prompt"
SHELLS = ("bash", "zsh", "fish", "sh")


def log_in(desk: Desk, name: str, shell: str) -> Terminal:
    """The terminal of a person's login in which something was typed, and ran."""
    with Terminal(desk.terminal("bob", name, f"touch ~/.zshrc; exec {shell} -l")) as terminal:
        terminal.settled(lambda: at_prompt(terminal), 10)
        terminal.send("echo alive-$((40 + 2))\r" if shell != "fish" else "echo alive-(math 40 + 2)\r")
        terminal.wait_for("alive-42", 10)
        return terminal


def log_in_by_all(desk: Desk, name: str, shells: Sequence[str] = SHELLS) -> list[Terminal]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda shell: log_in(desk, name, shell), shells))


def test_a_login_shows_the_label(desk: Desk) -> None:
    assert all("PRODUCTION" in str(terminal) for terminal in log_in_by_all(desk, "web1"))


@pytest.mark.parametrize(
    "fault",
    [
        "sed -i '1i exit 1' FILE",
        "echo 'if ( then \"' >> FILE",
        "chmod 000 FILE",
        "rm -f FILE",
        ": > FILE",
        "head -c 300 /dev/urandom > FILE",
    ],
)
def test_broken_files_never_end_a_login(desk: Desk, fault: str) -> None:
    each(lambda name: log_in_among_broken_files(desk, name, fault), HOSTS)


def log_in_among_broken_files(desk: Desk, name: str, fault: str) -> None:
    host(name, f"cp -a {FILES} /root/prompt && cp -a /etc/prod-access /root/etc-prod-access")
    try:
        host(name, f"for file in {FILES}/*sh {FILES}/welcome; do {fault.replace('FILE', '$file')}; done")
        log_in_by_all(desk, name)
        host(name, f"rm -rf {FILES} && cp -a /root/prompt {FILES}")
        for file in ("variables.sh", "commands.sh", "label.sh", "welcome", "sh.sh"):
            host(name, fault.replace("FILE", f"{FILES}/{file}"))
            log_in_by_all(desk, name, ("bash", "zsh"))
            host(name, f"rm -rf {FILES} && cp -a /root/prompt {FILES}")
        host(name, fault.replace("FILE", "/etc/prod-access/environment"))
        log_in_by_all(desk, name)
    finally:
        host(name, f"rm -rf {FILES} /etc/prod-access && mv /root/prompt {FILES} && mv /root/etc-prod-access /etc/prod-access")


HOSTILE = [
    "$(touch /run/owned)",
    "`touch /run/owned`",
    "a;touch /run/owned",
    "%(!.x.y)%} %n",
    "\\u\\h\\$(touch /run/owned)",
    "'\"; touch /run/owned; \"'",
    "!! !touch",
    "${PATH}",
    "\x1b]0;owned\x07",
    "\x01\x02",
    "%[%033[0m%]",
    "ПРОДАКШН",
    "#[fg=default]#(touch /run/owned)",
]


@pytest.mark.parametrize("labels", [HOSTILE[:5], HOSTILE[5:10], HOSTILE[10:]])
def test_hostile_labels_are_refused_before_any_host_is_touched(desk: Desk, labels: list[str]) -> None:
    """A label for each host, since a run takes its time."""
    given = dict(zip(EVERY, labels, strict=False))
    options = json.dumps({"prompt_label": "{{ given[inventory_hostname] }}", "given": given})
    done = desk.play("molecule/prompt/converge.yml", "-e", options, limit=",".join(given), rc=2)
    said = " ".join((done.stdout + done.stderr).split())
    assert [name for name in given if f"prompt_label of {name} is" not in said] == []
    assert done.stdout.count("changed=0") == len(given)


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_label_that_gets_there_all_the_same_is_inert(desk: Desk, label: str) -> None:
    host("web1", "cp /etc/prod-access/environment /root/environment; rm -f /run/owned")
    try:
        text = host("web1", "cat /root/environment").replace("label=PRODUCTION", f"label={label}")
        host("web1", "cat > /etc/prod-access/environment", stdin=text + "\n")
        assert all("owned" not in terminal.title for terminal in log_in_by_all(desk, "web1"))
        assert host("web1", "ls /run/owned", check=False) == ""
    finally:
        host("web1", "mv /root/environment /etc/prod-access/environment")


def test_a_host_of_no_environment_or_an_unknown_one_is_an_error_that_says_what_to_set(desk: Desk) -> None:
    desk.write()
    (desk.inventory / "host_vars").mkdir(exist_ok=True)
    (desk.inventory / "host_vars/web2.yml").write_text("prod_access_environment: prod\n")
    before = host("web1", "cat /etc/prod-access/environment; stat -c %Y /etc/prod-access/environment")
    done = desk.play("molecule/prompt/converge.yml", "-e", "prompt_host_role=web", write=False, rc=2)
    said = " ".join((done.stdout + done.stderr).split())
    assert "prod_access_environment of web2 is prod, which prompt_environments does not know; set it to one of production, staging" in said
    assert host("web1", "cat /etc/prod-access/environment; stat -c %Y /etc/prod-access/environment") == before, "no host was touched"
    for file in ("production.yml", "staging.yml"):
        path = desk.inventory / "group_vars" / file
        path.write_text(path.read_text().replace("prod_access_environment:", "other_variable:"))
    (desk.inventory / "host_vars/web2.yml").unlink()
    done = desk.play("molecule/prompt/converge.yml", write=False, rc=2)
    assert "prod_access_environment is not set for web1; set it in group_vars or host_vars to one of" in " ".join(done.stdout.split())
