use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{TestApp, redact_id, redact_text};

fn pragmatic() -> Value {
    json!({
        "title": "The Pragmatic Programmer",
        "author": "David Thomas, Andrew Hunt",
        "isbn": "978-0-13-595705-9",
        "rating": 5,
        "notes": "Care about your craft.",
        "publisher": " Addison-Wesley ",
    })
}

#[tokio::test]
async fn creating_a_book_requires_a_token() {
    let app = TestApp::start().await;
    let response = app.anon().create(pragmatic()).await;
    response.assert_error("UNAUTHENTICATED");
    assert_eq!(app.db_count("books").await, 0);
}

#[tokio::test]
async fn all_validation_errors_are_returned_together() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let input = json!({
        "title": " ", "author": "\u{7}", "isbn": "080442957Y", "rating": 6, "notes": "\0",
        "publisher": "a\u{1}",
    });
    alice.create(input).await.assert_user_errors(&[
        ("REQUIRED", "input.title"),
        ("INVALID_FORMAT", "input.author"),
        ("INVALID_FORMAT", "input.isbn"),
        ("OUT_OF_RANGE", "input.rating"),
        ("INVALID_FORMAT", "input.notes"),
        ("INVALID_FORMAT", "input.publisher"),
    ]);
    assert_eq!(app.db_count("books").await, 0);
}

#[tokio::test]
async fn each_validation_error_has_its_code() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let cases = [
        ("title", json!("x".repeat(501)), ("TOO_LONG", "input.title")),
        ("title", json!("NUL\0"), ("INVALID_FORMAT", "input.title")),
        ("author", json!(""), ("REQUIRED", "input.author")),
        ("author", json!("\u{1B}[1m"), ("INVALID_FORMAT", "input.author")),
        ("isbn", json!("9780135957050"), ("ISBN_CHECKSUM", "input.isbn")),
        ("isbn", json!("979-0-2600-0043-8"), ("INVALID_FORMAT", "input.isbn")),
        ("rating", json!(0), ("OUT_OF_RANGE", "input.rating")),
        ("rating", json!(-1), ("OUT_OF_RANGE", "input.rating")),
        ("notes", json!("ß".repeat(20_001)), ("TOO_LONG", "input.notes")),
        ("publisher", json!("ß".repeat(201)), ("TOO_LONG", "input.publisher")),
    ];
    for (field, value, error) in cases {
        let mut input = pragmatic();
        input[field] = value;
        alice.create(input).await.assert_user_errors(&[error]);
    }
    assert_eq!(app.db_count("books").await, 0);
    let longest =
        json!({ "title": "ß".repeat(500), "author": "ß".repeat(500), "notes": "ß".repeat(20_000) });
    alice.add_book(longest).await;
}

#[tokio::test]
async fn a_rating_that_is_not_an_integer_is_a_request_error() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for rating in [json!(4.5), json!("5"), json!(true), json!([5, 4])] {
        let mut input = pragmatic();
        input["rating"] = rating;
        alice.create(input).await.assert_error("BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn a_created_book_has_the_submitted_values() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let payload = alice.create(pragmatic()).await.payload();
    assert_json_snapshot!(payload, {
        ".**.id" => redact_id("book"),
        ".bookEdge.cursor" => redact_text("cursor"),
    }, @r#"
    {
      "book": {
        "author": "David Thomas, Andrew Hunt",
        "createdAt": "2026-03-27T09:15:00.000Z",
        "finishedOn": null,
        "id": "[book id]",
        "isbn": "9780135957059",
        "notes": "Care about your craft.",
        "pageCount": null,
        "publishedYear": null,
        "publisher": "Addison-Wesley",
        "rating": 5,
        "readCount": 0,
        "startedOn": null,
        "status": null,
        "tags": [],
        "title": "The Pragmatic Programmer",
        "updatedAt": "2026-03-27T09:15:00.000Z",
        "version": 1
      },
      "bookEdge": {
        "cursor": "[cursor]",
        "node": {
          "id": "[book id]"
        }
      },
      "userErrors": []
    }
    "#);
    assert_eq!(payload["bookEdge"]["node"]["id"], payload["book"]["id"]);
    let listed = alice.ask("{ books { edges { cursor } } }").await.data();
    assert_eq!(listed["edges"][0]["cursor"], payload["bookEdge"]["cursor"]);
}

#[tokio::test]
async fn isbns_are_stored_as_isbn_13_and_blank_ones_as_null() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (isbn, stored) in [
        (json!("080442957X"), json!("9780804429573")),
        (json!("0-13-595705-2"), json!("9780135957059")),
        (json!(""), json!(null)),
        (json!("  "), json!(null)),
        (json!(null), json!(null)),
    ] {
        let book = alice.create(json!({ "title": "T", "author": "A", "isbn": isbn })).await;
        assert_eq!(book.payload()["book"]["isbn"], stored);
    }
}

#[tokio::test]
async fn a_publisher_is_trimmed_and_a_blank_one_is_null() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let longest = "ß".repeat(200);
    for (publisher, stored) in [
        (json!(" Chilton Books "), json!("Chilton Books")),
        (json!(longest), json!(longest)),
        (json!(""), json!(null)),
        (json!(" \u{3000} "), json!(null)),
        (json!(null), json!(null)),
    ] {
        let book =
            alice.create(json!({ "title": "T", "author": "A", "publisher": publisher })).await;
        assert_eq!(book.payload()["book"]["publisher"], stored);
    }
}

#[tokio::test]
async fn isbns_are_unique_per_owner() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let id = alice.add_book(pragmatic()).await;
    let mut duplicate = pragmatic();
    duplicate["isbn"] = json!("0135957052");
    let response = alice.create(duplicate).await;
    response.assert_user_errors(&[("DUPLICATE_ISBN", "input.isbn")]);
    assert_eq!(response.data()["userErrors"][0]["book"]["id"], json!(id));
    assert_eq!(response.data()["book"], json!(null));
    bob.add_book(pragmatic()).await;
    assert_eq!(app.db_count("books").await, 2);
}

#[tokio::test]
async fn a_repeated_idempotency_key_creates_no_second_book() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let mut without_isbn = pragmatic();
    without_isbn["isbn"] = json!(null);
    let first = alice.create_once(pragmatic(), "attempt-1").await.payload();
    assert_eq!(alice.create_once(pragmatic(), "attempt-1").await.payload(), first);
    assert_eq!(alice.create_once(without_isbn.clone(), "attempt-1").await.payload(), first);
    assert_eq!(app.db_count("books").await, 1);

    let second = alice.create_once(without_isbn, "attempt-2").await.payload();
    assert_ne!(second["book"]["id"], first["book"]["id"]);
    let bobs = bob.create_once(pragmatic(), "attempt-1").await.payload();
    assert_ne!(bobs["book"]["id"], first["book"]["id"]);
    assert_eq!(app.db_count("books").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_attempts_with_one_key_create_one_book() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let attempts = (0..10).map(|_| {
        let alice = alice.clone();
        tokio::spawn(async move { alice.create_once(pragmatic(), "attempt-1").await.payload() })
    });
    let mut ids = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        ids.push(attempt.await.expect("a response")["book"]["id"].clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(app.db_count("books").await, 1);
}

#[tokio::test]
async fn idempotency_keys_are_validated() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for key in ["", &"k".repeat(65), "a\0b"] {
        alice.create_once(pragmatic(), key).await.assert_error("BAD_USER_INPUT");
    }
    alice.create_once(pragmatic(), &"k".repeat(64)).await.assert_ok();
}

#[tokio::test]
async fn a_duplicate_isbn_is_reported_with_other_validation_errors() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = alice.add_book(pragmatic()).await;
    let mut invalid = pragmatic();
    invalid["rating"] = json!(9);
    let response = alice.create(invalid.clone()).await;
    response
        .assert_user_errors(&[("OUT_OF_RANGE", "input.rating"), ("DUPLICATE_ISBN", "input.isbn")]);
    assert_eq!(response.data()["userErrors"][1]["book"]["id"], json!(id));
    let other = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    let response = alice.update(&other, invalid.clone()).await;
    response
        .assert_user_errors(&[("OUT_OF_RANGE", "input.rating"), ("DUPLICATE_ISBN", "input.isbn")]);
    alice.update(&id, invalid).await.assert_user_errors(&[("OUT_OF_RANGE", "input.rating")]);
}
