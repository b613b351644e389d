use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{Answer, JWT_SECRET, TestApp};

#[track_caller]
fn assert_unauthenticated(answer: &Answer, reason: &str) {
    let error = answer.error();
    assert_eq!(error["extensions"], json!({ "code": "UNAUTHENTICATED", "reason": reason }));
}

#[tokio::test]
async fn a_field_that_needs_a_viewer_says_so() {
    let app = TestApp::start().await;
    let modern = app.anon().with("accept", "application/graphql-response+json");
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
        let answer = app.anon().with("authorization", bad).ask("{ viewer { id } }").await;
        assert_unauthenticated(&answer, "TOKEN_INVALID");
    }
}

#[tokio::test]
async fn a_token_expires() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    app.pass(899);
    assert_eq!(alice.ask("{ viewer { id } }").await.data()["id"], json!(alice.id));
    app.pass(1);
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
    assert_eq!(answer.refusals(), ["REFRESH_TOKEN_INVALID input.refreshToken"]);
}

#[tokio::test]
async fn an_ended_session_is_refused_at_once_here_and_soon_elsewhere() {
    let app = TestApp::start().await;
    let copy = app.copy().await;
    let alice = app.alice().await;
    let elsewhere = alice.clone().at(&copy.router);
    assert_eq!(elsewhere.ask("{ viewer { id } }").await.data()["id"], json!(alice.id));

    alice.ask("mutation { logout { revokedSessions userErrors { code } } }").await.payload();
    assert_unauthenticated(&alice.ask("{ viewer { id } }").await, "SESSION_ENDED");
    app.pass(5);
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
    app.pass(4);
    alice.ask("{ __typename }").await.data();
    assert_eq!(app.take_statements().len(), 1);
}

/// A token with these changes to its header and claims, signed with the server's own secret.
fn forged(
    genuine: &str,
    header: impl FnOnce(&mut Header),
    claims: impl FnOnce(&mut Value),
) -> String {
    let mut its_header = jsonwebtoken::decode_header(genuine).expect("a header");
    let mut its_claims: Value =
        jsonwebtoken::dangerous::insecure_decode(genuine).expect("claims").claims;
    header(&mut its_header);
    claims(&mut its_claims);
    let key = EncodingKey::from_secret(JWT_SECRET.as_bytes());
    jsonwebtoken::encode(&its_header, &its_claims, &key).expect("a token")
}

#[tokio::test]
async fn a_token_is_signed_by_us_for_us_with_one_algorithm() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let genuine = alice.access_token.clone();
    let unchanged = forged(&genuine, |_| {}, |_| {});
    let viewer = async |token: String| {
        app.anon().with("authorization", &format!("Bearer {token}")).ask("{ viewer { id } }").await
    };
    assert_eq!(viewer(unchanged).await.data()["id"], json!(alice.id));

    let without = |claim: &'static str| {
        forged(&genuine, |_| {}, |claims| drop(claims.as_object_mut().unwrap().remove(claim)))
    };
    let with = |claim: &'static str, value: Value| {
        forged(&genuine, |_| {}, |claims| claims[claim] = value)
    };
    let mut bad = vec![
        forged(&genuine, |header| header.alg = Algorithm::HS384, |_| {}),
        forged(&genuine, |header| header.alg = Algorithm::HS512, |_| {}),
        forged(&genuine, |header| header.kid = None, |_| {}),
        forged(&genuine, |header| header.kid = Some("0000000000000000".into()), |_| {}),
        forged(&genuine, |header| header.typ = Some("JWT".into()), |_| {}),
        with("iss", json!("somebody")),
        with("aud", json!("somebody")),
        with("sub", json!("user_zzz")),
        with("sub", json!(genuine)),
        with("nbf", json!(1_774_602_900 + 60)),
        with("exp", json!("never")),
    ];
    bad.extend(["iss", "aud", "sub", "sid", "iat", "nbf", "exp", "jti"].map(without));
    let [_, claims, _] = genuine.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    // {"alg":"none","typ":"at+jwt"}
    bad.push(format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{claims}."));
    for token in bad {
        assert_unauthenticated(&viewer(token).await, "TOKEN_INVALID");
    }
    let bob = app.bob().await;
    let as_bob = with("sub", json!(bob.id));
    assert_unauthenticated(&viewer(as_bob).await, "SESSION_ENDED");
}
