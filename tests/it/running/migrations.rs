//! Databases with migrations of a newer version.

use serde_json::json;
use tempfile::TempDir;

use super::{failure, run, success};
use crate::support::{ServerProcess, TestDatabase};

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
        let stderr = failure(&run(folder.path(), database.url(), command, &[]), 1);
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
    let stderr = failure(&run(folder.path(), database.url(), &["serve"], &[]), 1);
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
