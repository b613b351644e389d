//! The storage of covers at start.

use std::fs;

use super::failure;
use crate::support::server_command;

#[test]
fn a_folder_of_covers_that_cannot_be_written_to_is_a_plain_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("a file");
    let url = format!("{}/covers", file.display());
    let mut command = server_command(folder.path(), "sqlite://books.db");
    let stderr = failure(&command.env("COVERS_URL", &url).output().expect("a process"), 1);
    assert!(
        stderr.contains(&format!("bookshelf: cannot open the folder of covers {url}: ")),
        "{stderr}"
    );
}

#[test]
fn a_bucket_that_cannot_be_reached_is_a_plain_error_without_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = server_command(folder.path(), "sqlite://books.db");
    command.env("COVERS_URL", "s3://books/covers");
    command.env("AWS_ENDPOINT", "http://127.0.0.1:9").env("AWS_ALLOW_HTTP", "true");
    command.env("AWS_ACCESS_KEY_ID", "the-key-id").env("AWS_SECRET_ACCESS_KEY", "the-secret");
    let output = command.output().expect("a process");
    let stderr = failure(&output, 1);
    assert!(stderr.contains("cannot write covers to s3://books/covers (COVERS_URL)"), "{stderr}");
    let config = command.arg("config").output().expect("a process");
    let printed = [stderr.into_bytes(), output.stdout, config.stdout].concat();
    let printed = String::from_utf8(printed).expect("a text");
    assert!(printed.contains("COVERS_URL=s3://books/covers\n"), "{printed}");
    assert!(!printed.contains("the-key-id") && !printed.contains("the-secret"), "{printed}");
}

#[test]
fn an_unknown_scheme_of_covers_is_an_invalid_setting() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = server_command(folder.path(), "sqlite://books.db");
    let stderr = failure(&command.env("COVERS_URL", "gs://bucket").output().expect("a process"), 2);
    assert!(stderr.contains("invalid COVERS_URL: expected a folder"), "{stderr}");
}
