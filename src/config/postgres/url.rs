//! The syntax of a PostgreSQL URL (RFC 3986, and host lists as in the documentation of libpq, section
//! "Connection URIs").
//!
//! Stricter than libpq: a character that has a meaning in a URL must be escaped everywhere else. libpq takes
//! a password with an unescaped `/` for a port and a database, whose names end up in error messages.

use percent_encoding::percent_decode_str;

/// The error of a text that is not such a URL. It does not depend on the text, which may contain a password.
pub(super) const MALFORMED: &str = "not a valid URL; expected postgres://USER:PASSWORD@HOST:PORT/NAME, with \
     characters such as @ / ? # % in the password escaped as %40 %2F %3F %23 %25";

/// The parts of a URL, decoded.
#[derive(Debug, Default)]
pub(super) struct UrlParts {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    /// Each host with its port, if that is given. IPv6 addresses have no brackets.
    pub(super) hosts: Vec<(String, Option<u16>)>,
    pub(super) database: Option<String>,
    pub(super) parameters: Vec<(String, String)>,
}

impl UrlParts {
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        Self::split(url).ok_or(MALFORMED)
    }

    fn split(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"))?;
        if rest.contains('#') || rest.contains(char::is_control) {
            return None;
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // Probably the end of a password that contains the separator.
        if path.contains(['/', '@']) || query.contains('@') {
            return None;
        }
        let (credentials, hosts) = match authority.split_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        if hosts.contains('@') {
            return None;
        }
        let (user, password) = match credentials.map(|both| both.split_once(':').ok_or(both)) {
            Some(Ok((user, password))) => (decode(user)?, Some(decode(password)?)),
            Some(Err(user)) => (decode(user)?, None),
            None => (String::new(), None),
        };
        let database = decode(path)?;
        Some(Self {
            user: Some(user).filter(|user| !user.is_empty()),
            password,
            hosts: if hosts.is_empty() {
                Vec::new()
            } else {
                hosts.split(',').map(host).collect::<Option<_>>()?
            },
            database: Some(database).filter(|name| !name.is_empty()),
            parameters: query
                .split('&')
                .filter(|text| !text.is_empty())
                .map(parameter)
                .collect::<Option<_>>()?,
        })
    }
}

/// `HOST`, `HOST:PORT`, `[ADDRESS]` or `[ADDRESS]:PORT`.
fn host(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(text) => {
            let (address, rest) = text.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (address, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
    };
    Some((decode(host)?, port))
}

fn parameter(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((decode(name)?, decode(value)?))
}

/// Decodes `%40` and the like. `None` if an escape is incomplete or the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let is_escape = |escape: &str| {
        escape.get(..2).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    (!decoded.contains('\0')).then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_are_decoded() {
        let url =
            "postgresql://us%65r:p%40:s@%2Frun%2Fpg,a.example:1,[::1]:2,[::2]/na%2Fme?x=%26&y=+";
        let parts = UrlParts::parse(url).expect("a URL");
        assert_eq!(parts.user.as_deref(), Some("user"));
        assert_eq!(parts.password.as_deref(), Some("p@:s"));
        let hosts = [("/run/pg", None), ("a.example", Some(1)), ("::1", Some(2)), ("::2", None)];
        assert_eq!(parts.hosts, hosts.map(|(host, port)| (host.to_owned(), port)));
        assert_eq!(parts.database.as_deref(), Some("na/me"));
        let parameters = [("x", "&"), ("y", "+")];
        assert_eq!(parts.parameters, parameters.map(|(x, y)| (x.to_owned(), y.to_owned())));
        let parts = UrlParts::parse("postgres://").expect("a URL");
        assert!(parts.user.is_none() && parts.hosts.is_empty() && parts.database.is_none());
    }

    #[test]
    fn separators_must_be_escaped() {
        for url in [
            "postgres://shelf:/7Mxq+rE@192.0.2.1/db",
            "postgres://shelf:a/b@host/db",
            "postgres://shelf:1/b@host",
            "postgres://shelf:a?b@host/db",
            "postgres://shelf:1?b=c@host/db",
            "postgres://shelf:a#b@host/db",
            "postgres://shelf:a@b@host/db",
            "postgres://shelf:a%b@host/db",
            "postgres://shelf:a%zz@host/db",
            "postgres://shelf:%00@host/db",
            "postgres://shelf:%ff@host/db",
            "postgres://shelf:a@host:port/db",
            "postgres://shelf:a@host:0/db",
            "postgres://shelf:a@[::1/db",
            "postgres://shelf:a@[host]/db",
            "postgres://shelf:a@host/db/more",
            "postgres://shelf:a@host/db?sslmode",
            "mysql://shelf:a@host/db",
        ] {
            assert_eq!(UrlParts::parse(url).expect_err(url), MALFORMED, "{url}");
        }
    }
}
