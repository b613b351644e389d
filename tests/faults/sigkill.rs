//! Repeated SIGKILL while eight clients write.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::book;
use crate::support::{Actor, PostgresCluster, ServerProcess, wait_until};

const WRITERS: usize = 8;
const KILLS: usize = 10;

/// Writes books until `stop` is set, each until it is acknowledged. Returns the acknowledged titles.
async fn write(
    actor: Actor,
    number: usize,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut next = 0;
    while !stop.load(Ordering::Relaxed) {
        let title = format!("{number}-{next}");
        // After a lost response the write is repeated with the same idempotency key.
        let response = actor.try_create_once(book(&title), &title).await;
        if response.is_ok_and(|response| response.is_ok()) {
            acknowledged.push(title);
            done.fetch_add(1, Ordering::Relaxed);
            next += 1;
        } else {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    acknowledged
}

async fn assert_acknowledged_writes_survive(mut server: ServerProcess) {
    let alice = server.alice().await;
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            tokio::spawn(write(alice.clone(), number, Arc::clone(&stop), Arc::clone(&done)))
        })
        .collect();
    for kill in 0..KILLS {
        let before = done.load(Ordering::Relaxed);
        wait_until("more writes are acknowledged", async || {
            done.load(Ordering::Relaxed) > before + 20 + 7 * kill
        })
        .await;
        server.kill();
        server.restart();
    }
    let before = done.load(Ordering::Relaxed);
    wait_until("more writes are acknowledged", async || done.load(Ordering::Relaxed) > before + 20)
        .await;
    stop.store(true, Ordering::Relaxed);

    let mut found: HashMap<String, usize> = HashMap::new();
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.expect("a writer"));
    }
    for title in alice.titles().await {
        *found.entry(title).or_default() += 1;
    }
    eprintln!(
        "{KILLS} kills, {} books acknowledged, {} of them found",
        acknowledged.len(),
        acknowledged.iter().filter(|title| found.contains_key(*title)).count()
    );
    assert!(acknowledged.len() > KILLS * 20, "{}", acknowledged.len());
    for title in &acknowledged {
        assert_eq!(found.remove(title), Some(1), "{title}");
    }
    // Each writer had at most one unacknowledged write when it stopped.
    assert!(found.len() <= WRITERS && found.values().all(|times| *times == 1), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_sigkill_on_sqlite() {
    assert_acknowledged_writes_survive(ServerProcess::start(&[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_sigkill_on_postgres() {
    let Some(cluster) = PostgresCluster::start() else { return };
    assert_acknowledged_writes_survive(ServerProcess::start_on(&cluster.url(), &[])).await;
}
