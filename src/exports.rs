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
const PAGE_SIZE: u64 = 200;

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
    let export = Export { store, owner, writer: BookFileWriter::new(format), position: Some(None) };
    stream::try_unfold(export, |mut export| async move {
        Ok(export.next_part().await?.map(|part| (part, export)))
    })
}

struct Export {
    store: Store,
    owner: UserId,
    writer: BookFileWriter,
    /// The last book that was written, if any; `None` when the file is complete.
    position: Option<Option<BookId>>,
}

impl Export {
    async fn next_part(&mut self) -> Result<Option<Bytes>, StoreError> {
        let Some(after) = self.position else { return Ok(None) };
        let books = self.store.books().next_oldest(self.owner, after, PAGE_SIZE).await?;
        let mut part = Vec::new();
        if after.is_none() {
            self.writer.begin(&mut part);
        }
        for book in &books {
            self.writer.write(&file_book(book)?, &mut part);
        }
        let is_last = (books.len() as u64) < PAGE_SIZE;
        self.position = match books.last() {
            Some(last) if !is_last => Some(Some(last.id)),
            _ => None,
        };
        if self.position.is_none() {
            self.writer.end(&mut part);
        }
        Ok(Some(part.into()))
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
