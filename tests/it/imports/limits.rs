//! How much is imported at most.

use serde_json::json;

use super::{csv, numbered};
use crate::support::{TestApp, actions, counts};

#[tokio::test]
async fn rows_beyond_the_quota_of_books_fail_with_a_note() {
    let app = TestApp::with_config(|config| config.limits.account_books = 5).await;
    let alice = app.alice().await;
    alice.add_book(json!({ "title": "Book 2", "author": "Author 2" })).await;
    let mut expected = None;
    for dry_run in [true, false] {
        let job = alice.import_to_end(numbered(7), json!({ "dryRun": dry_run })).await;
        assert_eq!((&job["state"], counts(&job)), (&json!("DONE"), [4, 0, 1, 2]));
        let rows = alice.import_rows(job["id"].as_str().unwrap()).await;
        let rows: Vec<_> =
            rows.iter().map(|row| (row["action"].clone(), row["notes"].clone())).collect();
        let note = json!(["the library has as many books as an account may have"]);
        assert_eq!(rows[6], (json!("FAILED"), note));
        assert_eq!(*expected.get_or_insert(rows.clone()), rows);
    }
    assert_eq!(app.db_count("books").await, 5);
}

#[tokio::test]
async fn rows_beyond_the_quota_of_text_fail_with_a_note() {
    let app = TestApp::with_config(|config| config.limits.account_bytes = 10 << 10).await;
    let alice = app.alice().await;
    let long = "x".repeat(4_000);
    let rows = [
        format!("A,A,{long}"),
        format!("B,B,{long}"),
        format!("C,C,{long}"),
        "D,D,d".to_owned(),
        format!("D,D,{long}"),
    ];
    for dry_run in [true, false] {
        let options = json!({ "dryRun": dry_run, "onConflict": "REPLACE" });
        let job = alice
            .import_to_end(csv("Title,Author,Notes", &rows.each_ref().map(String::as_str)), options)
            .await;
        let rows = alice.import_rows(job["id"].as_str().unwrap()).await;
        let expected =
            [(2, "CREATED"), (3, "CREATED"), (4, "FAILED"), (5, "CREATED"), (6, "FAILED")];
        assert_eq!(actions(&rows), expected);
        assert_eq!(
            rows[2]["notes"],
            json!(["the library has as much text as an account may have"])
        );
    }
    assert_eq!(app.database.number("SELECT kibibytes FROM libraries").await, 9);
}

/// The book that grows is older than the one that shrinks.
#[tokio::test]
async fn a_full_library_may_exchange_texts() {
    let app = TestApp::with_config(|config| config.limits.account_bytes = 10 << 10).await;
    let alice = app.alice().await;
    let [short, long] = ["x", "x".repeat(4_000).as_str()].map(str::to_owned);
    for (title, notes) in [("A", &short), ("B", &long), ("C", &long), ("D", &short)] {
        alice.add_book(json!({ "title": title, "author": title, "notes": notes })).await;
    }
    let full = app.database.number("SELECT kibibytes FROM libraries").await;
    assert_eq!(full, 10);
    let file = csv(
        "Title,Author,Notes",
        &[&format!("B,B,{short}"), &format!("A,A,{long}"), &format!("C,C,{long}y")],
    );
    let job = alice.import_to_end(&file, json!({ "onConflict": "REPLACE" })).await;
    assert_eq!((&job["state"], counts(&job)), (&json!("DONE"), [0, 3, 0, 0]), "{job}");
    assert_eq!(app.database.number("SELECT kibibytes FROM libraries").await, full);
}

#[tokio::test]
async fn a_process_runs_a_limited_number_of_imports_at_once() {
    let app = TestApp::with_config(|config| config.limits.concurrent_imports = 1).await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let started = alice.import(numbered(3_000), json!({})).await.payload();
    bob.import(numbered(1), json!({})).await.assert_error("RATE_LIMITED");
    alice.import_ended(started["job"]["id"].as_str().unwrap()).await;
    crate::support::wait_until("the next import starts", async || {
        bob.import(numbered(1), json!({})).await.is_ok()
    })
    .await;
}
