//! Accepts connections, and serves each with time limits, as HTTP/1.1.

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
use ipnet::IpNet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::connection_limit::{ConnectionLimiter, ConnectionPermit, LimitReached};
use super::error_response::HttpError;
use super::forwarded;
use super::timeouts::{ConnectionState, TimeoutStream, TrackedBody};
use crate::client_ip::ClientIp;
use crate::config::Limits;
use crate::graphql::error::{ApiError, ErrorCode};

/// How long nothing is accepted after the system had no more room for connections.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// How long somebody who is refused may take to read so, and how many at once.
const REJECT_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_CONCURRENT_REJECTIONS: usize = 64;

/// The door: who may come in, and what is behind it.
pub(crate) struct HttpServer {
    router: Router,
    proxies: Vec<IpNet>,
    limits: Limits,
    seats: Arc<ConnectionLimiter>,
    farewells: Arc<Semaphore>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl HttpServer {
    pub(crate) fn new(
        router: Router,
        proxies: &[IpNet],
        limits: &Limits,
        stopping: CancellationToken,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            router,
            proxies: proxies.to_vec(),
            limits: limits.clone(),
            seats: ConnectionLimiter::new(limits.max_connections, limits.connections_per_client),
            farewells: Arc::new(Semaphore::new(MAX_CONCURRENT_REJECTIONS)),
            stopping,
            tasks,
        }
    }

    /// Accepts connections until the server stops. Those that there are then end with the request
    /// that they are at, and are the tasks that are waited for.
    pub(crate) async fn serve(&self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stopping.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.handle_connection(stream, peer),
                Err(error) if is_connection_error(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted");
                    sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }

    fn handle_connection(&self, stream: TcpStream, peer: SocketAddr) {
        // An answer is written as a whole, or it is one of several events that should not wait.
        let _ = stream.set_nodelay(true);
        limit_send_buffer(&stream);
        let address = ClientIp::from(peer.ip());
        let caller = (!forwarded::is_trusted(address, &self.proxies)).then(|| address.network());
        match self.seats.take(caller) {
            Ok(seat) => self.tasks.spawn(self.connection(stream, peer, seat)),
            Err(full) => match Arc::clone(&self.farewells).try_acquire_owned() {
                Ok(place) => self.tasks.spawn(async move {
                    let _ = timeout(REJECT_TIMEOUT, reject_connection(stream, full)).await;
                    drop(place);
                }),
                Err(_) => return,
            },
        };
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        seat: ConnectionPermit,
    ) -> impl Future<Output = ()> + use<> {
        let progress = Arc::new(ConnectionState::default());
        let io = TimeoutStream::new(stream, Arc::clone(&progress), &self.limits, seat);
        let (router, stopping) = (self.router.clone(), self.stopping.clone());
        let header_bytes = self.limits.header_bytes;
        let service = service_fn(move |mut request: Request<Incoming>| {
            progress.request_started();
            request.extensions_mut().insert(ConnectInfo(peer));
            let (response, progress) =
                (router.clone().call(request.map(Body::new)), Arc::clone(&progress));
            async move {
                let response = response.await?;
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    progress.upgraded();
                }
                Ok::<_, Infallible>(response.map(|body| TrackedBody::new(body, progress)))
            }
        });
        async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // `TimeoutStream` tells the head of a request from the wait for it.
                .header_read_timeout(None)
                .max_buf_size(header_bytes.max(MIN_HYPER_BUFFER))
                .serve_connection(TokioIo::new(io), service)
                .with_upgrades();
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = stopping.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        }
    }
}

/// How much of an answer the system keeps before it is on its way, in bytes.
#[cfg(target_os = "linux")]
const NOTSENT_LOWAT: u32 = 128 << 10;

/// Keeps the system from taking megabytes of an answer for somebody who does not read it: they would be
/// memory, and would hide from the time limit for writing who reads slowly and who not at all.
#[cfg(target_os = "linux")]
fn limit_send_buffer(stream: &TcpStream) {
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_notsent_lowat(NOTSENT_LOWAT) {
        tracing::debug!(%error, "the system keeps as much as it likes");
    }
}

#[cfg(not(target_os = "linux"))]
fn limit_send_buffer(_: &TcpStream) {}

/// hyper takes no less, in bytes.
const MIN_HYPER_BUFFER: usize = 8 << 10;

/// Says why there is no room, to somebody whose request nobody reads.
async fn reject_connection(mut stream: TcpStream, full: LimitReached) -> io::Result<()> {
    let (code, message) = match full {
        LimitReached::Total => (ErrorCode::ServiceUnavailable, ApiError::Overloaded.to_string()),
        LimitReached::PerClient => {
            (ErrorCode::RateLimited, "Too many connections from your address.".to_owned())
        }
    };
    stream.write_all(HttpError::new(code, message).raw_http1().as_bytes()).await?;
    stream.shutdown().await?;
    // What is not read, the system answers with a reset, which may overtake what was written.
    let mut unread = [0; 4 << 10];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

/// Whether accepting failed because of the one connection that was to be accepted.
fn is_connection_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
