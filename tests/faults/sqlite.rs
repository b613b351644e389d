//! An SQLite file that another process has locked, or that cannot grow.

use std::process::Command;

use sea_orm::{Database, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use crate::support::{ServerProcess, User, code, until};

#[tokio::test]
async fn writes_to_a_locked_file_time_out_as_unavailable() {
    let server = ServerProcess::start(&[]);
    let alice = User::register(&server, "alice").await;
    alice.add("before", "").await.expect("a response");

    let url = format!("sqlite://{}", server.file().display());
    let other = Database::connect(url).await.expect("a connection");
    let mode = Some(SqliteTransactionMode::Immediate);
    let options = TransactionOptions { sqlite_transaction_mode: mode, ..Default::default() };
    let lock = other.begin_with_options(options).await.expect("a lock");
    let waiting = tokio::spawn({
        let alice = alice.clone();
        async move { alice.add("waiting", "").await.expect("a response") }
    });
    // Readers do not wait.
    assert_eq!(alice.titles().await, ["before"]);
    let rejected = alice.add("rejected", "").await.expect("a response");
    assert_eq!(code(&rejected).as_deref(), Some("SERVICE_UNAVAILABLE"), "{rejected}");
    assert!(server.is_ready().await);
    lock.rollback().await.expect("a released lock");

    let waited = waiting.await.expect("a response");
    alice.add("after", "").await.expect("a response");
    let titles = alice.titles().await;
    let was_written = code(&waited).is_none();
    assert_eq!(titles.contains(&"waiting".to_owned()), was_written, "{waited}");
    assert!(titles.contains(&"after".to_owned()) && !titles.contains(&"rejected".to_owned()));
}

#[tokio::test]
async fn a_full_disk_rejects_writes_and_loses_no_data() {
    let server = ServerProcess::start(&[]);
    let alice = User::register(&server, "alice").await;
    let notes = "x".repeat(20_000);
    let mut kept = Vec::new();
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
    let error_code = loop {
        let title = format!("book {}", kept.len());
        let response = alice.add(&title, &notes).await.expect("a response");
        if let Some(code) = code(&response) {
            break code;
        }
        kept.push(title);
        assert!(kept.len() < 1_000, "the disk is never full");
    };
    assert_eq!(error_code, "SERVICE_UNAVAILABLE");
    assert!(kept.len() > 2, "{kept:?}");
    let sorted = |mut titles: Vec<String>| {
        titles.sort();
        titles
    };
    assert_eq!(sorted(alice.titles().await), sorted(kept.clone()), "while the disk is full");
    let second = alice.add("still full", &notes).await.expect("a response");
    assert_eq!(code(&second).as_deref(), Some("SERVICE_UNAVAILABLE"));

    limit_file_size("unlimited");
    until("room", async || code(&alice.add("room", "").await.expect("a response")).is_none()).await;
    kept.push("room".to_owned());
    assert_eq!(sorted(alice.titles().await), sorted(kept));
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
