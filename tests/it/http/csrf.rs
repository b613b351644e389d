//! What a page of another origin may send.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::TestApp;

const QUERY: &str = r#"{"query":"{ __typename }"}"#;

#[tokio::test]
async fn what_a_foreign_page_could_send_is_blocked_and_told_how_to_pass() {
    let app = TestApp::start().await;
    for simple in [
        "text/plain",
        "text/plain; charset=utf-8",
        "Application/X-WWW-Form-Urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "nonsense",
    ] {
        let answer = app.anon().post(simple, QUERY).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "CSRF_BLOCKED".into()));
        let message = answer.error()["message"].as_str().unwrap().to_owned();
        assert!(message.contains("Apollo-Require-Preflight"), "{message}");
        let empty =
            app.anon().with_header("apollo-require-preflight", "").post(simple, QUERY).await;
        assert_eq!(empty.code(), "CSRF_BLOCKED");
    }
    let bare = app.anon().send(Request::post("/graphql"), QUERY.into()).await;
    assert_eq!(bare.code(), "CSRF_BLOCKED");
}

#[tokio::test]
async fn a_preflight_header_leads_on_to_the_media_type() {
    let app = TestApp::start().await;
    for header in ["Apollo-Require-Preflight", "X-Apollo-Operation-Name"] {
        let answer = app.anon().with_header(header, "true").post("text/plain", QUERY).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (415, "UNSUPPORTED_MEDIA_TYPE".into()));
    }
    assert_eq!(app.anon().post("application/json", QUERY).await.data(), "Query");
    assert_eq!(app.anon().get("/graphql?query={__typename}").await.data(), "Query");
}

#[tokio::test]
async fn a_websocket_is_for_pages_of_this_origin_and_of_the_listed_ones() {
    let origin = "https://books.example.org";
    let app = TestApp::with_config(|config| config.cors_origins = vec![origin.to_owned()]).await;
    let connect = async |origin: &str| {
        let request = Request::get("/graphql")
            .header("host", "localhost:8000")
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("origin", origin);
        app.anon().send(request, Body::empty()).await.code()
    };
    for foreign in ["https://evil.example.org", "http://localhost:8001", "null", ""] {
        assert_eq!(connect(foreign).await, "CSRF_BLOCKED", "{foreign}");
    }
    // They get further: this is no handshake after all.
    for own in [origin, "http://localhost:8000", "https://LOCALHOST:8000"] {
        assert_eq!(connect(own).await, "BAD_REQUEST", "{own}");
    }
    assert_eq!(
        app.anon().ask("{ __typename }").await.json(),
        json!({ "data": { "__typename": "Query" } })
    );
}
