//! Where a request comes from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use ipnet::IpNet;

use crate::client_ip::ClientIp;

/// What every proxy adds to, at its end: the address that it was called from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address that the connection comes from; or, if that is a trusted proxy, the last one in
/// `X-Forwarded-For` that is none. What stands before it anybody may have written.
pub(super) fn of(parts: &Parts, proxies: &[IpNet]) -> ClientIp {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    let mut address = ClientIp::from(peer);
    let headers: Vec<_> = parts.headers.get_all(FORWARDED_FOR).iter().collect();
    let mut told = headers.iter().rev().flat_map(|value| {
        let value = value.to_str().unwrap_or("unreadable");
        value.rsplit(',').map(|address| parse(address.trim()))
    });
    while is_trusted(address, proxies) {
        match told.next() {
            Some(Some(previous)) => address = previous,
            Some(None) | None => break,
        }
    }
    address
}

/// Whether this is one of ours, which speaks for others.
pub(super) fn is_trusted(address: ClientIp, proxies: &[IpNet]) -> bool {
    proxies.iter().any(|network| network.contains(&address.ip()))
}

/// Some proxies add the port.
fn parse(text: &str) -> Option<ClientIp> {
    let address = text.parse().or_else(|_| text.parse::<SocketAddr>().map(|it| it.ip()));
    address.ok().map(ClientIp::from)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn told(peer: &str, forwarded: &[&str]) -> String {
        let peer: IpAddr = peer.parse().expect("an address");
        let mut request = Request::get("/").extension(ConnectInfo(SocketAddr::new(peer, 4711)));
        for value in forwarded {
            request = request.header(FORWARDED_FOR, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let proxies = ["127.0.0.1/32", "10.0.0.0/8", "2001:db8::/32"];
        of(&parts, &proxies.map(|it| it.parse().expect("a network"))).to_string()
    }

    #[test]
    fn only_trusted_proxies_tell_where_a_request_comes_from() {
        assert_eq!(told("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(told("127.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(told("::ffff:127.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(told("127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn what_a_client_wrote_itself_is_not_believed() {
        assert_eq!(told("127.0.0.1", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(told("127.0.0.1", &["203.0.113.9", "198.51.100.7, 10.1.2.3"]), "198.51.100.7");
        assert_eq!(told("127.0.0.1", &["10.9.9.9, 198.51.100.7, 10.1.2.3"]), "198.51.100.7");
        assert_eq!(told("127.0.0.1", &["198.51.100.7, nonsense, 10.1.2.3"]), "10.1.2.3");
    }

    #[test]
    fn an_address_is_read_with_or_without_its_port() {
        assert_eq!(told("127.0.0.1", &["198.51.100.7:4711"]), "198.51.100.7");
        assert_eq!(told("2001:db8::1", &["[2001:dead::7]:4711"]), "2001:dead::7");
        assert_eq!(told("2001:db8::1", &["2001:dead::7"]), "2001:dead::7");
    }
}
