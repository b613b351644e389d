//! Imports whose process is killed.

use serde_json::json;

use crate::support::{PostgresCluster, ServerProcess, counts, wait_until};

const ROWS: usize = 30_000;

fn file() -> String {
    let rows: String =
        (1..=ROWS).map(|number| format!("Book {number},Author {number}\n")).collect();
    format!("Title,Author\n{rows}")
}

/// After the kill, the books and the rows of the import are those that it counted. It ends as failed, and the rest of
/// the file can be imported.
async fn assert_a_killed_import_ends(mut server: ServerProcess, number: impl AsyncFn(&str) -> i64) {
    let alice = server.alice().await;
    let started = alice.import(file(), json!({})).await.payload();
    let id = started["job"]["id"].as_str().unwrap().to_owned();
    wait_until("some batches are written", async || {
        counts(&alice.import_job(&id).await)[0] >= 1_000
    })
    .await;
    server.kill();
    server.restart();
    let alice = alice.reconnected();

    let killed = alice.import_job(&id).await;
    let created = counts(&killed)[0];
    eprintln!("killed after {created} of {ROWS} rows");
    assert!((1_000..30_000).contains(&created), "{killed}");
    assert_eq!(number("SELECT count(*) FROM books").await, created);
    assert_eq!(number("SELECT count(DISTINCT title) FROM books").await, created);
    assert_eq!(number("SELECT count(*) FROM import_rows").await, created);
    assert_eq!(number("SELECT book_count FROM libraries").await, created);

    let ended = alice.import_ended(&id).await;
    assert_eq!((&ended["state"], counts(&ended)), (&json!("FAILED"), [created, 0, 0, 0]));
    let rows = alice.import_rows(&id).await;
    assert_eq!(rows.len(), usize::try_from(created).unwrap());
    assert!(rows.iter().all(|row| row["action"] == "CREATED" && !row["book"].is_null()));
    let rest = alice.import_to_end(file(), json!({})).await;
    let total = i64::try_from(ROWS).unwrap();
    assert_eq!((&rest["state"], counts(&rest)), (&json!("DONE"), [total - created, 0, created, 0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_server_is_killed_ends_as_failed_on_sqlite() {
    let server = ServerProcess::start(&[]);
    let path = server.file();
    let number = async |sql: &str| {
        let database = rusqlite::Connection::open(&path).expect("a database");
        database.query_row(sql, (), |row| row.get(0)).expect("a number")
    };
    assert_a_killed_import_ends(server, number).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_server_is_killed_ends_as_failed_on_postgres() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let server = ServerProcess::start_on(&cluster.url(), &[]);
    let number = async |sql: &str| cluster.query(sql).trim().parse().expect("a number");
    assert_a_killed_import_ends(server, number).await;
}
