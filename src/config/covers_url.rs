//! Where the files of covers are stored: a folder, or a bucket of S3.

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

use super::types::DEFAULT_FILE;

const EXPECTED: &str = "expected a folder, file:///FOLDER or s3://BUCKET/PREFIX";

/// Where the files of covers are stored. The default is a folder next to the default database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoversUrl {
    /// No value is configured: a folder next to the SQLite database.
    Default(PathBuf),
    /// A folder, created if it does not exist.
    Folder(PathBuf),
    /// A bucket of S3, or of a compatible service. The variables `AWS_…` have its address and credentials.
    S3 {
        /// The name of the bucket.
        bucket: String,
        /// What the name of each object begins with, without slashes at its ends; may be empty.
        prefix: String,
    },
}

impl CoversUrl {
    /// The folder of an SQLite database: `data/bookshelf.covers` for `data/bookshelf.db`. It has the name of the
    /// database, because the files of two databases must not mix: files without a row are deleted.
    pub(super) fn next_to(database: &Path) -> Self {
        Self::Default(database.with_extension("covers"))
    }

    /// The default with PostgreSQL: a folder in the folder of the default database.
    pub(super) fn of_postgres() -> Self {
        Self::Default(Path::new(DEFAULT_FILE).with_file_name("covers"))
    }

    /// Parses a value that is not empty. The error describes the expected values.
    pub(super) fn parse_url(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("s3://") {
            return parse_s3(rest);
        }
        if let Some(rest) = text.strip_prefix("file:") {
            let path = rest.strip_prefix("//localhost").or_else(|| rest.strip_prefix("//"));
            let path = path.unwrap_or(rest);
            if !path.starts_with('/') {
                return Err(
                    "a file URL has an absolute path, such as file:///srv/covers".to_owned()
                );
            }
            if path.contains(['?', '#']) {
                return Err("a ? in the path of a file URL is written %3F, and a # %23".to_owned());
            }
            let path = percent_decode_str(path).decode_utf8();
            return folder(&path.map_err(|_| "the percent-encoded path is not UTF-8".to_owned())?);
        }
        if has_scheme(text) {
            return Err(EXPECTED.to_owned());
        }
        folder(text)
    }
}

/// The variables `AWS_…` of the environment and of `.env`, with their names: the address and the credentials of S3.
/// They are no settings of ours, so that `bookshelf config` does not print them.
#[must_use]
pub(crate) fn aws_variables() -> Vec<(String, SecretString)> {
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| name.starts_with("AWS_"))?;
        Some((name, value.into_string().ok()?.trim().into()))
    });
    variables.collect()
}

/// Whether a text begins with the scheme of a URL (RFC 3986, section 3.1). One letter is a drive.
fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.len() > 1
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

fn folder(path: &str) -> Result<CoversUrl, String> {
    if path.starts_with('~') {
        return Err("~ is not replaced by your home directory; write the whole path, such as \
                    /home/ada/covers (a folder named ~ is written ./~)"
            .to_owned());
    }
    if path.contains('\0') {
        return Err("a path cannot contain the NUL character".to_owned());
    }
    if path.trim_matches('/').is_empty() {
        return Err(EXPECTED.to_owned());
    }
    Ok(CoversUrl::Folder(PathBuf::from(path)))
}

fn parse_s3(rest: &str) -> Result<CoversUrl, String> {
    if rest.contains('@') {
        return Err(
            "credentials of S3 are in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, not in the URL"
                .to_owned(),
        );
    }
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_bucket =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_bucket) {
        return Err("expected s3://BUCKET/PREFIX; the name of a bucket has 3 to 63 lower-case letters, digits, dots \
                    and hyphens"
            .to_owned());
    }
    let prefix = prefix.trim_end_matches('/');
    let is_prefix = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let bad_segment = |segment: &str| matches!(segment, "" | "." | "..");
    if !prefix.bytes().all(is_prefix) || (!prefix.is_empty() && prefix.split('/').any(bad_segment))
    {
        return Err("the prefix of s3://BUCKET/PREFIX has letters, digits, dots, hyphens, underscores and single slashes"
            .to_owned());
    }
    Ok(CoversUrl::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
}

impl Default for CoversUrl {
    fn default() -> Self {
        Self::next_to(Path::new(DEFAULT_FILE))
    }
}

/// The value of the setting; it has no secrets.
impl fmt::Display for CoversUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default(path) | Self::Folder(path) => path.display().fmt(f),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        CoversUrl::parse_url(text).expect(text).to_string()
    }

    #[test]
    fn folders_and_buckets_are_accepted() {
        for (text, expected) in [
            ("/srv/covers", "/srv/covers"),
            ("data/covers", "data/covers"),
            ("./~", "./~"),
            ("my covers", "my covers"),
            ("C:/covers", "C:/covers"),
            ("file:///srv/my%20covers", "/srv/my covers"),
            ("file://localhost/srv/covers", "/srv/covers"),
            ("file:/srv/covers", "/srv/covers"),
            ("s3://my-bucket", "s3://my-bucket"),
            ("s3://my-bucket/", "s3://my-bucket"),
            ("s3://my.bucket.1/books/covers/", "s3://my.bucket.1/books/covers"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn other_values_are_rejected_with_the_reason() {
        for (text, reason) in [
            ("https://my-bucket.example.org", "expected a folder"),
            ("gs://bucket", "expected a folder"),
            ("s3:bucket", "expected a folder"),
            ("S3://bucket", "expected a folder"),
            ("/", "expected a folder"),
            ("file:///", "expected a folder"),
            ("file://covers", "absolute path"),
            ("file:covers", "absolute path"),
            ("file:///covers?x", "%3F"),
            ("file:///a%FF", "UTF-8"),
            ("file:///a%00", "NUL"),
            ("~/covers", "home directory"),
            ("s3://", "name of a bucket"),
            ("s3:///covers", "name of a bucket"),
            ("s3://My_Bucket", "name of a bucket"),
            ("s3://bucket/a//b", "prefix"),
            ("s3://bucket/../b", "prefix"),
            ("s3://bucket/a?x=1", "prefix"),
            ("s3://key:secret@bucket/covers", "AWS_ACCESS_KEY_ID"),
        ] {
            let error = CoversUrl::parse_url(text).expect_err(text);
            assert!(error.contains(reason) && !error.contains("key:secret"), "{text}: {error}");
        }
    }
}
