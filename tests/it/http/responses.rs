//! Headers and errors of every response, and the endpoints besides GraphQL.

use std::collections::HashSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::{GRAPHQL_RESPONSE, TestApp};

#[tokio::test]
async fn an_operation_over_the_timeout_is_aborted() {
    let app = TestApp::with_config(|config| config.limits.operation_timeout = Duration::ZERO).await;
    let modern = app.anon().with_header("accept", GRAPHQL_RESPONSE);
    let response = modern.login("nobody@example.org", "correct horse battery staple").await;
    response.assert_error_with_status(503, "TIMEOUT");
}

#[tokio::test]
async fn internal_errors_are_not_exposed() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    app.database.execute("ALTER TABLE books RENAME TO elsewhere").await;
    let modern = alice.clone().with_header("accept", GRAPHQL_RESPONSE);
    let response = modern.ask("{ books { totalCount } }").await;
    response.assert_error_with_status(500, "INTERNAL_SERVER_ERROR");
    let error = response.error();
    assert_eq!(error["message"], "Something went wrong on our side.");
    assert_eq!(error["extensions"]["requestId"].as_str(), response.header("x-request-id"));
    for internal in ["books\" ", "elsewhere", "SELECT", "sqlx", "table", "relation", "src/"] {
        assert!(!response.text.contains(internal), "{internal} in {response:?}");
    }
    let partial = modern
        .ask("{ viewer { username } book(id: \"book_01m846py8ne2hs7g3s4tx3a7ay\") { id } }")
        .await;
    assert_eq!(partial.status, 200);
    assert_eq!(partial.json()["data"], json!({ "viewer": { "username": "alice" }, "book": null }));
    partial.assert_error("INTERNAL_SERVER_ERROR");
}

#[tokio::test]
async fn a_removed_database_is_reported_as_unavailable() {
    // An SQLite file exists as long as the server.
    let Some(app) = TestApp::start_on_postgres().await else { return };
    let alice = app.alice().await;
    assert_eq!(app.anon().get("/health/ready").await.status, 200);
    app.database.remove().await;
    let modern = alice.clone().with_header("accept", GRAPHQL_RESPONSE);
    let response = modern.ask("{ books { totalCount } }").await;
    response.assert_error_with_status(503, "SERVICE_UNAVAILABLE");
    // The database is checked once per second.
    app.advance_secs(1);
    assert_eq!(app.anon().get("/health/ready").await.status, 503);
    assert_eq!(app.anon().get("/health/live").await.status, 200);
}

#[tokio::test]
async fn every_response_has_a_request_id_and_is_not_cached() {
    let app = TestApp::start().await;
    let mut ids = HashSet::new();
    for path in ["/health/live", "/health/ready", "/schema.graphql", "/", "/nowhere", "/graphql"] {
        let response = app.anon().with_header("x-request-id", "forged").get(path).await;
        let id = response.header("x-request-id").expect("a request id").to_owned();
        assert_eq!(id.len(), 32, "{id}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(response.header("cross-origin-resource-policy"), Some("same-origin"), "{path}");
        let policy = response.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(response.header("cache-control").is_some(), "{path}");
        assert!(ids.insert(id), "{path} has the request id of another response");
    }
    let response = app.anon().ask("{ __typename }").await;
    assert_eq!(response.header("cache-control"), Some("private, no-store"));
    assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
    let modern = app
        .anon()
        .with_header("accept", "application/graphql-response+json, application/json;q=0.9");
    assert_eq!(
        modern.ask("{ __typename }").await.header("content-type"),
        Some("application/graphql-response+json; charset=utf-8")
    );
}

#[tokio::test]
async fn health_endpoints_report_status() {
    let app = TestApp::start().await;
    for path in ["/health/live", "/health/ready"] {
        let response = app.anon().get(path).await;
        assert_eq!((response.status.as_u16(), response.json()), (200, json!({ "status": "ok" })));
    }
}

#[tokio::test]
async fn the_schema_is_served_with_an_etag() {
    let app = TestApp::start().await;
    let response = app.anon().get("/schema.graphql").await;
    assert_eq!(response.text, bookshelf::graphql::sdl());
    let etag = response.header("etag").expect("an ETag").to_owned();
    for known in [etag.clone(), format!("W/{etag}, \"other\""), "*".to_owned()] {
        let response = app.anon().with_header("if-none-match", &known).get("/schema.graphql").await;
        assert_eq!((response.status.as_u16(), response.text.as_str()), (304, ""));
    }
    let other = app.anon().with_header("if-none-match", "\"other\"").get("/schema.graphql").await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn graphiql_has_a_strict_content_security_policy_and_can_be_disabled() {
    let app = TestApp::start().await;
    let page = app.anon().get("/").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text.contains("Bookshelf"), "{page:?}");
    let policy = page.header("content-security-policy").expect("a policy");
    for rule in
        ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.split("; ").any(|part| part == rule), "{rule} in {policy}");
    }
    assert!(!policy.contains("unsafe-eval") && !policy.contains("http"), "{policy}");
    for missing in
        ["/assets/", "/assets/nothing.js", "/assets/../Cargo.toml", "/assets/%2e%2e/index.html"]
    {
        assert_eq!(app.anon().get(missing).await.status, 404, "{missing}");
    }
    let without = TestApp::with_config(|config| config.graphiql = false).await;
    assert_eq!(without.anon().get("/").await.status, 404);
}

#[tokio::test]
async fn cors_allows_only_listed_origins() {
    let origin = "https://books.example.org";
    let app =
        TestApp::with_config(|config| config.cors_origins = vec![origin.parse().unwrap()]).await;
    let preflight = async |origin: &str| {
        let request = Request::options("/graphql")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,authorization,cookie-mode");
        app.anon().send(request, Body::empty()).await
    };
    let allowed = preflight(origin).await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some(origin));
    assert_eq!(allowed.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(
        allowed.header("access-control-allow-headers"),
        Some("content-type,authorization,cookie-mode")
    );
    let response = app.anon().with_header("origin", origin).ask("{ __typename }").await;
    assert_eq!(response.header("access-control-allow-origin"), Some(origin));
    assert!(response.header("access-control-expose-headers").unwrap().contains("x-request-id"));
    for other in ["https://evil.example.org", "http://books.example.org", "null"] {
        assert_eq!(preflight(other).await.header("access-control-allow-origin"), None);
    }
    for (listed, origin) in [
        ("capacitor://localhost", "capacitor://localhost"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://Books.example.org:443", "https://books.example.org"),
        ("https://app.example/", "https://app.example"),
        ("http://[::1]:80/", "http://[::1]"),
    ] {
        let app = TestApp::with_config(|config| {
            config.cors_origins = vec![listed.parse().expect("an origin")];
        });
        let page = app.await.anon().with_header("origin", origin);
        let response = page.ask("{ __typename }").await;
        assert_eq!(response.header("access-control-allow-origin"), Some(origin), "{listed}");
    }
    let none = TestApp::start().await;
    let response = none.anon().with_header("origin", origin).ask("{ __typename }").await;
    assert_eq!(response.header("access-control-allow-origin"), None);
}
