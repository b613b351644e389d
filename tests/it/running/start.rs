//! Starts that fail: the cause once, in plain words, with what to do.

use std::net::TcpListener;

use super::{failure, run, success};
use crate::support::{JWT_SECRET, ServerProcess, TestDatabase, server_command, skip};

/// The only line that a failed start reports.
#[track_caller]
fn only_line(stderr: &str) -> &str {
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for internal in ["pool timed out", "at line", "os error", "Error"] {
        assert!(!stderr.contains(internal), "{internal} in {stderr}");
    }
    stderr.trim_end()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

#[test]
fn a_missing_secret_is_reported_with_how_to_make_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = server_command(folder.path(), "postgres://shelf@localhost/shelf");
    let stderr = failure(&command.env_remove("JWT_SECRETS").output().expect("a process"), 2);
    assert_eq!(
        only_line(&stderr),
        "bookshelf: JWT_SECRETS is missing; make one with: openssl rand -hex 32"
    );
}

#[test]
fn postgres_that_does_not_run_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let url = format!("postgres://shelf:hunter2@127.0.0.1:{port}/library");
    for command in [
        &["serve"][..],
        &["migrate", "status"],
        &["user", "list"],
        &["user", "add", "a@b.example"],
        &["recount"],
    ] {
        let mut process = server_command(folder.path(), &url);
        // Only the server signs tokens.
        if command != ["serve"] {
            process.env_remove("JWT_SECRETS");
        }
        let stderr = failure(&process.args(command).output().expect("a process"), 1);
        let line = only_line(&stderr);
        let expected = format!("nothing accepts connections at 127.0.0.1:{port}; start PostgreSQL");
        assert!(line.contains(&expected) && !line.contains("hunter2"), "{line}");
    }
}

#[test]
fn trusted_documents_that_cannot_be_read_are_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("text.json"), "{ not JSON").expect("a file");
    for (path, reason) in [
        ("nothing.json", "the file does not exist"),
        (".", "it is a folder; add the name of a file"),
        ("text.json", "expected a JSON object that maps ids to documents"),
    ] {
        let output = run(folder.path(), "sqlite://books.db", &[], &[("TRUSTED_DOCUMENTS", path)]);
        let stderr = failure(&output, 1);
        let expected = format!("bookshelf: TRUSTED_DOCUMENTS={path}: {reason}");
        assert!(stderr.starts_with(&expected) && stderr.lines().count() == 1, "{stderr}");
        assert!(!stderr.contains("os error"), "{stderr}");
    }
}

#[test]
fn a_file_that_cannot_be_a_database_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("folder")).expect("a folder");
    std::fs::write(
        folder.path().join("text"),
        "not a database, but more than a hundred bytes ".repeat(20),
    )
    .expect("a file");
    for (path, reason) in [
        ("folder", "it is a folder; add the name of a file"),
        ("text", "file is not a database"),
        ("text/books.db", "its folder does not exist and cannot be created"),
    ] {
        let url = format!("sqlite://{path}");
        let stderr = failure(&run(folder.path(), &url, &[], &[]), 1);
        assert_eq!(
            only_line(&stderr),
            format!("bookshelf: cannot open the database {url}: {reason}")
        );
    }
}

/// As on FAT, exFAT and some network shares.
#[tokio::test]
async fn a_first_start_needs_no_hard_links() {
    const STRACE: &str = "/usr/bin/strace";
    if !std::path::Path::new(STRACE).exists() {
        return skip("strace is not installed");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}/books.db", folder.path().display());
    // The server is the direct child: strace is a grandchild.
    let traced = [STRACE, "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=link,linkat"];
    let without_links = ["-e", "inject=link,linkat:error=EPERM", env!("CARGO_BIN_EXE_bookshelf")];
    let program = traced.iter().chain(&without_links).map(Into::into).collect();
    let mut server = ServerProcess::start_program(program, &url, &[]);
    server.alice().await;
    let secret = || std::fs::read_to_string(folder.path().join("books.jwt-secret"));
    let first = secret().expect("a secret");
    assert_eq!(first.trim().len(), 64);
    server.kill();
    server.restart();
    assert_eq!(secret().expect("a secret"), first);
}

#[tokio::test]
async fn a_port_in_use_is_reported() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let stderr = failure(&run(folder.path(), database.url(), &[], &[("LISTEN", &address)]), 1);
    let expected = format!(
        "cannot listen on {address}: the port is in use; stop the program that uses it, or set LISTEN to another port"
    );
    assert!(only_line(&stderr).ends_with(&expected), "{stderr}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_reported() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    success(&run(folder.path(), database.url(), &["migrate", "up"], &[]));
    database
        .execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 1)")
        .await;
    for command in [
        &["serve"][..],
        &["migrate", "up"],
        &["migrate", "status"],
        &["migrate", "down"],
        &["user", "list"],
    ] {
        let stderr = failure(&run(folder.path(), database.url(), command, &[]), 1);
        let line = only_line(&stderr);
        assert!(
            line.contains("newer version of Bookshelf") && line.contains("m9999_future"),
            "{line}"
        );
        assert!(
            line.ends_with("start that version, or restore a backup of the database"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn rejected_credentials_and_unknown_databases_are_reported() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (base, name) = database.url_without_tls().rsplit_once('/').expect("a name");
    let environment = [("JWT_SECRETS", JWT_SECRET)];
    let unknown = run(folder.path(), &format!("{base}/nothing_here"), &[], &environment);
    let stderr = failure(&unknown, 1);
    assert!(only_line(&stderr).contains("PostgreSQL has no such database; create it"), "{stderr}");

    let host = base.rsplit_once('@').map_or(base, |(_, host)| host);
    let nobody = format!("postgres://nobody_here:hunter2@{host}/{name}");
    let stderr = failure(&run(folder.path(), &nobody, &[], &environment), 1);
    let line = only_line(&stderr);
    assert!(line.contains("PostgreSQL does not let the user of DATABASE_URL in"), "{line}");
    assert!(!line.contains("hunter2") && !line.contains("nobody_here"), "{line}");
}
