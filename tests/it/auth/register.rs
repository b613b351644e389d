use insta::assert_json_snapshot;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{PASSWORD, TestApp, redact_id, redact_text};

#[tokio::test]
async fn all_validation_errors_are_returned_together() {
    let app = TestApp::start().await;
    let response = app.anon().register("a", "nowhere", "short").await;
    response.assert_user_errors(&[
        ("TOO_SHORT", "input.username"),
        ("INVALID_FORMAT", "input.email"),
        ("TOO_SHORT", "input.password"),
    ]);
    assert_eq!(response.data()["accessToken"], json!(null));
    assert_eq!(app.db_count("users").await, 0);
}

#[tokio::test]
async fn each_validation_error_has_its_code() {
    let app = TestApp::start().await;
    let longest_email = format!("{}@{}.org", "a".repeat(60), "b".repeat(55));
    let cases = [
        ("", "a@example.org", PASSWORD, ("REQUIRED", "input.username")),
        ("ada lovelace", "a@example.org", PASSWORD, ("INVALID_FORMAT", "input.username")),
        ("ada\0", "a@example.org", PASSWORD, ("INVALID_FORMAT", "input.username")),
        (&"a".repeat(81), "a@example.org", PASSWORD, ("TOO_LONG", "input.username")),
        ("ada", "", PASSWORD, ("REQUIRED", "input.email")),
        ("ada", "ada@example.org\0", PASSWORD, ("INVALID_FORMAT", "input.email")),
        ("ada", &format!("x{longest_email}"), PASSWORD, ("TOO_LONG", "input.email")),
        ("ada", "a@example.org", "", ("REQUIRED", "input.password")),
        ("ada", "a@example.org", "seven77", ("TOO_SHORT", "input.password")),
        ("ada", "a@example.org", "password", ("TOO_COMMON", "input.password")),
        ("ada", "a@example.org", "horse\0battery staple", ("INVALID_FORMAT", "input.password")),
        ("ada", "a@example.org", &"kV9#tq2 ".repeat(9), ("TOO_LONG", "input.password")),
        ("ada", "a@example.org", &"ж".repeat(36), ("TOO_LONG", "input.password")),
    ];
    for (username, email, password, error) in cases {
        let response = app.anon().register(username, email, password).await;
        response.assert_user_errors(&[error]);
    }
    assert_eq!(app.db_count("users").await, 0);
    let password_of_71_bytes = &"kV9#tq2 ".repeat(9)[..71];
    app.anon().register("ada", &longest_email, password_of_71_bytes).await.assert_ok();
    app.anon().login(&longest_email, password_of_71_bytes).await.assert_ok();
}

#[tokio::test]
async fn taken_usernames_and_emails_are_reported_together_in_any_case() {
    let app = TestApp::start().await;
    app.anon().register("Łukasz", "Lukasz@Example.org", PASSWORD).await.assert_ok();
    let taken = app.anon().register("łUKASZ", "lukasz@example.ORG", PASSWORD).await;
    taken.assert_user_errors(&[
        ("USERNAME_TAKEN", "input.username"),
        ("EMAIL_TAKEN", "input.email"),
    ]);
    let taken = app.anon().register("lukasz", "lukasz@example.org", PASSWORD).await;
    taken.assert_user_errors(&[("EMAIL_TAKEN", "input.email")]);
    let taken = app.anon().register("x", "lukasz@example.org", "short").await;
    taken.assert_user_errors(&[
        ("TOO_SHORT", "input.username"),
        ("TOO_SHORT", "input.password"),
        ("EMAIL_TAKEN", "input.email"),
    ]);
    assert_eq!(app.db_count("users").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_registrations_create_one_account() {
    let app = TestApp::start().await;
    let registrations = (0..20).map(|number| {
        let anon = app.anon();
        tokio::spawn(async move {
            anon.register(&format!("ada{number}"), "ada@example.org", PASSWORD).await
        })
    });
    let mut registered = 0;
    for registration in registrations.collect::<Vec<_>>() {
        let response = registration.await.expect("a response");
        if response.has_user_errors() {
            response.assert_user_errors(&[("EMAIL_TAKEN", "input.email")]);
        } else {
            response.assert_ok();
            registered += 1;
        }
    }
    assert_eq!(registered, 1);
    assert_eq!(app.db_count("users").await, 1);
    assert_eq!(app.db_count("sessions").await, 1);
}

#[tokio::test]
async fn registration_signs_the_user_in() {
    let app = TestApp::start().await;
    let response = app.anon().register(" Ada ", "Ada@Example.org", PASSWORD).await;
    assert_json_snapshot!(response.payload(), {
        ".accessToken" => redact_text("access token"),
        ".refreshToken" => redact_text("refresh token"),
        ".user.id" => redact_id("user"),
    }, @r#"
    {
      "accessToken": "[access token]",
      "accessTokenExpiresAt": "2026-03-27T09:30:00.000Z",
      "refreshToken": "[refresh token]",
      "refreshTokenExpiresAt": "2026-04-26T09:15:00.000Z",
      "user": {
        "createdAt": "2026-03-27T09:15:00.000Z",
        "email": "Ada@Example.org",
        "id": "[user id]",
        "username": "Ada"
      },
      "userErrors": []
    }
    "#);
    let ada = app.anon().signed_in(&response);
    assert_eq!(ada.ask("{ viewer { username } }").await.data()["username"], "Ada");
}

#[tokio::test]
async fn passwords_and_refresh_tokens_are_stored_as_hashes() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let rows = app.database.rows("SELECT password_hash FROM users").await;
    let hash: String = rows[0].try_get_by_index(0).unwrap();
    assert!(hash.starts_with("$2b$10$"), "{hash}");
    let rows = app.database.rows("SELECT token_hash FROM refresh_tokens").await;
    let stored: Vec<u8> = rows[0].try_get_by_index(0).unwrap();
    assert_eq!(stored, Sha256::digest(&alice.refresh_token).to_vec());
}

#[tokio::test]
async fn the_register_payload_can_select_data_of_the_new_account() {
    let app = TestApp::start().await;
    let response = app
        .anon()
        .ask(
            r#"mutation {
                register(input: { username: "ada", email: "ada@example.org", password: "correct horse battery" }) {
                    user { books { totalCount nodes { id } } sessions { id current } }
                    userErrors { code }
                }
            }"#,
        )
        .await;
    let user = &response.payload()["user"];
    assert_eq!(user["books"], json!({ "totalCount": 0, "nodes": [] }));
    assert_eq!(user["sessions"].as_array().unwrap().len(), 1);
}
