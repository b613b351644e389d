use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::wait::TIMEOUT;

/// A WebSocket client.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens a WebSocket with these request headers.
    pub async fn connect(address: SocketAddr, headers: &[(&str, &str)]) -> Result<Self, Error> {
        let mut request = format!("ws://{address}/graphql").into_client_request()?;
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().expect("a name");
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        Ok(Self(connect_async(request).await?.0))
    }

    pub async fn open(address: SocketAddr) -> Self {
        let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
        Self::connect(address, &protocol).await.expect("a WebSocket")
    }

    /// Connects and authenticates with an access token.
    pub async fn authenticated(address: SocketAddr, token: &str) -> Self {
        let mut socket = Self::open(address).await;
        let payload = json!({ "Authorization": format!("Bearer {token}") });
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
        socket
    }

    pub async fn send(&mut self, message: Value) {
        self.write(Message::text(message.to_string())).await;
    }

    pub async fn write(&mut self, message: Message) {
        self.0.send(message).await.expect("an open WebSocket");
    }

    /// Starts an operation. A ping and its pong ensure that it has started.
    pub async fn subscribe(&mut self, id: &str, query: &str) {
        self.send(json!({ "type": "subscribe", "id": id, "payload": { "query": query } })).await;
        self.send(json!({ "type": "ping", "payload": { "id": id } })).await;
        let pong = json!({ "type": "pong", "payload": { "id": id } });
        assert_eq!(self.receive().await, pong);
    }

    /// Receives the next graphql-ws message.
    #[must_use]
    pub async fn receive(&mut self) -> Value {
        loop {
            match self.read().await {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) => {}
                other => panic!("not a message: {other:?}"),
            }
        }
    }

    /// Waits for the close frame. Returns its code and reason.
    #[must_use]
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.read().await {
                Message::Close(Some(frame)) => {
                    // Reading further sends the close acknowledgement.
                    while let Some(Ok(_)) = self.0.next().await {}
                    return (frame.code.into(), frame.reason.to_string());
                }
                Message::Ping(_) => {}
                other => panic!("not closed: {other:?}"),
            }
        }
    }

    /// Whether the connection ends within ten seconds; ignores the messages before.
    #[must_use]
    pub async fn ends(&mut self) -> bool {
        let end = async { while let Some(Ok(_)) = self.0.next().await {} };
        timeout(Duration::from_secs(10), end).await.is_ok()
    }

    /// Receives the next WebSocket message, including pings.
    #[must_use]
    pub async fn read(&mut self) -> Message {
        let message = timeout(TIMEOUT, self.0.next()).await.expect("a message");
        message.expect("an open WebSocket").expect("a message")
    }
}
