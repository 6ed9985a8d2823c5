"""A table that was dropped, changed or never was: what comes back, in which time, and that production answers meanwhile."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator

import pytest
from desk import SSH, Desk, each, host, until
from proofs import DATABASES, now, psql, restore, restoring

EVERY = pytest.mark.parametrize("name", DATABASES)
_ROWS = "SELECT count(*) || ' ' || md5(string_agg(md5(o::text), '' ORDER BY id)) FROM {} AS o"
_PREPARE = """
CREATE ROLE reader; GRANT SELECT ON orders TO reader; GRANT UPDATE (note) ON orders TO reader;
SET ROLE shop;
CREATE TABLE refunds (id int PRIMARY KEY, order_id bigint REFERENCES orders ON DELETE CASCADE);
INSERT INTO refunds SELECT n, n * 7 FROM generate_series(1, 1000) AS n;
COMMENT ON TABLE orders IS 'what people bought'; CREATE STATISTICS orders_stat ON customer_id, status FROM orders;
"""
_UNDO = """
DROP TABLE IF EXISTS refunds; DROP STATISTICS IF EXISTS orders_stat; COMMENT ON TABLE orders IS NULL;
REVOKE ALL ON orders FROM reader; DROP OWNED BY reader; DROP ROLE reader;
DO $$ DECLARE s text; BEGIN
    FOR s IN SELECT nspname FROM pg_namespace WHERE nspname ~ '^(restored|replaced)_' LOOP
        EXECUTE 'DROP SCHEMA ' || s || ' CASCADE';
    END LOOP;
END $$
"""


@pytest.fixture(scope="module", autouse=True)
def whole(desk: Desk) -> Iterator[None]:
    """The shop, with what leads to orders from elsewhere; and afterwards as it was."""
    desk.write()

    def prepare(name: str) -> None:
        psql(name, _PREPARE)
        host(name, "prod-access-backup run postgresql")

    each(prepare, DATABASES)
    yield
    each(lambda name: psql(name, _UNDO), DATABASES)


def shape(name: str) -> str:
    """All that there is to a table but its rows, with the references to it."""
    said = host(name, "su postgres -c 'pg_dump --schema-only --table=orders --table=refunds shop'")
    lines = sorted(line.rstrip(",") for line in said.splitlines() if line and not line.startswith(("\\", "--")))
    return "\n".join(lines)


@contextlib.contextmanager
def client(name: str) -> Iterator[list[float]]:
    """Somebody who asks production all the while. Gives the time of each answer, in seconds."""
    question = "su postgres -c \"psql -XAtq -d shop -c 'SELECT count(*) FROM customers'\" | grep -qx 20000 || echo bad"
    script = f"while :; do s=$(date +%s.%N); {question}; echo $s $(date +%s.%N); sleep 0.05; done"
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


def test_what_was_dropped_last_comes_back_also_where_no_backup_has_seen_it(desk: Desk) -> None:
    wanted = ["restore_table=ledger.public.young", "restore_to=before_drop", "restore_swap_in=true"]
    psql("db1", "CREATE TABLE young AS SELECT generate_series(1, 10) AS id", "ledger")
    host("db1", "prod-access-backup run postgresql")
    psql("db1", "DROP TABLE young", "ledger")
    psql("db1", "CREATE TABLE young AS SELECT generate_series(1, 20) AS id; CREATE TABLE other (id int)", "ledger")
    psql("db1", "DROP TABLE young", "ledger")
    psql("db1", "DROP TABLE other; CREATE TEMPORARY TABLE scratch (id int); DROP TABLE scratch", "ledger")
    done = restore(desk, "db1", *wanted)
    assert "20 rows" in done.stdout and "lost is nothing" in done.stdout
    assert psql("db1", "SELECT count(*) FROM young", "ledger") == "20", "the drop before it was of an older one"
    psql("db1", "INSERT INTO young VALUES (21)", "ledger")
    psql("db1", "DROP TABLE young", "ledger")
    restore(desk, "db1", *wanted)
    assert psql("db1", "SELECT count(*) FROM young", "ledger") == "21", "what came back is dropped again, and comes back again"
    psql("db1", "DROP TABLE young", "ledger")
    done = restore(desk, "db1", "restore_table=ledger.public.never", "restore_to=before_drop", rc=2)
    assert "does not say that ledger.public.never was dropped" in done.stdout


def test_a_table_comes_back_to_the_second_beside_the_live_one_and_is_swapped_in(desk: Desk) -> None:
    """Also after a run that was killed in the midst of it."""
    each(lambda name: _beside_and_swapped(desk, name), DATABASES)


def _beside_and_swapped(desk: Desk, name: str) -> None:
    rows = psql(name, _ROWS.format("orders"))
    moment = now(name)
    psql(name, "SELECT pg_sleep(1.1); DELETE FROM orders WHERE id % 1000 = 0; UPDATE orders SET note = 'oops' WHERE id < 1000")
    wanted = ["restore_table=shop.public.orders", f"restore_to={moment}"]
    _kill_midway(desk, name, wanted)
    assert psql(name, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'restored%'") == "0"
    done = restore(desk, name, *wanted)
    assert host(name, "ls /var/lib/prod-access/backup/scratch; pgrep -fc [p]rod-access/backup/scratch", check=False) == "0"
    schema = psql(name, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'restored%'")
    assert psql(name, _ROWS.format(f"{schema}.orders")) == rows
    assert psql(name, "SELECT count(*) FROM orders WHERE note = 'oops'") == "999", "the live one is as it was"
    assert "500 rows are in what came back alone" in done.stdout
    assert "give the same command again with: -e restore_swap_in=true" in done.stdout
    done = restore(desk, name, *wanted, "restore_swap_in=true")
    assert psql(name, _ROWS.format("orders")) == rows
    kept = psql(name, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'replaced%'")
    assert f"what it replaced is kept as {kept}.orders" in done.stdout
    assert psql(name, f"SELECT count(*) FROM {kept}.orders WHERE note = 'oops'") == "999"
    assert psql(name, "SELECT count(*) FROM refunds AS r JOIN orders AS o ON o.id = r.order_id") == "999", "one went with its order"
    with pytest.raises(AssertionError, match="violates foreign key"):
        psql(name, "INSERT INTO refunds VALUES (5000, -1)")


def _kill_midway(desk: Desk, name: str, wanted: list[str]) -> None:
    """Begin a restore, and kill its process on the host as soon as there is a side instance."""
    with restoring(desk, name, *wanted) as process:
        running = "/var/lib/prod-access/backup/scratch/restore/data/postmaster.pid"
        until(lambda: host(name, f"ls {running}", check=False), 60, "a side instance")
        host(name, "kill -9 $(sed 's/process \\([0-9]*\\) .*/\\1/' /run/prod-access-restore.lock)")
        process.communicate()
    assert process.returncode


def test_a_database_comes_back_beside_the_live_one(desk: Desk) -> None:
    def comes_back(name: str) -> None:
        ask = "SELECT string_agg(l::text, ';' ORDER BY id) FROM lines AS l"
        rows = psql(name, ask, "ledger")
        assert rows.count(";") == 999
        psql(name, "VACUUM quiet")
        moment = now(name)
        psql(name, "SELECT pg_sleep(1.1); DELETE FROM lines", "ledger")
        done = restore(desk, name, "restore_database=ledger", f"restore_to={moment}")
        (database,) = psql(name, "SELECT datname FROM pg_database WHERE datname LIKE 'restored%'").split()
        assert database in done.stdout
        assert psql(name, ask, database) == rows
        assert psql(name, "SELECT count(*) FROM lines", "ledger") == "0", "the live one is as it was"
        psql(name, f"DROP DATABASE {database}")

    each(comes_back, DATABASES)


_REFUSED = {
    "db1": [
        (["restore_table=shop.public.orders", "restore_to=2020-01-01T00:00:00Z"], "is before the end of the first backup"),
    ],
    "stage1": [
        (["restore_table=shop.public.orders", "restore_to=before_drop"], "is there, and was not dropped"),
        (["restore_table=nothing.public.orders", "restore_to=before_drop"], "no cluster of this host has a database nothing"),
        # By the controller; tests/unit/test_wanted.py has the others.
        (["restore_table=orders", "restore_to=yesterday"], "is no table; write database.schema.table"),
    ],
}


def test_what_cannot_be_is_refused_first(desk: Desk) -> None:
    def refuses(name: str) -> None:
        for options, said in _REFUSED[name]:
            assert said in _refusal(desk, name, *options)
        assert host(name, "ls /var/lib/prod-access/backup/scratch") == ""

    each(refuses, DATABASES)


def _refusal(desk: Desk, name: str, *options: str) -> str:
    done = restore(desk, name, *options, rc=2)
    return " ".join((done.stdout + done.stderr).split())


def test_it_is_refused_where_there_is_no_room(desk: Desk) -> None:
    moment = now("db1")
    psql("db1", "SELECT pg_sleep(1.1)")
    host("db1", "mount -t tmpfs -o size=20m,mode=0711 tmpfs /var/lib/prod-access/backup/scratch")
    try:
        said = _refusal(desk, "db1", "restore_table=shop.public.orders", f"restore_to={moment}")
    finally:
        host("db1", "umount /var/lib/prod-access/backup/scratch")
    assert "MiB are needed in /var/lib/prod-access/backup/scratch, and 20 MiB are free" in said
