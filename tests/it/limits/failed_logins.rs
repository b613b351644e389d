//! Failed logins of one account, from any address.

use futures_util::future::join_all;

use crate::support::{Actor, PASSWORD, TestApp, TestResponse, wait_until};

async fn limited() -> TestApp {
    TestApp::with_config(|config| config.rate_limits = true).await
}

/// An anonymous client with a different IP address per number.
fn from_ip(app: &TestApp, number: u8) -> Actor {
    app.anon().with_ip(&format!("192.0.2.{number}"))
}

async fn try_password(app: &TestApp, number: u8, password: &str) -> TestResponse {
    from_ip(app, number).login("alice@example.org", password).await
}

#[track_caller]
fn assert_throttled(response: &TestResponse, seconds: u64) {
    response.assert_error("RATE_LIMITED");
    assert_eq!(response.error()["extensions"]["retryAfter"], seconds);
    assert_eq!(response.header("retry-after"), Some(seconds.to_string().as_str()));
}

#[tokio::test]
async fn an_account_allows_ten_failed_logins_then_one_per_minute() {
    let app = limited().await;
    app.alice().await;
    for number in 0..10 {
        try_password(&app, number, "wrong")
            .await
            .assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    }
    assert_throttled(&try_password(&app, 11, "wrong").await, 60);
    // The correct password is not verified either, so guessing gains nothing.
    assert_throttled(&try_password(&app, 12, PASSWORD).await, 60);
    app.advance_secs(59);
    assert_throttled(&try_password(&app, 13, PASSWORD).await, 1);
    app.advance_secs(1);
    try_password(&app, 14, "wrong").await.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    assert_throttled(&try_password(&app, 15, PASSWORD).await, 60);
    app.advance_secs(60);
    try_password(&app, 16, PASSWORD).await.assert_ok();
    try_password(&app, 17, PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn failed_login_budget_refills() {
    let app = limited().await;
    app.alice().await;
    for number in 0..10 {
        try_password(&app, number, "wrong")
            .await
            .assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    }
    app.advance_secs(600);
    for number in 0..10 {
        try_password(&app, number, "wrong")
            .await
            .assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    }
    assert_throttled(&try_password(&app, 11, "wrong").await, 60);
}

#[tokio::test]
async fn successful_logins_are_not_counted() {
    let app = limited().await;
    app.alice().await;
    for number in 0..15 {
        try_password(&app, number, PASSWORD).await.assert_ok();
    }
    for number in 20..30 {
        try_password(&app, number, "wrong")
            .await
            .assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    }
}

#[tokio::test]
async fn unknown_accounts_are_throttled_like_existing_ones() {
    let app = limited().await;
    for number in 0..10 {
        let response = from_ip(&app, number).login("Nobody@Example.org", "wrong").await;
        response.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    }
    assert_throttled(&from_ip(&app, 11).login("nobody@example.ORG", "wrong").await, 60);
    let other = from_ip(&app, 12).login("other@example.org", "wrong").await;
    other.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
}

#[tokio::test]
async fn failed_logins_are_counted_across_instances() {
    let app = limited().await;
    app.alice().await;
    let second = app.second_instance_with(|config| config.rate_limits = true).await;
    for number in 0..10 {
        let app = if number % 2 == 0 { &app } else { &second };
        try_password(app, number, "wrong").await.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    }
    assert_throttled(&try_password(&app, 11, "wrong").await, 60);
    assert_throttled(&try_password(&second, 12, "wrong").await, 60);
}

#[tokio::test]
async fn concurrent_failed_logins_do_not_exceed_the_limit() {
    let app = limited().await;
    app.alice().await;
    let attempts = (0..30).map(|number| try_password(&app, number, "wrong"));
    let responses = join_all(attempts).await;
    let verified =
        responses.iter().filter(|response| response.json().get("errors").is_none()).count();
    assert_eq!(verified, 10);
}

#[tokio::test]
async fn password_checks_within_a_session_share_the_failed_login_budget() {
    let app = limited().await;
    let alice = app.alice().await;
    let change = async |current: &str| alice.change_password(current, "a new pass phrase").await;
    for _ in 0..4 {
        change("wrong")
            .await
            .assert_user_errors(&[("INVALID_CREDENTIALS", "input.currentPassword")]);
    }
    for number in 0..3 {
        try_password(&app, number, "wrong")
            .await
            .assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    }
    for _ in 0..3 {
        alice
            .delete_account("wrong")
            .await
            .assert_user_errors(&[("INVALID_CREDENTIALS", "input.password")]);
    }
    assert_throttled(&change(PASSWORD).await, 60);
    assert_throttled(&try_password(&app, 9, PASSWORD).await, 60);
}

#[tokio::test]
async fn failed_logins_store_a_hash_and_are_purged() {
    let app = limited().await;
    try_password(&app, 1, "wrong").await.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    assert_eq!(app.db_count("failed_logins").await, 1);
    let bytes = "SELECT count(*) FROM failed_logins WHERE length(account_hash) = 32";
    assert_eq!(app.database.number(bytes).await, 1);
    // An instance purges expired rows at startup.
    let expire = "UPDATE failed_logins SET resets_at = 1774602900000";
    app.database.execute(expire).await;
    let second = app.second_instance().await;
    let _listening = second.listen();
    wait_until("the expired row is purged", async || app.db_count("failed_logins").await == 0)
        .await;
}
