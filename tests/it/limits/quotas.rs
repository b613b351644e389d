//! The size of a library is limited: the number of its books, and the bytes of their texts.

use serde_json::json;

use crate::support::{Actor, GRAPHQL_RESPONSE, TestApp};

async fn app_with_quota(books: u64, kibibytes: u64) -> (TestApp, Actor) {
    let app = TestApp::with_config(|config| {
        config.limits.account_books = books;
        config.limits.account_bytes = kibibytes * 1024;
    })
    .await;
    let alice = app.alice().await.with_header("accept", GRAPHQL_RESPONSE);
    (app, alice)
}

#[tokio::test]
async fn a_book_more_than_the_account_may_have_is_rejected() {
    let (app, alice) = app_with_quota(2, 100).await;
    let book = json!({ "title": "T", "author": "A" });
    let first = alice.add_book(book.clone()).await;
    let keyed = alice.create_once(book.clone(), "key").await;
    keyed.assert_ok();
    let rejected = alice.create(book.clone()).await;
    rejected.assert_error_with_status(403, "QUOTA_EXCEEDED");
    assert_eq!(app.db_count("books").await, 2);
    // A repeated request creates nothing, so it succeeds.
    assert_eq!(alice.create_once(book.clone(), "key").await.payload(), keyed.payload());
    alice.update(&first, json!({ "notes": "still possible" })).await.assert_ok();
    app.bob().await.add_book(book.clone()).await;
    alice.delete(&first).await.assert_ok();
    alice.add_book(book).await;
}

#[tokio::test]
async fn texts_longer_than_the_account_may_have_are_rejected() {
    let (app, alice) = app_with_quota(100, 8).await;
    let long = json!({ "title": "T", "author": "A", "notes": "ü".repeat(1_500) });
    let first = alice.add_book(long.clone()).await;
    let second = alice.add_book(long.clone()).await;
    assert_eq!(app.db_count("libraries WHERE book_count = 2 AND kibibytes = 6").await, 1);
    alice.create(long).await.assert_error_with_status(403, "QUOTA_EXCEEDED");
    alice.update(&second, json!({ "notes": "n".repeat(5_000) })).await.assert_ok();
    assert_eq!(app.db_count("libraries WHERE book_count = 2 AND kibibytes = 8").await, 1);

    let grow = alice.update(&first, json!({ "notes": "ü".repeat(1_501) })).await;
    grow.assert_error_with_status(403, "QUOTA_EXCEEDED");
    alice.update(&first, json!({ "title": "Longer" })).await.assert_error("QUOTA_EXCEEDED");
    // What does not grow is accepted, and shrinking makes space again.
    alice.update(&first, json!({ "rating": 5 })).await.assert_ok();
    alice.update(&first, json!({ "title": "U" })).await.assert_ok();
    alice.update(&first, json!({ "notes": "short", "publisher": "P" })).await.assert_ok();
    assert_eq!(app.db_count("libraries WHERE book_count = 2 AND kibibytes = 6").await, 1);
    alice.update(&first, json!({ "title": "Longer" })).await.assert_ok();
    alice.delete(&second).await.assert_ok();
    assert_eq!(app.db_count("libraries WHERE book_count = 1 AND kibibytes = 1").await, 1);
    assert_eq!(app.db_count("books WHERE bytes = 13").await, 1, "Longer, A, P and short");
    alice.update(&first, json!({ "tags": ["one", "två"], "status": "READ" })).await.assert_ok();
    assert_eq!(app.db_count("books WHERE bytes = 21").await, 1, "and the tags with a separator");
    let tags: Vec<_> = (0..50).map(|number| format!("{number:0>50}")).collect();
    for _ in 0..2 {
        let book = json!({ "title": "T", "author": "A", "tags": tags });
        alice.add_book(book).await;
    }
    let more = json!({ "title": "T", "author": "A", "tags": tags });
    alice.create(more).await.assert_error_with_status(403, "QUOTA_EXCEEDED");
}
