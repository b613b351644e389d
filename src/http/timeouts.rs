//! A connection with time limits: for the head of a request, for idling between two, and for an answer
//! to be taken. What happens within a request has time limits of its own.

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

use super::connection_limit::ConnectionPermit;
use crate::config::Limits;

/// How much of an answer has to be taken within the time limit for writing, in bytes.
const WRITE_PROGRESS_BYTES: usize = 64 << 10;

/// What a connection is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The rest of a request's head.
    ReadingHead = 0,
    /// Nothing: a request is being answered.
    Responding = 1,
    /// Another request.
    Idle = 2,
    /// Nothing any more: it speaks another protocol now, which has time limits of its own.
    Upgraded = 3,
}

/// Where a connection is, shared by whoever reads from it and whoever answers.
#[derive(Debug)]
pub(super) struct ConnectionState {
    opened: Instant,
    /// The phase in two bits, and in the others when it began, in milliseconds after the opening.
    state: AtomicU64,
}

impl Default for ConnectionState {
    fn default() -> Self {
        Self { opened: Instant::now(), state: AtomicU64::new(Phase::ReadingHead as u64) }
    }
}

impl ConnectionState {
    /// The phase, and when it began.
    fn now(&self) -> (Phase, Instant) {
        let state = self.state.load(Ordering::Acquire);
        let phase = match state & 3 {
            0 => Phase::ReadingHead,
            1 => Phase::Responding,
            2 => Phase::Idle,
            _ => Phase::Upgraded,
        };
        (phase, self.opened + Duration::from_millis(state >> 2))
    }

    fn enter(&self, phase: Phase) {
        if self.now().0 != Phase::Upgraded {
            let millis = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(0);
            self.state.store(millis << 2 | phase as u64, Ordering::Release);
        }
    }

    /// The head of a request has arrived.
    pub(super) fn request_started(&self) {
        self.enter(Phase::Responding);
    }

    /// The connection will speak another protocol.
    pub(super) fn upgraded(&self) {
        self.enter(Phase::Upgraded);
    }
}

/// A connection that does not wait for ever.
pub(super) struct TimeoutStream<T> {
    stream: T,
    progress: Arc<ConnectionState>,
    times: Timeouts,
    reading: Deadline,
    writing: Deadline,
    /// How much was taken since that deadline was set, in bytes.
    taken: usize,
    _seat: ConnectionPermit,
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
        progress: Arc<ConnectionState>,
        limits: &Limits,
        seat: ConnectionPermit,
    ) -> Self {
        let times = Timeouts {
            head: limits.header_read_timeout,
            idle: limits.keep_alive_timeout,
            write: limits.write_timeout,
        };
        let (reading, writing) = (Deadline::default(), Deadline::default());
        Self { stream, progress, times, reading, writing, taken: 0, _seat: seat }
    }

    /// Fails once nothing has come for too long. A busy connection is looked at again after the time for idling:
    /// so nobody has to wake it when it becomes idle.
    fn poll_read_timeout(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let (phase, since) = self.progress.now();
            let end = match phase {
                Phase::ReadingHead => Some(since + self.times.head),
                // It is still busy with an answer of which hyper has all and we have not.
                Phase::Idle if self.writing.is_running() => None,
                Phase::Idle => Some(since + self.times.idle),
                Phase::Responding | Phase::Upgraded => None,
            };
            match end {
                Some(end) => self.reading.end_by(end),
                None => self.reading.start_unless_running(self.times.idle),
            }
            ready!(self.reading.poll(cx));
            if end.is_some_and(|end| end <= Instant::now()) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
    }

    /// Fails once nothing was taken for too long.
    fn poll_write_timeout<O>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<O>> {
        self.writing.start_unless_running(self.times.write);
        self.writing.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn record_written(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken >= WRITE_PROGRESS_BYTES {
            self.taken = 0;
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
                if this.progress.now().0 == Phase::Idle {
                    this.progress.enter(Phase::ReadingHead);
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
        // hyper flushes once all that there is has been taken.
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
                // hyper had all of the answer before, and the time for idling begins now.
                if self.progress.now().0 == Phase::Idle {
                    self.progress.enter(Phase::Idle);
                }
                Poll::Ready(Ok(bytes))
            }
            failed => failed,
        }
    }
}

/// A moment until which something is waited for.
#[derive(Default)]
struct Deadline {
    end: Option<Instant>,
    /// Kept from one wait to the next. While there is an end, it ends then.
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

    /// Ends at this moment, or sooner if it was going to.
    fn end_by(&mut self, end: Instant) {
        if self.end.is_some_and(|its| its <= end) {
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

    /// Whether it is over; then it is not running any more.
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

/// The body of an answer: with its end the connection is idle.
pub(super) struct TrackedBody {
    body: Body,
    progress: Arc<ConnectionState>,
}

impl TrackedBody {
    pub(super) fn new(body: Body, progress: Arc<ConnectionState>) -> Self {
        Self { body, progress }
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
        self.progress.enter(Phase::Idle);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::http::connection_limit::ConnectionLimiter;

    const SECOND: Duration = Duration::from_secs(1);

    fn connection() -> (TimeoutStream<DuplexStream>, DuplexStream, Arc<ConnectionState>) {
        let limits = Limits {
            header_read_timeout: 10 * SECOND,
            keep_alive_timeout: 60 * SECOND,
            write_timeout: 30 * SECOND,
            ..Limits::default()
        };
        let (stream, client) = duplex(WRITE_PROGRESS_BYTES);
        let progress = Arc::new(ConnectionState::default());
        let seat = ConnectionLimiter::new(1, 1).take(None).expect("a seat");
        (TimeoutStream::new(stream, Arc::clone(&progress), &limits, seat), client, progress)
    }

    /// Whether nothing comes, and the connection is kept, for this many seconds and is given up in the next.
    async fn is_given_up_after(reader: &mut (impl AsyncRead + Unpin), seconds: u32) -> bool {
        let mut byte = [0];
        let early = timeout(seconds * SECOND - SECOND / 2, reader.read(&mut byte)).await;
        let late = timeout(SECOND, reader.read(&mut byte)).await;
        early.is_err()
            && late.is_ok_and(|it| it.is_err_and(|it| it.kind() == io::ErrorKind::TimedOut))
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_is_waited_for_from_its_first_byte_on() {
        let (mut connection, mut client, progress) = connection();
        assert!(is_given_up_after(&mut connection, 10).await);

        progress.request_started();
        progress.enter(Phase::Idle);
        sleep(50 * SECOND).await;
        client.write_all(b"P").await.expect("a byte");
        assert_eq!(connection.read_u8().await.expect("a byte"), b'P');
        assert!(is_given_up_after(&mut connection, 10).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_goes_idle_is_closed_after_the_idle_timeout() {
        let (mut connection, _client, progress) = connection();
        progress.request_started();
        let mut byte = [0];
        assert!(timeout(200 * SECOND, connection.read(&mut byte)).await.is_err(), "it is busy");
        progress.enter(Phase::Idle);
        sleep(30 * SECOND).await;
        // hyper does so each time that it looks.
        connection.flush().await.expect("nothing to flush");
        assert!(is_given_up_after(&mut connection, 30).await);
    }

    #[tokio::test(start_paused = true)]
    async fn idling_begins_once_the_answer_has_been_taken() {
        let (connection, mut client, progress) = connection();
        let (mut reader, mut writer) = split(connection);
        progress.request_started();
        let answer = async {
            // As hyper does once the body is all in its hands.
            progress.enter(Phase::Idle);
            writer.write_all(&[0; 5 * WRITE_PROGRESS_BYTES]).await.expect("an answer is taken");
            writer.flush().await.expect("an answer is taken");
        };
        let slow = async {
            for _ in 0..5 {
                sleep(20 * SECOND).await;
                client.read_exact(&mut [0; WRITE_PROGRESS_BYTES]).await.expect("a mouthful");
            }
        };
        tokio::join!(answer, slow);
        // The connection held the last of it for twenty seconds.
        assert!(is_given_up_after(&mut reader, 40).await);
    }
}
