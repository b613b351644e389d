//! Mutations of the viewer's books: create, update, delete.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use crate::graphql::context::ContextExt;
use crate::graphql::direct_json::JsonObject;
use crate::graphql::error::{ApiError, Result};
use crate::graphql::types::book::Book;
use crate::graphql::types::book_filter::BookOrder;
use crate::graphql::types::connection::BookEdge;
use crate::graphql::types::user_error::{InputErrors, UserError, UserErrorCode};
use crate::id::{BookId, UserId};
use crate::input::author::Author;
use crate::input::idempotency_key::IdempotencyKey;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::publisher::Publisher;
use crate::input::rating::Rating;
use crate::input::title::Title;
use crate::input::validation_error::{ValidationError, ValidationErrorCode};
use crate::store::books::{self, BookChanges, CreateOutcome, NewBook, UpdateOutcome};

#[derive(Debug, Default)]
pub(super) struct BookMutation;

/// The book to add.
#[derive(Debug, InputObject)]
struct CreateBookInput {
    /// The title, 1 to 500 characters. A line break becomes a space.
    title: String,
    /// The author or authors, 1 to 500 characters. A line break becomes a space.
    author: String,
    /// An ISBN-10 or ISBN-13 in any usual spelling, unique in the library. Absent, null or blank means
    /// no ISBN.
    isbn: Option<String>,
    /// The rating, 1 to 5. Absent or null means not rated.
    rating: Option<i32>,
    /// Notes, up to 20,000 characters. Absent, null or blank means no notes.
    notes: Option<String>,
    /// The publisher, 1 to 200 characters. Absent, null or blank means that it is not known.
    publisher: Option<String>,
}

impl CreateBookInput {
    fn parse(self, form: &mut InputErrors) -> Option<NewBook> {
        let title = form.check("title", Title::parse(&self.title));
        let author = form.check("author", Author::parse(&self.author));
        let isbn = form.check("isbn", self.isbn.as_deref().map_or(Ok(None), Isbn::parse));
        let rating = form.check("rating", self.rating.map(Rating::parse).transpose());
        let notes = form.check("notes", self.notes.as_deref().map_or(Ok(None), Notes::parse));
        let publisher =
            form.check("publisher", self.publisher.as_deref().map_or(Ok(None), Publisher::parse));
        Some(NewBook {
            title: title?,
            author: author?,
            isbn: isbn?,
            rating: rating?,
            notes: notes?,
            publisher: publisher?,
        })
    }
}

/// The result of `createBook`.
#[derive(Debug, Default, SimpleObject)]
struct CreateBookPayload {
    /// The new book; null if there are errors.
    book: Option<JsonObject<Book>>,
    /// The new book with its cursor in the default order, for client caches of connections. Null if
    /// there are errors.
    book_edge: Option<BookEdge>,
    /// Why the book was not added; empty on success.
    user_errors: Vec<UserError>,
}

impl CreateBookPayload {
    fn done(row: books::Book) -> Self {
        let edge = BookEdge::new(BookOrder::default().into(), row.clone());
        Self {
            book: Some(JsonObject(Book::new(row))),
            book_edge: Some(edge),
            user_errors: Vec::new(),
        }
    }
}

/// Changes to a book. An absent field is not changed, and null clears a field. Title and author cannot
/// be cleared.
#[derive(Debug, InputObject)]
struct UpdateBookInput {
    /// The title, 1 to 500 characters. A line break becomes a space.
    title: MaybeUndefined<String>,
    /// The author or authors, 1 to 500 characters. A line break becomes a space.
    author: MaybeUndefined<String>,
    /// An ISBN-10 or ISBN-13 in any usual spelling, unique in the library. Null or blank removes it.
    isbn: MaybeUndefined<String>,
    /// The rating, 1 to 5. Null removes it.
    rating: MaybeUndefined<i32>,
    /// Notes, up to 20,000 characters. Null or blank removes them.
    notes: MaybeUndefined<String>,
    /// The publisher, 1 to 200 characters. Null or blank removes it.
    publisher: MaybeUndefined<String>,
    /// The version on which the change is based. The change is rejected if the book has another
    /// version. If absent or null, the version is not checked.
    expected_version: Option<i32>,
}

impl UpdateBookInput {
    fn parse(self, form: &mut InputErrors) -> Option<BookChanges> {
        let title = form.check("title", required_change(self.title, |it| Title::parse(&it)));
        let author = form.check("author", required_change(self.author, |it| Author::parse(&it)));
        let isbn = form.check("isbn", optional_change(self.isbn, |it| Isbn::parse(&it)));
        let rating = form.check("rating", optional_change(self.rating, Rating::parse));
        let notes = form.check("notes", optional_change(self.notes, |it| Notes::parse(&it)));
        let publisher =
            form.check("publisher", optional_change(self.publisher, |it| Publisher::parse(&it)));
        Some(BookChanges {
            title: title?,
            author: author?,
            isbn: isbn?.map(Option::flatten),
            rating: rating?,
            notes: notes?.map(Option::flatten),
            publisher: publisher?.map(Option::flatten),
        })
    }
}

/// The result of `updateBook`.
#[derive(Debug, Default, SimpleObject)]
struct UpdateBookPayload {
    /// The book after the change; null if there are errors.
    book: Option<JsonObject<Book>>,
    /// Why the book was not changed; empty on success.
    user_errors: Vec<UserError>,
}

impl UpdateBookPayload {
    fn rejected(error: UserError) -> Self {
        Self { book: None, user_errors: vec![error] }
    }
}

/// The result of `deleteBook`.
#[derive(Debug, Default, SimpleObject)]
struct DeleteBookPayload {
    /// Id of the deleted book, for client caches; null if no book was deleted.
    deleted_book_id: Option<ID>,
    /// Why no book was deleted; empty on success.
    user_errors: Vec<UserError>,
}

#[Object]
impl BookMutation {
    /// Adds a book to the viewer's library.
    async fn create_book(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The book to add.")] input: CreateBookInput,
        #[graphql(desc = "A key that the client chooses, 1 to 64 characters: a repeated request \
                          with the same key returns the book of the first request.")]
        idempotency_key: Option<String>,
    ) -> Result<CreateBookPayload> {
        let owner = ctx.viewer()?.user;
        let key = idempotency_key.map(parse_idempotency_key).transpose()?;
        let mut form = InputErrors::default();
        let isbn = input.isbn.clone();
        let Some(new) = input.parse(&mut form) else {
            let user_errors = errors_with_duplicate_isbn(ctx, owner, None, isbn, form).await?;
            return Ok(CreateBookPayload { user_errors, ..Default::default() });
        };
        match ctx.store().books().create(ctx.new_id(), owner, new, key).await? {
            CreateOutcome::Created(book) | CreateOutcome::Replayed(book) => {
                Ok(CreateBookPayload::done(book))
            }
            CreateOutcome::DuplicateIsbn(book) => Ok(CreateBookPayload {
                user_errors: vec![duplicate_isbn(book)],
                ..Default::default()
            }),
            CreateOutcome::QuotaExceeded(quota) => Err(ApiError::QuotaExceeded(quota)),
        }
    }

    /// Changes a book of the viewer. A change without effect does not increase the version.
    async fn update_book(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of one of the viewer's books.")] id: ID,
        #[graphql(desc = "The changes.")] input: UpdateBookInput,
    ) -> Result<UpdateBookPayload> {
        let owner = ctx.viewer()?.user;
        let expected_version = input.expected_version;
        let mut form = InputErrors::default();
        let Some(id) = BookId::parse(&id) else {
            return Ok(UpdateBookPayload::rejected(UserError::not_found("book")));
        };
        let isbn = input.isbn.as_opt_ref().flatten().cloned();
        let Some(changes) = input.parse(&mut form) else {
            let user_errors = errors_with_duplicate_isbn(ctx, owner, Some(id), isbn, form).await?;
            return Ok(UpdateBookPayload { book: None, user_errors });
        };
        let books = ctx.store().books();
        Ok(match books.update(owner, id, changes, expected_version, ctx.now()).await? {
            UpdateOutcome::Done(book) => UpdateBookPayload {
                book: Some(JsonObject(Book::new(book))),
                user_errors: Vec::new(),
            },
            UpdateOutcome::NotFound => UpdateBookPayload::rejected(UserError::not_found("book")),
            UpdateOutcome::VersionConflict(book) => {
                UpdateBookPayload::rejected(version_conflict(book))
            }
            UpdateOutcome::DuplicateIsbn(book) => UpdateBookPayload::rejected(duplicate_isbn(book)),
            UpdateOutcome::QuotaExceeded(quota) => return Err(ApiError::QuotaExceeded(quota)),
        })
    }

    /// Permanently deletes a book of the viewer.
    async fn delete_book(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of one of the viewer's books.")] id: ID,
    ) -> Result<DeleteBookPayload> {
        let owner = ctx.viewer()?.user;
        let deleted = match BookId::parse(&id) {
            Some(book) => ctx.store().books().delete(owner, book).await?,
            None => false,
        };
        Ok(if deleted {
            DeleteBookPayload { deleted_book_id: Some(id), user_errors: Vec::new() }
        } else {
            let user_errors = vec![UserError::not_found("book")];
            DeleteBookPayload { deleted_book_id: None, user_errors }
        })
    }
}

/// The errors of a form, including a duplicate ISBN, which only the database can detect: a form receives
/// all its errors at once.
async fn errors_with_duplicate_isbn(
    ctx: &Context<'_>,
    owner: UserId,
    except: Option<BookId>,
    isbn: Option<String>,
    form: InputErrors,
) -> Result<Vec<UserError>> {
    let mut errors = form.into_errors();
    if let Ok(Some(isbn)) = Isbn::parse(isbn.as_deref().unwrap_or_default())
        && let Some(book) = ctx.store().books().find_by_isbn(owner, &isbn).await?
        && Some(book.id) != except
    {
        errors.push(duplicate_isbn(Some(book)));
    }
    Ok(errors)
}

/// The outer `None` is an absent value, which changes nothing. The inner `None` is null, which clears.
fn optional_change<T, U>(
    value: MaybeUndefined<T>,
    parse: impl FnOnce(T) -> Result<U, ValidationError>,
) -> Result<Option<Option<U>>, ValidationError> {
    match value {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => Ok(Some(None)),
        MaybeUndefined::Value(value) => parse(value).map(|value| Some(Some(value))),
    }
}

/// A change of a field that cannot be null.
fn required_change<T, U>(
    value: MaybeUndefined<T>,
    parse: impl FnOnce(T) -> Result<U, ValidationError>,
) -> Result<Option<U>, ValidationError> {
    match optional_change(value, parse)? {
        Some(None) => {
            Err(ValidationError::new(ValidationErrorCode::Required, "Please fill this in."))
        }
        other => Ok(other.flatten()),
    }
}

/// The program chooses the key, not the user. So an invalid key is not an error for a form.
fn parse_idempotency_key(key: String) -> Result<IdempotencyKey> {
    let message = "idempotencyKey must have 1 to 64 characters and no control characters.";
    IdempotencyKey::parse(key).ok_or(ApiError::bad_input(message))
}

fn duplicate_isbn(book: Option<books::Book>) -> UserError {
    let message = "You already have a book with this ISBN.";
    UserError::new(UserErrorCode::DuplicateIsbn, &["input", "isbn"], message)
        .with_book(book.map(Book::new))
}

fn version_conflict(book: books::Book) -> UserError {
    let message = "The book was changed in the meantime.";
    UserError::new(UserErrorCode::VersionConflict, &["input", "expectedVersion"], message)
        .with_book(Some(Book::new(book)))
}
