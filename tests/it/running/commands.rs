//! Commands whose output is cut off, and migrations that delete data.

use std::process::Command;

use serde_json::json;

use super::{failure, run, success};
use crate::support::{ServerProcess, TestDatabase, server_command};

#[tokio::test]
async fn commands_end_quietly_when_nobody_reads_their_output() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    success(&run(folder.path(), database.url(), &["migrate", "up"], &[]));
    for arguments in [
        "schema",
        "config",
        "migrate status",
        "migrate up",
        "user list",
        "--help",
        "--version",
        "user --help",
        "nothing",
    ] {
        // The reader has closed the pipe before the first line.
        let script = format!("sleep 0.2; exec \"$0\" {arguments}");
        let mut shell = server_command(folder.path(), database.url());
        let environment: Vec<_> = shell
            .get_envs()
            .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
            .collect();
        shell = Command::new("bash");
        shell.env_clear().current_dir(folder.path()).env("PATH", "/usr/bin:/bin");
        shell.envs(environment.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let pipe = format!(
            "set -o pipefail; bash -c '{script}' \"$0\" 2>&1 | true; bash -c '{script}' \"$0\" 2>err | true; cat err"
        );
        let output =
            shell.args(["-c", &pipe, env!("CARGO_BIN_EXE_bookshelf")]).output().expect("bash");
        let errors = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!errors.contains("panicked"), "{arguments}: {errors}");
        assert!(arguments == "nothing" || errors.is_empty(), "{arguments}: {errors}");
    }
}

#[tokio::test]
async fn reverting_migrations_of_a_database_with_data_needs_a_confirmation() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let mut server = ServerProcess::start_on(database.url(), &[]);
    server.alice().await.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    server.stop("TERM").await;
    let migrate = |arguments: &[&str]| {
        let arguments: Vec<_> = ["migrate"].into_iter().chain(arguments.iter().copied()).collect();
        run(folder.path(), database.url(), &arguments, &[])
    };
    let before = success(&migrate(&["status"]));
    for steps in ["1", "9"] {
        let stderr = failure(&migrate(&["down", steps]), 1);
        assert!(
            stderr.contains("accounts (1) and books (1)") && stderr.contains("--yes"),
            "{stderr}"
        );
        let last =
            before.lines().last().and_then(|line| line.split(' ').nth(1)).expect("a migration");
        assert!(stderr.contains(last), "{stderr}");
    }
    assert_eq!(success(&migrate(&["status"])), before);
    assert_eq!(database.number("SELECT count(*) FROM books").await, 1);

    let reverted = success(&migrate(&["down", "9", "--yes"]));
    assert!(reverted.lines().all(|line| line.starts_with("pending ")), "{reverted}");
}
