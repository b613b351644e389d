//! The command line of the binary.

use std::process::Command;

use insta::assert_json_snapshot;
use regex::Regex;
use serde_json::json;

use crate::support::{
    PASSWORD, ServerProcess, TestApp, TestDatabase, redact_id, redact_text, server_command,
    wait_until,
};

#[tokio::test]
async fn operation_logs_contain_no_secrets_or_personal_data() {
    let database = TestDatabase::create().await;
    let mut server = ServerProcess::start_on(database.url(), &[]);
    let ada = server.anon().registered("ada").await;
    ada.add_book(json!({ "title": "Secret Diary", "author": "A" })).await;
    let garbage = server.anon().with_header("authorization", "Bearer garbage-token");
    let late = garbage.ask("query Late { books { totalCount } }").await;
    late.assert_error("UNAUTHENTICATED");
    server.stop("TERM").await;

    let log = server.log();
    for secret in [
        PASSWORD,
        "ada@example.org",
        "Secret Diary",
        "garbage-token",
        &ada.access_token,
        &ada.refresh_token,
    ] {
        assert!(!secret.is_empty() && !log.contains(secret), "{secret} in {log}");
    }
    let lines = server.log_lines("bookshelf::operation");
    assert_eq!(lines[1]["viewer"], json!(ada.id), "{log}");
    for line in &lines {
        assert_eq!(line["request_id"].as_str().map(str::len), Some(32), "{line}");
        assert!(line["duration_ms"].as_f64().is_some_and(|duration| duration > 0.0), "{line}");
    }
    assert_json_snapshot!(lines, {
        "[].duration_ms" => "[milliseconds]",
        "[].request_id" => "[request id]",
        "[].timestamp" => redact_text("time"),
        "[].viewer" => redact_id("user"),
    });
}

#[tokio::test]
async fn acknowledged_writes_survive_sigkill() {
    let database = TestDatabase::create().await;
    let mut server = ServerProcess::start_on(database.url(), &[]);
    let ada = server.anon().registered("ada").await;
    let mut acknowledged = Vec::new();
    for number in 0..30 {
        let book = json!({ "title": format!("Book {number}"), "author": "A" });
        acknowledged.push(ada.add_book(book).await);
    }
    for id in &acknowledged[..10] {
        ada.update(id, json!({ "rating": 5 })).await.assert_ok();
    }
    for id in acknowledged.drain(20..) {
        ada.delete(&id).await.assert_ok();
    }
    server.kill();

    server.restart();
    let list = "{ books(first: 100, orderBy: { direction: ASC }) { nodes { id rating } } }";
    let found = ada.reconnected().ask(list).await.data();
    let expected = |(index, id): (usize, &String)| json!({ "id": id, "rating": if index < 10 { json!(5) } else { json!(null) } });
    let expected: Vec<_> = acknowledged.iter().enumerate().map(expected).collect();
    assert_eq!(found["nodes"], json!(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_and_sigint_let_running_operations_finish() {
    let database = TestDatabase::create().await;
    for signal in ["TERM", "INT"] {
        // At this cost hashing takes about a second, so the signal arrives while it runs.
        let mut server = ServerProcess::start_on(database.url(), &[("BCRYPT_COST", "14")]);
        let anon = server.anon();
        let before = server.hashing_time();
        let registration = tokio::spawn(async move {
            anon.register(signal, &format!("{signal}@example.org"), PASSWORD).await
        });
        server.wait_until_hashing(before).await;
        let (status, _) = server.stop(signal).await;

        let log = server.log();
        assert_eq!(status.code(), Some(0), "{log}");
        let registered = registration.await.expect("a response");
        assert_eq!(registered.payload()["user"]["username"], signal);
        let stopping = log.find("stopping").expect("a log line");
        assert!(stopping < log.find("\"kind\":\"mutation\"").expect("a log line"), "{log}");
    }
}

#[tokio::test]
async fn expired_sessions_are_removed_at_startup() {
    let database = TestDatabase::create().await;
    let mut server = ServerProcess::start_on(database.url(), &[]);
    for name in ["ada", "grace"] {
        server.anon().registered(name).await;
    }
    server.kill();
    let ada = "(SELECT id FROM users WHERE username = 'ada')";
    database.execute(&format!("UPDATE sessions SET expires_at = 1 WHERE user_id = {ada}")).await;

    server.restart();
    wait_until("the expired session is removed", async || {
        database.number("SELECT count(*) FROM sessions").await == 1
    })
    .await;
    assert_eq!(database.number("SELECT count(*) FROM refresh_tokens").await, 1);
}

#[tokio::test]
async fn an_invalid_setting_reports_the_variable_the_value_and_the_expected_format() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let run = server_command(folder.path(), database.url())
        .args(["serve", "--bcrypt-cost", "17"])
        .env("JWT_SECRETS", "too-short-a-secret")
        .output()
        .expect("a process");
    assert_eq!(run.status.code(), Some(2));
    let stderr = String::from_utf8(run.stderr).expect("UTF-8");
    assert!(
        stderr.contains("invalid BCRYPT_COST=17: expected an integer from 10 to 16"),
        "{stderr}"
    );
    assert!(stderr.contains("invalid JWT_SECRETS: ") && !stderr.contains("too-short"), "{stderr}");

    std::fs::write(folder.path().join(".env"), "GRAPHIQL=maybe\n").unwrap();
    let run = server_command(folder.path(), database.url()).output().expect("a process");
    assert_eq!(run.status.code(), Some(2));
    let below = folder.path().join("below");
    std::fs::create_dir(&below).unwrap();
    let below = server_command(&below, database.url()).arg("config").status().expect("a process");
    assert!(below.success(), "a .env file in the parent folder is not read");
    assert!(String::from_utf8_lossy(&run.stderr).contains("GRAPHIQL=maybe"));
}

#[tokio::test]
async fn an_invalid_trusted_documents_file_prevents_startup() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let list = folder.path().join("documents.json");
    for (content, complaint) in [
        (r#"{"books":"{ nothing }"}"#, "the document books is not valid: Type `Query` does not"),
        (r#"["{ __typename }"]"#, "expected a JSON object that maps ids to documents"),
    ] {
        std::fs::write(&list, content).expect("a file");
        let mut command = server_command(folder.path(), database.url());
        let run = command.env("TRUSTED_DOCUMENTS", &list).output().expect("a process");
        assert_eq!(run.status.code(), Some(1));
        let stderr = String::from_utf8(run.stderr).unwrap();
        assert!(stderr.contains("TRUSTED_DOCUMENTS=") && stderr.contains(complaint), "{stderr}");
    }
}

#[tokio::test]
async fn the_config_command_hides_secrets() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let run = server_command(folder.path(), database.url())
        .arg("config")
        .env(
            "JWT_SECRETS",
            "q0VJt3mKzX7wYc1RkUeP9dLs5BhNfGa2-secret-1,Zr8TnW4yHb6QxM1vCj3Kd9SgLp5FuEa7-secret-2",
        )
        .env("DATABASE_URL", "postgres://books:s3cr3t@db.example.org/shelf?password=s3cr3t")
        .output()
        .expect("a process");
    assert!(run.status.success());
    let printed = String::from_utf8(run.stdout).expect("UTF-8");
    assert!(printed.contains("DATABASE_URL=postgres://…@db.example.org:5432/shelf\n"), "{printed}");
    assert!(
        printed.contains("BCRYPT_COST=10\n") && printed.contains("ACCESS_TOKEN_TTL=15m\n"),
        "{printed}"
    );
    assert!(!printed.contains("secret-") && !printed.contains("s3cr3t"), "{printed}");
}

#[tokio::test]
async fn migrations_can_be_applied_and_reverted() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let migrate = |arguments: &[&str]| {
        let run =
            server_command(folder.path(), database.url()).arg("migrate").args(arguments).output();
        let run = run.expect("a process");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).expect("UTF-8")
    };
    let all = |state: &str| {
        let names = [
            "m0001_users",
            "m0002_sessions",
            "m0003_books",
            "m0004_failed_logins",
            "m0005_libraries",
            "m0006_publisher",
            "m0007_book_covers",
            "m0008_imports",
            "m0009_exports",
        ];
        names.iter().map(|name| format!("{state} {name}\n")).collect::<String>()
    };
    assert_eq!(migrate(&["status"]), all("pending"));
    assert_eq!(migrate(&["up"]), all("applied"));
    assert_eq!(migrate(&["up"]), all("applied"));
    assert_eq!(database.number("SELECT count(*) FROM books").await, 0);
    assert!(migrate(&["down"]).ends_with("pending m0009_exports\n"));
    assert_eq!(migrate(&["down", "8"]), all("pending"));
    assert_eq!(migrate(&["up"]), all("applied"));
}

#[tokio::test]
async fn recount_corrects_the_sizes_of_libraries() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    for actor in [&alice, &alice, &bob] {
        actor.add_book(json!({ "title": "T", "author": "A" })).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let recount = || {
        let run = server_command(folder.path(), app.database.url()).arg("recount").output();
        let run = run.expect("a process");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).expect("UTF-8")
    };
    assert_eq!(recount(), "corrected the sizes of 0 libraries\n");
    app.database.execute("UPDATE libraries SET book_count = 7, kibibytes = 0").await;
    assert_eq!(recount(), "corrected the sizes of 2 libraries\n");
    for (actor, books) in [(&alice, 2), (&bob, 1)] {
        let total = actor.ask("{ books { totalCount } }").await.data();
        assert_eq!(total, json!({ "totalCount": books }));
    }
    assert_eq!(app.db_count("libraries WHERE kibibytes = book_count").await, 2);
}

#[cfg(unix)]
#[tokio::test]
async fn the_generated_secret_file_is_private_and_reused() {
    use std::os::unix::fs::PermissionsExt;

    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let in_folder = |command: &mut Command| {
        command.env_remove("JWT_SECRETS").env("DATABASE_URL", "sqlite://data/books.db").status()
    };
    let path = folder.path().join("data/books.jwt-secret");
    let mut secrets = Vec::new();
    for _ in 0..2 {
        // Binding to this address fails, after everything before it has been done.
        let status =
            in_folder(server_command(folder.path(), database.url()).env("LISTEN", "192.0.2.1:80"));
        assert_eq!(status.expect("a process").code(), Some(1));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        secrets.push(std::fs::read_to_string(&path).unwrap());
    }
    assert_eq!(secrets[0], secrets[1]);
    assert_eq!(secrets[0].trim().len(), 64);
    let mode = std::fs::metadata(folder.path().join("data")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let database = std::fs::metadata(folder.path().join("data/books.db")).unwrap();
    assert_eq!(database.permissions().mode() & 0o777, 0o600);
}

#[test]
fn every_variable_in_the_help_is_documented() {
    let run = Command::new(env!("CARGO_BIN_EXE_bookshelf")).arg("--help").env_clear().output();
    let help = String::from_utf8(run.expect("a process").stdout).expect("UTF-8");
    let example = include_str!("../../.env.example");
    let readme = include_str!("../../README.md");
    let variables = Regex::new(r"\[env: (\w+)").unwrap();
    let variables: Vec<_> =
        variables.captures_iter(&help).map(|found| found[1].to_owned()).collect();
    assert!(variables.len() >= 12, "{help}");
    // The limits are documented in docs/limits.md and have their own test.
    for variable in variables.into_iter().filter(|name| !name.starts_with("LIMIT_")) {
        assert!(example.contains(&format!("{variable}=")), "{variable} in .env.example");
        assert!(readme.contains(&format!("`{variable}`")), "{variable} in README.md");
    }
}

#[tokio::test]
async fn every_limit_is_documented_with_its_default() {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let run =
        server_command(folder.path(), database.url()).arg("config").output().expect("a process");
    let printed = String::from_utf8(run.stdout).expect("UTF-8");
    let documented = include_str!("../../docs/limits.md");
    let effective: Vec<_> = printed.lines().filter(|line| line.starts_with("LIMIT_")).collect();
    assert!(effective.len() > 30, "{printed}");
    for line in &effective {
        let (variable, default) = line.split_once('=').expect("a value");
        let row = format!("| `{variable}` | {default} | ");
        assert!(documented.contains(&row), "{row}");
    }
    assert_eq!(documented.matches("\n| `LIMIT_").count(), effective.len());
}
