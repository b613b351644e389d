//! Events over PostgreSQL's `NOTIFY`, from every copy of the server to every copy, this one
//! included: so all hear the same, in the same order.
//!
//! A `NOTIFY` inside of a transaction makes its commit wait for every other such commit. So it has
//! no part in the transactions that change something: it follows them, many events at a time, from a
//! connection of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::sqlx;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Event, Hub};
use crate::store::outage::Outage;

const CHANNEL: &str = "bookshelf_events";

/// How many events may wait to be told while the database is away. More are dropped: who listens
/// then has missed something anyway.
const OUTBOX: usize = 10_000;

/// How many events go into one notification, whose text has less than 8,000 bytes.
const AT_ONCE: usize = 80;

/// The pause between two notifications, in which events gather.
const PAUSE: Duration = Duration::from_millis(5);

/// How long to wait before the database is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// How long after an outage the other copies listen again, as a rule.
const RECOVERY: Duration = Duration::from_millis(300);

/// For how long events are kept, to be told once more after an outage: some copy may not have
/// listened when they were told first. Who has heard of them drops them.
const KEPT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Postgres {
    outbox: mpsc::Sender<Event>,
    /// Sends and listens until this is dropped.
    _tasks: JoinSet<()>,
}

impl Postgres {
    pub(super) async fn connect(
        url: &str,
        hub: Arc<Hub>,
        outage: Arc<Outage>,
    ) -> anyhow::Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.application_name("bookshelf events");
        // One that listens and one that tells.
        let pool = PgPoolOptions::new().max_connections(2).connect_with(options).await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        let (outbox, waiting) = mpsc::channel(OUTBOX);
        let lost = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(listener, hub, outage, Arc::clone(&lost)));
        tasks.spawn(send(pool, waiting, lost));
        Ok(Self { outbox, _tasks: tasks })
    }

    pub(super) fn tell(&self, event: Event) {
        if self.outbox.try_send(event).is_err() {
            tracing::warn!("an event is dropped: the database does not take any");
        }
    }
}

async fn listen(mut listener: PgListener, hub: Arc<Hub>, outage: Arc<Outage>, lost: Arc<Notify>) {
    loop {
        match listener.try_recv().await {
            Ok(Some(notification)) => {
                let events = notification.payload().lines().filter_map(|line| line.parse().ok());
                events.for_each(|event| hub.deliver(event));
            }
            Ok(None) => {
                outage.noticed();
                lost.notify_one();
                tracing::warn!("the connection for events was lost; some may have been missed");
            }
            Err(error) => {
                outage.noticed();
                lost.notify_one();
                tracing::warn!(%error, "no connection for events");
                sleep(RETRY).await;
            }
        }
    }
}

async fn send(pool: PgPool, mut waiting: mpsc::Receiver<Event>, lost: Arc<Notify>) {
    let mut events = Vec::with_capacity(AT_ONCE);
    let mut kept: Vec<(Instant, String)> = Vec::new();
    let is_fresh = |(told, _): &(Instant, String)| told.elapsed() < KEPT;
    loop {
        tokio::select! {
            told = waiting.recv_many(&mut events, AT_ONCE) => {
                if told == 0 {
                    return;
                }
                let lines: Vec<String> = events.drain(..).map(|event| event.to_string()).collect();
                let lines = lines.join("\n");
                notify(&pool, &lines).await;
                kept.retain(is_fresh);
                kept.push((Instant::now(), lines));
                sleep(PAUSE).await;
            }
            () = lost.notified() => {
                kept.retain(is_fresh);
                sleep(RECOVERY).await;
                for (_, lines) in &kept {
                    notify(&pool, lines).await;
                }
            }
        }
    }
}

/// Tells events, however often the database has to be asked. What arrives twice because an answer was
/// lost is noticed where it arrives.
async fn notify(pool: &PgPool, lines: &str) {
    while let Err(error) = try_notify(pool, lines).await {
        tracing::warn!(%error, "events wait");
        sleep(RETRY).await;
    }
}

/// Nothing is lost with the notification that is not lost with the server, so it waits for no disk.
async fn try_notify(pool: &PgPool, lines: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(lines)
        .execute(pool)
        .await
        .map(drop)
}
