//! A way to a server: its address, with or without TLS.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{HostName, PostgresHost};

/// How long a connection is idle before TCP probes it, and how long data may stay unacknowledged.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(10);

/// A way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) host: PostgresHost,
    pub(super) endpoint: Endpoint,
    /// With TLS; in the mode `prefer` only if the server supports it.
    pub(super) uses_tls: bool,
    /// Whether the database has no other address.
    pub(super) is_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Tcp(IpAddr),
    /// The folder of the socket.
    Socket(PathBuf),
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Endpoint::Tcp(address) if HostName::Tcp(address.to_string()) != self.host.name => {
                write!(f, "{} ({address}", self.host)?;
                f.write_str(if self.uses_tls { ", TLS)" } else { ", no TLS)" })
            }
            Endpoint::Tcp(_) => {
                write!(f, "{} ({})", self.host, if self.uses_tls { "TLS" } else { "no TLS" })
            }
            Endpoint::Socket(_) => self.host.fmt(f),
        }
    }
}
