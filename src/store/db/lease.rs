//! The use of a pool of sea-orm for statements or for a transaction. Its waits on PostgreSQL end.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, RuntimeErr, Statement, TransactionOptions, TransactionTrait,
};
use tokio::time::timeout;

use super::options::{ACQUIRE_TIMEOUT, RESPONSE_TIMEOUT};
use crate::store::error::READ_ONLY;
use crate::store::last_outage::LastOutage;

/// How long a statement waits for a connection and for its response.
const STATEMENT_LIMIT: Duration = ACQUIRE_TIMEOUT.saturating_add(RESPONSE_TIMEOUT);

/// A pool or a transaction whose statements fail when the database stops responding.
#[derive(Debug)]
pub(in crate::store) struct Lease<C> {
    connection: C,
    /// `None` with SQLite, whose connections cannot be lost.
    outage: Option<Arc<LastOutage>>,
    /// One more reference to the counter of the pool.
    count: Arc<()>,
    /// When the lease was made; of a transaction, when it began.
    since: Instant,
}

impl<C: Send + Sync> Lease<C> {
    pub(super) fn new(connection: C, outage: Option<Arc<LastOutage>>, count: Arc<()>) -> Self {
        Self { connection, outage, count, since: Instant::now() }
    }

    /// For migrations, which may take any time.
    pub(in crate::store) fn unbounded(&self) -> &C {
        &self.connection
    }

    /// Waits for the response to one statement. PostgreSQL cancels the statement earlier, so if there is no
    /// response, the connection is lost.
    async fn bounded<T>(
        &self,
        response: impl Future<Output = Result<T, DbErr>> + Send,
    ) -> Result<T, DbErr> {
        let Some(outage) = &self.outage else { return response.await };
        let mut silence = outage.silence(self.since);
        let response = tokio::select! {
            response = timeout(STATEMENT_LIMIT, response) => response.unwrap_or_else(|_| {
                outage.record_silence(self.since);
                Err(silent())
            }),
            () = silence.detected() => Err(silent()),
        };
        match response.as_ref().err().and_then(sqlstate).as_deref() {
            // A prepared statement must be prepared again, for example since a column of its result has another
            // type now, or since it was deallocated. sqlx keeps it, so older connections are not used any more.
            Some("0A000" | "26000") => outage.record(),
            Some(READ_ONLY) => outage.record_read_only(),
            _ => {}
        }
        response
    }
}

impl Lease<DatabaseConnection> {
    pub(super) async fn begin(
        self,
        options: TransactionOptions,
    ) -> Result<Lease<DatabaseTransaction>, DbErr> {
        let transaction = self.bounded(self.connection.begin_with_options(options)).await?;
        let Self { outage, count, .. } = self;
        // Acquiring the connection may have detected an outage, after which it was opened.
        Ok(Lease::new(transaction, outage, count))
    }
}

impl Lease<DatabaseTransaction> {
    pub(super) async fn commit(self) -> Result<(), DbErr> {
        let Self { connection, outage, count, since } = self;
        Lease { connection: (), outage, count, since }.bounded(connection.commit()).await
    }

    pub(super) async fn rollback(self) -> Result<(), DbErr> {
        let Self { connection, outage, count, since } = self;
        Lease { connection: (), outage, count, since }.bounded(connection.rollback()).await
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send> ConnectionTrait for Lease<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.bounded(self.connection.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.bounded(self.connection.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.bounded(self.connection.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.bounded(self.connection.query_all_raw(statement)).await
    }
}

/// The code of an error that the database reported.
fn sqlstate(error: &DbErr) -> Option<Cow<'_, str>> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            error.as_database_error().and_then(DatabaseError::code)
        }
        _ => None,
    }
}

fn silent() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal("the database does not respond".to_owned()))
}
