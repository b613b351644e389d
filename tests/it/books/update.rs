use insta::assert_json_snapshot;
use serde_json::json;

use crate::support::{Actor, TestApp, redact_id};

async fn dune(alice: &Actor) -> String {
    let input = json!({
        "title": "Dune", "author": "Frank Herbert", "isbn": "9780441172719", "rating": 4, "notes": "Spice.",
        "publisher": "Chilton Books",
    });
    alice.add_book(input).await
}

#[tokio::test]
async fn updating_another_users_book_is_not_found() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let id = dune(&alice).await;
    for wrong in [&id, "book_01m846py8ne2hs7g3s4tx3a7ay", &alice.id, "", "42", "\0"] {
        for input in [
            json!({ "title": "Mine" }),
            json!({ "title": "Mine", "expectedVersion": 1 }),
            json!({ "title": "Mine", "expectedVersion": 7 }),
            json!({ "title": "Dune" }),
            json!({}),
        ] {
            let response = bob.update(wrong, input).await;
            response.assert_user_errors(&[("NOT_FOUND", "id")]);
            assert_eq!(response.data()["userErrors"][0]["book"], json!(null));
        }
    }
    assert_eq!(alice.book(&id).await["title"], "Dune");
}

#[tokio::test]
async fn all_validation_errors_are_returned_and_nothing_is_written() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = dune(&alice).await;
    let before = alice.book(&id).await;
    let input = json!({ "title": null, "author": "", "isbn": "9780441172710", "rating": 9, "notes": "\u{1}", "publisher": "\u{1}" });
    alice.update(&id, input).await.assert_user_errors(&[
        ("REQUIRED", "input.title"),
        ("REQUIRED", "input.author"),
        ("ISBN_CHECKSUM", "input.isbn"),
        ("OUT_OF_RANGE", "input.rating"),
        ("INVALID_FORMAT", "input.notes"),
        ("INVALID_FORMAT", "input.publisher"),
    ]);
    assert_eq!(alice.book(&id).await, before);
}

#[tokio::test]
async fn a_duplicate_isbn_is_rejected() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let dune = dune(&alice).await;
    let emma = alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    let response = alice.update(&emma, json!({ "isbn": "0441172717", "title": "Emma 2" })).await;
    response.assert_user_errors(&[("DUPLICATE_ISBN", "input.isbn")]);
    assert_eq!(response.data()["userErrors"][0]["book"]["id"], json!(dune));
    assert_eq!(alice.book(&emma).await["title"], "Emma");
    alice.update(&dune, json!({ "isbn": "978-0-441-17271-9", "rating": 5 })).await.assert_ok();
}

#[tokio::test]
async fn absent_fields_are_kept_and_null_clears() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = dune(&alice).await;
    app.advance_secs(60);
    let book = alice.update(&id, json!({ "rating": 5 })).await.payload()["book"].clone();
    assert_json_snapshot!(book, { ".id" => redact_id("book") }, @r#"
    {
      "author": "Frank Herbert",
      "createdAt": "2026-03-27T09:15:00.000Z",
      "finishedOn": null,
      "id": "[book id]",
      "isbn": "9780441172719",
      "notes": "Spice.",
      "pageCount": null,
      "publishedYear": null,
      "publisher": "Chilton Books",
      "rating": 5,
      "readCount": 0,
      "startedOn": null,
      "status": null,
      "tags": [],
      "title": "Dune",
      "updatedAt": "2026-03-27T09:16:00.000Z",
      "version": 2
    }
    "#);
    let cleared = json!({ "isbn": null, "rating": null, "notes": null, "publisher": null });
    let book = alice.update(&id, cleared).await.payload()["book"].clone();
    assert_json_snapshot!(book, { ".id" => redact_id("book") }, @r#"
    {
      "author": "Frank Herbert",
      "createdAt": "2026-03-27T09:15:00.000Z",
      "finishedOn": null,
      "id": "[book id]",
      "isbn": null,
      "notes": null,
      "pageCount": null,
      "publishedYear": null,
      "publisher": null,
      "rating": null,
      "readCount": 0,
      "startedOn": null,
      "status": null,
      "tags": [],
      "title": "Dune",
      "updatedAt": "2026-03-27T09:16:00.000Z",
      "version": 3
    }
    "#);
    let blank = alice.update(&id, json!({ "isbn": "", "title": " Dune Messiah " })).await.payload();
    assert_eq!(blank["book"]["title"], "Dune Messiah");
}

#[tokio::test]
async fn omitted_variables_in_an_inline_input_keep_and_explicit_nulls_clear() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = dune(&alice).await;
    let update = "mutation($id: ID!, $isbn: String, $rating: Int, $title: String) {
        updateBook(id: $id, input: { isbn: $isbn, rating: $rating, title: $title, notes: \"Sand.\" }) {
            book { title isbn rating notes } userErrors { code message field }
        }
    }";
    let omitted = alice.run(update, json!({ "id": id })).await.payload()["book"].clone();
    assert_eq!(
        omitted,
        json!({ "title": "Dune", "isbn": "9780441172719", "rating": 4, "notes": "Sand." })
    );
    let null = json!({ "id": id, "isbn": null, "rating": null });
    let null = alice.run(update, null).await.payload()["book"].clone();
    assert_eq!(null, json!({ "title": "Dune", "isbn": null, "rating": null, "notes": "Sand." }));
    let title = alice.run(update, json!({ "id": id, "title": null })).await;
    title.assert_user_errors(&[("REQUIRED", "input.title")]);
}

#[tokio::test]
async fn an_update_without_changes_keeps_version_and_updated_at() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = dune(&alice).await;
    app.advance_secs(60);
    for nothing in [
        json!({}),
        json!({ "title": "Dune", "rating": 4 }),
        json!({ "isbn": "0-441-17271-7", "notes": "Spice." }),
        json!({ "expectedVersion": 1, "author": "Frank Herbert" }),
        json!({ "expectedVersion": 1 }),
    ] {
        let book = alice.update(&id, nothing).await.payload()["book"].clone();
        assert_eq!(book["version"], 1);
        assert_eq!(book["updatedAt"], "2026-03-27T09:15:00.000Z");
    }
}

#[tokio::test]
async fn an_outdated_expected_version_is_rejected_with_the_current_book() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = dune(&alice).await;
    alice.update(&id, json!({ "rating": 5, "expectedVersion": 1 })).await.assert_ok();
    for stale in [json!({ "rating": 1, "expectedVersion": 1 }), json!({ "expectedVersion": 1 })] {
        let response = alice.update(&id, stale).await;
        response.assert_user_errors(&[("VERSION_CONFLICT", "input.expectedVersion")]);
        assert_eq!(response.data()["userErrors"][0]["book"], json!({ "id": id, "version": 2 }));
    }
    assert_eq!(alice.book(&id).await["rating"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_of_concurrent_updates_of_a_version_succeeds() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = dune(&alice).await;
    let updates = (0..10).map(|number| {
        let (alice, id) = (alice.clone(), id.clone());
        let input = json!({ "notes": format!("{number}"), "expectedVersion": 1 });
        tokio::spawn(async move { alice.update(&id, input).await })
    });
    let mut updated = 0;
    for update in updates.collect::<Vec<_>>() {
        let response = update.await.expect("a response");
        if response.has_user_errors() {
            response.assert_user_errors(&[("VERSION_CONFLICT", "input.expectedVersion")]);
        } else {
            response.assert_ok();
            updated += 1;
        }
    }
    assert_eq!(updated, 1);
    assert_eq!(alice.book(&id).await["version"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_updates_without_an_expected_version_all_succeed() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = dune(&alice).await;
    let updates = (0..8).map(|_| {
        let (alice, id) = (alice.clone(), id.clone());
        tokio::spawn(async move {
            for number in 0..50 {
                // Some have no effect, because another client has just written the same.
                let notes = if number % 2 == 0 { "even" } else { "odd" };
                alice.update(&id, json!({ "notes": notes })).await.assert_ok();
            }
        })
    });
    for update in updates.collect::<Vec<_>>() {
        update.await.expect("only successful updates");
    }
}
