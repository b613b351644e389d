use serde_json::json;

use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn unknown_email_and_wrong_password_return_the_same_error() {
    let app = TestApp::start().await;
    app.alice().await;
    let wrong = app.anon().login("alice@example.org", "wrong horse battery staple").await;
    let unknown = app.anon().login("nobody@example.org", PASSWORD).await;
    let nonsense = app.anon().login("\0", "\0").await;
    let too_long = app.anon().login("alice@example.org", &PASSWORD.repeat(9)).await;
    wrong.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    for other in [unknown, nonsense, too_long] {
        assert_eq!(other.data(), wrong.data());
        assert_eq!(other.status, wrong.status);
    }
    assert_eq!(app.db_count("sessions").await, 1);
}

#[tokio::test]
async fn login_ignores_the_case_of_the_email() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let response = app.anon().login("ALICE@example.ORG", PASSWORD).await;
    assert_eq!(response.payload()["user"]["id"], json!(alice.id));
    assert_eq!(app.db_count("sessions").await, 2);
}

#[tokio::test]
async fn an_invalid_access_token_does_not_prevent_login() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    app.advance_secs(901);
    alice.ask("{ viewer { id } }").await.assert_error("UNAUTHENTICATED");
    alice.login("alice@example.org", PASSWORD).await.assert_ok();
    alice.refresh(&alice.refresh_token).await.assert_ok();
    let garbage = app.anon().with_header("authorization", "Bearer garbage");
    garbage.login("alice@example.org", PASSWORD).await.assert_ok();
    garbage.register("carol", "carol@example.org", PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn a_hash_of_another_cost_is_replaced_at_login() {
    let app = TestApp::start().await;
    app.alice().await;
    let second = app.second_instance_with(|config| config.bcrypt_cost = 11).await;
    let hash = async || -> String {
        app.database.rows("SELECT password_hash FROM users").await[0].try_get_by_index(0).unwrap()
    };
    let wrong = second.anon().login("alice@example.org", "wrong password").await;
    wrong.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    assert!(hash().await.starts_with("$2b$10$"));
    second.anon().login("alice@example.org", PASSWORD).await.assert_ok();
    assert!(hash().await.starts_with("$2b$11$"));
    let replaced = hash().await;
    second.anon().login("alice@example.org", PASSWORD).await.assert_ok();
    assert_eq!(hash().await, replaced);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_logins_succeed_while_the_hash_is_replaced() {
    let app = TestApp::start().await;
    app.alice().await;
    let second = app.second_instance_with(|config| config.bcrypt_cost = 11).await;
    let logins = (0..6).map(|_| {
        let anon = second.anon();
        tokio::spawn(async move { anon.login("alice@example.org", PASSWORD).await })
    });
    for login in logins.collect::<Vec<_>>() {
        login.await.expect("a response").assert_ok();
    }
    assert_eq!(app.db_count("sessions").await, 7);
}
