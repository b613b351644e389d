//! A connection with timeouts: for reading the head of a request, for idling between two requests, and
//! for writing a response. The processing of a request has separate timeouts.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::client_limit::ClientPermit;
use crate::config::Limits;

/// Bytes of a response that must be written within the write timeout.
const WRITE_PROGRESS_BYTES: usize = 64 << 10;

/// What the server waits for on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The rest of a request's head.
    ReadingHead = 0,
    /// Nothing: a request is being processed.
    Responding = 1,
    /// The next request.
    Idle = 2,
    /// Nothing: the connection was upgraded to another protocol, which has separate timeouts.
    Upgraded = 3,
}

/// The phase of a connection. The stream and the request handler share it.
#[derive(Debug)]
pub(super) struct ConnectionState {
    opened: Instant,
    /// The lowest two bits: the phase. The others: its start, in milliseconds after `opened`.
    phase: AtomicU64,
}

impl Default for ConnectionState {
    fn default() -> Self {
        Self { opened: Instant::now(), phase: AtomicU64::new(Phase::ReadingHead as u64) }
    }
}

impl ConnectionState {
    /// The current phase, and when it began.
    fn current(&self) -> (Phase, Instant) {
        let bits = self.phase.load(Ordering::Acquire);
        let phase = match bits & 3 {
            0 => Phase::ReadingHead,
            1 => Phase::Responding,
            2 => Phase::Idle,
            _ => Phase::Upgraded,
        };
        (phase, self.opened + Duration::from_millis(bits >> 2))
    }

    fn enter(&self, phase: Phase) {
        if self.current().0 != Phase::Upgraded {
            let millis = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(0);
            self.phase.store(millis << 2 | phase as u64, Ordering::Release);
        }
    }

    /// Records that the head of a request has arrived.
    pub(super) fn request_started(&self) {
        self.enter(Phase::Responding);
    }

    /// Records that the connection switches to another protocol.
    pub(super) fn upgraded(&self) {
        self.enter(Phase::Upgraded);
    }
}

/// A connection whose reads and writes fail with `TimedOut` when they take too long.
pub(super) struct TimeoutStream<T> {
    stream: T,
    state: Arc<ConnectionState>,
    timeouts: Timeouts,
    reading: Deadline,
    writing: Deadline,
    /// Bytes written since the write deadline was last stopped.
    written: usize,
    _permit: ClientPermit,
}

#[derive(Clone, Copy, Debug)]
struct Timeouts {
    head: Duration,
    idle: Duration,
    write: Duration,
}

impl<T> TimeoutStream<T> {
    pub(super) fn new(
        stream: T,
        state: Arc<ConnectionState>,
        limits: &Limits,
        permit: ClientPermit,
    ) -> Self {
        let timeouts = Timeouts {
            head: limits.header_read_timeout,
            idle: limits.keep_alive_timeout,
            write: limits.write_timeout,
        };
        let (reading, writing) = (Deadline::default(), Deadline::default());
        Self { stream, state, timeouts, reading, writing, written: 0, _permit: permit }
    }

    /// Fails when no data has arrived within the timeout of the current phase. During a request the phase is
    /// checked again after each idle timeout, so this task need not be woken when the phase becomes idle.
    fn poll_read_timeout(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let (phase, since) = self.state.current();
            let end = match phase {
                Phase::ReadingHead => Some(since + self.timeouts.head),
                // hyper has produced the whole response, but it is not flushed yet.
                Phase::Idle if self.writing.is_running() => None,
                Phase::Idle => Some(since + self.timeouts.idle),
                Phase::Responding | Phase::Upgraded => None,
            };
            match end {
                Some(end) => self.reading.end_by(end),
                None => self.reading.start_unless_running(self.timeouts.idle),
            }
            ready!(self.reading.poll(cx));
            if end.is_some_and(|end| end <= Instant::now()) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
    }

    /// Fails when the write timeout passes before `WRITE_PROGRESS_BYTES` are written or all is flushed.
    fn poll_write_timeout<O>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<O>> {
        self.writing.start_unless_running(self.timeouts.write);
        self.writing.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn record_written(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written >= WRITE_PROGRESS_BYTES {
            self.written = 0;
            self.writing.stop();
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TimeoutStream<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Pending => this.poll_read_timeout(cx),
            ready => {
                if this.state.current().0 == Phase::Idle {
                    this.state.enter(Phase::ReadingHead);
                }
                ready
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TimeoutStream<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.after_write(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.after_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        // hyper flushes the stream only after it has written all that it had buffered.
        this.record_written(WRITE_PROGRESS_BYTES);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl<T> TimeoutStream<T> {
    fn after_write(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.poll_write_timeout(cx),
            Poll::Ready(Ok(bytes)) => {
                self.record_written(bytes);
                // hyper had the whole response before; the idle timeout starts again with this write.
                if self.state.current().0 == Phase::Idle {
                    self.state.enter(Phase::Idle);
                }
                Poll::Ready(Ok(bytes))
            }
            failed => failed,
        }
    }
}

/// A deadline that can be started, moved forward and stopped.
#[derive(Default)]
struct Deadline {
    end: Option<Instant>,
    /// Reused from one deadline to the next. While `end` is set, it completes at `end`.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    fn is_running(&self) -> bool {
        self.end.is_some()
    }

    fn start_unless_running(&mut self, time: Duration) {
        if self.end.is_none() {
            self.end_by(Instant::now() + time);
        }
    }

    /// Sets the deadline, unless an earlier one is running.
    fn end_by(&mut self, end: Instant) {
        if self.end.is_some_and(|current| current <= end) {
            return;
        }
        self.end = Some(end);
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(end),
            None => self.sleep = Some(Box::pin(sleep_until(end))),
        }
    }

    fn stop(&mut self) {
        self.end = None;
    }

    /// Ready when the deadline has passed; the deadline then stops.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) if self.end.is_some() => {
                ready!(sleep.as_mut().poll(cx));
                self.end = None;
                Poll::Ready(())
            }
            _ => Poll::Pending,
        }
    }
}

/// The body of a response. When it is dropped, the connection becomes idle.
pub(super) struct TrackedBody {
    body: Body,
    state: Arc<ConnectionState>,
}

impl TrackedBody {
    pub(super) fn new(body: Body, state: Arc<ConnectionState>) -> Self {
        Self { body, state }
    }
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        self.state.enter(Phase::Idle);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::http::client_limit::ClientLimiter;

    const SECOND: Duration = Duration::from_secs(1);

    fn connection() -> (TimeoutStream<DuplexStream>, DuplexStream, Arc<ConnectionState>) {
        let limits = Limits {
            header_read_timeout: 10 * SECOND,
            keep_alive_timeout: 60 * SECOND,
            write_timeout: 30 * SECOND,
            ..Limits::default()
        };
        let (stream, client) = duplex(WRITE_PROGRESS_BYTES);
        let state = Arc::new(ConnectionState::default());
        let permit = ClientLimiter::new(1, 1).take(None).expect("a permit");
        (TimeoutStream::new(stream, Arc::clone(&state), &limits, permit), client, state)
    }

    /// Whether a read is pending until half a second before `seconds`, and times out in the next second.
    async fn is_given_up_after(reader: &mut (impl AsyncRead + Unpin), seconds: u32) -> bool {
        let mut byte = [0];
        let early = timeout(seconds * SECOND - SECOND / 2, reader.read(&mut byte)).await;
        let late = timeout(SECOND, reader.read(&mut byte)).await;
        early.is_err()
            && late.is_ok_and(|read| read.is_err_and(|e| e.kind() == io::ErrorKind::TimedOut))
    }

    #[tokio::test(start_paused = true)]
    async fn the_header_read_timeout_starts_at_the_first_byte() {
        let (mut connection, mut client, state) = connection();
        assert!(is_given_up_after(&mut connection, 10).await);

        state.request_started();
        state.enter(Phase::Idle);
        sleep(50 * SECOND).await;
        client.write_all(b"P").await.expect("a byte");
        assert_eq!(connection.read_u8().await.expect("a byte"), b'P');
        assert!(is_given_up_after(&mut connection, 10).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_goes_idle_is_closed_after_the_idle_timeout() {
        let (mut connection, _client, state) = connection();
        state.request_started();
        let mut byte = [0];
        assert!(timeout(200 * SECOND, connection.read(&mut byte)).await.is_err(), "it is busy");
        state.enter(Phase::Idle);
        sleep(30 * SECOND).await;
        // hyper flushes on every poll, even if there is nothing to flush.
        connection.flush().await.expect("nothing to flush");
        assert!(is_given_up_after(&mut connection, 30).await);
    }

    #[tokio::test(start_paused = true)]
    async fn the_keep_alive_timeout_starts_when_the_response_is_written() {
        let (connection, mut client, state) = connection();
        let (mut reader, mut writer) = split(connection);
        state.request_started();
        let answer = async {
            // hyper drops the body as soon as it has read all of it.
            state.enter(Phase::Idle);
            writer.write_all(&[0; 5 * WRITE_PROGRESS_BYTES]).await.expect("the response is read");
            writer.flush().await.expect("the response is read");
        };
        let slow = async {
            for _ in 0..5 {
                sleep(20 * SECOND).await;
                client.read_exact(&mut [0; WRITE_PROGRESS_BYTES]).await.expect("a chunk");
            }
        };
        tokio::join!(answer, slow);
        // The last chunk was buffered in the connection for twenty seconds.
        assert!(is_given_up_after(&mut reader, 40).await);
    }
}
