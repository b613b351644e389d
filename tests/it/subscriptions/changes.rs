//! The events that subscribers receive, over any transport.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::join;
use sea_orm::sqlx::postgres::PgListener;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{Actor, StreamReader, TestApp, wait_until};

const CHANGES: &str =
    "subscription { bookChanged { kind bookId book { title owner { username } } } }";

async fn subscribe(actor: &Actor) -> StreamReader {
    let mut frames = actor.subscribe("text/event-stream", CHANGES).await;
    assert_eq!(frames.frame().await.as_deref(), Some(":\n\n"));
    frames
}

fn change(kind: &str, id: &str, title: Option<&str>) -> Value {
    let owner = json!({ "username": "alice" });
    let book = title.map(|title| json!({ "title": title, "owner": owner }));
    json!({ "data": { "bookChanged": { "kind": kind, "bookId": id, "book": book } } })
}

/// Creates books concurrently, with the actors in turn. Returns their ids.
async fn create_books(actors: [&Actor; 2], number: usize) -> Vec<String> {
    let create = |actor: &Actor| {
        let actor = actor.clone();
        async move { actor.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await }
    };
    join_all(actors.into_iter().cycle().take(number).map(create)).await
}

/// The ids of the books in the next events, which must be creations.
async fn created_books(frames: &mut StreamReader, number: usize) -> Vec<String> {
    let mut ids = Vec::with_capacity(number);
    for _ in 0..number {
        let event = frames.next().await;
        let change = &event["data"]["bookChanged"];
        assert_eq!(change["kind"], "CREATED", "{event}");
        ids.push(change["bookId"].as_str().expect("an id").to_owned());
    }
    ids
}

/// Asserts that no event is pending: the next one is of a book that is added here.
async fn assert_no_pending_event(actor: &Actor, frames: &mut StreamReader) {
    let id = actor.add_book(json!({ "title": "Next", "author": "A" })).await;
    let next = &frames.next().await["data"]["bookChanged"];
    assert_eq!((&next["kind"], &next["bookId"]), (&json!("CREATED"), &json!(id)));
}

#[tokio::test]
async fn anonymous_clients_cannot_subscribe() {
    let app = TestApp::start().await;
    let mut frames = app.anon().subscribe("text/event-stream", CHANGES).await;
    assert_eq!(frames.status, 401);
    let body: Value = serde_json::from_str(&frames.frame().await.unwrap()).unwrap();
    assert_eq!(body["errors"][0]["extensions"]["reason"], "TOKEN_MISSING");
    assert_eq!(body.get("data"), None, "there is no source stream");
}

#[tokio::test]
async fn the_owner_receives_every_change_in_order_and_once() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let (mut frames, mut second) =
        (subscribe(&alice).await, subscribe(&alice.sign_in_again("alice").await).await);
    let mut bob_frames = subscribe(&bob).await;

    let id = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    for frames in [&mut frames, &mut second] {
        assert_eq!(frames.next().await, change("CREATED", &id, Some("Dune")));
    }
    alice.update(&id, json!({ "title": "Dune Messiah" })).await.assert_ok();
    assert_eq!(frames.next().await, change("UPDATED", &id, Some("Dune Messiah")));
    // Updates without changes and rejected mutations publish no event.
    alice.update(&id, json!({ "title": "Dune Messiah" })).await.assert_ok();
    let invalid = alice.update(&id, json!({ "title": "" })).await;
    invalid.assert_user_errors(&[("REQUIRED", "input.title")]);
    bob.delete(&id).await.assert_user_errors(&[("NOT_FOUND", "id")]);
    alice.delete(&id).await.assert_ok();
    assert_eq!(frames.next().await, change("DELETED", &id, None));
    alice.delete(&id).await.assert_user_errors(&[("NOT_FOUND", "id")]);

    assert_no_pending_event(&alice, &mut frames).await;
    assert_no_pending_event(&bob, &mut bob_frames).await;
}

#[tokio::test]
async fn an_event_has_the_edge_of_the_book_in_the_default_order() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let query = "subscription { bookChanged { bookEdge { cursor node { id title } } } }";
    let mut frames = alice.subscribe("text/event-stream", query).await;
    assert_eq!(frames.frame().await.as_deref(), Some(":\n\n"));
    let created = alice.create(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    let created = created.payload();
    let (id, cursor) = (&created["book"]["id"], &created["bookEdge"]["cursor"]);
    app.take_statements();
    let edge = |title| json!({ "cursor": cursor, "node": { "id": id, "title": title } });
    let event = |edge: Value| json!({ "data": { "bookChanged": { "bookEdge": edge } } });
    assert_eq!(frames.next().await, event(edge("Dune")));
    alice.update(id.as_str().unwrap(), json!({ "title": "Emma" })).await.assert_ok();
    assert_eq!(frames.next().await, event(edge("Emma")));
    let list = alice.ask("{ books { edges { cursor } } }").await.data();
    assert_eq!(&list["edges"][0]["cursor"], cursor);
    alice.delete(id.as_str().unwrap()).await.assert_ok();
    assert_eq!(frames.next().await, event(json!(null)));
}

#[tokio::test]
async fn a_replayed_creation_publishes_no_second_event() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = subscribe(&alice).await;
    let emma = json!({ "title": "Emma", "author": "Jane Austen" });
    let created = alice.create_once(emma.clone(), "attempt-1").await.payload();
    assert_eq!(alice.create_once(emma, "attempt-1").await.payload(), created);
    let id = created["book"]["id"].as_str().unwrap();
    assert_eq!(frames.next().await, change("CREATED", id, Some("Emma")));
    assert_no_pending_event(&alice, &mut frames).await;
}

#[tokio::test]
async fn every_event_reads_current_data() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = subscribe(&alice).await;
    let id = alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    assert_eq!(frames.next().await, change("CREATED", &id, Some("Emma")));
    alice.update_profile(json!({ "username": "alicia" })).await.assert_ok();
    alice.update(&id, json!({ "rating": 5 })).await.assert_ok();
    let event = frames.next().await;
    assert_eq!(event["data"]["bookChanged"]["book"]["owner"]["username"], "alicia");
}

#[tokio::test]
async fn a_change_on_one_instance_is_received_on_another() {
    let Some(app) = TestApp::start_on_postgres().await else { return };
    let alice = app.alice().await;
    let second = app.second_instance().await;
    let mut frames = subscribe(&alice.clone().on_instance(&second.router)).await;
    let id = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    assert_eq!(frames.next().await, change("CREATED", &id, Some("Dune")));

    // Terminates all connections, including those of the instances.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert!(app.database.number(cut).await >= 4);
    // A request on a terminated connection fails and is retried.
    wait_until("the server has reconnected", async || {
        alice.update(&id, json!({ "rating": 5 })).await.is_ok()
    })
    .await;
    let event = timeout(Duration::from_secs(1), frames.next()).await.expect("within a second");
    assert_eq!(event, change("UPDATED", &id, Some("Dune")));
    assert_no_pending_event(&alice, &mut frames).await;
}

#[tokio::test]
async fn an_instance_that_starts_later_receives_changes_without_an_announcement() {
    let Some(app) = TestApp::start_on_postgres().await else { return };
    let channel = PgListener::connect(app.database.url_without_tls()).await;
    let mut channel = channel.expect("a connection");
    channel.listen("bookshelf_events").await.expect("a channel");
    let alice = app.alice().await;
    let mut frames = subscribe(&alice).await;
    let dune = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    assert_eq!(frames.next().await, change("CREATED", &dune, Some("Dune")));

    let second = app.second_instance().await;
    let elsewhere = alice.clone().on_instance(&second.router);
    let mut second_frames = subscribe(&elsewhere).await;
    let emma = alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    let ulysses = elsewhere.add_book(json!({ "title": "Ulysses", "author": "James Joyce" })).await;
    for frames in [&mut frames, &mut second_frames] {
        assert_eq!(frames.next().await, change("CREATED", &emma, Some("Emma")));
        assert_eq!(frames.next().await, change("CREATED", &ulysses, Some("Ulysses")));
    }

    // Apart from heartbeats, the instances have sent only these three events.
    let mut kinds = Vec::new();
    while kinds.len() < 3 {
        let notification = timeout(Duration::from_secs(5), channel.recv()).await.expect("in time");
        let notification = notification.expect("a notification");
        let lines = notification.payload().lines().filter(|line| !line.starts_with("beat"));
        kinds.extend(lines.map(|line| line.split(' ').next().map(str::to_owned)));
    }
    assert_eq!(kinds, vec![Some("created".to_owned()); 3]);
}

#[tokio::test]
async fn all_instances_receive_concurrent_changes_in_the_same_order() {
    let Some(app) = TestApp::start_on_postgres().await else { return };
    let alice = app.alice().await;
    let second = app.second_instance().await;
    let elsewhere = alice.clone().on_instance(&second.router);
    let (mut frames, mut second_frames) = (subscribe(&alice).await, subscribe(&elsewhere).await);
    let mut created = create_books([&alice, &elsewhere], 40).await;
    let mut received = created_books(&mut frames, 40).await;
    assert_eq!(created_books(&mut second_frames, 40).await, received);
    created.sort();
    received.sort();
    assert_eq!(received, created);
}

#[tokio::test]
async fn changes_during_lost_event_connections_are_received_once() {
    let Some(app) = TestApp::start_on_postgres().await else { return };
    let alice = app.alice().await;
    let second = app.second_instance().await;
    let elsewhere = alice.clone().on_instance(&second.router);
    let (mut frames, mut second_frames) = (subscribe(&alice).await, subscribe(&elsewhere).await);
    let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'bookshelf events'";
    let mut created = Vec::new();
    // Fewer changes than a subscriber may be behind.
    for _ in 0..6 {
        let creations = create_books([&alice, &elsewhere], 10);
        let (terminated, ids) = join!(app.database.number(terminate), creations);
        assert!(terminated >= 1, "an event connection was open");
        created.extend(ids);
    }
    created.sort();
    for frames in [&mut frames, &mut second_frames] {
        let mut received = created_books(frames, created.len()).await;
        received.sort();
        assert_eq!(received, created);
    }
    let last = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    for frames in [&mut frames, &mut second_frames] {
        assert_eq!(frames.next().await, change("CREATED", &last, Some("Dune")));
    }
}

#[tokio::test]
async fn changes_through_two_instances_are_received_in_order() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let second = app.second_instance().await;
    let other = if app.database.is_postgres() { &second } else { &app };
    let elsewhere = alice.clone().on_instance(&other.router);
    let mut frames = subscribe(&alice).await;
    for _ in 0..30 {
        let id = alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
        elsewhere.update(&id, json!({ "rating": 5 })).await.assert_ok();
        alice.delete(&id).await.assert_ok();
        for kind in ["CREATED", "UPDATED", "DELETED"] {
            let event = frames.next().await;
            let change = &event["data"]["bookChanged"];
            assert_eq!((&change["kind"], &change["bookId"]), (&json!(kind), &json!(id)));
        }
    }
}

#[tokio::test]
async fn a_change_is_published_after_its_client_disconnects() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = subscribe(&alice).await;
    {
        let create =
            std::pin::pin!(alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })));
        assert!(futures_util::poll!(create).is_pending());
    }
    assert_eq!(frames.next().await["data"]["bookChanged"]["kind"], "CREATED");
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_disconnected() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = subscribe(&alice).await;
    for number in 0..200 {
        alice.add_book(json!({ "title": format!("Book {number}"), "author": "A" })).await;
    }
    // On PostgreSQL the events pass through the database first.
    let mut last = frames.next().await;
    while last.get("errors").is_none() {
        last = frames.next().await;
    }
    assert_eq!(last["errors"][0]["extensions"]["code"], "SUBSCRIBER_TOO_SLOW");
    assert_eq!(frames.frame().await.as_deref(), Some("event: complete\ndata:\n\n"));
    assert_eq!(frames.frame().await, None);
}
