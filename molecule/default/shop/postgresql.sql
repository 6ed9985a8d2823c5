-- A small shop: 20,000 customers and 500,000 orders over three years.
CREATE ROLE shop LOGIN;
CREATE DATABASE shop OWNER shop;
\connect shop
SET ROLE shop;

CREATE TABLE customers (
    id bigserial PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL UNIQUE,
    since date NOT NULL
);
INSERT INTO customers (name, email, since)
SELECT
    initcap(first) || ' ' || initcap(last),
    first || '.' || last || n || '@example.com',
    date '2023-01-01' + n % 1000
FROM (
    SELECT
        n,
        (ARRAY['maria', 'john', 'aiko', 'fatima', 'lars', 'chloe', 'pedro'])[1 + n % 7] AS first,
        (ARRAY['silva', 'murphy', 'tanaka', 'hassan', 'berg', 'martin', 'gomez', 'novak', 'kaya', 'rossi', 'okafor'])[1 + n % 11] AS last
    FROM generate_series(1, 20000) AS n
) AS people;

CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    placed_at timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN ('placed', 'paid', 'shipped', 'delivered', 'returned')),
    total numeric(10, 2) NOT NULL,
    note text
);
INSERT INTO orders (customer_id, placed_at, status, total, note)
SELECT
    1 + n::bigint * 7919 % 20000,
    timestamptz '2023-11-01 08:00Z' + n * interval '3 minutes',
    CASE WHEN n > 499000 THEN (ARRAY['placed', 'paid', 'shipped'])[1 + n % 3] WHEN n % 40 = 0 THEN 'returned' ELSE 'delivered' END,
    (4.99 + n::bigint * 104729 % 50000 / 100.0)::numeric(10, 2),
    CASE WHEN n % 25 = 0 THEN 'Please leave it with the neighbours.' END
FROM generate_series(1, 500000) AS n;
CREATE INDEX orders_placed_at ON orders (placed_at);

RESET ROLE;
VACUUM (FREEZE, ANALYZE);
CHECKPOINT;
