//! Operations over WebSocket with the graphql-transport-ws protocol.

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
async fn a_connection_without_connection_init_is_closed() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::open(server.address).await;
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.receive().await, json!({ "type": "pong" }));
    app.advance_secs(5);
    assert_eq!(socket.closed().await, (4408, "Connection initialisation timeout".into()));
}

#[tokio::test]
async fn an_invalid_message_closes_the_connection() {
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
async fn subscribing_before_the_acknowledgement_is_unauthorized() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::open(server.address).await;
    let subscribe =
        json!({ "type": "subscribe", "id": "1", "payload": { "query": "{ __typename }" } });
    socket.send(subscribe).await;
    assert_eq!(socket.closed().await, (4401, "Unauthorized".into()));
}

#[tokio::test]
async fn a_second_connection_init_closes_the_connection() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::open(server.address).await;
    socket.send(init()).await;
    assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
    socket.send(init()).await;
    assert_eq!(socket.closed().await, (4429, "Too many initialisation requests".into()));
}

#[tokio::test]
async fn an_operation_id_cannot_be_reused_while_active() {
    let app = TestApp::start().await;
    let server = app.listen();
    let alice = app.alice().await;
    let mut socket = Socket::authenticated(server.address, &alice.access_token).await;
    socket.subscribe("1", CHANGES).await;
    socket.send(json!({ "type": "complete", "id": "1" })).await;
    socket.subscribe("1", CHANGES).await;
    let duplicate = json!({ "type": "subscribe", "id": "1", "payload": { "query": CHANGES } });
    socket.send(duplicate).await;
    assert_eq!(socket.closed().await, (4409, "Subscriber for 1 already exists".into()));
}

#[tokio::test]
async fn other_subprotocols_and_foreign_origins_are_rejected() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::connect(server.address, &[]).await.expect("a WebSocket");
    assert_eq!(socket.closed().await, (4406, "Subprotocol not acceptable".into()));
    let foreign = [
        ("sec-websocket-protocol", "graphql-transport-ws"),
        ("origin", "https://evil.example.org"),
    ];
    let rejected = Socket::connect(server.address, &foreign).await.err();
    assert!(matches!(rejected, Some(Error::Http(response)) if response.status() == 400));
}

/// A proxy may add the port of the scheme to the host.
#[tokio::test]
async fn pages_of_this_server_connect_with_and_without_the_port_of_the_scheme() {
    let app = TestApp::start().await;
    let server = app.listen();
    for host in ["books.example.org:443", "books.example.org"] {
        let page = [
            ("sec-websocket-protocol", "graphql-transport-ws"),
            ("origin", "https://books.example.org"),
            ("host", host),
        ];
        let mut socket = Socket::connect(server.address, &page).await.expect("status 101");
        socket.send(json!({ "type": "connection_init" })).await;
        assert_eq!(socket.receive().await["type"], "connection_ack", "{host}");
    }
}

#[tokio::test]
async fn the_token_is_read_from_every_common_payload_key() {
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
        let response = json!({ "data": { "viewer": { "username": "alice" } } });
        assert_eq!(
            socket.receive().await,
            json!({ "type": "next", "id": "q", "payload": response })
        );
        assert_eq!(socket.receive().await, json!({ "type": "complete", "id": "q" }));
    }
}

#[tokio::test]
async fn an_invalid_token_closes_with_4403_so_that_clients_refresh() {
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
async fn a_payload_without_a_token_connects_anonymously() {
    let app = TestApp::start().await;
    let server = app.listen();
    for payload in [
        json!({ "Authorization": "" }),
        json!({ "Authorization": "Bearer " }),
        json!({ "authorization": "Bearer" }),
        json!({ "token": "Bearer" }),
        json!({ "headers": { "Authorization": "bearer " } }),
    ] {
        let mut socket = Socket::open(server.address).await;
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }), "{payload}");
    }
}

#[tokio::test]
async fn a_connection_closes_when_its_token_expires_or_its_session_ends() {
    let app = TestApp::start().await;
    let server = app.listen();
    let alice = app.alice().await;
    let device = alice.sign_in_again("alice").await;
    let mut first = Socket::authenticated(server.address, &alice.access_token).await;
    let mut second = Socket::authenticated(server.address, &device.access_token).await;
    for socket in [&mut first, &mut second] {
        socket.subscribe("1", CHANGES).await;
    }
    device.logout().await.assert_ok();
    assert_eq!(second.closed().await, (4403, "Forbidden".into()));
    alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    assert_eq!(first.receive().await["payload"]["data"]["bookChanged"]["kind"], "CREATED");
    app.advance_secs(900);
    assert_eq!(first.closed().await, (4403, "Forbidden".into()));
}

#[tokio::test]
async fn a_rejected_operation_does_not_affect_others() {
    let app = TestApp::start().await;
    let server = app.listen();
    let alice = app.alice().await;
    let mut socket = Socket::authenticated(server.address, &alice.access_token).await;
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
async fn anonymous_clients_can_connect_but_not_subscribe() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::open(server.address).await;
    socket.send(init()).await;
    assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
    socket.send(json!({ "type": "subscribe", "id": "1", "payload": { "query": CHANGES } })).await;
    let next = socket.receive().await;
    let reason = &next["payload"]["errors"][0]["extensions"]["reason"];
    assert_eq!((&next["type"], reason), (&json!("next"), &json!("TOKEN_MISSING")));
    assert_eq!(socket.receive().await, json!({ "type": "complete", "id": "1" }));
}

#[tokio::test]
async fn a_completed_subscription_receives_no_events() {
    let app = TestApp::start().await;
    let server = app.listen();
    let alice = app.alice().await;
    let mut socket = Socket::authenticated(server.address, &alice.access_token).await;
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
async fn an_idle_connection_is_pinged() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::open(server.address).await;
    socket.send(init()).await;
    assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
    for _ in 0..3 {
        tokio::task::yield_now().await;
        app.advance_secs(12);
        assert!(matches!(socket.read().await, Message::Ping(_)));
        // Reading the ping sends the pong. The next round trip ensures that the server has it.
        socket.send(json!({ "type": "ping" })).await;
        assert_eq!(socket.receive().await, json!({ "type": "pong" }));
    }
}

#[tokio::test]
async fn operations_per_connection_and_message_size_are_limited() {
    let app = TestApp::with_config(|config| config.limits.websocket_operations = 2).await;
    let server = app.listen();
    let alice = app.alice().await;
    let mut socket = Socket::authenticated(server.address, &alice.access_token).await;
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
async fn connections_are_closed_at_shutdown() {
    let app = TestApp::start().await;
    let mut server = app.listen();
    let alice = app.alice().await;
    let mut socket = Socket::authenticated(server.address, &alice.access_token).await;
    socket.subscribe("1", CHANGES).await;
    server.stop();
    assert_eq!(socket.closed().await, (1001, "Going away".into()));
    server.stopped().await;
}

#[tokio::test]
async fn an_unresponsive_connection_is_dropped_despite_pending_events() {
    let app = TestApp::start().await;
    let server = app.listen();
    let alice = app.alice().await;
    let mut socket = Socket::authenticated(server.address, &alice.access_token).await;
    socket.subscribe("1", CHANGES).await;
    // The client does not read, so it sends no pongs.
    for _ in 0..8 {
        alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        app.advance_secs(11);
    }
    assert!(socket.ends().await, "the connection is still open");
}

#[tokio::test]
async fn a_close_frame_is_acknowledged() {
    let app = TestApp::start().await;
    let server = app.listen();
    let mut socket = Socket::open(server.address).await;
    let code = CloseCode::Normal;
    socket.write(Message::Close(Some(CloseFrame { code, reason: "".into() }))).await;
    assert_eq!(socket.closed().await.0, 1000);
}
