//! What proxies say about a request: the address of its client, and the address of the server as the client knows it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Once;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;

use crate::client_ip::ClientIp;
use crate::config::PublicUrl;

/// Each proxy appends the address of its client to this header.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The scheme and the host of the request that the proxy has received.
const FORWARDED_PROTO: &str = "x-forwarded-proto";
const FORWARDED_HOST: &str = "x-forwarded-host";

/// The address of the connection's peer. If that is a trusted proxy, the last address in `X-Forwarded-For`
/// that is not a trusted proxy. A client can forge the entries before it, so they are ignored.
pub(super) fn client_ip(parts: &Parts, proxies: &[IpNet]) -> ClientIp {
    let mut address = peer(parts);
    warn_about_untrusted_proxy(address, parts, proxies);
    let headers: Vec<_> = parts.headers.get_all(FORWARDED_FOR).iter().collect();
    let mut forwarded = headers.iter().rev().flat_map(|value| {
        let value = value.to_str().unwrap_or("unreadable");
        value.rsplit(',').map(|address| parse(address.trim()))
    });
    while is_trusted(address, proxies) {
        match forwarded.next() {
            Some(Some(previous)) => address = previous,
            Some(None) | None => break,
        }
    }
    address
}

/// The scheme and the host by which a client has reached the server.
#[derive(Debug)]
pub(super) struct RequestedHost {
    scheme: &'static str,
    host: String,
}

impl RequestedHost {
    /// Reads them from the request; from `X-Forwarded-Proto` and `X-Forwarded-Host` if the peer is a trusted proxy and
    /// sends them.
    pub(super) fn new(parts: &Parts, proxies: &[IpNet]) -> Self {
        let headers = &parts.headers;
        let (mut scheme, mut host) = ("http", None);
        if is_trusted(peer(parts), proxies) {
            // Some proxies send the scheme of the WebSocket.
            let is_secure =
                |scheme: &str| ["https", "wss"].contains(&&*scheme.to_ascii_lowercase());
            if last_element(headers, FORWARDED_PROTO).is_some_and(is_secure) {
                scheme = "https";
            }
            host = last_element(headers, FORWARDED_HOST);
        }
        // A URI with a host replaces the header (RFC 9112, section 3.2.2).
        let host = host
            .or_else(|| parts.uri.authority().map(Authority::as_str))
            .or_else(|| headers.get(header::HOST)?.to_str().ok());
        Self { scheme, host: host.unwrap_or_default().to_owned() }
    }

    /// The URL of the server; `None` if the host is not valid.
    pub(super) fn url(&self) -> Option<PublicUrl> {
        PublicUrl::from_host(self.scheme, &self.host)
    }
}

/// The last element of a header, which the peer has added.
fn last_element<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim).filter(|element| !element.is_empty())
}

/// The address of the connection's peer.
fn peer(parts: &Parts) -> ClientIp {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    ClientIp::from(peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip()))
}

/// Logs one warning in the life of the process if a proxy of the operator seems not to be trusted: then all its clients
/// share one address, and the limits of that address.
fn warn_about_untrusted_proxy(peer: ClientIp, parts: &Parts, proxies: &[IpNet]) {
    static WARNED: Once = Once::new();

    if parts.headers.contains_key(FORWARDED_FOR)
        && is_local(peer.ip())
        && !is_trusted(peer, proxies)
    {
        WARNED.call_once(|| {
            tracing::warn!(
                "requests from {peer} have the header X-Forwarded-For, which is ignored: all clients of this proxy share \
                 its address and its rate limits. If it is your proxy, add it: TRUSTED_PROXIES={peer}"
            );
        });
    }
}

/// Whether an address is used only within one machine or network: of the machine itself, private (RFC 1918, RFC 4193),
/// link-local or shared (RFC 6598).
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let is_shared = first == 100 && second & 0b1100_0000 == 64;
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || is_shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Whether this is a trusted proxy, which forwards the requests of its clients.
pub(super) fn is_trusted(address: ClientIp, proxies: &[IpNet]) -> bool {
    proxies.iter().any(|network| network.contains(&address.ip()))
}

/// Parses an address, with or without a port, because some proxies add it.
fn parse(text: &str) -> Option<ClientIp> {
    let address = text.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(ClientIp::from)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn forwarded_ip(peer: &str, forwarded: &[&str]) -> String {
        let peer: IpAddr = peer.parse().expect("an address");
        let mut request = Request::get("/").extension(ConnectInfo(SocketAddr::new(peer, 4711)));
        for value in forwarded {
            request = request.header(FORWARDED_FOR, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let proxies = ["127.0.0.1/32", "10.0.0.0/8", "2001:db8::/32"];
        client_ip(&parts, &proxies.map(|proxy| proxy.parse().expect("a network"))).to_string()
    }

    #[test]
    fn x_forwarded_for_is_read_from_trusted_proxies_only() {
        assert_eq!(forwarded_ip("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(forwarded_ip("127.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(forwarded_ip("::ffff:127.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(forwarded_ip("127.0.0.1", &[]), "127.0.0.1");
    }

    fn requested_url(peer: &str, headers: &[(&str, &str)]) -> Option<String> {
        let peer: IpAddr = peer.parse().expect("an address");
        let mut request = Request::get("/").extension(ConnectInfo(SocketAddr::new(peer, 4711)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let proxies = ["10.0.0.0/8".parse().expect("a network")];
        RequestedHost::new(&parts, &proxies).url().map(|url| url.to_string())
    }

    #[test]
    fn the_requested_url_is_that_of_trusted_proxies_or_of_the_request() {
        let host = ("host", "books.internal:8000");
        let forwarded =
            [host, ("x-forwarded-proto", "https"), ("x-forwarded-host", "books.example.org")];
        for (peer, headers, expected) in [
            ("192.0.2.1", &[host][..], Some("http://books.internal:8000")),
            ("192.0.2.1", &forwarded, Some("http://books.internal:8000")),
            ("10.0.0.1", &forwarded, Some("https://books.example.org")),
            ("10.0.0.1", &forwarded[..2], Some("https://books.internal:8000")),
            ("10.0.0.1", &[host, ("x-forwarded-proto", "ftp")], Some("http://books.internal:8000")),
            (
                "10.0.0.1",
                &[("x-forwarded-host", "evil.example, books.example.org"), host],
                Some("http://books.example.org"),
            ),
            ("10.0.0.1", &[("x-forwarded-host", "a b"), host], None),
            ("192.0.2.1", &[("host", "evil.example/path")], None),
            ("192.0.2.1", &[("host", "user@evil.example")], None),
            ("192.0.2.1", &[], None),
        ] {
            assert_eq!(requested_url(peer, headers).as_deref(), expected, "{peer} {headers:?}");
        }
    }

    #[test]
    fn proxies_of_the_operator_have_local_addresses() {
        for local in [
            "127.0.0.1",
            "10.1.2.3",
            "172.17.0.1",
            "192.168.1.20",
            "169.254.1.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
        ] {
            assert!(is_local(local.parse().expect("an address")), "{local}");
        }
        for remote in
            ["8.8.8.8", "192.0.2.1", "172.32.0.1", "100.128.0.1", "2001:db8::1", "0.0.0.0"]
        {
            assert!(!is_local(remote.parse().expect("an address")), "{remote}");
        }
    }

    #[test]
    fn entries_written_by_the_client_are_ignored() {
        assert_eq!(forwarded_ip("127.0.0.1", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            forwarded_ip("127.0.0.1", &["203.0.113.9", "198.51.100.7, 10.1.2.3"]),
            "198.51.100.7"
        );
        assert_eq!(
            forwarded_ip("127.0.0.1", &["10.9.9.9, 198.51.100.7, 10.1.2.3"]),
            "198.51.100.7"
        );
        assert_eq!(forwarded_ip("127.0.0.1", &["198.51.100.7, nonsense, 10.1.2.3"]), "10.1.2.3");
    }

    #[test]
    fn addresses_are_parsed_with_or_without_a_port() {
        assert_eq!(forwarded_ip("127.0.0.1", &["198.51.100.7:4711"]), "198.51.100.7");
        assert_eq!(forwarded_ip("2001:db8::1", &["[2001:dead::7]:4711"]), "2001:dead::7");
        assert_eq!(forwarded_ip("2001:db8::1", &["2001:dead::7"]), "2001:dead::7");
    }
}
