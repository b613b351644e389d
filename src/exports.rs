//! Exports of libraries: links that work once, and the files themselves.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::{Stream, stream};
use rand::CryptoRng;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::book_files::{BookFileFormat, BookFileWriter, FileBook};
use crate::clock::Timestamp;
use crate::id::{BookId, UserId};
use crate::input::calendar_date::CalendarDate;
use crate::store::books::Book;
use crate::store::exports::LinkHash;
use crate::store::{Store, StoreError};

/// How long a link works.
pub(crate) const LINK_LIFETIME: Duration = Duration::from_secs(3_600);

/// How many books are read at once.
const PAGE_SIZE: u64 = 50;

/// A part with this many bytes is complete, though its last book may be long.
const ENOUGH_BYTES: usize = 64 << 10;

/// The secret part of a link: 256 random bits. The database has its hash.
#[derive(Clone, Debug)]
pub(crate) struct LinkToken(SecretString);

impl LinkToken {
    pub(crate) fn generate(random: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        random.fill_bytes(&mut bytes);
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// Wraps the text of a link. Only the database can check whether it is valid.
    pub(crate) fn from_presented(text: &str) -> Self {
        Self(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub(crate) fn hash(&self) -> LinkHash {
        Sha256::digest(self.expose().as_bytes()).into()
    }
}

/// The name of a file, with the day in UTC: `bookshelf-2026-11-28.csv`.
pub(crate) fn file_name(format: BookFileFormat, now: Timestamp) -> String {
    let day = CalendarDate::from_utc(now).map_or_else(String::new, |day| format!("-{day}"));
    let kind = match format {
        BookFileFormat::Csv | BookFileFormat::Json => "",
        BookFileFormat::Goodreads => "-goodreads",
    };
    format!("bookshelf{kind}{day}.{}", format.extension())
}

/// The file with all books of a library, oldest first, in parts. The next part is read from the database when it is
/// polled for, so that memory does not depend on the size of the library, and a slow reader holds no connection.
pub(crate) fn file(
    store: Store,
    owner: UserId,
    format: BookFileFormat,
) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static {
    let export = Export {
        store,
        owner,
        writer: BookFileWriter::new(format),
        page: Vec::new().into_iter(),
        position: Position::Start,
    };
    stream::try_unfold(export, |mut export| async move {
        Ok(export.next_part().await?.map(|part| (part, export)))
    })
}

struct Export {
    store: Store,
    owner: UserId,
    writer: BookFileWriter,
    /// Books that were read and are not written yet.
    page: std::vec::IntoIter<Book>,
    position: Position,
}

/// How much of the library was read.
#[derive(Clone, Copy)]
enum Position {
    Start,
    After(BookId),
    End,
    /// The end of the file is written too.
    Complete,
}

impl Export {
    async fn next_part(&mut self) -> Result<Option<Bytes>, StoreError> {
        let mut part = Vec::new();
        while part.len() < ENOUGH_BYTES {
            if let Some(book) = self.page.next() {
                self.writer.write(&file_book(&book)?, &mut part);
                continue;
            }
            let after = match self.position {
                Position::Start => {
                    self.writer.begin(&mut part);
                    None
                }
                Position::After(last) => Some(last),
                Position::End => {
                    self.writer.end(&mut part);
                    self.position = Position::Complete;
                    break;
                }
                Position::Complete => break,
            };
            let books = self.store.books().next_oldest(self.owner, after, PAGE_SIZE).await?;
            self.position = match books.last() {
                Some(last) if books.len() as u64 == PAGE_SIZE => Position::After(last.id),
                _ => Position::End,
            };
            self.page = books.into_iter();
        }
        // Goodreads' files have no end, so that the last part may be empty.
        Ok((!part.is_empty()).then(|| part.into()))
    }
}

/// A book of the library as it is written. An error if a column was not selected.
fn file_book(book: &Book) -> Result<FileBook, StoreError> {
    Ok(FileBook {
        title: book.title()?.clone(),
        author: book.author()?.clone(),
        isbn: book.isbn()?.clone(),
        rating: *book.rating()?,
        notes: book.notes()?.clone(),
        status: *book.status()?,
        started_on: *book.started_on()?,
        finished_on: *book.finished_on()?,
        read_count: Some(*book.read_count()?),
        publisher: book.publisher()?.clone(),
        published_year: *book.published_year()?,
        page_count: *book.page_count()?,
        tags: book.tags()?.clone(),
        added_at: Some(book.created_at()),
    })
}
