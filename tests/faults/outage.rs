//! What the log and a start say while PostgreSQL is away.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::Value;

use crate::support::{PostgresCluster, ServerProcess, server_command, wait_until};
use crate::{LIST, book};

/// The messages at the beginning and at the end of an outage.
pub(crate) const OUTAGE: &str = "the database is unavailable, retrying until it is back";
pub(crate) const RETURN: &str = "the database is available again";

/// The log lines that are not about operations.
pub(crate) fn other_lines(server: &ServerProcess) -> Vec<Value> {
    let lines = server
        .log()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect::<Vec<Value>>();
    let operations = ["bookshelf::operation", "bookshelf::security"];
    lines
        .into_iter()
        .filter(|line| !operations.iter().any(|target| line["target"] == *target))
        .collect()
}

#[tokio::test]
async fn an_outage_of_the_database_is_two_log_lines() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let server = ServerProcess::start_on(&cluster.url(), &[]);
    let alice = server.alice().await;
    alice.add_book(book("before")).await;
    let before = other_lines(&server).len();

    cluster.crash();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(8) {
        for response in [alice.ask(LIST).await, alice.create(book("during")).await] {
            response.assert_error("SERVICE_UNAVAILABLE");
        }
        assert!(!server.is_ready().await || started.elapsed() < Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cluster.resume();
    wait_until("the return is logged", async || server.log().contains("is available again")).await;
    wait_until("lists work", async || alice.ask(LIST).await.is_ok()).await;
    alice.add_book(book("after")).await;
    tokio::time::sleep(Duration::from_secs(2)).await;

    let lines = &other_lines(&server)[before..];
    let messages: Vec<_> =
        lines.iter().map(|line| (line["level"].as_str(), line["message"].as_str())).collect();
    assert_eq!(
        messages,
        [(Some("WARN"), Some(OUTAGE)), (Some("INFO"), Some(RETURN)),],
        "{lines:?}"
    );
    let why = lines[0]["why"].as_str().expect("a reason");
    assert!(!why.contains("at line"), "{why}");
}

async fn execute(connection: &DatabaseConnection, sql: &str) {
    connection.execute_unprepared(sql).await.expect("a statement that works");
}

#[tokio::test]
async fn a_wrong_password_is_reported_at_the_start() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let admin = Database::connect(cluster.url()).await.expect("a connection");
    execute(&admin, "CREATE ROLE shelf LOGIN PASSWORD 'right'").await;
    let show = Statement::from_string(admin.get_database_backend(), "SHOW hba_file");
    let row = admin.query_one_raw(show).await.expect("a result").expect("a row");
    let file: String = row.try_get_by_index(0).expect("a path");
    let rules = std::fs::read_to_string(&file).expect("the rules");
    std::fs::write(&file, format!("host all shelf 127.0.0.1/32 scram-sha-256\n{rules}"))
        .expect("the rules");
    execute(&admin, "SELECT pg_reload_conf()").await;

    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("postgres://shelf:hunter2@{}/postgres", cluster.address());
    let mut reported = String::new();
    wait_until("the rules are in force", async || {
        let output = server_command(folder.path(), &url).args(["migrate", "status"]).output();
        let output = output.expect("a process");
        reported = String::from_utf8(output.stderr).expect("UTF-8");
        !output.status.success()
    })
    .await;
    let start = server_command(folder.path(), &url).arg("serve").output().expect("a process");
    assert_eq!(start.status.code(), Some(1));
    let start = String::from_utf8(start.stderr).expect("UTF-8");
    for reported in [&reported, &start] {
        let expected = "PostgreSQL rejected the user name or the password of DATABASE_URL; correct them there, or \
                        set the password of the role with: ALTER ROLE\n";
        assert!(reported.ends_with(expected) && reported.lines().count() == 1, "{reported}");
        for internal in ["hunter2", "at line", "pool timed out"] {
            assert!(!reported.contains(internal), "{reported}");
        }
    }
}

#[tokio::test]
async fn a_server_takes_its_lock_again_after_an_outage() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let mut server = ServerProcess::start_on(&cluster.url(), &[]);
    let alice = server.alice().await;
    let folder = tempfile::tempdir().expect("a folder");
    let down = || {
        let arguments = ["migrate", "down", "--yes"];
        server_command(folder.path(), &cluster.url()).args(arguments).output().expect("a process")
    };
    // The process of PostgreSQL that has the lock for the server; empty if none has.
    let holder = || {
        let locks = "SELECT pid FROM pg_locks WHERE mode = 'ShareLock' AND locktype = 'advisory'";
        cluster.query(locks)
    };
    assert!(!holder().is_empty());
    cluster.crash();
    cluster.resume();
    wait_until("the lock is taken again", async || !holder().is_empty()).await;
    let error = String::from_utf8(down().stderr).expect("UTF-8");
    assert!(error.contains("servers use this database"), "{error}");

    // An administrator or a pooler may end the connection.
    let before = holder();
    assert_eq!(cluster.query(&format!("SELECT pg_terminate_backend({before})")), "t");
    let is_taken_again = async || !["", before.as_str()].contains(&holder().as_str());
    wait_until("the lock is taken again", is_taken_again).await;
    assert_eq!(down().status.code(), Some(1));
    alice.add_book(book("still there")).await;
    server.stop("TERM").await;
    wait_until("the lock is free", async || down().status.success()).await;
}
