"""A table of MariaDB, from a dump and the log of changes since: to a moment, or to its drop."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from desk import Desk, each, host
from proofs import DATABASES, now, receipt, restore, snapshots

_SHOP = r"""
CREATE TABLE baskets (
    id bigint PRIMARY KEY AUTO_INCREMENT, customer_id bigint NOT NULL, note text, KEY baskets_customer (customer_id),
    CONSTRAINT baskets_of FOREIGN KEY (customer_id) REFERENCES customers (id)
) COMMENT 'what people may buy';
CREATE TABLE said (what text);
CREATE TRIGGER baskets_told AFTER INSERT ON baskets FOR EACH ROW INSERT INTO said VALUES (concat('basket; ', NEW.id));
CREATE USER reader@localhost IDENTIFIED VIA unix_socket;
GRANT SELECT ON shop.baskets TO reader@localhost;
INSERT INTO baskets (customer_id, note) SELECT seq, concat('it''s `quoted`\\ and\n# at 4\n', char(0), seq) FROM seq_1_to_5000;
"""
_LOOK = (
    "CHECKSUM TABLE baskets; SELECT count(*), max(id) FROM baskets; SHOW CREATE TABLE baskets; SHOW TRIGGERS;"
    " SHOW GRANTS FOR reader@localhost"
)


def sql(name: str, text: str, database: str = "shop", *, check: bool = True) -> str:
    return host(name, f"mariadb -BN {database} 2>&1", stdin=text, check=check)


def beside(name: str, prefix: str = "restored") -> list[str]:
    return sql(name, f"SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE '{prefix}%'").split()


def look(name: str) -> str:
    """All that there is to the table, but for when its trigger was made, and for numbers that were given to rows that failed."""
    said = "\n".join("\t".join(line.split("\t")[:4]) for line in sql(name, _LOOK).splitlines())
    return re.sub(r"AUTO_INCREMENT=\d+ ", "", said)


@pytest.fixture(scope="module", autouse=True)
def shop() -> Iterator[None]:
    """A table with all that can belong to one, and a dump of it."""

    def prepare(name: str) -> None:
        sql(name, _SHOP)
        host(name, "prod-access-backup run mariadb")

    def clear(name: str) -> None:
        sql(name, "DROP TABLE IF EXISTS baskets, said; DROP USER reader@localhost")
        sql(name, "".join(f"DROP DATABASE {one};" for one in [*beside(name), *beside(name, "replaced")]))

    each(prepare, DATABASES)
    yield
    each(clear, DATABASES)


def test_a_dropped_table_is_back_with_what_came_after_the_dump(desk: Desk) -> None:
    def test(name: str) -> None:
        sql(
            name,
            "INSERT INTO baskets (customer_id, note) VALUES (7, 'after the dump'); ALTER TABLE baskets ADD KEY baskets_note (note(20))",
        )
        before = look(name)
        assert "baskets_note" in before and "5001" in before and "baskets_told" in before
        sql(name, "DROP TABLE baskets")
        if name == "db1":
            # It says so in the log too, though there was none.
            sql(name, "DROP TABLE IF EXISTS baskets")
        done = restore(desk, name, "restore_table=shop.baskets", "restore_to=before_drop", "restore_swap_in=true")
        assert "lost is nothing: every change that was logged before the drop is there" in done.stdout
        assert "shop.baskets is back in its place, with 5001 rows" in done.stdout
        assert look(name) == before
        assert beside(name) == []
        told = "SELECT count(*) FROM said"
        assert sql(name, f"{told}; INSERT INTO baskets (customer_id) VALUES (8); {told}").split() == ["5001", "5002"], "its trigger works"
        assert "foreign key constraint fails" in sql(name, "INSERT INTO baskets (customer_id) VALUES (-1)", check=False)

    each(test, DATABASES)


def test_a_table_is_as_it_was_at_a_moment_and_what_it_replaces_is_kept(desk: Desk) -> None:
    def test(name: str) -> None:
        sql(name, "UPDATE baskets SET note = 'changed' WHERE id <= 10")
        before, rows = look(name), sql(name, "SELECT count(*) FROM baskets")
        moment = now(name)
        host(name, "sleep 1.1")
        sql(name, "DELETE FROM baskets WHERE id > 100")
        done = restore(desk, name, "restore_table=shop.baskets", f"restore_to={moment}")
        (copy,) = beside(name)
        assert f"{copy}.baskets has {rows} rows" in done.stdout
        assert f"it has all that was logged before {moment}" in done.stdout
        assert sql(name, "SELECT count(*) FROM baskets WHERE note = 'changed'", copy) == "10"
        assert sql(name, "SELECT count(*) FROM baskets") == "100", "the live one is as it was"
        # MariaDB cannot move what has triggers: a person says that they may go.
        wanted = ("restore_table=shop.baskets", f"restore_to={moment}", "restore_swap_in=true")
        done = restore(desk, name, *wanted, rc=2)
        assert "DROP TRIGGER shop.baskets_told" in " ".join((done.stdout + done.stderr).split())
        sql(name, "DROP TRIGGER shop.baskets_told")
        done = restore(desk, name, *wanted)
        assert look(name) == before
        (kept,) = beside(name, "replaced")
        assert f"what it replaced is kept as {kept}.baskets" in done.stdout
        assert sql(name, "SELECT count(*) FROM baskets", kept) == "100"

    each(test, DATABASES)


def test_the_log_is_saved_by_itself_and_a_drill_has_it() -> None:
    def test(name: str) -> None:
        assert host(name, "systemctl is-enabled prod-access-backup-binlog.timer") == "enabled"
        sql(name, "INSERT INTO baskets (customer_id) VALUES (9)")
        host(name, "systemctl start prod-access-backup-binlog")
        assert receipt(name, "backup-binlog")["ok"]
        known = of(name)
        host(name, "systemctl start prod-access-backup-binlog")
        assert of(name) == known, "nothing is sent where nothing was written"
        host(name, "prod-access-backup drill mariadb")
        facts = receipt(name, "restore-mariadb")["facts"]
        assert facts["moment"] >= receipt(name, "backup-mariadb")["ended"]
        replaced = sum(int(sql(name, "SELECT count(*) FROM baskets", one)) for one in beside(name, "replaced"))
        live = int(sql(name, "SELECT (SELECT count(*) FROM baskets) + (SELECT count(*) FROM said) + 50000"))
        assert facts["rows"] == live + replaced

    each(test, DATABASES)


def of(name: str) -> list[str]:
    return [one["id"] for one in snapshots(name) if one["tags"] == ["binlog"]]


def test_a_log_that_is_damaged_is_no_restore(desk: Desk) -> None:
    """What restic would not notice, since it was saved like that."""
    name = "stage1"
    sql(name, "INSERT INTO baskets (customer_id) SELECT 1 + seq % 100 FROM seq_1_to_1000; FLUSH BINARY LOGS")
    file = sql(name, "SHOW BINARY LOGS").splitlines()[-2].split("\t")[0]
    host(name, f"cp -p /var/lib/mysql/{file} /root/; printf XY | dd of=/var/lib/mysql/{file} bs=1 seek=5000 conv=notrunc 2>/dev/null")
    moment = now(name)
    try:
        host(name, "sleep 1.1")
        sql(name, "DELETE FROM baskets")
        before = beside(name)
        done = restore(desk, name, "restore_table=shop.baskets", f"restore_to={moment}", rc=2)
        assert "the log of changes is damaged" in " ".join((done.stdout + done.stderr).split())
        assert beside(name) == before
    finally:
        host(name, f"mv /root/{file} /var/lib/mysql/; prod-access-backup run mariadb binlog")
