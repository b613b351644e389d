//! What operators do and see: settings, commands, logs, starts and stops.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::server_command;

mod commands;
mod covers;
mod exports;
mod imports;
mod logs;
mod migrations;
mod settings;
mod start;
mod stop;
mod users;

/// Runs a command of the binary in a folder.
fn run(
    folder: &Path,
    database_url: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Output {
    let mut command = server_command(folder, database_url);
    command.args(arguments).envs(environment.iter().copied()).output().expect("a process")
}

/// Runs a command with this standard input.
fn run_with_input(command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a process");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(input.as_bytes()).expect("written input");
    drop(stdin);
    child.wait_with_output().expect("its output")
}

/// What a failed command reports. Asserts the exit code.
#[track_caller]
fn failure(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    stderr
}

/// What a command prints. Asserts that it succeeded.
#[track_caller]
fn success(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}
