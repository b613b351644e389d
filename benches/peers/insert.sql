-- Inserts one book as createBook does, for pgbench. This measures what the database alone can do with this table.
-- The harness's own pgbench/W3.sql does the same with the reference table.
--
--     pgbench -n -M prepared -c 16 -j 1 -T 3 -f benches/peers/insert.sql DATABASE
--
-- in a database to which copy-from-reference.sql was applied, and this statement:
--
--     CREATE TABLE o AS SELECT array_agg(id) AS own FROM (SELECT id FROM users ORDER BY id LIMIT 50) u;
\set n random(1, 50)
INSERT INTO books (id, owner_id, title, title_folded, author, author_folded, rating, notes, notes_folded, idempotency_key,
                   version, created_at, updated_at)
VALUES (gen_random_uuid(), (SELECT own[:n] FROM o), 'Bench word title here', 'bench word title here' || random(),
        'Ada Whitfield', 'ada whitfield', 3, repeat('word ', 40), repeat('word ', 40), gen_random_uuid()::text,
        1, 1700000000000, 1700000000000)
RETURNING id;
