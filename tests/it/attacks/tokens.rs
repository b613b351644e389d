//! Access tokens that somebody made, kept or bent (RFC 8725).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{Actor, JWT_SECRET, PASSWORD, TestApp, TestResponse};

const WHO: &str = "{ viewer { id } }";

async fn show(app: &TestApp, token: &str) -> TestResponse {
    app.anon().with_header("authorization", &format!("Bearer {token}")).ask(WHO).await
}

#[track_caller]
fn is_refused(answer: &TestResponse, reason: &str, what: &str) {
    let extensions = &answer.error()["extensions"];
    assert_eq!(*extensions, json!({ "code": "UNAUTHENTICATED", "reason": reason }), "{what}");
}

/// A token with these changes to its header and claims, signed with a secret of this server or of
/// somebody else.
fn forged(
    genuine: &str,
    secret: &str,
    header: impl FnOnce(&mut Header),
    claims: impl FnOnce(&mut Value),
) -> String {
    let mut its_header = jsonwebtoken::decode_header(genuine).expect("a header");
    let mut its_claims: Value =
        jsonwebtoken::dangerous::insecure_decode(genuine).expect("claims").claims;
    header(&mut its_header);
    claims(&mut its_claims);
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&its_header, &its_claims, &key).expect("a token")
}

/// The same token under a header of somebody's own making, with the signature that HS256 gives it.
fn under(genuine: &str, header: &Value) -> String {
    let claims = genuine.split('.').nth(1).expect("claims");
    let signed = format!("{}.{claims}", BASE64_URL_SAFE_NO_PAD.encode(header.to_string()));
    let key = EncodingKey::from_secret(JWT_SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256);
    format!("{signed}.{}", signature.expect("a signature"))
}

#[tokio::test]
async fn a_token_is_signed_by_us_for_us_with_one_algorithm() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let genuine = alice.access_token.clone();
    // The forger's tools are good: what is not changed is taken.
    let unchanged = forged(&genuine, JWT_SECRET, |_| {}, |_| {});
    assert_eq!(show(&app, &unchanged).await.data()["id"], json!(alice.id));
    let kid = jsonwebtoken::decode_header(&genuine).expect("a header").kid;
    let same_header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid });
    assert_eq!(show(&app, &under(&genuine, &same_header)).await.data()["id"], json!(alice.id));

    let algorithm = |alg: Algorithm| forged(&genuine, JWT_SECRET, |it| it.alg = alg, |_| {});
    let header = |change: fn(&mut Header)| forged(&genuine, JWT_SECRET, change, |_| {});
    for (what, token) in [
        ("HS384", algorithm(Algorithm::HS384)),
        ("HS512", algorithm(Algorithm::HS512)),
        ("RS256", under(&genuine, &json!({ "alg": "RS256", "typ": "at+jwt", "kid": kid }))),
        ("ES256", under(&genuine, &json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid }))),
        ("hs256", under(&genuine, &json!({ "alg": "hs256", "typ": "at+jwt", "kid": kid }))),
        ("none", under(&genuine, &json!({ "alg": "none", "typ": "at+jwt", "kid": kid }))),
        ("no algorithm", under(&genuine, &json!({ "typ": "at+jwt", "kid": kid }))),
        ("no type", under(&genuine, &json!({ "alg": "HS256", "kid": kid }))),
        ("no key", header(|it| it.kid = None)),
        ("another key", header(|it| it.kid = Some("0000000000000000".into()))),
        ("an empty key", header(|it| it.kid = Some(String::new()))),
        ("a file for a key", header(|it| it.kid = Some("../../dev/null".into()))),
        ("another type", header(|it| it.typ = Some("JWT".into()))),
        ("somebody else's secret", forged(&genuine, &JWT_SECRET.replace('s', "z"), |_| {}, |_| {})),
        ("no secret", forged(&genuine, "", |_| {}, |_| {})),
        (
            "the key's name for a secret",
            forged(&genuine, kid.as_deref().unwrap_or(""), |_| {}, |_| {}),
        ),
    ] {
        is_refused(&show(&app, &token).await, "TOKEN_INVALID", what);
    }
    // RFC 7515, sections 4.1.2 to 4.1.6: a key that the token brings along is nobody's.
    let jwk = json!({ "kty": "oct", "k": BASE64_URL_SAFE_NO_PAD.encode("mine") });
    let brought = json!({ "alg": "HS256", "typ": "at+jwt", "jwk": jwk, "jku": "http://192.0.2.1" });
    is_refused(&show(&app, &under(&genuine, &brought)).await, "TOKEN_INVALID", "a key of its own");
}

#[tokio::test]
async fn every_claim_is_there_and_means_what_it_says() {
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
        is_refused(&show(&app, &without(claim)).await, "TOKEN_INVALID", claim);
    }
    let now = 1_774_602_900;
    for (claim, value) in [
        ("iss", json!("somebody")),
        ("aud", json!("somebody")),
        ("sub", json!("user_zzz")),
        ("sub", json!("")),
        ("sub", json!(genuine)),
        ("sid", json!("' OR 1 = 1 --")),
        ("nbf", json!(now + 60)),
        ("exp", json!("never")),
        ("exp", json!(null)),
        ("exp", json!(-1)),
    ] {
        is_refused(
            &show(&app, &with(claim, value.clone())).await,
            "TOKEN_INVALID",
            &format!("{claim} {value}"),
        );
    }
    is_refused(&show(&app, &with("exp", json!(now))).await, "TOKEN_EXPIRED", "exp");
    is_refused(&show(&app, &with("exp", json!(0))).await, "TOKEN_EXPIRED", "exp");
    is_refused(
        &show(&app, &with("sub", json!(bob.id))).await,
        "SESSION_ENDED",
        "another's session",
    );
    let nobodys = "session_01kmqz7a8nfz2r7v6m8k2q4e3s";
    is_refused(&show(&app, &with("sid", json!(nobodys))).await, "SESSION_ENDED", "no session");
}

#[tokio::test]
async fn a_token_that_was_touched_is_no_token() {
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
        is_refused(&show(&app, &token).await, "TOKEN_INVALID", &token[..token.len().min(80)]);
    }
}

#[tokio::test]
async fn each_kind_of_token_is_good_for_its_own_thing() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    is_refused(&show(&app, &alice.refresh_token).await, "TOKEN_INVALID", "refresh as access");
    let answer = app.anon().refresh(&alice.access_token).await;
    assert_eq!(answer.user_errors(), ["REFRESH_TOKEN_INVALID input.refreshToken"]);
    // Neither a cookie nor an address carries authority to read.
    let cookie = format!(
        "refresh={0}; __Host-refresh={0}; token={1}",
        alice.refresh_token, alice.access_token
    );
    assert_eq!(app.anon().with_header("cookie", &cookie).ask(WHO).await.data(), json!(null));
    let address =
        format!("/graphql?query=%7Bviewer%7Bid%7D%7D&access_token={}", alice.access_token);
    assert_eq!(app.anon().get(&address).await.data(), json!(null));
}

#[tokio::test]
async fn a_token_dies_with_its_session_and_its_account() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let (phone, laptop) = (alice.sign_in_again("alice").await, alice.sign_in_again("alice").await);
    phone.ask("mutation { logout { revokedSessions userErrors { code } } }").await.payload();
    is_refused(&phone.ask(WHO).await, "SESSION_ENDED", "after logout");
    let refused = app.anon().refresh(&phone.refresh_token).await;
    assert_eq!(refused.user_errors(), ["REFRESH_TOKEN_INVALID input.refreshToken"]);
    assert_eq!(laptop.ask(WHO).await.data()["id"], json!(alice.id));

    let delete = "mutation($password: String!) {
        deleteAccount(input: { password: $password }) { deletedUserId userErrors { code } } }";
    alice.run(delete, json!({ "password": PASSWORD })).await.payload();
    for device in [&alice, &laptop] {
        is_refused(&device.ask(WHO).await, "SESSION_ENDED", "of a deleted account");
        let refused = app.anon().refresh(&device.refresh_token).await;
        assert_eq!(refused.user_errors(), ["REFRESH_TOKEN_INVALID input.refreshToken"]);
    }
}

#[tokio::test]
async fn a_thief_and_an_owner_with_one_token_are_both_signed_out() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let elsewhere = alice.sign_in_again("alice").await;
    // Within the grace both get tokens: it may be two tabs.
    let tab = |answer: TestResponse| alice.clone().signed_in(&answer);
    let tabs: Vec<Actor> = futures_util::future::join_all(
        (0..5).map(|_| async { tab(alice.refresh(&alice.refresh_token).await) }),
    )
    .await;
    for tab in &tabs {
        assert_eq!(tab.ask(WHO).await.data()["id"], json!(alice.id));
    }
    // After it somebody has what is not theirs.
    app.advance_secs(10);
    let stolen = app.anon().refresh(&alice.refresh_token).await;
    assert_eq!(stolen.user_errors(), ["REFRESH_TOKEN_INVALID input.refreshToken"]);
    for tab in &tabs {
        is_refused(&tab.ask(WHO).await, "SESSION_ENDED", "of the session");
        let refused = app.anon().refresh(&tab.refresh_token).await;
        assert_eq!(refused.user_errors(), ["REFRESH_TOKEN_INVALID input.refreshToken"]);
    }
    assert_eq!(elsewhere.ask(WHO).await.data()["id"], json!(alice.id));
}
