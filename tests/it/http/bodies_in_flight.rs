//! Request bodies that are being received or processed.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::Request;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::support::{Actor, GRAPHQL_RESPONSE, TestApp, TestResponse, wait_until};

const QUERY: &str = "{\"query\":\"{ __typename }\"}";

/// A request whose body has `bytes` bytes so far, and is not complete until `end` is called.
struct OpenRequest {
    body: mpsc::Sender<Bytes>,
    response: JoinHandle<TestResponse>,
}

impl OpenRequest {
    async fn new(actor: &Actor, bytes: usize) -> Self {
        let (body, received) = mpsc::channel(1);
        let body_stream = stream::unfold(received, |mut received: mpsc::Receiver<Bytes>| async {
            Some((Ok::<_, Infallible>(received.recv().await?), received))
        });
        let actor = actor.clone();
        let request = Request::post("/graphql").header("content-type", "application/json");
        let sent = Body::from_stream(body_stream);
        let response = tokio::spawn(async move { actor.send(request, sent).await });
        body.send(" ".repeat(bytes).into()).await.expect("a reader");
        // The channel is empty again when the server has taken the first part.
        let empty = body.reserve().await.expect("a reader");
        drop(empty);
        Self { body, response }
    }

    async fn end(self) -> TestResponse {
        // The server may have rejected the request already.
        let _ = self.body.send(Bytes::from(QUERY)).await;
        drop(self.body);
        self.response.await.expect("a response")
    }
}

#[tokio::test]
async fn bodies_in_flight_are_limited_per_client_and_in_all() {
    let app = TestApp::with_config(|config| {
        config.limits.bodies_in_flight_bytes = 10_000;
        config.limits.bodies_in_flight_bytes_per_client = 6_000;
    })
    .await;
    let client = |number| {
        app.anon().with_ip(&format!("192.0.2.{number}")).with_header("accept", GRAPHQL_RESPONSE)
    };
    let size = |bytes: usize| " ".repeat(bytes - QUERY.len()) + QUERY;
    let post = async |actor: Actor, bytes| actor.post("application/json", size(bytes)).await;

    post(client(2), 6_000).await.assert_ok();
    post(client(2), 6_001).await.assert_error_with_status(429, "RATE_LIMITED");
    let open = OpenRequest::new(&client(1), 4_000).await;
    let rejected = post(client(1), 2_001).await;
    rejected.assert_error_with_status(429, "RATE_LIMITED");
    assert_eq!(rejected.header("retry-after"), Some("1"));
    assert_eq!(rejected.error()["extensions"]["retryAfter"], 1);
    post(client(1), 2_000).await.assert_ok();
    post(client(2), 6_000).await.assert_ok();

    let other = OpenRequest::new(&client(2), 5_000).await;
    let rejected = post(client(3), 1_001).await;
    rejected.assert_error_with_status(503, "SERVICE_UNAVAILABLE");
    assert_eq!(rejected.header("retry-after"), Some("1"));
    post(client(3), 1_000).await.assert_ok();

    open.end().await.assert_ok();
    // A client that breaks off releases its bytes too.
    other.response.abort();
    wait_until("the bytes are released", async || post(client(3), 6_000).await.is_ok()).await;
    let many = [post(client(3), 6_000), post(client(4), 4_000)];
    for response in futures_util::future::join_all(many).await {
        response.assert_ok();
    }
}
