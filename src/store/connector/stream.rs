//! A stream to a server before the login, with or without TLS.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::route::{Endpoint, KEEPALIVE, Route};
use crate::config::{HostName, SslMode, TlsOptions};

/// The message that asks the server for TLS (PostgreSQL, section "Message Formats").
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A connection to a server.
pub(in crate::store) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Opens a stream on this route.
pub(super) async fn open(
    route: &Route,
    tls: &Arc<ClientConfig>,
    options: &TlsOptions,
) -> io::Result<Box<dyn Stream>> {
    let port = route.host.port;
    let mut stream = match &route.endpoint {
        Endpoint::Socket(folder) => {
            let stream = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?;
            return Ok(Box::new(stream));
        }
        Endpoint::Tcp(address) => TcpStream::connect((*address, port)).await?,
    };
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(KEEPALIVE))?;
    let (true, HostName::Tcp(name)) = (route.uses_tls, &route.host.name) else {
        return Ok(Box::new(stream));
    };
    if !options.direct {
        stream.write_all(&SSL_REQUEST).await?;
        match stream.read_u8().await? {
            b'S' => {}
            b'N' if options.mode == SslMode::Prefer => return Ok(Box::new(stream)),
            _ => return Err(io::Error::other("the server does not support TLS")),
        }
    }
    let name = ServerName::try_from(name.clone()).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?))
}
