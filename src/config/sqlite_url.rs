//! The URL of an SQLite database: `sqlite://FILE`, with percent-encoding, or `sqlite::memory:`.

use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// The URL of a database for a trial.
pub(super) const MEMORY: &str = "sqlite::memory:";

/// The characters of a path that have another meaning in the URL.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%').add(b'?');

/// What the URL refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SqliteUrl {
    File(PathBuf),
    Memory,
}

/// Parses what follows `sqlite:`. The error describes the expected values.
pub(super) fn parse(url: &str) -> Result<SqliteUrl, String> {
    let (path, parameters) =
        url.split_once('?').map_or((url, None), |(path, all)| (path, Some(all)));
    // sqlx and others accept this parameter, and the file is always opened like that.
    if parameters.is_some_and(|all| !matches!(all, "" | "mode=rwc")) {
        return Err("the only parameter is ?mode=rwc; a ? in the path is written %3F".to_owned());
    }
    let path = path.strip_prefix("//").unwrap_or(path);
    if path == ":memory:" {
        return Ok(SqliteUrl::Memory);
    }
    if path.starts_with('~') {
        return Err("~ is not replaced by your home directory; write the whole path, such as \
                    sqlite:///home/ada/books.db (a folder named ~ is written %7E)"
            .to_owned());
    }
    let path = percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| "the percent-encoded path is not UTF-8".to_owned())?;
    if path.contains('\0') {
        return Err("a path cannot contain the NUL character".to_owned());
    }
    if path.trim_matches('/').is_empty() || path.ends_with('/') || path.contains(":memory:") {
        return Err(format!("expected a file, such as sqlite://data/bookshelf.db, or {MEMORY}"));
    }
    Ok(SqliteUrl::File(PathBuf::from(path.as_ref())))
}

/// The URL of a file.
pub(super) fn format(path: &Path) -> String {
    let path = path.display().to_string();
    let encoded = utf8_percent_encode(&path, ENCODED).to_string();
    let encoded = encoded.strip_prefix('~').map(|rest| format!("%7E{rest}")).unwrap_or(encoded);
    format!("sqlite://{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(url: &str) -> Result<String, String> {
        match parse(url)? {
            SqliteUrl::File(path) => Ok(path.display().to_string()),
            SqliteUrl::Memory => Ok(":memory:".to_owned()),
        }
    }

    #[test]
    fn the_path_is_percent_decoded() {
        for (url, expected) in [
            ("//my%20books/x.db", "my books/x.db"),
            ("//my books/x.db", "my books/x.db"),
            ("///srv/b%C3%BCcher/x.db", "/srv/b\u{fc}cher/x.db"),
            ("//50%25/x.db", "50%/x.db"),
            ("//50%/x.db", "50%/x.db"),
            ("//what%3F.db", "what?.db"),
            ("//pa$word/x.db", "pa$word/x.db"),
            ("//a%2Fb.db", "a/b.db"),
            ("//a#b+c.db", "a#b+c.db"),
            ("data/x.db", "data/x.db"),
            ("//data/x.db?mode=rwc", "data/x.db"),
            ("//data/x.db?", "data/x.db"),
            ("//%7E/x.db", "~/x.db"),
            ("//data/~/x.db", "data/~/x.db"),
            (":memory:", ":memory:"),
            ("//:memory:", ":memory:"),
            (":memory:?mode=rwc", ":memory:"),
        ] {
            assert_eq!(path(url).as_deref(), Ok(expected), "{url}");
        }
    }

    #[test]
    fn a_formatted_url_has_the_same_path() {
        for file in ["my books/x.db", "/50%/what?.db", "~/x.db", "~", "a%20b", "%7E/x"] {
            let url = format(Path::new(file));
            assert_eq!(path(url.strip_prefix("sqlite:").expect("the scheme")).as_deref(), Ok(file));
        }
    }

    #[test]
    fn other_values_are_rejected_with_the_reason() {
        for (url, reason) in [
            ("//~/x.db", "home directory"),
            ("~/x.db", "home directory"),
            ("//~ada/x.db", "home directory"),
            ("//data/x.db?mode=ro", "?mode=rwc"),
            ("//data/x.db?mode=rwc&cache=shared", "?mode=rwc"),
            ("//data/x.db?mode=memory", "?mode=rwc"),
            (":memory:?cache=shared", "?mode=rwc"),
            ("//data/", "expected a file"),
            ("", "expected a file"),
            ("//", "expected a file"),
            ("///", "expected a file"),
            ("//data/:memory:", "sqlite::memory:"),
            ("//a%00b", "NUL"),
            ("//a%FFb", "UTF-8"),
        ] {
            let error = path(url).expect_err(url);
            assert!(error.contains(reason), "{url}: {error}");
        }
    }
}
