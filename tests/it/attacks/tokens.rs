//! Forged, expired and modified access tokens (RFC 8725).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{Actor, JWT_SECRET, PASSWORD, TestApp, TestResponse};

const VIEWER: &str = "{ viewer { id } }";

async fn ask_with(app: &TestApp, token: &str) -> TestResponse {
    app.anon().with_header("authorization", &format!("Bearer {token}")).ask(VIEWER).await
}

#[track_caller]
fn assert_rejected(response: &TestResponse, reason: &str, case: &str) {
    let extensions = &response.error()["extensions"];
    assert_eq!(*extensions, json!({ "code": "UNAUTHENTICATED", "reason": reason }), "{case}");
}

/// A token with a changed header and changed claims, signed with the server's or another secret.
fn forged(
    genuine: &str,
    secret: &str,
    change_header: impl FnOnce(&mut Header),
    change_claims: impl FnOnce(&mut Value),
) -> String {
    let mut header = jsonwebtoken::decode_header(genuine).expect("a header");
    let mut claims: Value =
        jsonwebtoken::dangerous::insecure_decode(genuine).expect("claims").claims;
    change_header(&mut header);
    change_claims(&mut claims);
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&header, &claims, &key).expect("a token")
}

/// The same claims with another header, signed with HS256 and this secret.
fn resigned(genuine: &str, header: &Value, secret: &str) -> String {
    let claims = genuine.split('.').nth(1).expect("claims");
    let signed = format!("{}.{claims}", BASE64_URL_SAFE_NO_PAD.encode(header.to_string()));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256);
    format!("{signed}.{}", signature.expect("a signature"))
}

#[tokio::test]
async fn tokens_with_another_algorithm_key_or_type_are_rejected() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let genuine = alice.access_token.clone();
    // An unchanged forgery is accepted, so each rejection below is caused by its change.
    let unchanged = forged(&genuine, JWT_SECRET, |_| {}, |_| {});
    assert_eq!(ask_with(&app, &unchanged).await.data()["id"], json!(alice.id));
    let kid = jsonwebtoken::decode_header(&genuine).expect("a header").kid;
    let with_header = |header: Value| resigned(&genuine, &header, JWT_SECRET);
    let same_header = with_header(json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid }));
    assert_eq!(ask_with(&app, &same_header).await.data()["id"], json!(alice.id));

    let algorithm =
        |alg: Algorithm| forged(&genuine, JWT_SECRET, |header| header.alg = alg, |_| {});
    let header = |change: fn(&mut Header)| forged(&genuine, JWT_SECRET, change, |_| {});
    for (case, token) in [
        ("HS384", algorithm(Algorithm::HS384)),
        ("HS512", algorithm(Algorithm::HS512)),
        ("RS256", with_header(json!({ "alg": "RS256", "typ": "at+jwt", "kid": kid }))),
        ("ES256", with_header(json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid }))),
        ("hs256", with_header(json!({ "alg": "hs256", "typ": "at+jwt", "kid": kid }))),
        ("none", with_header(json!({ "alg": "none", "typ": "at+jwt", "kid": kid }))),
        ("no algorithm", with_header(json!({ "typ": "at+jwt", "kid": kid }))),
        ("no type", with_header(json!({ "alg": "HS256", "kid": kid }))),
        ("no key id", header(|header| header.kid = None)),
        ("another key id", header(|header| header.kid = Some("0000000000000000".into()))),
        ("an empty key id", header(|header| header.kid = Some(String::new()))),
        ("a path as the key id", header(|header| header.kid = Some("../../dev/null".into()))),
        ("another type", header(|header| header.typ = Some("JWT".into()))),
        ("another secret", forged(&genuine, &JWT_SECRET.replace('s', "z"), |_| {}, |_| {})),
        ("an empty secret", forged(&genuine, "", |_| {}, |_| {})),
        (
            "the key id as the secret",
            forged(&genuine, kid.as_deref().unwrap_or(""), |_| {}, |_| {}),
        ),
    ] {
        assert_rejected(&ask_with(&app, &token).await, "TOKEN_INVALID", case);
    }
}

#[tokio::test]
async fn a_key_in_the_token_header_is_not_trusted() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let kid = jsonwebtoken::decode_header(&alice.access_token).expect("a header").kid;
    let secret = "a secret that the attacker has chosen";
    // RFC 7515, sections 4.1.2 to 4.1.6: a key, and addresses of keys and certificates.
    let header = json!({
        "alg": "HS256",
        "typ": "at+jwt",
        "kid": kid,
        "jwk": { "kty": "oct", "alg": "HS256", "k": BASE64_URL_SAFE_NO_PAD.encode(secret) },
        "jku": "http://192.0.2.1/keys",
        "x5u": "http://192.0.2.1/certificate",
    });
    let embedded = resigned(&alice.access_token, &header, secret);
    assert_rejected(&ask_with(&app, &embedded).await, "TOKEN_INVALID", "an embedded key");
    // The header is well-formed, so the rejection is caused by the key.
    let ignored = resigned(&alice.access_token, &header, JWT_SECRET);
    assert_eq!(ask_with(&app, &ignored).await.data()["id"], json!(alice.id));
}

#[tokio::test]
async fn every_claim_is_required_and_validated() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let genuine = alice.access_token.clone();
    let without = |claim: &str| {
        let remove = |claims: &mut Value| drop(claims.as_object_mut().unwrap().remove(claim));
        forged(&genuine, JWT_SECRET, |_| {}, remove)
    };
    let with = |claim: &str, value: Value| {
        forged(&genuine, JWT_SECRET, |_| {}, |claims| claims[claim] = value)
    };
    for claim in ["iss", "aud", "sub", "sid", "iat", "nbf", "exp", "jti"] {
        assert_rejected(&ask_with(&app, &without(claim)).await, "TOKEN_INVALID", claim);
    }
    let now = 1_774_602_900;
    for (claim, value) in [
        ("iss", json!("other")),
        ("aud", json!("other")),
        ("sub", json!("user_zzz")),
        ("sub", json!("")),
        ("sub", json!(genuine)),
        ("sid", json!("' OR 1 = 1 --")),
        ("nbf", json!(now + 60)),
        ("exp", json!("never")),
        ("exp", json!(null)),
        ("exp", json!(-1)),
    ] {
        assert_rejected(
            &ask_with(&app, &with(claim, value.clone())).await,
            "TOKEN_INVALID",
            &format!("{claim} {value}"),
        );
    }
    assert_rejected(&ask_with(&app, &with("exp", json!(now))).await, "TOKEN_EXPIRED", "exp");
    assert_rejected(&ask_with(&app, &with("exp", json!(0))).await, "TOKEN_EXPIRED", "exp");
    assert_rejected(
        &ask_with(&app, &with("sub", json!(bob.id))).await,
        "SESSION_ENDED",
        "a session of another user",
    );
    let unknown = "session_01kmqz7a8nfz2r7v6m8k2q4e3s";
    assert_rejected(
        &ask_with(&app, &with("sid", json!(unknown))).await,
        "SESSION_ENDED",
        "an unknown session",
    );
}

#[tokio::test]
async fn malformed_tokens_are_rejected() {
    let app = TestApp::start().await;
    let genuine = app.alice().await.access_token;
    let parts: Vec<_> = genuine.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("three parts") };
    for token in [
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{header}..{signature}"),
        format!("{header}.{claims}.{}", &signature[..signature.len() - 4]),
        format!("{header}.{claims}.{signature}.{signature}"),
        format!("{claims}.{header}.{signature}"),
        format!("{genuine}="),
        format!("{genuine} {genuine}"),
        "A".repeat(100_000),
        "..".to_owned(),
    ] {
        assert_rejected(
            &ask_with(&app, &token).await,
            "TOKEN_INVALID",
            &token[..token.len().min(80)],
        );
    }
}

#[tokio::test]
async fn tokens_are_accepted_only_for_their_purpose() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    assert_rejected(
        &ask_with(&app, &alice.refresh_token).await,
        "TOKEN_INVALID",
        "a refresh token as access token",
    );
    let response = app.anon().refresh(&alice.access_token).await;
    response.assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
    // Access tokens are not read from cookies or from the URL.
    let cookie = format!(
        "refresh={0}; __Host-refresh={0}; token={1}",
        alice.refresh_token, alice.access_token
    );
    assert_eq!(app.anon().with_header("cookie", &cookie).ask(VIEWER).await.data(), json!(null));
    let url = format!("/graphql?query=%7Bviewer%7Bid%7D%7D&access_token={}", alice.access_token);
    assert_eq!(app.anon().get(&url).await.data(), json!(null));
}

#[tokio::test]
async fn tokens_are_rejected_after_logout_and_account_deletion() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let (phone, laptop) = (alice.sign_in_again("alice").await, alice.sign_in_again("alice").await);
    phone.logout().await.assert_ok();
    assert_rejected(&phone.ask(VIEWER).await, "SESSION_ENDED", "after logout");
    let rejected = app.anon().refresh(&phone.refresh_token).await;
    rejected.assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
    assert_eq!(laptop.ask(VIEWER).await.data()["id"], json!(alice.id));

    alice.delete_account(PASSWORD).await.assert_ok();
    for device in [&alice, &laptop] {
        assert_rejected(&device.ask(VIEWER).await, "SESSION_ENDED", "after deleting the account");
        let rejected = app.anon().refresh(&device.refresh_token).await;
        rejected.assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
    }
}

#[tokio::test]
async fn refresh_token_theft_ends_the_session_of_owner_and_thief() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let other = alice.sign_in_again("alice").await;
    // Within the grace period each use returns tokens, because two browser tabs may share one.
    let tab = |response: TestResponse| alice.clone().signed_in(&response);
    let tabs: Vec<Actor> = futures_util::future::join_all(
        (0..5).map(|_| async { tab(alice.refresh(&alice.refresh_token).await) }),
    )
    .await;
    for tab in &tabs {
        assert_eq!(tab.ask(VIEWER).await.data()["id"], json!(alice.id));
    }
    // After the grace period another use means theft, since a token that was given for this one was used.
    tab(tabs[0].refresh(&tabs[0].refresh_token).await);
    app.advance_secs(10);
    let stolen = app.anon().refresh(&alice.refresh_token).await;
    stolen.assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
    for tab in &tabs {
        assert_rejected(&tab.ask(VIEWER).await, "SESSION_ENDED", "after the theft");
        let rejected = app.anon().refresh(&tab.refresh_token).await;
        rejected.assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
    }
    assert_eq!(other.ask(VIEWER).await.data()["id"], json!(alice.id));
}
