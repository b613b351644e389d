//! Database errors, whichever driver reports them.

use std::error::Error;
use std::panic::resume_unwind;
use std::sync::Arc;

use sea_orm::sqlx::{self, postgres::PgDatabaseError};
use sea_orm::{DbErr, RuntimeErr};
use tokio::task::JoinError;

use super::connector::ConnectError;
use crate::byte_counter::LimitExceeded;

/// The code of a write to a server that is a standby, or read-only for another reason.
pub(super) const READ_ONLY: &str = "25006";

/// A statement failed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// No connection is available, or the database is busy, full or shutting down: retry later.
    #[error("the database is unavailable")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
    /// The account that would own the row has been deleted.
    #[error("the account has been deleted")]
    UserDeleted,
    /// The rows have more text than the caller accepts.
    #[error("the result is too large")]
    ResultTooLarge(#[source] LimitExceeded),
    /// Other operations of the account scan its library: retry when one has ended.
    #[error("too many scans of this account run at once")]
    TooManyScans,
    /// Any other error, which means a bug in Bookshelf.
    #[error("the database rejected a statement")]
    Internal(#[source] Arc<dyn Error + Send + Sync>),
}

impl StoreError {
    /// An error that means a bug in Bookshelf.
    pub(super) fn internal(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::Internal(Arc::new(cause))
    }
}

/// A unique constraint of the migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UniqueConstraint {
    Username,
    Email,
    BookIsbn,
    BookIdempotencyKey,
    RunningImport,
}

/// The error of a statement, with the unique constraint that it violated, if any.
#[derive(Clone, Debug)]
pub(super) struct QueryError {
    pub(super) violated: Option<UniqueConstraint>,
    pub(super) error: StoreError,
}

impl QueryError {
    /// An error for a statement that was not executed, with the reason.
    pub(super) fn unavailable(why: &'static str) -> Self {
        StoreError::Unavailable(Arc::from(Box::<dyn Error + Send + Sync>::from(why))).into()
    }

    /// The error of a task that did not end because the runtime is shutting down. Panics if the task panicked.
    pub(super) fn from_join(error: JoinError) -> Self {
        match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Self::unavailable("the server is shutting down"),
        }
    }
}

impl From<LimitExceeded> for QueryError {
    fn from(exceeded: LimitExceeded) -> Self {
        StoreError::ResultTooLarge(exceeded).into()
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
        Self { violated: None, error }
    }
}

impl From<DbErr> for QueryError {
    fn from(error: DbErr) -> Self {
        let kind = match &error {
            DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => classify_sqlx(cause),
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => ErrorKind::Transient,
            _ => ErrorKind::Internal,
        };
        kind.with_cause(error)
    }
}

impl From<tokio_postgres::Error> for QueryError {
    fn from(error: tokio_postgres::Error) -> Self {
        let kind = match error.as_db_error() {
            Some(reported) => classify_sqlstate(reported.code().code(), reported.constraint()),
            // Not reported by the database: the connection could not be opened or was lost.
            None if error.is_closed()
                || error.source().is_some_and(<dyn Error>::is::<std::io::Error>) =>
            {
                ErrorKind::Transient
            }
            None => ErrorKind::Internal,
        };
        kind.with_cause(error)
    }
}

impl From<ConnectError> for QueryError {
    fn from(error: ConnectError) -> Self {
        ErrorKind::Transient.with_cause(error)
    }
}

impl From<rusqlite::Error> for QueryError {
    fn from(error: rusqlite::Error) -> Self {
        let kind = match &error {
            rusqlite::Error::SqliteFailure(code, message) => {
                classify_sqlite(code.extended_code, message.as_deref().unwrap_or_default())
            }
            _ => ErrorKind::Internal,
        };
        kind.with_cause(error)
    }
}

/// Why a statement failed.
#[derive(Clone, Copy, Debug)]
enum ErrorKind {
    /// It violated a unique constraint; `None` if the constraint is unknown.
    UniqueConstraint(Option<UniqueConstraint>),
    UserDeleted,
    /// A temporary error: a retry may succeed.
    Transient,
    Internal,
}

impl ErrorKind {
    fn with_cause(self, cause: impl Error + Send + Sync + 'static) -> QueryError {
        match self {
            Self::UniqueConstraint(violated) => {
                QueryError { violated, error: StoreError::Internal(Arc::new(cause)) }
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
        sqlx::Error::Database(reported) => {
            let code = reported.code().unwrap_or_default();
            match reported.try_downcast_ref::<PgDatabaseError>() {
                Some(_) => classify_sqlstate(&code, reported.constraint()),
                None => classify_sqlite(code.parse().unwrap_or_default(), reported.message()),
            }
        }
        _ => ErrorKind::Internal,
    }
}

/// Each constraint with its name, which PostgreSQL reports, and its columns, which SQLite reports.
const CONSTRAINTS: [(UniqueConstraint, &str, &str); 5] = [
    (UniqueConstraint::Username, "users_username_unique", "users.username_folded"),
    (UniqueConstraint::Email, "users_email_unique", "users.email_folded"),
    (UniqueConstraint::BookIsbn, "books_isbn_unique", "books.owner_id, books.isbn"),
    (
        UniqueConstraint::BookIdempotencyKey,
        "books_idempotency_key_unique",
        "books.owner_id, books.idempotency_key",
    ),
    (UniqueConstraint::RunningImport, "import_jobs_running_unique", "import_jobs.owner_id"),
];

/// Whether a constraint has this name. That of a partition or a shard has a suffix, as in `books_isbn_unique_3`.
fn is_named(constraint: &str, name: &str) -> bool {
    constraint.strip_prefix(name).is_some_and(|suffix| suffix.is_empty() || suffix.starts_with('_'))
}

/// Classifies an error by its SQLSTATE (PostgreSQL, appendix A).
fn classify_sqlstate(code: &str, constraint: Option<&str>) -> ErrorKind {
    match (code, code.get(..2).unwrap_or_default()) {
        ("23505", _) => ErrorKind::UniqueConstraint(
            CONSTRAINTS
                .into_iter()
                .find_map(|(unique, name, _)| is_named(constraint?, name).then_some(unique)),
        ),
        // Every foreign key references the account, directly or through the session or the import.
        ("23503", _) => ErrorKind::UserDeleted,
        // Classes: connection, resources, operator intervention, system error; 40: serialization failure
        // or deadlock. 0A000, 26000: a prepared statement became invalid. 25006: a read-only standby before
        // its promotion. 25P03: a transaction was idle for too long. 28P01, 3D000: the password is being
        // changed, or the database restored. 55P03: another transaction holds a lock.
        (_, "08" | "53" | "57" | "58" | "40")
        | ("0A000" | READ_ONLY | "26000" | "25P03" | "28P01" | "3D000" | "55P03", _) => {
            ErrorKind::Transient
        }
        _ => ErrorKind::Internal,
    }
}

/// Classifies an error by its extended result code.
fn classify_sqlite(code: i32, message: &str) -> ErrorKind {
    const UNIQUE: i32 = 2067;
    const FOREIGN_KEY: i32 = 787;
    match (code, code & 0xff) {
        (UNIQUE, _) => {
            let columns = message.strip_prefix("UNIQUE constraint failed: ");
            ErrorKind::UniqueConstraint(
                CONSTRAINTS
                    .into_iter()
                    .find_map(|(unique, _, names)| (columns == Some(names)).then_some(unique)),
            )
        }
        (FOREIGN_KEY, _) => ErrorKind::UserDeleted,
        // BUSY, LOCKED, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN.
        (_, 5 | 6 | 8 | 9 | 10 | 13 | 14) => ErrorKind::Transient,
        _ => ErrorKind::Internal,
    }
}

/// An error and its causes on one line, for the log and for operators. A cause that the text has already is left out.
///
/// Of errors that the database reports, only message and code are included: details contain values.
pub(crate) fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let reported = reported_message(error);
        next = if reported.is_some() { None } else { error.source() };
        let part = reported.unwrap_or_else(|| error.to_string());
        if !text.contains(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
    }
    text
}

/// The message of a driver's error, which has the messages of its causes.
fn reported_message(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(shared) = error.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        return reported_message(&**shared);
    }
    if let Some(error) = error.downcast_ref::<tokio_postgres::Error>() {
        let error = error.as_db_error()?;
        return Some(format!("{} (SQLSTATE {})", error.message(), error.code().code()));
    }
    let sqlx_error = match error.downcast_ref::<DbErr>() {
        Some(
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)),
        ) => &**cause,
        _ => error.downcast_ref::<sqlx::Error>()?,
    };
    Some(match sqlx_error.as_database_error() {
        Some(error) => {
            match error.code().filter(|_| error.try_downcast_ref::<PgDatabaseError>().is_some()) {
                Some(code) => format!("{} (SQLSTATE {code})", error.message()),
                None => error.message().to_owned(),
            }
        }
        None => sqlx_error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_errors_of_postgresql_are_recognised() {
        for code in [
            "08006", "0A000", "25006", "25P03", "28P01", "3D000", "40001", "40P01", "53300",
            "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "58030",
        ] {
            assert!(matches!(classify_sqlstate(code, None), ErrorKind::Transient), "{code}");
        }
        for code in ["22001", "23514", "28000", "42601", "42P01", ""] {
            assert!(matches!(classify_sqlstate(code, None), ErrorKind::Internal), "{code}");
        }
    }
}
