//! `bookshelf import`.

use std::fs;
use std::path::Path;
use std::process::Output;

use super::{failure, run, run_with_input, success};
use crate::support::{
    PASSWORD, ServerProcess, TestDatabase, goodreads_file, server_command, storygraph_file,
};

fn import(folder: &Path, database: &TestDatabase, arguments: &[&str]) -> Output {
    let arguments = [&["import"], arguments].concat();
    run(folder, database.url(), &arguments, &[])
}

#[tokio::test]
async fn files_are_imported_beside_a_running_server() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let server = ServerProcess::start_on(database.url(), &[]);
    let alice = server.alice().await;
    let user = ["--user", "Alice@example.org"];
    for (name, file) in
        [("goodreads.csv", goodreads_file(5_000)), ("storygraph.csv", storygraph_file(5_000))]
    {
        fs::write(folder.path().join(name), file).unwrap();
    }
    let before = database.number("SELECT count(*) FROM books").await;
    let arguments = ["goodreads.csv", user[0], user[1], "--dry-run"];
    let tried = success(&import(folder.path(), &database, &arguments));
    assert!(tried.starts_with("dry run: no books were written\n5000 of 5000 rows: "), "{tried}");
    assert_eq!(database.number("SELECT count(*) FROM books").await, before);
    for name in ["goodreads.csv", "storygraph.csv"] {
        let arguments = [name, user[0], user[1], "--on-conflict", "replace"];
        let done = success(&import(folder.path(), &database, &arguments));
        assert!(done.starts_with("5000 of 5000 rows: "), "{done}");
        let done = success(&import(folder.path(), &database, &[name, user[0], user[1]]));
        assert!(done.contains(" rows: 0 created, "), "{done}");
    }
    let total = database.number("SELECT count(*) FROM books").await;
    let list = alice.ask("{ books { totalCount } }").await.data();
    assert_eq!(list["totalCount"], total);
}

#[tokio::test]
async fn an_import_that_cannot_start_fails_with_the_reason() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let mut add = server_command(folder.path(), database.url());
    success(&run_with_input(add.args(["user", "add", "ada@example.org"]), PASSWORD));
    fs::write(folder.path().join("prices.csv"), "Name,Price\nDune,9.99\n").unwrap();
    fs::write(folder.path().join("books.csv"), "Title,Author\nDune,Frank Herbert\n,X\n").unwrap();
    for (arguments, code, expected) in [
        (&["books.csv"][..], 2, "--user"),
        (&["books.csv", "--user", "bob@example.org"], 1, "no account has this email address"),
        (&["none.csv", "--user", "ada@example.org"], 1, "cannot read none.csv"),
        (&["prices.csv", "--user", "ada@example.org"], 1, "Expected"),
        (&["books.csv", "--user", "ada@example.org", "--on-conflict", "x"], 2, "replace"),
    ] {
        let stderr = failure(&import(folder.path(), &database, arguments), code);
        assert!(stderr.contains(expected), "{stderr}");
    }
    let done = import(folder.path(), &database, &["books.csv", "--user", "ada@example.org"]);
    assert_eq!(success(&done), "2 of 2 rows: 1 created, 0 updated, 0 skipped, 1 failed\n");
    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(stderr.contains("line 3: "), "{stderr}");

    database.execute("UPDATE import_jobs SET state = 1, heartbeat_at = 9000000000000").await;
    let busy = import(folder.path(), &database, &["books.csv", "--user", "ada@example.org"]);
    assert!(failure(&busy, 1).contains("another import of this account is running"));
}
