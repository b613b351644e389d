//! Lists are written as JSON in one loop. The response must be equal to that of async-graphql.

use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

async fn add_books(app: &TestApp) -> Actor {
    let alice = app.alice().await;
    for book in [
        json!({ "title": "Dune", "author": "Frank Herbert", "isbn": "9780441172719", "rating": 5 }),
        json!({ "title": "\"Quotes\" \\ and / slashes", "author": "Zoë \u{1f600} \u{a0}" }),
        json!({ "title": "T", "author": "A", "notes": "two\nlines\tand \u{7f3a}", "rating": 1, "publisher": "Verlag \"A\"",
            "status": "DID_NOT_FINISH", "startedOn": "2025-12-31", "finishedOn": "2026-01-02", "readCount": 2,
            "publishedYear": -44, "pageCount": 100_000, "tags": ["\"quoted\"", "b\\s", "\u{1f4da}"] }),
    ] {
        alice.add_book(book).await;
        app.advance_secs(1);
    }
    alice
}

const FRAGMENTS: &str = "
    fragment OfBook on Book { title a: rating ... on Node { __typename } }
    fragment OfNode on Node { id ... on Book { notes } }
    query Another { books { nodes { ...OfBook ...OfNode } } }";

#[tokio::test]
async fn a_list_is_the_same_with_fields_selected_once_or_twice() {
    let app = TestApp::start().await;
    let alice = add_books(&app).await;
    let all = "id title author isbn rating notes publisher status startedOn finishedOn readCount publishedYear pageCount tags version createdAt updatedAt __typename";
    for elements in [
        format!("nodes {{ {all} }}"),
        format!("nodes {{ {all} owner {{ id username email createdAt __typename }} }}"),
        format!("edges {{ cursor node {{ {all} }} }}"),
        "edges { __typename at: cursor n: node { b: title a: author } }".to_owned(),
        "edges { ... on BookEdge { node { owner { username books(first: 1) { totalCount } } } } }"
            .to_owned(),
        "nodes { ...OfBook ...OfNode }".to_owned(),
        "nodes { ... { rating } ... on Book { isbn } ...OfNode }".to_owned(),
        "nodes { id title @skip(if: true) notes @include(if: true) }".to_owned(),
        "nodes { x: owner { id } y: owner { username } notes }".to_owned(),
        "nodes { title __typename }".to_owned(),
        "nodes { id @skip(if: true) }".to_owned(),
        "edges { node { id @skip(if: true) } cursor }".to_owned(),
        "edges { node { ...OfNode @include(if: false) } }".to_owned(),
    ] {
        for list in ["books", "books(last: 2, orderBy: { field: TITLE })", "books(first: 1)"] {
            let ask = async |elements: &str| {
                let list = format!("query List {{ {list} {{ {elements} }} }} {FRAGMENTS}");
                let query = json!({ "query": list, "operationName": "List" });
                let response = alice.post("application/json", query.to_string()).await;
                response.assert_ok();
                response.text
            };
            let once = ask(&elements).await;
            assert_eq!(once, ask(&format!("{elements} {elements}")).await, "{elements}");
        }
    }
}

#[tokio::test]
async fn a_book_is_the_same_in_a_list_and_by_its_id() {
    let app = TestApp::start().await;
    let alice = add_books(&app).await;
    let list = alice.ask("{ books { nodes { id } } }").await.data();
    let ids: Vec<_> =
        list["nodes"].as_array().unwrap().iter().map(|node| node["id"].clone()).collect();
    assert_eq!(ids.len(), 3);
    for fields in [
        "id title author isbn rating notes publisher status startedOn finishedOn readCount publishedYear pageCount tags version createdAt updatedAt __typename",
        "b: title a: author ... on Node { id } c: rating",
        "title owner { id username email createdAt __typename }",
        "owner { books(first: 1) { nodes { title owner { id } } totalCount } } notes",
        "id @skip(if: true)",
    ] {
        let in_list = alice.ask(&format!("{{ books {{ nodes {{ {fields} }} }} }}")).await.text;
        // `nodes` returns an interface, whose fields async-graphql resolves individually.
        let by_id =
            format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Book {{ {fields} }} }} }}");
        let by_id = alice.run(&by_id, json!({ "ids": ids })).await.text;
        let in_list =
            in_list.strip_prefix(r#"{"data":{"books":"#).and_then(|text| text.strip_suffix("}"));
        let by_id = by_id.strip_prefix(r#"{"data":"#);
        assert_eq!(in_list, by_id, "{fields}");
        assert!(in_list.is_some(), "{fields}");
    }
}

#[tokio::test]
async fn a_field_has_the_same_value_alone_and_with_all_others() {
    let app = TestApp::start().await;
    let alice = add_books(&app).await;
    let fields = "id title author isbn rating notes publisher status startedOn finishedOn readCount publishedYear pageCount tags version createdAt updatedAt";
    for order in ["CREATED_AT", "UPDATED_AT", "TITLE", "AUTHOR", "RATING"] {
        for filter in ["", ", filter: { search: \"t\" }"] {
            let ask = async |edges: &str| {
                let list = format!("books(orderBy: {{ field: {order} }}{filter})");
                alice.ask(&format!("{{ {list} {{ edges {{ {edges} }} }} }}")).await.data()
            };
            let whole = ask(&format!("cursor node {{ {fields} }}")).await;
            let whole = whole["edges"].as_array().expect("books");
            assert!(whole.len() > 1, "{whole:?}");
            let cursors: Vec<_> =
                whole.iter().map(|edge| json!({ "cursor": edge["cursor"] })).collect();
            assert_eq!(ask("cursor").await["edges"], json!(cursors), "{order}");
            for field in fields.split(' ') {
                let alone = ask(&format!("node {{ {field} }}")).await;
                let only = |edge: &Value| json!({ "node": { field: edge["node"][field] } });
                let expected: Vec<_> = whole.iter().map(only).collect();
                assert_eq!(alone["edges"], json!(expected), "{order} {field}");
            }
        }
    }
}

#[tokio::test]
async fn selections_of_a_repeated_field_are_merged() {
    let app = TestApp::start().await;
    let alice = add_books(&app).await;
    let list = alice.ask("{ books(last: 1) { nodes { title } nodes { rating } } }").await.data();
    assert_eq!(list, json!({ "nodes": [{ "title": "Dune", "rating": 5 }] }));
    let list = alice
        .ask("{ books(last: 1) { edges { node { id: title } } } books(last: 1) { edges { node { r: rating } } } }")
        .await
        .data();
    assert_eq!(list, json!({ "edges": [{ "node": { "id": "Dune", "r": 5 } }] }));
}

#[tokio::test]
async fn an_error_within_a_list_has_its_path() {
    let app = TestApp::start().await;
    let alice = add_books(&app).await;
    let list = "{ books { nodes { owner { books(first: 0) { totalCount } } } } }";
    let error = alice.ask(list).await.json()["errors"][0].clone();
    assert_eq!(error["path"], json!(["books", "nodes", 0, "owner", "books"]), "{error}");
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
}

#[tokio::test]
async fn an_empty_list_is_an_empty_array() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let list = alice.ask("{ books { nodes { id } edges { cursor } } }").await.data();
    assert_eq!(list, json!({ "nodes": [], "edges": [] }));
}
