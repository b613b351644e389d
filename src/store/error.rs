//! What can go wrong between us and the database, whichever driver asked it.

use std::error::Error;
use std::sync::Arc;

use sea_orm::sqlx::{self, postgres::PgDatabaseError};
use sea_orm::{DbErr, RuntimeErr};

/// A statement failed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// No connection to be had, or the database is busy, full or going down: try again later.
    #[error("the database is unavailable")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
    /// The account that the row was to belong to is gone.
    #[error("the account is gone")]
    UserDeleted,
    /// Anything else, which means a fault of ours.
    #[error("the database refused a statement")]
    Internal(#[source] Arc<dyn Error + Send + Sync>),
}

/// A rule of uniqueness, by its name in the migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UniqueConstraint {
    Username,
    Email,
    BookIsbn,
    BookIdempotencyKey,
}

/// A statement failed, and this is the rule of uniqueness that it would have broken, if that is why.
#[derive(Clone, Debug)]
pub(super) struct QueryError {
    pub(super) broken: Option<UniqueConstraint>,
    pub(super) error: StoreError,
}

impl QueryError {
    /// Nothing was asked, and this is why.
    pub(super) fn unavailable(why: &'static str) -> Self {
        StoreError::Unavailable(Arc::from(Box::<dyn Error + Send + Sync>::from(why))).into()
    }
}

impl From<QueryError> for StoreError {
    fn from(failed: QueryError) -> Self {
        failed.error
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        QueryError::from(error).error
    }
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        Self { broken: None, error }
    }
}

impl From<DbErr> for QueryError {
    fn from(error: DbErr) -> Self {
        let reason = match &error {
            DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => classify_sqlx(cause),
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => ErrorKind::Transient,
            _ => ErrorKind::Internal,
        };
        reason.of(error)
    }
}

impl From<tokio_postgres::Error> for QueryError {
    fn from(error: tokio_postgres::Error) -> Self {
        let reason = match error.as_db_error() {
            Some(said) => classify_sqlstate(said.code().code(), said.constraint()),
            // What is no word of the database's is a connection that could not be made or kept.
            None if error.is_closed()
                || error.source().is_some_and(<dyn Error>::is::<std::io::Error>) =>
            {
                ErrorKind::Transient
            }
            None => ErrorKind::Internal,
        };
        reason.of(error)
    }
}

impl From<rusqlite::Error> for QueryError {
    fn from(error: rusqlite::Error) -> Self {
        let reason = match &error {
            rusqlite::Error::SqliteFailure(code, message) => {
                classify_sqlite(code.extended_code, message.as_deref().unwrap_or_default())
            }
            _ => ErrorKind::Internal,
        };
        reason.of(error)
    }
}

/// Why a statement failed.
#[derive(Clone, Copy, Debug)]
enum ErrorKind {
    /// It would have broken a rule of uniqueness; none if it is not one of ours.
    UniqueConstraint(Option<UniqueConstraint>),
    UserDeleted,
    /// The trouble is of the kind that passes.
    Transient,
    Internal,
}

impl ErrorKind {
    fn of(self, cause: impl Error + Send + Sync + 'static) -> QueryError {
        match self {
            Self::UniqueConstraint(broken) => {
                QueryError { broken, error: StoreError::Internal(Arc::new(cause)) }
            }
            Self::UserDeleted => StoreError::UserDeleted.into(),
            Self::Transient => StoreError::Unavailable(Arc::new(cause)).into(),
            Self::Internal => StoreError::Internal(Arc::new(cause)).into(),
        }
    }
}

fn classify_sqlx(cause: &sqlx::Error) -> ErrorKind {
    match cause {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => ErrorKind::Transient,
        sqlx::Error::Database(said) => {
            let code = said.code().unwrap_or_default();
            match said.try_downcast_ref::<PgDatabaseError>() {
                Some(_) => classify_sqlstate(&code, said.constraint()),
                None => classify_sqlite(code.parse().unwrap_or_default(), said.message()),
            }
        }
        _ => ErrorKind::Internal,
    }
}

/// Each rule with the name of its constraint, which PostgreSQL tells, and its columns, which SQLite does.
const RULES: [(UniqueConstraint, &str, &str); 4] = [
    (UniqueConstraint::Username, "users_username_unique", "users.username_folded"),
    (UniqueConstraint::Email, "users_email_unique", "users.email_folded"),
    (UniqueConstraint::BookIsbn, "books_isbn_unique", "books.owner_id, books.isbn"),
    (
        UniqueConstraint::BookIdempotencyKey,
        "books_idempotency_key_unique",
        "books.owner_id, books.idempotency_key",
    ),
];

/// By SQLSTATE (PostgreSQL, appendix A).
fn classify_sqlstate(code: &str, constraint: Option<&str>) -> ErrorKind {
    match (code, code.get(..2).unwrap_or_default()) {
        ("23505", _) => ErrorKind::UniqueConstraint(
            RULES
                .into_iter()
                .find_map(|(rule, name, _)| (constraint == Some(name)).then_some(rule)),
        ),
        // Every foreign key of ours leads to the account, over the session if need be.
        ("23503", _) => ErrorKind::UserDeleted,
        // Classes: connection, resources, operator intervention, system error; 40: a transaction that
        // lost a race. 25006: a standby before it is promoted.
        (_, "08" | "53" | "57" | "58" | "40") | ("25006", _) => ErrorKind::Transient,
        _ => ErrorKind::Internal,
    }
}

/// By extended result code.
fn classify_sqlite(code: i32, message: &str) -> ErrorKind {
    const UNIQUE: i32 = 2067;
    const FOREIGN_KEY: i32 = 787;
    match (code, code & 0xff) {
        (UNIQUE, _) => {
            let columns = message.strip_prefix("UNIQUE constraint failed: ");
            ErrorKind::UniqueConstraint(
                RULES.into_iter().find_map(|(rule, _, its)| (columns == Some(its)).then_some(rule)),
            )
        }
        (FOREIGN_KEY, _) => ErrorKind::UserDeleted,
        // BUSY, LOCKED, IOERR, FULL, CANTOPEN, READONLY.
        (_, 5 | 6 | 10 | 13 | 14 | 8) => ErrorKind::Transient,
        _ => ErrorKind::Internal,
    }
}
