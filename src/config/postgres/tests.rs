use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::url::MALFORMED;
use super::*;

fn target(url: &str, environment: &[(&str, &str)]) -> Result<PostgresTarget, String> {
    PostgresTarget::from_url_with(url, &|variable| {
        let found = environment.iter().find(|(name, _)| *name == variable);
        found.map(|(_, text)| (*text).to_owned())
    })
}

fn parsed(url: &str, environment: &[(&str, &str)]) -> PostgresTarget {
    target(url, environment).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn password(target: &PostgresTarget) -> Option<&str> {
    target.password.as_ref().map(ExposeSecret::expose_secret)
}

/// The password that libpq reads between the user and the host (`conninfo_uri_parse_options`); `None` if it rejects the
/// URL, or takes a part of the password for something else.
fn password_of_authority(raw: &str) -> Option<String> {
    (!raw.contains(['@', '/'])).then(|| decoded(raw)).flatten()
}

/// The password that libpq reads in the parameters (`conninfo_uri_parse_params`).
fn password_of_query(raw: &str) -> Option<String> {
    (!raw.contains(['&', '='])).then(|| decoded(raw)).flatten()
}

/// The text without percent-encoding (`conninfo_uri_decode`).
fn decoded(raw: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok().filter(|text| !text.contains('+'))?;
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|byte| *byte != 0)?);
    }
    String::from_utf8(bytes).ok()
}

proptest! {
    /// Whatever a password contains, neither errors nor output depend on it.
    #[test]
    fn no_part_of_a_password_is_in_an_error_or_in_output(secret in "[ -~]{0,24}|\\PC{0,24}") {
        for template in [
            "postgres://shelf:{}@192.0.2.1/db",
            "postgres://shelf:/{}@192.0.2.1/db",
            "postgres://{}@192.0.2.1/db",
            "postgres://shelf:1?{}=x@192.0.2.1/db",
            "postgres://shelf@192.0.2.1/db?password={}",
        ] {
            match target(&template.replace("{}", &secret), &[]) {
                Ok(target) => prop_assert_eq!(target.to_string(), "postgres://…@192.0.2.1:5432/db"),
                Err(error) => prop_assert!(
                    [MALFORMED, "a parameter is not supported"].contains(&error.as_str()),
                    "{}", error
                ),
            }
        }
    }

    /// A password that libpq accepts is the same here, unless it has an unescaped character that docs/postgresql.md
    /// tells to escape: then the URL is rejected. It is never another password.
    #[test]
    fn a_password_in_a_url_is_the_one_that_libpq_reads(
        raw in "[ -~]{0,24}|\\PC{0,24}|([!-~é]|%[0-9a-fA-F]{2}){0,12}"
    ) {
        let special = |characters: &str| raw.contains(|c| characters.contains(c));
        for (template, read_by_libpq, must_be_escaped) in [
            ("postgres://shelf:{}@192.0.2.1/db", password_of_authority(&raw), special("@/?#%")),
            ("postgres://shelf@192.0.2.1/db?password={}", password_of_query(&raw), special("@#%&")),
        ] {
            match target(&template.replace("{}", &raw), &[]) {
                Ok(target) if read_by_libpq.is_some() || !special("&=") => {
                    let expected = read_by_libpq.filter(|password| !password.is_empty());
                    prop_assert_eq!(password(&target), expected.as_deref());
                }
                // libpq rejects a `=` in a value.
                Ok(_) => prop_assert!(template.contains('?')),
                Err(_) => prop_assert!(must_be_escaped),
            }
        }
    }

    #[test]
    fn an_escaped_password_is_decoded_and_not_printed(secret in "[ -~]{1,24}|[^\\x00]{1,24}") {
        let escaped = utf8_percent_encode(&secret, NON_ALPHANUMERIC).to_string();
        for template in
            ["postgres://shelf:{}@192.0.2.1/db", "postgres://shelf@192.0.2.1/db?password={}"]
        {
            let target = parsed(&template.replace("{}", &escaped), &[]);
            prop_assert_eq!(password(&target), Some(secret.as_str()));
            prop_assert_eq!(target.to_string(), "postgres://…@192.0.2.1:5432/db");
            let other = parsed(&template.replace("{}", "other"), &[]);
            prop_assert_eq!(format!("{target:?}"), format!("{other:?}"));
        }
    }
}

#[test]
fn the_environment_completes_the_url() {
    let environment = [
        ("PGHOST", "other"),
        ("PGPORT", "6432"),
        ("PGUSER", "books"),
        ("PGPASSWORD", "pw"),
        ("PGDATABASE", "shelf"),
        ("PGSSLMODE", "require"),
        ("PGOPTIONS", "-c work_mem=4MB"),
        ("PGAPPNAME", "books"),
    ];
    let target = parsed("postgres://", &environment);
    assert_eq!(target.to_string(), "postgres://…@other:6432/shelf");
    assert_eq!((target.user.as_str(), password(&target)), ("books", Some("pw")));
    assert_eq!(target.tls.mode, SslMode::Require);
    assert_eq!(target.application_name.as_deref(), Some("books"));
    let url = "postgres://u:p@[::1]:1/n?sslmode=allow&options=-c%20geqo%3Doff&options[x]=y";
    let target = parsed(url, &environment);
    assert_eq!(target.to_string(), "postgres://…@[::1]:1/n");
    assert_eq!((target.user.as_str(), password(&target)), ("u", Some("p")));
    assert_eq!(target.tls.mode, SslMode::Allow);
    let options = [("work_mem", "4MB"), ("geqo", "off"), ("x", "y")];
    assert_eq!(target.options, options.map(|(x, y)| (x.to_owned(), y.to_owned())));
    assert_eq!(parsed("postgres://u@h", &[]).database, "u");
}

#[test]
fn several_hosts_have_one_port_or_one_each() {
    let target = parsed("postgres://u@a,b:6432,[::1]/db?target_session_attrs=read-write", &[]);
    assert_eq!(target.to_string(), "postgres://…@a:5432,b:6432,[::1]:5432/db");
    assert_eq!(target.session, TargetSession::ReadWrite);
    let target = parsed("postgres://u@/db?host=/run/pg,b&port=6432", &[]);
    assert_eq!(target.to_string(), "postgres://…@[/run/pg]:6432,b:6432/db");
    let target = parsed("postgres://u@db.example/db?hostaddr=192.0.2.1", &[]);
    assert_eq!(target.hosts[0].address, Some([192, 0, 2, 1].into()));
    assert_eq!(target.to_string(), "postgres://…@db.example:5432/db");
    for (url, error) in [
        ("postgres://a,b,c/db?port=1,2", "port: expected one port, or as many as hosts"),
        ("postgres://a/db?port=x", "port: expected a port"),
        ("postgres://a/db?hostaddr=x", "hostaddr: expected an IP address"),
        ("postgres://a/db?hostaddr=::1,::2", "hostaddr: expected as many addresses as hosts"),
    ] {
        assert_eq!(target_error(url), error, "{url}");
    }
}

fn target_error(url: &str) -> String {
    target(url, &[]).expect_err(url)
}

#[test]
fn invalid_parameters_are_named_without_their_values() {
    for (url, error) in [
        ("postgres://h/?sslmod=s3cr3t", "the parameter sslmod is not supported"),
        ("postgres://h/?krbsrvname=s3cr3t", "the parameter krbsrvname is not supported"),
        ("postgres://h/?password=s3&cr3t=x", "a parameter is not supported"),
        ("postgres://h/?s3%0Acr3t=x", "a parameter is not supported"),
        (
            "postgres://h/?sslmode=s3cr3t",
            "sslmode: expected disable, allow, prefer, require, verify-ca, verify-full",
        ),
        (
            "postgres://h/?target_session_attrs=standby",
            "target_session_attrs: expected any, read-write, primary",
        ),
        (
            "postgres://h/?sslrootcert=system&sslmode=require",
            "sslmode: sslrootcert=system requires verify-full",
        ),
        (
            "postgres://h/?sslnegotiation=direct",
            "sslnegotiation: direct requires sslmode=require, verify-ca or verify-full",
        ),
        ("postgres://h/?sslcert=a", "sslcert and sslkey must be given together"),
        (
            "postgres://h/?options=geqo",
            "options: expected -c NAME=VALUE …, with spaces in a value escaped by a backslash",
        ),
        (
            "postgres://h/?connect_timeout=x",
            "connect_timeout: expected a number of seconds, up to 3600",
        ),
    ] {
        assert_eq!(target_error(url), error, "{url}");
    }
    let error = target("postgres://h/", &[("PGSSLMODE", "s3cr3t")]).expect_err("an invalid mode");
    assert!(error.starts_with("PGSSLMODE: expected disable,"), "{error}");
}

#[test]
fn certificates_are_trusted_by_default_if_the_system_trusts_them() {
    let tls = |query: &str| parsed(&format!("postgres://h/?{query}"), &[]).tls;
    assert_eq!(tls("").mode, SslMode::Prefer);
    assert_eq!(tls("sslrootcert=system").mode, SslMode::VerifyFull);
    assert_eq!(tls("sslmode=verify-ca").root, RootCertificates::System);
    let file = RootCertificates::File("/ca.pem".into());
    assert_eq!(tls("sslmode=verify-ca&sslrootcert=/ca.pem").root, file);
}

#[test]
fn the_password_file_is_used_without_another_password() {
    let home = tempfile::tempdir().expect("a folder");
    let (file, default) = (home.path().join("passwords"), home.path().join(".pgpass"));
    for (path, text) in [
        (&file, "a:5432:db:books:one\nb:*:*:*:two\nlocalhost:5432:*:*:socket\n*:*:*:c:one"),
        (&default, "*:*:*:*:default"),
    ] {
        std::fs::write(path, text).expect("a file");
        let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, owner_only).expect("a mode");
    }
    let file = file.to_str().expect("UTF-8");
    let environment = [("PGPASSFILE", file), ("HOME", home.path().to_str().expect("UTF-8"))];
    for (url, found) in [
        ("postgres://books@a/db", Some("one")),
        ("postgres://books@b/db", Some("two")),
        ("postgres://books@/db?host=/run/pg", Some("socket")),
        ("postgres://books@a:1/db", None),
        ("postgres://books:own@a/db", Some("own")),
        ("postgres://c@a,d/db", Some("one")),
    ] {
        assert_eq!(password(&parsed(url, &environment)), found, "{url}");
    }
    assert_eq!(password(&parsed("postgres://books@a/db", &environment[1..])), Some("default"));
    let error = target("postgres://books@a,b/db", &environment).expect_err("two passwords");
    assert_eq!(error, "the password file must have the same password for all hosts");

    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(file, open).expect("a mode");
    let error = target("postgres://books@a/db", &environment).expect_err("an open file");
    assert!(error.starts_with("PGPASSFILE: the password file must be"), "{error}");
}
