//! What links begin with.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Actor, Socket, TestApp};

const QUERY: &str = "{ books { nodes { cover { url } } } }";

async fn with_cover(app: &TestApp) -> (Actor, String) {
    let alice = app.alice().await;
    let id = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    let path = alice.add_cover(&id).await;
    (alice, path)
}

/// The URL of the cover, for a request with these headers.
async fn url(actor: &Actor, headers: &[(&str, &str)]) -> String {
    let mut request = Request::post("/graphql").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = json!({ "query": QUERY }).to_string();
    let books = actor.send(request, Body::from(body)).await.data();
    books["nodes"][0]["cover"]["url"].as_str().expect("an address").to_owned()
}

#[tokio::test]
async fn links_begin_with_the_host_of_the_request() {
    let app =
        TestApp::with_config(|config| config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()])
            .await;
    let (alice, path) = with_cover(&app).await;
    let (proxy, stranger) = (alice.clone().with_ip("10.1.2.3"), alice.with_ip("192.0.2.1"));
    let host = ("host", "internal:8000");
    let forwarded =
        [host, ("x-forwarded-proto", "https"), ("x-forwarded-host", "books.example.org")];
    assert_eq!(url(&stranger, &[host]).await, format!("http://internal:8000{path}"));
    assert_eq!(url(&stranger, &forwarded).await, format!("http://internal:8000{path}"));
    assert_eq!(url(&proxy, &forwarded).await, format!("https://books.example.org{path}"));
    // A WebSocket, behind some proxies.
    let over_tls = [host, ("x-forwarded-proto", "wss"), ("x-forwarded-host", "books.example.org")];
    assert_eq!(url(&proxy, &over_tls).await, format!("https://books.example.org{path}"));
    for host in ["evil.example/x?", "user@evil.example", "a b", "<script>", ""] {
        let own = format!("http://127.0.0.1:0{path}");
        assert_eq!(url(&stranger, &[("host", host)]).await, own, "{host}");
        assert_eq!(url(&proxy, &[("x-forwarded-host", host), ("host", host)]).await, own, "{host}");
    }
}

#[tokio::test]
async fn the_public_url_replaces_the_host_of_the_request() {
    let app = TestApp::with_config(|config| {
        config.public_url = Some("https://example.org/books".parse().unwrap());
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let (alice, path) = with_cover(&app).await;
    assert!(path.starts_with("/books/covers/"), "{path}");
    let expected = format!("https://example.org{path}");
    let forwarded = [("host", "internal"), ("x-forwarded-host", "books.example.org")];
    assert_eq!(url(&alice.clone().with_ip("10.1.2.3"), &forwarded).await, expected);
    assert_eq!(url(&alice, &[]).await, expected);
}

#[tokio::test]
async fn events_have_links_over_every_transport() {
    let app = TestApp::start().await;
    let (alice, _) = with_cover(&app).await;
    let listening = app.listen();
    let query = "subscription { bookChanged { book { version cover { url } } } }";
    let alice = alice.at(&listening.address.to_string());
    let mut socket = Socket::authenticated(listening.address, &alice.access_token).await;
    socket.subscribe("1", query).await;
    let mut stream = alice.subscribe("text/event-stream", query).await;
    assert_eq!(stream.frame().await.as_deref(), Some(":\n\n"));

    let id = alice.ask("{ books { nodes { id } } }").await.data()["nodes"][0]["id"].clone();
    let path = alice.add_cover(id.as_str().expect("an id")).await;
    let expected = json!(format!("http://{}{path}", listening.address));
    // On PostgreSQL, the events of the earlier changes may arrive first.
    let is_last = |event: &Value| event["data"]["bookChanged"]["book"]["version"] == 3;
    let address = |event: &Value| event["data"]["bookChanged"]["book"]["cover"]["url"].clone();
    let mut event = stream.next().await;
    while !is_last(&event) {
        event = stream.next().await;
    }
    assert_eq!(address(&event), expected);
    let mut event = socket.receive().await["payload"].take();
    while !is_last(&event) {
        event = socket.receive().await["payload"].take();
    }
    assert_eq!(address(&event), expected);
}
