//! The messages of errors: what was expected, and where.

use serde_json::{Value, json};

use crate::support::TestApp;

/// The first error of a response: its message and its position.
async fn error(app: &TestApp, query: &str) -> (String, Value) {
    let response = app.anon().ask(query).await.json();
    let error = &response["errors"][0];
    let message = error["message"].as_str().unwrap_or_else(|| panic!("{query}: {response}"));
    assert!(message.chars().count() <= 300, "{message}");
    (message.to_owned(), error["locations"][0].clone())
}

#[tokio::test]
async fn validation_errors_name_types_and_fields_and_suggest_others() {
    let app = TestApp::start().await;
    for (query, message, column) in [
        (
            "query { books }",
            "Field \"books\" of type \"BookConnection!\" must have a selection of subfields. Did you mean \"books { ... }\"?",
            9,
        ),
        (
            "{ boks { totalCount } }",
            "Type `Query` does not have a field `boks`. Did you mean \"books\" or \"book\"?",
            3,
        ),
        (
            "{ books { nodes { tilte } } }",
            "Type `Book` does not have a field `tilte`. Did you mean \"title\"?",
            19,
        ),
        (
            "{ books(frist: 1) { totalCount } }",
            "Unknown argument \"frist\" on field \"Query.books\". Did you mean \"first\" or \"last\"?",
            9,
        ),
        (
            "{ books(filter: { serch: \"x\" }) { totalCount } }",
            "Field \"serch\" is not defined by type \"BookFilter\". Did you mean \"search\"?",
            26,
        ),
        (
            "{ books(orderBy: { field: TITEL }) { totalCount } }",
            "Value \"TITEL\" does not exist in \"BookOrderField\" enum. Did you mean \"TITLE\"?",
            27,
        ),
        (
            "query($a: Strng) { book(id: $a) { id } }",
            "Unknown type \"Strng\". Did you mean \"String\" or \"Tag\"?",
            7,
        ),
        (
            "{ viewer { id { x } } }",
            "Field \"id\" must not have a selection since type \"ID\" has no subfields.",
            12,
        ),
        (
            "{ books(first: \"x\") { totalCount } }",
            "Expected value of type Int, found a string.",
            16,
        ),
        ("{ password }", "Type `Query` does not have a field `password`.", 3),
    ] {
        let expected = (message.to_owned(), json!({ "line": 1, "column": column }));
        assert_eq!(error(&app, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn errors_contain_no_names_of_the_schema_without_introspection() {
    let app = TestApp::with_config(|config| config.introspection = false).await;
    for (query, message) in [
        ("query { books }", "Field \"books\" must have a selection of subfields."),
        ("{ boks { totalCount } }", "Unknown field \"boks\"."),
        ("{ books { nodes { tilte } } }", "Unknown field \"tilte\"."),
        ("{ books(frist: 1) { totalCount } }", "Unknown argument \"frist\"."),
        ("{ books(filter: { serch: \"x\" }) { totalCount } }", "Unknown input field \"serch\"."),
        ("{ books(orderBy: { field: TITEL }) { totalCount } }", "Unknown enum value."),
        ("{ book { id } }", "A required argument is missing."),
        ("mutation { login(input: {}) { user { id } } }", "A required input field is missing."),
        ("{ books(first: \"x\") { totalCount } }", "The value has another type than expected."),
        ("query($a: Strng) { book(id: $a) { id } }", "Unknown type \"Strng\"."),
    ] {
        assert_eq!(error(&app, query).await.0, message, "{query}");
    }
}

#[tokio::test]
async fn invalid_variables_are_named_with_the_path_and_without_their_values() {
    let app = TestApp::start().await;
    let hidden = TestApp::with_config(|config| config.introspection = false).await;
    let create = "mutation($input: CreateBookInput!) { createBook(input: $input) { book { id } } }";
    let list = "query($first: Int, $filter: BookFilter, $orderBy: BookOrder) {
        books(first: $first, filter: $filter, orderBy: $orderBy) { totalCount }
    }";
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    for (query, variables, expected, without_schema) in [
        (
            create,
            json!({ "input": { "title": "hunter2", "author": "hunter2", "rating": "hunter2" } }),
            "\"$input\" has an invalid value at \"input.rating\": expected Int.",
            "\"$input\" has an invalid value at \"input.rating\": another type was expected.",
        ),
        (
            create,
            json!({ "input": { "title": "hunter2", "author": null } }),
            "\"$input\" has an invalid value at \"input.author\": expected String!, but it is null.",
            "\"$input\" has an invalid value at \"input.author\": it cannot be null.",
        ),
        (
            create,
            json!({ "input": { "author": "hunter2" } }),
            "\"$input\" has an invalid value at \"input.title\": expected String!, but it is missing.",
            "\"$input\" has an invalid value: a required field is missing.",
        ),
        (
            create,
            json!({ "input": { "titlle": "hunter2" } }),
            "\"$input\" has an invalid value: unknown field \"titlle\" of CreateBookInput. Did you mean \"title\"?",
            "\"$input\" has an invalid value: unknown field \"titlle\".",
        ),
        (
            create,
            json!({ "input": { "hunter2 hunter2": 1 } }),
            "\"$input\" has an invalid value: unknown field of CreateBookInput.",
            "\"$input\" has an invalid value: unknown field.",
        ),
        (
            create,
            json!({}),
            "\"$input\" has no value: expected CreateBookInput!.",
            "\"$input\" has no value: expected CreateBookInput!.",
        ),
        (
            list,
            json!({ "first": 5_000_000_000_u64 }),
            "\"$first\" has an invalid value: expected Int.",
            "\"$first\" has an invalid value: another type was expected.",
        ),
        (
            list,
            json!({ "first": 1, "filter": { "createdAfter": "hunter2" } }),
            "\"$filter\" has an invalid value at \"filter.createdAfter\": expected DateTime.",
            "\"$filter\" has an invalid value at \"filter.createdAfter\": another type was expected.",
        ),
        (
            list,
            json!({ "orderBy": { "field": "TITEL" } }),
            "\"$orderBy\" has an invalid value at \"orderBy.field\": expected BookOrderField!. Did you mean \"TITLE\"?",
            "\"$orderBy\" has an invalid value at \"orderBy.field\": another type was expected.",
        ),
        (
            nodes,
            json!({ "ids": ["hunter2", { "hunter2": "hunter2" }] }),
            "\"$ids\" has an invalid value at \"ids[1]\": expected ID!.",
            "\"$ids\" has an invalid value at \"ids[1]\": another type was expected.",
        ),
    ] {
        for (app, message) in [(&app, expected), (&hidden, without_schema)] {
            let response = app.anon().run(query, variables.clone()).await;
            response.assert_error("BAD_USER_INPUT");
            assert_eq!(response.error()["message"], format!("Variable {message}"));
            assert_eq!(response.error()["locations"][0]["line"], 1, "{response:?}");
            assert!(!response.text.contains("hunter2"), "{response:?}");
        }
    }
}

#[tokio::test]
async fn syntax_errors_say_what_was_expected() {
    let app = TestApp::start().await;
    for (query, message) in [
        (
            "",
            "Syntax error in line 1, column 1: expected an operation, found the end of the document.",
        ),
        (
            "{ viewer { id }",
            "Syntax error in line 1, column 16: expected \"}\", found the end of the document.",
        ),
        (
            "{ books(first: 1 { totalCount } }",
            "Syntax error in line 1, column 18: expected \")\", found \"{\".",
        ),
        (
            "{ books(first: ) { totalCount } }",
            "Syntax error in line 1, column 16: expected a value, found \")\".",
        ),
        (
            "{\n  viewer { }\n}",
            "Syntax error in line 2, column 3: expected at least one field between { and }.",
        ),
        (
            "{ books(first first: 1) { totalCount } }",
            "Syntax error in line 1, column 15: a name is not expected here.",
        ),
        ("{ \"hunter2\" }", "Syntax error in line 1, column 3: expected \"}\", found a string."),
        (
            "quary { a }",
            "Syntax error in line 1, column 1: expected \"query\", \"mutation\", \"subscription\", \"fragment\" or \"{\", found a name.",
        ),
    ] {
        let (found, location) = error(&app, query).await;
        assert_eq!(found, message, "{query}");
        assert!(location["line"].is_number() && location["column"].is_number(), "{query}");
    }
}
