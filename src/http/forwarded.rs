//! Finds the client address of a request.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
