//! Lists are written as JSON in one loop. The response is the same as where async-graphql resolves each field.

use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

async fn shelf(app: &TestApp) -> Actor {
    let alice = app.alice().await;
    for book in [
        json!({ "title": "Dune", "author": "Frank Herbert", "isbn": "9780441172719", "rating": 5 }),
        json!({ "title": "\"Quotes\" \\ and / slashes", "author": "Zoë \u{1f600} \u{a0}" }),
        json!({ "title": "T", "author": "A", "notes": "two\nlines\tand \u{7f3a}", "rating": 1 }),
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
async fn a_list_is_the_same_whether_its_fields_are_selected_once_or_twice() {
    let app = TestApp::start().await;
    let alice = shelf(&app).await;
    let all = "id title author isbn rating notes version createdAt updatedAt __typename";
    for elements in [
        format!("nodes {{ {all} }}"),
        format!("nodes {{ {all} owner {{ id username email createdAt __typename }} }}"),
        format!("edges {{ cursor node {{ {all} }} }}"),
        "edges { __typename at: cursor it: node { b: title a: author } }".to_owned(),
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
                let list = format!("query It {{ {list} {{ {elements} }} }} {FRAGMENTS}");
                let query = json!({ "query": list, "operationName": "It" });
                let answer = alice.post("application/json", query.to_string()).await;
                answer.data();
                answer.text
            };
            let once = ask(&elements).await;
            assert_eq!(once, ask(&format!("{elements} {elements}")).await, "{elements}");
        }
    }
}

#[tokio::test]
async fn a_book_is_the_same_in_a_list_and_by_its_id() {
    let app = TestApp::start().await;
    let alice = shelf(&app).await;
    let list = alice.ask("{ books { nodes { id } } }").await.data();
    let ids: Vec<_> = list["nodes"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    assert_eq!(ids.len(), 3);
    for fields in [
        "id title author isbn rating notes version createdAt updatedAt __typename",
        "b: title a: author ... on Node { id } c: rating",
        "title owner { id username email createdAt __typename }",
        "owner { books(first: 1) { nodes { title owner { id } } totalCount } } notes",
        "id @skip(if: true)",
    ] {
        let in_list = alice.ask(&format!("{{ books {{ nodes {{ {fields} }} }} }}")).await.text;
        // `nodes` returns an interface, whose fields async-graphql resolves one by one.
        let by_id =
            format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Book {{ {fields} }} }} }}");
        let by_id = alice.run(&by_id, json!({ "ids": ids })).await.text;
        let in_list =
            in_list.strip_prefix(r#"{"data":{"books":"#).and_then(|it| it.strip_suffix("}"));
        let by_id = by_id.strip_prefix(r#"{"data":"#);
        assert_eq!(in_list, by_id, "{fields}");
        assert!(in_list.is_some(), "{fields}");
    }
}

#[tokio::test]
async fn a_field_reads_alike_alone_and_among_all() {
    let app = TestApp::start().await;
    let alice = shelf(&app).await;
    let fields = "id title author isbn rating notes version createdAt updatedAt";
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
                whole.iter().map(|it| json!({ "cursor": it["cursor"] })).collect();
            assert_eq!(ask("cursor").await["edges"], json!(cursors), "{order}");
            for field in fields.split(' ') {
                let alone = ask(&format!("node {{ {field} }}")).await;
                let its = |it: &Value| json!({ "node": { field: it["node"][field] } });
                let expected: Vec<_> = whole.iter().map(its).collect();
                assert_eq!(alone["edges"], json!(expected), "{order} {field}");
            }
        }
    }
}

#[tokio::test]
async fn a_field_that_stands_there_twice_answers_with_all_that_is_asked() {
    let app = TestApp::start().await;
    let alice = shelf(&app).await;
    let list = alice.ask("{ books(last: 1) { nodes { title } nodes { rating } } }").await.data();
    assert_eq!(list, json!({ "nodes": [{ "title": "Dune", "rating": 5 }] }));
    let list = alice
        .ask("{ books(last: 1) { edges { node { id: title } } } books(last: 1) { edges { node { r: rating } } } }")
        .await
        .data();
    assert_eq!(list, json!({ "edges": [{ "node": { "id": "Dune", "r": 5 } }] }));
}

#[tokio::test]
async fn an_error_within_a_list_is_told_where_it_is() {
    let app = TestApp::start().await;
    let alice = shelf(&app).await;
    let list = "{ books { nodes { owner { books(first: 0) { totalCount } } } } }";
    let error = alice.ask(list).await.json()["errors"][0].clone();
    assert_eq!(error["path"], json!(["books", "nodes", 0, "owner", "books"]), "{error}");
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_list_that_is_empty_is_an_empty_list() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for elements in ["nodes { id }", "edges { cursor }"] {
        let answer = alice.ask(&format!("{{ books {{ {elements} }} }}")).await;
        assert!(answer.text.contains("[]"), "{}", answer.text);
    }
}
