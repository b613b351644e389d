//! Events over PostgreSQL's `NOTIFY`, from every copy of the server to every copy, this one
//! included: so all hear the same, in the same order.
//!
//! A `NOTIFY` inside of a transaction makes its commit wait for every other such commit. So it has
//! no part in the transactions that change something: it follows them, many events at a time, from a
//! connection of its own. Whoever made the change waits for it: what is done after an answer is told
//! after what the answer was about.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions};
use sea_orm::sqlx::{self, Connection};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Event, Hub};
use crate::store::outage::Outage;

const CHANNEL: &str = "bookshelf_events";

/// Says nothing but that the way is open.
const BEAT: &str = "beat";

/// Asks every copy to tell once more what it told lately, for somebody was not listening.
const AGAIN: &str = "again";

/// How many events may wait to be told while the database is away. More are dropped.
const OUTBOX: usize = 10_000;

/// How many events go into one notification, whose text has less than 8,000 bytes.
const AT_ONCE: usize = 80;

/// How long a change waits until it is told.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long to wait before the database is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// How long after an outage the other copies listen again, as a rule.
const RECOVERY: Duration = Duration::from_millis(300);

/// For how long events are kept, to be told again.
const KEPT: Duration = Duration::from_secs(60);

/// How many notifications are kept at most.
const KEPT_AT_MOST: usize = 1_000;

/// How often something is said when there is nothing to say.
const BEAT_EVERY: Duration = Duration::from_secs(10);

/// A connection on which nothing is heard for so long is dead, whatever the system thinks of it.
const DEAF_AFTER: Duration = Duration::from_secs(25);

#[derive(Debug)]
pub(super) struct Postgres {
    outbox: mpsc::Sender<Waiting>,
    /// Sends and listens until this is dropped.
    _tasks: JoinSet<()>,
}

/// An event, and who waits for it to be told.
#[derive(Debug)]
struct Waiting {
    event: Event,
    told: oneshot::Sender<()>,
}

/// What the one who listens has to say to the one who sends.
#[derive(Debug, Default)]
struct Signals {
    /// We did not listen for a while.
    missed: Notify,
    /// Somebody did not.
    again: Notify,
}

impl Postgres {
    pub(super) async fn connect(
        url: &str,
        hub: Arc<Hub>,
        outage: Arc<Outage>,
    ) -> anyhow::Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.application_name("bookshelf events");
        let listener = connect(&options).await?;

        let (outbox, waiting) = mpsc::channel(OUTBOX);
        let signals = Arc::new(Signals::default());
        let mut tasks = JoinSet::new();
        let ear = Ear { options: options.clone(), hub, outage, signals: Arc::clone(&signals) };
        tasks.spawn(ear.listen(listener));
        let voice = Voice { options, connection: None };
        tasks.spawn(send(voice, waiting, signals));
        Ok(Self { outbox, _tasks: tasks })
    }

    pub(super) async fn tell(&self, events: &[Event]) {
        let mut all_told = Vec::with_capacity(events.len());
        for event in events {
            let (told, is_told) = oneshot::channel();
            match self.outbox.try_send(Waiting { event: *event, told }) {
                Ok(()) => all_told.push(is_told),
                Err(_) => tracing::warn!("an event is dropped: the database does not take any"),
            }
        }
        let all_told = async {
            for is_told in all_told {
                let _ = is_told.await;
            }
        };
        let _ = timeout(PATIENCE, all_told).await;
    }
}

/// With a pool of its own each time: a listener that hears nothing keeps its connection until it has said
/// goodbye over it, which may be never.
async fn connect(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Hears what is told.
struct Ear {
    options: PgConnectOptions,
    hub: Arc<Hub>,
    outage: Arc<Outage>,
    signals: Arc<Signals>,
}

impl Ear {
    async fn listen(self, mut listener: PgListener) {
        loop {
            match timeout(DEAF_AFTER, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => {
                    notification.payload().lines().for_each(|line| self.hear(line));
                }
                // It has connected anew by itself.
                Ok(Ok(None)) => self.has_missed("the connection was lost"),
                Ok(Err(error)) => {
                    self.has_missed(&error.to_string());
                    listener = self.connect_anew().await;
                }
                Err(_) => {
                    self.has_missed("nothing is heard");
                    listener = self.connect_anew().await;
                }
            }
        }
    }

    fn hear(&self, line: &str) {
        match line {
            BEAT => {}
            AGAIN => self.signals.again.notify_one(),
            // What is no event may be one of a newer server.
            line => line.parse().into_iter().for_each(|event| self.hub.deliver(event)),
        }
    }

    fn has_missed(&self, why: &str) {
        self.outage.noticed();
        self.signals.missed.notify_one();
        tracing::warn!(why, "events may have been missed, and are asked for again");
    }

    async fn connect_anew(&self) -> PgListener {
        loop {
            match timeout(DEAF_AFTER, connect(&self.options)).await {
                Ok(Ok(listener)) => {
                    // The database may have been away for longer than it took to notice.
                    self.outage.noticed();
                    self.signals.missed.notify_one();
                    return listener;
                }
                Ok(Err(_)) | Err(_) => sleep(RETRY).await,
            }
        }
    }
}

async fn send(mut voice: Voice, mut waiting: mpsc::Receiver<Waiting>, signals: Arc<Signals>) {
    let mut batch = Vec::with_capacity(AT_ONCE);
    let mut kept: Vec<(Instant, String)> = Vec::new();
    loop {
        tokio::select! {
            received = waiting.recv_many(&mut batch, AT_ONCE) => {
                if received == 0 {
                    return;
                }
                let lines: Vec<_> = batch.iter().map(|it: &Waiting| it.event.to_string()).collect();
                let lines = lines.join("\n");
                voice.notify(&lines).await;
                // Who does not wait any more has no need to know.
                for it in batch.drain(..) {
                    let _ = it.told.send(());
                }
                kept.retain(|(told, _)| told.elapsed() < KEPT);
                let too_many = (kept.len() + 1).saturating_sub(KEPT_AT_MOST);
                kept.drain(..too_many);
                kept.push((Instant::now(), lines));
            }
            () = signals.missed.notified() => {
                sleep(RECOVERY).await;
                voice.notify(AGAIN).await;
            }
            () = signals.again.notified() => {
                kept.retain(|(told, _)| told.elapsed() < KEPT);
                for (_, lines) in &kept {
                    voice.notify(lines).await;
                }
            }
            () = sleep(BEAT_EVERY) => voice.notify(BEAT).await,
        }
    }
}

/// A connection of its own to tell things over: a pool would ask whether it still lives before and after
/// each.
struct Voice {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

impl Voice {
    /// Tells something, however often the database has to be asked. What arrives twice because an answer
    /// was lost is noticed where it arrives.
    async fn notify(&mut self, lines: &str) {
        loop {
            let was_open = self.connection.is_some();
            match timeout(DEAF_AFTER, self.try_notify(lines)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::warn!(%error, "events wait"),
                Err(_) => tracing::warn!("events wait: the database does not answer"),
            }
            self.connection = None;
            // One that was open may have been lost while nothing was told.
            if !was_open {
                sleep(RETRY).await;
            }
        }
    }

    /// Nothing is lost with the notification that is not lost with the server, so it waits for no disk.
    async fn try_notify(&mut self, lines: &str) -> Result<(), sqlx::Error> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(PgConnection::connect_with(&self.options).await?),
        };
        sqlx::query("SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(lines)
            .execute(connection)
            .await
            .map(drop)
    }
}
