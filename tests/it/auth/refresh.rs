use axum::http::header::{COOKIE, SET_COOKIE};
use serde_json::json;

use crate::support::{Actor, PASSWORD, TestApp, TestResponse};

const INVALID: &[(&str, &str)] = &[("REFRESH_TOKEN_INVALID", "input.refreshToken")];

#[tokio::test]
async fn invalid_refresh_tokens_are_rejected() {
    let app = TestApp::start().await;
    app.alice().await;
    for nonsense in ["", "garbage", "\0", &"A".repeat(43), &"A".repeat(10_000)] {
        app.anon().refresh(nonsense).await.assert_user_errors(INVALID);
    }
    let without = "mutation { refreshToken { accessToken userErrors { code message field } } }";
    app.anon().ask(without).await.assert_user_errors(&[("REFRESH_TOKEN_INVALID", "")]);
}

#[tokio::test]
async fn refresh_tokens_are_rotated() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    app.advance_secs(3_600);
    let refreshed = alice.clone().signed_in(&alice.refresh(&alice.refresh_token).await);
    assert_eq!(refreshed.id, alice.id);
    assert_ne!(refreshed.refresh_token, alice.refresh_token);
    let sessions = "{ viewer { sessions { createdAt lastUsedAt current } } }";
    assert_eq!(
        refreshed.ask(sessions).await.data()["sessions"],
        json!([{
            "createdAt": "2026-03-27T09:15:00.000Z",
            "lastUsedAt": "2026-03-27T10:15:00.000Z",
            "current": true,
        }])
    );
}

#[tokio::test]
async fn a_refresh_token_can_be_reused_within_ten_seconds() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let first = alice.clone().signed_in(&alice.refresh(&alice.refresh_token).await);
    app.advance_secs(9);
    let second = alice.clone().signed_in(&alice.refresh(&alice.refresh_token).await);
    for tab in [first, second] {
        tab.clone().signed_in(&tab.refresh(&tab.refresh_token).await);
    }
    assert_eq!(app.db_count("sessions").await, 1);
}

#[tokio::test]
async fn refresh_token_reuse_after_ten_seconds_ends_the_session() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let thief = alice.clone().signed_in(&alice.refresh(&alice.refresh_token).await);
    let thief = thief.clone().signed_in(&thief.refresh(&thief.refresh_token).await);
    app.advance_secs(10);
    alice.refresh(&alice.refresh_token).await.assert_user_errors(INVALID);
    assert_eq!(
        thief.ask("{ viewer { id } }").await.error()["extensions"]["reason"],
        "SESSION_ENDED"
    );
    thief.refresh(&thief.refresh_token).await.assert_user_errors(INVALID);
    assert_eq!(app.db_count("sessions").await, 0);
}

#[tokio::test]
async fn refresh_token_reuse_is_detected_for_old_tokens() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut last = alice.clone();
    for _ in 0..40 {
        app.advance_secs(86_400);
        last = last.clone().signed_in(&last.refresh(&last.refresh_token).await);
    }
    alice.refresh(&alice.refresh_token).await.assert_user_errors(INVALID);
    last.refresh(&last.refresh_token).await.assert_user_errors(INVALID);
    assert_eq!(app.db_count("refresh_tokens").await, 0);
}

#[tokio::test]
async fn a_refresh_token_expires() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    app.advance_secs(30 * 86_400);
    alice.refresh(&alice.refresh_token).await.assert_user_errors(INVALID);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_refreshes_all_succeed() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let refreshes = (0..10).map(|_| {
        let alice = alice.clone();
        tokio::spawn(async move { alice.refresh(&alice.refresh_token).await })
    });
    for refresh in refreshes.collect::<Vec<_>>() {
        let refreshed = alice.clone().signed_in(&refresh.await.expect("a response"));
        assert_eq!(refreshed.ask("{ viewer { id } }").await.data()["id"], json!(alice.id));
    }
    assert_eq!(app.db_count("sessions").await, 1);
}

/// `name=value` of the cookie that the response sets.
fn cookie(response: &TestResponse) -> String {
    let set = response.headers[SET_COOKIE].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

fn browser(app: &TestApp) -> Actor {
    app.anon().with_header("host", "books.example.org").with_header("cookie-mode", "refresh")
}

const BY_COOKIE: &str = "mutation { refreshToken { accessToken refreshToken user { id } userErrors { code message field } } }";

#[tokio::test]
async fn cookie_mode_keeps_the_refresh_token_from_scripts() {
    let app = TestApp::start().await;
    let response = browser(&app).register("ada", "ada@example.org", PASSWORD).await;
    assert_eq!(response.payload()["refreshToken"], json!(null));
    let set = response.headers[SET_COOKIE].to_str().unwrap();
    assert!(set.starts_with("__Host-refresh="), "{set}");
    for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
        assert!(set.split("; ").any(|part| part == attribute), "{attribute} in {set}");
    }

    let refreshed =
        browser(&app).with_header(COOKIE.as_str(), &cookie(&response)).ask(BY_COOKIE).await;
    assert_eq!(refreshed.payload()["refreshToken"], json!(null));
    assert_ne!(cookie(&refreshed), cookie(&response));
    let login = browser(&app).login("ada@example.org", PASSWORD).await;
    assert!(cookie(&login).starts_with("__Host-refresh="));
}

#[tokio::test]
async fn a_refresh_token_from_a_cookie_is_returned_only_in_a_cookie() {
    let app = TestApp::start().await;
    let response = browser(&app).register("ada", "ada@example.org", PASSWORD).await;
    let without_mode = app.anon().with_header("host", "books.example.org");
    let refreshed =
        without_mode.with_header(COOKIE.as_str(), &cookie(&response)).ask(BY_COOKIE).await;
    assert_eq!(refreshed.payload()["refreshToken"], json!(null));
    assert!(cookie(&refreshed).len() > "__Host-refresh=".len());
}

#[tokio::test]
async fn the_refresh_cookie_is_cleared_with_its_session() {
    let app = TestApp::start().await;
    let response = browser(&app).register("ada", "ada@example.org", PASSWORD).await;
    let ada = browser(&app).with_header(COOKIE.as_str(), &cookie(&response)).signed_in(&response);
    let logout = ada.logout().await;
    assert_eq!(logout.payload()["revokedSessions"], 1);
    assert_eq!(cookie(&logout), "__Host-refresh=");
    assert!(logout.headers[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    let refreshed = ada.ask(BY_COOKIE).await;
    refreshed.assert_user_errors(&[("REFRESH_TOKEN_INVALID", "")]);
    assert_eq!(cookie(&refreshed), "__Host-refresh=");
}

#[tokio::test]
async fn pages_over_http_get_a_cookie_that_is_not_secure() {
    let app = TestApp::start().await;
    let registered = browser(&app).register("ada", "ada@example.org", PASSWORD).await;
    registered.assert_ok();
    for (origin, proxy) in [
        ("http://localhost:3000", ("x-forwarded-proto", "http")),
        ("http://localhost:3000", ("x-forwarded-for", "127.0.0.1")),
        ("http://192.168.1.20:8000", ("via", "1.1 proxy")),
    ] {
        let page = browser(&app).with_header("origin", origin).with_header(proxy.0, proxy.1);
        let login = page.login("ada@example.org", PASSWORD).await;
        let set = login.headers[SET_COOKIE].to_str().unwrap();
        assert!(set.starts_with("refresh="), "{set}");
        assert!(set.contains("HttpOnly; SameSite=Lax") && !set.contains("Secure"), "{set}");
        let refreshed = page.with_header(COOKIE.as_str(), &cookie(&login)).ask(BY_COOKIE).await;
        assert_eq!(refreshed.payload()["refreshToken"], json!(null));
        assert!(cookie(&refreshed).starts_with("refresh="), "{refreshed:?}");
    }
}

#[tokio::test]
async fn a_page_server_can_forward_the_cookie_without_an_origin() {
    let app = TestApp::start().await;
    for (name, origin) in [("ada", "https://books.example.org"), ("bea", "http://localhost:3000")] {
        let page = app.anon().with_header("cookie-mode", "refresh").with_header("origin", origin);
        let registered = page.register(name, &format!("{name}@example.org"), PASSWORD).await;
        let presented = cookie(&registered);
        let server = app.anon().with_header("host", "127.0.0.1:8000");
        let refreshed = server.with_header(COOKIE.as_str(), &presented).ask(BY_COOKIE).await;
        refreshed.assert_ok();
        let (before, after) = (presented.split('='), cookie(&refreshed));
        assert_eq!(after.split('=').next(), before.clone().next(), "the browser replaces it");
    }
}

#[tokio::test]
async fn logout_in_cookie_mode_needs_no_valid_access_token() {
    let app = TestApp::start().await;
    let response = browser(&app).register("ada", "ada@example.org", PASSWORD).await;
    app.advance_secs(900);
    let with_cookie = |actor: Actor| actor.with_header(COOKIE.as_str(), &cookie(&response));
    let ada = with_cookie(browser(&app)).signed_in(&response);
    // Without cookie mode, a page of another origin could have sent it.
    let other_mode = with_cookie(app.anon()).signed_in(&response).logout().await;
    other_mode.assert_error("UNAUTHENTICATED");
    let logout = ada.logout().await;
    assert_eq!(logout.payload()["revokedSessions"], 1);
    assert_eq!(cookie(&logout), "__Host-refresh=");
    assert!(logout.headers[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(app.db_count("sessions").await, 0);
    // The page was loaded again, so the access token is lost too.
    let login = browser(&app).login("ada@example.org", PASSWORD).await;
    let page = browser(&app).with_header(COOKIE.as_str(), &cookie(&login));
    browser(&app).login("ada@example.org", PASSWORD).await.assert_ok();
    let everywhere = page.ask("mutation { logout(everywhere: true) { revokedSessions } }").await;
    assert_eq!(everywhere.data()["revokedSessions"], 2);
    // A second time there is no session, but the cookie is cleared.
    let again = page.logout().await;
    assert_eq!(again.payload()["revokedSessions"], 0);
    assert_eq!(cookie(&again), "__Host-refresh=");
    browser(&app).logout().await.assert_error("UNAUTHENTICATED");
}

#[tokio::test]
async fn logout_in_cookie_mode_ends_the_session_of_the_cookie_too() {
    let app = TestApp::start().await;
    let first = browser(&app).register("ada", "ada@example.org", PASSWORD).await;
    let second = browser(&app).login("ada@example.org", PASSWORD).await;
    let page = browser(&app).with_header(COOKIE.as_str(), &cookie(&first)).signed_in(&second);
    assert_eq!(page.logout().await.payload()["revokedSessions"], 2);
    assert_eq!(app.db_count("sessions").await, 0);
}

#[tokio::test]
async fn changing_the_password_keeps_the_refresh_token_in_the_cookie() {
    let app = TestApp::start().await;
    let response = browser(&app).register("ada", "ada@example.org", PASSWORD).await;
    let without_mode = app.anon().with_header("host", "books.example.org");
    let ada = without_mode.with_header(COOKIE.as_str(), &cookie(&response)).signed_in(&response);
    let changed = ada.change_password(PASSWORD, "another horse, another staple").await;
    assert_eq!(changed.payload()["refreshToken"], json!(null));
    let refreshed =
        browser(&app).with_header(COOKIE.as_str(), &cookie(&changed)).ask(BY_COOKIE).await;
    refreshed.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_refresh_and_logout_do_not_deadlock() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for _ in 0..10 {
        let session = alice.sign_in_again("alice").await;
        let refreshes = (0..4).map(|_| {
            let session = session.clone();
            tokio::spawn(async move { session.refresh(&session.refresh_token).await })
        });
        let refreshes: Vec<_> = refreshes.collect();
        let logout =
            "mutation { logout(everywhere: true) { revokedSessions userErrors { code } } }";
        session.ask(logout).await.assert_ok();
        for refresh in refreshes {
            let response = refresh.await.expect("a response");
            if response.has_user_errors() {
                response.assert_user_errors(INVALID);
            } else {
                response.assert_ok();
            }
        }
        assert_eq!(app.db_count("sessions").await, 0);
    }
}
