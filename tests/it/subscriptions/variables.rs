//! The memory that the variables of a subscription use.

use serde_json::{Value, json};

use crate::support::{
    Actor, GRAPHQL_RESPONSE, ServerProcess, Socket, StreamReader, TestApp, wait_until,
};

const CHANGES: &str = "subscription { bookChanged { kind } }";

/// Keeps its variable: the argument is needed for every event.
const WITH_VARIABLE: &str = "subscription($after: String) {
    bookChanged { book { owner { books(after: $after) { totalCount } } } }
}";

/// Starts a subscription and waits for its first frame.
async fn subscribe(actor: &Actor, query: &str, variables: Value) -> StreamReader {
    let mut frames = actor.subscribe_with("text/event-stream", query, variables).await;
    assert_eq!(frames.status, 200);
    assert_eq!(frames.frame().await.as_deref(), Some(":\n\n"));
    frames
}

/// Values of 1 MB of JSON, which would take up to 16 MB of memory.
fn large_values() -> [Value; 3] {
    let numbers = vec![0; 500_000];
    let objects = vec![json!({ "a": [] }); 100_000];
    [json!(numbers), json!(objects), json!("x".repeat(1_000_000))]
}

#[tokio::test]
async fn undeclared_variables_use_no_memory() {
    let server = ServerProcess::start(&[]);
    let alice = server.alice().await;
    drop(subscribe(&alice, CHANGES, json!({})).await);
    let before = server.resident_bytes();
    let mut open = Vec::new();
    for value in large_values().iter().cycle().take(24) {
        open.push(subscribe(&alice, CHANGES, json!({ "unused": value })).await);
    }
    let used = server.resident_bytes().saturating_sub(before);
    // The texts of the variables have twice as many.
    assert!(used < 12 << 20, "24 subscriptions use {used} bytes");
    alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    for frames in &mut open {
        assert_eq!(frames.next().await["data"]["bookChanged"]["kind"], "CREATED");
    }
}

#[tokio::test]
async fn declared_variables_of_subscriptions_count_as_bodies_in_flight() {
    let app = TestApp::with_config(|config| {
        config.limits.bodies_in_flight_bytes_per_client = 1_500_000;
        config.limits.websocket_message_bytes = 1 << 20;
    })
    .await;
    let alice = app.alice().await.with_header("accept", GRAPHQL_RESPONSE);
    let large = json!({ "after": "x".repeat(700_000) });
    let (first, second) = (
        subscribe(&alice, WITH_VARIABLE, large.clone()).await,
        subscribe(&alice, WITH_VARIABLE, large.clone()).await,
    );
    let third = alice.subscribe_with("text/event-stream", WITH_VARIABLE, large.clone()).await;
    assert_eq!(third.status, 429);
    // Undeclared variables are not kept.
    let undeclared = json!({ "unused": "x".repeat(60_000) });
    let mut others = Vec::new();
    for _ in 0..12 {
        others.push(subscribe(&alice, CHANGES, undeclared.clone()).await);
    }
    drop((first, second));
    let server = app.listen();
    let mut socket = Socket::authenticated(server.address, &alice.access_token).await;
    let send = async |socket: &mut Socket, id: &str| {
        let payload = json!({ "query": WITH_VARIABLE, "variables": large });
        socket.send(json!({ "type": "subscribe", "id": id, "payload": payload })).await;
        socket.send(json!({ "type": "ping" })).await;
        socket.receive().await
    };
    wait_until("the memory of the streams is released", async || {
        subscribe_is_accepted(&alice, &large).await
    })
    .await;
    // In this process, clients without a connection have another address than the socket.
    for id in ["1", "2"] {
        assert_eq!(send(&mut socket, id).await["type"], "pong");
    }
    let rejected = send(&mut socket, "3").await;
    assert_eq!(rejected["payload"][0]["extensions"]["code"], "RATE_LIMITED", "{rejected}");
    assert_eq!(socket.receive().await["type"], "pong");
    socket.send(json!({ "type": "complete", "id": "1" })).await;
    assert_eq!(send(&mut socket, "3").await["type"], "pong");
}

async fn subscribe_is_accepted(actor: &Actor, variables: &Value) -> bool {
    let frames = actor.subscribe_with("text/event-stream", WITH_VARIABLE, variables.clone()).await;
    frames.status == 200
}
