//! Subscriptions over plain HTTP: as Server-Sent Events (the protocol of graphql-sse, in its
//! distinct connections mode) and in parts (Apollo's multipart subscriptions).

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

use super::AppState;
use super::media_type::MediaType;
use crate::graphql::error::ApiError;
use crate::graphql::execute::{OperationOutcome, SubscriptionStream};

/// How often a quiet stream says that it is alive, so that nothing on the way closes it.
const KEEP_ALIVE: Duration = Duration::from_secs(12);

/// How long a reader may take for one frame, once as much as the system takes is on its way.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How answers are framed.
#[derive(Clone, Copy, Debug)]
enum StreamFormat {
    Sse,
    Multipart,
}

impl StreamFormat {
    /// Sent at once, so that the client knows that it is heard.
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

    fn answer(self, executed: &OperationOutcome) -> String {
        let json = executed.json();
        match self {
            Self::Sse => format!("event: next\ndata: {json}\n\n"),
            Self::Multipart => part(&format!("{{\"payload\":{json}}}")),
        }
    }

    /// Why there are no more answers, though there were some to come.
    fn refusal(self, executed: &OperationOutcome) -> String {
        match self {
            Self::Sse => self.answer(executed),
            Self::Multipart => {
                let errors = serde_json::json!(executed.response.errors);
                part(&format!("{{\"payload\":null,\"errors\":{errors}}}"))
            }
        }
    }

    /// There is nothing more to come. Written by hand: browsers drop an event without a `data` line.
    fn end(self) -> &'static str {
        match self {
            Self::Sse => "event: complete\ndata:\n\n",
            Self::Multipart => "--\r\n",
        }
    }
}

/// A part and, at once, the delimiter after it: clients take a part for complete when they see that.
fn part(json: &str) -> String {
    format!("\r\nContent-Type: application/json\r\n\r\n{json}\r\n--graphql")
}

/// Answers with every answer of a subscription, until it ends or its caller may hear no more.
pub(super) fn respond(
    server: &Arc<AppState>,
    subscribed: SubscriptionStream,
    media_type: MediaType,
    request_id: Arc<str>,
) -> Response {
    let format = match media_type {
        MediaType::Multipart => StreamFormat::Multipart,
        _ => StreamFormat::Sse,
    };
    let rejection = {
        let server = Arc::clone(server);
        async move { server.api.wait_until_revoked(subscribed.viewer).await }.boxed()
    };
    let open = OpenStream {
        server: Arc::clone(server),
        format,
        responses: subscribed.responses,
        rejection,
        request_id,
    };
    let (frames, body) = mpsc::channel(1);
    server.tasks.spawn(open.write_to(frames));
    let body = stream::unfold(body, |mut body| async { Some((body.recv().await?, body)) });
    response(media_type, Body::from_stream(body.map(|it| Ok::<_, Infallible>(Bytes::from(it)))))
}

/// One answer, for a client that takes nothing but events.
pub(super) fn single_event_response(executed: &OperationOutcome) -> Response {
    let format = StreamFormat::Sse;
    let frames = format!("{}{}", format.answer(executed), format.end());
    response(MediaType::EventStream, Body::from(frames))
}

fn response(media_type: MediaType, body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type.header()),
        // nginx would keep the events until there are many.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, body).into_response()
}

/// A stream that has not ended.
struct OpenStream {
    server: Arc<AppState>,
    format: StreamFormat,
    responses: BoxStream<'static, OperationOutcome>,
    rejection: BoxFuture<'static, ApiError>,
    request_id: Arc<str>,
}

impl OpenStream {
    /// Writes until the stream ends, or its reader goes away or does not read in time. A task of its
    /// own, since a body is asked for more only when its reader takes some.
    async fn write_to(mut self, frames: mpsc::Sender<String>) {
        let mut next = Some((self.format.start().to_owned(), true));
        while let Some((frame, goes_on)) = next {
            if !matches!(timeout(WRITE_TIMEOUT, frames.send(frame)).await, Ok(Ok(()))) || !goes_on {
                return;
            }
            next = tokio::select! {
                next = self.next() => next,
                () = frames.closed() => None,
            };
        }
    }

    /// The next frame, and whether more may follow; none when the server stops. A stream that breaks
    /// off without its end tells clients to come again.
    async fn next(&mut self) -> Option<(String, bool)> {
        let format = self.format;
        tokio::select! {
            biased;
            () = self.server.stopping.cancelled() => None,
            failure = &mut self.rejection => {
                let refusal = self.server.api.refuse(failure, &self.request_id);
                Some((format!("{}{}", format.refusal(&refusal), format.end()), false))
            }
            executed = self.responses.next() => Some(match executed {
                Some(executed) => (format.answer(&executed), true),
                None => (format.end().to_owned(), false),
            }),
            () = self.server.services.clock.sleep(KEEP_ALIVE) => Some((format.keep_alive(), true)),
        }
    }
}
