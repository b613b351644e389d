//! The reading life of a book: its status, dates and counts.

use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

fn emma() -> Value {
    json!({ "title": "Emma", "author": "Jane Austen" })
}

/// Input with everything about the reading of a book.
fn everything() -> Value {
    json!({
        "status": "READ",
        "startedOn": "2025-12-30",
        "finishedOn": "2026-01-02",
        "readCount": 3,
        "publisher": "John Murray",
        "publishedYear": 1815,
        "pageCount": 474,
        "tags": ["Classic", "to lend"],
    })
}

fn with(mut book: Value, fields: &Value) -> Value {
    let fields = fields.as_object().expect("fields").clone();
    book.as_object_mut().expect("a book").extend(fields);
    book
}

/// The values of these fields of a book.
fn values(book: &Value, fields: &Value) -> Value {
    let names = fields.as_object().expect("fields").keys();
    names.map(|name| (name.clone(), book[name].clone())).collect::<serde_json::Map<_, _>>().into()
}

async fn titles(actor: &Actor, filter: &str) -> Vec<String> {
    let query = format!(
        "{{ books(filter: {{ {filter} }}, orderBy: {{ field: TITLE, direction: ASC }}) {{
            nodes {{ title }} totalCount
        }} }}"
    );
    let list = actor.ask(&query).await.data();
    let nodes = list["nodes"].as_array().expect("books");
    assert_eq!(list["totalCount"], nodes.len(), "{filter}");
    nodes.iter().map(|node| node["title"].as_str().expect("a title").to_owned()).collect()
}

#[tokio::test]
async fn a_book_keeps_what_is_given_about_its_reading() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let created = alice.create(with(emma(), &everything())).await.payload()["book"].clone();
    assert_eq!(values(&created, &everything()), everything());
    let id = created["id"].as_str().expect("an id");
    assert_eq!(values(&alice.book(id).await, &everything()), everything());

    let empty = json!({
        "status": null, "startedOn": null, "finishedOn": null, "readCount": 0, "publisher": null,
        "publishedYear": null, "pageCount": null, "tags": [],
    });
    let plain = alice.create(emma()).await.payload()["book"].clone();
    assert_eq!(values(&plain, &empty), empty);
    let id = plain["id"].as_str().expect("an id");
    let updated = alice.update(id, everything()).await.payload()["book"].clone();
    assert_eq!(values(&updated, &everything()), everything());
    assert_eq!(updated["version"], 2);
    // Absent fields are kept.
    let kept = alice.update(id, json!({ "rating": 5 })).await.payload()["book"].clone();
    assert_eq!(values(&kept, &everything()), everything());
    let nulls: Value = everything()
        .as_object()
        .unwrap()
        .keys()
        .map(|name| (name.clone(), json!(null)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let cleared = alice.update(id, nulls).await.payload()["book"].clone();
    assert_eq!(values(&cleared, &empty), empty);
}

#[tokio::test]
async fn an_update_with_the_same_values_changes_nothing() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = alice.add_book(with(emma(), &everything())).await;
    let before = alice.book(&id).await;
    app.advance_secs(60);
    for nothing in [
        everything(),
        json!({ "status": "READ" }),
        json!({ "tags": [" Classic", "to lend", "CLASSIC"] }),
        json!({ "finishedOn": "2026-01-02", "expectedVersion": 1 }),
        json!({ "publishedYear": 1815, "pageCount": 474, "readCount": 3 }),
    ] {
        alice.update(&id, nothing.clone()).await.assert_ok();
        assert_eq!(alice.book(&id).await, before, "{nothing}");
    }
    for (number, change) in [
        json!({ "tags": ["to lend", "Classic"] }),
        json!({ "tags": ["to lend", "classic"] }),
        json!({ "tags": [] }),
        json!({ "status": "READING" }),
        json!({ "startedOn": null }),
        json!({ "pageCount": 475 }),
    ]
    .into_iter()
    .enumerate()
    {
        let stale = with(change.clone(), &json!({ "expectedVersion": 99 }));
        let conflict = alice.update(&id, stale).await;
        conflict.assert_user_errors(&[("VERSION_CONFLICT", "input.expectedVersion")]);
        let book = alice.update(&id, change).await.payload()["book"].clone();
        assert_eq!(book["version"], number + 2);
    }
}

#[tokio::test]
async fn numbers_out_of_range_are_rejected() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = alice.add_book(emma()).await;
    for (field, good, bad) in [
        ("readCount", &[0, 1, i32::MAX][..], &[-1, i32::MIN][..]),
        ("publishedYear", &[-5_000, 0, 2_200][..], &[-5_001, 2_201, i32::MAX][..]),
        ("pageCount", &[1, 100_000][..], &[0, -1, 100_001][..]),
    ] {
        let path = format!("input.{field}");
        for number in bad {
            let value = json!({ field: number });
            let error = [("OUT_OF_RANGE", path.as_str())];
            alice.create(with(emma(), &value)).await.assert_user_errors(&error);
            alice.update(&id, value).await.assert_user_errors(&error);
        }
        for number in good {
            let value = json!({ field: number });
            let created = alice.create(with(emma(), &value)).await.payload();
            assert_eq!(created["book"][field], *number);
            let updated = alice.update(&id, value).await.payload();
            assert_eq!(updated["book"][field], *number);
        }
    }
}

#[tokio::test]
async fn a_date_or_a_status_that_is_none_is_a_request_error() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = alice.add_book(emma()).await;
    for wrong in [
        json!({ "startedOn": "2026-02-30" }),
        json!({ "finishedOn": "2026-1-1" }),
        json!({ "finishedOn": "2026-01-01T00:00:00Z" }),
        json!({ "finishedOn": "" }),
        json!({ "startedOn": 20_260_101 }),
        json!({ "status": "PAUSED" }),
        json!({ "status": "read" }),
        json!({ "tags": [null] }),
        json!({ "pageCount": 1.5 }),
    ] {
        alice.create(with(emma(), &wrong)).await.assert_error("BAD_USER_INPUT");
        alice.update(&id, wrong).await.assert_error("BAD_USER_INPUT");
    }
    for document in [
        "mutation { createBook(input: { title: \"T\", author: \"A\", startedOn: \"2026-02-30\" }) { book { id } } }",
        "mutation { createBook(input: { title: \"T\", author: \"A\", status: PAUSED }) { book { id } } }",
        "{ books(filter: { status: [PAUSED] }) { totalCount } }",
    ] {
        alice.ask(document).await.assert_error("GRAPHQL_VALIDATION_FAILED");
    }
    assert_eq!(app.db_count("books").await, 1);
}

#[tokio::test]
async fn a_book_is_not_finished_before_it_is_started() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let error = [("OUT_OF_RANGE", "input.finishedOn")];
    let wrong = json!({ "startedOn": "2026-01-02", "finishedOn": "2026-01-01" });
    alice.create(with(emma(), &wrong)).await.assert_user_errors(&error);
    let same = json!({ "startedOn": "2026-01-02", "finishedOn": "2026-01-02" });
    let id = alice.add_book(with(emma(), &same)).await;
    let before = alice.book(&id).await;
    // An update of one date is compared with the other that is stored.
    for wrong in [
        wrong,
        json!({ "finishedOn": "2026-01-01" }),
        json!({ "startedOn": "2026-01-03" }),
        json!({ "startedOn": "2026-01-03", "rating": 5, "expectedVersion": 1 }),
    ] {
        alice.update(&id, wrong.clone()).await.assert_user_errors(&error);
        assert_eq!(alice.book(&id).await, before, "{wrong}");
    }
    let stale = json!({ "startedOn": "2026-01-03", "expectedVersion": 7 });
    let stale = alice.update(&id, stale).await;
    stale.assert_user_errors(&[("VERSION_CONFLICT", "input.expectedVersion")]);
    for right in [
        json!({ "startedOn": "2026-01-01" }),
        json!({ "finishedOn": "2026-01-01" }),
        json!({ "startedOn": "2026-02-01", "finishedOn": "2026-02-02" }),
        json!({ "startedOn": "2026-03-01", "finishedOn": null }),
        json!({ "finishedOn": "2026-03-01" }),
        json!({ "startedOn": null }),
        json!({ "finishedOn": "0001-01-01" }),
    ] {
        alice.update(&id, right).await.assert_ok();
    }
    assert_eq!(app.db_count("books WHERE finished_on < started_on").await, 0);
}

#[tokio::test]
async fn all_errors_of_a_form_come_with_that_of_a_stored_date() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let other = json!({ "title": "T", "author": "A", "isbn": "9780441172719" });
    alice.add_book(other).await;
    let id = alice.add_book(with(emma(), &everything())).await;
    let input = json!({
        "title": "", "readCount": -1, "publishedYear": 9_999, "pageCount": 0, "publisher": "\u{1}",
        "finishedOn": "2025-01-01", "tags": ["a", "", "b", "\u{7}"], "isbn": "9780441172719",
    });
    alice.update(&id, input.clone()).await.assert_user_errors(&[
        ("REQUIRED", "input.title"),
        ("OUT_OF_RANGE", "input.readCount"),
        ("INVALID_FORMAT", "input.publisher"),
        ("OUT_OF_RANGE", "input.publishedYear"),
        ("OUT_OF_RANGE", "input.pageCount"),
        ("REQUIRED", "input.tags.1"),
        ("INVALID_FORMAT", "input.tags.3"),
        ("OUT_OF_RANGE", "input.finishedOn"),
        ("DUPLICATE_ISBN", "input.isbn"),
    ]);
    let valid = json!({ "finishedOn": "2025-01-01", "isbn": "9780441172719" });
    alice.update(&id, valid).await.assert_user_errors(&[
        ("OUT_OF_RANGE", "input.finishedOn"),
        ("DUPLICATE_ISBN", "input.isbn"),
    ]);
    let created = with(input, &json!({ "author": "A", "startedOn": "2025-01-02" }));
    alice.create(created).await.assert_user_errors(&[
        ("REQUIRED", "input.title"),
        ("OUT_OF_RANGE", "input.finishedOn"),
        ("OUT_OF_RANGE", "input.readCount"),
        ("INVALID_FORMAT", "input.publisher"),
        ("OUT_OF_RANGE", "input.publishedYear"),
        ("OUT_OF_RANGE", "input.pageCount"),
        ("REQUIRED", "input.tags.1"),
        ("INVALID_FORMAT", "input.tags.3"),
        ("DUPLICATE_ISBN", "input.isbn"),
    ]);
}

#[tokio::test]
async fn a_book_that_becomes_read_was_read_at_least_once() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (input, count) in [
        (json!({}), 0),
        (json!({ "status": "READING" }), 0),
        (json!({ "status": "READ" }), 1),
        (json!({ "status": "READ", "readCount": null }), 1),
        (json!({ "status": "READ", "readCount": 0 }), 0),
        (json!({ "status": "READ", "readCount": 4 }), 4),
        (json!({ "status": "DID_NOT_FINISH", "readCount": 2 }), 2),
    ] {
        let book = alice.create(with(emma(), &input)).await.payload()["book"].clone();
        assert_eq!(book["readCount"], count, "{input}");
    }
    let id = alice.add_book(emma()).await;
    for (change, count) in [
        (json!({ "status": "READ" }), 1),
        (json!({ "status": "READING" }), 1),
        (json!({ "readCount": 7 }), 7),
        (json!({ "status": "READ" }), 7),
        (json!({ "readCount": 0 }), 0),
        // It was read before, so it does not become read.
        (json!({ "status": "READ", "rating": 3 }), 0),
        (json!({ "status": null }), 0),
        (json!({ "status": "READ", "readCount": 0 }), 0),
        (json!({ "status": "WANT_TO_READ", "readCount": null }), 0),
        (json!({ "status": "READ", "readCount": null }), 1),
        (json!({ "status": null, "readCount": null }), 0),
    ] {
        let book = alice.update(&id, change.clone()).await.payload()["book"].clone();
        assert_eq!(book["readCount"], count, "{change}");
    }
}

#[tokio::test]
async fn books_are_filtered_by_any_of_some_statuses() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    app.bob().await.add_book(json!({ "title": "Bob", "author": "B", "status": "READ" })).await;
    for (title, status) in [
        ("a", json!("READ")),
        ("b", json!("READING")),
        ("c", json!("WANT_TO_READ")),
        ("d", json!("DID_NOT_FINISH")),
        ("e", json!(null)),
    ] {
        let book = json!({ "title": title, "author": "A", "status": status, "tags": [title] });
        alice.add_book(book).await;
    }
    for (filter, expected) in [
        ("status: [READ]", "a"),
        ("status: READ", "a"),
        ("status: [READ, READING, READ]", "ab"),
        ("status: [WANT_TO_READ, DID_NOT_FINISH]", "cd"),
        ("status: [READ, READING, WANT_TO_READ, DID_NOT_FINISH]", "abcd"),
        ("status: []", ""),
        ("status: null", "abcde"),
        ("status: [READ, READING], tag: \"B\"", "b"),
    ] {
        assert_eq!(titles(&alice, filter).await.concat(), expected, "{filter}");
    }
}

#[tokio::test]
async fn subscribers_receive_a_change_of_the_reading_life() {
    const CHANGES: &str =
        "subscription { bookChanged { kind book { status tags finishedOn version } } }";

    let app = TestApp::start().await;
    let alice = app.alice().await;
    // Subscribes first: on PostgreSQL, the event of the creation may arrive after its response.
    let mut frames = alice.subscribe("text/event-stream", CHANGES).await;
    assert_eq!(frames.frame().await.as_deref(), Some(":\n\n"));
    let id = alice.add_book(emma()).await;
    let mut expect = async |expected: Value| {
        assert_eq!(frames.next().await["data"]["bookChanged"]["book"], expected);
    };
    expect(json!({ "status": null, "tags": [], "finishedOn": null, "version": 1 })).await;
    alice.update(&id, json!({ "tags": ["x"] })).await.assert_ok();
    expect(json!({ "status": null, "tags": ["x"], "finishedOn": null, "version": 2 })).await;
    alice.update(&id, json!({ "tags": ["x"] })).await.assert_ok();
    let read = json!({ "status": "READ", "finishedOn": "2026-01-02" });
    alice.update(&id, read).await.assert_ok();
    let expected =
        json!({ "status": "READ", "tags": ["x"], "finishedOn": "2026-01-02", "version": 3 });
    expect(expected).await;
}

#[tokio::test]
async fn a_repeated_creation_returns_the_first_book_with_its_tags() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let create = "mutation($input: CreateBookInput!) {
        createBook(input: $input, idempotencyKey: \"k\") { book { id tags status readCount } userErrors { code } }
    }";
    let input = json!({ "input": with(emma(), &everything()) });
    let first = alice.run(create, input.clone()).await.payload();
    assert_eq!(first["book"]["tags"], json!(["Classic", "to lend"]));
    assert_eq!(alice.run(create, input).await.payload(), first);
    assert_eq!(app.db_count("books").await, 1);
}
