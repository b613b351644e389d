//! What subscribers hear, whatever the transport.

use std::time::Duration;

use sea_orm::sqlx::postgres::PgListener;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{Actor, StreamReader, TestApp};

const CHANGES: &str =
    "subscription { bookChanged { kind bookId book { title owner { username } } } }";

async fn listen(actor: &Actor) -> StreamReader {
    let mut frames = actor.listen("text/event-stream", CHANGES).await;
    assert_eq!(frames.frame().await.as_deref(), Some(":\n\n"));
    frames
}

fn change(kind: &str, id: &str, title: Option<&str>) -> Value {
    let owner = json!({ "username": "alice" });
    let book = title.map(|title| json!({ "title": title, "owner": owner }));
    json!({ "data": { "bookChanged": { "kind": kind, "bookId": id, "book": book } } })
}

/// There was nothing more to hear: what comes next is what happens next.
async fn nothing_more(actor: &Actor, frames: &mut StreamReader) {
    let id = actor.add_book(json!({ "title": "Next", "author": "Nobody" })).await;
    let next = &frames.next().await["data"]["bookChanged"];
    assert_eq!((&next["kind"], &next["bookId"]), (&json!("CREATED"), &json!(id)));
}

#[tokio::test]
async fn nobody_in_particular_has_no_books_to_hear_of() {
    let app = TestApp::start().await;
    let mut frames = app.anon().listen("text/event-stream", CHANGES).await;
    assert_eq!(frames.status, 401);
    let refusal: Value = serde_json::from_str(&frames.frame().await.unwrap()).unwrap();
    assert_eq!(refusal["errors"][0]["extensions"]["reason"], "TOKEN_MISSING");
}

#[tokio::test]
async fn the_owner_hears_of_every_change_in_order_and_once() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let (mut frames, mut second) =
        (listen(&alice).await, listen(&alice.sign_in_again("alice").await).await);
    let mut of_bob = listen(&bob).await;

    let id = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    for frames in [&mut frames, &mut second] {
        assert_eq!(frames.next().await, change("CREATED", &id, Some("Dune")));
    }
    alice.update(&id, json!({ "title": "Dune Messiah" })).await.payload();
    assert_eq!(frames.next().await, change("UPDATED", &id, Some("Dune Messiah")));
    // What changes nothing is no change, and what is refused neither.
    alice.update(&id, json!({ "title": "Dune Messiah" })).await.payload();
    alice.update(&id, json!({ "title": "" })).await.user_errors();
    bob.delete(&id).await.user_errors();
    alice.delete(&id).await.payload();
    assert_eq!(frames.next().await, change("DELETED", &id, None));
    alice.delete(&id).await.user_errors();

    nothing_more(&alice, &mut frames).await;
    nothing_more(&bob, &mut of_bob).await;
}

#[tokio::test]
async fn a_repeated_creation_is_no_second_change() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = listen(&alice).await;
    let create = "mutation { createBook(input: { title: \"Emma\", author: \"Jane Austen\" }, idempotencyKey: \"k\") {
        book { id } userErrors { code } } }";
    let id = alice.ask(create).await.payload()["book"]["id"].as_str().unwrap().to_owned();
    assert_eq!(alice.ask(create).await.payload()["book"]["id"], json!(id));
    assert_eq!(frames.next().await, change("CREATED", &id, Some("Emma")));
    nothing_more(&alice, &mut frames).await;
}

#[tokio::test]
async fn a_change_is_read_afresh_for_every_event() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = listen(&alice).await;
    let id = alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    assert_eq!(frames.next().await, change("CREATED", &id, Some("Emma")));
    alice
        .ask("mutation { updateProfile(input: { username: \"alicia\" }) { userErrors { code } } }")
        .await
        .payload();
    alice.update(&id, json!({ "rating": 5 })).await.payload();
    let event = frames.next().await;
    assert_eq!(event["data"]["bookChanged"]["book"]["owner"]["username"], "alicia");
}

#[tokio::test]
async fn a_change_made_through_one_copy_is_heard_at_another() {
    let app = TestApp::start().await;
    if !app.database.is_postgres() {
        return; // An SQLite file has one server.
    }
    let alice = app.alice().await;
    let copy = app.second_instance().await;
    let mut frames = listen(&alice.clone().on_instance(&copy.router)).await;
    let id = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    assert_eq!(frames.next().await, change("CREATED", &id, Some("Dune")));

    // All connections are cut, those of the servers included.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert!(app.database.number(cut).await >= 4);
    // Whoever gets a connection that was cut is told to try again.
    let mut made = false;
    for _ in 0..100 {
        made = alice.update(&id, json!({ "rating": 5 })).await.json().get("errors").is_none();
        if made {
            break;
        }
    }
    assert!(made);
    let event = timeout(Duration::from_secs(1), frames.next()).await.expect("within a second");
    assert_eq!(event, change("UPDATED", &id, Some("Dune")));
    nothing_more(&alice, &mut frames).await;
}

#[tokio::test]
async fn what_one_copy_kept_to_itself_is_told_when_another_comes() {
    let app = TestApp::start().await;
    if !app.database.is_postgres() {
        return; // An SQLite file has one server.
    }
    let mut channel = PgListener::connect(app.database.url()).await.expect("a connection");
    channel.listen("bookshelf_events").await.expect("a channel");
    let alice = app.alice().await;
    let mut frames = listen(&alice).await;
    let alone = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    assert_eq!(frames.next().await["data"]["bookChanged"]["bookId"], json!(alone));

    let copy = app.second_instance().await;
    let mut there = listen(&alice.clone().on_instance(&copy.router)).await;
    let together = alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    for frames in [&mut frames, &mut there] {
        // A subscriber may hear of what was told again, too.
        while frames.next().await["data"]["bookChanged"]["bookId"] != json!(together) {}
    }

    let mut told = Vec::new();
    while told.iter().filter(|line: &&String| line.starts_with("created")).count() < 2 {
        let heard = timeout(Duration::from_secs(5), channel.recv()).await.expect("in time");
        told.extend(heard.expect("what is told").payload().lines().map(str::to_owned));
    }
    let first = told.iter().find(|line| *line != "beat").map(String::as_str);
    assert_eq!(first, Some("hello"), "a server that is alone tells nothing: {told:?}");
}

#[tokio::test]
async fn changes_through_two_copies_are_heard_in_their_order() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let copy = app.second_instance().await;
    let there = if app.database.is_postgres() { &copy } else { &app };
    let elsewhere = alice.clone().on_instance(&there.router);
    let mut frames = listen(&alice).await;
    for _ in 0..30 {
        let id = alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
        elsewhere.update(&id, json!({ "rating": 5 })).await.payload();
        alice.delete(&id).await.payload();
        for kind in ["CREATED", "UPDATED", "DELETED"] {
            let event = frames.next().await;
            let its = &event["data"]["bookChanged"];
            assert_eq!((&its["kind"], &its["bookId"]), (&json!(kind), &json!(id)));
        }
    }
}

#[tokio::test]
async fn a_change_is_heard_of_though_its_maker_went_away() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = listen(&alice).await;
    {
        let create =
            std::pin::pin!(alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })));
        assert!(futures_util::poll!(create).is_pending());
    }
    assert_eq!(frames.next().await["data"]["bookChanged"]["kind"], "CREATED");
}

#[tokio::test]
async fn who_does_not_read_is_cut_off() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = listen(&alice).await;
    for number in 0..200 {
        alice.add_book(json!({ "title": format!("Book {number}"), "author": "Somebody" })).await;
    }
    // On PostgreSQL the events take their way through the database first.
    let mut last = frames.next().await;
    while last.get("errors").is_none() {
        last = frames.next().await;
    }
    assert_eq!(last["errors"][0]["extensions"]["code"], "SUBSCRIBER_TOO_SLOW");
    assert_eq!(frames.frame().await.as_deref(), Some("event: complete\ndata:\n\n"));
    assert_eq!(frames.frame().await, None);
}
