//! Operations over WebSocket, with the protocol `graphql-transport-ws`.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::parser::types::OperationType;
use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Map, Value};
use tokio::time::timeout;
use tokio_stream::StreamMap;

use super::client_limit::LimitReached;
use super::error_response::HttpError;
use super::operation_log::OperationLogEntry;
use super::request_id::RequestId;
use super::state::AppState;
use super::{client_info, csrf, origin_warnings};
use crate::auth::identity::{AuthFailure, Identity, Viewer};
use crate::clock::Timestamp;
use crate::graphql::context::ClientInfo;
use crate::graphql::error::{ApiError, ErrorCode};
use crate::graphql::execute::{RequestMeta, spawn_buffered};
use crate::graphql::outcome::ResponseJson;
use crate::graphql::request::GraphqlRequest;

mod message;

use message::{ClientMessage, CloseReason};

const PROTOCOL: &str = "graphql-transport-ws";

/// A client that sends no message for this long gets a ping. After twice this time it is disconnected.
const PING_EVERY: Duration = Duration::from_secs(12);

/// Timeout for writing one message.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout for the client to complete the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Size of the read buffer and of the write buffer that each idle connection keeps, in bytes.
const BUFFER: usize = 4 << 10;

#[cfg(any(test, fuzzing))]
pub(super) fn fuzz(message: &[u8]) {
    drop(ClientMessage::parse(&Bytes::copy_from_slice(message)));
}

/// Whether this is a WebSocket upgrade request (RFC 6455, section 4.2.1).
pub(super) fn is_upgrade_request(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Upgrades a request to a WebSocket. Fails if its origin is not allowed, its handshake is invalid, or
/// the client has too many WebSockets.
pub(super) async fn upgrade(
    state: AppState,
    id: &RequestId,
    parts: Parts,
) -> Result<Response, HttpError> {
    let origin = parts.headers.get(header::ORIGIN).map(origin_warnings::shown);
    let upgraded = accept(state, id, origin.clone(), parts).await;
    upgraded.inspect_err(|error| {
        tracing::warn!(
            request_id = %id.0,
            code = error.code.as_str(),
            reason = error.message(),
            origin,
            "rejected a WebSocket"
        );
    })
}

async fn accept(
    state: AppState,
    id: &RequestId,
    origin: Option<String>,
    mut parts: Parts,
) -> Result<Response, HttpError> {
    csrf::check_origin(&parts.headers, &state.config.cors_origins)?;
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await else {
        let message = "This is not a valid WebSocket version 13 handshake.";
        return Err(HttpError::new(ErrorCode::BadRequest, message));
    };
    // Cookie mode stays off, because messages over a WebSocket cannot set cookies.
    let client = Arc::new(client_info::from_request(&parts, &state.config));
    let Ok(permit) = state.websockets.take(Some(client.address.network())) else {
        let message = "Too many WebSockets from your address.";
        return Err(HttpError::new(ErrorCode::RateLimited, message));
    };
    let authorization =
        parts.headers.get(header::AUTHORIZATION).map(|value| value.as_bytes().to_vec());
    let limit = state.config.limits.websocket_message_bytes;
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        // Read somewhat larger messages too, in order to reject them with close code 1009.
        .max_message_size(4 * limit)
        .max_frame_size(4 * limit);
    let id = id.clone();
    Ok(upgrade.on_upgrade(move |socket| {
        let connection = Connection::new(state.clone(), socket, client, authorization);
        state.shutdown.track(async move {
            if let Some(close) = connection.serve().await {
                close.log(&id, origin.as_deref());
            }
            drop(permit);
        })
    }))
}

struct Connection {
    state: AppState,
    socket: WebSocket,
    client: Arc<ClientInfo>,
    /// `Authorization` of the handshake, replaced by a token in `connection_init`.
    authorization: Option<Vec<u8>>,
    acknowledged: bool,
    /// Deadline for `connection_init`.
    init_deadline: Timestamp,
    /// When a silent client gets a ping, or is disconnected if it already got one.
    keep_alive_deadline: Timestamp,
    /// Whether no message has arrived since the last ping.
    ping_outstanding: bool,
    /// The messages of each running operation, by operation id.
    operations: StreamMap<String, BoxStream<'static, ResponseJson>>,
    /// Completes when the viewer is no longer authenticated.
    revoked: BoxFuture<'static, AuthFailure>,
}

/// Whether the connection continues. If not, the reason to close it with, or `None` if the client cannot
/// receive one any more.
type Step = ControlFlow<Option<CloseReason>>;

impl Connection {
    fn new(
        state: AppState,
        socket: WebSocket,
        client: Arc<ClientInfo>,
        authorization: Option<Vec<u8>>,
    ) -> Self {
        let timeout = state.config.limits.websocket_init_timeout;
        let init_deadline = state.services.clock.now() + timeout;
        Self {
            state,
            socket,
            client,
            authorization,
            acknowledged: false,
            init_deadline,
            keep_alive_deadline: init_deadline,
            ping_outstanding: false,
            operations: StreamMap::new(),
            revoked: std::future::pending().boxed(),
        }
    }

    /// Serves the connection until it is closed. Returns why the server has closed it, or `None` if the client or
    /// the network has.
    async fn serve(mut self) -> Option<CloseReason> {
        let close = if self.socket.protocol().is_some() {
            loop {
                if let Break(close) = self.poll_once().await {
                    break close;
                }
            }
        } else {
            Some(CloseReason::SUBPROTOCOL)
        };
        // Cancel the running operations: their responses cannot be sent any more.
        self.operations.clear();
        if let Some(close) = &close
            && self.write(Message::Close(Some(close.frame()))).await.is_continue()
        {
            let closed = async { while let Some(Ok(_)) = self.socket.recv().await {} };
            let _ = timeout(CLOSE_TIMEOUT, closed).await;
        }
        close
    }

    /// Waits for the next event and handles it.
    async fn poll_once(&mut self) -> Step {
        let clock = self.state.services.clock.clone();
        let deadline =
            if self.acknowledged { self.keep_alive_deadline } else { self.init_deadline };
        tokio::select! {
            biased;
            () = self.state.shutdown.begun() => Break(Some(CloseReason::GOING_AWAY)),
            failure = &mut self.revoked => Break(Some(CloseReason::forbidden(failure))),
            message = self.socket.recv() => match message {
                Some(Ok(message)) => self.receive(message).await,
                Some(Err(_)) | None => Break(None),
            },
            Some((_, text)) = self.operations.next() => self.send_response(text).await,
            () = clock.sleep_until(deadline) => self.on_deadline().await,
        }
    }

    async fn on_deadline(&mut self) -> Step {
        if !self.acknowledged {
            return Break(Some(CloseReason::NOT_INITIALISED));
        }
        if self.ping_outstanding {
            return Break(None);
        }
        self.ping_outstanding = true;
        self.keep_alive_deadline = self.state.services.clock.now() + PING_EVERY;
        self.write(Message::Ping(Bytes::new())).await
    }

    async fn receive(&mut self, message: Message) -> Step {
        self.ping_outstanding = false;
        self.keep_alive_deadline = self.state.services.clock.now() + PING_EVERY;
        let text = match message {
            Message::Text(text) => Bytes::from(text),
            Message::Binary(bytes) => bytes,
            Message::Ping(_) | Message::Pong(_) => return Continue(()),
            Message::Close(_) => {
                // The next read sends the close frame in response (RFC 6455, section 5.5.1).
                let _ = timeout(CLOSE_TIMEOUT, self.socket.recv()).await;
                return Break(None);
            }
        };
        if text.len() > self.state.config.limits.websocket_message_bytes {
            return Break(Some(CloseReason::TOO_BIG));
        }
        match ClientMessage::parse(&text) {
            Ok(ClientMessage::Init(payload)) => self.init(&payload).await,
            Ok(ClientMessage::Ping(payload)) => self.send_text(message::pong(payload)).await,
            Ok(ClientMessage::Pong) => Continue(()),
            Ok(ClientMessage::Subscribe(id, request)) => self.subscribe(id, *request).await,
            Ok(ClientMessage::Complete(id)) => {
                self.operations.remove(&id);
                Continue(())
            }
            Err(close) => Break(Some(close)),
        }
    }

    async fn init(&mut self, payload: &Map<String, Value>) -> Step {
        if self.acknowledged {
            return Break(Some(CloseReason::INITIALISED_TWICE));
        }
        self.authorization = authorization(payload).or(self.authorization.take());
        match self.state.services.auth.identify(self.authorization.as_deref()).await {
            Ok(Identity::Anonymous) => {}
            Ok(Identity::User(viewer)) => self.revoked = self.wait_until_revoked(viewer),
            Ok(Identity::Invalid(failure)) => return Break(Some(CloseReason::forbidden(failure))),
            Err(_) => return Break(Some(CloseReason::TRY_AGAIN_LATER)),
        }
        self.acknowledged = true;
        self.send_text(message::ack()).await
    }

    fn wait_until_revoked(&self, viewer: Viewer) -> BoxFuture<'static, AuthFailure> {
        let services = Arc::clone(&self.state.services);
        async move { services.auth.wait_until_revoked(viewer).await }.boxed()
    }

    async fn subscribe(&mut self, id: String, request: GraphqlRequest) -> Step {
        if !self.acknowledged {
            return Break(Some(CloseReason::UNAUTHORIZED));
        }
        if self.operations.contains_key(&id) {
            return Break(Some(CloseReason::duplicate(&id)));
        }
        let started = Instant::now();
        let request_id = RequestId::generate(&self.state.services.ids);
        let max_operations = self.state.config.limits.websocket_operations;
        let meta = RequestMeta {
            authorization: self.authorization.clone(),
            client: Arc::clone(&self.client),
            request_id: Arc::clone(&request_id.0),
            // The socket holds the permit of the operation.
            _body_permit: None,
        };
        let prepared = if self.operations.len() < max_operations {
            self.state.api.prepare(request, &meta)
        } else {
            let error = ApiError::OperationLimit(max_operations);
            Err(Box::new(self.state.api.reject(error, &request_id.0)))
        };
        // Held until the operation ends.
        let mut permit = self.state.bodies.permit(Some(self.client.address.network()));
        let counted = prepared.and_then(|prepared| {
            let reject =
                |reached| Box::new(self.state.api.reject(too_many(reached), &request_id.0));
            permit.resize(prepared.retained_bytes()).map_err(reject)?;
            Ok(prepared)
        });
        let prepared = match counted {
            Ok(prepared) => prepared,
            Err(rejected) => {
                OperationLogEntry::new(&rejected).log(&request_id, PROTOCOL, None, started);
                return self.send_text(message::error(&id, &rejected)).await;
            }
        };
        let api = Arc::clone(&self.state.api);
        let outcomes = if prepared.operation().kind == OperationType::Subscription {
            match api.subscribe(prepared, &meta).await {
                Ok(subscription) => {
                    OperationLogEntry::subscribed(&subscription).log(
                        &request_id,
                        PROTOCOL,
                        None,
                        started,
                    );
                    subscription.responses
                }
                Err(rejected) => {
                    OperationLogEntry::new(&rejected).log(&request_id, PROTOCOL, None, started);
                    stream::once(std::future::ready(*rejected)).boxed()
                }
            }
        } else {
            let outcome = async move {
                let outcome = api.execute(prepared, &meta).await;
                OperationLogEntry::new(&outcome).log(&request_id, PROTOCOL, None, started);
                outcome
            };
            spawn_buffered(stream::once(outcome).boxed())
        };
        let complete = stream::once(std::future::ready(ResponseJson::from(message::complete(&id))));
        let operation_id = id.clone();
        let messages = outcomes.map(move |outcome| {
            let _held = &permit;
            message::next(&operation_id, outcome)
        });
        let messages = messages.chain(complete);
        self.operations.insert(id, messages.boxed());
        Continue(())
    }

    async fn send_text(&mut self, text: String) -> Step {
        self.write(Message::Text(text.into())).await
    }

    /// Sends a message of an operation. Its response counts as unread until it is written.
    async fn send_response(&mut self, response: ResponseJson) -> Step {
        let response = Bytes::from_owner(response);
        match Utf8Bytes::try_from(response.clone()) {
            Ok(text) => self.write(Message::Text(text)).await,
            Err(_) => Break(None),
        }
    }

    /// Writes a message. The connection ends if the client does not read it in time.
    async fn write(&mut self, message: Message) -> Step {
        match timeout(WRITE_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Continue(()),
            Ok(Err(_)) | Err(_) => Break(None),
        }
    }
}

/// The error of an operation whose variables do not fit beside other requests in memory.
fn too_many(reached: LimitReached) -> ApiError {
    match reached {
        LimitReached::Total => ApiError::Overloaded,
        LimitReached::PerClient => ApiError::RateLimited { retry_after: Duration::from_secs(1) },
    }
}

/// The token in the payload of `connection_init`, as the value of an `Authorization` header. It is taken
/// from the member that clients use: `Authorization`, `authorization` or `token`, of the payload or of its
/// `headers`.
fn authorization(payload: &Map<String, Value>) -> Option<Vec<u8>> {
    let headers = payload.get("headers").and_then(Value::as_object);
    let token = [Some(payload), headers].into_iter().flatten().find_map(|object| {
        let member = |name: &&str| object.get(*name)?.as_str().filter(|text| has_token(text));
        ["Authorization", "authorization", "token"].iter().find_map(member)
    })?;
    let scheme = if token.contains(' ') { "" } else { "Bearer " };
    Some(format!("{scheme}{token}").into_bytes())
}

/// Whether the text is more than the name of the scheme.
fn has_token(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && !text.eq_ignore_ascii_case("bearer")
}
