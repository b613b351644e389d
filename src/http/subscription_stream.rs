//! Subscriptions over plain HTTP: as Server-Sent Events (the protocol of graphql-sse, distinct connections
//! mode) and as multipart responses (Apollo's multipart subscriptions).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::client_limit::ClientPermit;
use super::media_type::MediaType;
use super::state::AppState;
use crate::graphql::error::ApiError;
use crate::graphql::execute::SubscriptionStream;
use crate::graphql::outcome::{OperationOutcome, ResponseJson};

/// Interval of keep-alive frames on a quiet stream, so that no proxy closes it.
const KEEP_ALIVE: Duration = Duration::from_secs(12);

/// Timeout for the client to read one frame, once the buffers of the system are full.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// The framing of responses.
#[derive(Clone, Copy, Debug)]
enum StreamFormat {
    Sse,
    Multipart,
}

impl StreamFormat {
    /// Sent immediately, so that the client knows that the stream is open.
    fn start(self) -> &'static str {
        match self {
            Self::Sse => ":\n\n",
            Self::Multipart => "\r\n--graphql",
        }
    }

    fn keep_alive(self) -> String {
        match self {
            Self::Sse => ":\n\n".to_owned(),
            Self::Multipart => part("{}"),
        }
    }

    fn next(self, outcome: OperationOutcome) -> ResponseJson {
        outcome.json.framed(|json| match self {
            Self::Sse => format!("event: next\ndata: {json}\n\n"),
            Self::Multipart => part(&format!("{{\"payload\":{json}}}")),
        })
    }

    /// A last response with the error that ends the stream early.
    fn error(self, outcome: OperationOutcome) -> ResponseJson {
        match self {
            Self::Sse => self.next(outcome),
            Self::Multipart => {
                let errors = serde_json::json!(outcome.response.errors);
                part(&format!("{{\"payload\":null,\"errors\":{errors}}}")).into()
            }
        }
    }

    /// A last frame, with the end of the stream.
    fn with_end(
        self,
        outcome: OperationOutcome,
        frame: fn(Self, OperationOutcome) -> ResponseJson,
    ) -> ResponseJson {
        frame(self, outcome).framed(|frame| format!("{frame}{}", self.end()))
    }

    /// The end of the stream. Formatted by hand, because browsers drop an event without a `data` line.
    fn end(self) -> &'static str {
        match self {
            Self::Sse => "event: complete\ndata:\n\n",
            Self::Multipart => "--\r\n",
        }
    }
}

/// A part, followed immediately by the next delimiter: clients treat a part as complete when they see it.
fn part(json: &str) -> String {
    format!("\r\nContent-Type: application/json\r\n\r\n{json}\r\n--graphql")
}

/// Streams the responses of a subscription until it ends or its viewer is no longer authenticated. `permit` counts
/// the memory of its variables.
pub(super) fn respond(
    state: &AppState,
    subscription: SubscriptionStream,
    media_type: MediaType,
    request_id: Arc<str>,
    permit: ClientPermit,
) -> Response {
    let format = match media_type {
        MediaType::Multipart => StreamFormat::Multipart,
        _ => StreamFormat::Sse,
    };
    let revoked = {
        let api = Arc::clone(&state.api);
        async move { api.wait_until_revoked(subscription.viewer).await }.boxed()
    };
    let open = OpenStream {
        state: state.clone(),
        format,
        responses: subscription.responses,
        revoked,
        request_id,
        _permit: permit,
    };
    let (frames, body) = mpsc::channel(1);
    state.shutdown.spawn(open.write_to(frames));
    let body = stream::unfold(body, |mut body| async { Some((body.recv().await?, body)) });
    response(
        media_type,
        Body::from_stream(body.map(|frame| Ok::<_, Infallible>(Bytes::from_owner(frame)))),
    )
}

/// A single response, for a client that accepts only events.
pub(super) fn single_event_response(outcome: OperationOutcome) -> Response {
    let frames = StreamFormat::Sse.with_end(outcome, StreamFormat::next);
    response(MediaType::EventStream, Body::from(Bytes::from_owner(frames)))
}

fn response(media_type: MediaType, body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type.header()),
        // Without this header nginx buffers events.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, body).into_response()
}

/// An open subscription stream.
struct OpenStream {
    state: AppState,
    format: StreamFormat,
    responses: BoxStream<'static, OperationOutcome>,
    revoked: BoxFuture<'static, ApiError>,
    request_id: Arc<str>,
    _permit: ClientPermit,
}

impl OpenStream {
    /// Writes frames until the stream ends, the client disconnects or the client does not read in time.
    /// Runs in a separate task, because a body is polled only when the client reads.
    async fn write_to(mut self, frames: mpsc::Sender<ResponseJson>) {
        let mut next = Some((self.format.start().to_owned().into(), true));
        while let Some((frame, more)) = next {
            if !matches!(timeout(WRITE_TIMEOUT, frames.send(frame)).await, Ok(Ok(()))) || !more {
                return;
            }
            next = tokio::select! {
                next = self.next() => next,
                () = frames.closed() => None,
            };
        }
    }

    /// The next frame, and whether more may follow. `None` during shutdown: clients reconnect when a
    /// stream breaks off without its end.
    async fn next(&mut self) -> Option<(ResponseJson, bool)> {
        let format = self.format;
        tokio::select! {
            biased;
            () = self.state.shutdown.begun() => None,
            error = &mut self.revoked => {
                let error = self.state.api.reject(error, &self.request_id);
                Some((format.with_end(error, StreamFormat::error), false))
            }
            outcome = self.responses.next() => Some(match outcome {
                Some(outcome) => (format.next(outcome), true),
                None => (format.end().to_owned().into(), false),
            }),
            () = self.state.services.clock.sleep(KEEP_ALIVE) => Some((format.keep_alive().into(), true)),
        }
    }
}
