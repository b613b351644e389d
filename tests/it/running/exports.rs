//! `bookshelf export`.

use std::fs;

use serde_json::{Value, json};

use super::{failure, run, success};
use crate::support::{ServerProcess, TestDatabase};

#[tokio::test]
async fn a_library_is_exported_while_a_server_runs() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let server = ServerProcess::start_on(database.url(), &[]);
    let alice = server.alice().await;
    alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    let command = |arguments: &[&str]| {
        let arguments = [&["export", "--user", "Alice@example.org"], arguments].concat();
        run(folder.path(), database.url(), &arguments, &[])
    };
    let csv = success(&command(&["--format", "csv"]));
    let titles: Vec<_> = csv.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(titles, ["Dune", "Emma"]);
    let goodreads = success(&command(&["--format", "goodreads"]));
    assert!(goodreads.starts_with("Book Id,Title,Author,Author l-f,"), "{goodreads}");

    let path = folder.path().join("library.json");
    fs::write(&path, "the export of yesterday").expect("a file");
    assert_eq!(success(&command(&["--format", "json", "library.json"])), "");
    let text = fs::read_to_string(&path).expect("a file");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(file["books"].as_array().map(Vec::len), Some(2));
    assert_eq!(success(&command(&["--format", "csv", "/dev/stdout"])), csv);
}

#[tokio::test]
async fn an_export_that_fails_leaves_the_file_as_it_was() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    success(&run(folder.path(), database.url(), &["migrate", "up"], &[]));
    let path = folder.path().join("library.csv");
    fs::write(&path, "the export of yesterday").expect("a file");
    let command = |arguments: &[&str]| run(folder.path(), database.url(), arguments, &[]);
    let unknown = ["export", "--user", "bob@example.org", "--format", "csv", "library.csv"];
    assert_eq!(failure(&command(&unknown), 1), "bookshelf: no account has this email address\n");
    assert_eq!(fs::read_to_string(&path).expect("a file"), "the export of yesterday");
    let invalid = ["export", "--user", "bob", "--format", "csv"];
    assert!(failure(&command(&invalid), 1).contains("invalid email address"));
    failure(&command(&["export", "--user", "bob@example.org", "--format", "xml"]), 2);
    failure(&command(&["export", "--format", "csv"]), 2);
}
