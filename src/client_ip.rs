//! The network address of a client.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An IP address. An IPv4-mapped IPv6 address is stored as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientIp(IpAddr);

/// The addresses that count as one client: an IPv4 address, or an IPv6 /64, which is the smallest block that
/// providers assign to a customer (RFC 6177, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientPrefix(IpAddr);

impl fmt::Display for ClientPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ClientIp {
    pub(crate) fn network(self) -> ClientPrefix {
        ClientPrefix(match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
            }
        })
    }

    pub(crate) fn ip(self) -> IpAddr {
        self.0
    }
}

impl From<IpAddr> for ClientIp {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }
}

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> ClientPrefix {
        ClientIp::from(address.parse::<IpAddr>().expect("an address")).network()
    }

    #[test]
    fn a_client_prefix_is_an_ipv4_address_or_an_ipv6_64() {
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
        assert_eq!(network("2001:db8:0:1::1"), network("2001:db8:0:1:ffff::2"));
        assert_ne!(network("2001:db8:0:1::1"), network("2001:db8:0:2::1"));
    }
}
