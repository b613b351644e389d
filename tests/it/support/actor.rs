use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{PASSWORD, StreamReader, TestResponse};

/// A client with its headers, address and tokens.
#[derive(Clone)]
pub struct Actor {
    router: Router,
    headers: Vec<(String, String)>,
    address: Option<SocketAddr>,
    pub id: String,
    pub access_token: String,
    pub refresh_token: String,
}

impl Actor {
    pub fn new(router: Router) -> Self {
        Self {
            router,
            headers: Vec::new(),
            address: None,
            id: String::new(),
            access_token: String::new(),
            refresh_token: String::new(),
        }
    }

    /// Adds a header to every request of this client.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends requests from this IP address.
    pub fn with_ip(mut self, address: &str) -> Self {
        self.address = Some((address.parse::<IpAddr>().expect("an address"), 4711).into());
        self
    }

    /// Sends requests to another instance of the server.
    pub fn on_instance(mut self, router: &Router) -> Self {
        self.router = router.clone();
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
        let device = Self::new(self.router.clone());
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
                    book { id title author isbn rating notes version createdAt updatedAt }
                    bookEdge { cursor node { id } }
                    userErrors { code message field book { id } }
                }
            }",
            json!({ "input": input }),
        )
        .await
    }

    /// Adds a valid book and returns its id.
    pub async fn add_book(&self, input: Value) -> String {
        self.create(input).await.payload()["book"]["id"].as_str().unwrap().to_owned()
    }

    pub async fn update(&self, id: &str, input: Value) -> TestResponse {
        self.run(
            "mutation($id: ID!, $input: UpdateBookInput!) {
                updateBook(id: $id, input: $input) {
                    book { id title author isbn rating notes version createdAt updatedAt }
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
    pub async fn book(&self, id: &str) -> Value {
        let query =
            "query($id: ID!) { book(id: $id) { id title author isbn rating notes version } }";
        self.run(query, json!({ "id": id })).await.data()
    }

    pub async fn ask(&self, query: &str) -> TestResponse {
        self.run(query, json!({})).await
    }

    pub async fn run(&self, query: &str, variables: Value) -> TestResponse {
        let body = json!({ "query": query, "variables": variables });
        self.post("application/json", body.to_string()).await
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
        let request = Request::post("/graphql")
            .header("content-type", "application/json")
            .header("accept", accept);
        StreamReader::new(self.call(request, json!({ "query": query }).to_string().into()).await)
    }

    pub async fn send(&self, request: axum::http::request::Builder, body: Body) -> TestResponse {
        let (parts, body) = self.call(request, body).await.into_parts();
        let text = to_bytes(body, usize::MAX).await.expect("a body");
        TestResponse {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(text.to_vec()).expect("UTF-8"),
        }
    }

    async fn call(&self, mut request: axum::http::request::Builder, body: Body) -> Response {
        if !self.access_token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.access_token));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(address) = self.address {
            request = request.extension(ConnectInfo(address));
        }
        let request = request.body(body).expect("a request");
        self.router.clone().oneshot(request).await.unwrap()
    }
}
