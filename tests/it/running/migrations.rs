//! Databases with migrations of a newer version, and the lock that keeps `migrate down` away from running servers.

use std::fs::File;

use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::json;
use tempfile::TempDir;

use super::{failure, run, success};
use crate::support::{ServerProcess, TestDatabase};

/// An address that no server can listen on, so that a start that is not refused before ends too.
const NO_ADDRESS: [(&str, &str); 1] = [("LISTEN", "192.0.2.1:80")];

/// A database with all migrations, and a folder for commands.
async fn migrated() -> (TempDir, TestDatabase) {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    success(&run(folder.path(), database.url(), &["migrate", "up"], &[]));
    (folder, database)
}

/// Records a migration of a newer version, and the migration that older programs need to use the database.
async fn record_migration(database: &TestDatabase, name: &str, oldest_program: &str) {
    for statement in [
        format!("INSERT INTO seaql_migrations (version, applied_at) VALUES ('{name}', 1)"),
        format!(
            "INSERT INTO migration_compatibility (version, oldest_program) \
             VALUES ('{name}', '{oldest_program}')"
        ),
    ] {
        database.execute(&statement).await;
    }
}

#[tokio::test]
async fn an_older_version_works_with_compatible_migrations_of_a_newer_one() {
    let (folder, database) = migrated().await;
    record_migration(&database, "m9998_loans", "m0001_users").await;
    record_migration(&database, "m9999_shops", "m0006_publisher").await;
    let command = |arguments: &[&str]| run(folder.path(), database.url(), arguments, &[]);

    let mut server = ServerProcess::start_on(database.url(), &[]);
    server.alice().await.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    let listed = command(&["user", "list"]);
    assert!(success(&listed).contains("alice@example.org") && listed.stderr.is_empty());
    server.stop("TERM").await;
    let warnings: Vec<_> = server.log_lines("bookshelf::app");
    let warnings: Vec<_> = warnings.iter().filter(|line| line["level"] == "WARN").collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0]["migrations"], "m9998_loans, m9999_shops");

    let status = success(&command(&["migrate", "status"]));
    let (applied, unknown) = status.split_at(status.find("unknown").expect("an unknown migration"));
    assert!(applied.lines().all(|line| line.starts_with("applied m0")), "{status}");
    assert_eq!(unknown, "unknown m9998_loans\nunknown m9999_shops\n");
    let up = command(&["migrate", "up"]);
    assert_eq!(success(&up), status);
    let said = String::from_utf8_lossy(&up.stderr).into_owned();
    assert!(said.contains("nothing to apply") && said.contains("m9998_loans"), "{said}");

    let stderr = failure(&command(&["migrate", "down", "--yes"]), 1);
    assert!(stderr.contains("revert those first") && stderr.contains("m9999_shops"), "{stderr}");
    assert_eq!(success(&command(&["migrate", "status"])), status);
}

#[tokio::test]
async fn an_older_version_refuses_a_migration_that_it_is_too_old_for() {
    let (folder, database) = migrated().await;
    record_migration(&database, "m9997_loans", "m0006_publisher").await;
    // Programs that no longer use a column are those since m9998, so one without it cannot know that it is gone.
    record_migration(&database, "m9998_shops", "m0001_users").await;
    record_migration(&database, "m9999_no_author", "m9998_shops").await;
    for command in [&["serve"][..], &["migrate", "status"], &["migrate", "up"], &["user", "list"]] {
        let stderr = failure(&run(folder.path(), database.url(), command, &NO_ADDRESS), 1);
        assert!(
            stderr.contains("newer version of Bookshelf, which has m9999_no_author,"),
            "{stderr}"
        );
    }
}

#[tokio::test]
async fn a_version_of_another_branch_is_refused() {
    let (folder, database) = migrated().await;
    record_migration(&database, "m9999_loans", "m0001_users").await;
    database.execute("DELETE FROM seaql_migrations WHERE version = 'm0006_publisher'").await;
    let stderr = failure(&run(folder.path(), database.url(), &["serve"], &NO_ADDRESS), 1);
    assert!(
        stderr.contains("another version of Bookshelf") && stderr.contains("lacks m0006_publisher"),
        "{stderr}"
    );
}

#[tokio::test]
async fn each_migration_records_the_older_versions_that_work_after_it() {
    let (folder, database) = migrated().await;
    let recorded = "SELECT count(*) FROM migration_compatibility";
    let applied = database.number("SELECT count(*) FROM seaql_migrations").await;
    assert_eq!(database.number(recorded).await, applied);
    success(&run(folder.path(), database.url(), &["migrate", "up"], &[]));
    assert_eq!(database.number(recorded).await, applied);
    success(&run(folder.path(), database.url(), &["migrate", "down", "2"], &[]));
    assert_eq!(database.number(recorded).await, applied - 2);
}

#[tokio::test]
async fn migrations_are_not_reverted_while_a_server_runs() {
    let (folder, database) = migrated().await;
    let command = |arguments: &[&str]| run(folder.path(), database.url(), arguments, &[]);
    let mut servers = [(); 2].map(|()| ServerProcess::start_on(database.url(), &[]));
    let alice = servers[0].alice().await;
    alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    let before = success(&command(&["migrate", "status"]));
    let refused = || {
        for steps in ["0", "1", "9"] {
            let stderr = failure(&command(&["migrate", "down", steps, "--yes"]), 1);
            assert!(stderr.contains("servers use this database; stop all of them"), "{stderr}");
        }
    };
    refused();
    // Everything else works.
    assert_eq!(success(&command(&["migrate", "up"])), before);
    success(&command(&["recount"]));
    assert!(success(&command(&["user", "list"])).contains("alice"));
    servers[1].stop("TERM").await;
    refused();
    alice.add_book(json!({ "title": "Persuasion", "author": "Jane Austen" })).await;

    servers[0].kill();
    let down = async || command(&["migrate", "down", "9", "--yes"]).status.success();
    // PostgreSQL ends the session soon.
    crate::support::wait_until("the lock of a killed server is free", down).await;
    assert!(
        success(&command(&["migrate", "status"])).lines().all(|line| line.starts_with("pending"))
    );
}

#[tokio::test]
async fn a_server_does_not_start_while_migrations_are_reverted() {
    let (folder, database) = migrated().await;
    let start = || failure(&run(folder.path(), database.url(), &["serve"], &NO_ADDRESS), 1);
    let stderr = if database.is_postgres() {
        let connection = sea_orm::Database::connect(database.url_without_tls()).await;
        let reverting = connection.expect("a connection").begin().await.expect("a transaction");
        let lock = format!("SELECT pg_advisory_xact_lock({})", 0x73_65_72_76_65_i64);
        reverting.execute_unprepared(&lock).await.expect("the lock");
        let stderr = start();
        reverting.rollback().await.expect("a released lock");
        stderr
    } else {
        let path = format!("{}-lock", database.url().strip_prefix("sqlite://").expect("a path"));
        let reverting = File::create(path).expect("a file");
        reverting.lock().expect("the lock");
        start()
    };
    assert!(stderr.contains("`bookshelf migrate down` reverts migrations of it"), "{stderr}");
    let mut server = ServerProcess::start_on(database.url(), &[]);
    server.alice().await;
    server.stop("TERM").await;
}
