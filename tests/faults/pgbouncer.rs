//! PgBouncer between the server and PostgreSQL.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use futures_util::future::join_all;
use tempfile::TempDir;

use crate::deadlines::assert_abandoned_searches_are_cancelled;
use crate::support::{PostgresCluster, ServerProcess, server_command, skip, wait_until};
use crate::{LIST, book};

/// A running PgBouncer with its default settings, apart from the pool mode.
struct PgBouncer {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl PgBouncer {
    /// `None` after reporting a skipped test if it is not installed.
    async fn start(cluster: &PostgresCluster, pool_mode: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("its address");
        drop(free);
        let (users, config) = (folder.path().join("users"), folder.path().join("pgbouncer.ini"));
        fs::write(&users, "\"postgres\" \"\"\n").expect("a file");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\n\
             pool_mode = {pool_mode}\n",
            cluster.address().port(),
            address.port(),
            users.display()
        );
        fs::write(&config, text).expect("a file");
        cluster.give(folder.path());
        let mut command = Command::new("/usr/sbin/pgbouncer");
        command.args(["-q".as_ref(), config.as_os_str()]).stderr(Stdio::null());
        let Ok(process) = cluster.as_user(&mut command).spawn() else {
            skip("PgBouncer is not installed");
            return None;
        };
        let bouncer = Self { process, address, _folder: folder };
        let listens = async || TcpStream::connect(bouncer.address).is_ok();
        wait_until("PgBouncer listens", listens).await;
        Some(bouncer)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn session_pooling_works_with_the_default_settings() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let Some(bouncer) = PgBouncer::start(&cluster, "session").await else { return };
    let server = ServerProcess::start_on(&cluster.url_at(bouncer.address), &[]);
    let alice = server.alice().await;
    let titles: Vec<_> = (0..40).map(|number| number.to_string()).collect();
    join_all(titles.iter().map(|title| alice.add_book(book(title)))).await;
    let lists = join_all((0..40).map(|_| alice.ask(LIST))).await;
    lists.iter().for_each(|list| list.assert_ok());
    alice.ask("{ books(filter: { search: \"7\" }) { totalCount } }").await.assert_ok();
    server.anon().registered("bob").await;
    // The settings apply to the sessions of the database.
    let reset = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bookshelf'";
    assert_ne!(cluster.query(reset), "0");
    assert!(!server.log().contains("WARN"), "{}", server.log());
}

#[tokio::test]
async fn searches_of_disconnected_clients_are_cancelled_through_pgbouncer() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let Some(bouncer) = PgBouncer::start(&cluster, "session").await else { return };
    let server = ServerProcess::start_on(&cluster.url_at(bouncer.address), &[]);
    assert_abandoned_searches_are_cancelled(&cluster, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_are_not_reverted_while_a_server_runs_behind_session_pooling() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let Some(bouncer) = PgBouncer::start(&cluster, "session").await else { return };
    let (folder, url) = (tempfile::tempdir().expect("a folder"), cluster.url_at(bouncer.address));
    let mut server = ServerProcess::start_on(&url, &[]);
    server.alice().await;
    let down = |url: &str| {
        let arguments = ["migrate", "down", "--yes"];
        server_command(folder.path(), url).args(arguments).output().expect("a process")
    };
    for url in [&url, &cluster.url()] {
        let error = String::from_utf8(down(url).stderr).expect("UTF-8");
        assert!(error.contains("servers use this database"), "{error}");
    }
    // PgBouncer keeps the connection, but resets its session.
    server.kill();
    wait_until("the lock is free", async || down(&url).status.success()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_pooling_is_rejected() {
    let Some(cluster) = PostgresCluster::start() else { return };
    for mode in ["transaction", "statement"] {
        let Some(bouncer) = PgBouncer::start(&cluster, mode).await else { return };
        let folder = tempfile::tempdir().expect("a folder");
        let output = server_command(folder.path(), &cluster.url_at(bouncer.address)).output();
        let output = output.expect("a process");
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(!output.status.success() && error.contains("pool_mode = session"), "{error}");
    }
}
