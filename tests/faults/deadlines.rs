//! Waits on PostgreSQL end: connections that went silent, locks, and statements that became invalid.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{FutureExt, join};
use sea_orm::{ConnectionTrait, Database, TransactionTrait};
use serde_json::json;

use crate::support::{Actor, PASSWORD, PostgresCluster, ServerProcess, TcpProxy, wait_until};
use crate::{LIST, book};

const SEARCH: &str = "{ books(filter: { search: \"emma\" }) { totalCount } }";

/// Whether every kind of statement works: pipelined reads and writes, searches, and transactions. Bob signs in, because
/// each user has few sessions.
async fn everything_works(actor: &Actor) -> bool {
    let (list, search, created, login) = join!(
        actor.ask(LIST),
        actor.ask(SEARCH),
        actor.create(book("probe")),
        actor.login("bob@example.org", PASSWORD)
    );
    list.is_ok() && search.is_ok() && created.is_ok() && login.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_recovers_from_connections_that_went_silent() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let proxy = TcpProxy::start(cluster.address()).await;
    let settings = [("LIMIT_CONCURRENT_OPERATIONS", "4"), ("DATABASE_POOL_SIZE", "8")];
    let server = ServerProcess::start_on(&cluster.url_at(proxy.address), &settings);
    let alice = server.alice().await;
    server.anon().registered("bob").await;
    // Opens connections of all kinds.
    for _ in 0..8 {
        join_all((0..4).map(|_| alice.ask(SEARCH))).await;
        join_all((0..4).map(|number| alice.create(book(&format!("warm {number}"))))).await;
    }
    assert!(everything_works(&alice).await);
    let mut acknowledged = alice.titles().await;

    // The limit of operations allows only those that start first to wait for the database.
    for creates_first in [true, false] {
        let frozen = Instant::now();
        proxy.freeze_connections();
        let titles = [0, 1, 2, 3].map(|number| format!("{creates_first} {number}"));
        let creates = join_all(titles.iter().map(|title| alice.create(book(title))));
        let searches = join_all((0..8).map(|_| alice.ask(SEARCH)));
        let after = tokio::time::sleep(Duration::from_millis(50));
        let (created, searched) = if creates_first {
            join!(creates, after.then(|()| searches))
        } else {
            let (searched, created) = join!(searches, after.then(|()| creates));
            (created, searched)
        };
        // A search may open a new connection, which works.
        let first = if creates_first { &created } else { &searched };
        let failed = first.iter().filter(|response| !response.is_ok()).count();
        assert!(failed > 0, "the freeze was not noticed");
        let done = titles.iter().zip(&created).filter(|(_, response)| response.is_ok());
        acknowledged.extend(done.map(|(title, _)| title.clone()));

        // Longer than the deadline of the statements that wait on silent connections: these must not take newer
        // connections with them.
        let mut recovered = Duration::ZERO;
        while frozen.elapsed() < Duration::from_secs(25) {
            if !everything_works(&alice).await {
                recovered = frozen.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        eprintln!("recovered after {recovered:?}");
        assert!(recovered < Duration::from_secs(20), "recovered after {recovered:?}");
    }
    let titles = alice.titles().await;
    for title in acknowledged {
        assert!(titles.contains(&title), "{title} was acknowledged");
    }
    assert!(server.is_ready().await);
}

#[tokio::test]
async fn a_lock_on_the_data_of_one_owner_does_not_delay_others() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let server = ServerProcess::start_on(&cluster.url(), &[("DATABASE_POOL_SIZE", "8")]);
    let (alice, bob) = (server.alice().await, server.anon().registered("bob").await);
    let id = alice.add_book(book("Emma")).await;
    bob.add_book(book("Dune")).await;

    let blocker = Database::connect(cluster.url()).await.expect("a connection");
    let lock = blocker.begin().await.expect("a transaction");
    let sql = format!(
        "SELECT FROM libraries WHERE owner_id = (SELECT id FROM users WHERE email = '{}') FOR UPDATE",
        "alice@example.org"
    );
    lock.execute_unprepared(&sql).await.expect("a lock");
    let blocked = async {
        let creates = join_all((0..6).map(|number| alice.create(book(&format!("late {number}")))));
        let deletes = join_all((0..6).map(|_| alice.delete(&id)));
        join!(creates, deletes)
    };
    let others = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // More than there are connections.
        for number in 0..12 {
            bob.add_book(book(&format!("quick {number}"))).await;
        }
        server.anon().registered("carol").await;
        Instant::now()
    };
    let held = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let released = Instant::now();
        lock.rollback().await.expect("a released lock");
        released
    };
    let ((creates, _), others_done, released) = join!(blocked, others, held);
    assert!(others_done < released, "others did not wait for the lock");
    for create in creates {
        let code = create.error_code().expect("an error");
        assert!(["SERVICE_UNAVAILABLE", "TIMEOUT"].contains(&code.as_str()), "{code}");
    }
    wait_until("alice can write", async || alice.create(book("after")).await.is_ok()).await;
    assert!(!server.log().contains("does not respond"), "{}", server.log());
}

#[tokio::test]
async fn searches_of_disconnected_clients_are_cancelled() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let server = ServerProcess::start_on(&cluster.url(), &[]);
    assert_abandoned_searches_are_cancelled(&cluster, &server).await;
}

/// Starts searches that wait for a lock, and closes their connections. Asserts that they end long before the timeouts
/// of the lock (5 s) and of the statement, and that the account can search again.
pub(crate) async fn assert_abandoned_searches_are_cancelled(
    cluster: &PostgresCluster,
    server: &ServerProcess,
) {
    let alice = server.alice().await;
    alice.add_book(book("Emma")).await;
    alice.ask(SEARCH).await.assert_ok();
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND query LIKE '%position%'";
    let start = || {
        let alice = alice.clone();
        tokio::spawn(async move { alice.ask(SEARCH).await })
    };

    let blocker = Database::connect(cluster.url()).await.expect("a connection");
    let lock = blocker.begin().await.expect("a transaction");
    lock.execute_unprepared("LOCK TABLE books IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    // As many as an account may run.
    let searches = [start(), start()];
    wait_until("the searches wait", async || cluster.query(waiting) == "2").await;
    alice.ask(SEARCH).await.assert_error("RATE_LIMITED");
    let abandoned = Instant::now();
    searches.iter().for_each(tokio::task::JoinHandle::abort);
    wait_until("the searches have ended", async || cluster.query(waiting) == "0").await;
    assert!(abandoned.elapsed() < Duration::from_secs(2), "{:?}", abandoned.elapsed());
    let search = start();
    wait_until("another search waits", async || cluster.query(waiting) == "1").await;
    lock.rollback().await.expect("a released lock");
    search.await.expect("a response").assert_ok();
    assert!(!server.log().contains("WARN"), "{}", server.log());
}

#[tokio::test]
async fn statements_that_became_invalid_are_prepared_again() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let server = ServerProcess::start_on(&cluster.url(), &[]);
    let alice = server.alice().await;
    // Signs in more often than an account has sessions, so alice would be signed out.
    server.anon().registered("bob").await;
    let ask = async || {
        let query = "{ viewer { username books { nodes { title owner { username } } } } }";
        let (viewer, login) = join!(alice.ask(query), alice.login("bob@example.org", PASSWORD));
        (viewer.is_ok(), login.is_ok())
    };
    // Written by a statement of sea-orm, which fails once.
    let rename =
        async |name: String| alice.update_profile(json!({ "username": name })).await.is_ok();
    alice.add_book(book("Emma")).await;
    // Prepares the statements on every connection.
    join_all((0..40).map(|_| ask())).await;
    join_all((0..20).map(|number| rename(format!("alice{number}")))).await;

    let database = Database::connect(cluster.url()).await.expect("a connection");
    for sql in [
        "ALTER TABLE users ALTER username TYPE varchar(200)",
        "ALTER TABLE books ALTER title TYPE varchar(600)",
    ] {
        database.execute_unprepared(sql).await.expect("a changed column");
        let mut failed = 0;
        for number in 0..40 {
            assert_eq!(ask().await, (true, true), "after {sql}");
            failed += usize::from(!rename(format!("alice {number}")).await);
        }
        assert!(failed <= 1, "{failed} updates failed after {sql}");
    }
}
