-- Copies the reference data of the comparison (schema `reference`: users and books with integer keys) into
-- Bookshelf's own tables. An id n becomes the UUID whose TypeID ends in the decimal digits of n, so that
-- a client can name a book by its number: book 42 is book_01j0000000e008000000000042.

CREATE FUNCTION pg_temp.key(n integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT ('01900000-0000-7000-8000-00' || lpad(to_hex(
    (SELECT sum(substr(lpad(n::text, 8, '0'), place, 1)::bigint << (5 * (8 - place)))::bigint
     FROM generate_series(1, 8) AS place)
  ), 10, '0'))::uuid
$$;

CREATE FUNCTION pg_temp.millis(t timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT floor(extract(epoch FROM t) * 1000)::bigint
$$;

-- As `fold` in src/input/text/fold.rs does it with the letters of the reference data: ASCII, others with accents,
-- and ø.
CREATE FUNCTION pg_temp.fold(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  folded text := t;
BEGIN
  IF octet_length(t) > length(t) THEN
    folded := translate(regexp_replace(normalize(t, NFKD), '[\u0300-\u036F]', '', 'g'), 'øØ', 'oo');
    IF octet_length(folded) > length(folded) THEN RAISE EXCEPTION 'cannot be folded here: %', t; END IF;
  END IF;
  RETURN trim(regexp_replace(translate(lower(folded), '`', ''''), '[\s-]+', ' ', 'g'));
END
$$;

INSERT INTO users (id, username, username_folded, email, email_folded, password_hash, created_at)
SELECT pg_temp.key(id), username, lower(username), email, lower(email), password_hash,
       pg_temp.millis(created_at)
FROM reference.users ORDER BY id;

INSERT INTO books (owner_id, id, title, title_folded, author, author_folded, isbn, rating, notes, notes_folded,
                   bytes, version, updated_at)
SELECT pg_temp.key(user_id), pg_temp.key(id), title, pg_temp.fold(title), author, pg_temp.fold(author), isbn, rating,
       notes, pg_temp.fold(notes), octet_length(concat(title, author, isbn, notes)), 1, pg_temp.millis(created_at)
FROM reference.books ORDER BY id;

INSERT INTO libraries (owner_id, book_count, kibibytes)
SELECT owner_id, count(*), sum((bytes + 1023) / 1024) FROM books GROUP BY owner_id;
