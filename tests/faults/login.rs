//! Logins to PostgreSQL: passwords, their files, sockets, session parameters, and PgBouncer.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD as STANDARD, BASE64_URL_SAFE as URL_SAFE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::book;
use crate::support::{PostgresCluster, ServerProcess, server_command, wait_until};

/// Every printable ASCII character, in an order that no parser expects.
fn special_password() -> String {
    let characters: String = (0x21..0x7f_u8).rev().map(char::from).collect();
    format!("/7Mxq+rE@ {characters}é")
}

/// A cluster with the user `books`, who needs this password.
fn cluster(password: &str) -> Option<PostgresCluster> {
    let cluster = PostgresCluster::start_with_tls(
        "local all postgres trust\nhost all all all scram-sha-256\n",
    )?;
    let quoted = password.replace('\'', "''");
    let _ = cluster.query(&format!("CREATE ROLE books LOGIN SUPERUSER PASSWORD '{quoted}'"));
    Some(cluster)
}

/// Runs a command that connects with both drivers, with these variables. Returns all its output if it fails.
fn connect(url: &str, variables: &[(&str, &str)]) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = server_command(folder.path(), url);
    command.envs(variables.iter().copied()).env("RUST_LOG", "trace");
    let output = command.args(["migrate", "status"]).output().expect("a process");
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8"))
}

#[test]
fn a_password_may_have_every_character() {
    let password = special_password();
    let Some(cluster) = cluster(&password) else { return };
    let escaped = utf8_percent_encode(&password, NON_ALPHANUMERIC);
    let (address, port) = (cluster.address(), cluster.address().port());
    let file = tempfile::NamedTempFile::new().expect("a file");
    let line = password.replace('\\', r"\\").replace(':', r"\:");
    std::fs::write(file.path(), format!("other:*:*:*:x\n*:{port}:postgres:books:{line}\n"))
        .expect("a password file");
    let path = file.path().to_str().expect("UTF-8");
    let without = format!("postgres://books@{address}/postgres");

    for (url, variables) in [
        (format!("postgres://books:{escaped}@{address}/postgres"), vec![]),
        (format!("{without}?password={escaped}"), vec![]),
        (without.clone(), vec![("PGPASSWORD", password.as_str())]),
        (without.clone(), vec![("PGPASSFILE", path)]),
        (format!("{without}?passfile={path}"), vec![]),
        (
            "postgres://".to_owned(),
            vec![
                ("PGHOST", "127.0.0.1"),
                ("PGPORT", &port.to_string()),
                ("PGUSER", "books"),
                ("PGDATABASE", "postgres"),
                ("PGPASSWORD", &password),
                ("PGSSLMODE", "require"),
            ],
        ),
    ] {
        assert_eq!(connect(&url, &variables), Ok(()), "{url}");
    }
    let error = connect(&without, &[]).expect_err("no password");
    assert!(error.contains("password missing"), "{error}");
}

#[test]
fn no_part_of_a_wrong_password_is_in_any_output() {
    let Some(cluster) = cluster("right") else { return };
    let address = cluster.address();
    let file = tempfile::NamedTempFile::new().expect("a file");
    // sqlx logs the second line, since it has too few fields.
    std::fs::write(file.path(), "*:*:*:*:hunter2\nhunter2\n").expect("a password file");
    let path = file.path().to_str().expect("UTF-8");
    let without = format!("postgres://books@{address}/postgres");
    for (url, variables) in [
        (format!("postgres://books:hunter2@{address}/postgres"), vec![]),
        (format!("postgres://books:/hunter2@{address}/postgres"), vec![]),
        (format!("postgres://books:1?hunter2=x@{address}/postgres"), vec![]),
        (format!("{without}?password=x&hunter2=y"), vec![]),
        (format!("{without}?sslmode=hunter2"), vec![]),
        (format!("{without}?unknown=hunter2"), vec![]),
        (without.clone(), vec![("PGPASSWORD", "hunter2")]),
        (without, vec![("PGPASSFILE", path)]),
    ] {
        let output = connect(&url, &variables).expect_err(&url);
        assert!(!output.contains("hunter2"), "{url}: {output}");
        assert!(output.contains("bookshelf: "), "{url}: {output}");
    }
}

/// The ways in which a program could write a password, so that a part of it that is not at its ends can be found.
fn encodings(password: &str) -> Vec<String> {
    let bytes = password.as_bytes();
    let decimal: Vec<_> = bytes.iter().map(u8::to_string).collect();
    let json = serde_json::to_string(password).expect("JSON");
    let escaped = utf8_percent_encode(password, NON_ALPHANUMERIC).to_string();
    let mut all = vec![
        password.to_owned(),
        escaped.to_lowercase(),
        escaped,
        password.escape_debug().to_string(),
        password.escape_default().to_string(),
        password.escape_unicode().to_string(),
        bytes.escape_ascii().to_string(),
        json.trim_matches('"').to_owned(),
        decimal.join(", "),
        decimal.join(","),
        hex::encode(bytes),
        hex::encode_upper(bytes),
    ];
    // As a part of a longer text, which shifts the groups of three bytes. The characters at the ends depend on the
    // bytes around.
    for engine in [STANDARD, URL_SAFE] {
        for shift in 0..3 {
            let shifted = engine.encode([&vec![0; shift], bytes].concat());
            let start = if shift == 0 { 0 } else { 4 };
            all.push(shifted[start..shifted.len() - 4].to_owned());
        }
    }
    all
}

/// The encoding of the password that an output has, if any: as it is, or escaped again as a text in JSON.
fn leaked(password: &str, output: &str) -> Option<String> {
    let in_json: String = output
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .flat_map(|line| line.as_object().cloned().unwrap_or_default())
        .map(|(name, value)| format!("{name}={}\n", value.as_str().unwrap_or_default()))
        .collect();
    encodings(password).into_iter().find(|text| output.contains(text) || in_json.contains(text))
}

#[test]
fn every_encoding_of_a_password_is_found() {
    let password = special_password();
    for encoding in encodings(&password) {
        assert!(encoding.len() > 40, "{encoding} is a part of other texts");
        let line = serde_json::json!({ "message": format!("login with [{encoding}]") });
        assert!(leaked(&password, &format!("{{}}\n{line}\n")).is_some(), "{encoding}");
    }
    for around in ["", "u", "us", "\0books\0"] {
        let sent = format!("{around}{password}{around}");
        let lines = [
            STANDARD.encode(&sent),
            URL_SAFE.encode(&sent),
            format!("{:?}", sent.as_bytes()),
            format!("{:?}", Some(&sent)),
            format!("postgres://books:{}@host/db", utf8_percent_encode(&sent, NON_ALPHANUMERIC)),
        ];
        for line in lines {
            assert!(leaked(&password, &line).is_some(), "{line}");
        }
    }
    assert_eq!(leaked(&password, "{\"message\":\"nothing\"}"), None);
}

#[tokio::test]
async fn a_password_is_not_logged_at_any_level() {
    let password = special_password();
    let Some(cluster) = cluster(&password) else { return };
    let escaped = utf8_percent_encode(&password, NON_ALPHANUMERIC);
    let url = format!("postgres://books:{escaped}@{}/postgres", cluster.address());
    for format in ["json", "pretty"] {
        let settings =
            [("RUST_LOG", "trace,sqlx=trace,tokio_postgres=trace"), ("LOG_FORMAT", format)];
        let folder = tempfile::tempdir().expect("a folder");
        for arguments in [&["config"][..], &["migrate", "up"], &["user", "list"], &["recount"]] {
            let mut command = server_command(folder.path(), &url);
            let output = command.envs(settings).args(arguments).output().expect("a process");
            assert!(output.status.success(), "{arguments:?}: {output:?}");
            let output = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
            assert_eq!(leaked(&password, &output), None, "{arguments:?}: {output}");
        }
    }
    let server = ServerProcess::start_on(&url, &[("RUST_LOG", "trace")]);
    server.alice().await.add_book(book("Emma")).await;
    // Connections are opened again, too.
    cluster.crash();
    wait_until("not ready", async || !server.is_ready().await).await;
    cluster.resume();
    wait_until("the return is logged", async || server.log().contains("is available again")).await;
    let log = server.log();
    for expected in ["bookshelf::operation", "lost a connection to the database"] {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    assert_eq!(leaked(&password, &log), None, "{log}");
}

#[tokio::test]
async fn session_parameters_apply_to_both_drivers() {
    let Some(cluster) = PostgresCluster::start() else { return };
    cluster.execute("CREATE SCHEMA \"her books\"; CREATE SCHEMA his");
    for (query, schema) in [
        ("search_path=%22her%20books%22", "her books"),
        ("options=-c%20search_path=his%20-c%20work_mem=8MB", "his"),
    ] {
        let server = ServerProcess::start_on(&format!("{}?{query}", cluster.url()), &[]);
        server.alice().await.add_book(book("Emma")).await;
        let found = cluster.query(&format!("SELECT count(*) FROM \"{schema}\".books"));
        assert_eq!(found, "1", "{query}");
    }
}

#[test]
fn sockets_and_ipv6_addresses_are_hosts() {
    let Some(cluster) = PostgresCluster::start() else { return };
    let (port, folder) = (cluster.address().port(), cluster.socket_folder());
    let escaped = utf8_percent_encode(&folder, NON_ALPHANUMERIC);
    for url in [
        format!("postgres://postgres@{escaped}:{port}/postgres"),
        format!("postgres://postgres@/postgres?host={folder}&port={port}"),
        format!("postgres://postgres@[::1]:{port}/postgres"),
        format!("postgres://postgres@db.example.org:{port}/postgres?hostaddr=::1"),
    ] {
        assert_eq!(connect(&url, &[]), Ok(()), "{url}");
    }
}
