use axum::body::BodyDataStream;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::timeout;

use super::wait::TIMEOUT;

/// A streaming response.
pub struct StreamReader {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: BodyDataStream,
}

impl StreamReader {
    pub fn new(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status, headers: parts.headers, body: body.into_data_stream() }
    }

    /// The next frame as sent; `None` at the end of the body.
    #[must_use]
    pub async fn frame(&mut self) -> Option<String> {
        let frame = timeout(TIMEOUT, self.body.next()).await.expect("a frame");
        let frame = frame?.expect("a body without an error");
        Some(String::from_utf8(frame.to_vec()).expect("UTF-8"))
    }

    /// The next frame that is not a heartbeat.
    #[must_use]
    pub async fn next_non_keepalive(&mut self) -> Option<String> {
        loop {
            let frame = self.frame().await?;
            if frame != ":\n\n" && !frame.contains("\r\n\r\n{}\r\n") {
                return Some(frame);
            }
        }
    }

    /// The data of the next Server-Sent Event, which must be a `next` event.
    #[must_use]
    pub async fn next(&mut self) -> Value {
        let frame = self.next_non_keepalive().await.expect("an event");
        let data =
            frame.strip_prefix("event: next\ndata: ").and_then(|data| data.strip_suffix("\n\n"));
        serde_json::from_str(data.unwrap_or_else(|| panic!("not an event: {frame}"))).expect("JSON")
    }
}
