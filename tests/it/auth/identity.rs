use serde_json::json;

use crate::support::{GRAPHQL_RESPONSE, TestApp, TestResponse};

#[track_caller]
fn assert_unauthenticated(response: &TestResponse, reason: &str) {
    let error = response.error();
    assert_eq!(error["extensions"], json!({ "code": "UNAUTHENTICATED", "reason": reason }));
}

#[tokio::test]
async fn fields_that_require_a_viewer_return_unauthenticated() {
    let app = TestApp::start().await;
    let modern = app.anon().with_header("accept", GRAPHQL_RESPONSE);
    for query in [
        "{ books { totalCount } }",
        "{ booksPage { total } }",
        "mutation { createBook(input: { title: \"Dune\", author: \"Frank Herbert\" }) { book { id } } }",
        "mutation { logout { revokedSessions } }",
    ] {
        let response = modern.ask(query).await;
        assert_unauthenticated(&response, "TOKEN_MISSING");
        assert_eq!(response.status, 401, "{query}");
        assert!(
            response.header("www-authenticate").is_some_and(|scheme| scheme.starts_with("Bearer"))
        );
        assert_eq!(app.anon().ask(query).await.status, 200, "plain JSON: {query}");
    }
    assert_eq!(app.db_count("books").await, 0);
    for query in ["{ book(id: \"x\") { id } }", "{ node(id: \"x\") { id } }"] {
        assert_unauthenticated(&app.anon().ask(query).await, "TOKEN_MISSING");
    }
}

#[tokio::test]
async fn viewer_is_null_without_a_token_and_an_error_with_an_invalid_one() {
    let app = TestApp::start().await;
    assert_eq!(app.anon().ask("{ viewer { id } }").await.data(), json!(null));
    for bad in ["Bearer garbage", "Bearer a.b.c", "Basic YWxpY2U6cGFzc3dvcmQ="] {
        let response = app.anon().with_header("authorization", bad).ask("{ viewer { id } }").await;
        assert_unauthenticated(&response, "TOKEN_INVALID");
    }
}

/// Apollo Client's documentation sends an empty header while nobody is signed in.
#[tokio::test]
async fn an_authorization_header_without_a_token_is_no_token() {
    let app = TestApp::start().await;
    for empty in ["", " ", "Bearer", "Bearer ", "bearer"] {
        let anon = app.anon().with_header("authorization", empty);
        let viewer = anon.ask("{ viewer { id } }").await;
        assert_eq!(viewer.json(), json!({ "data": { "viewer": null } }), "{empty:?}");
        let books = anon.ask("{ books { totalCount } }").await;
        assert_unauthenticated(&books, "TOKEN_MISSING");
    }
}

#[tokio::test]
async fn a_token_without_the_bearer_scheme_has_an_error_that_names_the_scheme() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for header in [alice.access_token.clone(), format!("Token {}", alice.access_token)] {
        let anon = app.anon().with_header("authorization", &header);
        let response = anon.ask("{ viewer { id } }").await;
        assert_unauthenticated(&response, "TOKEN_INVALID");
        let error = response.error();
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("Authorization: Bearer <accessToken>"), "{message}");
        assert!(!response.text.contains(&alice.access_token), "{response:?}");
    }
}

#[tokio::test]
async fn an_access_token_expires() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    app.advance_secs(899);
    assert_eq!(alice.ask("{ viewer { id } }").await.data()["id"], json!(alice.id));
    app.advance_secs(1);
    assert_unauthenticated(&alice.ask("{ viewer { id } }").await, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn refresh_tokens_and_access_tokens_are_not_interchangeable() {
    let app = TestApp::start().await;
    let mut alice = app.alice().await;
    let access_token = alice.access_token.clone();
    alice.access_token = alice.refresh_token.clone();
    assert_unauthenticated(&alice.ask("{ viewer { id } }").await, "TOKEN_INVALID");
    let response = app.anon().refresh(&access_token).await;
    response.assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
}

#[tokio::test]
async fn an_ended_session_is_rejected_here_at_once_and_elsewhere_in_5_seconds() {
    let app = TestApp::start().await;
    let second = app.second_instance().await;
    let alice = app.alice().await;
    let elsewhere = alice.clone().on_instance(&second.router);
    assert_eq!(elsewhere.ask("{ viewer { id } }").await.data()["id"], json!(alice.id));

    alice.logout().await.assert_ok();
    assert_unauthenticated(&alice.ask("{ viewer { id } }").await, "SESSION_ENDED");
    app.advance_secs(5);
    assert_unauthenticated(&elsewhere.ask("{ viewer { id } }").await, "SESSION_ENDED");
}

#[tokio::test]
async fn a_cached_session_needs_no_statement() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    alice.ask("{ __typename }").await.assert_ok();
    app.take_statements();
    assert_eq!(alice.ask("{ __typename }").await.data(), "Query");
    assert_eq!(app.take_statements(), Vec::<String>::new());
    app.advance_secs(4);
    alice.ask("{ __typename }").await.assert_ok();
    assert_eq!(app.take_statements().len(), 1);
}
