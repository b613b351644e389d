"""Copies the reference data of the comparison (an SQLite file) into Bookshelf's own tables, as
copy-from-reference.sql does on PostgreSQL.

    python3 copy_from_reference.py REFERENCE BOOKSHELF
"""
import re
import sqlite3
import sys
import unicodedata
from datetime import datetime, timezone

# An id n becomes the UUID whose TypeID ends in the decimal digits of n.
FIRST_KEY = 0x01900000_0000_7000_8000_000000000000

STROKES = str.maketrans("øØ", "oo")


def key(n):
    digits = sum(int(digit) << (5 * place) for place, digit in enumerate(reversed(str(n))))
    return (FIRST_KEY + digits).to_bytes(16, "big")


def millis(text):
    at = datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=timezone.utc)
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


def ascii_lower(text):
    if not text.isascii():
        raise ValueError(f"cannot be folded here: {text!r}")
    return text.lower()


def fold(text):
    """As `fold` in src/input/text/fold.rs does it with the letters of the reference data: ASCII, others with
    accents, and ø."""
    if text is None:
        return None
    if not text.isascii():
        text = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text)).translate(STROKES)
    return " ".join(ascii_lower(text).replace("`", "'").replace("-", " ").split())


def main(reference, bookshelf):
    source = sqlite3.connect(reference)
    db = sqlite3.connect(bookshelf)
    users = source.execute("SELECT id, username, email, password_hash, created_at FROM users ORDER BY id")
    db.executemany(
        "INSERT INTO users (id, username, username_folded, email, email_folded, password_hash, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        ((key(n), name, ascii_lower(name), email, ascii_lower(email), password_hash, millis(at))
         for n, name, email, password_hash, at in users))
    books = source.execute(
        "SELECT id, user_id, title, author, isbn, rating, notes, created_at FROM books ORDER BY id")
    db.executemany(
        "INSERT INTO books (owner_id, id, title, title_folded, author, author_folded, isbn, rating, notes,"
        " notes_folded, bytes, version, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)",
        ((key(owner), key(n), title, fold(title), author, fold(author), isbn, rating, notes, fold(notes),
          sum(len((text or "").encode()) for text in (title, author, isbn, notes)), millis(at))
         for n, owner, title, author, isbn, rating, notes, at in books))
    db.commit()
    db.execute("ANALYZE")
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


if __name__ == "__main__":
    main(*sys.argv[1:])
