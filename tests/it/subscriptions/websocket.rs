//! Operations over WebSocket, by the protocol of graphql-ws.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::{Socket, TestApp};

const CHANGES: &str = "subscription { bookChanged { kind } }";

fn init() -> Value {
    json!({ "type": "connection_init" })
}

#[tokio::test]
async fn who_says_nothing_in_time_is_closed() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::open(server.address).await;
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.receive().await, json!({ "type": "pong" }));
    app.advance_secs(5);
    assert_eq!(socket.closed().await, (4408, "Connection initialisation timeout".into()));
}

#[tokio::test]
async fn what_is_no_message_closes() {
    let app = TestApp::start().await;
    let server = app.listen();
    for wrong in [
        "nonsense",
        "[]",
        "{}",
        r#"{"type":"hello"}"#,
        r#"{"type":"next","id":"1"}"#,
        r#"{"type":"connection_init","payload":7}"#,
        r#"{"type":"complete"}"#,
        r#"{"type":"subscribe","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":"1"}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":7}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":[]}}"#,
    ] {
        let mut socket = Socket::open(server.address).await;
        socket.write(Message::text(wrong)).await;
        assert_eq!(socket.closed().await, (4400, "Invalid message received".into()), "{wrong}");
    }
}

#[tokio::test]
async fn nothing_begins_before_the_acknowledgement() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::open(server.address).await;
    let subscribe =
        json!({ "type": "subscribe", "id": "1", "payload": { "query": "{ __typename }" } });
    socket.send(subscribe).await;
    assert_eq!(socket.closed().await, (4401, "Unauthorized".into()));
}

#[tokio::test]
async fn a_connection_begins_once() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::open(server.address).await;
    socket.send(init()).await;
    assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
    socket.send(init()).await;
    assert_eq!(socket.closed().await, (4429, "Too many initialisation requests".into()));
}

#[tokio::test]
async fn an_id_stands_for_one_operation_at_a_time() {
    let app = TestApp::start().await;
    let server = app.listen();
    let alice = app.alice().await;
    let mut socket = Socket::of(server.address, &alice.access_token).await;
    socket.subscribe("1", CHANGES).await;
    socket.send(json!({ "type": "complete", "id": "1" })).await;
    socket.subscribe("1", CHANGES).await;
    let again = json!({ "type": "subscribe", "id": "1", "payload": { "query": CHANGES } });
    socket.send(again).await;
    assert_eq!(socket.closed().await, (4409, "Subscriber for 1 already exists".into()));
}

#[tokio::test]
async fn another_protocol_is_not_spoken() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::connect(server.address, &[]).await.expect("a WebSocket");
    assert_eq!(socket.closed().await, (4406, "Subprotocol not acceptable".into()));
    let foreign = [
        ("sec-websocket-protocol", "graphql-transport-ws"),
        ("origin", "https://evil.example.org"),
    ];
    let refused = Socket::connect(server.address, &foreign).await.err();
    assert!(matches!(refused, Some(Error::Http(answer)) if answer.status() == 400));
}

#[tokio::test]
async fn a_token_is_taken_from_wherever_clients_keep_it() {
    let app = TestApp::start().await;
    let server = app.listen();
    let alice = app.alice().await;
    let bearer = format!("Bearer {}", alice.access_token);
    for payload in [
        json!({ "Authorization": bearer }),
        json!({ "authorization": bearer }),
        json!({ "token": alice.access_token }),
        json!({ "headers": { "Authorization": bearer } }),
        json!({ "headers": { "authorization": bearer } }),
        json!({ "Authorization": null, "token": alice.access_token }),
        json!({ "Authorization": "", "headers": { "Authorization": bearer } }),
    ] {
        let mut socket = Socket::open(server.address).await;
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
        let query = "{ viewer { username } }";
        socket.send(json!({ "type": "subscribe", "id": "q", "payload": { "query": query } })).await;
        let answer = json!({ "data": { "viewer": { "username": "alice" } } });
        assert_eq!(socket.receive().await, json!({ "type": "next", "id": "q", "payload": answer }));
        assert_eq!(socket.receive().await, json!({ "type": "complete", "id": "q" }));
    }
}

#[tokio::test]
async fn a_bad_token_is_forbidden_so_that_clients_refresh_it() {
    let app = TestApp::start().await;
    let server = app.listen();
    let alice = app.alice().await;
    app.advance_secs(900);
    for token in [alice.access_token.as_str(), "nonsense"] {
        let mut socket = Socket::open(server.address).await;
        let payload = json!({ "Authorization": format!("Bearer {token}") });
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.closed().await, (4403, "Forbidden".into()));
    }
}

#[tokio::test]
async fn a_connection_ends_when_its_token_expires_or_its_session_ends() {
    let app = TestApp::start().await;
    let server = app.listen();
    let alice = app.alice().await;
    let again = alice.sign_in_again("alice").await;
    let mut first = Socket::of(server.address, &alice.access_token).await;
    let mut second = Socket::of(server.address, &again.access_token).await;
    for socket in [&mut first, &mut second] {
        socket.subscribe("1", CHANGES).await;
    }
    again.ask("mutation { logout { revokedSessions } }").await.data();
    assert_eq!(second.closed().await, (4403, "Forbidden".into()));
    alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    assert_eq!(first.receive().await["payload"]["data"]["bookChanged"]["kind"], "CREATED");
    app.advance_secs(900);
    assert_eq!(first.closed().await, (4403, "Forbidden".into()));
}

#[tokio::test]
async fn a_refused_operation_is_an_error_and_the_others_go_on() {
    let app = TestApp::start().await;
    let server = app.listen();
    let alice = app.alice().await;
    let mut socket = Socket::of(server.address, &alice.access_token).await;
    socket.subscribe("1", CHANGES).await;
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { __typename } query B { __typename }", "OPERATION_RESOLUTION_FAILURE"),
        ("query($id: ID!) { node(id: $id) { id } }", "BAD_USER_INPUT"),
    ] {
        socket.send(json!({ "type": "subscribe", "id": "2", "payload": { "query": query } })).await;
        let error = socket.receive().await;
        assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("2")), "{query}");
        assert_eq!(error["payload"][0]["extensions"]["code"], code, "{query}");
    }
    alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    assert_eq!(socket.receive().await["id"], "1");
}

#[tokio::test]
async fn nobody_in_particular_may_ask_but_hears_of_no_books() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::open(server.address).await;
    socket.send(init()).await;
    assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
    socket.send(json!({ "type": "subscribe", "id": "1", "payload": { "query": CHANGES } })).await;
    let refusal = socket.receive().await;
    let reason = &refusal["payload"]["errors"][0]["extensions"]["reason"];
    assert_eq!((&refusal["type"], reason), (&json!("next"), &json!("TOKEN_MISSING")));
    assert_eq!(socket.receive().await, json!({ "type": "complete", "id": "1" }));
}

#[tokio::test]
async fn what_was_completed_is_heard_of_no_more() {
    let app = TestApp::start().await;
    let server = app.listen();
    let alice = app.alice().await;
    let mut socket = Socket::of(server.address, &alice.access_token).await;
    socket.subscribe("1", CHANGES).await;
    socket.subscribe("2", CHANGES).await;
    socket.send(json!({ "type": "complete", "id": "1" })).await;
    socket.send(json!({ "type": "complete", "id": "unknown" })).await;
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.receive().await, json!({ "type": "pong" }));
    for kind in ["CREATED", "CREATED"] {
        alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
        let next = socket.receive().await;
        assert_eq!(
            (&next["id"], &next["payload"]["data"]["bookChanged"]["kind"]),
            (&json!("2"), &json!(kind))
        );
    }
}

#[tokio::test]
async fn a_quiet_connection_is_asked_whether_it_is_there() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::open(server.address).await;
    socket.send(init()).await;
    assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
    for _ in 0..3 {
        tokio::task::yield_now().await;
        app.advance_secs(12);
        assert!(matches!(socket.read().await, Message::Ping(_)));
        // Reading it has answered it; a message of our own shows that the answer is there.
        socket.send(json!({ "type": "ping" })).await;
        assert_eq!(socket.receive().await, json!({ "type": "pong" }));
    }
}

#[tokio::test]
async fn a_connection_has_so_many_operations_and_messages_so_many_bytes() {
    let app = TestApp::with_config(|config| config.limits.websocket_operations = 2).await;
    let server = app.listen();
    let alice = app.alice().await;
    let mut socket = Socket::of(server.address, &alice.access_token).await;
    for id in ["1", "2"] {
        socket.subscribe(id, CHANGES).await;
    }
    socket.send(json!({ "type": "subscribe", "id": "3", "payload": { "query": CHANGES } })).await;
    let error = socket.receive().await;
    assert_eq!(
        (&error["type"], &error["payload"][0]["extensions"]["code"]),
        (&json!("error"), &json!("RATE_LIMITED"))
    );
    socket.write(Message::text("x".repeat(70_000))).await;
    assert_eq!(socket.closed().await.0, 1009);
}

#[tokio::test]
async fn connections_are_closed_when_the_server_stops() {
    let app = TestApp::start().await;
    let mut server = app.listen();
    let alice = app.alice().await;
    let mut socket = Socket::of(server.address, &alice.access_token).await;
    socket.subscribe("1", CHANGES).await;
    server.stop();
    assert_eq!(socket.closed().await, (1001, "Going away".into()));
    server.stopped().await;
}

#[tokio::test]
async fn a_dead_connection_is_dropped_also_if_there_is_much_to_tell_it() {
    let app = TestApp::start().await;
    let server = app.listen();
    let alice = app.alice().await;
    let mut socket = Socket::of(server.address, &alice.access_token).await;
    socket.subscribe("1", CHANGES).await;
    // It answers nothing while it does not read.
    for _ in 0..8 {
        alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        app.advance_secs(11);
    }
    assert!(socket.ends().await, "neither closed nor cut");
}

#[tokio::test]
async fn a_goodbye_is_answered() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::open(server.address).await;
    let code = CloseCode::Normal;
    socket.write(Message::Close(Some(CloseFrame { code, reason: "".into() }))).await;
    assert_eq!(socket.closed().await.0, 1000);
}
