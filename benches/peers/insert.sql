-- Inserts one book as createBook does, for pgbench. This measures what the database alone can do with this table.
-- The harness's own pgbench/W3.sql does the same with the reference table.
--
--     pgbench -n -M prepared -c 16 -j 1 -T 3 -f benches/peers/insert.sql DATABASE
--
-- in a database to which copy-from-reference.sql was applied, and this statement:
--
--     CREATE TABLE o AS SELECT array_agg(id) AS own FROM (SELECT id FROM users ORDER BY id LIMIT 50) u;
\set n random(1, 50)
WITH reserved AS (
    INSERT INTO libraries AS library (owner_id, book_count, kibibytes) VALUES ((SELECT own[:n] FROM o), 1, 1)
    ON CONFLICT (owner_id) DO UPDATE SET book_count = library.book_count + 1, kibibytes = library.kibibytes + 1
    WHERE library.book_count < 100000 AND library.kibibytes + excluded.kibibytes <= 1048576
    RETURNING owner_id)
INSERT INTO books (owner_id, id, title, title_folded, author, author_folded, rating, notes, notes_folded, idempotency_key,
                   bytes, version, updated_at)
SELECT owner_id, gen_random_uuid(), 'Bench word title here', 'bench word title here' || random(),
       'Ada Whitfield', 'ada whitfield', 3, repeat('word ', 40), repeat('word ', 40), gen_random_uuid()::text,
       234, 1, 1700000000000 FROM reserved
RETURNING id;
