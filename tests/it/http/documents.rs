//! Documents: validation, and persisted queries by hash.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Actor, GRAPHQL_RESPONSE, TestApp, TestResponse};

pub(super) fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) async fn send(actor: &Actor, request: Value) -> TestResponse {
    actor.post("application/json", request.to_string()).await
}

pub(super) fn persisted(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash, "miss": true }, "clientLibrary": {} })
}

#[tokio::test]
async fn documents_are_validated_as_the_specification_requires() {
    let app = TestApp::start().await;
    for (document, variables) in [
        // A nullable variable in a non-null position.
        ("query($id: ID) { node(id: $id) { id } }", json!({})),
        ("query($id: ID!) { books(after: $id) { totalCount } }", json!({ "id": "x" })),
        ("{ books(first: 3000000000) { totalCount } }", json!({})),
        ("{ books(filter: 7) { totalCount } }", json!({})),
        ("{ books(filter: { minRating: 1, minRating: 2 }) { totalCount } }", json!({})),
        ("query($o: BookOrder) { books(orderBy: { field: \"TITLE\" }) { totalCount } }", json!({})),
        ("{ __typename @nonsense }", json!({})),
        ("{ __typename(a: 1) }", json!({})),
        (
            "{ ...A ...B } fragment A on Query { x: __typename } fragment B on Query { x: viewer { id } }",
            json!({}),
        ),
        ("subscription { a: bookChanged { kind } b: bookChanged { kind } }", json!({})),
        ("{ nodes(ids: [\"a\"]) { id } nodes(ids: [\"a\", \"b\"]) { id } }", json!({})),
        ("query($n: Int! = null) { books(first: $n) { totalCount } }", json!({})),
    ] {
        let request = json!({ "query": document, "variables": variables });
        assert_eq!(
            send(&app.anon(), request).await.json()["errors"][0]["extensions"]["code"],
            "GRAPHQL_VALIDATION_FAILED",
            "{document}"
        );
    }
    for (document, variables) in [
        ("query($yes: Boolean!) { __typename @include(if: $yes) }", json!({ "yes": true })),
        (r#"{ __typename @skip(if: false) node(id: "\uD83D\uDE00 \u{1F600}") { id } }"#, json!({})),
        ("{ ...F } fragment F on Query { __typename }", json!({})),
    ] {
        let request = json!({ "query": document, "variables": variables });
        let response = send(&app.anon(), request).await.json();
        assert_eq!(response["data"]["__typename"], "Query", "{document}: {response}");
    }
}

#[tokio::test]
async fn variable_values_are_validated_before_execution() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let large = "{ node(id: 99999999999999999999999) { id } }";
    assert_eq!(alice.ask(large).await.data(), json!(null));
    let list = "query($first: Int!) { books(first: $first) { totalCount } }";
    for wrong in [
        json!({}),
        json!({ "first": null }),
        json!({ "first": "hunter2" }),
        json!({ "first": 1.5 }),
    ] {
        let response = send(&alice, json!({ "query": list, "variables": wrong })).await;
        response.assert_error("BAD_USER_INPUT");
        assert_eq!(response.json().get("data"), None, "{wrong}");
        assert!(!response.text.contains("hunter2"), "{response:?}");
    }
    // JSON does not distinguish 1.0 from 1.
    let response = send(&alice, json!({ "query": list, "variables": { "first": 1.0 } })).await;
    assert_eq!(response.data(), json!({ "totalCount": 0 }));
}

#[tokio::test]
async fn errors_have_locations() {
    let app = TestApp::start().await;
    let error = app.anon().ask("{\n  viewer { id }\n  é: nothing\n}").await.error();
    assert_eq!(error["extensions"]["code"], "GRAPHQL_PARSE_FAILED");
    assert_eq!(error["locations"], json!([{ "line": 3, "column": 3 }]));
    let error = app.anon().ask("{\n  viewer { id }\n  nothing\n}").await.error();
    assert_eq!(error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(error["locations"], json!([{ "line": 3, "column": 3 }]));
    let error = app.anon().ask("{\n  __typename\n  books { totalCount }\n}").await.error();
    assert_eq!(error["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(error["locations"], json!([{ "line": 3, "column": 3 }]));
}

#[tokio::test]
async fn a_valid_document_can_be_requested_by_its_hash() {
    let app = TestApp::start().await;
    let (query, modern) =
        ("query A { __typename }", app.anon().with_header("accept", GRAPHQL_RESPONSE));
    let extensions = persisted(&sha256(query));
    let first = send(&modern, json!({ "extensions": extensions })).await;
    first.assert_error_with_status(200, "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(first.error()["message"], "PersistedQueryNotFound");
    assert_eq!(first.json().get("data"), None);

    let full = send(&modern, json!({ "query": query, "extensions": extensions })).await;
    assert_eq!(full.data(), "Query");
    for request in [
        json!({ "extensions": extensions, "operationName": "A", "variables": {} }),
        json!({ "documentId": sha256(query) }),
        json!({ "documentId": format!("sha256:{}", sha256(query).to_uppercase()) }),
    ] {
        assert_eq!(send(&modern, request).await.data(), "Query");
    }
    let by_get = format!("/graphql?extensions={}", percent(&extensions.to_string()));
    assert_eq!(modern.get(&by_get).await.data(), "Query");
    // Another instance has not cached it.
    let second = app.second_instance().await;
    second.anon().get(&by_get).await.assert_error("PERSISTED_QUERY_NOT_FOUND");
    let with_text = format!("{by_get}&query={}", percent(query));
    assert_eq!(second.anon().get(&with_text).await.data(), "Query");
    assert_eq!(second.anon().get(&by_get).await.data(), "Query");
}

#[tokio::test]
async fn a_mismatched_hash_is_rejected_and_not_cached() {
    let app = TestApp::start().await;
    let (harmless, other) = ("{ __typename }", "{ viewer { id } }");
    let mismatch =
        send(&app.anon(), json!({ "query": other, "extensions": persisted(&sha256(harmless)) }))
            .await;
    mismatch.assert_error_with_status(200, "BAD_REQUEST");
    let invalid = "{ nothing }";
    let rejected =
        send(&app.anon(), json!({ "query": invalid, "extensions": persisted(&sha256(invalid)) }))
            .await;
    rejected.assert_error("GRAPHQL_VALIDATION_FAILED");
    for unknown in [sha256(harmless), sha256(other), sha256(invalid), "x".repeat(64), String::new()]
    {
        let response = send(&app.anon(), json!({ "extensions": persisted(&unknown) })).await;
        response.assert_error("PERSISTED_QUERY_NOT_FOUND");
    }
}

#[tokio::test]
async fn a_persisted_mutation_is_rejected_over_get() {
    let app = TestApp::start().await;
    let query = "mutation { logout { revokedSessions } }";
    let alice = app.alice().await;
    let by_hash =
        format!("/graphql?extensions={}", percent(&persisted(&sha256(query)).to_string()));
    let with_text = format!("{by_hash}&query={}", percent(query));
    for path in [with_text, by_hash] {
        let response = alice.get(&path).await;
        assert_eq!((response.status.as_u16(), response.header("allow")), (405, Some("POST")));
        response.assert_error("METHOD_NOT_ALLOWED");
    }
    assert_eq!(app.db_count("sessions").await, 1);
}

/// An operation that is unique per number.
fn numbered(number: u32) -> String {
    let fields: String = (0..20).map(|field| format!("a{field}: __typename ")).collect();
    format!("query Q{number} {{ {fields} }}")
}

async fn is_cached(actor: &Actor, document: &str) -> bool {
    let response = send(actor, json!({ "extensions": persisted(&sha256(document)) })).await;
    response.error_code().as_deref() != Some("PERSISTED_QUERY_NOT_FOUND")
}

#[tokio::test]
async fn fragments_with_the_same_name_are_rejected() {
    let app = TestApp::start().await;
    let cycle = "{ ...A } fragment A on Query { ...A } fragment A on Query { __typename }";
    let error = app.anon().ask(cycle).await.error();
    assert_eq!(error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(error["locations"], json!([{ "line": 1, "column": 48 }]));
    assert_eq!(app.anon().ask("{ __typename }").await.data(), "Query");
}

#[tokio::test]
async fn large_literals_count_for_the_document_cache() {
    let app = TestApp::with_config(|config| config.limits.document_cache_bytes = 300_000).await;
    let anon = app.anon();
    let ids = "1 ".repeat(1_700);
    let literal = |number: usize| format!("{{ nodes(ids: [{ids}]) {{ id }} }} # {number}");
    let default = |number: usize| {
        format!("query($v: [ID!]! = [{ids}]) {{ nodes(ids: $v) {{ id }} }} # {number}")
    };
    for documents in [(0..20).map(literal).collect::<Vec<_>>(), (0..20).map(default).collect()] {
        for document in &documents {
            anon.ask(document).await.assert_error("UNAUTHENTICATED");
        }
        let mut known = 0;
        for document in &documents {
            known += usize::from(is_cached(&anon, document).await);
        }
        assert!((1..=3).contains(&known), "{known} documents of 120 kB are cached in 300 kB");
    }
}

#[tokio::test]
async fn document_cache_memory_is_bounded() {
    let app = TestApp::with_config(|config| config.limits.document_cache_bytes = 40_000).await;
    let anon = app.anon();
    for number in 0..50 {
        anon.ask(&numbered(number)).await.assert_ok();
    }
    let mut cached = Vec::new();
    for number in (0..50).rev() {
        if is_cached(&anon, &numbered(number)).await {
            cached.push(number);
        }
    }
    assert!((1..=8).contains(&cached.len()), "{cached:?}");
    assert_eq!(cached[0], 49, "the newest document is cached");
}

#[tokio::test]
async fn the_least_recently_used_documents_are_evicted_first() {
    let app = TestApp::with_config(|config| config.limits.document_cache_bytes = 1_000_000).await;
    let anon = app.anon();
    for number in 0..200 {
        anon.ask(&numbered(number)).await.assert_ok();
    }
    assert!(!is_cached(&anon, &numbered(0)).await, "the cache is full");
    anon.ask("query New { __typename }").await.assert_ok();
    for number in 200..220 {
        anon.ask(&numbered(number)).await.assert_ok();
    }
    assert!(is_cached(&anon, "query New { __typename }").await);
}

#[tokio::test]
async fn a_mutation_without_an_acceptable_media_type_is_not_executed() {
    let app = TestApp::start().await;
    let alice = app.alice().await.with_header("accept", "multipart/mixed");
    let create = alice.create(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    create.assert_error_with_status(406, "NOT_ACCEPTABLE");
    assert_eq!(app.db_count("books").await, 0);
}

#[tokio::test]
async fn a_repeated_mutation_field_is_executed_once() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let input = r#"input: { title: "Emma", author: "Jane Austen" }"#;
    let query = format!(
        "mutation {{ ...A ...B createBook({input}) {{ userErrors {{ code }} }} }}
         fragment A on Mutation {{ createBook({input}) {{ book {{ title }} }} }}
         fragment B on Mutation {{ ... {{ createBook({input}) {{ book {{ author }} }} }} }}"
    );
    let payload = alice.ask(&query).await.payload();
    assert_eq!(payload["book"], json!({ "title": "Emma", "author": "Jane Austen" }));
    assert_eq!(app.db_count("books").await, 1);
    let twice = format!(
        "mutation {{ a: createBook({input}) {{ book {{ id }} }} b: createBook({input}) {{ book {{ id }} }} }}"
    );
    alice.ask(&twice).await.assert_ok();
    assert_eq!(app.db_count("books").await, 3);
}

#[tokio::test]
async fn token_and_operation_limits_are_exact() {
    let app = TestApp::start().await;
    let fields = |number: usize| format!("{{ {} }}", "__typename ".repeat(number));
    assert_eq!(app.anon().ask(&fields(1_998)).await.data(), "Query");
    app.anon().ask(&fields(1_999)).await.assert_error("TOO_MANY_TOKENS");
    let operations = |number: usize| {
        (0..number).map(|index| format!("query A{index} {{ __typename }} ")).collect::<String>()
    };
    app.anon().ask(&operations(20)).await.assert_error("OPERATION_RESOLUTION_FAILURE");
    app.anon().ask(&operations(21)).await.assert_error("QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn strict_status_applies_to_plain_json() {
    let app = TestApp::with_config(|config| config.strict_status = true).await;
    for (query, status) in [
        ("{", 400),
        ("{ nothing }", 400),
        ("{ books { totalCount } }", 401),
        ("{ __typename }", 200),
    ] {
        assert_eq!(app.anon().ask(query).await.status, status, "{query}");
    }
}

#[tokio::test]
async fn a_query_response_can_be_an_event_stream() {
    let app = TestApp::start().await;
    let events = app.anon().with_header("accept", "text/event-stream");
    let response = events.ask("{ __typename }").await;
    assert_eq!(response.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let expected =
        "event: next\ndata: {\"data\":{\"__typename\":\"Query\"}}\n\nevent: complete\ndata:\n\n";
    assert_eq!(response.text, expected);
    let response = events.ask("{ nothing }").await;
    assert_eq!(response.status, 200);
    assert!(response.text.contains("GRAPHQL_VALIDATION_FAILED"), "{response:?}");
    let response = events.ask("{ books { totalCount } }").await;
    assert!(response.text.starts_with("event: next\ndata: {\"errors\""), "{response:?}");
    let request = Request::post("/graphql").header("content-type", "application/json");
    let incomplete = events.send(request, Body::from("{")).await;
    incomplete.assert_error_with_status(400, "BAD_REQUEST");
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
