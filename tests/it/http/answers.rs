//! What every answer looks like, and what else is served.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn an_operation_has_its_time() {
    let app = TestApp::with_config(|config| config.limits.operation_timeout = Duration::ZERO).await;
    let modern = app.anon().with_header("accept", "application/graphql-response+json");
    let answer = modern.login("nobody@example.org", "correct horse battery staple").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, "TIMEOUT".into()));
}

#[tokio::test]
async fn what_goes_wrong_inside_stays_inside() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    app.database.execute("ALTER TABLE books RENAME TO elsewhere").await;
    let modern = alice.clone().with_header("accept", "application/graphql-response+json");
    let answer = modern.ask("{ books { totalCount } }").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (500, "INTERNAL_SERVER_ERROR".into()));
    let error = answer.error();
    assert_eq!(error["message"], "Something went wrong on our side.");
    assert_eq!(error["extensions"]["requestId"].as_str(), answer.header("x-request-id"));
    for internal in ["books\" ", "elsewhere", "SELECT", "sqlx", "table", "relation", "src/"] {
        assert!(!answer.text.contains(internal), "{internal} in {answer:?}");
    }
    let partial = modern
        .ask("{ viewer { username } book(id: \"book_01m846py8ne2hs7g3s4tx3a7ay\") { id } }")
        .await;
    assert_eq!(partial.status, 200);
    assert_eq!(partial.json()["data"], json!({ "viewer": { "username": "alice" }, "book": null }));
    assert_eq!(partial.code(), "INTERNAL_SERVER_ERROR");
}

#[tokio::test]
async fn a_database_that_went_away_is_unavailable() {
    let app = TestApp::start().await;
    if !app.database.is_postgres() {
        return; // An SQLite file is there as long as the server is.
    }
    let alice = app.alice().await;
    assert_eq!(app.anon().get("/health/ready").await.status, 200);
    app.database.remove().await;
    let modern = alice.clone().with_header("accept", "application/graphql-response+json");
    let answer = modern.ask("{ books { totalCount } }").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, "SERVICE_UNAVAILABLE".into()));
    assert_eq!(app.anon().get("/health/ready").await.status, 503);
    assert_eq!(app.anon().get("/health/live").await.status, 200);
}

#[tokio::test]
async fn every_response_has_a_request_id_and_is_not_cached() {
    let app = TestApp::start().await;
    let mut numbers = Vec::new();
    for path in ["/health/live", "/health/ready", "/schema.graphql", "/", "/nowhere", "/graphql"] {
        let answer = app.anon().with_header("x-request-id", "forged").get(path).await;
        let number = answer.header("x-request-id").expect("a number").to_owned();
        assert_eq!(number.len(), 32, "{number}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{path}");
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(answer.header("cache-control").is_some(), "{path}");
        numbers.push(number);
    }
    numbers.dedup();
    assert_eq!(numbers.len(), 6);
    let answer = app.anon().ask("{ __typename }").await;
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
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
        let answer = app.anon().get(path).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "status": "ok" })));
    }
}

#[tokio::test]
async fn the_schema_can_be_fetched_and_is_fetched_once() {
    let app = TestApp::start().await;
    let answer = app.anon().get("/schema.graphql").await;
    assert_eq!(answer.text, bookshelf::graphql::sdl());
    let etag = answer.header("etag").expect("an ETag").to_owned();
    for known in [etag.clone(), format!("W/{etag}, \"other\""), "*".to_owned()] {
        let answer = app.anon().with_header("if-none-match", &known).get("/schema.graphql").await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (304, ""));
    }
    let other = app.anon().with_header("if-none-match", "\"other\"").get("/schema.graphql").await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn graphiql_is_served_under_a_strict_policy_or_not_at_all() {
    let app = TestApp::start().await;
    let page = app.anon().get("/").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text.contains("Bookshelf"), "{page:?}");
    let policy = page.header("content-security-policy").expect("a policy");
    for rule in
        ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.split("; ").any(|it| it == rule), "{rule} in {policy}");
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
async fn only_listed_origins_may_call_from_a_browser() {
    let origin = "https://books.example.org";
    let app = TestApp::with_config(|config| config.cors_origins = vec![origin.to_owned()]).await;
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
    let answer = app.anon().with_header("origin", origin).ask("{ __typename }").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    assert!(answer.header("access-control-expose-headers").unwrap().contains("x-request-id"));
    for other in ["https://evil.example.org", "http://books.example.org", "null"] {
        assert_eq!(preflight(other).await.header("access-control-allow-origin"), None);
    }
    let none = TestApp::start().await;
    let answer = none.anon().with_header("origin", origin).ask("{ __typename }").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}
