use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::http::request::Builder;
use axum::response::Response;
use axum::{BoxError, Router};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{PASSWORD, StreamReader, TestResponse};

/// A client with its headers, address and tokens.
#[derive(Clone)]
pub struct Actor {
    server: Server,
    headers: Vec<(String, String)>,
    address: Option<SocketAddr>,
    pub id: String,
    pub access_token: String,
    pub refresh_token: String,
}

/// The server that receives the requests of a client.
#[derive(Clone)]
enum Server {
    /// In this process, without a connection.
    Router(Router),
    Http {
        client: reqwest::Client,
        address: String,
    },
}

impl Actor {
    /// A client that calls a server in this process.
    pub fn in_process(router: Router) -> Self {
        Self::new(Server::Router(router))
    }

    /// A client that sends requests to a socket address. A request may take a minute.
    pub fn over_http(address: &str) -> Self {
        Self::new(Server::Http { client: http_client(), address: address.to_owned() })
    }

    fn new(server: Server) -> Self {
        Self {
            server,
            headers: Vec::new(),
            address: None,
            id: String::new(),
            access_token: String::new(),
            refresh_token: String::new(),
        }
    }

    /// Adds a header to every request of this client.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends requests from this IP address.
    #[must_use]
    pub fn with_ip(mut self, address: &str) -> Self {
        self.address = Some((address.parse::<IpAddr>().expect("an address"), 4711).into());
        self
    }

    /// Sends requests to another instance of the server.
    #[must_use]
    pub fn on_instance(mut self, router: &Router) -> Self {
        self.server = Server::Router(router.clone());
        self
    }

    /// Sends requests to the server at another socket address.
    #[must_use]
    pub fn at(mut self, address: &str) -> Self {
        self.server = Server::Http { client: http_client(), address: address.to_owned() };
        self
    }

    /// Opens new connections for the next requests, since the server was restarted.
    #[must_use]
    pub fn reconnected(mut self) -> Self {
        if let Server::Http { client, .. } = &mut self.server {
            *client = http_client();
        }
        self
    }

    pub async fn registered(self, name: &str) -> Self {
        let response = self.register(name, &format!("{name}@example.org"), PASSWORD).await;
        self.signed_in(&response)
    }

    pub async fn register(&self, username: &str, email: &str, password: &str) -> TestResponse {
        let input = json!({ "username": username, "email": email, "password": password });
        self.run(
            "mutation($input: RegisterInput!) {
                register(input: $input) {
                    accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt
                    user { id username email createdAt }
                    userErrors { code message field book { id } }
                }
            }",
            json!({ "input": input }),
        )
        .await
    }

    pub async fn login(&self, email: &str, password: &str) -> TestResponse {
        self.run(
            "mutation($input: LoginInput!) {
                login(input: $input) {
                    accessToken refreshToken user { id } userErrors { code message field }
                }
            }",
            json!({ "input": { "email": email, "password": password } }),
        )
        .await
    }

    /// Signs in again, which starts a second session.
    pub async fn sign_in_again(&self, name: &str) -> Self {
        let device = Self::new(self.server.clone());
        let response = device.login(&format!("{name}@example.org"), PASSWORD).await;
        self.clone().signed_in(&response)
    }

    pub async fn refresh(&self, token: &str) -> TestResponse {
        self.run(
            "mutation($token: String!) {
                refreshToken(input: { refreshToken: $token }) {
                    accessToken refreshToken user { id } userErrors { code message field }
                }
            }",
            json!({ "token": token }),
        )
        .await
    }

    /// Ends the session of this client.
    pub async fn logout(&self) -> TestResponse {
        self.ask("mutation { logout { revokedSessions userErrors { code message field } } }").await
    }

    pub async fn update_profile(&self, input: Value) -> TestResponse {
        self.run(
            "mutation($input: UpdateProfileInput!) {
                updateProfile(input: $input) {
                    user { username email } userErrors { code message field }
                }
            }",
            json!({ "input": input }),
        )
        .await
    }

    pub async fn change_password(&self, current: &str, new: &str) -> TestResponse {
        self.run(
            "mutation($input: ChangePasswordInput!) {
                changePassword(input: $input) {
                    accessToken refreshToken user { id } userErrors { code message field }
                }
            }",
            json!({ "input": { "currentPassword": current, "newPassword": new } }),
        )
        .await
    }

    pub async fn delete_account(&self, password: &str) -> TestResponse {
        self.run(
            "mutation($input: DeleteAccountInput!) {
                deleteAccount(input: $input) { deletedUserId userErrors { code message field } }
            }",
            json!({ "input": { "password": password } }),
        )
        .await
    }

    /// Takes the user id and the tokens from a response.
    pub fn signed_in(mut self, response: &TestResponse) -> Self {
        let payload = response.payload();
        self.id = payload["user"]["id"].as_str().unwrap_or_default().to_owned();
        self.access_token = payload["accessToken"].as_str().expect("an access token").to_owned();
        self.refresh_token = payload["refreshToken"].as_str().unwrap_or_default().to_owned();
        self
    }

    pub async fn create(&self, input: Value) -> TestResponse {
        self.run(
            "mutation($input: CreateBookInput!) {
                createBook(input: $input) {
                    book { id title author isbn rating notes publisher version createdAt updatedAt
                        status startedOn finishedOn readCount publishedYear pageCount tags }
                    bookEdge { cursor node { id } }
                    userErrors { code message field book { id } }
                }
            }",
            json!({ "input": input }),
        )
        .await
    }

    /// Creates a book, or returns the book of an earlier attempt with this key. Returns an error if there is no
    /// complete response.
    pub async fn try_create_once(&self, input: Value, key: &str) -> Result<TestResponse, BoxError> {
        self.try_run(
            "mutation($input: CreateBookInput!, $key: String) {
                createBook(input: $input, idempotencyKey: $key) {
                    book { id title version } userErrors { code message field }
                }
            }",
            json!({ "input": input, "key": key }),
        )
        .await
    }

    /// Creates a book, or returns the book of an earlier attempt with this key.
    pub async fn create_once(&self, input: Value, key: &str) -> TestResponse {
        self.try_create_once(input, key).await.expect("a response")
    }

    /// Adds a valid book and returns its id.
    pub async fn add_book(&self, input: Value) -> String {
        self.create(input).await.payload()["book"]["id"].as_str().unwrap().to_owned()
    }

    pub async fn update(&self, id: &str, input: Value) -> TestResponse {
        self.run(
            "mutation($id: ID!, $input: UpdateBookInput!) {
                updateBook(id: $id, input: $input) {
                    book { id title author isbn rating notes publisher version createdAt updatedAt
                        status startedOn finishedOn readCount publishedYear pageCount tags }
                    userErrors { code message field book { id version } }
                }
            }",
            json!({ "id": id, "input": input }),
        )
        .await
    }

    pub async fn delete(&self, id: &str) -> TestResponse {
        self.run(
            "mutation($id: ID!) {
                deleteBook(id: $id) { deletedBookId userErrors { code message field } }
            }",
            json!({ "id": id }),
        )
        .await
    }

    /// Queries a book; null if it is not found.
    #[must_use]
    pub async fn book(&self, id: &str) -> Value {
        let query = "query($id: ID!) {
            book(id: $id) { id title author isbn rating notes publisher version updatedAt
                status startedOn finishedOn readCount publishedYear pageCount tags }
        }";
        self.run(query, json!({ "id": id })).await.data()
    }

    /// The titles of all books, newest first.
    #[must_use]
    pub async fn titles(&self) -> Vec<String> {
        let query = "query($after: String) {
            books(first: 100, after: $after) { nodes { title } pageInfo { hasNextPage endCursor } }
        }";
        let (mut titles, mut after) = (Vec::new(), Value::Null);
        loop {
            let books = self.run(query, json!({ "after": after })).await.data();
            let nodes = books["nodes"].as_array().expect("books");
            titles.extend(nodes.iter().map(|node| node["title"].as_str().unwrap().to_owned()));
            if books["pageInfo"]["hasNextPage"] == false {
                return titles;
            }
            after = books["pageInfo"]["endCursor"].clone();
        }
    }

    pub async fn ask(&self, query: &str) -> TestResponse {
        self.run(query, json!({})).await
    }

    pub async fn run(&self, query: &str, variables: Value) -> TestResponse {
        self.try_run(query, variables).await.expect("a response")
    }

    /// Like `run`, but returns an error if there is no complete response.
    pub async fn try_run(&self, query: &str, variables: Value) -> Result<TestResponse, BoxError> {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let request = Request::post("/graphql").header("content-type", "application/json");
        self.try_send(request, body.into()).await
    }

    pub async fn post(&self, content_type: &str, body: impl Into<Body>) -> TestResponse {
        let request = Request::post("/graphql").header("content-type", content_type);
        self.send(request, body.into()).await
    }

    pub async fn get(&self, path: &str) -> TestResponse {
        self.send(Request::get(path), Body::empty()).await
    }

    /// Subscribes over plain HTTP.
    pub async fn subscribe(&self, accept: &str, query: &str) -> StreamReader {
        self.subscribe_with(accept, query, json!({})).await
    }

    /// Subscribes over plain HTTP with variables.
    pub async fn subscribe_with(
        &self,
        accept: &str,
        query: &str,
        variables: Value,
    ) -> StreamReader {
        let request = Request::post("/graphql")
            .header("content-type", "application/json")
            .header("accept", accept);
        let body = json!({ "query": query, "variables": variables }).to_string().into();
        StreamReader::new(self.call(request, body).await.expect("a response"))
    }

    /// Like `get`, but returns an error if there is no complete response.
    pub async fn try_get(&self, path: &str) -> Result<TestResponse, BoxError> {
        self.try_send(Request::get(path), Body::empty()).await
    }

    /// Sends a request with the headers and the access token of this client.
    pub async fn send(&self, request: Builder, body: Body) -> TestResponse {
        self.try_send(request, body).await.expect("a response")
    }

    async fn try_send(&self, request: Builder, body: Body) -> Result<TestResponse, BoxError> {
        let (method, uri) = (request.method_ref().cloned(), request.uri_ref().cloned());
        let mut description = format!("{} {}", method.unwrap_or_default(), uri.unwrap_or_default());
        let mut body = body;
        if body.size_hint().exact().is_some() {
            let bytes = to_bytes(body, usize::MAX).await?;
            description += " ";
            description.extend(String::from_utf8_lossy(&bytes).chars().take(500));
            body = bytes.into();
        }
        let (parts, body) = self.call(request, body).await?.into_parts();
        let text = String::from_utf8(to_bytes(body, usize::MAX).await?.to_vec())?;
        Ok(TestResponse {
            request: description,
            status: parts.status,
            headers: parts.headers,
            text,
        })
    }

    pub(super) async fn call(
        &self,
        mut request: Builder,
        body: Body,
    ) -> Result<Response, BoxError> {
        if !self.access_token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.access_token));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(address) = self.address {
            request = request.extension(ConnectInfo(address));
        }
        let request = request.body(body)?;
        match &self.server {
            Server::Router(router) => Ok(router.clone().oneshot(request).await?),
            Server::Http { client, address } => {
                let (parts, body) = request.into_parts();
                let request =
                    client.request(parts.method, format!("http://{address}{}", parts.uri));
                let request = request.headers(parts.headers);
                let response = request.body(to_bytes(body, usize::MAX).await?).send().await?;
                Ok(axum::http::Response::from(response).map(Body::new))
            }
        }
    }
}

fn http_client() -> reqwest::Client {
    // The client requires one; an error means that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().read_timeout(Duration::from_secs(60)).build();
    client.expect("a client")
}
