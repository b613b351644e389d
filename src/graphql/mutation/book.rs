//! Mutations of the viewer's books: create, update, delete.

use async_graphql::{Context, ID, Object, SimpleObject};

use super::book_input::{CreateBookInput, UpdateBookInput};
use crate::graphql::context::ContextExt;
use crate::graphql::direct_json::JsonObject;
use crate::graphql::error::{ApiError, Result};
use crate::graphql::types::book::Book;
use crate::graphql::types::book_filter::BookOrder;
use crate::graphql::types::connection::BookEdge;
use crate::graphql::types::user_error::{InputErrors, UserError, UserErrorCode};
use crate::id::{BookId, UserId};
use crate::input::calendar_date::finished_before_started;
use crate::input::idempotency_key::IdempotencyKey;
use crate::input::isbn::Isbn;
use crate::store::books::{self, BookChanges, CreateOutcome, UpdateOutcome};

#[derive(Debug, Default)]
pub(super) struct BookMutation;

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

/// The result of `updateBook`, `setBookCover` and `removeBookCover`.
#[derive(Debug, Default, SimpleObject)]
pub(super) struct UpdateBookPayload {
    /// The book after the change; null if there are errors.
    book: Option<JsonObject<Book>>,
    /// Why the book was not changed; empty on success.
    user_errors: Vec<UserError>,
}

impl UpdateBookPayload {
    pub(super) fn done(book: Book) -> Self {
        Self { book: Some(JsonObject(book)), user_errors: Vec::new() }
    }

    pub(super) fn rejected(error: UserError) -> Self {
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
        let dates = input.dates();
        let Some(changes) = input.parse(&mut form) else {
            check_stored_date(ctx, owner, id, &dates, &mut form).await?;
            let user_errors = errors_with_duplicate_isbn(ctx, owner, Some(id), isbn, form).await?;
            return Ok(UpdateBookPayload { book: None, user_errors });
        };
        let books = ctx.store().books();
        Ok(match books.update(owner, id, changes, expected_version, ctx.now()).await? {
            UpdateOutcome::Done(book) => UpdateBookPayload::done(Book::new(book)),
            UpdateOutcome::NotFound => UpdateBookPayload::rejected(UserError::not_found("book")),
            UpdateOutcome::VersionConflict(book) => {
                UpdateBookPayload::rejected(version_conflict(book))
            }
            UpdateOutcome::DuplicateIsbn(book) => UpdateBookPayload::rejected(duplicate_isbn(book)),
            UpdateOutcome::DatesOutOfOrder => {
                form.check::<()>("finishedOn", Err(finished_before_started()));
                let user_errors =
                    errors_with_duplicate_isbn(ctx, owner, Some(id), isbn, form).await?;
                UpdateBookPayload { book: None, user_errors }
            }
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

/// Adds the error of a date that is not in order with the date that the book keeps, which only the database knows.
async fn check_stored_date(
    ctx: &Context<'_>,
    owner: UserId,
    id: BookId,
    dates: &BookChanges,
    form: &mut InputErrors,
) -> Result<()> {
    // The form has compared two new dates.
    if dates.started_on.is_some() != dates.finished_on.is_some()
        && let Some(book) = ctx.store().books().find(owner, id).await?
        && !dates.keep_dates_in_order(&book)?
    {
        form.check::<()>("finishedOn", Err(finished_before_started()));
    }
    Ok(())
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
