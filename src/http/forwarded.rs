//! Finds the client address of a request.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Once;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use ipnet::IpNet;

use crate::client_ip::ClientIp;

/// Each proxy appends the address of its client to this header.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the connection's peer. If that is a trusted proxy, the last address in `X-Forwarded-For`
/// that is not a trusted proxy. A client can forge the entries before it, so they are ignored.
pub(super) fn client_ip(parts: &Parts, proxies: &[IpNet]) -> ClientIp {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    let mut address = ClientIp::from(peer);
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
