//! Options of the connections to both databases.

use std::fs::{DirBuilder, OpenOptions};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::ConnectOptions;
use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::sqlite::SqliteSynchronous;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, Executor};
use tokio::time::timeout;

use crate::config::PostgresTarget;
use crate::store::last_outage::LastOutage;
use crate::store::tunnel::Tunnel;

/// How long a statement waits for a free connection of the pool.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a writer waits while another process holds SQLite's file lock. This plus
/// [`WRITE_LOCK_TIMEOUT`](super::write_lock::WRITE_LOCK_TIMEOUT) is less than the operation timeout,
/// so that the client gets the database's error, not the timeout's.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(3);

/// Page size of a new SQLite file, in bytes. A new book changes one page of each index, and each changed page
/// is written to the journal as a whole. Half the default size inserts 25 % more books; reads are as fast.
pub(super) const PAGE_BYTES: u32 = 2_048;

/// Journal size, in pages of [`PAGE_BYTES`], at which SQLite copies the journal into the database file: 16 MiB. A
/// page that changes many times before that is copied once.
pub(super) const CHECKPOINT_PAGES: u32 = 8_192;

/// Statement timeout of PostgreSQL. It is longer than the operation timeout, so that it cancels only
/// statements whose client has already received a timeout.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);

/// After how long without a response a connection is lost. PostgreSQL cancels each statement before.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(17);

/// How long a statement waits for a lock of PostgreSQL.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that was idle for longer is pinged before it is used. A busy server has no connection
/// that is idle for so long; an idle server has time for the ping.
const PING_AFTER_IDLE: Duration = Duration::from_millis(20);

/// How long to wait for the response to a ping. Less than [`ACQUIRE_TIMEOUT`], so that a new connection can be
/// opened instead.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) fn sqlite(path: &Path, connections: u32, read_only: bool) -> ConnectOptions {
    let path = path.to_owned();
    let mut options = ConnectOptions::new("sqlite:bookshelf");
    common(&mut options, connections)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .map_sqlx_sqlite_opts(move |options| {
            let options = options
                .filename(&path)
                .create_if_missing(!read_only)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(BUSY_TIMEOUT)
                .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string());
            if read_only { options.pragma("query_only", "ON") } else { options }
        });
    options
}

/// The statements that set the parameters of every connection to PostgreSQL, after the login: PgBouncer does not
/// pass on those of the start-up message.
pub(super) fn session_settings(target: &PostgresTarget) -> String {
    let mut settings = format!(
        "SET statement_timeout = {}; SET lock_timeout = {}",
        STATEMENT_TIMEOUT.as_millis(),
        LOCK_TIMEOUT.as_millis()
    );
    if let Some(search_path) = &target.search_path {
        let text = search_path.replace('\'', "''");
        settings
            .push_str(&format!("; SELECT pg_catalog.set_config('search_path', '{text}', false)"));
    }
    settings
}

/// Options of a pool whose connections go through the tunnel.
pub(super) fn postgres(
    tunnel: &Arc<Tunnel>,
    target: &PostgresTarget,
    connections: u32,
    outage: Arc<LastOutage>,
) -> ConnectOptions {
    let (tunnel, settings) = (Arc::clone(tunnel), session_settings(target));
    // sea-orm requires a URL. With a password, sqlx does not search one in a file. The options replace it all.
    let mut options = ConnectOptions::new("postgres://replaced:replaced@localhost");
    common(&mut options, connections)
        .test_before_acquire(false)
        .map_sqlx_postgres_before_acquire(move |connection, metadata| {
            let outage = Arc::clone(&outage);
            Box::pin(async move {
                if outage.predates(metadata.age) && metadata.idle_for >= PING_AFTER_IDLE {
                    ping(connection, &outage).await?;
                }
                Ok(outage.predates(metadata.age))
            })
        })
        .map_sqlx_postgres_opts(move |_| tunnel.sqlx_options())
        .map_sqlx_postgres_pool_opts(move |options| {
            let settings = settings.clone();
            options.after_connect(move |connection, _| {
                let settings = AssertSqlSafe(settings.clone());
                Box::pin(async move { connection.execute(settings).await.map(drop) })
            })
        });
    options
}

/// Checks an idle connection. If the network has become silent, no older connection is used.
async fn ping(connection: &mut PgConnection, outage: &LastOutage) -> Result<(), sqlx::Error> {
    timeout(PING_TIMEOUT, connection.ping()).await.unwrap_or_else(|_| {
        outage.record();
        Err(sqlx::Error::PoolTimedOut)
    })
}

fn common(options: &mut ConnectOptions, connections: u32) -> &mut ConnectOptions {
    options.max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT).sqlx_logging(false)
}

/// Creates the database file and its folder if they do not exist. Only their owner can access them,
/// because the file contains password hashes. SQLite gives its journal files the same mode.
pub(super) fn create_database_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
