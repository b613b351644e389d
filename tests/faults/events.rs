//! Subscriptions while an instance is cut off from the database, and with it from the other instances.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::book;
use crate::outage::{OUTAGE, RETURN, other_lines};
use crate::support::{
    Actor, PASSWORD, PostgresCluster, ServerProcess, Socket, StreamReader, TcpProxy,
};

const CHANGES: &str = "subscription { bookChanged { kind book { title } } }";
const TOO_SLOW: &str = "SUBSCRIBER_TOO_SLOW";

/// An instance behind a proxy, with subscriptions over WebSocket and as Server-Sent Events.
struct Instance {
    proxy: TcpProxy,
    alice: Actor,
    socket: Socket,
    events: StreamReader,
    server: ServerProcess,
}

impl Instance {
    async fn start(cluster: &PostgresCluster) -> Self {
        let proxy = TcpProxy::start(cluster.address()).await;
        let server = ServerProcess::start_on(&cluster.url_at(proxy.address), &[]);
        let alice = server.alice().await;
        let address = server.address.parse().expect("an address");
        let mut socket = Socket::authenticated(address, &alice.access_token).await;
        socket.subscribe("1", CHANGES).await;
        let mut events = alice.subscribe("text/event-stream", CHANGES).await;
        assert_eq!(events.frame().await.as_deref(), Some(":\n\n"));
        Self { proxy, alice, socket, events, server }
    }

    /// The title of the next event, which both subscriptions receive, or the code of the error that ends them.
    async fn next(&mut self) -> String {
        let text = |payload: &Value| {
            let code = payload["errors"][0]["extensions"]["code"].as_str();
            code.or(payload["data"]["bookChanged"]["book"]["title"].as_str())
                .unwrap_or_else(|| panic!("{payload}"))
                .to_owned()
        };
        let message = self.socket.receive().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("next"), &json!("1")), "{message}");
        let received = text(&message["payload"]);
        let event = self.events.next_non_keepalive().await.expect("an event");
        assert!(event.starts_with("event: next\n") && event.contains(&received), "{event}");
        if received == TOO_SLOW {
            let complete = json!({ "type": "complete", "id": "1" });
            assert_eq!(self.socket.receive().await, complete);
            while self.events.next_non_keepalive().await.is_some() {}
        }
        received
    }

    /// Cuts the instance off from the database. Its clients stay connected.
    async fn cut_off_for(&mut self, outage: Duration) {
        self.proxy.cut();
        let started = Instant::now();
        while started.elapsed() < outage {
            tokio::time::sleep(Duration::from_secs(2)).await;
            self.socket.send(json!({ "type": "ping" })).await;
            assert_eq!(self.socket.receive().await, json!({ "type": "pong" }));
            if let Some(frame) = self.events.frame().now_or_never() {
                assert_eq!(frame.as_deref(), Some(":\n\n"), "a heartbeat");
            }
        }
        self.proxy.restore();
    }
}

/// Alice, signed in on another instance.
async fn signed_in(server: &ServerProcess) -> Actor {
    server.anon().signed_in(&server.anon().login("alice@example.org", PASSWORD).await)
}

/// Longer than the minute of which the other instances publish their events again. After 90 s nothing is different.
#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_end_with_an_error_if_changes_are_lost_in_a_long_outage() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let mut cut_off = Instance::start(&cluster).await;
    let other = ServerProcess::start_on(&cluster.url(), &[]);
    let elsewhere = signed_in(&other).await;
    elsewhere.add_book(book("before")).await;
    assert_eq!(cut_off.next().await, "before");

    let writes = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        elsewhere.add_book(book("lost")).await;
    };
    let before = other_lines(&cut_off.server).len();
    tokio::join!(cut_off.cut_off_for(Duration::from_secs(64)), writes);
    assert_eq!(cut_off.next().await, TOO_SLOW);
    let lines = &other_lines(&cut_off.server)[before..];
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str()).collect();
    assert_eq!(messages, [Some(OUTAGE), Some(RETURN)], "{lines:?}");

    // What clients do then: fetch again, and subscribe again.
    assert_eq!(cut_off.alice.titles().await, ["lost", "before"]);
    cut_off.socket.subscribe("1", CHANGES).await;
    cut_off.events = cut_off.alice.subscribe("text/event-stream", CHANGES).await;
    assert_eq!(cut_off.events.frame().await.as_deref(), Some(":\n\n"));
    elsewhere.add_book(book("after")).await;
    assert_eq!(cut_off.next().await, "after");
}
