//! The messages of `graphql-transport-ws` (the protocol of graphql-ws), and its close codes.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::extract::ws::CloseFrame;
use serde_json::{Map, Value, json};

use crate::auth::identity::AuthFailure;
use crate::graphql::outcome::{OperationOutcome, ResponseJson};
use crate::graphql::request::GraphqlRequest;
use crate::http::json::{self, Json, Members, WrongType};
use crate::http::parameters::parameters;
use crate::http::request_id::RequestId;

/// A message from a client.
pub(super) enum ClientMessage {
    Init(Map<String, Value>),
    Ping(Option<Map<String, Value>>),
    Pong,
    Subscribe(String, Box<GraphqlRequest>),
    Complete(String),
}

impl ClientMessage {
    pub(super) fn parse(text: &Bytes) -> Result<Self, CloseReason> {
        let Some(Json::Object(message)) = json::parse(text) else {
            return Err(CloseReason::INVALID);
        };
        Self::from_members(message).map_err(|WrongType| CloseReason::INVALID)
    }

    fn from_members(mut message: Members) -> Result<Self, WrongType> {
        let id = match message.take::<Value>("id") {
            Ok(Some(Value::String(id))) if !id.is_empty() => Ok(id),
            _ => Err(WrongType),
        };
        let kind = message.take::<String>("type")?.unwrap_or_default();
        match kind.as_str() {
            "connection_init" => Ok(Self::Init(message.take("payload")?.unwrap_or_default())),
            "ping" => Ok(Self::Ping(message.take("payload")?)),
            "pong" => message.take_object("payload").map(|_| Self::Pong),
            "subscribe" => {
                let payload = message.take_object("payload")?;
                let request = parameters(payload).map_err(|_| WrongType)?;
                Ok(Self::Subscribe(id?, Box::new(request)))
            }
            "complete" => Ok(Self::Complete(id?)),
            _ => Err(WrongType),
        }
    }
}

pub(super) fn ack() -> String {
    json!({ "type": "connection_ack" }).to_string()
}

pub(super) fn pong(payload: Option<Map<String, Value>>) -> String {
    match payload {
        Some(payload) => json!({ "type": "pong", "payload": payload }).to_string(),
        None => json!({ "type": "pong" }).to_string(),
    }
}

pub(super) fn next(id: &str, outcome: OperationOutcome) -> ResponseJson {
    let id = json!(id);
    // The response is already JSON.
    outcome.json.framed(|json| format!("{{\"id\":{id},\"type\":\"next\",\"payload\":{json}}}"))
}

/// The operation was rejected before it ran. No message follows, not even `complete`.
pub(super) fn error(id: &str, outcome: &OperationOutcome) -> String {
    json!({ "id": id, "type": "error", "payload": outcome.response.errors }).to_string()
}

pub(super) fn complete(id: &str) -> String {
    json!({ "id": id, "type": "complete" }).to_string()
}

/// Why the server closes a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CloseReason {
    code: u16,
    reason: Cow<'static, str>,
    /// Why a token was rejected, for the log.
    failure: Option<AuthFailure>,
}

impl CloseReason {
    /// The server shuts down. Clients reconnect, perhaps to another instance.
    pub(super) const GOING_AWAY: Self = Self::new(1001, "Going away");
    pub(super) const TOO_BIG: Self = Self::new(1009, "Message too big");
    /// The token could not be verified for now. Clients reconnect.
    pub(super) const TRY_AGAIN_LATER: Self = Self::new(1013, "Try again later");
    pub(super) const INVALID: Self = Self::new(4400, "Invalid message received");
    pub(super) const UNAUTHORIZED: Self = Self::new(4401, "Unauthorized");
    pub(super) const SUBPROTOCOL: Self = Self::new(4406, "Subprotocol not acceptable");
    pub(super) const NOT_INITIALISED: Self = Self::new(4408, "Connection initialisation timeout");
    pub(super) const INITIALISED_TWICE: Self = Self::new(4429, "Too many initialisation requests");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason: Cow::Borrowed(reason), failure: None }
    }

    /// The token is invalid or no longer valid. Clients reconnect with another one.
    pub(super) fn forbidden(failure: AuthFailure) -> Self {
        Self { failure: Some(failure), ..Self::new(4403, "Forbidden") }
    }

    /// Logs that the server has closed a connection, unless it is shutting down.
    pub(super) fn log(&self, id: &RequestId, origin: Option<&str>) {
        if *self == Self::GOING_AWAY {
            return;
        }
        let reason = match self.failure {
            Some(failure) => failure.as_str(),
            None => &*self.reason,
        };
        tracing::info!(request_id = %id.0, code = self.code, reason, origin, "closed a WebSocket");
    }

    pub(super) fn duplicate(id: &str) -> Self {
        let mut reason = format!("Subscriber for {id} already exists");
        reason.truncate(reason.floor_char_boundary(REASON_BYTES));
        Self { code: 4409, reason: reason.into(), failure: None }
    }

    pub(super) fn frame(&self) -> CloseFrame {
        CloseFrame { code: self.code, reason: (*self.reason).into() }
    }
}

/// A control frame has at most 125 bytes, two of them for the code (RFC 6455, section 5.5).
const REASON_BYTES: usize = 123;
