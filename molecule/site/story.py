"""The whole story on the fleet, told in short lines: a mistake in production, and what catches it. ``make demo`` runs it.

Everything in it is real: the commands that are shown are those that run, the terminals are those of alice and carol, and what they say is
read from their cells. It ends with an error where the net does not hold.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import yaml
from chats import Chat
from desk import ENVIRONMENT, EVERY, FLEET, ROOT, SSH, host, until
from matrix import clear, enter
from picture import painted, used
from terminal import Terminal

_WIDE = (86, 24)
_ROWS = "runuser -u postgres -- psql -qAtX shop -c 'SELECT count(*) FROM orders'"
_TITLE = "Orders dropped on db1, twice"
_POSTMORTEMS = FLEET / "postmortems"
_PROOFS = FLEET / "prove"


def main() -> None:
    began = time.monotonic()
    chat = Chat("operations", 8098)
    chat.start()
    with tempfile.TemporaryDirectory() as folder:
        options = Path(folder) / "demo.yml"
        options.write_text(yaml.safe_dump({"audit_collector_chats": [{"name": chat.name, "url": f"json://stage1:{chat.port}/team"}]}))

        chapter("The net: prompts, guards, the record, backups; and access for those who are there already")
        play("site", show=recap, unseen=["-e", f"@{options}", "-e", f"@{without('alice', Path(folder))}"])
        chapter("Alice from the payments team is new. Her entry was reviewed; one command gives her access")
        play("onboard", "-e", "person=alice", show=after("Access of alice"))

    chapter("Backups are made, and proven by bringing them back")
    proven()

    chapter("Production is red, staging is not")
    prompts()

    chapter("Alice tells what she is going to do, and does it on the wrong host")
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    rows = host("db1", _ROWS)
    heard_before = len(chat.lines())
    mistake(
        "alice", before="dropping orders on staging, the new schema comes tonight", after="that was db1, not stage1: bringing orders back"
    )
    say(f"{rows} orders are gone. What the team's chat heard of it:")
    for line in heard(chat, "shop", after=heard_before):
        show(line)

    chapter("One command brings the table back, and leaves what is live alone until it is asked to swap it in")
    restore(rows)

    chapter("Carol from operations, the same mistake, under the same rules")
    mistake("carol")
    restore(rows)

    chapter("What led to it? A document for the people in the room")
    shutil.rmtree(_POSTMORTEMS, ignore_errors=True)
    options = ["-e", f"postmortem_title={_TITLE}", "-e", f"postmortem_from={since}", "-e", f"postmortem_folder={_POSTMORTEMS}"]
    play("postmortem", *options, show=messages)

    chapter("And does the net hold?")
    play("prove", "-e", f"prove_folder={_PROOFS}", show=messages)

    chapter("Who has access, and why?")
    play("access_report", "-e", f"access_report_folder={FLEET / 'access-report'}", show=messages)

    say(f"That took {time.monotonic() - began:.0f} s. Look at:")
    for page in sorted((*_POSTMORTEMS.glob("*/*.html"), *_PROOFS.glob("*.html"), FLEET / "access-report/access.html")):
        show(str(page.relative_to(ROOT)))


def proven() -> None:
    # The first one of its databases may still be on its way.
    host("backup2", "systemctl start prod-access-backup-postgresql")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: host(name, "prod-access-backup run && prod-access-backup drill"), EVERY))
    show("db1# prod-access-backup status")
    for line in host("db1", "prod-access-backup status").splitlines():
        show(line)


def prompts() -> None:
    production, staging = (log_in("alice", name, (40, 10)) for name in ("web1", "stage1"))
    with production, staging:
        for terminal in (production, staging):
            clear(terminal)
            enter(terminal, "sudo -i")
            enter(terminal, "hostname")
        lines = max(len(used(terminal.cells)) for terminal in (production, staging))
        for left, right in zip(production.cells[:lines], staging.cells[:lines], strict=True):
            show(f"{painted(left)} │ {painted(right)}")


def mistake(login: str, *, before: str = "", after: str = "") -> None:
    """A person drops a table of production's, answers the guard as one does who does not read it, and tells the others what they know."""
    with log_in(login, "db1", _WIDE) as terminal:
        clear(terminal)
        if before:
            enter(terminal, f"announce '{before}'")
        enter(terminal, "sudo -iu postgres psql shop")
        terminal.send("DROP TABLE orders;\r")
        terminal.settled("anything else to stop:", 10)
        terminal.send("shop\r")
        terminal.settled(lambda: "DROP TABLE" in terminal.rows, 30)
        enter(terminal, "\\q")
        if after:
            enter(terminal, f"announce '{after}'")
        picture(terminal)


def restore(rows: str) -> None:
    began = time.monotonic()
    with queries() as slowest:
        play(
            "restore",
            *("--limit", "db1", "-e", "restore_table=shop.public.orders", "-e", "restore_to=before_drop", "-e", "restore_swap_in=true"),
            show=messages,
        )
    found = host("db1", _ROWS)
    if found != rows:
        sys.exit(f"there are {found} orders, and there were {rows}")
    seconds = time.monotonic() - began
    say(f"{found} orders are back after {seconds:.0f} s; others had their answers within {slowest():.1f} s all the while")


@contextmanager
def queries() -> Iterator[Callable[[], float]]:
    """Somebody who uses the database all the while; in the end, how many seconds it took at most to answer."""
    question = "runuser -u postgres -- psql -qAtX shop -c 'SELECT count(*) FROM customers' | grep -qx 20000 || echo 999999"
    ask = f"cd /; while sleep 0.1; do begin=$(date +%s%N); {question}; echo $((($(date +%s%N) - begin) / 1000000)); done"
    with subprocess.Popen([*SSH, "root@db1", ask], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        taken: list[int] = []
        yield lambda: max(taken) / 1000
        process.terminate()
        taken += map(int, process.communicate()[0].split())


def heard(chat: Chat, text: str, after: int) -> list[str]:
    """What a chat was told after so many lines, once one of them has the text."""
    until(lambda: any(text in line for line in chat.lines()[after:]), 30, f"the chat hears of {text}")
    return chat.lines()[after:]


# --- How it is told ---


def chapter(title: str) -> None:
    print(f"\n\033[1m{title}\033[0m\n", flush=True)


def say(text: str) -> None:
    print(f"\n{text}\n", flush=True)


def show(line: str) -> None:
    print("  " + line.rstrip(), flush=True)


def picture(terminal: Terminal) -> None:
    for row in used(terminal.cells):
        show(painted(row))


def log_in(login: str, name: str, size: tuple[int, int]) -> Terminal:
    # A new user of zsh is asked, once, what dotfiles to have.
    command = "touch ~/.zshrc; exec $SHELL -l"
    return Terminal([*SSH, "-tt", f"{login}@{name}", command], size=size, env={"LC_ALL": "C.UTF-8"})


# --- Playbooks ---


def play(name: str, *options: str, show: Callable[[list[str]], list[str]], unseen: Sequence[str] = ()) -> None:
    """Run a playbook as a person would, and show what matters of what it says. Options of the demo's own are not shown."""
    command = ["ansible-playbook", "-i", ".fleet/inventory", f"playbooks/{name}.yml", *options]
    print(f"  $ {shlex.join(command)}", flush=True)
    done = subprocess.run([*command, *unseen], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}\n{done.stderr}")
    for line in show(done.stdout.splitlines()):
        print(f"  {line}", flush=True)


def without(login: str, folder: Path) -> Path:
    """The demo's people and teams before somebody came."""
    data = {}
    for name in ("people", "teams"):
        data |= yaml.safe_load((FLEET / f"inventory/group_vars/all/{name}.yml").read_text())
    del data["prod_access_people"][login]
    for team in data["prod_access_teams"].values():
        team["members"] = [member for member in team["members"] if member != login]
        if team.get("owner") == login:
            del team["owner"]
    file = folder / "before.yml"
    file.write_text(yaml.safe_dump(data, allow_unicode=True))
    return file


_FRAME = ("PLAY", "TASK", "ok:", "changed:", "skipping:", "included:")


def messages(lines: list[str]) -> list[str]:
    """What our own tasks say, without Ansible's frame around it."""
    return [line for line in lines[: _end(lines)] if line and not line.startswith(_FRAME)]


def after(text: str) -> Callable[[list[str]], list[str]]:
    """The same, from the line with a text on."""
    return lambda lines: messages(lines[next(number for number, line in enumerate(lines) if text in line) :])


def recap(lines: list[str]) -> list[str]:
    return [line for line in lines[_end(lines) + 1 :] if line]


def _end(lines: list[str]) -> int:
    return next(number for number, line in enumerate(lines) if line.startswith("PLAY RECAP"))


if __name__ == "__main__":
    os.environ.pop("COLORTERM", None)
    main()
