//! `bookshelf user`, and registration that is off.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{failure, run, run_with_input, success};
use crate::support::{
    GRAPHQL_RESPONSE, PASSWORD, ServerProcess, Socket, TestApp, TestDatabase, server_command,
};

const NEW_PASSWORD: &str = "another horse, another staple";

#[tokio::test]
async fn registration_can_be_turned_off() {
    let app = TestApp::with_config(|config| config.registration = false).await;
    let anon = app.anon().with_header("accept", GRAPHQL_RESPONSE);
    for (username, email) in [("ada", "ada@example.org"), ("x", "not an address")] {
        let rejected = anon.register(username, email, PASSWORD).await;
        rejected.assert_error_with_status(403, "FORBIDDEN");
    }
    assert_eq!(app.db_count("users").await, 0);
}

/// `script` gives the program a terminal.
#[tokio::test]
async fn a_password_is_asked_for_twice_on_a_terminal() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let add = |typed: String| {
        let command = concat!(env!("CARGO_BIN_EXE_bookshelf"), " user add ada@example.org");
        let settings = server_command(folder.path(), database.url());
        let mut terminal = Command::new("/usr/bin/script");
        terminal.current_dir(folder.path()).env_clear();
        terminal.envs(settings.get_envs().filter_map(|(name, value)| Some((name, value?))));
        run_with_input(terminal.args(["-qec", command, "/dev/null"]), &typed)
    };
    let differing = add(format!("{PASSWORD}\n{NEW_PASSWORD}\n"));
    let shown = String::from_utf8_lossy(&differing.stdout).into_owned();
    assert!(!differing.status.success() && shown.contains("the passwords differ"), "{shown}");
    assert_eq!(database.number("SELECT count(*) FROM users").await, 0);
    let added = success(&add(format!("{PASSWORD}\n{PASSWORD}\n")));
    assert!(added.contains("Password: ") && added.contains("created ada@example.org"), "{added}");
}

#[tokio::test]
async fn accounts_are_managed_while_a_server_runs() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let server = ServerProcess::start_on(database.url(), &[("REGISTRATION", "off")]);
    let command = |arguments: &[&str], input: &str| {
        run_with_input(
            server_command(folder.path(), database.url()).arg("user").args(arguments),
            input,
        )
    };
    let rejected = server.anon().register("ada", "ada@example.org", PASSWORD).await;
    rejected.assert_error("FORBIDDEN");

    let added = success(&command(&["add", "Ada@example.org"], &format!("{PASSWORD}\n")));
    assert_eq!(added, "created Ada@example.org with the username Ada\n");
    let login = server.anon().login("ada@example.org", PASSWORD).await;
    let ada = server.anon().signed_in(&login);
    ada.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    success(&command(&["add", "grace@example.org", "--username", "hopper"], NEW_PASSWORD));

    let list = success(&command(&["list"], ""));
    let columns: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(columns.len(), 2, "{list}");
    assert_eq!(columns[0][0], ada.id);
    assert_eq!((columns[0][2], columns[0][3]), ("Ada@example.org", "Ada"));
    assert_eq!((columns[1][2], columns[1][3]), ("grace@example.org", "hopper"));

    let changed = success(&command(&["set-password", "ada@example.org"], NEW_PASSWORD));
    assert_eq!(changed, "changed the password of Ada@example.org and ended 1 sessions\n");
    let refreshed = ada.refresh(&ada.refresh_token).await;
    refreshed.assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
    let old = server.anon().login("ada@example.org", PASSWORD).await;
    old.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    server.anon().login("ada@example.org", NEW_PASSWORD).await.assert_ok();

    let deleted = success(&command(&["delete", "ADA@example.org"], ""));
    assert_eq!(deleted, "deleted Ada@example.org and ended 1 sessions\n");
    for table in ["users", "books"] {
        let left = database.number(&format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(left, i64::from(table == "users"), "{table}");
    }
    let gone = server.anon().login("ada@example.org", NEW_PASSWORD).await;
    gone.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    server.anon().login("grace@example.org", NEW_PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn an_account_can_be_added_before_the_first_start() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let mut add = server_command(folder.path(), database.url());
    success(&run_with_input(add.args(["user", "add", "ada@example.org"]), PASSWORD));
    let server = ServerProcess::start_on(database.url(), &[]);
    server.anon().login("ada@example.org", PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn invalid_accounts_are_rejected_with_the_reason_and_without_the_password() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let command = |arguments: &[&str], input: &str| {
        run_with_input(
            server_command(folder.path(), database.url()).arg("user").args(arguments),
            input,
        )
    };
    success(&command(&["add", "ada@example.org"], PASSWORD));
    for (arguments, input, reason) in [
        (
            &["add", "ada@example.org", "--username", "other"][..],
            PASSWORD,
            "email address belongs to another",
        ),
        (&["add", "ADA@example.com"], PASSWORD, "--username"),
        (&["add", "ada"], PASSWORD, "invalid email address: "),
        (&["add", "a@example.org"], PASSWORD, "--username"),
        (&["add", "eve@example.org", "--username", "e v e"], PASSWORD, "invalid username: "),
        (&["add", "eve@example.org"], "short", "invalid password: "),
        (&["add", "eve@example.org"], "password123", "invalid password: "),
        (&["add", "eve@example.org"], "", "invalid password: "),
        (&["add", "eve@example.org"], "one line\nanother line\n", "only line"),
        (&["set-password", "eve@example.org"], PASSWORD, "no account"),
        (&["set-password", "ada@example.org"], "12345678", "invalid password: "),
        (&["delete", "eve@example.org"], "", "no account"),
    ] {
        let stderr = failure(&command(arguments, input), 1);
        assert!(stderr.contains(reason), "{arguments:?}: {stderr}");
        assert!(input.is_empty() || !stderr.contains(input), "{stderr}");
    }
    assert_eq!(database.number("SELECT count(*) FROM users").await, 1);
    failure(&run(folder.path(), database.url(), &["user", "add"], &[]), 2);
}

#[tokio::test]
async fn connections_of_sessions_that_a_command_ends_are_closed_within_five_seconds() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let server = ServerProcess::start_on(database.url(), &[]);
    let address = server.address.parse().expect("an address");
    let (ada, eve) = (server.anon().registered("ada").await, server.anon().registered("eve").await);
    let mut others = Socket::authenticated(address, &eve.access_token).await;
    let subscription = "subscription { bookChanged { kind } }";
    for (arguments, reader) in
        [(["set-password", "ada@example.org"], &ada), (["delete", "eve@example.org"], &eve)]
    {
        let mut socket = Socket::authenticated(address, &reader.access_token).await;
        socket.subscribe("1", subscription).await;
        let mut events = reader.subscribe("text/event-stream", subscription).await;
        assert_eq!(events.frame().await.as_deref(), Some(":\n\n"));
        let mut command = server_command(folder.path(), database.url());
        success(&run_with_input(command.arg("user").args(arguments), NEW_PASSWORD));
        let ended = Instant::now();
        assert_eq!(socket.closed().await, (4403, "Forbidden".into()));
        let last = events.next_non_keepalive().await.expect("an error");
        assert!(last.contains("SESSION_ENDED"), "{last}");
        let took = ended.elapsed();
        assert!(took < Duration::from_secs(5), "{arguments:?}: {took:?}");
        if arguments[0] == "set-password" {
            others.send(json!({ "type": "ping" })).await;
            assert_eq!(others.receive().await, json!({ "type": "pong" }));
        }
    }
}
