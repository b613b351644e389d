//! Requests: media types, bodies, methods, parameters and limits.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures_util::future::ready;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{GRAPHQL_RESPONSE, TestApp};

#[tokio::test]
async fn only_json_bodies_are_accepted() {
    let app = TestApp::start().await;
    let query = r#"{"query":"{ __typename }"}"#;
    for media_type in ["application/graphql", "application/xml", "text/html"] {
        let response = app.anon().post(media_type, query).await;
        response.assert_error_with_status(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    for charset in ["application/json; charset=utf-16", "application/json;charset=latin1"] {
        app.anon().post(charset, query).await.assert_error("UNSUPPORTED_MEDIA_TYPE");
    }
    for media_type in ["application/json", "Application/JSON ; charset=\"UTF-8\"; x=y"] {
        assert_eq!(app.anon().post(media_type, query).await.data(), "Query");
    }
}

#[tokio::test]
async fn an_invalid_body_returns_a_graphql_error() {
    let app = TestApp::start().await;
    for (body, code) in [
        ("", "BAD_REQUEST"),
        ("{", "BAD_REQUEST"),
        ("nonsense", "BAD_REQUEST"),
        ("42", "BAD_REQUEST"),
        ("null", "BAD_REQUEST"),
        ("{}", "BAD_REQUEST"),
        (r#"{"query":null}"#, "BAD_REQUEST"),
        (r#"{"query":42}"#, "BAD_REQUEST"),
        (r#"{"query":"{ __typename }","operationName":1}"#, "BAD_REQUEST"),
        (r#"{"query":"{ __typename }","variables":[]}"#, "BAD_REQUEST"),
        (r#"{"query":"{ __typename }","variables":"{}"}"#, "BAD_REQUEST"),
        (r#"{"query":"{ __typename }","extensions":"x"}"#, "BAD_REQUEST"),
        (r#"{"query":"{ __typename }","query":"{ viewer { id } }"}"#, "BAD_REQUEST"),
        (r#"{"query":"{ __typename }","variables":{"a":{"b":1,"b":2}}}"#, "BAD_REQUEST"),
        (r#"{"documentId":7}"#, "BAD_REQUEST"),
        (r#"{"extensions":{"persistedQuery":{"version":2,"sha256Hash":""}}}"#, "BAD_REQUEST"),
        (r#"{"extensions":{"persistedQuery":{"version":1}}}"#, "BAD_REQUEST"),
        (r#"{"extensions":{"persistedQuery":"x"},"query":"{ __typename }"}"#, "BAD_REQUEST"),
        ("[]", "BATCH_NOT_ALLOWED"),
        (r#"[{"query":"{ __typename }"}]"#, "BATCH_NOT_ALLOWED"),
        (r#"["{ __typename }",null]"#, "BATCH_NOT_ALLOWED"),
    ] {
        let response = app.anon().post("application/json", body).await;
        response.assert_error_with_status(400, code);
        assert_eq!(response.json().get("data"), None, "{body}");
        let modern = app.anon().with_header("accept", GRAPHQL_RESPONSE);
        let response = modern.post("application/json", body).await;
        response.assert_error_with_status(400, code);
        let media_type = response.header("content-type").unwrap();
        assert!(media_type.starts_with("application/graphql-response+json"), "{media_type}");
    }
    let invalid = app.anon().post("application/json", vec![b'"', 0xff, b'"']).await;
    invalid.assert_error("BAD_REQUEST");
    let nested = app.anon().post("application/json", "[".repeat(100_000)).await;
    nested.assert_error("BAD_REQUEST");
}

#[tokio::test]
async fn invalid_documents_and_operations_have_error_codes() {
    let app = TestApp::start().await;
    let modern = app.anon().with_header("accept", GRAPHQL_RESPONSE);
    for (request, code) in [
        (json!({ "query": "" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "{ viewer { id }" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "{".repeat(1_500) }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "{".repeat(30_000) }), "TOO_MANY_TOKENS"),
        (json!({ "query": "{ nothing }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "{ viewer }" }), "GRAPHQL_VALIDATION_FAILED"),
        (
            json!({ "query": "query A { __typename } query B { __typename }" }),
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (
            json!({ "query": "query A { __typename }", "operationName": "B" }),
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (
            json!({ "query": "{ __typename }", "operationName": "A" }),
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (
            json!({ "query": "query($id: ID!) { node(id: $id) { id } }", "variables": { "id": [1] } }),
            "BAD_USER_INPUT",
        ),
    ] {
        let response = modern.post("application/json", request.to_string()).await;
        response.assert_error_with_status(400, code);
        assert_eq!(response.json().get("data"), None, "{request}");
        let plain = app.anon().post("application/json", request.to_string()).await;
        plain.assert_error_with_status(200, code);
    }
    let chosen = json!({ "query": "query A { a: __typename } query B { b: __typename }", "operationName": "B" });
    assert_eq!(
        modern.post("application/json", chosen.to_string()).await.json()["data"],
        json!({ "b": "Query" })
    );
}

#[tokio::test]
async fn error_messages_do_not_echo_the_document() {
    let app = TestApp::start().await;
    let secret = "hunter2 ".repeat(500);
    for (query, code) in [
        (format!("{{ {secret} ("), "GRAPHQL_PARSE_FAILED"),
        (format!("{{ a(b: \"{secret}\") }}"), "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let response = app.anon().ask(&query).await;
        response.assert_error(code);
        assert!(response.text.len() < 1_000, "{response:?}");
    }
    for query in [
        r#"{ books(filter: { createdAfter: ["hunter2"] }) { totalCount } }"#,
        r#"{ books(filter: "hunter2") { totalCount } }"#,
        r#"mutation { login(input: "hunter2") { accessToken } }"#,
        r#"{ books(first: "hunter2") { totalCount } }"#,
        r#"{ books(orderBy: { field: "hunter2" }) { totalCount } }"#,
    ] {
        let response = app.anon().ask(query).await;
        assert!(!response.text.contains("hunter2"), "{response:?}");
        response.assert_error("GRAPHQL_VALIDATION_FAILED");
    }
    let many: String = (0..1_000).map(|number| format!("f{number} ")).collect();
    let many = format!("{{ viewer {{ {many} }} }}");
    let response = app.anon().ask(&many).await;
    assert_eq!(response.json()["errors"].as_array().map(Vec::len), Some(20));
}

#[tokio::test]
async fn doubling_fragments_are_rejected_without_expansion() {
    let app = TestApp::start().await;
    let mut query = "{ ...F0 }".to_owned();
    for level in 0..25 {
        let next = level + 1;
        query += &format!("fragment F{level} on Query{{...F{next} ...F{next}}}");
    }
    query += "fragment F25 on Query{__typename}";
    assert!(query.len() < 1_200);
    let response = tokio::time::timeout(Duration::from_secs(5), app.anon().ask(&query)).await;
    response.expect("an immediate response").assert_error("QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn a_body_over_the_limit_is_rejected() {
    let app = TestApp::start().await;
    let padding = " ".repeat((1 << 20) - 26);
    let body = format!(r#"{{"query":"{{ __typename }}"}}{padding}"#);
    assert_eq!(body.len(), 1 << 20);
    assert_eq!(app.anon().post("application/json", body.clone()).await.data(), "Query");
    let response = app.anon().post("application/json", body + " ").await;
    response.assert_error_with_status(413, "PAYLOAD_TOO_LARGE");
    let document = json!({ "query": format!("{{ __typename }} #{}", "x".repeat(32 << 10)) });
    let response = app.anon().post("application/json", document.to_string()).await;
    response.assert_error("PAYLOAD_TOO_LARGE");
}

/// A body whose rest never arrives.
fn incomplete_body(beginning: &str) -> Body {
    let beginning = stream::once(ready(Ok::<_, Infallible>(beginning.to_owned())));
    Body::from_stream(beginning.chain(stream::pending()))
}

#[tokio::test]
async fn a_body_that_never_arrives_times_out() {
    let app =
        TestApp::with_config(|config| config.limits.body_timeout = Duration::from_millis(10)).await;
    let body = incomplete_body("{");
    app.anon().post("application/json", body).await.assert_error("BAD_REQUEST");
}

#[tokio::test]
async fn the_body_of_a_multipart_request_is_not_received_if_its_operation_takes_no_file() {
    let app = TestApp::start().await;
    let client = app.anon().with_header("apollo-require-preflight", "true");
    let beginning = "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n\
                     {\"query\":\"{ __typename }\"}\r\n--x\r\n";
    let response = client.post("multipart/form-data; boundary=x", incomplete_body(beginning)).await;
    response.assert_error_with_status(415, "UNSUPPORTED_MEDIA_TYPE");
    let message = response.error()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("application/json"), "{message}");
}

#[tokio::test]
async fn a_byte_order_mark_and_a_final_slash_are_ignored() {
    let app = TestApp::start().await;
    for path in ["/graphql", "/graphql/"] {
        let request = Request::post(path).header("content-type", "application/json");
        let body = "\u{feff}{\"query\":\"{ __typename }\"}";
        assert_eq!(app.anon().send(request, body.into()).await.data(), "Query", "{path}");
        let request = Request::post(path).header("content-type", "application/json");
        let body = "{\"query\":\"{ __typename }\"}";
        assert_eq!(app.anon().send(request, body.into()).await.data(), "Query", "{path}");
        let get = app.anon().get(&format!("{path}?query={{__typename}}")).await;
        assert_eq!(get.data(), "Query", "{path}");
        let other = Request::delete(path);
        app.anon().send(other, Body::empty()).await.assert_error("METHOD_NOT_ALLOWED");
    }
    let variables = query(&[
        ("query", "query($a: ID!) { node(id: $a) { id } }"),
        ("variables", "\u{feff}{\"a\":\"x\"}"),
    ]);
    app.anon().get(&variables).await.assert_error("UNAUTHENTICATED");
}

#[tokio::test]
async fn a_browser_that_opens_the_endpoint_is_led_to_graphiql() {
    let app = TestApp::start().await;
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
    let browser = app.anon().with_header("accept", accept);
    for (path, location) in [("/graphql", "./"), ("/graphql/", "../"), ("/graphql?a=b", "./")] {
        let response = browser.get(path).await;
        assert_eq!((response.status.as_u16(), response.header("location")), (303, Some(location)));
    }
    assert_eq!(browser.get("/graphql?query={__typename}").await.data(), "Query");
    assert_eq!(browser.ask("{ __typename }").await.data(), "Query");
    app.anon().get("/graphql").await.assert_error("BAD_REQUEST");
    let without = TestApp::with_config(|config| config.graphiql = false).await;
    let response = without.anon().with_header("accept", accept).get("/graphql").await;
    response.assert_error("BAD_REQUEST");
}

#[tokio::test]
async fn other_methods_are_rejected_with_an_allow_header() {
    let app = TestApp::start().await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let request = Request::builder().method(method).uri("/graphql?query={__typename}");
        let response = app.anon().send(request, Body::empty()).await;
        response.assert_error_with_status(405, "METHOD_NOT_ALLOWED");
        assert_eq!(response.header("allow"), Some("GET, HEAD, POST"));
    }
}

/// The path of a GET request with these parameters.
fn query(parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new("/graphql?".to_owned());
    query.extend_pairs(parameters);
    query.finish().replacen("?&", "?", 1)
}

#[tokio::test]
async fn queries_can_be_sent_over_get() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let document = "query A { viewer { username } } query B($id: ID!) { node(id: $id) { id } }";
    let variables = json!({ "id": alice.id }).to_string();
    let a = alice.get(&query(&[("query", document), ("operationName", "A")])).await;
    assert_eq!(a.data(), json!({ "username": "alice" }));
    let b = [("query", document), ("operationName", "B"), ("variables", variables.as_str())];
    assert_eq!(alice.get(&query(&b)).await.data(), json!({ "id": alice.id }));
    let empty =
        [("query", "{ __typename }"), ("operationName", ""), ("variables", ""), ("other", "x")];
    assert_eq!(alice.get(&query(&empty)).await.data(), "Query");
    let head = Request::head(query(&[("query", "{ __typename }")]));
    let head = alice.send(head, Body::empty()).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn mutations_are_rejected_over_get() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let document = "mutation M { createBook(input: { title: \"Dune\", author: \"A\" }) { book { id } } } query Q { __typename }";
    for accept in ["application/json", "application/graphql-response+json"] {
        let get = alice.clone().with_header("accept", accept);
        let response = get.get(&query(&[("query", document), ("operationName", "M")])).await;
        response.assert_error_with_status(405, "METHOD_NOT_ALLOWED");
        assert_eq!(response.header("allow"), Some("POST"));
        let chosen = get.get(&query(&[("query", document), ("operationName", "Q")])).await;
        assert_eq!(chosen.data(), "Query");
    }
    assert_eq!(app.db_count("books").await, 0);
}

#[tokio::test]
async fn an_invalid_get_request_returns_a_graphql_error() {
    let app = TestApp::start().await;
    for parameters in [
        vec![],
        vec![("query", "")],
        vec![("query", "{ __typename }"), ("query", "{ __typename }")],
        vec![("query", "{ __typename }"), ("variables", "nonsense")],
        vec![("query", "{ __typename }"), ("variables", "[]")],
        vec![("query", "{ __typename }"), ("extensions", "7")],
    ] {
        let response = app.anon().get(&query(&parameters)).await;
        response.assert_error_with_status(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn the_accept_header_selects_the_media_type() {
    let app = TestApp::start().await;
    for (accept, media_type) in [
        ("*/*", "application/json; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        (
            "application/graphql-response+json,application/json;q=0.9",
            "application/graphql-response+json; charset=utf-8",
        ),
        (
            "application/json, application/graphql-response+json;q=0.1",
            "application/json; charset=utf-8",
        ),
    ] {
        let response = app.anon().with_header("accept", accept).ask("{ __typename }").await;
        assert_eq!(response.header("content-type"), Some(media_type), "{accept}");
        assert_eq!(response.header("vary"), Some("Accept"));
    }
    let response = app.anon().with_header("accept", "text/html").ask("{ __typename }").await;
    response.assert_error_with_status(406, "NOT_ACCEPTABLE");
}

#[tokio::test]
async fn the_connection_stays_open_after_rejected_requests() {
    let app = TestApp::start().await;
    let server = app.listen();
    let nested = "[".repeat(100_000);
    let rejected = [
        ("POST", "content-type: application/json", "", 400),
        ("POST", "content-type: application/json", "{\"query\":", 400),
        ("POST", "content-type: application/json", "[]", 400),
        ("POST", "content-type: application/json", "7", 400),
        ("POST", "content-type: application/json", &nested, 400),
        ("POST", "content-type: application/json; charset=latin1", "{}", 415),
        ("POST", "content-type: text/plain", "{}", 400),
        ("POST", "content-type: application/x-www-form-urlencoded", "query={__typename}", 400),
        ("POST", "content-type: application/xml", &nested, 415),
        ("POST", "accept: text/html", "{}", 406),
        ("PUT", "content-type: application/json", &nested, 405),
        ("GET", "accept: image/png", "", 406),
    ];
    let mut socket = TcpStream::connect(server.address).await.expect("a connection");
    for (method, header, body, status) in rejected {
        let length = body.len();
        let request = format!(
            "{method} /graphql HTTP/1.1\r\nhost: x\r\n{header}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        socket.write_all(request.as_bytes()).await.expect("an open connection");
        let head = read_response_head(&mut socket).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {header}: {head}");
    }
}

/// Reads a response with a `content-length` and an error code. Returns its head.
async fn read_response_head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.expect("a response"));
    }
    let head = String::from_utf8(head).expect("a head in ASCII");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.expect("a length").parse().expect("a number")];
    socket.read_exact(&mut body).await.expect("a body");
    assert!(String::from_utf8_lossy(&body).contains("\"code\":\""), "{head}");
    head
}
