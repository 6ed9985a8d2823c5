"""What a person sees who types SQL on a production host, and that nobody else notices a guard."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import pytest
from desk import SSH, Desk, host, until
from journal import Journal
from matrix import at_prompt, enter
from terminal import Terminal

HOSTS = ("db1", "stage1")  # Debian 12 and 13
GUARD = "/usr/lib/prod-access/bin/prod-access-sql"
DEPLOY_UID = "1900"
QUESTION = r"Type the name of the database to go on, anything else to stop: "
WHY = r"Why\? \(goes to the journal, empty is fine\): "
REFUSED = "not confirmed; the server has not seen this statement"


@pytest.fixture(scope="module", autouse=True)
def guarded(desk: Desk) -> Iterator[None]:
    """Both hosts are of production meanwhile, and ask why."""
    everywhere = ",".join(HOSTS)
    desk.play("molecule/prompt/converge.yml", "-e", "prod_access_environment=production prompt_ask_why=true", limit=everywhere)
    yield
    desk.play("molecule/prompt/converge.yml", limit=everywhere)


@dataclass(frozen=True)
class Client:
    """A client as people start it, and as tests look behind its back."""

    name: str
    command: str
    prompt: str
    direct: str
    rows: str

    def count(self, name: str, table: str = "orders") -> str:
        return host(name, f"cd / && {self.direct}", stdin=f"SELECT count(*) FROM {table}")


PSQL = Client("psql", f"sudo -u postgres {GUARD} psql -X", r"shop=[*!]?# ", "sudo -u postgres psql -XAtq shop", "500,000")
MARIADB = Client("mariadb", f"sudo {GUARD} mariadb -A", r"MariaDB \[\w+\]> ", "mariadb --skip-column-names shop", "30,000")
CLIENTS = pytest.mark.parametrize("client", [PSQL, MARIADB], ids=lambda client: client.name)


class Person(Terminal):
    """Somebody who logged in with an account of their own, on a terminal."""

    def __init__(self, name: str) -> None:
        command = "exec env TERM=xterm PS1='shell> ' PAGER=cat bash --norc"
        super().__init__([*SSH, "-tt", f"deploy@{name}", command], term="xterm", size=(250, 50), drawn=False)
        self.prompt = "shell> "

    def __enter__(self) -> Self:
        super().__enter__()
        self.see(self.prompt)
        self.run("bind 'set enable-bracketed-paste off'; cd /")
        return self

    def enter(self, line: str) -> None:
        self.send(f"{line}\r")

    def run(self, line: str, seconds: float = 20) -> str:
        """Type a line, and return what appears until the prompt does."""
        self.enter(line)
        shown = self.see(self.prompt, seconds)
        assert "to go on" not in shown, shown
        return shown

    def open(self, client: Client, arguments: str = "shop") -> None:
        self.prompt = client.prompt
        self.run(f"{client.command} {arguments}")

    def leave(self) -> None:
        self.prompt = "shell> "
        self.run("\\q")

    def is_asked(self, line: str) -> str:
        self.enter(line)
        return self.see(QUESTION)

    def refuse(self, answer: str = "no\r") -> None:
        self.send(answer)
        assert REFUSED in self.see(self.prompt)

    def confirm(self, database: str = "shop", why: str = "") -> str:
        self.enter(database)
        self.see(WHY)
        self.enter(why)
        return self.see(self.prompt)

    def status(self, command: str) -> tuple[str, str]:
        """What a command prints, and its exit status."""
        self.enter(f"{command}; echo status=$?")
        shown = self.see(r"status=(\d+)\r")
        self.see(self.prompt)
        return shown.partition("\n")[2].rpartition("status=")[0], shown.rpartition("=")[2].strip()


@pytest.fixture
def person(name: str) -> Iterator[Person]:
    with Person(name) as person:
        yield person


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    "lines",
    [("sudo -u postgres psql shop",), ("sudo -iu postgres psql shop",), ("sudo -iu postgres", "psql shop"), ("sudo mariadb shop",)],
    ids=" then ".join,
)
def test_as_people_type_it(desk: Desk, name: str, shell: str, lines: tuple[str, ...]) -> None:
    with Terminal(desk.terminal("bob", name, f"touch ~/.zshrc; cd /; exec {shell} -l"), size=(120, 30)) as terminal:
        terminal.settled(lambda: at_prompt(terminal), 10)
        for line in lines:
            enter(terminal, line)
        terminal.send("DROP TABLE orders;\r")
        terminal.settled("anything else to stop:", 10)
        terminal.send("\r")
        terminal.settled(REFUSED)


KINDS = {
    "DROP TABLE orders;": "DROP TABLE orders",
    "TRUNCATE TABLE orders;": "TRUNCATE orders",
    "DELETE FROM orders;": "DELETE FROM orders without a filter",
    "/* all */ delete from orders where 1=1;": "DELETE FROM orders without a filter",
    "UPDATE orders SET note = NULL;": "UPDATE orders without a filter",
    "ALTER TABLE orders DROP COLUMN note;": "ALTER TABLE orders DROP COLUMN note",
}
KINDS_OF = {
    "psql": {
        "WITH gone AS (DELETE FROM orders RETURNING id) SELECT count(*) FROM gone;": "DELETE FROM orders without a filter",
        "SELECT 1 \\; DROP TABLE orders;": "DROP TABLE orders",
    },
    "mariadb": {"DELETE o FROM orders AS o;": "DELETE FROM o without a filter", "/*!50000 TRUNCATE orders */;": "TRUNCATE orders"},
}


@pytest.mark.parametrize("name", HOSTS)
class TestEverywhere:
    @CLIENTS
    def test_each_kind_is_asked_about_and_a_refusal_leaves_every_row(self, person: Person, name: str, client: Client) -> None:
        person.open(client)
        for statement, action in {**KINDS, **KINDS_OF[client.name]}.items():
            question = person.is_asked(statement)
            assert f"\x1b[97;41m[ PRODUCTION ]\x1b[0m {action}\r\n  database shop on {name}\r\n" in question
            assert f"{client.rows} rows" in question or "FROM o " in action
            person.refuse()
        assert client.count(name) == client.rows.replace(",", "")
        assert client.count(name, "orders WHERE note IS NOT NULL") == str(int(client.rows.replace(",", "")) // 25)

    @CLIENTS
    def test_what_is_confirmed_runs(self, person: Person, name: str, client: Client) -> None:
        host(name, f"cd / && {client.direct}", stdin="DROP TABLE IF EXISTS spare; CREATE TABLE spare AS SELECT * FROM orders LIMIT 7")
        person.open(client)
        assert ".spare: 7 rows" in person.is_asked("DELETE FROM spare;")
        assert REFUSED not in person.confirm()
        assert client.count(name, "spare") == "0"
        assert ".spare: 0 rows" in person.is_asked("DROP TABLE spare;")
        person.confirm()
        assert host(name, f"cd / && {client.direct}", stdin="SELECT count(*) FROM spare", check=False) == ""

    @CLIENTS
    def test_only_the_name_means_yes(self, person: Person, name: str, client: Client) -> None:
        person.open(client)
        for answer in ("\r", "yes\r", "SHOP\r", "\x03", "shop\x03", "\x04", "\x1a"):
            person.is_asked("TRUNCATE orders;")
            person.refuse(answer)
        person.is_asked("TRUNCATE orders;")
        person.enter("shop")
        person.see(WHY)
        person.refuse("\x03")
        assert client.count(name) == client.rows.replace(",", "")

    @CLIENTS
    def test_comments_strings_and_filters_are_let_through(self, person: Person, client: Client) -> None:
        person.open(client)
        assert "DROP TABLE orders" in person.run("SELECT 'DROP TABLE orders;' -- DROP TABLE orders;\n;")
        person.run("/* DELETE FROM orders; */ SELECT 1;")
        person.run("BEGIN;")
        person.run("DELETE FROM orders WHERE id = 1;")
        person.run("UPDATE orders SET note = 'x' WHERE id = 2;")
        person.run("ROLLBACK;")

    @CLIENTS
    def test_an_open_transaction_survives_a_refusal(self, person: Person, client: Client) -> None:
        person.open(client)
        person.run("BEGIN;")
        person.run("UPDATE orders SET note = 'still here' WHERE id = 7;")
        person.is_asked("DELETE FROM orders;")
        person.refuse()
        assert "still here" in person.run("SELECT note FROM orders WHERE id = 7;")
        person.run("ROLLBACK;")
        assert "still here" not in person.run("SELECT note FROM orders WHERE id = 7;")

    @CLIENTS
    def test_another_database_is_named(self, person: Person, client: Client) -> None:
        person.open(client)
        person.prompt = r"(postgres=#|MariaDB \[mysql\]>) "
        person.run({"psql": "\\c postgres", "mariadb": "use mysql"}[client.name])
        assert "  database " + {"psql": "postgres", "mariadb": "mysql"}[client.name] in person.is_asked("DROP TABLE missing;")
        person.refuse()
        assert re.search(r"  database shop on .*\n  2 tables: about \d+,\d\d\d rows", person.is_asked("DROP DATABASE shop;"))
        person.refuse()

    @CLIENTS
    def test_a_query_is_cancelled_as_ever(self, person: Person, client: Client) -> None:
        person.open(client)
        person.enter({"psql": "SELECT pg_sleep(60);", "mariadb": "SELECT sleep(60);"}[client.name])
        time.sleep(0.5)
        person.send("\x03")
        assert re.search("canceling statement|query killed", person.see(client.prompt, 5))
        time.sleep(0.5)
        assert "42" in person.run("SELECT 6 * 7;")

    @CLIENTS
    def test_the_client_can_be_stopped_and_goes_on(self, person: Person, client: Client) -> None:
        person.open(client)
        person.send("\x1a")
        person.see("Stopped")
        person.see("shell> ")
        person.enter("fg")
        person.see("sudo")
        person.enter("SELECT 6 * 7;")
        person.see("42")
        person.see(client.prompt)
        person.is_asked("DROP TABLE orders;")
        person.refuse()

    @CLIENTS
    def test_exit_statuses_and_what_is_printed_are_the_client_s_own(self, person: Person, client: Client) -> None:
        options = {"psql": ["shop -c", "nowhere -c", "shop -v ON_ERROR_STOP=1 -c"], "mariadb": ["shop -e", "nowhere -e", "--nonsense -e"]}
        for option in options[client.name]:
            for statement in ("SELECT 1", "SELECT nonsense", "SELECT 1; SELECT nonsense; SELECT 2"):
                guarded = f"{client.command} {option} '{statement}'"
                shown, status = person.status(guarded)
                # Of a server that cannot be reached, psql names the socket.
                shown = re.sub(r"/tmp/prod-access-sql-\w+/", "/var/run/postgresql/", shown)
                assert (shown, status) == person.status(guarded.replace(f"{GUARD} ", "")), guarded

    @CLIENTS
    def test_a_typed_option_is_asked_about_too(self, person: Person, client: Client) -> None:
        person.is_asked(f"{client.command} shop {'-c' if client is PSQL else '-e'} 'DROP TABLE orders'; echo status=$?")
        person.enter("")
        assert "status=1" in person.see("shell> ")

    @CLIENTS
    def test_scripts_pass_as_they_were(self, person: Person, name: str, client: Client) -> None:
        script = "CREATE TABLE spare (a int); INSERT INTO spare VALUES (1), (2); DELETE FROM spare; DROP TABLE spare; SELECT nonsense;"
        host(name, "cat > /tmp/script.sql", stdin=script)
        batch = {"psql": "-f /tmp/script.sql", "mariadb": "--batch -e 'source /tmp/script.sql'"}[client.name]
        option = {"psql": "-c", "mariadb": "-e"}[client.name]
        for ways in ("< /tmp/script.sql", f'{option} "$(cat /tmp/script.sql)"', batch):
            command = f"cd / && {client.command} shop {ways} 2>&1; echo status=$?"
            assert host(name, command) == host(name, command.replace(f"{GUARD} ", ""))
        assert "to go on" not in "".join(person.status(f"{client.command} shop {batch}"))
        assert "to go on" not in "".join(person.status(f"{client.command} shop </tmp/script.sql"))
        assert "to go on" not in "".join(
            person.status(f"{client.command} shop {option} 'DELETE FROM customers WHERE id < 0; SELECT 1' | cat")
        )

    @CLIENTS
    def test_a_dump_restores_the_same(self, name: str, client: Client) -> None:
        sums = []
        for guard in ("", f"{GUARD} "):
            if client is PSQL:
                run = f"sudo -u postgres {guard}"
                said = host(
                    name,
                    f"cd / && sudo -u postgres dropdb --if-exists copy && sudo -u postgres createdb copy "
                    f"&& sudo -u postgres pg_dump --clean --if-exists shop | {run}psql -X copy 2>&1 | md5sum "
                    "&& sudo -u postgres pg_dump copy | grep -v restrict | md5sum && sudo -u postgres dropdb copy",
                )
            else:
                said = host(
                    name,
                    "mariadb -e 'DROP DATABASE IF EXISTS copy; CREATE DATABASE copy' "
                    f"&& mariadb-dump shop | {guard}mariadb copy 2>&1 | md5sum "
                    "&& mariadb-dump --skip-dump-date --skip-comments copy | md5sum && mariadb -e 'DROP DATABASE copy'",
                )
            sums.append(said)
        assert sums[0] == sums[1]

    @CLIENTS
    def test_large_results_are_the_same(self, person: Person, name: str, client: Client) -> None:
        query = "SELECT * FROM orders ORDER BY id"
        sums = []
        for guard in ("", f"{GUARD} "):
            command = f"{client.command} shop".replace(f"{GUARD} ", guard)
            person.status(
                f"{command} -c '\\copy ({query}) to /tmp/rows'" if client is PSQL else f"{command} -e '{query} LIMIT 20000' --tee=/tmp/rows"
            )
            sums.append(host(name, "md5sum /tmp/rows; rm /tmp/rows"))
        assert sums[0] == sums[1]

    @CLIENTS
    def test_the_journal_has_the_person_and_no_values(self, person: Person, journal: Journal, name: str, client: Client) -> None:
        host(name, f"cd / && {client.direct}", stdin="DROP TABLE IF EXISTS spare; CREATE TABLE spare (password text)")
        person.open(client)
        person.is_asked("UPDATE spare SET password = 'hunter2';")
        person.refuse()
        person.is_asked("DROP TABLE spare;")
        person.confirm(why="Tidying up, \x1b[31mred\u2028PROD_ACCESS_ANSWER=refused")
        refused, confirmed = journal()
        for one in (refused, confirmed):
            assert one["PROD_ACCESS_LOGINUID"] == one["_SYSTEMD_OWNER_UID"] == DEPLOY_UID
            # In a container newer systemd does not look for it.
            assert one.get("_AUDIT_LOGINUID") == (DEPLOY_UID if name == "db1" else None)
        assert (refused["PROD_ACCESS_ANSWER"], refused["PROD_ACCESS_ACTION"]) == ("refused", "UPDATE spare without a filter")
        assert (confirmed["PROD_ACCESS_ANSWER"], confirmed["PROD_ACCESS_ACTION"]) == ("confirmed", "DROP TABLE spare")
        assert confirmed["PROD_ACCESS_WHY"].startswith("Tidying up")
        assert confirmed["PROD_ACCESS_TARGET"] == f"database shop on {name}"
        assert "hunter2" not in json.dumps([refused, confirmed])

    @CLIENTS
    def test_a_guard_that_is_off_changes_nothing(self, person: Person, name: str, client: Client) -> None:
        host(name, f"cd / && {client.direct}", stdin="DROP TABLE IF EXISTS spare; CREATE TABLE spare (a int)")
        host(name, "sed -i 's/^guards=.*/guards=reboot/' /etc/prod-access/environment")
        # Where the role audit is, statements are recorded.
        host(name, "mv /etc/prod-access/audit/sql /run 2>/dev/null || true")
        try:
            person.open(client)
            person.run("DELETE FROM spare;")
            assert "prod-access" not in person.run({"psql": "\\conninfo", "mariadb": "status"}[client.name])
            person.run("DROP TABLE spare;")
        finally:
            host(name, "sed -i 's/^guards=.*/guards=reboot rm disk sql/' /etc/prod-access/environment")
            host(name, "mv /run/sql /etc/prod-access/audit 2>/dev/null || true")

    @CLIENTS
    def test_a_server_that_goes_away(self, person: Person, name: str, client: Client) -> None:
        person.open(client)
        service = {"psql": "'postgresql@*'", "mariadb": "mariadb"}[client.name]
        host(name, f"systemctl restart {service}")
        assert re.search("terminating connection due to administrator command|Server has gone away", person.run("SELECT 1;"))
        person.prompt = client.prompt
        assert "42" in person.run("SELECT 6 * 7;") + person.run("SELECT 6 * 7;")
        person.is_asked("DROP TABLE orders;")
        person.refuse()

    @CLIENTS
    def test_nothing_stays_behind(self, person: Person, name: str, client: Client) -> None:
        person.open(client)
        assert host(name, "ls -d /tmp/prod-access-sql-*")
        assert host(name, "stat -c %a /tmp/prod-access-sql-*") == "700"
        person.leave()
        assert host(name, "ls -d /tmp/prod-access-sql-*", check=False) == ""
        with Person(name) as other:
            other.open(client)
            other.is_asked("TRUNCATE orders;")
        until(lambda: not host(name, "ls -d /tmp/prod-access-sql-*", check=False), 5, "the folder of a terminal that is gone is removed")
        assert client.count(name) == client.rows.replace(",", "")


@pytest.fixture
def second_cluster(name: str) -> Iterator[str]:
    version = host(name, "ls /usr/lib/postgresql")
    host(name, f"pg_createcluster --port 5433 {version} second --start >/dev/null && cd / && sudo -u postgres createdb -p 5433 other")
    yield f"{version}/second"
    host(name, f"pg_dropcluster --stop {version} second")


@pytest.mark.parametrize("name", HOSTS)
class TestPostgresql:
    def test_every_cluster_of_the_host_is_guarded(self, person: Person, second_cluster: str) -> None:
        for way in ("psql -X -p 5433 other", f"psql -X --cluster {second_cluster} other", "psql -X -d other -p5433"):
            person.prompt = "other=# "
            person.run(f"sudo -u postgres {GUARD} {way}")
            assert "  database other on " in person.is_asked("DROP TABLE missing;")
            person.refuse()
            person.leave()
        for way in ("shop", "-h /var/run/postgresql shop", "'host=/var/run/postgresql dbname=shop'", "--cluster no/such"):
            guarded = f"sudo -u postgres {GUARD} psql -XAt -c 'SELECT current_database()' {way}"
            assert person.status(guarded) == person.status(guarded.replace(f"{GUARD} ", ""))

    def test_the_planner_s_estimate_where_a_count_takes_too_long(self, person: Person) -> None:
        person.open(PSQL)
        person.run("BEGIN;")
        person.run("LOCK TABLE orders;")
        assert re.search(r"public.orders: about (499|500|501),\d\d\d rows", person.is_asked("TRUNCATE orders;"))
        person.refuse()
        person.run("ROLLBACK;")
        assert "missing: an unknown number of rows" in person.is_asked("DROP TABLE missing;")
        assert "does not exist" in person.confirm()

    def test_a_large_result_is_not_kept(self, person: Person) -> None:
        person.open(PSQL)
        person.run("SELECT * FROM orders \\g /dev/null")
        shown = person.run("\\! cd /proc/$(ps -o ppid= $PPID | tr -d ' ') && cat comm && grep VmHWM status")
        assert "prod-access-sql" in shown
        peak = re.search(r"VmHWM:\s+(\d+) kB", shown)
        assert peak and int(peak[1]) < 40_000, shown

    def test_whole_schemas(self, person: Person) -> None:
        person.open(PSQL)
        assert re.search(r"  2 tables: about 5\d\d,\d\d\d rows", person.is_asked("DROP SCHEMA public CASCADE;"))
        person.refuse()

    def test_parameters_go_by_the_extended_protocol(self, person: Person, name: str) -> None:
        person.open(PSQL)
        if name == "db1":
            pytest.skip("psql 15 knows no \\bind")
        person.run("BEGIN;")
        person.is_asked("DELETE FROM orders \\bind \\g")
        person.refuse()
        assert "500000" in person.run("SELECT count(*) FROM orders WHERE id > $1 \\bind 0 \\g")
        assert PSQL.count(name) == "500000"

    def test_copy_typed_and_watch(self, person: Person) -> None:
        person.open(PSQL)
        person.run("CREATE TEMP TABLE typed (line text);")
        person.enter("COPY typed FROM STDIN;")
        for line in ("DROP TABLE orders;", "Q", "\\."):
            person.see(">> ")
            person.enter(line)
        person.see("COPY 2")
        person.see(PSQL.prompt)
        assert "DROP TABLE orders;" in person.run("COPY typed TO STDOUT;")
        person.enter("SELECT 'tick' \\watch 0.2")
        for _tick in range(3):
            person.see("tick")
        person.send("\x03")
        person.see(PSQL.prompt)
        person.is_asked("SELECT 1; DROP TABLE orders;")
        person.refuse()

    def test_a_password_is_asked_for_as_ever(self, person: Person, name: str) -> None:
        sql = "DROP ROLE IF EXISTS pat; CREATE ROLE pat LOGIN PASSWORD 'secret'; GRANT SELECT ON orders TO pat"
        host(name, "sed -i '1i local all pat scram-sha-256' /etc/postgresql/*/main/pg_hba.conf && systemctl reload postgresql")
        host(name, f"cd / && {PSQL.direct}", stdin=sql)
        try:
            person.enter(f"{PSQL.command} -U pat shop")
            person.see("Password for user pat: ")
            person.prompt = "shop=> "
            person.run("secret")
            assert "500000" in person.run("SELECT count(*) FROM orders;")
            assert "an unknown number of rows" in person.is_asked("DELETE FROM orders;")
            person.refuse()
            person.is_asked("DELETE FROM orders;")
            assert "permission denied" in person.confirm()
        finally:
            host(name, "sed -i 1d /etc/postgresql/*/main/pg_hba.conf && systemctl reload postgresql")
            host(name, f"cd / && {PSQL.direct}", stdin="REVOKE ALL ON orders FROM pat; DROP ROLE pat")


@pytest.mark.parametrize("name", HOSTS)
class TestMariadb:
    def test_a_file_that_is_loaded_is_no_statement(self, person: Person, name: str) -> None:
        # It goes in hundreds of packets, each of which begins with a line here; the number 0 comes around, which is a command's elsewhere.
        line = "\x03DROP TABLE orders;".ljust(31)
        host(name, f"yes '{line}' | head -n 300000 > /tmp/lines")
        person.open(MARIADB, "--local-infile shop")
        person.run("CREATE TEMPORARY TABLE loaded (line text);")
        assert "Records: 300000" in person.run("LOAD DATA LOCAL INFILE '/tmp/lines' INTO TABLE loaded;", 60)
        person.is_asked("TRUNCATE orders;")
        person.refuse()

    def test_procedures_are_defined_without_a_question(self, person: Person) -> None:
        person.open(MARIADB)
        person.enter("DELIMITER //")
        person.run("CREATE OR REPLACE PROCEDURE p() BEGIN DELETE FROM orders; DROP TABLE orders; END//")
        person.enter("DELIMITER ;")
        person.is_asked("DROP TABLE orders;")
        person.refuse()
        person.run("DROP PROCEDURE p;")

    def test_a_password_is_asked_for_as_ever(self, person: Person, name: str) -> None:
        host(name, "mariadb -e \"CREATE OR REPLACE USER pat@localhost IDENTIFIED BY 'secret'; GRANT SELECT ON shop.* TO pat@localhost\"")
        try:
            person.enter(f"{GUARD} mariadb -A -u pat -p shop")
            person.see("password: ")
            person.prompt = MARIADB.prompt
            person.run("secret")
            assert "30000" in person.run("SELECT count(*) FROM orders;")
            person.is_asked("DELETE FROM shop.orders;")
            assert "DELETE command denied" in person.confirm()
        finally:
            host(name, "mariadb -e 'DROP USER pat@localhost'")

    def test_a_connection_that_is_not_by_the_socket_is_left_alone(self, person: Person) -> None:
        for way in ("-h 127.0.0.1", "-P 3306", "--protocol=tcp", "-h nowhere.invalid", "--nonsense"):
            guarded = f"sudo {GUARD} mariadb {way} -e 'SELECT 1' shop"
            assert person.status(guarded) == person.status(guarded.replace(f"{GUARD} ", ""))
