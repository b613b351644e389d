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
use futures_util::task::AtomicWaker;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::seats::Seat;
use crate::config::Limits;

/// How much of an answer has to be taken within the time limit for writing, in bytes.
const MOUTHFUL: usize = 64 << 10;

/// What a connection is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The rest of a request's head.
    Head = 0,
    /// Nothing: a request is being answered.
    Busy = 1,
    /// Another request.
    Idle = 2,
    /// Nothing any more: it speaks another protocol now, which has time limits of its own.
    Upgraded = 3,
}

/// Where a connection is, shared by whoever reads from it and whoever answers.
#[derive(Debug, Default)]
pub(super) struct Progress {
    state: AtomicU64,
    /// Whoever waits to read, and has to look at the time limits of the next phase.
    reader: AtomicWaker,
}

impl Progress {
    /// The phase, and a number that is another each time that a phase begins.
    fn now(&self) -> (Phase, u64) {
        let state = self.state.load(Ordering::Acquire);
        let phase = match state & 3 {
            0 => Phase::Head,
            1 => Phase::Busy,
            2 => Phase::Idle,
            _ => Phase::Upgraded,
        };
        (phase, state)
    }

    fn enter(&self, phase: Phase) {
        let (was, state) = self.now();
        if was != Phase::Upgraded {
            self.state.store(((state >> 2) + 1) << 2 | phase as u64, Ordering::Release);
            self.reader.wake();
        }
    }

    /// The head of a request has arrived.
    pub(super) fn begun(&self) {
        self.enter(Phase::Busy);
    }

    /// The connection will speak another protocol.
    pub(super) fn upgraded(&self) {
        self.enter(Phase::Upgraded);
    }
}

/// A connection that does not wait for ever.
pub(super) struct Impatient<T> {
    stream: T,
    progress: Arc<Progress>,
    times: Times,
    reading: Deadline,
    /// The phase that the deadline for reading was set for.
    phase: Option<u64>,
    writing: Deadline,
    /// How much was taken since that deadline was set, in bytes.
    taken: usize,
    _seat: Seat,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    head: Duration,
    idle: Duration,
    write: Duration,
}

impl<T> Impatient<T> {
    pub(super) fn new(stream: T, progress: Arc<Progress>, limits: &Limits, seat: Seat) -> Self {
        let times = Times {
            head: limits.header_timeout,
            idle: limits.idle_timeout,
            write: limits.write_timeout,
        };
        let (reading, writing) = (Deadline::default(), Deadline::default());
        Self { stream, progress, times, reading, phase: None, writing, taken: 0, _seat: seat }
    }

    /// Fails once nothing has come for too long.
    fn wait_to_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.progress.reader.register(cx.waker());
        let (phase, its) = self.progress.now();
        let time = match phase {
            Phase::Head => self.times.head,
            Phase::Idle => self.times.idle,
            Phase::Busy | Phase::Upgraded => return Poll::Pending,
        };
        if self.phase != Some(its) {
            self.phase = Some(its);
            self.reading.set(time);
        }
        let waited = ready!(self.reading.poll(cx));
        if phase == Phase::Idle && self.writing.running {
            // It is still busy with the answer, of which hyper has all and we have not.
            self.reading.set(time);
            let _ = self.reading.poll(cx);
            return Poll::Pending;
        }
        Poll::Ready(waited)
    }

    /// Fails once nothing was taken for too long.
    fn wait_to_write<O>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<O>> {
        self.writing.set_unless_running(self.times.write);
        match self.writing.poll(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Pending,
        }
    }

    fn was_taken(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken >= MOUTHFUL {
            self.taken = 0;
            self.writing.stop();
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Impatient<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Pending => this.wait_to_read(cx),
            ready => {
                if this.progress.now().0 == Phase::Idle {
                    this.progress.enter(Phase::Head);
                }
                ready
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Impatient<T> {
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
        this.was_taken(MOUTHFUL);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl<T> Impatient<T> {
    fn after_write(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.wait_to_write(cx),
            Poll::Ready(Ok(bytes)) => {
                self.was_taken(bytes);
                Poll::Ready(Ok(bytes))
            }
            failed => failed,
        }
    }
}

/// A moment until which something is waited for.
#[derive(Default)]
struct Deadline {
    /// Kept from one wait to the next.
    sleep: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl Deadline {
    fn set(&mut self, time: Duration) {
        let until = Instant::now() + time;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(until),
            None => self.sleep = Some(Box::pin(sleep_until(until))),
        }
        self.running = true;
    }

    fn set_unless_running(&mut self, time: Duration) {
        if !self.running {
            self.set(time);
        }
    }

    fn stop(&mut self) {
        self.running = false;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.sleep {
            Some(sleep) if self.running => {
                ready!(sleep.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            _ => Poll::Pending,
        }
    }
}

/// The body of an answer: with its end the connection is idle.
pub(super) struct Answering {
    body: Body,
    progress: Arc<Progress>,
}

impl Answering {
    pub(super) fn new(body: Body, progress: Arc<Progress>) -> Self {
        Self { body, progress }
    }
}

impl HttpBody for Answering {
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

impl Drop for Answering {
    fn drop(&mut self) {
        self.progress.enter(Phase::Idle);
    }
}
