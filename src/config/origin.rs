//! Origins of web pages (RFC 6454), in one spelling.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The origin of a page, such as `https://books.example.org`, as browsers write it in the header `Origin`:
/// in lower case, with an internationalised host in punycode, and without the scheme's own port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// A text is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected origins such as https://books.example.org, separated by commas")]
pub struct ParseOriginError;

impl Origin {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the origin of pages of a server with this `Host` header. The port of the scheme may be
    /// given or not.
    pub(crate) fn has_host(&self, host: &str) -> bool {
        let scheme = self.0.split("://").next().unwrap_or_default();
        format!("{scheme}://{host}").parse() == Ok(self.clone())
    }
}

/// Any spelling is accepted: upper case, Unicode, a final slash, the scheme's own port. The scheme may be any,
/// since apps for phones and desktops have their own, such as `capacitor://localhost`.
impl FromStr for Origin {
    type Err = ParseOriginError;

    fn from_str(text: &str) -> Result<Self, ParseOriginError> {
        // The parser would ignore white space and correct missing or wrong slashes.
        let is_excluded = |char: char| char.is_whitespace() || char.is_control();
        if text.contains(is_excluded) || text.contains(['*', '\\', '?', '#', '@']) {
            return Err(ParseOriginError);
        }
        let authority = text.split_once("://").ok_or(ParseOriginError)?.1;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.is_empty() || authority.contains('/') {
            return Err(ParseOriginError);
        }
        let url = Url::parse(text).map_err(|_| ParseOriginError)?;
        let host = url.host_str().ok_or(ParseOriginError)?.to_ascii_lowercase();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self(format!("{}://{host}{port}", url.scheme())))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        text.parse::<Origin>().unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
    }

    #[test]
    fn every_spelling_of_an_origin_is_the_same() {
        for (text, origin) in [
            ("https://books.example.org", "https://books.example.org"),
            ("HTTPS://Books.Example.ORG/", "https://books.example.org"),
            ("https://books.example.org:443", "https://books.example.org"),
            ("https://books.example.org:443/", "https://books.example.org"),
            ("https://books.example.org:", "https://books.example.org"),
            ("https://books.example.org:80", "https://books.example.org:80"),
            ("http://books.example.org:80", "http://books.example.org"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://BÜCHER.example", "https://xn--bcher-kva.example"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("http://[::1]:80", "http://[::1]"),
            ("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("Ionic://LOCALHOST/", "ionic://localhost"),
            ("tauri://localhost:1420", "tauri://localhost:1420"),
            ("moz-extension://b7a3-4c", "moz-extension://b7a3-4c"),
        ] {
            assert_eq!(parsed(text), origin, "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_origins() {
        for text in [
            "",
            "*",
            "null",
            "books.example.org",
            "https:books.example.org",
            "https:/books.example.org",
            "https://",
            "https:///",
            "https:///books.example.org",
            "https://*.example.org",
            "https://books.example.org/app",
            "https://books.example.org//",
            "https://books.example.org?a",
            "https://books.example.org#a",
            "https://user@books.example.org",
            "https://books example.org",
            "https://books.example.org:99999",
            "https://[::1",
            "://localhost",
            "1app://localhost",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(ParseOriginError), "{text}");
        }
    }

    #[test]
    fn a_host_matches_with_and_without_the_port_of_the_scheme() {
        let matches =
            |origin: &str, host| parsed(origin).parse::<Origin>().is_ok_and(|it| it.has_host(host));
        for (origin, host) in [
            ("https://books.example.org", "books.example.org:443"),
            ("https://books.example.org", "BOOKS.example.org"),
            ("http://books.example.org", "books.example.org:80"),
            ("http://[::1]", "[::1]:80"),
            ("https://bücher.example", "bücher.example"),
            ("http://localhost:8000", "localhost:8000"),
        ] {
            assert!(matches(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("https://books.example.org", "books.example.org:80"),
            ("https://books.example.org:8443", "books.example.org"),
            ("http://localhost:8001", "localhost:8000"),
            ("https://books.example.org", "books.example.org.evil.example"),
            ("https://books.example.org", ""),
        ] {
            assert!(!matches(origin, host), "{origin} {host}");
        }
    }
}
