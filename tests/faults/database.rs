//! A database that crashes, hangs or is locked, and recovers.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::join;
use sea_orm::{ConnectionTrait, Database, TransactionTrait};
use serde_json::json;

use crate::support::{Postgres, ServerProcess, User, code, until};

#[tokio::test]
async fn the_server_recovers_from_a_database_crash_without_a_restart() {
    let Some(postgres) = Postgres::start() else { return };
    let server = ServerProcess::on(Some(&postgres.url()), &[]);
    let alice = User::register(&server, "alice").await;
    alice.add("before", "").await.expect("a response");
    assert!(server.is_ready().await);

    postgres.crash();
    let response = alice.send("{ books { totalCount } }", json!({})).await.expect("a response");
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    let body = response.json().await.expect("JSON");
    assert_eq!(code(&body).as_deref(), Some("SERVICE_UNAVAILABLE"));
    let written = alice.add("during", "").await.expect("a response");
    assert_eq!(code(&written).as_deref(), Some("SERVICE_UNAVAILABLE"));
    assert!(!server.is_ready().await);
    let live = reqwest::get(server.url("/health/live")).await.expect("a response");
    assert_eq!(live.status(), 200);
    // This query needs no data, only the session.
    let response = alice.ask("{ __typename }", json!({})).await.expect("a response");
    assert!(response["data"]["__typename"] == "Query" || code(&response).is_some(), "{response}");

    postgres.resume();
    let ready = until("ready", async || server.is_ready().await).await;
    let well = until("lists work", async || alice.code_of_list().await.is_none()).await;
    eprintln!("ready {ready:?} after the database started, lists work {well:?} later");
    alice.add("after", "").await.expect("a response");
    let mut titles = alice.titles().await;
    titles.sort();
    assert_eq!(titles, ["after", "before"]);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[tokio::test]
async fn requests_time_out_when_the_database_hangs() {
    let Some(postgres) = Postgres::start() else { return };
    let settings = [("LIMIT_OPERATION_TIMEOUT", "2s")];
    let server = ServerProcess::on(Some(&postgres.url()), &settings);
    let alice = User::register(&server, "alice").await;
    postgres.signal("STOP");
    let started = Instant::now();
    let codes = join_all((0..30).map(|_| alice.code_of_list())).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    for code in codes {
        let code = code.expect("an error");
        assert!(["TIMEOUT", "SERVICE_UNAVAILABLE"].contains(&code.as_str()), "{code}");
    }
    assert!(!server.is_ready().await);
    postgres.signal("CONT");
    until("ready", async || server.is_ready().await).await;
    until("lists work", async || alice.code_of_list().await.is_none()).await;
}

#[tokio::test]
async fn an_exhausted_pool_rejects_requests_and_recovers() {
    let Some(postgres) = Postgres::start() else { return };
    let settings = [("DATABASE_POOL_SIZE", "2"), ("LIMIT_OPERATION_TIMEOUT", "6s")];
    let server = ServerProcess::on(Some(&postgres.url()), &settings);
    let alice = User::register(&server, "alice").await;
    alice.add("Emma", "").await.expect("a response");

    let blocker = Database::connect(postgres.url()).await.expect("a connection");
    let lock = blocker.begin().await.expect("a transaction");
    lock.execute_unprepared("LOCK TABLE books IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    // Searches use the pool: two have a connection and wait for the lock, the others wait for a
    // connection.
    let search = "{ books(filter: { search: \"Emma\" }) { nodes { id } } }";
    let search = async || code(&alice.ask(search, json!({})).await.expect("a response"));
    let started = Instant::now();
    let lists = join_all((0..6).map(|_| alice.code_of_list()));
    let (codes, lists) = join!(join_all((0..6).map(|_| search())), lists);
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
    let count = |code: &str| codes.iter().filter(|found| found.as_deref() == Some(code)).count();
    assert_eq!((count("TIMEOUT"), count("SERVICE_UNAVAILABLE")), (2, 4), "{codes:?}");
    // Lists bypass the pool and wait for the lock only.
    assert!(lists.iter().all(|code| code.as_deref() == Some("TIMEOUT")), "{lists:?}");

    lock.rollback().await.expect("a released lock");
    until("ready", async || server.is_ready().await).await;
    until("lists work", async || alice.code_of_list().await.is_none()).await;
    assert_eq!(search().await, None);
    assert_eq!(alice.titles().await, ["Emma"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_concurrently_migrate_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("shared.db").display().to_string();
    let postgres = Postgres::start();
    let urls = [Some(format!("sqlite://{file}")), postgres.as_ref().map(Postgres::url)];
    for url in urls.into_iter().flatten() {
        let starts = (0..4).map(|_| {
            let url = url.clone();
            tokio::task::spawn_blocking(move || ServerProcess::on(Some(&url), &[]))
        });
        let servers: Vec<_> =
            join_all(starts).await.into_iter().map(|server| server.expect("a server")).collect();
        for server in &servers {
            assert!(server.is_ready().await);
        }
        let connection = Database::connect(&url).await.expect("a connection");
        let applied =
            "SELECT count(*) AS number, count(DISTINCT version) AS versions FROM seaql_migrations";
        let row = connection
            .query_one_raw(sea_orm::Statement::from_string(
                connection.get_database_backend(),
                applied,
            ))
            .await
            .expect("a row")
            .expect("a row");
        let numbers: (i64, i64) =
            (row.try_get("", "number").unwrap(), row.try_get("", "versions").unwrap());
        assert_eq!(numbers, (5, 5));
        let alice = User::register(&servers[0], "alice").await;
        alice.add("Emma", "").await.expect("a response");
    }
}
