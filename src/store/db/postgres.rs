//! Pipelined connections to PostgreSQL: a statement is sent before the results of the previous ones have
//! arrived. No statement waits for a free connection, and the database wakes up once for several
//! statements that arrive together.
//!
//! A connection returns results in the order of its statements, so it is used only for statements that all
//! take a similar time. Reads and writes use separate connections, since a write may wait for a lock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::row::RowReader;
use super::sql::Sql;
use crate::id::UserId;
use crate::store::connector::{ConnectError, Connector};
use crate::store::error::QueryError;
use crate::store::last_outage::LastOutage;

mod capacity;
mod connection;
mod parameter;
mod scan;
mod session;

pub(super) use capacity::PoolSizes;
use connection::{Connection, OPEN_TIMEOUT};
pub(super) use scan::ScanPool;

/// How long a slot whose connection could not be opened uses those of other slots.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The pipelined connections to a database.
#[derive(Debug)]
pub(super) struct PipelinedPool {
    readers: Vec<Slot>,
    writers: Vec<Slot>,
    next: AtomicUsize,
    /// The owners with writes in flight.
    writing: Mutex<HashMap<UserId, OwnerWrites>>,
    connector: Connector,
    /// Executed on each new connection.
    settings: String,
    outage: Arc<LastOutage>,
    /// One task for each connection.
    tasks: TaskTracker,
}

/// A slot for one connection, which is opened on first use, and again after it was lost.
#[derive(Debug, Default)]
struct Slot {
    open: RwLock<Option<Arc<Connection>>>,
    opening: tokio::sync::Mutex<()>,
    /// When the last attempt to open it failed.
    failed: Mutex<Option<Instant>>,
    /// Number of statements in flight.
    busy: AtomicUsize,
}

/// The writes of one owner that are in flight.
#[derive(Clone, Copy, Debug)]
struct OwnerWrites {
    /// The index of the slot that they use.
    slot: usize,
    number: usize,
}

impl PipelinedPool {
    /// Makes slots for this many connections, at least one for reads and one for writes, and opens one of each.
    ///
    /// # Errors
    /// If no connection can be opened, or if another program reuses the session of one for the other.
    pub(super) async fn connect(
        connector: Connector,
        connections: u32,
        outage: Arc<LastOutage>,
    ) -> anyhow::Result<Self> {
        let settings = session::settings(connector.target());
        let readers = (connections / 4).max(1);
        let writers = connections.saturating_sub(readers).max(1);
        let slots = |number| std::iter::repeat_with(Slot::default).take(number as usize).collect();
        let (readers, writers) = (slots(readers), slots(writers));
        let (next, writing) = (AtomicUsize::new(0), Mutex::default());
        let tasks = TaskTracker::new();
        let pool = Self { readers, writers, next, writing, connector, settings, outage, tasks };
        let reader = pool.least_busy(&pool.readers).reconnect(&pool).await?;
        let writer = pool.least_busy(&pool.writers).reconnect(&pool).await?;
        session::check_pooling(reader.client(), writer.client()).await?;
        Ok(pool)
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Closes the connections when their statements in flight have ended.
    pub(super) async fn close(&self) {
        for slot in self.readers.iter().chain(&self.writers) {
            slot.open.write().unwrap_or_else(PoisonError::into_inner).take();
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Runs a read-only statement. Retries it once if the connection was lost, which is safe for a read.
    pub(super) async fn read<T>(
        &self,
        sql: &Sql,
        mut read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let slot = self.least_busy(&self.readers);
        let (connection, busy) = self.connection(&self.readers, slot).await?;
        match Arc::clone(&connection).query(sql, &mut read_row).await {
            Err(_) if connection.is_closed() => {
                drop(busy);
                let slot = self.least_busy(&self.readers);
                let (connection, _busy) = self.connection(&self.readers, slot).await?;
                connection.query(sql, &mut read_row).await
            }
            result => result,
        }
    }

    /// Runs a writing statement about data of `owner`. Writes of one owner wait for the same rows, such as the
    /// book count, so they never occupy more than one connection.
    pub(super) async fn write<T>(
        &self,
        owner: UserId,
        sql: &Sql,
        mut read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let write = OwnerWrite::new(self, owner);
        let slot = &self.writers[write.slot];
        let (connection, _busy) = self.connection(&self.writers, slot).await?;
        connection.query(sql, &mut read_row).await
    }

    /// The connection of a slot. If it cannot be opened, for example since the database has too many connections,
    /// that of another slot.
    async fn connection<'a>(
        &'a self,
        slots: &'a [Slot],
        slot: &'a Slot,
    ) -> Result<(Arc<Connection>, InFlight<'a>), QueryError> {
        let busy = InFlight::new(&slot.busy);
        if let Some(open) = slot.usable() {
            return Ok((open, busy));
        }
        let least_busy = |slots: &'a [Slot]| {
            let usable = |other: &'a Slot| Some((other.usable()?, InFlight::new(&other.busy)));
            slots.iter().filter_map(usable).min_by_key(|(_, busy)| busy.number())
        };
        let others = || {
            let same_kind = least_busy(slots);
            same_kind.or_else(|| least_busy(&self.readers)).or_else(|| least_busy(&self.writers))
        };
        if slot.has_failed_recently()
            && let Some(other) = others()
        {
            return Ok(other);
        }
        match slot.open(self).await {
            Ok(open) => Ok((open, busy)),
            Err(error) => others().ok_or(error),
        }
    }

    fn least_busy<'a>(&self, slots: &'a [Slot]) -> &'a Slot {
        &slots[self.index_of_least_busy(slots)]
    }

    fn index_of_least_busy(&self, slots: &[Slot]) -> usize {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % slots.len();
        let busy = |index: usize| slots[index].busy.load(Ordering::Relaxed);
        (first..slots.len()).chain(0..first).min_by_key(|index| busy(*index)).unwrap_or(first)
    }

    fn writing(&self) -> MutexGuard<'_, HashMap<UserId, OwnerWrites>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write of an owner, counted while it is in flight.
struct OwnerWrite<'a> {
    pool: &'a PipelinedPool,
    owner: UserId,
    slot: usize,
}

impl<'a> OwnerWrite<'a> {
    fn new(pool: &'a PipelinedPool, owner: UserId) -> Self {
        let mut writing = pool.writing();
        let least_busy =
            || OwnerWrites { slot: pool.index_of_least_busy(&pool.writers), number: 0 };
        let writes = writing.entry(owner).or_insert_with(least_busy);
        writes.number += 1;
        Self { pool, owner, slot: writes.slot }
    }
}

impl Drop for OwnerWrite<'_> {
    fn drop(&mut self) {
        let mut writing = self.pool.writing();
        if let Some(writes) = writing.get_mut(&self.owner) {
            writes.number -= 1;
            if writes.number == 0 {
                writing.remove(&self.owner);
            }
        }
    }
}

impl Slot {
    /// Opens a connection, unless another statement has just done it.
    async fn open(&self, pool: &PipelinedPool) -> Result<Arc<Connection>, QueryError> {
        // Boxed: see `Connection::query`.
        let opened = match timeout(OPEN_TIMEOUT, Box::pin(self.reconnect(pool))).await {
            Ok(opened) => opened.map_err(QueryError::from),
            Err(_) => Err(QueryError::unavailable("opening a connection timed out")),
        };
        if opened.is_err() {
            *self.failed() = Some(Instant::now());
        }
        opened
    }

    async fn reconnect(&self, pool: &PipelinedPool) -> Result<Arc<Connection>, ConnectError> {
        let _opening = self.opening.lock().await;
        if let Some(open) = self.usable() {
            return Ok(open);
        }
        let PipelinedPool { connector, settings, outage, tasks, .. } = pool;
        let open = Arc::new(Connection::open(connector, settings, outage, tasks).await?);
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&open));
        Ok(open)
    }

    fn usable(&self) -> Option<Arc<Connection>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner).clone();
        open.filter(|open| open.is_usable())
    }

    fn has_failed_recently(&self) -> bool {
        self.failed().is_some_and(|failed| failed.elapsed() < RETRY_INTERVAL)
    }

    fn failed(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a statement while it is in flight.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }

    /// The statements in flight on the same slot.
    fn number(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
