//! Binds the port of the server.

use std::io::{self, ErrorKind};

use anyhow::anyhow;
use tokio::net::{TcpListener, lookup_host};

use crate::config::ListenAddress;

/// Listens on the first address of the host that works, IPv4 before IPv6. The error says what to do.
pub(super) async fn bind(address: &ListenAddress) -> anyhow::Result<TcpListener> {
    let found = lookup_host((address.host(), address.port())).await;
    let mut addresses: Vec<_> = match found {
        Ok(found) => found.collect(),
        Err(_) => Vec::new(),
    };
    if addresses.is_empty() {
        return Err(anyhow!("cannot listen on {address}: the host {} is unknown", address.host()));
    }
    addresses.sort_by_key(std::net::SocketAddr::is_ipv6);
    TcpListener::bind(&addresses[..]).await.map_err(|error| explain(address, &error))
}

fn explain(address: &ListenAddress, error: &io::Error) -> anyhow::Error {
    let reason = match error.kind() {
        ErrorKind::AddrInUse => {
            "the port is in use; stop the program that uses it, or set LISTEN to another port".into()
        }
        ErrorKind::AddrNotAvailable => {
            "this machine does not have the address; set LISTEN to an address of this machine, or to 0.0.0.0 for all".into()
        }
        ErrorKind::PermissionDenied => {
            "the port needs more rights, as those below 1024 do; set LISTEN to another port".into()
        }
        _ => error.to_string(),
    };
    anyhow!("cannot listen on {address}: {reason}")
}
