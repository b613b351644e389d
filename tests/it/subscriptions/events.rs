//! Subscriptions over plain HTTP: Server-Sent Events, and parts as Apollo Client reads them.

use serde_json::json;

use crate::support::{Actor, StreamReader, TestApp};

const CHANGES: &str = "subscription { bookChanged { kind } }";
const PARTS: &str =
    "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json;q=0.9";
const COMPLETE: &str = "event: complete\ndata:\n\n";

async fn listen(actor: &Actor, accept: &str) -> StreamReader {
    let mut frames = actor.listen(accept, CHANGES).await;
    assert_eq!(frames.status, 200);
    frames.frame().await.expect("a start");
    frames
}

async fn add_a_book(actor: &Actor) {
    actor.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
}

#[tokio::test]
async fn whoever_takes_neither_events_nor_parts_cannot_subscribe_here() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let refused = alice.listen("application/json", CHANGES).await;
    assert_eq!(refused.status, 406);
}

#[tokio::test]
async fn events_are_framed_as_graphql_sse_reads_them() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = alice.listen("text/event-stream", CHANGES).await;
    assert_eq!(frames.headers["content-type"], "text/event-stream; charset=utf-8");
    assert_eq!(frames.headers["x-accel-buffering"], "no");
    assert_eq!(frames.frame().await.as_deref(), Some(":\n\n"));
    add_a_book(&alice).await;
    let next = "event: next\ndata: {\"data\":{\"bookChanged\":{\"kind\":\"CREATED\"}}}\n\n";
    assert_eq!(frames.frame().await.as_deref(), Some(next));
}

#[tokio::test]
async fn parts_are_framed_as_apollo_client_reads_them() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = alice.listen(PARTS, CHANGES).await;
    let media_type = "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=1.0";
    assert_eq!(frames.headers["content-type"], media_type);
    assert_eq!(frames.frame().await.as_deref(), Some("\r\n--graphql"));
    add_a_book(&alice).await;
    let part = "\r\nContent-Type: application/json\r\n\r\n\
                {\"payload\":{\"data\":{\"bookChanged\":{\"kind\":\"CREATED\"}}}}\r\n--graphql";
    assert_eq!(frames.frame().await.as_deref(), Some(part));
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_is_alive() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut events = listen(&alice, "text/event-stream").await;
    let mut parts = listen(&alice, PARTS).await;
    for _ in 0..3 {
        let beat = async {
            // The streams wait for their time first.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            app.advance_secs(12);
        };
        let (event, part, ()) = tokio::join!(events.frame(), parts.frame(), beat);
        assert_eq!(event.as_deref(), Some(":\n\n"));
        let heartbeat = "\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql";
        assert_eq!(part.as_deref(), Some(heartbeat));
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_token_expires() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut events = listen(&alice, "text/event-stream").await;
    let mut parts = listen(&alice, PARTS).await;
    app.advance_secs(900);
    let refusal = events.next_non_keepalive().await.expect("a refusal");
    assert!(refusal.starts_with("event: next\ndata: {\"errors\":"), "{refusal}");
    assert!(refusal.contains("TOKEN_EXPIRED") && refusal.ends_with(COMPLETE), "{refusal}");
    assert_eq!(events.frame().await, None);
    let refusal = parts.next_non_keepalive().await.expect("a refusal");
    assert!(refusal.contains("{\"payload\":null,\"errors\":["), "{refusal}");
    assert!(refusal.contains("TOKEN_EXPIRED") && refusal.ends_with("\r\n--graphql--\r\n"));
    assert_eq!(parts.frame().await, None);
}

#[tokio::test]
async fn a_stream_ends_with_its_session_on_any_copy() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let copy = app.second_instance().await;
    let there = if app.database.is_postgres() { &copy } else { &app };
    let mut frames = listen(&alice.clone().on_instance(&there.router), "text/event-stream").await;
    add_a_book(&alice).await;
    assert_eq!(frames.next().await["data"]["bookChanged"]["kind"], "CREATED");
    alice.ask("mutation { logout { revokedSessions } }").await.data();
    let refusal = frames.next_non_keepalive().await.expect("a refusal");
    assert!(refusal.contains("SESSION_ENDED") && refusal.ends_with(COMPLETE), "{refusal}");
    assert_eq!(frames.frame().await, None);
}

#[tokio::test]
async fn a_stream_breaks_off_when_the_server_stops_so_that_clients_come_again() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = listen(&alice, "text/event-stream").await;
    let mut listening = app.listen();
    listening.stop();
    assert_eq!(frames.frame().await, None);
    listening.stopped().await;
}

#[tokio::test]
async fn the_field_may_stand_in_fragments() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let query =
        "subscription { ...A ... on Subscription { bookChanged { bookId } } bookChanged { kind } }
        fragment A on Subscription { bookChanged { book { title } } }";
    let mut frames = alice.listen("text/event-stream", query).await;
    assert_eq!(frames.frame().await.as_deref(), Some(":\n\n"));
    add_a_book(&alice).await;
    let event = frames.next().await;
    let change = &event["data"]["bookChanged"];
    assert_eq!(
        (&change["kind"], &change["book"]),
        (&json!("CREATED"), &json!({ "title": "Emma" }))
    );
    assert!(change["bookId"].is_string(), "{event}");
}
