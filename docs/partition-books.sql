-- Distributes the table of books over eight partitions by owner. To be run on PostgreSQL while no server runs, as the
-- owner of the table. See scaling.md.
--
-- Constraints and indexes of a partition have the name of the table's with a suffix, which the server expects.
BEGIN;

DO $$
DECLARE
    partitions CONSTANT integer := 8;
    found record;
    part integer;
    suffix text;
BEGIN
    ALTER TABLE book_covers DROP CONSTRAINT book_covers_book;
    ALTER TABLE books RENAME TO books_before;
    ALTER TABLE books_before RENAME CONSTRAINT books_key TO books_key_before;
    CREATE TABLE books (LIKE books_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS, CONSTRAINT books_key
        PRIMARY KEY (owner_id, id)) PARTITION BY HASH (owner_id);
    ALTER TABLE books ADD CONSTRAINT books_owner
        FOREIGN KEY (owner_id) REFERENCES users (id) ON DELETE CASCADE;
    FOR part IN 0 .. partitions - 1 LOOP
        EXECUTE format('CREATE TABLE books_%s PARTITION OF books FOR VALUES WITH (MODULUS %s, REMAINDER %1$s)',
            part, partitions);
    END LOOP;

    FOR found IN
        SELECT relname AS name, pg_get_indexdef(oid) AS definition FROM pg_class JOIN pg_index ON indexrelid = oid
        WHERE indrelid = 'books_before'::regclass AND NOT indisprimary
    LOOP
        EXECUTE format('ALTER INDEX %I RENAME TO %I', found.name, found.name || '_before');
        EXECUTE replace(found.definition, ' ON public.books_before ', ' ON ONLY public.books ');
        FOR part IN 0 .. partitions - 1 LOOP
            suffix := '_' || part;
            EXECUTE replace(replace(found.definition, ' ON public.books_before ', ' ON public.books' || suffix || ' '),
                found.name, found.name || suffix);
            EXECUTE format('ALTER INDEX %I ATTACH PARTITION %I', found.name, found.name || suffix);
        END LOOP;
    END LOOP;

    FOR found IN
        SELECT pg_get_triggerdef(oid) AS definition FROM pg_trigger
        WHERE tgrelid = 'books_before'::regclass AND NOT tgisinternal
    LOOP
        EXECUTE replace(found.definition, ' ON public.books_before ', ' ON public.books ');
    END LOOP;

    INSERT INTO books SELECT * FROM books_before;
    DROP TABLE books_before;
    ALTER TABLE book_covers ADD CONSTRAINT book_covers_book
        FOREIGN KEY (owner_id, book_id) REFERENCES books (owner_id, id) ON DELETE CASCADE;
END $$;

COMMIT;
ANALYZE books;
