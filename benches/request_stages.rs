//! Measures single parts of a request: `cargo bench --features benchmarks`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up must fail")]

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use bookshelf::app::{App, Overrides};
use bookshelf::benchmarks::{Token, write_page_statement};
use bookshelf::config::{Config, Database, JwtSecrets};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;

const FIELDS: &str = "id title author isbn rating notes createdAt";

fn token(criterion: &mut Criterion) {
    let token = Token::issue().expect("a token");
    assert!(token.verify() && token.verify_signature());
    criterion.bench_function("token/known", |bencher| bencher.iter(|| token.verify()));
    criterion.bench_function("token/new", |bencher| bencher.iter(|| token.verify_signature()));
}

fn page(criterion: &mut Criterion) {
    criterion.bench_function("page/statement", |bencher| bencher.iter(write_page_statement));
}

/// Whole requests without a socket, on an SQLite file.
fn request(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = Runtime::new().expect("a runtime");
    let client = runtime.block_on(Client::with_twenty_books(folder.path().join("bookshelf.db")));
    let one = format!("query One($id: ID!) {{ book(id: $id) {{ {FIELDS} }} }}");
    let list = format!("{{ books {{ nodes {{ {FIELDS} }} totalCount }} }}");
    // Under an interface type, async-graphql resolves each field of each book separately.
    let nodes = format!(
        "query Nodes($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Book {{ {FIELDS} }} }} }}"
    );
    for (name, query) in [
        ("request/nothing", "{ __typename }"),
        ("request/book", &*one),
        ("request/list in one loop", &*list),
        ("request/nodes field by field", &*nodes),
    ] {
        let body =
            json!({ "query": query, "variables": { "id": client.books[0], "ids": client.books } })
                .to_string();
        let answer = runtime.block_on(client.post(&body));
        assert_eq!(answer.get("errors"), None, "{answer}");
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(client.send(&body)));
        });
    }
}

struct Client {
    router: Router,
    token: String,
    books: Vec<String>,
}

impl Client {
    async fn with_twenty_books(path: PathBuf) -> Self {
        let app = App::build(config(path), Overrides::default()).await.expect("a server");
        let mut client = Self { router: app.router(), token: String::new(), books: Vec::new() };
        let register = "mutation { register(input: { username: \"reader\", \
                        email: \"reader@example.org\", password: \"correct horse battery\" }) \
                        { accessToken } }";
        let answer = client.post(&json!({ "query": register }).to_string()).await;
        let token = &answer["data"]["register"]["accessToken"];
        client.token = token.as_str().expect("a token").to_owned();
        for number in 0..20 {
            let notes = "These are notes about a book. ".repeat(10);
            let input = json!({ "title": format!("Book {number}"), "author": "A", "notes": notes });
            let create = "mutation($input: CreateBookInput!) { \
                          createBook(input: $input) { book { id } } }";
            let body = json!({ "query": create, "variables": { "input": input } });
            let answer = client.post(&body.to_string()).await;
            let id = &answer["data"]["createBook"]["book"]["id"];
            client.books.push(id.as_str().expect("a book").to_owned());
        }
        client
    }

    async fn post(&self, body: &str) -> Value {
        serde_json::from_slice(&self.send(body).await).expect("JSON")
    }

    async fn send(&self, body: &str) -> axum::body::Bytes {
        let request = Request::post("/graphql")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token))
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let Ok(response) = self.router.clone().oneshot(request).await;
        to_bytes(response.into_body(), usize::MAX).await.expect("a body")
    }
}

fn config(path: PathBuf) -> Config {
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)).into(),
        database: Database::Sqlite(path),
        jwt_secrets: JwtSecrets::Configured(vec!["0123456789abcdef0123456789abcdef".into()]),
        bcrypt_cost: 10,
        rate_limits: false,
        graphiql: false,
        log_filter: "off".to_owned(),
        ..Config::default()
    }
}

criterion_group!(parts, token, page, request);
criterion_main!(parts);
