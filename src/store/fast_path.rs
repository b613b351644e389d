//! The statements of every hour, past sea-orm's pools: each is prepared once on each connection, and takes
//! the same time however large a library is. sea-query writes them; what searches, counts or takes several
//! statements together goes through sea-orm.
//!
//! PostgreSQL gets them over connections that nobody has to wait for, since many statements are on their
//! way at once ([`postgres`]). SQLite answers on the thread that asks, and writes what waits together
//! ([`sqlite`]). A database that asks for TLS is asked through sea-orm's pool.

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

/// Runs single statements.
#[derive(Clone)]
pub(super) struct FastPath {
    way: Driver,
    texts: Arc<RwLock<HashMap<StatementKey, Arc<str>>>>,
    observer: Option<StatementObserver>,
}

/// A statement whose text is always the same, and so is written once.
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
    /// And the pool, should the lanes have to be closed.
    PipelinedPool(Arc<PipelinedPool>, DatabaseConnection),
    Sqlite(Arc<Sqlite>),
    Pool(DatabaseConnection),
}

/// A statement with its values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BoundStatement {
    pub(super) text: Arc<str>,
    pub(super) values: Vec<Value>,
}

impl FastPath {
    pub(super) fn new(way: Driver, observer: Option<StatementObserver>) -> Self {
        Self { way, texts: Arc::default(), observer }
    }

    /// A statement that is written once. These must be the values that it would have been written with.
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
        debug_assert_eq!(sql, self.sql(&write()), "not the values of this statement");
        sql
    }

    /// Writes a statement for this database.
    pub(super) fn sql(&self, statement: &impl QueryStatementWriter) -> BoundStatement {
        let (text, values) = match self.backend() {
            DbBackend::Sqlite => statement.build(sea_orm::sea_query::SqliteQueryBuilder),
            _ => statement.build(sea_orm::sea_query::PostgresQueryBuilder),
        };
        BoundStatement { text: text.into(), values: values.0 }
    }

    /// The rows that a statement finds, which changes nothing.
    pub(super) async fn read<T: FromRow>(&self, sql: BoundStatement) -> Result<Vec<T>, QueryError> {
        self.query_map(sql, T::from_row).await
    }

    /// The same, with another idea of what a row means.
    pub(super) async fn query_map<T>(
        &self,
        sql: BoundStatement,
        from_row: impl Fn(&Row<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        self.observe(&sql);
        match &self.way {
            Driver::PipelinedPool(lanes, _) if !lanes.is_disabled() => {
                lanes.read(&sql, from_row).await
            }
            Driver::Sqlite(sqlite) => sqlite.read(&sql, from_row),
            Driver::PipelinedPool(_, pool) | Driver::Pool(pool) => {
                through(pool, sql, from_row).await
            }
        }
    }

    /// Runs a statement that changes something by itself, and gives the rows that it returns. Once this is
    /// done, the change is on disk.
    pub(super) async fn write<T: FromRow>(
        &self,
        sql: BoundStatement,
    ) -> Result<Vec<T>, QueryError> {
        self.observe(&sql);
        match &self.way {
            Driver::PipelinedPool(lanes, _) if !lanes.is_disabled() => {
                lanes.write(&sql, T::from_row).await
            }
            Driver::Sqlite(sqlite) => sqlite.write(sql).await,
            Driver::PipelinedPool(_, pool) | Driver::Pool(pool) => {
                through(pool, sql, T::from_row).await
            }
        }
    }

    fn backend(&self) -> DbBackend {
        match &self.way {
            Driver::PipelinedPool(..) => DbBackend::Postgres,
            Driver::Sqlite(_) => DbBackend::Sqlite,
            Driver::Pool(pool) => pool.get_database_backend(),
        }
    }

    fn observe(&self, sql: &BoundStatement) {
        let by_sea_orm = match &self.way {
            Driver::PipelinedPool(lanes, _) => lanes.is_disabled(),
            Driver::Sqlite(_) => false,
            Driver::Pool(_) => true,
        };
        if let (Some(observer), false) = (&self.observer, by_sea_orm) {
            observer(&sql.text);
        }
    }
}

impl std::fmt::Debug for FastPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Direct").field(&self.way).finish()
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

/// A row, as its driver has it.
pub(super) enum Row<'a> {
    Postgres(&'a tokio_postgres::Row),
    Sqlite(&'a rusqlite::Row<'a>),
    SeaOrm(&'a QueryResult),
}

/// What every driver reads out of a column.
pub(super) trait Column:
    TryGetable + for<'a> tokio_postgres::types::FromSql<'a> + rusqlite::types::FromSql
{
}

impl<T> Column for T where
    T: TryGetable + for<'a> tokio_postgres::types::FromSql<'a> + rusqlite::types::FromSql
{
}

impl Row<'_> {
    /// The value of a column, by its number from 0.
    pub(super) fn get<T: Column>(&self, column: usize) -> Result<T, QueryError> {
        Ok(match self {
            Self::Postgres(row) => row.try_get(column)?,
            Self::Sqlite(row) => row.get(column)?,
            Self::SeaOrm(row) => row.try_get_by_index(column)?,
        })
    }
}

/// What is read out of a row.
pub(super) trait FromRow: Sized + Send + 'static {
    fn from_row(row: &Row<'_>) -> Result<Self, QueryError>;
}

impl FromRow for i64 {
    fn from_row(row: &Row<'_>) -> Result<Self, QueryError> {
        row.get(0)
    }
}
