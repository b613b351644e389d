//! Subscriptions over plain HTTP: Server-Sent Events, and multipart for Apollo Client.

use serde_json::json;

use crate::support::{Actor, StreamReader, TestApp};

const CHANGES: &str = "subscription { bookChanged { kind } }";
const PARTS: &str =
    "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json;q=0.9";
const COMPLETE: &str = "event: complete\ndata:\n\n";

async fn subscribe(actor: &Actor, accept: &str) -> StreamReader {
    let mut frames = actor.subscribe(accept, CHANGES).await;
    assert_eq!(frames.status, 200);
    assert!(frames.frame().await.is_some(), "a first frame without an event");
    frames
}

async fn add_a_book(actor: &Actor) {
    actor.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
}

#[tokio::test]
async fn a_subscription_without_a_streaming_media_type_is_rejected() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let rejected = alice.subscribe("application/json", CHANGES).await;
    assert_eq!(rejected.status, 406);
}

#[tokio::test]
async fn events_are_framed_for_graphql_sse() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = alice.subscribe("text/event-stream", CHANGES).await;
    assert_eq!(frames.headers["content-type"], "text/event-stream; charset=utf-8");
    assert_eq!(frames.headers["x-accel-buffering"], "no");
    assert_eq!(frames.frame().await.as_deref(), Some(":\n\n"));
    add_a_book(&alice).await;
    let next = "event: next\ndata: {\"data\":{\"bookChanged\":{\"kind\":\"CREATED\"}}}\n\n";
    assert_eq!(frames.frame().await.as_deref(), Some(next));
}

#[tokio::test]
async fn parts_are_framed_for_apollo_client() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = alice.subscribe(PARTS, CHANGES).await;
    let media_type = "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=1.0";
    assert_eq!(frames.headers["content-type"], media_type);
    assert_eq!(frames.frame().await.as_deref(), Some("\r\n--graphql"));
    add_a_book(&alice).await;
    let part = "\r\nContent-Type: application/json\r\n\r\n\
                {\"payload\":{\"data\":{\"bookChanged\":{\"kind\":\"CREATED\"}}}}\r\n--graphql";
    assert_eq!(frames.frame().await.as_deref(), Some(part));
}

#[tokio::test]
async fn an_idle_stream_sends_heartbeats() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut events = subscribe(&alice, "text/event-stream").await;
    let mut parts = subscribe(&alice, PARTS).await;
    for _ in 0..3 {
        let advance = async {
            // Lets both streams start their timers.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            app.advance_secs(12);
        };
        let (event, part, ()) = tokio::join!(events.frame(), parts.frame(), advance);
        assert_eq!(event.as_deref(), Some(":\n\n"));
        let heartbeat = "\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql";
        assert_eq!(part.as_deref(), Some(heartbeat));
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_token_expires() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut events = subscribe(&alice, "text/event-stream").await;
    let mut parts = subscribe(&alice, PARTS).await;
    app.advance_secs(900);
    let last = events.next_non_keepalive().await.expect("an error");
    assert!(last.starts_with("event: next\ndata: {\"errors\":"), "{last}");
    assert!(last.contains("TOKEN_EXPIRED") && last.ends_with(COMPLETE), "{last}");
    assert_eq!(events.frame().await, None);
    let last = parts.next_non_keepalive().await.expect("an error");
    assert!(last.contains("{\"payload\":null,\"errors\":["), "{last}");
    assert!(last.contains("TOKEN_EXPIRED") && last.ends_with("\r\n--graphql--\r\n"));
    assert_eq!(parts.frame().await, None);
}

#[tokio::test]
async fn a_stream_ends_with_its_session_on_any_instance() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let second = app.second_instance().await;
    let other = if app.database.is_postgres() { &second } else { &app };
    let mut frames =
        subscribe(&alice.clone().on_instance(&other.router), "text/event-stream").await;
    add_a_book(&alice).await;
    assert_eq!(frames.next().await["data"]["bookChanged"]["kind"], "CREATED");
    alice.logout().await.assert_ok();
    let last = frames.next_non_keepalive().await.expect("an error");
    assert!(last.contains("SESSION_ENDED") && last.ends_with(COMPLETE), "{last}");
    assert_eq!(frames.frame().await, None);
}

#[tokio::test]
async fn a_stream_is_cut_at_shutdown_so_that_clients_reconnect() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut frames = subscribe(&alice, "text/event-stream").await;
    let mut listening = app.listen();
    listening.stop();
    assert_eq!(frames.frame().await, None);
    listening.stopped().await;
}

#[tokio::test]
async fn the_subscription_field_can_be_in_fragments() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let query =
        "subscription { ...A ... on Subscription { bookChanged { bookId } } bookChanged { kind } }
        fragment A on Subscription { bookChanged { book { title } } }";
    let mut frames = alice.subscribe("text/event-stream", query).await;
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
