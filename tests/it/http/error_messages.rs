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
            "Unknown type \"Strng\". Did you mean \"String\"?",
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
