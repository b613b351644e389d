//! Log lines about pages whose requests a browser blocks, and about rejected WebSockets.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Actor, ServerProcess, Socket, wait_until};

/// The log lines that contain a text.
fn lines(server: &ServerProcess, text: &str) -> Vec<Value> {
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains(text));
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

async fn preflight(actor: &Actor, origin: &str) {
    let request = Request::options("/graphql")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    let response = actor.send(request, Body::empty()).await;
    assert_eq!(response.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_page_of_an_origin_that_is_not_listed_is_reported_once_with_what_to_set() {
    for listed in ["", "https://app.example"] {
        let server = ServerProcess::start(&[("CORS_ORIGINS", listed)]);
        let anon = server.anon();
        for _ in 0..3 {
            preflight(&anon, "https://Other.example:443").await;
            let page = anon.clone().with_header("origin", "https://other.example");
            page.ask("{ __typename }").await.assert_ok();
        }
        preflight(&anon, "http://localhost:5173").await;
        let set = |origin: &str| match listed {
            "" => format!("CORS_ORIGINS={origin}"),
            listed => format!("CORS_ORIGINS={listed},{origin}"),
        };
        let warnings = lines(&server, "CORS_ORIGINS=");
        let logged: Vec<_> = warnings
            .iter()
            .map(|line| (line["level"].as_str(), line["origin"].as_str(), line["set"].clone()))
            .collect();
        let expected = ["https://other.example", "http://localhost:5173"]
            .map(|origin| (Some("WARN"), Some(origin), json!(set(origin))));
        assert_eq!(logged, expected);
    }
}

#[tokio::test]
async fn pages_that_may_call_are_not_reported() {
    let server = ServerProcess::start(&[("CORS_ORIGINS", "https://app.example")]);
    let own = format!("http://{}", server.address);
    for (origin, site) in [
        (own.as_str(), "same-origin"),
        ("https://app.example", "cross-site"),
        // A proxy has replaced the host.
        ("https://books.example", "same-origin"),
    ] {
        let page = server.anon().with_header("origin", origin).with_header("sec-fetch-site", site);
        page.ask("{ __typename }").await.assert_ok();
    }
    assert_eq!(lines(&server, "WARN"), Vec::<Value>::new());
}

#[tokio::test]
async fn a_refresh_cookie_that_the_browser_drops_is_reported_once() {
    let server = ServerProcess::start(&[("CORS_ORIGINS", "https://app.example")]);
    let page = server.anon().with_header("origin", "https://app.example");
    let with_cookie = page.clone().with_header("cookie-mode", "refresh");
    with_cookie
        .clone()
        .with_header("sec-fetch-site", "same-site")
        .ask("{ __typename }")
        .await
        .assert_ok();
    page.with_header("sec-fetch-site", "cross-site").ask("{ __typename }").await.assert_ok();
    assert_eq!(lines(&server, "WARN"), Vec::<Value>::new());
    let cross_site = with_cookie.with_header("sec-fetch-site", "cross-site");
    for _ in 0..2 {
        cross_site.ask("{ __typename }").await.assert_ok();
    }
    let warnings = lines(&server, "WARN");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0]["origin"], "https://app.example");
    assert!(warnings[0]["message"].as_str().unwrap().contains("drop the refresh cookie"));
}

#[tokio::test]
async fn every_rejected_websocket_is_logged_with_the_reason() {
    let server = ServerProcess::start(&[("ACCESS_TOKEN_TTL", "1s")]);
    let alice = server.alice().await;
    let address = server.address.parse().unwrap();
    let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
    for _ in 0..2 {
        let foreign = [protocol, ("origin", "https://evil.example")];
        assert!(Socket::connect(address, &foreign).await.is_err());
    }
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    for token in [alice.access_token.as_str(), "nonsense"] {
        let mut socket = Socket::open(address).await;
        let payload = json!({ "Authorization": format!("Bearer {token}") });
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.closed().await.0, 4403);
    }
    let mut logged = Vec::new();
    wait_until("the lines are in the log", async || {
        logged = lines(&server, "WebSocket");
        logged.len() >= 4
    })
    .await;
    let logged: Vec<_> =
        logged.iter().map(|line| (&line["code"], &line["reason"], &line["origin"])).collect();
    let null = &Value::Null;
    let (blocked, origin) = (json!("CSRF_BLOCKED"), json!("https://evil.example"));
    let (forbidden, expired, invalid) =
        (json!(4403), json!("TOKEN_EXPIRED"), json!("TOKEN_INVALID"));
    assert_eq!((logged[0].0, logged[0].2), (&blocked, &origin));
    assert_eq!((logged[1].0, logged[1].2), (&blocked, &origin));
    assert_eq!(logged[2..], [(&forbidden, &expired, null), (&forbidden, &invalid, null)]);
    assert!(!server.log().contains(&alice.access_token));
}
