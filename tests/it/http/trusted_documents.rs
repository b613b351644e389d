//! Trusted documents, by id and by hash.

use serde_json::{Value, json};

use super::documents::{persisted, send, sha256};
use crate::support::{GRAPHQL_RESPONSE, ServerProcess, Socket, TestApp};

#[tokio::test]
async fn only_trusted_documents_are_executed() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("documents.json");
    let (a, b) = ("query A { __typename }\n", "query B { viewer { id } }");
    let by_id = json!({ format!("sha256:{}", sha256(a)): a, "e1bd7f3c": b });
    std::fs::write(&list, by_id.to_string()).expect("a file");
    let app = TestApp::with_config(|config| config.trusted_documents = Some(list)).await;
    for request in [
        json!({ "documentId": format!("sha256:{}", sha256(a)) }),
        json!({ "documentId": sha256(a) }),
        json!({ "documentId": sha256(a), "query": "" }),
        json!({ "extensions": persisted(&sha256(a)), "query": "" }),
        json!({ "extensions": persisted(&sha256(a)) }),
        json!({ "extensions": persisted(&sha256(a)), "query": a }),
        json!({ "query": a }),
    ] {
        assert_eq!(send(&app.anon(), request).await.data(), "Query");
    }
    for known in [
        json!({ "documentId": "e1bd7f3c" }),
        json!({ "extensions": persisted(&sha256(b)) }),
        json!({ "extensions": persisted(&sha256(b)), "query": b }),
    ] {
        assert_eq!(send(&app.anon(), known).await.data(), json!(null));
    }
    let query = "{ __typename }";
    for request in [
        json!({ "query": query }),
        json!({ "query": query, "extensions": persisted(&sha256(query)) }),
        json!({ "documentId": "unknown" }),
        json!({ "extensions": persisted(&sha256(query)) }),
    ] {
        let modern = app.anon().with_header("accept", GRAPHQL_RESPONSE);
        let response = send(&modern, request).await;
        response.assert_error_with_status(400, "DOCUMENT_NOT_TRUSTED");
    }
    let smuggled = json!({ "documentId": "e1bd7f3c", "query": query });
    send(&app.anon(), smuggled).await.assert_error("BAD_REQUEST");
    let by_get = app.anon().get("/graphql?documentId=e1bd7f3c").await;
    assert_eq!(by_get.data(), json!(null));
}

/// The format of `@apollo/generate-persisted-query-manifest`.
#[tokio::test]
async fn a_manifest_of_apollo_is_a_list_of_trusted_documents() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("persisted-query-manifest.json");
    let (a, b) = ("query A {\n  __typename\n}", "query B {\n  viewer {\n    id\n  }\n}");
    let manifest = json!({
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [
            { "id": sha256(a), "name": "A", "type": "query", "body": a },
            { "id": "custom-id", "name": "B", "type": "query", "body": b, "clientName": null },
        ],
    });
    std::fs::write(&list, format!("\u{feff}{manifest}")).expect("a file");
    let app = TestApp::with_config(|config| config.trusted_documents = Some(list)).await;
    for request in [
        json!({ "extensions": persisted(&sha256(a)) }),
        json!({ "documentId": sha256(a) }),
        json!({ "query": a }),
    ] {
        assert_eq!(send(&app.anon(), request).await.data(), "Query");
    }
    for request in [json!({ "extensions": persisted("custom-id") }), json!({ "query": b })] {
        assert_eq!(send(&app.anon(), request).await.data(), json!(null));
    }
    let other = send(&app.anon(), json!({ "query": "{ __typename }" })).await;
    other.assert_error("DOCUMENT_NOT_TRUSTED");
}

#[tokio::test]
async fn the_log_names_documents_that_are_not_trusted() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("documents.json");
    std::fs::write(&list, json!({ "a": "{ __typename }" }).to_string()).expect("a file");
    let server = ServerProcess::start(&[("TRUSTED_DOCUMENTS", list.to_str().unwrap())]);
    let named = "query Named { viewer { id } }";
    for request in [
        json!({ "query": named }),
        json!({ "documentId": "an-old-id", "operationName": "Old" }),
        json!({ "query": "{ viewer { id } } # a comment about Dune", "operationName": "x".repeat(500) }),
    ] {
        send(&server.anon(), request).await.assert_error("DOCUMENT_NOT_TRUSTED");
    }
    let over_socket = "query OverSocket { viewer { id } }";
    let mut socket = Socket::open(server.address.parse().unwrap()).await;
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.receive().await["type"], "connection_ack");
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": over_socket } });
    socket.send(subscribe).await;
    let rejected = socket.receive().await;
    assert_eq!(rejected["payload"][0]["extensions"]["code"], "DOCUMENT_NOT_TRUSTED");
    let log = server.log();
    let lines =
        log.lines().filter(|line| line.contains("TRUSTED_DOCUMENTS") && line.contains("WARN"));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let logged: Vec<_> = lines.iter().map(|line| (&line["operation"], &line["hash"])).collect();
    assert_eq!(logged[0], (&json!("Named"), &json!(sha256(named))));
    assert_eq!(logged[1], (&json!("Old"), &json!("an-old-id")));
    assert_eq!(logged[2].0, &json!("x".repeat(80)));
    assert_eq!(logged[3], (&json!("OverSocket"), &json!(sha256(over_socket))));
    assert!(!log.contains("Dune"), "{log}");
}
