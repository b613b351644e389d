//! The cost of an operation, which is estimated before execution.

use serde_json::{Value, json};

use crate::support::{Actor, GRAPHQL_RESPONSE, TestApp};

async fn cost(actor: &Actor, query: &str, variables: Value) -> Value {
    let response = actor.clone().with_header("graphql-cost", "report").run(query, variables).await;
    assert_eq!(response.json()["extensions"]["cost"]["limit"], 5_000, "{response:?}");
    response.json()["extensions"]["cost"]["requested"].clone()
}

#[tokio::test]
async fn a_field_costs_1_and_a_list_its_page_size_times_its_children() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (query, costs) in [
        ("{ __typename }", 1),
        ("{ viewer { id username } }", 3),
        ("{ books(first: 50) { totalCount edges { cursor node { title author } } } }", 203),
        ("{ books { nodes { id } pageInfo { hasNextPage } } }", 1 + 1 + 20 + 2),
        ("{ books(last: 7) { nodes { id } } }", 9),
        ("{ books(first: null) { nodes { id } } }", 22),
        ("{ booksPage(perPage: 5) { total items { id title } } }", 1 + 1 + 1 + 10),
        ("{ booksPage { items { id } } }", 22),
        ("{ books(first: 100) { nodes { title notes } } }", 2 + 100 * (1 + 5)),
        ("{ viewer { sessions { id current } } }", 1 + 1 + 200),
        ("{ nodes(ids: [\"a\", \"b\", \"c\"]) { id ... on Book { title } } }", 1 + 3 * 2),
        (
            "{ books(first: 3) { nodes { owner { books(first: 4) { nodes { id } } } } } }",
            2 + 3 * (3 + 4),
        ),
        ("mutation { deleteBook(id: \"x\") { userErrors { code message } } }", 2 + 20),
        ("{ viewer { ...F ...F } } fragment F on User { id email }", 5),
        ("{ books(first: 3) { nodes { tags status } } }", 2 + 3 * 2),
        ("{ tags { name bookCount } }", 1 + 100 * 2),
        ("{ stats { total byStatus { status count } byMonth { count } } }", 2 + 1 + 5 * 2 + 1 + 12),
        ("{ __schema { types { name } } }", 3),
    ] {
        assert_eq!(cost(&alice, query, json!({})).await, costs, "{query}");
    }
}

#[tokio::test]
async fn cost_depends_on_the_variable_values() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let books = "query($n: Int = 30) { books(first: $n) { nodes { id } } }";
    for (variables, costs) in [
        (json!({ "n": 5 }), 7),
        (json!({ "n": 100 }), 102),
        (json!({}), 32),
        (json!({ "n": null }), 22),
    ] {
        assert_eq!(cost(&alice, books, variables.clone()).await, costs, "{variables}");
    }
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    assert_eq!(cost(&alice, nodes, json!({ "ids": ["a", "b"] })).await, 3);
    assert_eq!(cost(&alice, nodes, json!({ "ids": "a" })).await, 2);

    let parts = "query($yes: Boolean!, $no: Boolean = false) {
        viewer { id email @include(if: $yes) username @skip(if: $yes) ...F @include(if: $no) }
        books @skip(if: true) { totalCount }
    }
    fragment F on User { sessions { id } }";
    assert_eq!(cost(&alice, parts, json!({ "yes": true })).await, 3);
    assert_eq!(cost(&alice, parts, json!({ "yes": false })).await, 3);
    assert_eq!(cost(&alice, parts, json!({ "yes": true, "no": true })).await, 3 + 1 + 100);
}

#[tokio::test]
async fn a_list_with_first_and_last_costs_the_larger_page() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let both = "query($a: Int, $b: Int) { books(first: $a, last: $b) { nodes { id title } } }";
    for variables in [json!({ "a": 100 }), json!({ "b": 100 }), json!({ "a": null, "b": 100 })] {
        assert_eq!(cost(&alice, both, variables.clone()).await, 2 + 200, "{variables}");
    }
    assert_eq!(cost(&alice, both, json!({})).await, 2 + 40);
    let literal = "query($a: Int) { books(first: $a, last: 50) { nodes { id } } }";
    assert_eq!(cost(&alice, literal, json!({})).await, 2 + 50);
    let nested = "query($a: Int, $b: Int) { books(first: $a, last: $b) { nodes { owner {
        books(first: $a, last: $b) { nodes { id } }
    } } } }";
    let response = alice.run(nested, json!({ "b": 100 })).await;
    response.assert_error("QUERY_TOO_COMPLEX");
}

#[tokio::test]
async fn an_operation_over_the_cost_limit_is_rejected() {
    let app = TestApp::start().await;
    let alice = app.alice().await.with_header("accept", GRAPHQL_RESPONSE);
    let query = |more: usize| {
        let (fields, more) = ("id ".repeat(49), "__typename ".repeat(more));
        format!("query($n: Int!) {{ books(first: $n) {{ nodes {{ {fields} }} }} {more} }}")
    };
    assert_eq!(cost(&alice, &query(98), json!({ "n": 100 })).await, 5_000);
    app.take_statements();
    let rejected = alice.run(&query(99), json!({ "n": 100 })).await;
    rejected.assert_error_with_status(400, "QUERY_TOO_COMPLEX");
    assert!(rejected.error()["message"].as_str().unwrap().contains("5001"), "{rejected:?}");
    assert_eq!(app.take_statements(), [""; 0], "nothing ran");
    assert_eq!(cost(&alice, &query(99), json!({ "n": 99 })).await, 4_952);
    // The sizes of nested lists multiply.
    let product =
        "{ books(first: 100) { nodes { owner { books(first: 100) { nodes { id } } } } } }";
    alice.ask(product).await.assert_error("QUERY_TOO_COMPLEX");
    // An invalid page size is reported by the resolver.
    let huge = "query($n: Int!) { books(first: $n) { nodes { id } } }";
    for size in [0, -1, 101, i32::MAX, i32::MIN] {
        alice.run(huge, json!({ "n": size })).await.assert_error("BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn cost_is_reported_only_on_request() {
    let app = TestApp::start().await;
    assert_eq!(app.anon().ask("{ __typename }").await.json().get("extensions"), None);
}
