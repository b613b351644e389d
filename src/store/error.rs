//! What can go wrong between us and the database.

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::{self, postgres::PgDatabaseError};
use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// A statement failed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// No connection to be had, or the database is busy, full or going down: try again later.
    #[error("the database is unavailable")]
    Unavailable(#[source] DbErr),
    /// The account that the row was to belong to is gone.
    #[error("the account is gone")]
    AccountGone,
    /// Anything else, which means a fault of ours.
    #[error("the database refused a statement")]
    Refused(#[source] DbErr),
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        if matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_))) {
            // Every foreign key of ours leads to the account, over the session if need be.
            return Self::AccountGone;
        }
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable(error),
            _ => match sqlx_error(&error) {
                Some(cause) if passes(cause) => Self::Unavailable(error),
                _ => Self::Refused(error),
            },
        }
    }
}

/// A rule of uniqueness, by its name in the migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unique {
    Username,
    Email,
    BookIsbn,
    BookIdempotencyKey,
}

impl Unique {
    /// The rule that a statement would have broken.
    pub(super) fn broken_by(error: &DbErr) -> Option<Self> {
        const RULES: [(Unique, &str, &str); 4] = [
            (Unique::Username, "users_username_unique", "users.username_key"),
            (Unique::Email, "users_email_unique", "users.email_key"),
            (Unique::BookIsbn, "books_isbn_unique", "books.owner_id, books.isbn"),
            (
                Unique::BookIdempotencyKey,
                "books_idempotency_key_unique",
                "books.owner_id, books.idempotency_key",
            ),
        ];
        let SqlErr::UniqueConstraintViolation(message) = error.sql_err()? else {
            return None;
        };
        let sqlx::Error::Database(database) = sqlx_error(error)? else {
            return None;
        };
        RULES.into_iter().find_map(|(rule, name, columns)| {
            let is_it = match database.constraint() {
                Some(constraint) => constraint == name,
                // SQLite names the columns instead.
                None => message.strip_prefix("UNIQUE constraint failed: ") == Some(columns),
            };
            is_it.then_some(rule)
        })
    }
}

fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause))
        | DbErr::Conn(RuntimeErr::SqlxError(cause)) => Some(cause),
        _ => None,
    }
}

/// Whether the trouble is of the kind that passes.
fn passes(cause: &sqlx::Error) -> bool {
    match cause {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => says_later(&**error),
        _ => false,
    }
}

fn says_later(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        // Classes of SQLSTATE: connection, resources, operator intervention, system error;
        // 40: a transaction that lost a race; 25006: a standby before it is promoted.
        let class = code.get(..2).unwrap_or_default();
        return matches!(class, "08" | "53" | "57" | "58" | "40") || code == "25006";
    }
    // Primary result codes of SQLite: BUSY, LOCKED, IOERR, FULL, CANTOPEN, READONLY.
    code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14 | 8))
}
