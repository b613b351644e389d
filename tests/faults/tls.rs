//! Connections to PostgreSQL with and without TLS: every `sslmode`, certificates and client certificates.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::deadlines::assert_abandoned_searches_are_cancelled;
use crate::support::{PostgresCluster, ServerProcess, server_command};
use crate::{LIST, book};

/// Users who can log in only with TLS, only without, and both ways.
const LOGINS: &str = "local all all trust
hostssl all tls all trust
hostssl all certified all cert
hostnossl all plain all trust
host all either,postgres all trust
";

/// What a connection uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Used {
    Plain,
    Tls,
    /// No connection is possible.
    Neither,
}

use Used::{Neither, Plain, Tls};

fn tls_cluster() -> Option<PostgresCluster> {
    let cluster = PostgresCluster::start_with_tls(LOGINS)?;
    cluster.execute(
        "CREATE ROLE tls LOGIN SUPERUSER; CREATE ROLE plain LOGIN SUPERUSER; \
         CREATE ROLE certified LOGIN SUPERUSER; \
         CREATE ROLE either LOGIN SUPERUSER",
    );
    Some(cluster)
}

/// Runs a command that connects with both drivers. Returns its error, if it fails.
fn connect(url: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let output = server_command(folder.path(), url).args(["migrate", "status"]).output();
    let output = output.expect("a process");
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8(output.stderr).expect("UTF-8"))
}

/// What all connections of [`connect`] used, as the server has logged.
fn used(cluster: &PostgresCluster, url: &str) -> Used {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    if connect(&format!("{url}&application_name={name}")).is_err() {
        return Neither;
    }
    let (log, name) = (cluster.log(), format!("application_name={name} "));
    let opened: Vec<_> = log.lines().filter(|line| format!("{line} ").contains(&name)).collect();
    assert!(opened.len() >= 3, "pipelined connections and one of sea-orm's pool: {log}");
    match opened.iter().filter(|line| line.contains("SSL enabled")).count() {
        0 => Plain,
        all if all == opened.len() => Tls,
        _ => panic!("some connections have TLS: {log}"),
    }
}

#[test]
fn both_drivers_use_tls_as_sslmode_says() {
    let Some(cluster) = tls_cluster() else { return };
    let (address, root) = (cluster.address(), cluster.root_certificate());
    // For each user: either, tls, plain.
    for (mode, expected) in [
        ("disable", [Plain, Neither, Plain]),
        ("allow", [Plain, Tls, Plain]),
        ("prefer", [Tls, Tls, Plain]),
        ("require", [Tls, Tls, Neither]),
        ("verify-ca", [Tls, Tls, Neither]),
        ("verify-full", [Tls, Tls, Neither]),
    ] {
        for (user, expected) in ["either", "tls", "plain"].into_iter().zip(expected) {
            let url =
                format!("postgres://{user}@{address}/postgres?sslmode={mode}&sslrootcert={root}");
            assert_eq!(used(&cluster, &url), expected, "{mode} {user}");
        }
    }
    let without_mode = format!("postgres://either@{address}/postgres?");
    assert_eq!(used(&cluster, &without_mode), Tls, "prefer is the default");
    let (folder, port) = (cluster.socket_folder(), address.port());
    let socket = format!("postgres://either@/postgres?host={folder}&port={port}&sslmode=require");
    assert_eq!(used(&cluster, &socket), Plain, "a Unix socket never has TLS");
    let name = format!("postgres://either@localhost:{port}/postgres");
    let name = format!("{name}?sslmode=verify-full&sslrootcert={root}");
    assert_eq!(used(&cluster, &name), Tls, "a name");
    let ipv6 = format!("postgres://either@[::1]:{port}/postgres");
    let ipv6 = format!("{ipv6}?sslmode=verify-full&sslrootcert={root}");
    assert_eq!(used(&cluster, &ipv6), Tls, "an IPv6 address");
}

#[tokio::test]
async fn searches_of_disconnected_clients_are_cancelled_over_tls() {
    let Some(cluster) = tls_cluster() else { return };
    let (address, root) = (cluster.address(), cluster.root_certificate());
    let url = format!("postgres://tls@{address}/postgres?sslmode=verify-full&sslrootcert={root}");
    let server = ServerProcess::start_on(&url, &[]);
    assert_abandoned_searches_are_cancelled(&cluster, &server).await;
}

#[test]
fn a_server_without_tls_is_used_only_if_sslmode_allows_it() {
    let Some(cluster) = PostgresCluster::start() else { return };
    for mode in ["disable", "allow", "prefer"] {
        assert_eq!(connect(&format!("{}?sslmode={mode}", cluster.url())), Ok(()), "{mode}");
    }
    for mode in ["require", "verify-full&sslrootcert=system"] {
        let error = connect(&format!("{}?sslmode={mode}", cluster.url())).expect_err(mode);
        assert!(error.contains("server does not support TLS"), "{mode}: {error}");
    }
}

#[test]
fn certificates_are_verified_as_sslmode_says() {
    let (Some(cluster), Some(other)) = (tls_cluster(), tls_cluster()) else { return };
    let (right, wrong) = (cluster.root_certificate(), other.root_certificate());
    let (address, port) = (cluster.address(), cluster.address().port());
    let url = |host: &str, query: &str| format!("postgres://tls@{host}:{port}/postgres?{query}");
    let here = address.ip().to_string();
    let elsewhere = |query: &str| url("db.example.org", &format!("hostaddr={here}&{query}"));
    for (url, reason) in [
        (
            url(&here, &format!("sslmode=verify-ca&sslrootcert={wrong}")),
            Some("invalid peer certificate"),
        ),
        (
            url(&here, &format!("sslmode=verify-full&sslrootcert={wrong}")),
            Some("invalid peer certificate"),
        ),
        // A root certificate is used below verify-ca, too.
        (
            url(&here, &format!("sslmode=require&sslrootcert={wrong}")),
            Some("invalid peer certificate"),
        ),
        (
            url(&here, &format!("sslmode=prefer&sslrootcert={wrong}")),
            Some("invalid peer certificate"),
        ),
        (url(&here, "sslmode=require"), None),
        (
            elsewhere(&format!("sslmode=verify-full&sslrootcert={right}")),
            Some("not valid for name"),
        ),
        (elsewhere(&format!("sslmode=verify-ca&sslrootcert={right}")), None),
        (elsewhere("sslmode=require"), None),
        (url(&here, "sslmode=verify-ca&sslrootcert=/missing.pem"), Some("cannot read sslrootcert")),
    ] {
        match (connect(&url), reason) {
            (Ok(()), None) => {}
            (Err(error), Some(reason)) => assert!(error.contains(reason), "{url}: {error}"),
            (result, _) => panic!("{url}: {result:?}"),
        }
    }
    // The system does not trust the authority of the cluster, if it has authorities at all.
    let system = connect(&url(&here, "sslrootcert=system")).expect_err("an unknown authority");
    let reasons = ["invalid peer certificate", "the system has no root certificates"];
    assert!(reasons.iter().any(|reason| system.contains(reason)), "{system}");
}

#[test]
fn a_client_certificate_replaces_a_password() {
    let Some(cluster) = tls_cluster() else { return };
    let issued = cluster.issue_certificate("certified", &[]);
    let (certificate, key) = issued.expect("an installed openssl");
    let url = format!("postgres://certified@{}/postgres?sslmode=require", cluster.address());
    assert_eq!(used(&cluster, &format!("{url}&sslcert={certificate}&sslkey={key}")), Tls);
    assert_eq!(used(&cluster, &url), Neither);
}

#[tokio::test]
async fn all_connections_of_a_server_use_tls() {
    let Some(cluster) = tls_cluster() else { return };
    let root = cluster.root_certificate();
    let url = format!("{}?sslmode=verify-full&sslrootcert={root}", cluster.url());
    let server = ServerProcess::start_on(&url, &[]);
    let alice = server.alice().await;
    alice.add_book(book("Emma")).await;
    alice.ask("{ books(filter: { search: \"emma\" }) { totalCount } }").await.assert_ok();
    let log = cluster.log();
    let connections = log.lines().filter(|line| line.contains("application_name=bookshelf"));
    let connections: Vec<_> = connections.collect();
    assert!(connections.len() >= 6, "{log}");
    assert!(connections.iter().all(|line| line.contains("SSL enabled")), "{log}");
    assert!(!server.log().contains("WARN"), "{}", server.log());

    // Each connection prepares a statement once.
    let lists = async || {
        let before = cluster.log().len();
        for _ in 0..40 {
            alice.ask(LIST).await.assert_ok();
        }
        cluster.log()[before..].to_owned()
    };
    lists().await;
    let log = lists().await;
    let number = |step: &str| log.lines().filter(|line| line.contains(step)).count();
    assert!(number(" parse ") == 0 && number(" execute ") >= 40, "{log}");
}

/// A server that starts TLS at once, as PostgreSQL 17 does if a client asks for the protocol `postgresql`, in front
/// of this cluster. It refuses connections that ask for TLS first.
async fn direct_tls_server(cluster: &PostgresCluster) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (acceptor, target) = (cluster.tls_acceptor(), cluster.address());
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.expect("a connection");
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"postgresql"[..]));
                let mut server = TcpStream::connect(target).await.expect("PostgreSQL");
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_tls_starts_without_a_request() {
    let Some(cluster) = tls_cluster() else { return };
    let (port, root) = (direct_tls_server(&cluster).await, cluster.root_certificate());
    let url = format!(
        "postgres://plain@127.0.0.1:{port}/postgres?sslmode=verify-full&sslrootcert={root}"
    );
    let connect = async |url: String| {
        tokio::task::spawn_blocking(move || connect(&url)).await.expect("a result")
    };
    assert_eq!(connect(format!("{url}&sslnegotiation=direct")).await, Ok(()));
    connect(url).await.expect_err("a refused request");
}
