-- The same shop as in PostgreSQL, with 30,000 orders.
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;

CREATE TABLE customers (
    id bigint PRIMARY KEY AUTO_INCREMENT,
    name varchar(100) NOT NULL,
    email varchar(100) NOT NULL UNIQUE,
    since date NOT NULL
);
INSERT INTO customers (name, email, since)
SELECT
    concat(first, ' ', last),
    lower(concat(first, '.', last, n, '@example.com')),
    date '2023-01-01' + INTERVAL n % 1000 DAY
FROM (
    SELECT
        seq AS n,
        elt(1 + seq % 7, 'Maria', 'John', 'Aiko', 'Fatima', 'Lars', 'Chloe', 'Pedro') AS first,
        elt(1 + seq % 11, 'Silva', 'Murphy', 'Tanaka', 'Hassan', 'Berg', 'Martin', 'Gomez', 'Novak', 'Kaya', 'Rossi', 'Okafor') AS last
    FROM seq_1_to_20000
) AS people;

CREATE TABLE orders (
    id bigint PRIMARY KEY AUTO_INCREMENT,
    customer_id bigint NOT NULL REFERENCES customers (id),
    placed_at datetime NOT NULL,
    status enum('placed', 'paid', 'shipped', 'delivered', 'returned') NOT NULL,
    total decimal(10, 2) NOT NULL,
    note text,
    KEY orders_placed_at (placed_at)
);
INSERT INTO orders (customer_id, placed_at, status, total, note)
SELECT
    1 + seq * 7919 % 20000,
    timestamp '2023-11-01 08:00:00' + INTERVAL seq * 50 MINUTE,
    CASE WHEN seq > 29900 THEN elt(1 + seq % 3, 'placed', 'paid', 'shipped') WHEN seq % 40 = 0 THEN 'returned' ELSE 'delivered' END,
    4.99 + seq * 104729 % 50000 / 100.0,
    CASE WHEN seq % 25 = 0 THEN 'Please leave it with the neighbours.' END
FROM seq_1_to_30000;
ANALYZE TABLE customers, orders;
