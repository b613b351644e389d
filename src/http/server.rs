//! Accepts connections and serves each as HTTP/1.1, with timeouts.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower::Service;

use super::client_limit::{ClientLimiter, ClientPermit, LimitReached};
use super::error_response::HttpError;
use super::forwarded;
use super::shutdown::Shutdown;
use super::timeouts::{ConnectionState, TimeoutStream, TrackedBody};
use crate::client_ip::ClientIp;
use crate::config::Config;
use crate::graphql::error::{ApiError, ErrorCode};

/// Pause after a failed accept, for example when no file descriptors are left.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Timeout for a rejected client to read the error, and the maximum number of such clients at once.
const REJECT_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_CONCURRENT_REJECTIONS: usize = 64;

/// Accepts connections, enforces the connection limits and serves the router.
pub(crate) struct HttpServer {
    router: Router,
    config: Arc<Config>,
    limiter: Arc<ClientLimiter>,
    rejections: Arc<Semaphore>,
    shutdown: Shutdown,
}

impl HttpServer {
    pub(crate) fn new(router: Router, config: &Arc<Config>, shutdown: Shutdown) -> Self {
        let limits = &config.limits;
        Self {
            router,
            config: Arc::clone(config),
            limiter: ClientLimiter::new(limits.max_connections, limits.connections_per_client),
            rejections: Arc::new(Semaphore::new(MAX_CONCURRENT_REJECTIONS)),
            shutdown,
        }
    }

    /// The routes, for calling them without a socket.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Accepts connections until shutdown begins. The open connections then end after their current
    /// request. [`Shutdown::wait`] waits for them.
    pub(crate) async fn serve(&self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.shutdown.begun() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.handle_connection(stream, peer),
                Err(error) if is_connection_error(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed, will retry");
                    sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }

    fn handle_connection(&self, stream: TcpStream, peer: SocketAddr) {
        // A response is written as a whole, or is an event of a stream that should not be delayed.
        let _ = stream.set_nodelay(true);
        limit_send_buffer(&stream);
        let address = ClientIp::from(peer.ip());
        let client = (!forwarded::is_trusted(address, &self.config.trusted_proxies))
            .then(|| address.network());
        match self.limiter.take(client) {
            Ok(permit) => self.shutdown.spawn(self.connection(stream, peer, permit)),
            Err(reached) => {
                if let Ok(permit) = Arc::clone(&self.rejections).try_acquire_owned() {
                    self.shutdown.spawn(async move {
                        let _ = timeout(REJECT_TIMEOUT, reject_connection(stream, reached)).await;
                        drop(permit);
                    });
                }
            }
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: ClientPermit,
    ) -> impl Future<Output = ()> + use<> {
        let state = Arc::new(ConnectionState::default());
        let io = TimeoutStream::new(stream, Arc::clone(&state), &self.config.limits, permit);
        let (router, shutdown) = (self.router.clone(), self.shutdown.clone());
        let header_bytes = self.config.limits.header_bytes;
        let service = service_fn(move |mut request: Request<Incoming>| {
            state.request_started();
            request.extensions_mut().insert(ConnectInfo(peer));
            let (response, state) =
                (router.clone().call(request.map(Body::new)), Arc::clone(&state));
            async move {
                let response = response.await?;
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    state.upgraded();
                }
                Ok::<_, Infallible>(response.map(|body| TrackedBody::new(body, state)))
            }
        });
        async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // `TimeoutStream` has separate timeouts for an idle connection and for reading a head.
                .header_read_timeout(None)
                .max_buf_size(header_bytes.max(MIN_HYPER_BUFFER))
                .serve_connection(TokioIo::new(io), service)
                .with_upgrades();
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = shutdown.begun() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended with an error");
            }
        }
    }
}

/// Unsent bytes of a response that the system buffers (`TCP_NOTSENT_LOWAT`).
#[cfg(target_os = "linux")]
const NOTSENT_LOWAT: u32 = 128 << 10;

/// Keeps the system from buffering megabytes of a response for a client that does not read. They would use
/// memory, and the write timeout could not distinguish a slow reader from one that does not read at all.
#[cfg(target_os = "linux")]
fn limit_send_buffer(stream: &TcpStream) {
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_notsent_lowat(NOTSENT_LOWAT) {
        tracing::debug!(%error, "could not set TCP_NOTSENT_LOWAT");
    }
}

#[cfg(not(target_os = "linux"))]
fn limit_send_buffer(_: &TcpStream) {}

/// The smallest buffer that hyper accepts, in bytes.
const MIN_HYPER_BUFFER: usize = 8 << 10;

/// Sends an error that names the limit reached. The request is not parsed.
async fn reject_connection(mut stream: TcpStream, reached: LimitReached) -> io::Result<()> {
    let (code, message) = match reached {
        LimitReached::Total => (ErrorCode::ServiceUnavailable, ApiError::Overloaded.to_string()),
        LimitReached::PerClient => {
            (ErrorCode::RateLimited, "Too many connections from your address.".to_owned())
        }
    };
    stream.write_all(HttpError::new(code, message).raw_http1().as_bytes()).await?;
    stream.shutdown().await?;
    // Read to the end: the system sends a reset for unread data, which may overtake the response.
    let mut unread = [0; 4 << 10];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

/// Whether accept failed because of this one connection, not because of the system.
fn is_connection_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
