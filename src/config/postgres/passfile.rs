//! The password file (PostgreSQL, section "The Password File"). Its lines are never part of an error.

use std::path::Path;

/// What a line must match.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// Reads a file that only its owner can access. `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, &'static str> {
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(None) };
    if !metadata.is_file() {
        return Err("expected a file");
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0 {
        return Err("the password file must be accessible only by its owner (chmod 600)");
    }
    std::fs::read_to_string(path).map(Some).map_err(|_| "cannot read the password file")
}

/// The password in the first line that matches.
pub(super) fn find(file: &str, login: Login<'_>) -> Option<String> {
    let port = login.port.to_string();
    let expected = [login.host, &port, login.database, login.user];
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(fields).find_map(|([host, port, database, user], password)| {
        let matches = |field: &Field, expected| field.is_wildcard || field.text == expected;
        let found = [host, port, database, user];
        let all = found.iter().zip(expected).all(|(field, expected)| matches(field, expected));
        all.then_some(password)
    })
}

#[derive(Debug, Default)]
struct Field {
    text: String,
    /// Whether it is an unescaped `*`.
    is_wildcard: bool,
}

/// Host, port, database and user, and the password, which is the rest of the line. `None` if a field is missing.
fn fields(line: &str) -> Option<([Field; 4], String)> {
    let mut rest = line;
    let mut fields: [Field; 4] = Default::default();
    for field in &mut fields {
        let (text, after) = unescape(rest, true);
        field.is_wildcard = rest.starts_with("*:");
        (field.text, rest) = (text, after?);
    }
    Some((fields, unescape(rest, false).0))
}

/// Removes the backslashes before `:` and `\`. Stops at an unescaped `:` if that ends the field, and returns
/// what follows it.
fn unescape(text: &str, ends_at_colon: bool) -> (String, Option<&str>) {
    let mut plain = String::new();
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            ':' if ends_at_colon => return (plain, Some(&text[index + 1..])),
            '\\' => plain.extend(chars.next().map(|(_, c)| c)),
            c => plain.push(c),
        }
    }
    (plain, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: Login<'_> =
        Login { host: "db.example", port: 5432, database: "shelf", user: "books" };

    #[test]
    fn the_first_matching_line_has_the_password() {
        for (file, password) in [
            ("db.example:5432:shelf:books:pw", Some("pw")),
            ("# db.example:5432:shelf:books:no\n*:*:*:*:pw\n*:*:*:*:later", Some("pw")),
            ("other:*:*:*:no\r\n*:5432:shelf:*:p w \r\n", Some("p w ")),
            (r"*:*:*:*:a\:b\\c:d", Some(r"a:b\c:d")),
            (r"\*:*:*:*:no", None),
            ("db.example:5433:shelf:books:no", None),
            ("db.example:5432:shelf:pw", None),
            ("", None),
        ] {
            assert_eq!(find(file, LOGIN).as_deref(), password, "{file}");
        }
        let address = Login { host: "::1", ..LOGIN };
        assert_eq!(find(r"\:\:1:5432:shelf:books:pw", address).as_deref(), Some("pw"));
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_can_read_is_rejected() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().expect("a file");
        for (mode, is_accepted) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(file.path(), permissions).expect("a mode");
            assert_eq!(read(file.path()).is_ok(), is_accepted, "{mode:o}");
        }
        assert_eq!(read(Path::new("/does/not/exist")), Ok(None));
    }
}
