use serde_json::json;

use crate::support::{TestApp, TestResponse};

#[track_caller]
fn assert_unauthenticated(answer: &TestResponse, reason: &str) {
    let error = answer.error();
    assert_eq!(error["extensions"], json!({ "code": "UNAUTHENTICATED", "reason": reason }));
}

#[tokio::test]
async fn a_field_that_needs_a_viewer_says_so() {
    let app = TestApp::start().await;
    let modern = app.anon().with_header("accept", "application/graphql-response+json");
    for query in [
        "{ books { totalCount } }",
        "{ booksPage { total } }",
        "mutation { createBook(input: { title: \"Dune\", author: \"Frank Herbert\" }) { book { id } } }",
        "mutation { logout { revokedSessions } }",
    ] {
        let answer = modern.ask(query).await;
        assert_unauthenticated(&answer, "TOKEN_MISSING");
        assert_eq!(answer.status, 401, "{query}");
        assert!(answer.header("www-authenticate").is_some_and(|it| it.starts_with("Bearer")));
        assert_eq!(app.anon().ask(query).await.status, 200, "plain JSON: {query}");
    }
    assert_eq!(app.db_count("books").await, 0);
    for query in ["{ book(id: \"x\") { id } }", "{ node(id: \"x\") { id } }"] {
        assert_unauthenticated(&app.anon().ask(query).await, "TOKEN_MISSING");
    }
}

#[tokio::test]
async fn nobody_is_null_but_a_bad_token_is_an_error() {
    let app = TestApp::start().await;
    assert_eq!(app.anon().ask("{ viewer { id } }").await.data(), json!(null));
    for bad in ["Bearer garbage", "Bearer a.b.c", "Bearer ", "Basic YWxpY2U6cGFzc3dvcmQ=", "Bearer"]
    {
        let answer = app.anon().with_header("authorization", bad).ask("{ viewer { id } }").await;
        assert_unauthenticated(&answer, "TOKEN_INVALID");
    }
}

#[tokio::test]
async fn a_token_expires() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    app.advance_secs(899);
    assert_eq!(alice.ask("{ viewer { id } }").await.data()["id"], json!(alice.id));
    app.advance_secs(1);
    assert_unauthenticated(&alice.ask("{ viewer { id } }").await, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_refresh_token_is_no_access_token() {
    let app = TestApp::start().await;
    let mut alice = app.alice().await;
    let access_token = alice.access_token.clone();
    alice.access_token = alice.refresh_token.clone();
    assert_unauthenticated(&alice.ask("{ viewer { id } }").await, "TOKEN_INVALID");
    let answer = app.anon().refresh(&access_token).await;
    assert_eq!(answer.user_errors(), ["REFRESH_TOKEN_INVALID input.refreshToken"]);
}

#[tokio::test]
async fn an_ended_session_is_refused_at_once_here_and_soon_elsewhere() {
    let app = TestApp::start().await;
    let copy = app.second_instance().await;
    let alice = app.alice().await;
    let elsewhere = alice.clone().on_instance(&copy.router);
    assert_eq!(elsewhere.ask("{ viewer { id } }").await.data()["id"], json!(alice.id));

    alice.ask("mutation { logout { revokedSessions userErrors { code } } }").await.payload();
    assert_unauthenticated(&alice.ask("{ viewer { id } }").await, "SESSION_ENDED");
    app.advance_secs(5);
    assert_unauthenticated(&elsewhere.ask("{ viewer { id } }").await, "SESSION_ENDED");
}

#[tokio::test]
async fn a_warm_identity_costs_no_statement() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    alice.ask("{ __typename }").await.data();
    app.take_statements();
    assert_eq!(alice.ask("{ __typename }").await.data(), "Query");
    assert_eq!(app.take_statements(), Vec::<String>::new());
    app.advance_secs(4);
    alice.ask("{ __typename }").await.data();
    assert_eq!(app.take_statements().len(), 1);
}
