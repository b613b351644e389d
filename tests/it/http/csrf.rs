//! CSRF protection: requests that a page of another origin could send.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::TestApp;

const QUERY: &str = r#"{"query":"{ __typename }"}"#;

#[tokio::test]
async fn simple_cross_origin_requests_are_blocked() {
    let app = TestApp::start().await;
    for simple in [
        "text/plain",
        "text/plain; charset=utf-8",
        "Application/X-WWW-Form-Urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "nonsense",
    ] {
        let response = app.anon().post(simple, QUERY).await;
        response.assert_error_with_status(400, "CSRF_BLOCKED");
        let message = response.error()["message"].as_str().unwrap().to_owned();
        assert!(message.contains("Apollo-Require-Preflight"), "{message}");
        let empty =
            app.anon().with_header("apollo-require-preflight", "").post(simple, QUERY).await;
        empty.assert_error("CSRF_BLOCKED");
    }
    let bare = app.anon().send(Request::post("/graphql"), QUERY.into()).await;
    bare.assert_error("CSRF_BLOCKED");
}

#[tokio::test]
async fn a_preflight_header_passes_the_csrf_check() {
    let app = TestApp::start().await;
    for header in ["Apollo-Require-Preflight", "X-Apollo-Operation-Name"] {
        let response = app.anon().with_header(header, "true").post("text/plain", QUERY).await;
        response.assert_error_with_status(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    assert_eq!(app.anon().post("application/json", QUERY).await.data(), "Query");
    assert_eq!(app.anon().get("/graphql?query={__typename}").await.data(), "Query");
}

#[tokio::test]
async fn websockets_require_the_same_origin_or_a_listed_one() {
    let origin = "https://books.example.org";
    let app =
        TestApp::with_config(|config| config.cors_origins = vec![origin.parse().unwrap()]).await;
    let connect = async |origin: &str| {
        let request = Request::get("/graphql")
            .header("host", "localhost:8000")
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("origin", origin);
        app.anon().send(request, Body::empty()).await
    };
    for foreign in ["https://evil.example.org", "http://localhost:8001", "null", ""] {
        connect(foreign).await.assert_error("CSRF_BLOCKED");
    }
    // The origin is accepted; the request then fails because it is not a complete handshake.
    for own in [origin, "http://localhost:8000", "https://LOCALHOST:8000"] {
        connect(own).await.assert_error("BAD_REQUEST");
    }
    let connect_to = async |host: &str, origin: &str| {
        let request = Request::get("/graphql")
            .header("host", host)
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("origin", origin);
        app.anon().send(request, Body::empty()).await
    };
    for (host, own) in [
        ("library.example.org:443", "https://library.example.org"),
        ("library.example.org:80", "http://library.example.org"),
        ("[::1]:80", "http://[::1]"),
        ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ] {
        connect_to(host, own).await.assert_error("BAD_REQUEST");
    }
    let other_port = connect_to("library.example.org:80", "https://library.example.org").await;
    other_port.assert_error("CSRF_BLOCKED");
    assert_eq!(
        app.anon().ask("{ __typename }").await.json(),
        json!({ "data": { "__typename": "Query" } })
    );
}
