//! The audit log: security events are logged, without secrets.

use serde_json::{Value, json};

use crate::support::{PASSWORD, ServerProcess, TestDatabase};

const OTHER_PASSWORD: &str = "a wholly new pass phrase";

async fn payload(program: &ServerProcess, token: &str, mutation: &str, input: Value) -> Value {
    let (input_type, fields) = match mutation {
        "refreshToken" => ("RefreshTokenInput!", "accessToken refreshToken userErrors { code }"),
        "deleteAccount" => ("DeleteAccountInput!", "deletedUserId userErrors { code }"),
        "updateProfile" => ("UpdateProfileInput!", "user { id } userErrors { code }"),
        "register" => {
            ("RegisterInput!", "accessToken refreshToken user { id } userErrors { code }")
        }
        "login" => ("LoginInput!", "accessToken refreshToken user { id } userErrors { code }"),
        _ => ("ChangePasswordInput!", "accessToken refreshToken user { id } userErrors { code }"),
    };
    let query =
        format!("mutation($input: {input_type}) {{ {mutation}(input: $input) {{ {fields} }} }}");
    let response = program.ask(token, &query, json!({ "input": input })).await;
    response["data"][mutation].clone()
}

#[tokio::test]
async fn security_events_are_logged_with_their_address_and_without_secrets() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let settings = [("LIMIT_FAILED_LOGIN_BURST", "2")];
    let program = ServerProcess::start_with(folder.path(), &database, &settings);
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let names = json!({ "username": "ada", "email": "ada@example.org", "password": PASSWORD });
    let registered = payload(&program, "", "register", names).await;
    let user = text(&registered["user"]["id"]);
    let login = |password: &str| json!({ "email": "ada@example.org", "password": password });
    let signed_in = payload(&program, "", "login", login(PASSWORD)).await;
    payload(&program, "", "login", login("wrong-password-1")).await;
    let token = text(&signed_in["accessToken"]);
    let refresh = json!({ "refreshToken": signed_in["refreshToken"] });
    payload(&program, "", "refreshToken", refresh.clone()).await;
    // Moves the first use beyond the grace period.
    database.execute("UPDATE refresh_tokens SET used_at = used_at - 10000").await;
    payload(&program, "", "refreshToken", refresh).await;
    let token_of = |payload: &Value| text(&payload["accessToken"]);
    let first = token_of(&registered);
    let email = json!({ "email": "ada@example.com", "currentPassword": PASSWORD });
    payload(&program, &first, "updateProfile", email).await;
    let change =
        |current: &str| json!({ "currentPassword": current, "newPassword": OTHER_PASSWORD });
    payload(&program, &first, "changePassword", change("wrong-password-2")).await;
    let changed = payload(&program, &first, "changePassword", change(PASSWORD)).await;
    let last = token_of(&changed);
    for _ in 0..2 {
        payload(
            &program,
            "",
            "login",
            json!({ "email": "ada@example.com", "password": "wrong-password-3" }),
        )
        .await;
    }
    let logout = "mutation { logout { revokedSessions } }";
    program.ask(&last, logout, json!({})).await;
    let (_, log) = program.stop("TERM");

    for secret in [
        PASSWORD,
        OTHER_PASSWORD,
        "wrong-password",
        "ada@example",
        &token,
        &last,
        signed_in["refreshToken"].as_str().unwrap(),
    ] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    let events: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["target"] == "bookshelf::security")
        .collect();
    let reported: Vec<_> = events
        .iter()
        .map(|event| (event["event"].as_str().unwrap(), event["level"].as_str().unwrap()))
        .collect();
    assert_eq!(
        reported,
        [
            ("registered", "INFO"),
            ("signed_in", "INFO"),
            ("sign_in_failed", "WARN"),
            ("refresh_token_reused", "WARN"),
            ("email_changed", "INFO"),
            ("password_rejected", "WARN"),
            ("password_changed", "INFO"),
            ("sign_in_failed", "WARN"),
            ("sign_in_throttled", "WARN"),
            ("session_ended", "INFO"),
        ],
        "{log}"
    );
    for event in &events {
        assert_eq!(event["user"], json!(user), "{event}");
        assert_eq!(event["address"], "127.0.0.1", "{event}");
        assert_eq!(event["request_id"].as_str().map(str::len), Some(32), "{event}");
        let has_session = [
            "registered",
            "signed_in",
            "refresh_token_reused",
            "password_changed",
            "session_ended",
        ];
        let expected = has_session.contains(&event["event"].as_str().unwrap());
        assert_eq!(
            event["session"].as_str().is_some_and(|id| id.starts_with("session_")),
            expected,
            "{event}"
        );
    }
}
