//! Uploads by the GraphQL multipart request specification. These tests define their own schema, with a field that
//! takes several files.

use std::convert::Infallible;

use async_graphql::{Context, EmptySubscription, Object, Upload};
use axum::body::Body;
use bookshelf::graphql::DynSchema;
use futures_util::future::ready;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::{TestApp, TestResponse};

struct Query;

#[Object]
impl Query {
    async fn nothing(&self) -> bool {
        true
    }
}

struct Mutation;

#[Object]
impl Mutation {
    #[expect(clippy::unused_async, reason = "async-graphql requires async resolvers")]
    async fn upload(
        &self,
        ctx: &Context<'_>,
        files: Vec<Upload>,
    ) -> async_graphql::Result<Vec<String>> {
        let described = files.iter().map(|file| {
            let file = file.value(ctx)?;
            let text = String::from_utf8_lossy(&file.content).into_owned();
            Ok(format!("{} {} {text}", file.filename, file.content_type.unwrap_or_default()))
        });
        described.collect()
    }
}

async fn app() -> TestApp {
    TestApp::with_schema(DynSchema::new(Query, Mutation, EmptySubscription)).await
}

const MUTATION: &str = "mutation($files: [Upload!]!) { upload(files: $files) }";

fn operations(files: &Value) -> Value {
    json!({ "query": MUTATION, "variables": { "files": files } })
}

/// A form with these parts: name, the headers that follow it, and content.
fn form(parts: &[(&str, &str, String)]) -> String {
    let part = |(name, more, content): &(&str, &str, String)| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{content}\r\n")
    };
    parts.iter().map(part).collect::<String>() + "--x--\r\n"
}

fn file(name: &'static str, content: &str) -> (&'static str, &'static str, String) {
    (name, "; filename=\"a.txt\"\r\nContent-Type: text/plain", content.to_owned())
}

async fn send(app: &TestApp, body: String) -> TestResponse {
    let client = app.anon().with_header("apollo-require-preflight", "true");
    client.post("multipart/form-data; boundary=x", body).await
}

#[tokio::test]
async fn files_are_assigned_to_their_variables() {
    let app = app().await;
    let map =
        json!({ "0": ["variables.files.0"], "1": ["variables.files.1", "variables.files.2"] });
    let parts = [
        ("operations", "", operations(&json!([null, null, null])).to_string()),
        ("map", "", map.to_string()),
        file("unmapped", "x"),
        file("1", "one"),
        file("0", "zero"),
    ];
    let response = send(&app, form(&parts)).await;
    let expected = ["a.txt text/plain zero", "a.txt text/plain one", "a.txt text/plain one"];
    assert_eq!(response.data(), json!(expected));
}

#[tokio::test]
async fn a_form_without_a_preflight_header_is_blocked() {
    let app = app().await;
    let body =
        form(&[("operations", "", operations(&json!([])).to_string()), ("map", "", "{}".into())]);
    let response = app.anon().post("multipart/form-data; boundary=x", body.clone()).await;
    response.assert_error_with_status(400, "CSRF_BLOCKED");
    assert_eq!(send(&app, body).await.data(), json!([]));
}

#[tokio::test]
async fn invalid_multipart_requests_are_rejected() {
    let app = app().await;
    let operation = ("operations", "", operations(&json!([null])).to_string());
    let map = ("map", "", json!({ "0": ["variables.files.0"] }).to_string());
    let map_to = |path: &str| ("map", "", json!({ "0": [path] }).to_string());
    for (parts, code) in [
        (vec![], "BAD_REQUEST"),
        (vec![operation.clone()], "BAD_REQUEST"),
        (vec![map.clone(), operation.clone()], "BAD_REQUEST"),
        (vec![operation.clone(), map.clone()], "BAD_REQUEST"),
        (vec![("operations", "", "{".into()), map.clone()], "BAD_REQUEST"),
        (vec![("operations", "", "[]".into()), map.clone()], "BATCH_NOT_ALLOWED"),
        (vec![operation.clone(), ("map", "", "[]".into()), file("0", "")], "BAD_REQUEST"),
        (vec![operation.clone(), ("map", "", r#"{"0":"x"}"#.into()), file("0", "")], "BAD_REQUEST"),
        (vec![operation.clone(), map_to("query"), file("0", "")], "BAD_REQUEST"),
        (vec![operation.clone(), map_to("variables.files"), file("0", "")], "BAD_REQUEST"),
        (vec![operation.clone(), map_to("variables.files.1"), file("0", "")], "BAD_REQUEST"),
        (vec![operation.clone(), map_to("variables.nothing"), file("0", "")], "BAD_REQUEST"),
    ] {
        let response = send(&app, form(&parts)).await;
        response.assert_error(code);
    }
    for broken in ["", "--x", "--x\r\n\r\n", "--y\r\n"] {
        send(&app, broken.to_owned()).await.assert_error("BAD_REQUEST");
    }
    let complete = form(&[operation, map, file("0", "a long text")]);
    send(&app, complete[..complete.len() - 20].to_owned()).await.assert_error("BAD_REQUEST");
    let client = app.anon().with_header("apollo-require-preflight", "true");
    client.post("multipart/form-data", complete).await.assert_error("BAD_REQUEST");
}

#[tokio::test]
async fn files_are_not_received_for_an_operation_that_takes_none() {
    let app = app().await;
    let client = app.anon().with_header("apollo-require-preflight", "true");
    let query = |text: &str| form(&[("operations", "", json!({ "query": text }).to_string())]);
    let nothing = query("{ nothing }");
    let nothing = nothing.strip_suffix("--x--\r\n").expect("the end").to_owned();
    // The files of the second request never arrive.
    let open = stream::once(ready(Ok::<_, Infallible>(nothing.clone() + "--x\r\n")));
    let open = Body::from_stream(open.chain(stream::pending()));
    let complete = form(&[
        ("operations", "", json!({ "query": "{ nothing }" }).to_string()),
        ("map", "", "{}".into()),
        file("0", "a"),
    ]);
    for body in [Body::from(complete), open] {
        let response = client.post("multipart/form-data; boundary=x", body).await;
        response.assert_error_with_status(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let invalid =
        form(&[("operations", "", json!({ "query": "{" }).to_string()), ("map", "", "{}".into())]);
    send(&app, invalid).await.assert_error("GRAPHQL_PARSE_FAILED");
}

#[tokio::test]
async fn upload_size_and_number_are_limited() {
    let app = app().await;
    let map = json!({ "0": ["variables.files.0"] });
    let parts = [
        ("operations", "", operations(&json!([null])).to_string()),
        ("map", "", map.to_string()),
        file("0", &"x".repeat(21 << 20)),
    ];
    let response = send(&app, form(&parts)).await;
    response.assert_error_with_status(413, "PAYLOAD_TOO_LARGE");
    let map: Value = (0..6)
        .map(|number| (number.to_string(), json!([])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let parts =
        [("operations", "", operations(&json!([])).to_string()), ("map", "", map.to_string())];
    let response = send(&app, form(&parts)).await;
    response.assert_error_with_status(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn forged_upload_tokens_are_rejected() {
    let app = app().await;
    for forged in ["#__graphql_file__:0", "#__graphql_file__:nonsense"] {
        let request = operations(&json!([forged]));
        let response = app.anon().post("application/json", request.to_string()).await;
        response.assert_error("BAD_USER_INPUT");
        let literal = format!("mutation {{ upload(files: [{forged:?}]) }}");
        app.anon().ask(&literal).await.assert_error("GRAPHQL_VALIDATION_FAILED");
    }
}
