//! Imports from their start to their end.

use serde_json::{Value, json};
use std::time::Duration;

use super::{csv, library, numbered};
use crate::support::{TestApp, counts, wait_until};

#[tokio::test]
async fn an_import_needs_a_viewer_and_a_file() {
    let app = TestApp::start().await;
    app.anon().import("Title,Author\n", json!({})).await.assert_error("UNAUTHENTICATED");
    let query = "mutation { importBooks(input: { file: \"books.csv\" }) { job { id } } }";
    assert!(!app.alice().await.ask(query).await.is_ok(), "a text is no file");
    assert_eq!(app.db_count("import_jobs").await, 0);
}

#[tokio::test]
async fn an_import_reports_its_start_and_its_end() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let started = alice.import(numbered(3), json!({ "source": "BOOKSHELF_CSV" })).await.payload();
    let job = &started["job"];
    let expected = json!({
        "id": job["id"], "source": "BOOKSHELF_CSV", "dryRun": false, "state": "RUNNING", "total": 3, "created": 0,
        "updated": 0, "skipped": 0, "failed": 0, "startedAt": "2026-03-27T09:15:00.000Z", "finishedAt": null
    });
    assert_eq!(job, &expected);
    let ended = alice.import_ended(job["id"].as_str().unwrap()).await;
    assert_eq!((&ended["state"], counts(&ended)), (&json!("DONE"), [3, 0, 0, 0]));
    assert_eq!(ended["finishedAt"], "2026-03-27T09:15:00.000Z");
    let node = alice.run(
        "query($id: ID!) { node(id: $id) { id ... on ImportJob { created } } }",
        json!({ "id": job["id"] }),
    );
    assert_eq!(node.await.data(), json!({ "id": job["id"], "created": 3 }));
}

#[tokio::test]
async fn an_empty_file_is_imported_at_once() {
    let app = TestApp::start().await;
    let job = app.alice().await.import_to_end("Title,Author\n", json!({})).await;
    assert_eq!((&job["state"], &job["total"]), (&json!("DONE"), &json!(0)));
}

#[tokio::test]
async fn a_dry_run_reports_the_same_and_writes_nothing() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = alice.add_book(json!({ "title": "Book 2", "author": "Author 2" })).await;
    let file = csv(
        "Title,Author,Rating",
        &[
            "Book 1,Author 1,3",
            "Book 2,Author 2,",
            "Book 2,Author 2,4",
            ",X,",
            "Book 1,Author 1,3",
            "Book 1,Author 1,2",
        ],
    );
    let mut reports = Vec::new();
    for dry_run in [true, false] {
        let options = json!({ "dryRun": dry_run, "onConflict": "REPLACE" });
        let before = library(&alice).await;
        let job = alice.import_to_end(&file, options).await;
        assert_eq!(job["dryRun"], dry_run);
        let mut rows = alice.import_rows(job["id"].as_str().unwrap()).await;
        assert_eq!(rows[1]["book"], json!({ "id": id, "title": "Book 2" }));
        assert_eq!(rows[0]["book"].is_null(), dry_run);
        if dry_run {
            assert_eq!(library(&alice).await, before);
        }
        rows.iter_mut().for_each(|row| row["book"] = Value::Null);
        reports.push((counts(&job), rows));
    }
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0].0, [1, 2, 2, 1]);
}

/// The database decides, not the instance that the request reaches.
#[tokio::test]
async fn a_second_import_of_an_account_is_rate_limited_on_every_instance() {
    let app = TestApp::start().await;
    let second = app.second_instance().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    alice.import_to_end(numbered(1), json!({})).await;
    app.database.execute("UPDATE import_jobs SET state = 1, finished_at = NULL").await;
    for actor in [alice.clone(), alice.clone().on_instance(&second.router)] {
        let rejected = actor.import(numbered(2), json!({})).await;
        rejected.assert_error("RATE_LIMITED");
        assert_eq!(rejected.error()["extensions"]["retryAfter"], 5);
    }
    assert_eq!(counts(&bob.import_to_end(numbered(2), json!({})).await), [2, 0, 0, 0]);
    assert_eq!(app.db_count("books").await, 3);
}

#[tokio::test]
async fn an_abandoned_import_ends_as_failed_and_the_next_one_starts() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let first = alice.import_to_end(numbered(1), json!({})).await;
    let first = first["id"].as_str().unwrap();
    app.database.execute("UPDATE import_jobs SET state = 1, finished_at = NULL, total = 3").await;
    app.advance_secs(29);
    alice.import(numbered(2), json!({})).await.assert_error("RATE_LIMITED");
    app.advance_secs(2);
    assert_eq!(counts(&alice.import_to_end(numbered(2), json!({})).await), [1, 0, 1, 0]);
    let abandoned = alice.import_job(first).await;
    assert_eq!((&abandoned["state"], counts(&abandoned)), (&json!("FAILED"), [1, 0, 0, 0]));
    assert_eq!(abandoned["finishedAt"], "2026-03-27T09:15:31.000Z");
    assert_eq!(alice.import_rows(first).await.len(), 1, "what it did is reported");
}

#[tokio::test]
async fn a_server_ends_the_imports_of_processes_that_are_gone() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let job = alice.import_to_end(numbered(1), json!({})).await;
    app.database.execute("UPDATE import_jobs SET state = 1, finished_at = NULL").await;
    app.advance_secs(31);
    let mut server = app.listen();
    let id = job["id"].as_str().unwrap();
    wait_until("the import has ended", async || alice.import_job(id).await["state"] == "FAILED")
        .await;
    server.stop();
    server.stopped().await;
}

#[tokio::test]
async fn a_shutdown_stops_imports_after_a_batch() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let started = alice.import(numbered(8_000), json!({})).await.payload();
    let id = started["job"]["id"].as_str().unwrap().to_owned();
    let mut server = app.listen();
    wait_until("a batch is written", async || alice.import_job(&id).await["created"] != 0).await;
    let second = app.second_instance().await;
    server.stop();
    tokio::time::timeout(Duration::from_secs(30), server.stopped()).await.expect("a quick stop");
    let elsewhere = alice.clone().on_instance(&second.router);
    let job = elsewhere.import_job(&id).await;
    let created = counts(&job)[0];
    assert_eq!(job["state"], "FAILED", "{job}");
    assert!(created > 0 && created < 8_000, "{job}");
    assert_eq!(app.db_count("books").await, created);
    assert_eq!(app.db_count("import_rows").await, created);
    let rest = elsewhere.import_to_end(numbered(8_000), json!({})).await;
    assert_eq!(counts(&rest), [8_000 - created, 0, created, 0], "the rest is imported");
}

#[tokio::test]
async fn five_imports_of_an_account_are_kept() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut ids = Vec::new();
    for number in 1..=7 {
        let job = alice.import_to_end(numbered(number), json!({})).await;
        ids.push(job["id"].as_str().unwrap().to_owned());
        app.advance_secs(1);
    }
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(alice.import_job(id).await.is_null(), number < 2, "{number}");
    }
    assert_eq!(app.db_count("import_rows").await, 3 + 4 + 5 + 6 + 7);
}

#[tokio::test]
async fn imports_are_removed_after_30_days() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    alice.import_to_end(numbered(2_500), json!({})).await;
    app.advance_secs(30 * 24 * 3_600 + 1);
    let bob = bob.sign_in_again("bob").await;
    bob.import_to_end(numbered(3), json!({})).await;
    let mut server = app.listen();
    wait_until("the import is removed", async || app.db_count("import_jobs").await == 1).await;
    assert_eq!(app.db_count("import_rows").await, 3);
    assert_eq!(app.db_count("books").await, 2_503);
    server.stop();
    server.stopped().await;
}

#[tokio::test]
async fn imports_are_deleted_with_their_account() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    alice.import_to_end(numbered(3), json!({})).await;
    alice.delete_account(crate::support::PASSWORD).await.assert_ok();
    for table in ["import_jobs", "import_rows", "books"] {
        assert_eq!(app.db_count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn an_account_can_be_deleted_while_it_imports() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let started = alice.import(numbered(10_000), json!({})).await.payload();
    let id = started["job"]["id"].as_str().unwrap();
    wait_until("a batch is written", async || alice.import_job(id).await["created"] != 0).await;
    alice.delete_account(crate::support::PASSWORD).await.assert_ok();
    // Nothing of the account is left, and nothing more is written.
    for table in ["import_jobs", "import_rows", "books"] {
        assert_eq!(app.db_count(table).await, 0, "{table}");
    }
    let bob = app.bob().await;
    assert_eq!(counts(&bob.import_to_end(numbered(1_000), json!({})).await), [1_000, 0, 0, 0]);
    assert_eq!(app.db_count("books").await, 1_000);
}

#[tokio::test]
async fn books_can_be_changed_while_an_import_runs() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let started = alice.import(numbered(3_000), json!({})).await.payload();
    let id = started["job"]["id"].as_str().unwrap();
    let mut changed = 0;
    while alice.import_job(id).await["state"] == "RUNNING" {
        let book =
            alice.add_book(json!({ "title": format!("Mine {changed}"), "author": "A" })).await;
        alice.update(&book, json!({ "rating": 5 })).await.assert_ok();
        alice.delete(&book).await.assert_ok();
        changed += 1;
    }
    let job = alice.import_ended(id).await;
    assert_eq!((&job["state"], counts(&job)), (&json!("DONE"), [3_000, 0, 0, 0]));
    assert!(changed > 3, "only {changed} books were changed meanwhile");
    let counted = app.database.number("SELECT book_count FROM libraries").await;
    assert_eq!((counted, app.db_count("books").await), (3_000, 3_000));
}
