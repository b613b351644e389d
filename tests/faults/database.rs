//! A database that goes away, hangs, or has no time, and comes back.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::join;
use sea_orm::{ConnectionTrait, Database, TransactionTrait};
use serde_json::json;

use crate::support::{Postgres, ServerProcess, User, code, until};

#[tokio::test]
async fn a_database_that_crashes_is_found_again_without_a_restart() {
    let Some(postgres) = Postgres::start() else { return };
    let server = ServerProcess::on(Some(&postgres.url()), &[]);
    let alice = User::register(&server, "alice").await;
    alice.add("before", "").await.expect("an answer");
    assert!(server.is_ready().await);

    postgres.crash();
    let response = alice.send("{ books { totalCount } }", json!({})).await.expect("an answer");
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    let answer = response.json().await.expect("JSON");
    assert_eq!(code(&answer).as_deref(), Some("SERVICE_UNAVAILABLE"));
    let written = alice.add("meanwhile", "").await.expect("an answer");
    assert_eq!(code(&written).as_deref(), Some("SERVICE_UNAVAILABLE"));
    assert!(!server.is_ready().await);
    let live = reqwest::get(server.url("/health/live")).await.expect("an answer");
    assert_eq!(live.status(), 200);
    // Who needs no database is served.
    let answer = alice.ask("{ __typename }", json!({})).await.expect("an answer");
    assert!(answer["data"]["__typename"] == "Query" || code(&answer).is_some(), "{answer}");

    postgres.resume();
    let ready = until("ready", async || server.is_ready().await).await;
    let well = until("well", async || alice.code_of_list().await.is_none()).await;
    eprintln!("ready {ready:?} after the database was, and well {well:?} later");
    alice.add("after", "").await.expect("an answer");
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
    until("well", async || alice.code_of_list().await.is_none()).await;
}

#[tokio::test]
async fn a_pool_that_is_exhausted_says_so_and_recovers() {
    let Some(postgres) = Postgres::start() else { return };
    let settings = [("DATABASE_POOL_SIZE", "2"), ("LIMIT_OPERATION_TIMEOUT", "6s")];
    let server = ServerProcess::on(Some(&postgres.url()), &settings);
    let alice = User::register(&server, "alice").await;
    alice.add("Emma", "").await.expect("an answer");

    let blocker = Database::connect(postgres.url()).await.expect("a connection");
    let lock = blocker.begin().await.expect("a transaction");
    lock.execute_unprepared("LOCK TABLE books IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    // Searches go over the pool: two have a connection and wait for the lock; the rest waits for a
    // connection.
    let search = "{ books(filter: { search: \"Emma\" }) { nodes { id } } }";
    let search = async || code(&alice.ask(search, json!({})).await.expect("an answer"));
    let started = Instant::now();
    let lists = join_all((0..6).map(|_| alice.code_of_list()));
    let (codes, lists) = join!(join_all((0..6).map(|_| search())), lists);
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
    let count = |code: &str| codes.iter().filter(|it| it.as_deref() == Some(code)).count();
    assert_eq!((count("TIMEOUT"), count("SERVICE_UNAVAILABLE")), (2, 4), "{codes:?}");
    // Lists wait for nothing but the lock.
    assert!(lists.iter().all(|code| code.as_deref() == Some("TIMEOUT")), "{lists:?}");

    lock.rollback().await.expect("no lock");
    until("ready", async || server.is_ready().await).await;
    until("well", async || alice.code_of_list().await.is_none()).await;
    assert_eq!(search().await, None);
    assert_eq!(alice.titles().await, ["Emma"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_at_once_migrate_once() {
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
            join_all(starts).await.into_iter().map(|it| it.expect("a server")).collect();
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
        alice.add("Emma", "").await.expect("an answer");
    }
}
