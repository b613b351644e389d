//! The address of the server as its clients know it, which links begin with.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use url::Url;

use super::listen_address::ListenAddress;
use super::origin::Origin;

/// An `http:` or `https:` URL, perhaps with a path, without a slash at its end. A clone shares the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(Arc<str>);

/// A text is not the address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an http or https URL, such as https://books.example.org or https://example.org/books"
)]
pub struct ParsePublicUrlError;

impl PublicUrl {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of a server by the scheme and the `Host` header of a request. `None` if the host is not valid.
    pub(crate) fn from_host(scheme: &str, host: &str) -> Option<Self> {
        let origin = format!("{scheme}://{host}").parse::<Origin>().ok()?;
        Some(Self(origin.as_str().into()))
    }

    /// The address of a server by the address that it accepts connections on.
    pub(crate) fn from_listen_address(address: &ListenAddress) -> Self {
        Self(format!("http://{address}").into())
    }
}

/// Any spelling of the host is accepted, as for an [`Origin`].
impl FromStr for PublicUrl {
    type Err = ParsePublicUrlError;

    fn from_str(text: &str) -> Result<Self, ParsePublicUrlError> {
        // The parser would ignore white space and correct missing or wrong slashes.
        let is_excluded = |char: char| char.is_whitespace() || char.is_control();
        let (scheme, rest) = text.split_once("://").ok_or(ParsePublicUrlError)?;
        if text.contains(is_excluded)
            || rest.contains(['\\', '?', '#', '@', '*'])
            || rest.is_empty()
            || rest.starts_with('/')
            || !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        {
            return Err(ParsePublicUrlError);
        }
        let url = Url::parse(text).map_err(|_| ParsePublicUrlError)?;
        Ok(Self(url.as_str().trim_end_matches('/').into()))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_is_the_same() {
        for (text, expected) in [
            ("https://books.example.org", "https://books.example.org"),
            ("HTTPS://Books.Example.ORG/", "https://books.example.org"),
            ("https://books.example.org:443/", "https://books.example.org"),
            ("http://books.example.org:80", "http://books.example.org"),
            ("http://localhost:8000", "http://localhost:8000"),
            ("https://example.org/books", "https://example.org/books"),
            ("https://example.org/my/books/", "https://example.org/my/books"),
            ("https://bücher.example/regal", "https://xn--bcher-kva.example/regal"),
            ("https://example.org/bücher", "https://example.org/b%C3%BCcher"),
            ("http://[::1]:8000", "http://[::1]:8000"),
        ] {
            assert_eq!(
                text.parse::<PublicUrl>().map(|url| url.to_string()).as_deref(),
                Ok(expected)
            );
        }
    }

    #[test]
    fn other_texts_are_not_addresses() {
        for text in [
            "",
            "books.example.org",
            "localhost:8000",
            "https:",
            "https://",
            "https:///",
            "https:///books.example.org",
            "https:/books.example.org",
            "ftp://books.example.org",
            "javascript://books.example.org",
            "https://user:password@books.example.org",
            "https://books.example.org?a=b",
            "https://books.example.org/#a",
            "https://*.example.org",
            "https://books example.org",
            "https://books.example.org\n",
            "https://books.example.org:99999",
            "https://[::1",
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(ParsePublicUrlError), "{text}");
        }
    }

    #[test]
    fn the_address_by_a_request_has_a_valid_host() {
        let url = |scheme, host| PublicUrl::from_host(scheme, host).map(|url| url.to_string());
        for (scheme, host, expected) in [
            ("http", "localhost:8000", "http://localhost:8000"),
            ("https", "Books.Example.org:443", "https://books.example.org"),
            ("http", "[::1]:8000", "http://[::1]:8000"),
        ] {
            assert_eq!(url(scheme, host).as_deref(), Some(expected));
        }
        for host in ["", "a b", "a/b", "a@b", "a?b", "a#b", "a\\b", "a:b", "a:99999", "<a>", "[::1"]
        {
            assert_eq!(url("http", host), None, "{host}");
        }
    }
}
