//! An SQLite file that another process has locked, or that cannot grow.

use std::path::Path;
use std::process::Command;

use sea_orm::{
    ConnectionTrait, Database, DbErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};
use serde_json::json;

use crate::book;
use crate::support::{ServerProcess, wait_until};

#[tokio::test]
async fn writes_to_a_locked_file_time_out_as_unavailable() {
    let server = ServerProcess::start(&[]);
    let alice = server.alice().await;
    alice.add_book(book("before")).await;

    let url = format!("sqlite://{}", server.file().display());
    let other = Database::connect(url).await.expect("a connection");
    let mode = Some(SqliteTransactionMode::Immediate);
    let options = TransactionOptions { sqlite_transaction_mode: mode, ..Default::default() };
    let lock = other.begin_with_options(options).await.expect("a lock");
    let waiting = tokio::spawn({
        let alice = alice.clone();
        async move { alice.create(book("waiting")).await }
    });
    // Readers do not wait.
    assert_eq!(alice.titles().await, ["before"]);
    let rejected = alice.create(book("rejected")).await;
    rejected.assert_error("SERVICE_UNAVAILABLE");
    assert!(server.is_ready().await);
    lock.rollback().await.expect("a released lock");

    let waited = waiting.await.expect("a response");
    alice.add_book(book("after")).await;
    // The first write may also have waited too long. It is written if and only if it is acknowledged.
    if waited.is_ok() {
        assert_eq!(alice.titles().await, ["after", "waiting", "before"]);
    } else {
        waited.assert_error("SERVICE_UNAVAILABLE");
        assert_eq!(alice.titles().await, ["after", "before"]);
    }
}

#[tokio::test]
async fn a_full_disk_rejects_writes_and_loses_no_data() {
    let server = ServerProcess::start(&[]);
    let alice = server.alice().await;
    let large = |title: &str| json!({ "title": title, "author": "A", "notes": "x".repeat(20_000) });
    let size = |name: &str| {
        let file = server.file().with_file_name(name);
        std::fs::metadata(file).map_or(0, |file| file.len())
    };
    let limit_file_size = |bytes: &str| {
        let (pid, limit) = (server.id().to_string(), format!("--fsize={bytes}:"));
        let run = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
        assert!(run.expect("prlimit").success());
    };

    let largest = ["books.db", "books.db-wal", "log"].map(size).into_iter().max();
    limit_file_size(&(largest.unwrap_or(0) + 300_000).to_string());
    let mut kept = Vec::new();
    let rejected = loop {
        let title = format!("book {}", kept.len());
        let response = alice.create(large(&title)).await;
        if !response.is_ok() {
            break response;
        }
        kept.insert(0, title);
        assert!(kept.len() < 1_000, "the disk is never full");
    };
    rejected.assert_error("SERVICE_UNAVAILABLE");
    assert!(kept.len() > 2, "{kept:?}");
    assert_eq!(alice.titles().await, kept, "while the disk is full");
    alice.create(large("still full")).await.assert_error("SERVICE_UNAVAILABLE");

    limit_file_size("unlimited");
    wait_until("a write succeeds", async || alice.create(book("room")).await.is_ok()).await;
    kept.insert(0, "room".to_owned());
    assert_eq!(alice.titles().await, kept);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// The number of books in a copy of an SQLite file, which is opened without any other file. Fails if the copy was
/// made while SQLite wrote the file.
async fn books_in_copy(file: &Path) -> Result<i64, DbErr> {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.db");
    std::fs::copy(file, &copy).expect("a copy");
    let url = format!("sqlite://{}", copy.display());
    let database = Database::connect(url).await?;
    let count =
        Statement::from_string(database.get_database_backend(), "SELECT count(*) AS n FROM books");
    let row = database.query_one_raw(count).await?;
    row.expect("a row").try_get("", "n")
}

#[tokio::test]
async fn a_stopped_server_leaves_the_whole_library_in_one_file() {
    let mut server = ServerProcess::start(&[]);
    let alice = server.alice().await;
    for round in 1..=50 {
        for number in 0..5 {
            alice.add_book(book(&format!("{round}.{number}"))).await;
        }
        let (status, _) = server.stop("TERM").await;
        assert!(status.success(), "{status}");
        for other in ["books.db-wal", "books.db-shm", "books.db-lock"] {
            assert!(!server.file().with_file_name(other).exists(), "{other} in round {round}");
        }
        assert_eq!(books_in_copy(&server.file()).await, Ok(5 * round));
        server.restart();
    }
}

#[tokio::test]
async fn an_old_copy_that_is_put_back_has_its_old_state() {
    let mut server = ServerProcess::start(&[]);
    let alice = server.alice().await;
    alice.add_book(book("old")).await;
    server.stop("TERM").await;
    let copy = server.file().with_file_name("copy.db");
    std::fs::copy(server.file(), &copy).expect("a copy");
    server.restart();
    alice.add_book(book("new")).await;
    server.stop("TERM").await;
    std::fs::copy(&copy, server.file()).expect("the copy is put back");
    server.restart();
    assert_eq!(alice.titles().await, ["old"]);
    alice.add_book(book("after")).await;
    assert_eq!(alice.titles().await, ["after", "old"]);
}

#[tokio::test]
async fn an_idle_server_writes_its_journal_into_the_file() {
    let server = ServerProcess::start(&[]);
    let alice = server.alice().await;
    alice.add_book(book("one")).await;
    wait_until("the copy has the book", async || books_in_copy(&server.file()).await == Ok(1))
        .await;
}
