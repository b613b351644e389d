//! `.env`, and settings in the forms in which people write them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use proptest::prelude::*;

use super::{failure, success};
use crate::support::{ServerProcess, TestDatabase, server_command};

/// Runs `bookshelf config` with this `.env`, without other settings.
fn config_with(folder: &Path, dotenv: &str) -> std::process::Output {
    fs::write(folder.join(".env"), dotenv).expect("a file");
    fs::set_permissions(folder.join(".env"), fs::Permissions::from_mode(0o644)).expect("a mode");
    let mut command = server_command(folder, "");
    command.env_clear().arg("config").output().expect("a process")
}

#[test]
fn a_line_of_dotenv_that_does_not_parse_is_rejected_without_its_value() {
    let folder = tempfile::tempdir().expect("a folder");
    for line in [
        "DATABASE_URL=postgres://shelf:hunter2\"@db/shelf",
        "DATABASE_URL=\"postgres://shelf:hunter2@db/shelf",
        "DATABASE_URL='postgres://shelf:hunter2@db/shelf' hunter2",
        "DATABASE_URL=postgres://shelf:$hunter2@db/shelf",
        "DATABASE_URL=sqlite://pa$hunter2/x.db",
        "DATABASE_URL postgres://shelf:hunter2@db/shelf",
        "hunter2",
        "hunter2$=$hunter2",
    ] {
        let stderr = failure(&config_with(folder.path(), &format!("\n{line}\n")), 2);
        assert!(stderr.contains(".env, line 2: "), "{stderr}");
        assert!(!stderr.contains("hunter2"), "{stderr}");
        assert!(!line.contains("L=") || stderr.contains("DATABASE_URL"), "{stderr}");
    }
    let quoted = config_with(folder.path(), "DATABASE_URL='sqlite://pa$word/x.db'\n");
    assert!(success(&quoted).contains("DATABASE_URL=sqlite://pa$word/x.db\n"));
}

#[test]
fn misspelt_variables_and_readable_files_are_warnings() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = config_with(folder.path(), "BCRYPT_COSTS=12\nPOSTGRES_PASSWORD=hunter2\n");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(success(&output).contains("BCRYPT_COST=12\n"), "the default");
    assert!(
        stderr.contains("BCRYPT_COSTS is unknown and ignored; did you mean BCRYPT_COST?"),
        "{stderr}"
    );
    assert!(!stderr.contains("POSTGRES") && !stderr.contains("hunter2"), "{stderr}");
    assert!(stderr.contains("chmod 600 .env"), "{stderr}");

    fs::set_permissions(folder.path().join(".env"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = server_command(folder.path(), "");
    let output = command.env_clear().arg("config").output().expect("a process");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("chmod"), "{output:?}");
}

#[tokio::test]
async fn a_readable_secret_file_is_a_warning_at_the_start() {
    let mut server = ServerProcess::start(&[("BCRYPT_COSTS", "12")]);
    let secret = server.file().with_extension("jwt-secret");
    assert!(!server.log().contains("chmod"), "{}", server.log());
    server.stop("TERM").await;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let dotenv = server.file().with_file_name(".env");
    fs::write(&dotenv, "# for docker\n").unwrap();
    fs::set_permissions(&dotenv, fs::Permissions::from_mode(0o644)).unwrap();
    server.restart();
    let warning = format!("run: chmod 600 {}", secret.display());
    assert_eq!(server.log().matches(&warning).count(), 1, "{}", server.log());
    assert_eq!(server.log().matches("run: chmod 600 .env").count(), 1, "{}", server.log());
    assert!(server.log().contains("did you mean BCRYPT_COST?"), "{}", server.log());
}

#[test]
fn misplaced_arguments_are_not_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [
        &["postgres://shelf:hunter2@db/shelf"][..],
        &["serve", "postgres://shelf:hunter2@db/shelf"],
        &["--database-urls=postgres://shelf:hunter2@db/shelf"],
        &["user", "add", "ada@example.org", "hunter2-hunter2"],
    ] {
        let mut command = server_command(folder.path(), "sqlite://x.db");
        let stderr = failure(&command.args(arguments).output().expect("a process"), 2);
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
    let mut command = server_command(folder.path(), "sqlite://x.db");
    let stderr = failure(&command.arg("serv").output().expect("a process"), 2);
    assert!(stderr.contains("'serv'") && stderr.contains("'serve'"), "{stderr}");
}

#[test]
fn guessable_secrets_are_rejected_without_being_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    for secret in [
        "changemechangemechangemechangeme",
        "changeme-changeme-please-change-me-now",
        "short-secret",
    ] {
        let mut command = server_command(folder.path(), "sqlite://x.db");
        let output = command.arg("config").env("JWT_SECRETS", secret).output().expect("a process");
        let stderr = failure(&output, 2);
        assert!(
            stderr.contains("JWT_SECRETS") && stderr.contains("openssl rand -hex 32"),
            "{stderr}"
        );
        assert!(!stderr.contains(secret), "{stderr}");
    }
}

#[tokio::test]
async fn a_trial_leaves_no_file() {
    let (folder, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = temporary.path().to_str().expect("UTF-8");
    let mut server = ServerProcess::start_on("sqlite::memory:", &[("TMPDIR", path)]);
    server.alice().await;
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 1);
    let (status, _) = server.stop("TERM").await;
    assert!(status.success());
    let mut command = server_command(folder.path(), "sqlite::memory:");
    let printed = success(&command.env("TMPDIR", path).arg("config").output().expect("a process"));
    assert!(printed.contains("DATABASE_URL=sqlite::memory:\n"), "{printed}");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[tokio::test]
async fn host_names_are_listened_on() {
    let database = TestDatabase::create().await;
    let server = ServerProcess::start_on(database.url(), &[("LISTEN", "localhost:0")]);
    assert!(server.is_ready().await);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_output_of_config_has_a_part_of_a_secret(
        password in "[a-zA-Z0-9!#$%&*+/:;=?@^_~-]{8,24}",
        secret in "[a-zA-Z0-9+/=-]{8,48}",
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let encoded: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let url = format!("postgres://shelf:{encoded}@db.example.org/library");
        let mut command = server_command(folder.path(), &url);
        let output = command.arg("config").env("JWT_SECRETS", &secret).output().expect("a process");
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed);
        for secret in [&password, &secret, &encoded] {
            for part in secret.as_bytes().windows(6) {
                let part = std::str::from_utf8(part).expect("ASCII");
                prop_assert!(!printed.contains(part), "{part} in {printed}");
            }
        }
    }
}

#[test]
fn freed_memory_is_returned_at_once_unless_the_environment_sets_another_time() {
    for (settings, expected) in [
        (&[][..], "MIMALLOC_PURGE_DELAY=0"),
        (&[("MIMALLOC_PURGE_DELAY", "500")], "MIMALLOC_PURGE_DELAY=500"),
    ] {
        let server = ServerProcess::start(settings);
        let environment = fs::read_to_string(format!("/proc/{}/environ", server.id()));
        let environment = environment.expect("the environment of the process");
        assert!(environment.split('\0').any(|variable| variable == expected), "{environment}");
    }
}
