//! Wrong passwords for one account, from wherever they come.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Actor, PASSWORD, TestApp, TestResponse};

async fn limited() -> TestApp {
    TestApp::with_config(|config| config.rate_limits = true).await
}

/// Somebody with an address of their own for each attempt.
fn somewhere(app: &TestApp, number: u8) -> Actor {
    app.anon().with_ip(&format!("192.0.2.{number}"))
}

async fn try_password(app: &TestApp, number: u8, password: &str) -> TestResponse {
    somewhere(app, number).login("alice@example.org", password).await
}

#[track_caller]
fn is_held_off(answer: &TestResponse, seconds: u64) {
    assert_eq!(answer.code(), "RATE_LIMITED", "{answer:?}");
    assert_eq!(answer.error()["extensions"]["retryAfter"], seconds);
    assert_eq!(answer.header("retry-after"), Some(seconds.to_string().as_str()));
}

#[tokio::test]
async fn ten_wrong_passwords_and_then_one_a_minute() {
    let app = limited().await;
    app.alice().await;
    for number in 0..10 {
        assert_eq!(
            try_password(&app, number, "wrong").await.user_errors(),
            ["INVALID_CREDENTIALS -"]
        );
    }
    is_held_off(&try_password(&app, 11, "wrong").await, 60);
    // The right one is not looked at either, or guessing would go on.
    is_held_off(&try_password(&app, 12, PASSWORD).await, 60);
    app.advance_secs(59);
    is_held_off(&try_password(&app, 13, PASSWORD).await, 1);
    app.advance_secs(1);
    assert_eq!(try_password(&app, 14, "wrong").await.user_errors(), ["INVALID_CREDENTIALS -"]);
    is_held_off(&try_password(&app, 15, PASSWORD).await, 60);
    app.advance_secs(60);
    try_password(&app, 16, PASSWORD).await.payload();
    try_password(&app, 17, PASSWORD).await.payload();
}

#[tokio::test]
async fn failed_login_budget_refills() {
    let app = limited().await;
    app.alice().await;
    for number in 0..10 {
        try_password(&app, number, "wrong").await.user_errors();
    }
    app.advance_secs(600);
    for number in 0..10 {
        assert_eq!(
            try_password(&app, number, "wrong").await.user_errors(),
            ["INVALID_CREDENTIALS -"]
        );
    }
    is_held_off(&try_password(&app, 11, "wrong").await, 60);
}

#[tokio::test]
async fn right_ones_do_not_count() {
    let app = limited().await;
    app.alice().await;
    for number in 0..15 {
        try_password(&app, number, PASSWORD).await.payload();
    }
    for number in 20..30 {
        assert_eq!(
            try_password(&app, number, "wrong").await.user_errors(),
            ["INVALID_CREDENTIALS -"]
        );
    }
}

#[tokio::test]
async fn an_account_that_is_not_there_is_held_off_the_same() {
    let app = limited().await;
    for number in 0..10 {
        let answer = somewhere(&app, number).login("Nobody@Example.org", "wrong").await;
        assert_eq!(answer.user_errors(), ["INVALID_CREDENTIALS -"]);
    }
    is_held_off(&somewhere(&app, 11).login("nobody@example.ORG", "wrong").await, 60);
    let somebody_else = somewhere(&app, 12).login("somebody@example.org", "wrong").await;
    assert_eq!(somebody_else.user_errors(), ["INVALID_CREDENTIALS -"]);
}

#[tokio::test]
async fn all_copies_of_the_server_count_together() {
    let app = limited().await;
    app.alice().await;
    let copy = app.copy_with(|config| config.rate_limits = true).await;
    for number in 0..10 {
        let app = if number % 2 == 0 { &app } else { &copy };
        assert_eq!(
            try_password(app, number, "wrong").await.user_errors(),
            ["INVALID_CREDENTIALS -"]
        );
    }
    is_held_off(&try_password(&app, 11, "wrong").await, 60);
    is_held_off(&try_password(&copy, 12, "wrong").await, 60);
}

#[tokio::test]
async fn many_at_once_are_no_more_than_one_after_the_other() {
    let app = limited().await;
    app.alice().await;
    let attempts = (0..30).map(|number| try_password(&app, number, "wrong"));
    let answers = join_all(attempts).await;
    let looked_at = answers.iter().filter(|answer| answer.json().get("errors").is_none()).count();
    assert_eq!(looked_at, 10);
}

#[tokio::test]
async fn whoever_has_taken_a_session_guesses_no_faster() {
    let app = limited().await;
    let alice = app.alice().await;
    let change = |current: &str| {
        let input =
            json!({ "currentPassword": current, "newPassword": "a wholly new pass phrase" });
        let query = "mutation($input: ChangePasswordInput!) {
            changePassword(input: $input) { accessToken userErrors { code message field } } }";
        let (alice, variables) = (alice.clone(), json!({ "input": input }));
        async move { alice.run(query, variables).await }
    };
    for _ in 0..4 {
        assert_eq!(
            change("wrong").await.user_errors(),
            ["INVALID_CREDENTIALS input.currentPassword"]
        );
    }
    for number in 0..3 {
        try_password(&app, number, "wrong").await.user_errors();
    }
    for _ in 0..3 {
        let query = "mutation { deleteAccount(input: { password: \"wrong\" })
            { userErrors { code message field } } }";
        assert_eq!(alice.ask(query).await.user_errors(), ["INVALID_CREDENTIALS input.password"]);
    }
    is_held_off(&change(PASSWORD).await, 60);
    is_held_off(&try_password(&app, 9, PASSWORD).await, 60);
}

#[tokio::test]
async fn no_address_is_kept_and_what_is_forgotten_goes_away() {
    let app = limited().await;
    try_password(&app, 1, "wrong").await.user_errors();
    assert_eq!(app.db_count("failed_logins").await, 1);
    let bytes = "SELECT count(*) FROM failed_logins WHERE length(account_hash) = 32";
    assert_eq!(app.database.number(bytes).await, 1);
    // A server removes it when it starts.
    let forgotten = "UPDATE failed_logins SET resets_at = 1774602900000";
    app.database.execute(forgotten).await;
    let copy = app.second_instance().await;
    let _listening = copy.listen();
    for _ in 0..500 {
        if app.db_count("failed_logins").await == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it is still there");
}
