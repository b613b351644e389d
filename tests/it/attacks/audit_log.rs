//! The audit log: security events are logged, without secrets.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::support::{PASSWORD, ServerProcess, TestDatabase, redact_id, redact_text};

const OTHER_PASSWORD: &str = "a wholly new pass phrase";

#[tokio::test]
async fn security_events_are_logged_with_their_address_and_without_secrets() {
    let database = TestDatabase::create().await;
    let settings = [("RATE_LIMITS", "on"), ("LIMIT_FAILED_LOGIN_BURST", "2")];
    let mut server = ServerProcess::start_on(database.url(), &settings);
    let anon = server.anon();

    let ada = anon.clone().registered("ada").await;
    let second = ada.sign_in_again("ada").await;
    let wrong = anon.login("ada@example.org", "wrong-password-1").await;
    wrong.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    let next = anon.clone().signed_in(&anon.refresh(&second.refresh_token).await);
    anon.refresh(&next.refresh_token).await.assert_ok();
    // Moves the first use beyond the grace period.
    database.execute("UPDATE refresh_tokens SET used_at = used_at - 10000").await;
    let reused = anon.refresh(&second.refresh_token).await;
    reused.assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
    let email = json!({ "email": "ada@example.com", "currentPassword": PASSWORD });
    ada.update_profile(email).await.assert_ok();
    let wrong = ada.change_password("wrong-password-2", OTHER_PASSWORD).await;
    wrong.assert_user_errors(&[("INVALID_CREDENTIALS", "input.currentPassword")]);
    let changed = ada.change_password(PASSWORD, OTHER_PASSWORD).await;
    let last = anon.clone().signed_in(&changed);
    for _ in 0..2 {
        let wrong = anon.login("ada@example.com", "wrong-password-3").await;
        wrong.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    }
    let throttled = anon.login("ada@example.com", "wrong-password-3").await;
    throttled.assert_error("RATE_LIMITED");
    last.logout().await.assert_ok();
    server.stop("TERM").await;

    let log = server.log();
    for secret in [
        PASSWORD,
        OTHER_PASSWORD,
        "wrong-password",
        "ada@example",
        &ada.access_token,
        &ada.refresh_token,
        &second.access_token,
        &second.refresh_token,
        &last.access_token,
        &last.refresh_token,
    ] {
        assert!(!secret.is_empty() && !log.contains(secret), "{secret} in {log}");
    }
    let events = server.log_lines("bookshelf::security");
    for event in &events {
        assert_eq!(event["user"], json!(ada.id), "{event}");
        assert_eq!(event["request_id"].as_str().map(str::len), Some(32), "{event}");
    }
    assert_json_snapshot!(events, {
        "[].request_id" => "[request id]",
        "[].session" => redact_id("session"),
        "[].timestamp" => redact_text("time"),
        "[].user" => redact_id("user"),
    });
}
