//! `setBookCover` and `removeBookCover`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Actor, GRAPHQL_RESPONSE, TestApp, jpeg, noisy_jpeg};

async fn with_book(app: &TestApp) -> (Actor, String) {
    let alice = app.alice().await.with_header("accept", GRAPHQL_RESPONSE);
    let id = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    (alice, id)
}

/// The files in a folder, at any depth.
pub(super) fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_in(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn only_the_owner_of_a_book_sets_its_cover() {
    let app = TestApp::start().await;
    let (alice, id) = with_book(&app).await;
    let file = jpeg(10, 10);
    app.anon().set_cover(&id, &file).await.assert_error("UNAUTHENTICATED");
    app.anon().remove_cover(&id).await.assert_error("UNAUTHENTICATED");
    let bob = app.bob().await;
    let deleted = alice.add_book(json!({ "title": "T", "author": "A" })).await;
    alice.delete(&deleted).await.assert_ok();
    for (actor, id) in [(&bob, &*id), (&alice, "book_1"), (&alice, &*alice.id), (&alice, &*deleted)]
    {
        actor.set_cover(id, &file).await.assert_user_errors(&[("NOT_FOUND", "id")]);
        actor.remove_cover(id).await.assert_user_errors(&[("NOT_FOUND", "id")]);
    }
    assert_eq!(app.db_count("book_covers").await, 0);
    assert_eq!(files_in(app.database.covers_folder()), Vec::<PathBuf>::new());
    assert_eq!(alice.book(&id).await["version"], 1);
}

#[tokio::test]
async fn a_file_that_is_no_image_or_too_large_is_a_user_error() {
    let app = TestApp::start().await;
    let (alice, id) = with_book(&app).await;
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let image = jpeg(300, 200);
    let padded = |bytes: usize| [&image[..], &vec![0; bytes - image.len()]].concat();
    for (file, code) in [
        (&b""[..], "UNSUPPORTED_FILE"),
        (b"not an image", "UNSUPPORTED_FILE"),
        (svg, "UNSUPPORTED_FILE"),
        (&image[..image.len() / 2], "UNSUPPORTED_FILE"),
        (&image[..3], "UNSUPPORTED_FILE"),
        (&padded(11 << 20), "FILE_TOO_LARGE"),
        (&padded(20_000_000), "FILE_TOO_LARGE"),
    ] {
        alice.set_cover(&id, file).await.assert_user_errors(&[(code, "file")]);
    }
    let beyond = alice.set_cover(&id, &padded(21 << 20)).await;
    beyond.assert_error_with_status(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(app.db_count("book_covers").await, 0);
    assert_eq!(files_in(app.database.covers_folder()), Vec::<PathBuf>::new());
    assert_eq!(alice.book(&id).await["version"], 1);
    assert_eq!(alice.set_cover(&id, &image).await.payload()["book"]["cover"]["width"], 300);
}

#[tokio::test]
async fn an_argument_that_is_no_uploaded_file_is_rejected() {
    let app = TestApp::start().await;
    let (alice, id) = with_book(&app).await;
    let mutation = "mutation($id: ID!, $file: Upload!) {
        setBookCover(id: $id, file: $file) { userErrors { code } }
    }";
    for file in [
        json!("cover.png"),
        json!(""),
        json!(1),
        json!({}),
        json!(null),
        json!("#__graphql_file__:0"),
    ] {
        let response = alice.run(mutation, json!({ "id": id, "file": file })).await;
        response.assert_error_with_status(400, "BAD_USER_INPUT");
    }
    for literal in ["\"cover.png\"", "1", "\"#__graphql_file__:0\""] {
        let literal = format!(
            "mutation {{ setBookCover(id: \"{id}\", file: {literal}) {{ userErrors {{ code }} }} }}"
        );
        alice.ask(&literal).await.assert_error_with_status(400, "GRAPHQL_VALIDATION_FAILED");
    }
    // A multipart request without a preflight header could come from a form of another page.
    let form = alice.post("multipart/form-data; boundary=x", "--x--\r\n").await;
    form.assert_error_with_status(400, "CSRF_BLOCKED");
}

#[tokio::test]
async fn a_cover_counts_as_a_change_of_its_book() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let query = "subscription { bookChanged { kind book { version cover { width } } } }";
    let mut events = alice.subscribe("text/event-stream", query).await;
    assert_eq!(events.frame().await.as_deref(), Some(":\n\n"));
    let id = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    assert_eq!(events.next().await["data"]["bookChanged"]["kind"], "CREATED");
    let change = |version: i32, width: Value| {
        let cover = if width.is_null() { Value::Null } else { json!({ "width": width }) };
        json!({ "data": { "bookChanged": { "kind": "UPDATED", "book": { "version": version, "cover": cover } } } })
    };

    app.clock.advance(Duration::from_secs(60));
    let book = alice.set_cover(&id, &jpeg(60, 90)).await.payload()["book"].clone();
    assert_eq!((&book["version"], &book["cover"]["height"]), (&json!(2), &json!(90)));
    assert_eq!(book["updatedAt"], "2026-03-27T09:16:00.000Z");
    assert_eq!(events.next().await, change(2, json!(60)));

    app.clock.advance(Duration::from_secs(60));
    let replaced = alice.set_cover(&id, &jpeg(70, 90)).await.payload()["book"].clone();
    assert_eq!((&replaced["version"], &replaced["cover"]["width"]), (&json!(3), &json!(70)));
    assert_ne!(replaced["cover"]["url"], book["cover"]["url"]);
    assert_eq!(events.next().await, change(3, json!(70)));
    assert_eq!(app.db_count("book_covers").await, 1);

    app.clock.advance(Duration::from_secs(60));
    let removed = alice.remove_cover(&id).await.payload()["book"].clone();
    assert_eq!((&removed["version"], &removed["cover"]), (&json!(4), &Value::Null));
    assert_eq!(removed["updatedAt"], "2026-03-27T09:18:00.000Z");
    assert_eq!(events.next().await, change(4, Value::Null));

    // Removing where there is none changes nothing, and has no event.
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(alice.remove_cover(&id).await.payload()["book"], removed);
    alice.update(&id, json!({ "rating": 5 })).await.assert_ok();
    assert_eq!(events.next().await, change(5, Value::Null));
}

#[tokio::test]
async fn an_operation_that_changes_a_cover_twice_returns_each_state() {
    let app = TestApp::start().await;
    let (alice, id) = with_book(&app).await;
    alice.add_cover(&id).await;
    let response = alice
        .upload(
            "mutation($id: ID!, $file: Upload!) {
                a: removeBookCover(id: $id) { book { cover { width } } }
                b: setBookCover(id: $id, file: $file) { book { cover { width } } }
                c: removeBookCover(id: $id) { book { cover { width } } }
            }",
            json!({ "id": id }),
            &jpeg(50, 50),
        )
        .await;
    response.assert_ok();
    let cover = |cover: Value| json!({ "book": { "cover": cover } });
    let (none, some) = (cover(Value::Null), cover(json!({ "width": 50 })));
    assert_eq!(response.json()["data"], json!({ "a": none, "b": some, "c": none }));
}

#[tokio::test]
async fn covers_count_in_the_quota_of_bytes() {
    let app = TestApp::with_config(|config| config.limits.account_bytes = 4 * 1024).await;
    let (alice, id) = with_book(&app).await;
    let other = alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    let size = async || app.database.number("SELECT kibibytes FROM libraries").await;
    let bytes = async || app.database.number("SELECT CAST(max(bytes) AS bigint) FROM books").await;
    let text = bytes().await;
    assert_eq!(size().await, 2);
    alice.add_cover(&id).await;
    let cover = app.database.number("SELECT CAST(bytes AS bigint) FROM book_covers").await;
    assert_eq!(bytes().await, text + cover);
    assert_eq!(size().await, 1 + (text + cover + 1023) / 1024);

    // There is space as long as the limit is not reached, and none then.
    alice.set_cover(&id, &noisy_jpeg(100, 100)).await.assert_ok();
    assert!(size().await >= 4);
    let files = files_in(app.database.covers_folder()).len();
    let rejected = alice.set_cover(&other, &jpeg(10, 10)).await;
    rejected.assert_error_with_status(403, "QUOTA_EXCEEDED");
    assert_eq!(
        files_in(app.database.covers_folder()).len(),
        files,
        "the rejected files are removed"
    );
    assert_eq!(app.db_count("book_covers").await, 1);
    assert_eq!(alice.book(&other).await["version"], 1);
    alice
        .update(&other, json!({ "notes": "n".repeat(2_000) }))
        .await
        .assert_error("QUOTA_EXCEEDED");

    // A smaller cover makes space.
    alice.set_cover(&id, &jpeg(10, 10)).await.assert_ok();
    alice.set_cover(&other, &jpeg(10, 10)).await.assert_ok();
    alice.remove_cover(&other).await.assert_ok();
    alice.remove_cover(&id).await.assert_ok();
    assert_eq!((bytes().await, size().await), (text, 2));
    alice.add_cover(&id).await;
    alice.delete(&id).await.assert_ok();
    assert_eq!(size().await, 1);
}

#[tokio::test]
async fn setting_a_cover_costs_500() {
    let app = TestApp::start().await;
    let (alice, id) = with_book(&app).await;
    let mutation = "mutation($id: ID!, $file: Upload!) {
        setBookCover(id: $id, file: $file) { book { cover { url } } }
    }";
    let reporting = alice.with_header("graphql-cost", "report");
    let response = reporting.upload(mutation, json!({ "id": id }), &jpeg(10, 10)).await;
    assert_eq!(response.json()["extensions"]["cost"]["requested"], 503);
}
