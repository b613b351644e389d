//! A pool of sea-orm that replaces itself when connections do not come back.
//!
//! sqlx pings a connection before it returns to its pool, without a time limit. So a connection on which the
//! network went silent never returns, and a pool that has lost all its connections waits for ever.

use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use sea_orm::{ConnectOptions, Database as Connector, DatabaseConnection, DbErr};
use tokio::time::{MissedTickBehavior, interval};

use super::lease::Lease;
use crate::store::last_outage::LastOutage;

/// How often the pool is checked for lost connections.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// After how many checks in a row with lost connections the pool is replaced. A connection is also missing
/// while it returns, or while the database runs a statement that was abandoned.
const CHECKS: u32 = 5;

/// Called with the SQL of every statement, for example to count them.
pub type StatementObserver = Arc<dyn Fn(&str) + Send + Sync>;

/// A pool of connections. Clones share the connections.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    options: ConnectOptions,
    observer: Option<StatementObserver>,
    /// `None` with SQLite, whose connections cannot be lost.
    outage: Option<Arc<LastOutage>>,
    open: RwLock<OpenPool>,
}

#[derive(Clone)]
struct OpenPool {
    connections: DatabaseConnection,
    /// Counted by its references: one for each lease, and one of the pool.
    leases: Arc<()>,
}

impl Pool {
    /// Opens a pool with a first connection. With `outage`, the pool is replaced when the database stops
    /// responding, and whenever connections do not come back.
    pub(super) async fn connect(
        options: ConnectOptions,
        observer: Option<StatementObserver>,
        outage: Option<Arc<LastOutage>>,
    ) -> Result<Self, DbErr> {
        let open = OpenPool::new(options.clone(), observer.clone()).await?;
        let pool = Arc::new(Shared { options, observer, outage, open: RwLock::new(open) });
        if let Some(outage) = &pool.outage {
            tokio::spawn(watch(Arc::downgrade(&pool), Arc::clone(outage)));
        }
        Ok(Self(pool))
    }

    pub(super) fn lease(&self) -> Lease<DatabaseConnection> {
        let OpenPool { connections, leases } = self.current();
        Lease::new(connections, self.0.outage.clone(), leases)
    }

    /// Opens new connections from now on. The old ones are closed when their leases end.
    async fn replace(&self) {
        let mut options = self.0.options.clone();
        options.connect_lazy(true);
        match OpenPool::new(options, self.0.observer.clone()).await {
            Ok(new) => {
                *self.0.open.write().unwrap_or_else(PoisonError::into_inner) = new;
                tracing::debug!("connections to the database were lost, new ones will be opened");
            }
            Err(error) => tracing::debug!(%error, "could not replace lost connections"),
        }
    }

    pub(super) async fn close(&self) -> Result<(), DbErr> {
        self.current().connections.close_by_ref().await
    }

    fn current(&self) -> OpenPool {
        self.0.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many connections are without a lease and not back in the pool.
    fn lost(&self) -> usize {
        let OpenPool { connections, leases } = self.current();
        let pool = connections.get_postgres_connection_pool();
        // One reference is the pool's, one is that of the variable.
        let leases = Arc::strong_count(&leases).saturating_sub(2);
        let size = usize::try_from(pool.size()).unwrap_or(usize::MAX);
        size.saturating_sub(pool.num_idle()).saturating_sub(leases)
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pool").field(&self.current().connections).finish()
    }
}

impl OpenPool {
    async fn new(
        options: ConnectOptions,
        observer: Option<StatementObserver>,
    ) -> Result<Self, DbErr> {
        let mut connections = Connector::connect(options).await?;
        if let Some(observer) = observer {
            connections.set_metric_callback(move |info| observer(&info.statement.sql));
        }
        Ok(Self { connections, leases: Arc::new(()) })
    }
}

/// Replaces the pool when the database stops responding, or when connections have not come back for some time.
async fn watch(pool: Weak<Shared>, outage: Arc<LastOutage>) {
    let mut ticks = interval(CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut silence, mut checks) = (outage.silence(Instant::now()), 0);
    loop {
        let silent = tokio::select! {
            _ = ticks.tick() => false,
            () = silence.detected() => true,
        };
        let Some(pool) = pool.upgrade().map(Pool) else { return };
        checks = if pool.lost() > 0 { checks + 1 } else { 0 };
        if silent || checks >= CHECKS {
            pool.replace().await;
            (silence, checks) = (outage.silence(Instant::now()), 0);
        }
    }
}
