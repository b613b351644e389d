//! Failed logins of one account, from one network and from all.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Actor, PASSWORD, TestApp, TestResponse, wait_until};

async fn limited() -> TestApp {
    TestApp::with_config(|config| config.rate_limits = true).await
}

/// An anonymous client with a different IP address per number.
fn from_ip(app: &TestApp, number: u8) -> Actor {
    app.anon().with_ip(&format!("192.0.2.{number}"))
}

/// Signs in to the account of alice.
async fn try_from(app: &TestApp, number: u8, password: &str) -> TestResponse {
    from_ip(app, number).login("alice@example.org", password).await
}

async fn try_password(app: &TestApp, password: &str) -> TestResponse {
    try_from(app, 1, password).await
}

const WRONG: &[(&str, &str)] = &[("INVALID_CREDENTIALS", "")];

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
    for _ in 0..10 {
        try_password(&app, "wrong").await.assert_user_errors(WRONG);
    }
    assert_throttled(&try_password(&app, "wrong").await, 60);
    // The correct password is not verified either, so guessing gains nothing.
    assert_throttled(&try_password(&app, PASSWORD).await, 60);
    app.advance_secs(59);
    assert_throttled(&try_password(&app, PASSWORD).await, 1);
    app.advance_secs(1);
    try_password(&app, "wrong").await.assert_user_errors(WRONG);
    assert_throttled(&try_password(&app, PASSWORD).await, 60);
    app.advance_secs(60);
    try_password(&app, PASSWORD).await.assert_ok();
    try_password(&app, PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn wrong_passwords_from_one_network_do_not_stop_the_owner() {
    let app = limited().await;
    let alice = app.alice().await.with_ip("192.0.2.9");
    for _ in 0..10 {
        try_from(&app, 1, "wrong").await.assert_user_errors(WRONG);
    }
    assert_throttled(&try_from(&app, 1, PASSWORD).await, 60);
    try_from(&app, 2, PASSWORD).await.assert_ok();
    // A signed-in user can also prove the password at the address of the attacker.
    alice.with_ip("192.0.2.1").change_password(PASSWORD, "a new pass phrase").await.assert_ok();
}

#[tokio::test]
async fn addresses_of_one_network_share_the_budget() {
    let app = limited().await;
    app.alice().await;
    let from = |address: &str| app.anon().with_ip(address);
    for number in 0..10 {
        let here = from(&format!("2001:db8:0:1::{number}"));
        here.login("alice@example.org", "wrong").await.assert_user_errors(WRONG);
    }
    let same = from("2001:db8:0:1:ffff::1").login("alice@example.org", PASSWORD).await;
    assert_throttled(&same, 60);
    from("2001:db8:0:2::1").login("alice@example.org", PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn an_account_allows_a_hundred_failed_logins_per_hour_over_all_networks() {
    let app = limited().await;
    app.alice().await;
    for number in 0..100 {
        try_from(&app, number, "wrong").await.assert_user_errors(WRONG);
    }
    assert_throttled(&try_from(&app, 100, "wrong").await, 36);
    assert_throttled(&try_from(&app, 101, PASSWORD).await, 36);
    app.advance_secs(36);
    try_from(&app, 101, PASSWORD).await.assert_ok();
    // A rejected attempt counts in neither budget.
    for number in 102..113 {
        let attempt = try_from(&app, number, "wrong").await;
        if number == 102 {
            attempt.assert_user_errors(WRONG);
        } else {
            assert_throttled(&attempt, 36);
        }
    }
    app.advance_secs(3_600);
    for _ in 0..10 {
        try_from(&app, 112, "wrong").await.assert_user_errors(WRONG);
    }
    assert_throttled(&try_from(&app, 112, "wrong").await, 60);
}

#[tokio::test]
async fn failed_login_budget_refills() {
    let app = limited().await;
    app.alice().await;
    for _ in 0..10 {
        try_password(&app, "wrong").await.assert_user_errors(WRONG);
    }
    app.advance_secs(600);
    for _ in 0..10 {
        try_password(&app, "wrong").await.assert_user_errors(WRONG);
    }
    assert_throttled(&try_password(&app, "wrong").await, 60);
}

#[tokio::test]
async fn successful_logins_are_not_counted() {
    let app = limited().await;
    app.alice().await;
    for _ in 0..9 {
        try_password(&app, "wrong").await.assert_user_errors(WRONG);
    }
    for _ in 0..5 {
        try_password(&app, PASSWORD).await.assert_ok();
    }
    try_password(&app, "wrong").await.assert_user_errors(WRONG);
    assert_throttled(&try_password(&app, "wrong").await, 60);
}

#[tokio::test]
async fn unknown_accounts_are_throttled_like_existing_ones() {
    let app = limited().await;
    for _ in 0..10 {
        let response = from_ip(&app, 1).login("Nobody@Example.org", "wrong").await;
        response.assert_user_errors(WRONG);
    }
    assert_throttled(&from_ip(&app, 1).login("nobody@example.ORG", "wrong").await, 60);
    from_ip(&app, 1).login("other@example.org", "wrong").await.assert_user_errors(WRONG);
}

#[tokio::test]
async fn failed_logins_are_counted_across_instances() {
    let app = limited().await;
    app.alice().await;
    let second = app.second_instance_with(|config| config.rate_limits = true).await;
    for number in 0..10 {
        let app = if number % 2 == 0 { &app } else { &second };
        try_password(app, "wrong").await.assert_user_errors(WRONG);
    }
    assert_throttled(&try_password(&app, "wrong").await, 60);
    assert_throttled(&try_password(&second, "wrong").await, 60);
}

#[tokio::test]
async fn concurrent_failed_logins_do_not_exceed_the_limit() {
    let app = TestApp::with_config(|config| {
        config.rate_limits = true;
        config.limits.sign_ins_per_minute = 100;
    })
    .await;
    app.alice().await;
    let attempts = (0..30).map(|_| try_password(&app, "wrong"));
    let responses = join_all(attempts).await;
    let verified =
        responses.iter().filter(|response| response.json().get("errors").is_none()).count();
    assert_eq!(verified, 10);
}

#[tokio::test]
async fn password_checks_within_a_session_have_their_own_budget() {
    let app = limited().await;
    let alice = app.alice().await.with_ip("192.0.2.1");
    let change = async |current: &str| alice.change_password(current, "a new pass phrase").await;
    for _ in 0..4 {
        change("wrong")
            .await
            .assert_user_errors(&[("INVALID_CREDENTIALS", "input.currentPassword")]);
    }
    for _ in 0..6 {
        alice
            .delete_account("wrong")
            .await
            .assert_user_errors(&[("INVALID_CREDENTIALS", "input.password")]);
    }
    assert_throttled(&change(PASSWORD).await, 60);
    assert_throttled(&alice.delete_account(PASSWORD).await, 60);
    let email = json!({ "email": "new@example.org", "currentPassword": PASSWORD });
    assert_throttled(&alice.update_profile(email).await, 60);
    try_password(&app, PASSWORD).await.assert_ok();
    alice.with_ip("192.0.2.2").change_password(PASSWORD, "a new pass phrase").await.assert_ok();
}

#[tokio::test]
async fn failed_logins_store_a_hash_and_are_purged() {
    let app = limited().await;
    try_password(&app, "wrong").await.assert_user_errors(WRONG);
    // One row for the network, one for all networks.
    assert_eq!(app.db_count("failed_logins").await, 2);
    let bytes = "SELECT count(*) FROM failed_logins WHERE length(bucket_hash) = 32";
    assert_eq!(app.database.number(bytes).await, 2);
    // An instance purges expired rows at startup.
    let expire = "UPDATE failed_logins SET resets_at = 1774602900000";
    app.database.execute(expire).await;
    let second = app.second_instance().await;
    let _listening = second.listen();
    wait_until("the expired rows are purged", async || app.db_count("failed_logins").await == 0)
        .await;
}
