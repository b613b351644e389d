//! Fast path for the most frequent single-statement queries. It bypasses sea-orm's pools. Each statement is
//! prepared once per connection, and its time does not depend on the size of the library. sea-query builds
//! the SQL. Searches, counts and transactions go through sea-orm.
//!
//! PostgreSQL: pipelined connections, so that no statement waits for a free connection ([`postgres`]).
//! SQLite: reads run on the calling thread, and waiting writes are committed as a group ([`sqlite`]).
//! If PostgreSQL requires TLS, these statements use sea-orm's pool too.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sea_orm::sea_query::QueryStatementWriter;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, TryGetable, Value};

use super::StatementObserver;
use super::books::{PageStatementKey, UpdateStatementKey};
use super::error::QueryError;

mod postgres;
mod sqlite;

pub(super) use postgres::PipelinedPool;
pub(super) use sqlite::Sqlite;

/// Runs single statements on the fast path.
#[derive(Clone)]
pub(super) struct FastPath {
    driver: Driver,
    texts: Arc<RwLock<HashMap<StatementKey, Arc<str>>>>,
    observer: Option<StatementObserver>,
}

/// Identifies a statement whose SQL text never changes, so that it is built only once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum StatementKey {
    Book,
    NewBook,
    LibrarySize,
    User,
    Profile,
    Page(PageStatementKey),
    Update(UpdateStatementKey),
}

#[derive(Clone, Debug)]
pub(super) enum Driver {
    /// The pool is the fallback for when the pipelined connections are disabled.
    PipelinedPool(Arc<PipelinedPool>, DatabaseConnection),
    Sqlite(Arc<Sqlite>),
    Pool(DatabaseConnection),
}

/// The text of a statement and its bound values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BoundStatement {
    pub(super) text: Arc<str>,
    pub(super) values: Vec<Value>,
}

impl FastPath {
    pub(super) fn new(driver: Driver, observer: Option<StatementObserver>) -> Self {
        Self { driver, texts: Arc::default(), observer }
    }

    /// A statement whose text is built once. `values` must equal the values that `write` would bind.
    pub(super) fn known<S: QueryStatementWriter>(
        &self,
        known: StatementKey,
        values: Vec<Value>,
        write: impl Fn() -> S,
    ) -> BoundStatement {
        let text = self.texts.read().unwrap_or_else(PoisonError::into_inner).get(&known).cloned();
        let sql = match text {
            Some(text) => BoundStatement { text, values },
            None => {
                let BoundStatement { text, .. } = self.sql(&write());
                let mut texts = self.texts.write().unwrap_or_else(PoisonError::into_inner);
                texts.insert(known, Arc::clone(&text));
                BoundStatement { text, values }
            }
        };
        debug_assert_eq!(sql, self.sql(&write()), "wrong values for this statement");
        sql
    }

    /// Builds the text and values of a statement for this database.
    pub(super) fn sql(&self, statement: &impl QueryStatementWriter) -> BoundStatement {
        let (text, values) = match self.backend() {
            DbBackend::Sqlite => statement.build(sea_orm::sea_query::SqliteQueryBuilder),
            _ => statement.build(sea_orm::sea_query::PostgresQueryBuilder),
        };
        BoundStatement { text: text.into(), values: values.0 }
    }

    /// Returns the rows of a read-only statement.
    pub(super) async fn read<T: FromRow>(&self, sql: BoundStatement) -> Result<Vec<T>, QueryError> {
        self.query_map(sql, T::from_row).await
    }

    /// Like `read`, with a custom row mapper.
    pub(super) async fn query_map<T>(
        &self,
        sql: BoundStatement,
        from_row: impl Fn(&Row<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        self.observe(&sql);
        match &self.driver {
            Driver::PipelinedPool(pipelined, _) if !pipelined.is_disabled() => {
                pipelined.read(&sql, from_row).await
            }
            Driver::Sqlite(sqlite) => sqlite.read(&sql, from_row),
            Driver::PipelinedPool(_, pool) | Driver::Pool(pool) => {
                through(pool, sql, from_row).await
            }
        }
    }

    /// Runs a single writing statement in its own transaction and returns its rows. When this returns, the
    /// change is on disk.
    pub(super) async fn write<T: FromRow>(
        &self,
        sql: BoundStatement,
    ) -> Result<Vec<T>, QueryError> {
        self.observe(&sql);
        match &self.driver {
            Driver::PipelinedPool(pipelined, _) if !pipelined.is_disabled() => {
                pipelined.write(&sql, T::from_row).await
            }
            Driver::Sqlite(sqlite) => sqlite.write(sql).await,
            Driver::PipelinedPool(_, pool) | Driver::Pool(pool) => {
                through(pool, sql, T::from_row).await
            }
        }
    }

    fn backend(&self) -> DbBackend {
        match &self.driver {
            Driver::PipelinedPool(..) => DbBackend::Postgres,
            Driver::Sqlite(_) => DbBackend::Sqlite,
            Driver::Pool(pool) => pool.get_database_backend(),
        }
    }

    fn observe(&self, sql: &BoundStatement) {
        // sea-orm calls the observer itself.
        let observed_by_sea_orm = match &self.driver {
            Driver::PipelinedPool(pipelined, _) => pipelined.is_disabled(),
            Driver::Sqlite(_) => false,
            Driver::Pool(_) => true,
        };
        if let (Some(observer), false) = (&self.observer, observed_by_sea_orm) {
            observer(&sql.text);
        }
    }
}

impl std::fmt::Debug for FastPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FastPath").field(&self.driver).finish()
    }
}

/// Runs a statement through sea-orm.
pub(super) async fn through<T>(
    pool: &DatabaseConnection,
    sql: BoundStatement,
    from_row: impl Fn(&Row<'_>) -> Result<T, QueryError>,
) -> Result<Vec<T>, QueryError> {
    let values = sea_orm::Values(sql.values);
    let statement = sea_orm::Statement {
        sql: sql.text.as_ref().into(),
        values: Some(values),
        db_backend: pool.get_database_backend(),
    };
    let rows = pool.query_all_raw(statement).await?;
    rows.iter().map(|row| from_row(&Row::SeaOrm(row))).collect()
}

/// A row of one of the drivers.
pub(super) enum Row<'a> {
    Postgres(&'a tokio_postgres::Row),
    Sqlite(&'a rusqlite::Row<'a>),
    SeaOrm(&'a QueryResult),
}

/// A type that every driver can read from a column.
pub(super) trait Column:
    TryGetable + for<'a> tokio_postgres::types::FromSql<'a> + rusqlite::types::FromSql
{
}

impl<T> Column for T where
    T: TryGetable + for<'a> tokio_postgres::types::FromSql<'a> + rusqlite::types::FromSql
{
}

impl Row<'_> {
    /// The value of the column with this index, from 0.
    pub(super) fn get<T: Column>(&self, column: usize) -> Result<T, QueryError> {
        Ok(match self {
            Self::Postgres(row) => row.try_get(column)?,
            Self::Sqlite(row) => row.get(column)?,
            Self::SeaOrm(row) => row.try_get_by_index(column)?,
        })
    }
}

/// A type that can be read from a row.
pub(super) trait FromRow: Sized + Send + 'static {
    fn from_row(row: &Row<'_>) -> Result<Self, QueryError>;
}

impl FromRow for i64 {
    fn from_row(row: &Row<'_>) -> Result<Self, QueryError> {
        row.get(0)
    }
}
