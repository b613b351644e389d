//! The size of a library is limited: the number of its books, and the bytes of their texts.

use futures_util::future::join_all;
use serde_json::{Value, json};

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

    let grow = alice.update(&first, json!({ "notes": "ü".repeat(1_536) })).await;
    grow.assert_error_with_status(403, "QUOTA_EXCEEDED");
    let with_title = json!({ "title": "Longer", "notes": "ü".repeat(1_535) });
    alice.update(&first, with_title).await.assert_error("QUOTA_EXCEEDED");
    // A change that needs no further kibibyte is accepted, and shrinking makes space again.
    alice.update(&first, json!({ "title": "A bit longer" })).await.assert_ok();
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

#[tokio::test]
async fn the_size_of_a_library_is_right_after_concurrent_updates() {
    let (app, alice) = app_with_quota(100, 100).await;
    let id = alice.add_book(json!({ "title": "T", "author": "A" })).await;
    let other = alice.add_book(json!({ "title": "U", "author": "A" })).await;
    // Some of them lose against another version.
    join_all((0..40_usize).map(|number| {
        let (alice, book) = (&alice, if number % 3 == 0 { &other } else { &id });
        async move {
            let mut input =
                json!({ "notes": "n".repeat(number % 7 * 700), "rating": number % 5 + 1 });
            if number % 4 == 0 {
                input["expectedVersion"] = json!(1 + number / 8);
            }
            let payload = alice.update(book, input).await.data();
            let code = &payload["userErrors"][0]["code"];
            assert!(["VERSION_CONFLICT".into(), Value::Null].contains(code), "{payload}");
        }
    }))
    .await;
    let size = "libraries WHERE kibibytes = (SELECT sum((bytes + 1023) / 1024) FROM books)";
    assert_eq!(app.db_count(size).await, 1);
    let bytes = "books WHERE bytes = octet_length(title) + octet_length(author) + coalesce(octet_length(notes), 0)";
    assert_eq!(app.db_count(bytes).await, 2);
}
