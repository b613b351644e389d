//! An SQLite file that somebody else has locked, or that may not grow.

use std::process::Command;

use sea_orm::{Database, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use crate::support::{ServerProcess, User, code, until};

#[tokio::test]
async fn a_locked_file_is_waited_for_and_then_said_to_be_unavailable() {
    let server = ServerProcess::start(&[]);
    let alice = User::register(&server, "alice").await;
    alice.add("before", "").await.expect("an answer");

    let url = format!("sqlite://{}", server.file().display());
    let somebody = Database::connect(url).await.expect("a connection");
    let mode = Some(SqliteTransactionMode::Immediate);
    let options = TransactionOptions { sqlite_transaction_mode: mode, ..Default::default() };
    let lock = somebody.begin_with_options(options).await.expect("a lock");
    let waiting = tokio::spawn({
        let alice = alice.clone();
        async move { alice.add("waiting", "").await.expect("an answer") }
    });
    // Readers do not wait.
    assert_eq!(alice.titles().await, ["before"]);
    let refused = alice.add("refused", "").await.expect("an answer");
    assert_eq!(code(&refused).as_deref(), Some("SERVICE_UNAVAILABLE"), "{refused}");
    assert!(server.is_ready().await);
    lock.rollback().await.expect("no lock");

    let waited = waiting.await.expect("an answer");
    alice.add("after", "").await.expect("an answer");
    let titles = alice.titles().await;
    let was_written = code(&waited).is_none();
    assert_eq!(titles.contains(&"waiting".to_owned()), was_written, "{waited}");
    assert!(titles.contains(&"after".to_owned()) && !titles.contains(&"refused".to_owned()));
}

#[tokio::test]
async fn a_full_disk_is_a_clean_error_and_loses_nothing() {
    let server = ServerProcess::start(&[]);
    let alice = User::register(&server, "alice").await;
    let notes = "x".repeat(20_000);
    let mut kept = Vec::new();
    let size = |name: &str| {
        let file = server.file().with_file_name(name);
        std::fs::metadata(file).map_or(0, |file| file.len())
    };
    let may_grow_to = |bytes: &str| {
        let (pid, limit) = (server.id().to_string(), format!("--fsize={bytes}:"));
        let run = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
        assert!(run.expect("prlimit").success());
    };
    let largest = ["books.db", "books.db-wal", "log"].map(size).into_iter().max();
    may_grow_to(&(largest.unwrap_or(0) + 300_000).to_string());
    let refused = loop {
        let title = format!("book {}", kept.len());
        let answer = alice.add(&title, &notes).await.expect("an answer");
        if let Some(code) = code(&answer) {
            break code;
        }
        kept.push(title);
        assert!(kept.len() < 1_000, "it is never full");
    };
    assert_eq!(refused, "SERVICE_UNAVAILABLE");
    assert!(kept.len() > 2, "{kept:?}");
    let sorted = |mut titles: Vec<String>| {
        titles.sort();
        titles
    };
    assert_eq!(sorted(alice.titles().await), sorted(kept.clone()), "while it is full");
    let again = alice.add("still full", &notes).await.expect("an answer");
    assert_eq!(code(&again).as_deref(), Some("SERVICE_UNAVAILABLE"));

    may_grow_to("unlimited");
    until("room", async || code(&alice.add("room", "").await.expect("an answer")).is_none()).await;
    kept.push("room".to_owned());
    assert_eq!(sorted(alice.titles().await), sorted(kept));
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
