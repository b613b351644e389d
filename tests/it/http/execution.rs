//! Execution according to the specification (section 6): variables, conditions, merged fields, null
//! propagation. `tests/clients/execution.test.mjs` compares random operations with graphql-js.

use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;
use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

async fn run(actor: &Actor, query: &str, variables: Value) -> Value {
    actor.run(query, variables).await.json()
}

/// `path.to.field` of each error.
fn error_paths(response: &Value) -> Vec<String> {
    let paths = response["errors"].as_array().into_iter().flatten().map(|error| {
        let path = error["path"].as_array().into_iter().flatten().map(ToString::to_string);
        path.collect::<Vec<_>>().join(".").replace('"', "")
    });
    paths.collect()
}

/// The keys of the only object in the only root field, in the order of the response.
fn keys_in_order(response: &str) -> Vec<&str> {
    let object = response.rsplit('{').next().unwrap_or_default();
    object
        .split("\",\"")
        .filter_map(|member| member.split("\":").next())
        .map(|key| key.trim_matches('"'))
        .collect()
}

#[tokio::test]
async fn conditions_take_the_defaults_of_their_variables() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (query, variables, keys) in [
        ("query($b: Boolean = true) { viewer @include(if: $b) { id } }", json!({}), "viewer"),
        ("query($b: Boolean = true) { viewer @include(if: $b) { id } }", json!({ "b": false }), ""),
        ("query($b: Boolean! = true) { viewer @skip(if: $b) { id } }", json!({}), ""),
        (
            "query($b: Boolean = false) { ... @skip(if: $b) { viewer { id } } ...F @include(if: $b) }
             fragment F on Query { __typename }",
            json!({}),
            "viewer",
        ),
        (
            "query($b: Boolean = true) { ...F @include(if: $b) } fragment F on Query { a: __typename }",
            json!({}),
            "a",
        ),
    ] {
        let response = run(&alice, query, variables).await;
        let data = response["data"].as_object().expect("data");
        assert_eq!(data.keys().cloned().collect::<Vec<_>>().join(" "), keys, "{query}");
    }
    let skipped = "mutation($b: Boolean = true) {
        createBook(input: { title: \"T\", author: \"A\" }) @skip(if: $b) { book { id } }
    }";
    assert_eq!(run(&alice, skipped, json!({})).await, json!({ "data": {} }));
    assert_eq!(app.db_count("books").await, 0);
}

#[tokio::test]
async fn a_null_condition_fails_its_parent_object() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let root = "query($b: Boolean = true) { __typename viewer @include(if: $b) { id } }";
    let response = run(&alice, root, json!({ "b": null })).await;
    assert_eq!((&response["data"], error_paths(&response)), (&Value::Null, vec![String::new()]));
    assert!(response.get("data").is_some(), "execution has begun");
    let mutation = "mutation($b: Boolean = true) {
        createBook(input: { title: \"T\", author: \"A\" }) @include(if: $b) { book { id } }
    }";
    let response = run(&alice, mutation, json!({ "b": null })).await;
    assert_eq!((&response["data"], error_paths(&response)), (&Value::Null, vec![String::new()]));
    assert_eq!(app.db_count("books").await, 0);
    let below = "query($b: Boolean = true) { __typename viewer { id username @skip(if: $b) } }";
    let response = run(&alice, below, json!({ "b": null })).await;
    assert_eq!(response["data"], json!({ "__typename": "Query", "viewer": null }));
    assert_eq!(error_paths(&response), ["viewer"]);
    assert_eq!(response["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    // Conditions in the selection of a null object are not evaluated.
    let response = run(&app.anon(), below, json!({ "b": null })).await;
    assert_eq!(response, json!({ "data": { "__typename": "Query", "viewer": null } }));
    let ids = json!({ "b": null, "ids": [alice.id, "x", alice.id] });
    let nodes = "query($b: Boolean = true, $ids: [ID!]!) {
        nodes(ids: $ids) { id ... on User @include(if: $b) { email } }
    }";
    let response = run(&alice, nodes, ids).await;
    assert_eq!(response["data"], json!({ "nodes": [null, null, null] }));
    assert_eq!(error_paths(&response), ["nodes.0", "nodes.2"]);
    alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    for list in [
        "nodes { title owner { id @include(if: $b) } }",
        "edges { node { owner { id @include(if: $b) } } }",
    ] {
        let query = format!("query($b: Boolean = true) {{ viewer {{ books {{ {list} }} }} }}");
        let response = run(&alice, &query, json!({ "b": null })).await;
        assert_eq!(response["data"], json!({ "viewer": null }), "{response}");
        let path = if list.starts_with('n') {
            "viewer.books.nodes.0.owner"
        } else {
            "viewer.books.edges.0.node.owner"
        };
        assert_eq!(error_paths(&response), [path]);
    }
}

#[tokio::test]
async fn fields_with_the_same_response_key_are_one_field() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let input = r#"input: { title: "T", author: "A" }"#;
    let create = format!(
        "mutation {{
            createBook({input}) {{ book {{ title }} }}
            createBook({input}) @include(if: true) {{ book {{ version }} }}
        }}"
    );
    assert_eq!(alice.ask(&create).await.data()["book"], json!({ "title": "T", "version": 1 }));
    assert_eq!(app.db_count("books").await, 1);
    let order = "{ viewer { id } viewer @include(if: true) { email } viewer { username } }";
    assert_eq!(keys_in_order(&alice.ask(order).await.text), ["id", "email", "username"]);
    for query in [
        "{ viewer { __typename } viewer @include(if: true) { books(after: \"x\") { __typename } } }",
        "{ viewer @include(if: true) { books(after: \"x\") { __typename } } viewer { __typename } }",
    ] {
        let response = run(&alice, query, json!({})).await;
        assert_eq!(response["data"], json!({ "viewer": null }), "{query}");
        assert_eq!(error_paths(&response), ["viewer.books"], "{query}");
    }
    let unauthenticated =
        "{ node(id: \"x\") { id } node(id: \"x\") @include(if: true) { __typename } }";
    assert_eq!(app.anon().ask(unauthenticated).await.error()["path"], json!(["node"]));
    let on_interface = "query($id: ID!) { node(id: $id) {
        id ... on User { username } ... on Node { id __typename } ... on User { username email }
        ... on Book { title }
    } }";
    let response = alice.run(on_interface, json!({ "id": alice.id })).await;
    assert_eq!(keys_in_order(&response.text), ["id", "username", "__typename", "email"]);
}

#[tokio::test]
async fn an_invalid_null_in_an_argument_fails_that_field_only() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (field, key) in [
        ("book(id: $v) { id }", "book"),
        ("node(id: $v) { id }", "node"),
        ("a: node(id: $v) { ... on Book { owner { id } } }", "a"),
        ("__type(name: $v) { name }", "__type"),
    ] {
        let ty = if key == "__type" { "String" } else { "ID" };
        let query = format!("query($v: {ty} = \"x\") {{ viewer {{ username }} {field} }}");
        let response = run(&alice, &query, json!({ "v": null })).await;
        let data = json!({ "viewer": { "username": "alice" }, key: null });
        assert_eq!((&response["data"], error_paths(&response)), (&data, vec![key.to_owned()]));
        assert_eq!(response["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
        assert_eq!(response["errors"][0]["locations"][0]["line"], 1);
        let response = run(&alice, &query, json!({})).await;
        assert_eq!((&response["data"], response.get("errors")), (&data, None));
    }
    let nested = "query($v: ID = \"x\") { __typename nodes(ids: [\"y\", $v]) { id } }";
    let response = run(&alice, nested, json!({ "v": null })).await;
    assert_eq!(
        (&response["data"], error_paths(&response)),
        (&json!(null), vec!["nodes".to_owned()])
    );
}

/// `query($v: T) { field(argument: $v) … }` for each argument with a default, and the field's path.
fn arguments_with_defaults() -> Vec<(String, String)> {
    let schema = Schema::parse_and_validate(bookshelf::graphql::sdl(), "schema.graphql").unwrap();
    let mut found = Vec::new();
    for (root, operation) in [("Query", "query"), ("Mutation", "mutation")] {
        let ExtendedType::Object(object) = &schema.types[root] else { panic!("{root}") };
        for (name, field) in &object.fields {
            for argument in
                field.arguments.iter().filter(|argument| argument.default_value.is_some())
            {
                let ty = argument.ty.to_string();
                let nullable = ty.trim_end_matches('!');
                let argument = &argument.name;
                let query = format!(
                    "{operation}($v: {nullable}) {{ {name}({argument}: $v) {{ __typename }} }}"
                );
                found.push((query, name.to_string()));
            }
        }
    }
    found
}

#[tokio::test]
async fn an_argument_whose_variable_is_absent_takes_its_default() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let arguments = arguments_with_defaults();
    let fields: Vec<_> = arguments.iter().map(|(_, field)| field.as_str()).collect();
    assert_eq!(fields, ["booksPage", "booksPage", "logout"], "{arguments:?}");
    for (query, field) in &arguments {
        let response = run(&alice, query, json!({ "v": null })).await;
        assert_eq!(
            (&response["data"], error_paths(&response)),
            (&json!(null), vec![field.clone()])
        );
    }
    let pages = "query($p: Int, $n: Int) { booksPage(page: $p, perPage: $n) { page perPage } }";
    let page = alice.ask(pages).await.data();
    assert_eq!(page, json!({ "page": 1, "perPage": 20 }));
    let page = alice.run(pages, json!({ "p": 3, "n": 7 })).await.data();
    assert_eq!(page, json!({ "page": 3, "perPage": 7 }));
    let order = "query($f: BookOrderField, $d: OrderDirection) {
        books(orderBy: { field: $f, direction: $d }) { totalCount }
    }";
    assert_eq!(alice.ask(order).await.data(), json!({ "totalCount": 0 }));
    let response = run(&alice, order, json!({ "d": null })).await;
    assert_eq!(error_paths(&response), ["books"]);
    let logout = "mutation($e: Boolean) { logout(everywhere: $e) { revokedSessions } }";
    let other = alice.sign_in_again("alice").await;
    assert_eq!(alice.ask(logout).await.data(), json!({ "revokedSessions": 1 }));
    assert_eq!(other.ask("{ viewer { username } }").await.data(), json!({ "username": "alice" }));
}

#[tokio::test]
async fn an_invalid_date_is_an_error_of_the_request() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let skipped = |condition: &str| {
        format!(
            "query($d: DateTime) {{
                __typename books(filter: {{ createdAfter: $d }}) {condition} {{ totalCount }}
            }}"
        )
    };
    for date in
        [json!("nope"), json!("2026-02-30T00:00:00Z"), json!(5), json!(true), json!({}), json!([])]
    {
        for condition in ["", "@skip(if: true)"] {
            let response = run(&alice, &skipped(condition), json!({ "d": date })).await;
            assert_eq!(response.get("data"), None, "{date} {condition}");
            let error = &response["errors"][0];
            assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT");
            assert_eq!(error["locations"], json!([{ "line": 1, "column": 7 }]));
        }
    }
    let filter = "query($f: BookFilter) { books(filter: $f) { totalCount } }";
    let response = run(&alice, filter, json!({ "f": { "createdBefore": "nope" } })).await;
    assert_eq!(
        (response.get("data"), &response["errors"][0]["extensions"]["code"]),
        (None, &json!("BAD_USER_INPUT"))
    );
    for document in [
        "{ books(filter: { createdAfter: \"nope\" }) { totalCount } }",
        "{ books(filter: { createdAfter: [] }) { totalCount } }",
        "{ books(filter: { createdAfter: [\"2026-03-27T09:15:00Z\"] }) { totalCount } }",
        "{ __typename books(filter: { createdAfter: 7 }) @skip(if: true) { totalCount } }",
        "query($d: DateTime = \"nope\") { books(filter: { createdAfter: $d }) { totalCount } }",
        "query($f: BookFilter = { createdAfter: \"nope\" }) { books(filter: $f) { totalCount } }",
        "{ ...F } fragment F on Query { books(filter: { createdAfter: \"nope\" }) { totalCount } }",
    ] {
        let response = alice.ask(document).await;
        response.assert_error("GRAPHQL_VALIDATION_FAILED");
        assert_eq!(response.json().get("data"), None, "{document}");
        assert_eq!(response.error()["locations"].as_array().map(Vec::len), Some(1), "{document}");
    }
    for date in [json!("2026-03-27T09:15:00+02:00"), json!(null)] {
        let data = alice.run(&skipped(""), json!({ "d": date })).await.json()["data"].clone();
        assert_eq!(data["books"], json!({ "totalCount": 0 }), "{date}");
    }
}

#[tokio::test]
async fn a_default_of_null_is_a_value() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = alice.add_book(json!({ "title": "Emma", "author": "Jane Austen", "rating": 5 })).await;
    let update = |default: &str| {
        format!(
            "mutation($id: ID!, $rating: Int {default}) {{
                updateBook(id: $id, input: {{ rating: $rating }}) {{ book {{ rating }} }}
            }}"
        )
    };
    let book = alice.run(&update(""), json!({ "id": id })).await.data();
    assert_eq!(book, json!({ "book": { "rating": 5 } }));
    let book = alice.run(&update("= null"), json!({ "id": id })).await.data();
    assert_eq!(book, json!({ "book": { "rating": null } }));
}
