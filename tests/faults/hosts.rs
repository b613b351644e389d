//! A database of several PostgreSQL servers, of which one allows writes.

use std::time::{Duration, Instant};

use futures_util::join;
use tokio::net::TcpListener;

use crate::support::{Actor, PASSWORD, PostgresCluster, ServerProcess, wait_until};
use crate::{LIST, book};

/// Writes and reads with both drivers.
async fn everything_works(actor: &Actor) -> bool {
    let (list, created, login) = join!(
        actor.ask(LIST),
        actor.create(book("probe")),
        actor.login("alice@example.org", PASSWORD)
    );
    list.is_ok() && created.is_ok() && login.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_writable_server_is_used_also_after_a_change_of_roles() {
    let Some(first) = PostgresCluster::start() else { return };
    let second = first.start_standby();
    let hosts = format!("{},{}", second.address(), first.address());
    let url = format!("postgres://postgres@{hosts}/postgres?target_session_attrs=read-write");
    let server = ServerProcess::start_on(&url, &[]);
    let alice = server.alice().await;
    alice.add_book(book("Emma")).await;
    assert!(everything_works(&alice).await, "the standby is skipped");
    let replicated = async || second.query("SELECT count(*) FROM books") == "2";
    wait_until("all is replicated", replicated).await;

    // The connections stay open.
    second.promote();
    first.execute("ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf()");
    let changed = Instant::now();
    wait_until("everything works", async || everything_works(&alice).await).await;
    assert!(changed.elapsed() < Duration::from_secs(10), "after {:?}", changed.elapsed());
    for _ in 0..8 {
        assert!(everything_works(&alice).await, "no connection to the first server is used");
    }
    assert_eq!(first.query("SELECT count(*) FROM books WHERE title = 'probe'"), "1");

    // A server that is down.
    first.crash();
    assert!(everything_works(&alice).await);
    let restarted = ServerProcess::start_on(&url, &[]);
    assert!(restarted.is_ready().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_skipped() {
    let Some(cluster) = PostgresCluster::start() else { return };
    // Accepts connections, and sends nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let hosts = format!("{},{}", silent.local_addr().expect("an address"), cluster.address());
    let server = ServerProcess::start_on(&format!("postgres://postgres@{hosts}/postgres"), &[]);
    let alice = server.alice().await;
    let started = Instant::now();
    assert!(everything_works(&alice).await);
    let login = Duration::from_secs(2);
    assert!(started.elapsed() < login, "the silent server is not tried again");
    let error = silent.accept().await;
    assert!(error.is_ok(), "it was tried once");
}
