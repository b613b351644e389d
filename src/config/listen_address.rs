//! The address to accept connections on.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// A host, by its name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    host: String,
    port: u16,
}

/// A text is not the address of a host and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a host and a port, such as 127.0.0.1:8000, localhost:8000 or [::1]:8000")]
pub struct ParseListenAddressError;

impl ListenAddress {
    /// The name or address of the host.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The port; 0 for any free one.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl<A: Into<IpAddr>> From<(A, u16)> for ListenAddress {
    fn from((address, port): (A, u16)) -> Self {
        Self { host: address.into().to_string(), port }
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self::from((address.ip(), address.port()))
    }
}

impl FromStr for ListenAddress {
    type Err = ParseListenAddressError;

    fn from_str(text: &str) -> Result<Self, ParseListenAddressError> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let (host, port) = text.rsplit_once(':').ok_or(ParseListenAddressError)?;
        let is_name =
            host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        // Digits and dots are an IPv4 address that is not valid, such as 127.0.0.256.
        let has_letter = host.bytes().any(|byte| byte.is_ascii_alphabetic());
        if !is_name || !has_letter || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseListenAddressError);
        }
        let port = port.parse().map_err(|_| ParseListenAddressError)?;
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_host_names_are_accepted() {
        for text in [
            "127.0.0.1:8000",
            "0.0.0.0:80",
            "[::]:8000",
            "[::1]:0",
            "localhost:8000",
            "books-1.example.org:65535",
            "my_host:1",
        ] {
            assert_eq!(text.parse::<ListenAddress>().map(|it| it.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
            "",
            "8000",
            ":8000",
            "localhost",
            "localhost:",
            "localhost:65536",
            "localhost:+80",
            "::1:8000",
            "127.0.0.256:80",
            "127.1:80",
            "http://localhost:8000",
            "local host:80",
            "localhost:80/",
        ] {
            assert_eq!(text.parse::<ListenAddress>(), Err(ParseListenAddressError), "{text}");
        }
    }
}
