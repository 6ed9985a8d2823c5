"""Statements of SQL: those that destroy data in one stroke are found wherever they stand, and nothing else is."""

from __future__ import annotations

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._sql import (
    MARIADB,
    POSTGRESQL,
    Dialect,
    changes,
    findings,
    statements,
    tokens,
    unquoted,
)
from hypothesis import given
from hypothesis import strategies as st

BOTH = [POSTGRESQL, MARIADB]


def found(text: str, dialect: Dialect = POSTGRESQL) -> list[str]:
    return [str(finding) for finding in findings(text, dialect)]


@pytest.mark.parametrize("dialect", BOTH, ids=["postgresql", "mariadb"])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("DROP TABLE orders", "DROP TABLE orders"),
        ("drop table if exists shop.orders, customers cascade;", "DROP TABLE shop.orders, customers"),
        ("DROP DATABASE shop", "DROP DATABASE shop"),
        ("Drop Schema a, b", "DROP SCHEMA a, b"),
        ("DROP VIEW IF EXISTS v", "DROP VIEW v"),
        ("DROP MATERIALIZED VIEW v RESTRICT", "DROP MATERIALIZED VIEW v"),
        ("DROP FOREIGN TABLE f", "DROP FOREIGN TABLE f"),
        ("DROP SEQUENCE s", "DROP SEQUENCE s"),
        ("DROP OWNED BY alice", "DROP OWNED alice"),
        ("DROP TYPE mood CASCADE", "DROP TYPE mood"),
        ("TRUNCATE orders", "TRUNCATE orders"),
        ("TRUNCATE TABLE ONLY orders *, b RESTART IDENTITY", "TRUNCATE orders, b"),
        ("DELETE FROM orders", "DELETE FROM orders without a filter"),
        ("DELETE FROM ONLY shop . orders AS o", "DELETE FROM shop.orders without a filter"),
        ("delete from orders where true", "DELETE FROM orders without a filter"),
        ("delete from orders where (1 = 1) and not null returning id", "DELETE FROM orders without a filter"),
        ("delete from orders where 'a' = 'a' order by id limit 3", "DELETE FROM orders without a filter"),
        ("DELETE FROM a USING (SELECT id FROM b WHERE id = 1) AS c", "DELETE FROM a without a filter"),
        ("UPDATE orders SET note = NULL", "UPDATE orders without a filter"),
        ("UPDATE ONLY orders AS o SET note = (SELECT n FROM x WHERE x.id = o.id)", "UPDATE orders without a filter"),
        ("WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone WHERE id = 1", "DELETE FROM orders without a filter"),
        ("WITH x AS (SELECT 1 WHERE a = b) UPDATE orders SET id = 1", "UPDATE orders without a filter"),
        ("EXPLAIN (ANALYZE, BUFFERS) DELETE FROM orders", "DELETE FROM orders without a filter"),
        ("EXPLAIN ANALYZE VERBOSE DELETE FROM orders", "DELETE FROM orders without a filter"),
        ("ALTER TABLE IF EXISTS ONLY orders DROP COLUMN IF EXISTS note CASCADE", "ALTER TABLE orders DROP COLUMN IF EXISTS note CASCADE"),
        ("ALTER TABLE orders ADD a int, DROP note, DROP CONSTRAINT c, drop b", "ALTER TABLE orders DROP note, drop b"),
        ("ALTER TABLE orders TRUNCATE PARTITION p1", "ALTER TABLE orders TRUNCATE PARTITION p1"),
        ("CREATE OR REPLACE TABLE orders (id int)", "CREATE OR REPLACE TABLE orders"),
        ("SELECT 1;;\n/* why */ DROP TABLE -- which\n orders", "DROP TABLE orders"),
    ],
)
def test_what_destroys_data(text: str, says: str, dialect: Dialect) -> None:
    assert found(text, dialect) == [says]


@pytest.mark.parametrize("dialect", BOTH, ids=["postgresql", "mariadb"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT 'DROP TABLE orders'",
        "DELETE FROM orders WHERE id = 1",
        "DELETE FROM orders WHERE true AND id = 1",
        "UPDATE orders SET note = NULL WHERE id IN (SELECT 1)",
        "WITH x AS (DELETE FROM orders WHERE id = 1 RETURNING *) SELECT * FROM x",
        "DROP INDEX orders_placed_at",
        "DROP ROLE alice",
        "DROP TEMPORARY TABLE t",
        "DROP",
        "DELETE",
        "UPDATE",
        "TRUNCATE",
        "SELECT truncate(1.5, 0), (truncate(1.5, 0))",
        "SELECT * FROM orders FOR UPDATE",
        "INSERT INTO orders VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2",
        "MERGE INTO a USING b ON true WHEN MATCHED THEN UPDATE SET x = 1 WHEN NOT MATCHED BY SOURCE THEN DELETE",
        "GRANT SELECT, DELETE, UPDATE, TRUNCATE ON orders TO alice",
        "CREATE TABLE a (b int REFERENCES c ON DELETE CASCADE ON UPDATE SET NULL)",
        "CREATE TRIGGER t AFTER DELETE ON orders FOR EACH ROW DELETE FROM a",
        "CREATE RULE r AS ON DELETE TO orders DO INSTEAD (DELETE FROM a; DELETE FROM b)",
        "EXPLAIN DELETE FROM orders",
        "ALTER TABLE orders ALTER COLUMN note DROP NOT NULL, ALTER COLUMN note DROP DEFAULT, DROP CONSTRAINT c",
        "ALTER USER alice RENAME TO drop_table",
        "SELECT dropped, truncated, deleted FROM updates",
    ],
)
def test_what_is_left_alone(text: str, dialect: Dialect) -> None:
    assert found(text, dialect) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('DROP TABLE "My; ""Table"', ['DROP TABLE "My; ""Table"']),
        ("SELECT E'it\\'s'; DROP TABLE a", ["DROP TABLE a"]),
        ("SELECT 'a\\'; DROP TABLE a --'", ["DROP TABLE a"]),
        ("SELECT E'\\'; DROP TABLE a --'", []),
        ("SELECT 'it''s; DROP TABLE a'", []),
        ("SELECT $$; DROP TABLE a; $$, $x$ $$; DROP TABLE b $x$; DROP TABLE c", ["DROP TABLE c"]),
        ("SELECT a$b$; DROP TABLE a; SELECT c$b$", ["DROP TABLE a"]),
        ("DO $$ BEGIN DELETE FROM orders; END $$", []),
        ("/* /* */ DROP TABLE a; */ SELECT 1", []),
        ("/*! DROP TABLE a */", []),
        ("CREATE FUNCTION f() RETURNS void BEGIN ATOMIC DELETE FROM a; DELETE FROM b; END", []),
        ("SELECT 1 # 2; DROP TABLE a", ["DROP TABLE a"]),
        ("SELECT 'DROP TABLE a", []),
        ("SELECT 1 /* DROP TABLE a", []),
    ],
)
def test_as_postgresql_reads_it(text: str, says: list[str]) -> None:
    assert found(text, POSTGRESQL) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("DROP TABLES `My``; Table`, `a`.`b`", ["DROP TABLES `My``; Table`, `a`.`b`"]),
        ('DROP TABLE "orders"', ["DROP TABLE"]),
        ("DELETE FROM a WHERE 1.5 = 1", ["DELETE FROM a without a filter"]),
        ("SELECT 'it\\'s; DROP TABLE a'", []),
        ('SELECT "it\'s"; DROP TABLE a', ["DROP TABLE a"]),
        ('SELECT "DROP TABLE a;"', []),
        ("/*!50000 DROP TABLE a */", ["DROP TABLE a"]),
        ("/*M!100100 DROP */ TABLE a", ["DROP TABLE a"]),
        ("/* /* */ DROP TABLE a", ["DROP TABLE a"]),
        ("SELECT 1 # DROP TABLE a;\n; DROP TABLE b", ["DROP TABLE b"]),
        ("SELECT 1--1; DROP TABLE a", ["DROP TABLE a"]),
        ("SELECT 1 -- 1; DROP TABLE a", []),
        ("DELETE a, b.* FROM a JOIN b USING (id)", ["DELETE FROM a, b without a filter"]),
        ("DELETE LOW_PRIORITY QUICK IGNORE FROM a", ["DELETE FROM a without a filter"]),
        ("UPDATE LOW_PRIORITY a JOIN b ON a.id = b.id SET a.x = 1", ["UPDATE a without a filter"]),
        ("ANALYZE FORMAT=JSON DELETE FROM a", ["DELETE FROM a without a filter"]),
        ("SET STATEMENT max_statement_time=1 FOR DELETE FROM a", ["DELETE FROM a without a filter"]),
        ("BEGIN NOT ATOMIC IF 1 THEN DELETE FROM a; END IF; END", ["DELETE FROM a without a filter"]),
        ("CREATE DEFINER=`a`@`b` PROCEDURE p() BEGIN DELETE FROM a; DROP TABLE b; END", []),
        ("CREATE PROCEDURE p() DELETE FROM a; DROP TABLE b", ["DROP TABLE b"]),
        ("ALTER IGNORE TABLE 2024_orders DROP a", ["ALTER TABLE 2024_orders DROP a"]),
        ("DELETE FROM 2024_orders WHERE 1", ["DELETE FROM 2024_orders without a filter"]),
    ],
)
def test_as_mariadb_reads_it(text: str, says: list[str]) -> None:
    assert found(text, MARIADB) == says


def test_several_in_one_message() -> None:
    assert found("DROP TABLE a; SELECT ';'; DELETE FROM b; TRUNCATE c") == ["DROP TABLE a", "DELETE FROM b without a filter", "TRUNCATE c"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [("orders", "orders"), ("shop.orders", "orders"), ('shop."My ""a.b"""', 'My "a.b"'), ("`a``b`", "a`b"), ('"', ""), ("", "")],
)
def test_a_name_without_its_quotes(name: str, kept: str) -> None:
    assert unquoted(name) == kept


# --- Whatever stands around it ---

DIALECTS = st.sampled_from(BOTH)
TEXT = st.text(alphabet="aZ1 ;()'\"`#$-/*\\\n\té_", max_size=12)
DESTROYS = st.sampled_from(["DROP TABLE t", "truncate t", "DELETE FROM t", "UPDATE t SET a = 1", "ALTER TABLE t DROP a"])
HARMLESS = st.sampled_from(["SELECT 1", "DELETE FROM t WHERE a = 1", "UPDATE t SET a = 1 WHERE a = 2", "SELECT (1), a FROM t"])


def quoted(dialect: Dialect, text: str) -> list[str]:
    """Every way to write a text so that it is a string, a name or a comment."""
    doubled, escaped = text.replace("'", "''"), text.replace("\\", "\\\\").replace("'", "\\'")
    if dialect is POSTGRESQL:
        return [
            f"'{doubled}'",
            f"E'{escaped}'",
            f"$q${text.replace('$', '')}$q$",
            '"' + text.replace('"', '""') + '"',
            f"/*{text.replace('/', '')}*/",
            f"/* /* */ {text.replace('/', '')} */",
            f"--{text.splitlines()[0] if text.splitlines() else ''}\n",
        ]
    line = text.split("\n")[0]
    return [
        f"'{escaped}'",
        '"' + text.replace("\\", "\\\\").replace('"', '""') + '"',
        f"`{text.replace('`', '``')}`",
        f"/* {text.replace('/', '')}*/",
        f"-- {line}\n",
        f"#{line}\n",
    ]


@given(DIALECTS, TEXT, DESTROYS, TEXT, st.data())
def test_text_in_strings_names_and_comments_is_no_statement(
    dialect: Dialect, before: str, statement: str, after: str, data: st.DataObject
) -> None:
    text = data.draw(st.sampled_from(quoted(dialect, f"{before};{statement};{after}")))
    assert found(f"SELECT {text}", dialect) == []
    assert found(f"SELECT 1 {text} ; {statement}", dialect) != []


@given(DIALECTS, st.lists(st.tuples(HARMLESS | DESTROYS, TEXT), min_size=1, max_size=5), st.data())
def test_a_text_is_split_where_its_statements_end(dialect: Dialect, parts: list[tuple[str, str]], data: st.DataObject) -> None:
    written = [f"{statement} {data.draw(st.sampled_from(quoted(dialect, text)))}" for statement, text in parts]
    assert [list(tokens(text, dialect)) for text in written] == list(statements(";".join(written), dialect))


@given(DIALECTS, st.lists(HARMLESS, max_size=3), DESTROYS, st.lists(HARMLESS, max_size=3), TEXT, st.data())
def test_a_statement_is_found_wherever_it_stands(
    dialect: Dialect, before: list[str], statement: str, after: list[str], text: str, data: st.DataObject
) -> None:
    comments = [f" {one} " for one in quoted(dialect, text) if one[0] in "/-#"]
    blank = st.sampled_from([" ", "\n", "\t ", *comments])
    case = data.draw(st.sampled_from([str.upper, str.lower, str.title]))
    spread = "".join(case(word) + data.draw(blank) for word in statement.split())
    assert len(found("; ".join([*before, spread, *after]), dialect)) == 1


@given(DIALECTS, st.text() | TEXT)
def test_any_text_can_be_read(dialect: Dialect, text: str) -> None:
    assert isinstance(found(f"drop {text}", dialect), list)


@pytest.mark.parametrize(
    ("text", "does"),
    [
        ("SELECT 1", False),
        ("/* c */ select * from drop_table;  ; ", False),
        ("", False),
        ("BEGIN; SELECT 1; ROLLBACK", False),
        ("(SELECT 1) UNION (SELECT 2)", False),
        ("BEGIN; insert into x values (1)", True),
        ("WITH gone AS (DELETE FROM x RETURNING 1) SELECT * FROM gone", True),
        ("CREATE VIEW v AS SELECT 1", True),
        ("GRANT ALL ON x TO bob", True),
        ("CALL tidy()", True),
    ],
)
def test_what_may_change_something(text: str, does: bool) -> None:
    assert changes(text, POSTGRESQL) is does
