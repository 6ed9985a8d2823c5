"""A table that was dropped, changed or never was: what comes back, in which time, and that production answers meanwhile."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator

import pytest
from desk import SSH, Desk, host, until
from proofs import DATABASES, now, psql, restore

EVERY = pytest.mark.parametrize("name", DATABASES)
_ROWS = "SELECT count(*) || ' ' || md5(string_agg(md5(o::text), '' ORDER BY id)) FROM {} AS o"


@pytest.fixture(autouse=True)
def whole(request: pytest.FixtureRequest) -> Iterator[None]:
    """The shop, with what leads to orders from elsewhere; and afterwards as it was."""
    name = request.node.callspec.params["name"]
    psql(
        name,
        """
        CREATE ROLE reader; GRANT SELECT ON orders TO reader; GRANT UPDATE (note) ON orders TO reader;
        SET ROLE shop;
        CREATE TABLE refunds (id int PRIMARY KEY, order_id bigint REFERENCES orders ON DELETE CASCADE);
        INSERT INTO refunds SELECT n, n * 7 FROM generate_series(1, 1000) AS n;
        COMMENT ON TABLE orders IS 'what people bought'; CREATE STATISTICS orders_stat ON customer_id, status FROM orders;
        """,
    )
    host(name, "prod-access-backup run postgresql")
    yield
    psql(
        name,
        """
        DROP TABLE IF EXISTS refunds; DROP STATISTICS IF EXISTS orders_stat; COMMENT ON TABLE orders IS NULL;
        REVOKE ALL ON orders FROM reader; DROP OWNED BY reader; DROP ROLE reader;
        DO $$ DECLARE s text; BEGIN
            FOR s IN SELECT nspname FROM pg_namespace WHERE nspname ~ '^(restored|replaced)_' LOOP
                EXECUTE 'DROP SCHEMA ' || s || ' CASCADE';
            END LOOP;
        END $$
        """,
    )


def shape(name: str) -> str:
    """All that there is to a table but its rows, with the references to it."""
    said = host(name, "su postgres -c 'pg_dump --schema-only --table=orders --table=refunds shop'")
    lines = sorted(line.rstrip(",") for line in said.splitlines() if line and not line.startswith(("\\", "--")))
    return "\n".join(lines)


@contextlib.contextmanager
def client(name: str) -> Iterator[list[float]]:
    """Somebody who asks production all the while. Gives the time of each answer, in seconds."""
    question = "su postgres -c \"psql -XAtq -d shop -c 'SELECT count(*) FROM customers'\" | grep -qx 20000 || echo bad"
    script = f"while :; do s=$(date +%s.%N); {question}; echo $s $(date +%s.%N); sleep 0.1; done"
    process = subprocess.Popen([*SSH, f"root@{name}", script], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    answers: list[float] = []
    try:
        yield answers
    finally:
        process.kill()
        said = (process.stdout.read() if process.stdout else "").splitlines()
        assert "bad" not in said, "production gave a wrong answer, or none"
        pairs = [line.split() for line in said if line.count(" ") == 1]
        answers += [float(end) - float(begin) for begin, end in pairs]


@EVERY
def test_a_dropped_table_is_back_whole_in_time_while_production_answers(desk: Desk, name: str) -> None:
    psql(name, "SELECT setval('orders_id_seq', 500000)")
    psql(name, "INSERT INTO orders (customer_id, placed_at, status, total, note) VALUES (7, now(), 'paid', 3.50, 'the last order')")
    rows, before = psql(name, _ROWS.format("orders")), shape(name)
    psql(name, "DROP TABLE orders CASCADE")
    with client(name) as answers:
        began = time.monotonic()
        done = restore(desk, name, "restore_table=shop.public.orders", "restore_to=before_drop", "restore_swap_in=true")
        seconds = time.monotonic() - began
    assert psql(name, _ROWS.format("orders")) == rows
    assert shape(name) == before
    # A sequence that comes back by the log of changes skips up to 32 numbers (SEQ_LOG_VALS); it gives none twice.
    assert 500001 <= int(psql(name, "SELECT last_value FROM orders_id_seq")) <= 500033
    assert "lost is nothing: every change that was committed before the drop is there" in done.stdout
    assert "500001 rows, the newest of placed_at" in done.stdout
    print(f"back in {seconds:.1f} s; {len(answers)} answers of production, the slowest after {max(answers):.2f} s")
    assert seconds < 30, f"it took {seconds:.1f} s"
    assert len(answers) > 20
    assert max(answers) < 3, f"production was away for {max(answers):.1f} s"
    psql(name, "DELETE FROM orders WHERE note = 'the last order'")


@EVERY
def test_a_table_comes_back_to_the_second_beside_the_live_one(desk: Desk, name: str) -> None:
    rows = psql(name, _ROWS.format("orders"))
    moment = now(name)
    psql(name, "SELECT pg_sleep(1.1); DELETE FROM orders WHERE id % 1000 = 0; UPDATE orders SET note = 'oops' WHERE id < 1000")
    done = restore(desk, name, "restore_table=shop.public.orders", f"restore_to={moment}")
    schema = psql(name, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'restored%'")
    assert psql(name, _ROWS.format(f"{schema}.orders")) == rows
    assert psql(name, "SELECT count(*) FROM orders WHERE note = 'oops'") == "999", "the live one is as it was"
    assert "500 rows are in what came back alone" in done.stdout
    assert "give the same command again with: -e restore_swap_in=true" in done.stdout
    done = restore(desk, name, "restore_table=shop.public.orders", f"restore_to={moment}", "restore_swap_in=true")
    assert psql(name, _ROWS.format("orders")) == rows
    kept = psql(name, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'replaced%'")
    assert f"what it replaced is kept as {kept}.orders" in done.stdout
    assert psql(name, f"SELECT count(*) FROM {kept}.orders WHERE note = 'oops'") == "999"
    assert psql(name, "SELECT count(*) FROM refunds AS r JOIN orders AS o ON o.id = r.order_id") == "999", "one went with its order"
    with pytest.raises(AssertionError, match="violates foreign key"):
        psql(name, "INSERT INTO refunds VALUES (5000, -1)")


@EVERY
def test_a_restore_that_is_killed_leaves_nothing_and_can_be_repeated(desk: Desk, name: str) -> None:
    rows = psql(name, _ROWS.format("orders"))
    moment = now(name)
    psql(name, "SELECT pg_sleep(1.1)")
    desk.write()
    argv = ["ansible-playbook", "-i", str(desk.inventory), "playbooks/restore.yml", "--limit", name]
    argv += ["-e", "restore_table=shop.public.orders", "-e", f"restore_to={moment}"]
    scratch = "/var/lib/prod-access/backup/scratch/restore"
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL) as process:
        until(lambda: host(name, f"ls {scratch}/data/postmaster.pid", check=False), 25, "a side instance")
        host(name, "kill -9 $(sed 's/process \\([0-9]*\\) .*/\\1/' /run/prod-access-restore.lock)")
        process.communicate()
    assert process.returncode
    assert psql(name, _ROWS.format("orders")) == rows
    assert psql(name, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'restored%'") == "0"
    restore(desk, name, "restore_table=shop.public.orders", f"restore_to={moment}")
    assert host(name, "ls /var/lib/prod-access/backup/scratch; pgrep -fc [p]rod-access/backup/scratch", check=False) == "0"


@EVERY
def test_a_database_comes_back_beside_the_live_one(desk: Desk, name: str) -> None:
    rows = psql(name, _ROWS.format("orders"))
    moment = now(name)
    psql(name, "SELECT pg_sleep(1.1)")
    done = restore(desk, name, "restore_database=shop", f"restore_to={moment}")
    (database,) = psql(name, "SELECT datname FROM pg_database WHERE datname LIKE 'restored%'").split()
    assert database in done.stdout
    try:
        assert psql(name, _ROWS.format("orders"), database) == rows
    finally:
        psql(name, f"DROP DATABASE {database}")


@EVERY
def test_a_table_of_mariadb_comes_back(desk: Desk, name: str) -> None:
    ask = "mariadb -BN shop -e 'CHECKSUM TABLE orders; SHOW CREATE TABLE orders'"
    before = host(name, ask)
    host(name, "prod-access-backup run mariadb")
    moment = now(name)
    host(name, "mariadb shop -e 'DROP TABLE orders'")
    done = restore(desk, name, "restore_table=shop.orders", f"restore_to={moment}", "restore_swap_in=true")
    assert "shop.orders is back in its place, with 300000 rows" in done.stdout
    assert host(name, ask) == before
    assert "restored_" not in host(name, "mariadb -BN -e 'SHOW DATABASES'")


@pytest.mark.parametrize("name", ["db1"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["restore_table=shop.public.orders", "restore_to=2099-01-01T00:00:00Z"], "is in the future"),
        (["restore_table=shop.public.orders", "restore_to=2020-01-01T00:00:00Z"], "is before the end of the first backup"),
        (["restore_table=shop.public.orders", "restore_to=before_drop"], "is there, and was not dropped"),
        (["restore_table=shop.public.nothing", "restore_to=before_drop"], "does not say that shop.public.nothing was dropped"),
        (["restore_table=nothing.public.orders", "restore_to=before_drop"], "no cluster of this host has a database nothing"),
        (["restore_table=orders", "restore_to=yesterday"], "is no table; write database.schema.table"),
        (["restore_table=orders", "restore_to=yesterday"], "restore_to: not an RFC 3339 time"),
        (["restore_table=shop.orders", "restore_to=before_drop"], "before_drop is for tables of PostgreSQL"),
        (["restore_to=before_drop"], "say what is wanted back"),
    ],
)
def test_what_cannot_be_is_refused_first(desk: Desk, name: str, options: list[str], said: str) -> None:
    done = restore(desk, name, *options, rc=2)
    assert said in " ".join((done.stdout + done.stderr).split())
    assert host(name, "ls /var/lib/prod-access/backup/scratch") == ""


@pytest.mark.parametrize("name", ["db1"])
def test_it_is_refused_where_there_is_no_room(desk: Desk, name: str) -> None:
    moment = now(name)
    psql(name, "SELECT pg_sleep(1.1)")
    host(name, "mount -t tmpfs -o size=20m,mode=0711 tmpfs /var/lib/prod-access/backup/scratch")
    try:
        done = restore(desk, name, "restore_table=shop.public.orders", f"restore_to={moment}", rc=2)
    finally:
        host(name, "umount /var/lib/prod-access/backup/scratch")
    assert "MiB are needed in /var/lib/prod-access/backup/scratch, and 20 MiB are free" in " ".join((done.stdout + done.stderr).split())
