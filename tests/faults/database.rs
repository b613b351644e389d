//! A database that crashes, hangs or is locked, and recovers.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::join;
use sea_orm::{ConnectionTrait, Database, Statement, TransactionTrait};

use crate::support::{
    GRAPHQL_RESPONSE, PostgresCluster, ServerProcess, TestResponse, server_command, wait_until,
};
use crate::{LIST, book};

#[tokio::test]
async fn the_server_recovers_from_a_database_crash_without_a_restart() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let server = ServerProcess::start_on(&cluster.url(), &[]);
    let alice = server.alice().await.with_header("accept", GRAPHQL_RESPONSE);
    alice.add_book(book("before")).await;
    assert!(server.is_ready().await);

    cluster.crash();
    for response in [alice.ask(LIST).await, alice.create(book("during")).await] {
        response.assert_error_with_status(503, "SERVICE_UNAVAILABLE");
        assert_eq!(response.header("retry-after"), Some("1"));
    }
    wait_until("not ready", async || !server.is_ready().await).await;
    assert_eq!(server.anon().get("/health/live").await.status, 200);
    // This query needs no data, but after some seconds the session is checked again.
    wait_until("the session is checked", async || !alice.ask("{ __typename }").await.is_ok()).await;
    let response = alice.ask("{ __typename }").await;
    response.assert_error_with_status(503, "SERVICE_UNAVAILABLE");

    cluster.resume();
    let ready = wait_until("ready", async || server.is_ready().await).await;
    let well = wait_until("lists work", async || alice.ask(LIST).await.is_ok()).await;
    eprintln!("ready {ready:?} after the database started, lists work {well:?} later");
    alice.add_book(book("after")).await;
    assert_eq!(alice.titles().await, ["after", "before"]);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[tokio::test]
async fn requests_time_out_when_the_database_hangs() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let server = ServerProcess::start_on(&cluster.url(), &[("LIMIT_OPERATION_TIMEOUT", "2s")]);
    let alice = server.alice().await;
    cluster.signal("STOP");
    let started = Instant::now();
    let responses = join_all((0..30).map(|_| alice.ask(LIST))).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    for response in responses {
        let code = response.error_code();
        let expected = [Some("TIMEOUT"), Some("SERVICE_UNAVAILABLE")];
        assert!(expected.contains(&code.as_deref()), "{response:?}");
    }
    assert!(!server.is_ready().await);
    cluster.signal("CONT");
    wait_until("ready", async || server.is_ready().await).await;
    wait_until("lists work", async || alice.ask(LIST).await.is_ok()).await;
}

#[tokio::test]
async fn an_exhausted_pool_rejects_requests_and_recovers() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let settings = [("DATABASE_POOL_SIZE", "2"), ("LIMIT_OPERATION_TIMEOUT", "4s")];
    let server = ServerProcess::start_on(&cluster.url(), &settings);
    let alice = server.alice().await;
    alice.add_book(book("Emma")).await;

    let blocker = Database::connect(cluster.url()).await.expect("a connection");
    let lock = blocker.begin().await.expect("a transaction");
    lock.execute_unprepared("LOCK TABLE books IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    // Two searches have a connection and wait for the lock; an account cannot run more.
    let search = "{ books(filter: { search: \"Emma\" }) { nodes { id } } }";
    let started = Instant::now();
    let searches = join_all((0..6).map(|_| alice.ask(search)));
    let lists = join_all((0..6).map(|_| alice.ask(LIST)));
    let (searches, lists) = join!(searches, lists);
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
    let mut codes: Vec<_> = searches.iter().filter_map(TestResponse::error_code).collect();
    codes.sort();
    assert_eq!(codes, [&["RATE_LIMITED"; 4][..], &["TIMEOUT"; 2]].concat());
    // Lists have other connections and wait for the lock only.
    for list in lists {
        list.assert_error("TIMEOUT");
    }

    lock.rollback().await.expect("a released lock");
    wait_until("ready", async || server.is_ready().await).await;
    wait_until("lists work", async || alice.ask(LIST).await.is_ok()).await;
    alice.ask(search).await.assert_ok();
    assert_eq!(alice.titles().await, ["Emma"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_concurrently_migrate_an_sqlite_file_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("shared.db");
    assert_concurrent_starts_migrate_once(format!("sqlite://{}", file.display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_concurrently_migrate_a_postgres_database_once() {
    let Some(cluster) = PostgresCluster::start() else { return };
    assert_concurrent_starts_migrate_once(cluster.url()).await;
}

async fn assert_concurrent_starts_migrate_once(url: String) {
    let starts = (0..4).map(|_| {
        let url = url.clone();
        tokio::task::spawn_blocking(move || ServerProcess::start_on(&url, &[]))
    });
    let servers: Vec<_> =
        join_all(starts).await.into_iter().map(|server| server.expect("a server")).collect();
    for server in &servers {
        assert!(server.is_ready().await);
    }
    let connection = Database::connect(&url).await.expect("a connection");
    let applied =
        "SELECT count(*) AS number, count(DISTINCT version) AS versions FROM seaql_migrations";
    let applied = Statement::from_string(connection.get_database_backend(), applied);
    let row = connection.query_one_raw(applied).await.expect("a result").expect("a row");
    let numbers: (i64, i64) =
        (row.try_get("", "number").unwrap(), row.try_get("", "versions").unwrap());
    let folder = tempfile::tempdir().expect("a folder");
    let status = server_command(folder.path(), &url).args(["migrate", "status"]).output();
    let status = String::from_utf8(status.expect("a process").stdout).expect("UTF-8");
    let migrations = i64::try_from(status.lines().count()).expect("a number");
    assert!(migrations > 0 && status.lines().all(|line| line.starts_with("applied ")), "{status}");
    assert_eq!(numbers, (migrations, migrations));
    servers[0].alice().await.add_book(book("Emma")).await;
}
