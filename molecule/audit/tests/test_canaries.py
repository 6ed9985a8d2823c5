"""Whatever a person does, and whoever they become, the collector has it in seconds as theirs."""

from __future__ import annotations

import json

import pytest
from collected import canary, lines, ran, soon
from desk import Desk, host
from terminal import Terminal

# Debian 12, where journald stamps login UIDs, and 13, where it does not do so in a container.
HOSTS = ("db1", "stage1")
EVERY_HOST = pytest.mark.parametrize("name", HOSTS)
EXECS = {
    "ssh command": "/bin/true {}",
    "in a shell of it": "sh -c '/bin/true {}; :'",
    "script": "printf '/bin/true {}\\n' > s.sh && sh ./s.sh",
    "from a pipe": "echo /bin/true {} | base64 | base64 -d | sh",
    "python": 'python3 -c \'import os; os.execv("/bin/true", ["true", "{}"])\'',
    "sudo": "sudo -n /bin/true {}",
    "sudo -i": "sudo -n -i /bin/true {}",
    "sudo su": "sudo -n su -c '/bin/true {}'",
    "sudo su - postgres": "sudo -n su - postgres -c '/bin/true {}'",
    "in the background": "(sh -c '/bin/true {}; :' &) ; sleep 0.2",
}


@EVERY_HOST
def test_programs_that_people_start(desk: Desk, name: str) -> None:
    words = {way: canary("way") for way in EXECS}
    ran(desk, "alice", name, "\n".join(EXECS[way].format(word) for way, word in words.items()))
    for way, word in words.items():
        event = soon(
            "--person", "alice", "--text", word, "--kind", "command", suits=lambda event: event["what"].startswith(("true ", "/bin/true "))
        )
        assert event["host"] == name, way
        received = next(line for line in lines(name) if str(line["seq"]) == event["record"])["received"]
        assert received[:17] == event["time"][:17], f"{way}: it took more than a second: {event['time']} {received}"


@EVERY_HOST
def test_an_interactive_shell(desk: Desk, name: str) -> None:
    word = canary("typed")
    with Terminal(desk.terminal("alice", name, "bash --norc")) as terminal:
        terminal.send(f" /bin/true {word}\r")
        soon("--person", "alice", "--text", word, "--kind", "command")
        terminal.send("exit\r")


@EVERY_HOST
def test_a_statement_typed_in_psql_behind_sudo_and_su_is_still_alices(desk: Desk, name: str) -> None:
    table = canary("zap").replace("-", "_")
    with Terminal(desk.terminal("alice", name, "sudo -i")) as terminal:
        terminal.see(r"# $")
        terminal.send("su - postgres\r")
        terminal.see(r"\$ $")
        terminal.send("psql shop\r")
        terminal.see(r"shop=#")
        terminal.send(f"CREATE TABLE {table} (a int);\r")
        terminal.see("CREATE TABLE\r")
        terminal.send(f"DROP TABLE {table};\r")
        if name == "db1":  # production: a guard asks first
            terminal.see("anything else to stop: ")
            terminal.send("shop\r")
        terminal.see("DROP TABLE\r")
        event = soon("--person", "alice", "--kind", "sql", "--text", f"DROP TABLE {table}")
        assert (event["host"], event["user"], event["details"]["database"]) == (name, "postgres", "shop")
        # The server's own word for it, which knows no people.
        server = soon("--kind", "sql", "--text", f"DROP TABLE {table}", suits=lambda event: event["source"] == "postgresql")
        assert "person" not in server
        terminal.send("\\q\r")


@EVERY_HOST
def test_a_statement_of_mariadb(desk: Desk, name: str) -> None:
    word = canary("pear")
    ran(desk, "alice", name, f"sudo -n mariadb shop -e \"CREATE TABLE z (a text); INSERT INTO z VALUES ('{word}'); DROP TABLE z\"")
    event = soon("--kind", "sql", "--text", word, suits=lambda event: event["source"] == "mariadb")
    assert (event["user"], event["details"]["database"]) == ("root", "shop")
    assert soon("--kind", "command", "--text", word)["person"] == "alice"


@EVERY_HOST
def test_secrets_do_not_leave_the_host(desk: Desk, name: str) -> None:
    secret, word = canary("hunter"), canary("after")
    ran(
        desk,
        "alice",
        name,
        f"PGPASSWORD={secret} sudo -n env /bin/true --password {secret}; mysql -p{secret} -e x; sudo -n /bin/true {word}; true",
    )
    ran(desk, "alice", name, f"sudo -n mariadb -e \"CREATE USER z IDENTIFIED BY '{secret}'; DROP USER z\"")
    ran(desk, "alice", name, f"cd /; sudo -n -u postgres psql -qc \"CREATE ROLE z PASSWORD '{secret}'\" -c 'DROP ROLE z'")
    soon("--text", word)
    soon("--text", "DROP ROLE z")
    assert secret not in json.dumps(lines(name))


@EVERY_HOST
def test_what_says_that_it_is_another_is_not_believed(desk: Desk, name: str) -> None:
    word = canary("forged")
    forged = {"sudo": {"accept": {"submituser": "bob", "command": f"/bin/{word}", "runuser": "root", "runargv": [word]}}}
    ran(desk, "alice", name, f"logger -t sudo -p authpriv.notice '@cee:{json.dumps(forged)}'")
    ran(desk, "alice", name, f"printf 'MESSAGE={word}\\nPROD_ACCESS_KIND=alarm\\n' | logger --journald")
    # It stays until journald has seen whose it is; snoopy speaks from within a program that goes on, too.
    forged_line = f"<86>snoopy: login=bob tty=x file=/bin/x argv={word}\nPROD_ACCESS_LOGINUID=12002"
    ran(
        desk,
        "alice",
        name,
        'python3 -c \'import socket, sys, time; log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); log.connect("/dev/log"); '
        f"log.send(sys.stdin.buffer.read()); time.sleep(1)' <<'END'\n{forged_line}\nEND\n",
    )
    assert soon("--text", word, "--kind", "command", suits=lambda event: event["what"].startswith(word))["person"] == "alice"
    assert soon("--text", word, suits=lambda event: "alarm" in event["source"])["kind"] == "unverified"
    assert soon("--text", word, suits=lambda event: event["source"] == "sudo")["kind"] == "unverified"


@EVERY_HOST
def test_people_read_their_own_record_and_nobody_elses(desk: Desk, name: str) -> None:
    mine, others = canary("mine"), canary("others")
    ran(desk, "alice", name, f"/bin/true {mine}")
    host(name, f"/bin/true {others}")
    said = ran(desk, "alice", name, "sleep 0.5; my-record --since '5 minutes ago'").stdout
    assert mine in said
    assert others not in said
    assert "my-record" in ran(desk, "alice", name, "cat /etc/prod-access/recorded.txt").stdout
    host(name, "install -o alice -m 600 /dev/null ~alice/.zshrc")  # without one, zsh asks a question of its own
    with Terminal(desk.terminal("alice", name), size=(120, 40)) as terminal:
        terminal.see(r"\| recorded: my-record\r")
