//! The viewer's books: adding, changing, removing.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use crate::graphql::connection::BookEdge;
use crate::graphql::context::ContextExt;
use crate::graphql::direct_json::JsonObject;
use crate::graphql::error::{ApiError, Result};
use crate::graphql::types::book::Book;
use crate::graphql::types::book_filter::BookOrder;
use crate::graphql::types::user_error::{InputErrors, UserError, UserErrorCode};
use crate::id::{BookId, UserId};
use crate::input::author::Author;
use crate::input::idempotency_key::IdempotencyKey;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::rating::Rating;
use crate::input::title::Title;
use crate::input::validation_error::{ValidationError, ValidationErrorCode};
use crate::store::books::{self, BookChanges, Created, NewBook, Updated};

#[derive(Debug, Default)]
pub(super) struct BookMutation;

/// A new book.
#[derive(Debug, InputObject)]
struct CreateBookInput {
    /// 1 to 200 characters.
    title: String,
    /// The author, or the authors, in 1 to 200 characters.
    author: String,
    /// An ISBN-10 or ISBN-13 in any usual spelling, once per library; blank is none.
    isbn: Option<String>,
    /// 1 to 5.
    rating: Option<i32>,
    /// Up to 20,000 characters.
    notes: Option<String>,
}

impl CreateBookInput {
    fn parse(self, form: &mut InputErrors) -> Option<NewBook> {
        let title = form.check("title", Title::parse(&self.title));
        let author = form.check("author", Author::parse(&self.author));
        let isbn = form.check("isbn", self.isbn.as_deref().map_or(Ok(None), Isbn::parse));
        let rating = form.check("rating", self.rating.map(Rating::parse).transpose());
        let notes = form.check("notes", self.notes.as_deref().map(Notes::parse).transpose());
        Some(NewBook {
            title: title?,
            author: author?,
            isbn: isbn?,
            rating: rating?,
            notes: notes?,
        })
    }
}

/// The book that was added.
#[derive(Debug, Default, SimpleObject)]
struct CreateBookPayload {
    /// The book; null when it was refused.
    book: Option<JsonObject<Book>>,
    /// The book with its cursor in the default order, for caches of connections; null when it was
    /// refused.
    book_edge: Option<BookEdge>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

impl CreateBookPayload {
    fn done(row: books::Book) -> Self {
        let edge = BookEdge::new(BookOrder::default().into(), row.clone());
        Self { book: Some(JsonObject(Book(row))), book_edge: Some(edge), user_errors: Vec::new() }
    }
}

/// What is to be different about a book. Absent keeps, null clears; title and author cannot be
/// cleared.
#[derive(Debug, InputObject)]
struct UpdateBookInput {
    /// 1 to 200 characters.
    title: MaybeUndefined<String>,
    /// The author, or the authors, in 1 to 200 characters.
    author: MaybeUndefined<String>,
    /// An ISBN-10 or ISBN-13 in any usual spelling, once per library; blank is none.
    isbn: MaybeUndefined<String>,
    /// 1 to 5.
    rating: MaybeUndefined<i32>,
    /// Up to 20,000 characters.
    notes: MaybeUndefined<String>,
    /// The version this change was made against; a newer one in the library refuses the change.
    expected_version: Option<i32>,
}

impl UpdateBookInput {
    fn parse(self, form: &mut InputErrors) -> Option<BookChanges> {
        let title = form.check("title", required_change(self.title, |it| Title::parse(&it)));
        let author = form.check("author", required_change(self.author, |it| Author::parse(&it)));
        let isbn = form.check("isbn", optional_change(self.isbn, |it| Isbn::parse(&it)));
        let rating = form.check("rating", optional_change(self.rating, Rating::parse));
        let notes = form.check("notes", optional_change(self.notes, |it| Notes::parse(&it)));
        Some(BookChanges {
            title: title?,
            author: author?,
            isbn: isbn?.map(Option::flatten),
            rating: rating?,
            notes: notes?,
        })
    }
}

/// The book after a change.
#[derive(Debug, Default, SimpleObject)]
struct UpdateBookPayload {
    /// The book; null when the change was refused.
    book: Option<JsonObject<Book>>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

impl UpdateBookPayload {
    fn refused(error: UserError) -> Self {
        Self { book: None, user_errors: vec![error] }
    }
}

/// Which book is gone.
#[derive(Debug, Default, SimpleObject)]
struct DeleteBookPayload {
    /// The id of the book that is gone, for caches to forget; null when none is.
    deleted_book_id: Option<ID>,
    /// Why none is gone; empty when one is.
    user_errors: Vec<UserError>,
}

#[Object]
impl BookMutation {
    /// Adds a book to the viewer's library.
    async fn create_book(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new book.")] input: CreateBookInput,
        #[graphql(desc = "A name of the client's making for this attempt, 1 to 64 characters: a \
                          repeated call answers with the book of the first.")]
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
        match ctx.store().books().create(ctx.new_id(), owner, new, key, ctx.now()).await? {
            Created::New(book) | Created::Replayed(book) => Ok(CreateBookPayload::done(book)),
            Created::DuplicateIsbn(book) => Ok(CreateBookPayload {
                user_errors: vec![duplicate_isbn(book)],
                ..Default::default()
            }),
        }
    }

    /// Changes a book of the viewer's. A change that changes nothing leaves its version alone.
    async fn update_book(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of a book of the viewer's.")] id: ID,
        #[graphql(desc = "What is to be different.")] input: UpdateBookInput,
    ) -> Result<UpdateBookPayload> {
        let owner = ctx.viewer()?.user;
        let expected_version = input.expected_version;
        let mut form = InputErrors::default();
        let Some(id) = BookId::parse(&id) else {
            return Ok(UpdateBookPayload::refused(UserError::not_found("book")));
        };
        let isbn = input.isbn.as_opt_ref().flatten().cloned();
        let Some(changes) = input.parse(&mut form) else {
            let user_errors = errors_with_duplicate_isbn(ctx, owner, Some(id), isbn, form).await?;
            return Ok(UpdateBookPayload { book: None, user_errors });
        };
        let books = ctx.store().books();
        Ok(match books.update(owner, id, changes, expected_version, ctx.now()).await? {
            Updated::Done(book) => {
                UpdateBookPayload { book: Some(JsonObject(Book(book))), user_errors: Vec::new() }
            }
            Updated::NotFound => UpdateBookPayload::refused(UserError::not_found("book")),
            Updated::VersionConflict(book) => UpdateBookPayload::refused(version_conflict(book)),
            Updated::DuplicateIsbn(book) => UpdateBookPayload::refused(duplicate_isbn(book)),
        })
    }

    /// Removes a book of the viewer's, for good.
    async fn delete_book(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of a book of the viewer's.")] id: ID,
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

/// The faults of a form, and with them the ISBN that another book has: all faults come together,
/// also the one that only the library knows.
async fn errors_with_duplicate_isbn(
    ctx: &Context<'_>,
    owner: UserId,
    but: Option<BookId>,
    isbn: Option<String>,
    form: InputErrors,
) -> Result<Vec<UserError>> {
    let mut errors = form.into_errors();
    if let Ok(Some(isbn)) = Isbn::parse(isbn.as_deref().unwrap_or_default())
        && let Some(book) = ctx.store().books().find_by_isbn(owner, &isbn).await?
        && Some(book.id) != but
    {
        errors.push(duplicate_isbn(Some(book)));
    }
    Ok(errors)
}

/// Absent keeps, null clears: the outer `None` and the inner one.
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

/// A change of something that every book has.
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

/// The key is the program's, not the person's: a bad one is no matter for a form.
fn parse_idempotency_key(key: String) -> Result<IdempotencyKey> {
    let message = "idempotencyKey has 1 to 64 characters, without control characters.";
    IdempotencyKey::parse(key).ok_or(ApiError::bad_input(message))
}

fn duplicate_isbn(book: Option<books::Book>) -> UserError {
    let message = "You have a book with this ISBN already.";
    UserError::new(UserErrorCode::DuplicateIsbn, &["input", "isbn"], message)
        .with_book(book.map(Book))
}

fn version_conflict(book: books::Book) -> UserError {
    let message = "The book was changed in the meantime.";
    UserError::new(UserErrorCode::VersionConflict, &["input", "expectedVersion"], message)
        .with_book(Some(Book(book)))
}
