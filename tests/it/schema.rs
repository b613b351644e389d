//! The contract: printed, compared, and described to the last value.

use serde_json::{Value, json};

use crate::support::TestApp;

#[test]
fn the_printed_schema_is_the_committed_one() {
    let committed = include_str!("../../schema.graphql");
    let printed = bookshelf::graphql::sdl();
    let differs =
        printed.lines().zip(committed.lines()).find(|(printed, committed)| printed != committed);
    assert_eq!(differs, None, "to renew it: cargo run -- schema > schema.graphql");
    assert_eq!(printed.len(), committed.len());
}

const INTROSPECTION: &str = "{
    __schema {
        types {
            name description kind
            fields { name description args { name description } }
            inputFields { name description }
            enumValues { name description }
        }
    }
}";

#[tokio::test]
async fn everything_is_described() {
    let app = TestApp::start().await;
    let schema = app.anon().ask(INTROSPECTION).await.data();
    let mut seen = 0;
    let mut bare = Vec::new();
    for described in schema["types"].as_array().unwrap() {
        let name = described["name"].as_str().unwrap();
        let built_in = ["Boolean", "Float", "ID", "Int", "String"].contains(&name);
        if !name.starts_with("__") && !built_in {
            walk(described, name, &mut seen, &mut bare);
        }
    }
    assert_eq!(bare, Vec::<String>::new(), "without a description");
    assert!(seen > 150, "only {seen} elements were looked at");
}

fn walk(element: &Value, path: &str, seen: &mut usize, bare: &mut Vec<String>) {
    *seen += 1;
    if element["description"].as_str().is_none_or(|text| text.trim().len() < 5) {
        bare.push(path.to_owned());
    }
    for members in ["fields", "args", "inputFields", "enumValues"] {
        for member in element[members].as_array().into_iter().flatten() {
            walk(member, &format!("{path}.{}", member["name"].as_str().unwrap()), seen, bare);
        }
    }
}

#[tokio::test]
async fn without_introspection_the_schema_is_nowhere() {
    let app = TestApp::with_config(|config| config.introspection = false).await;
    assert_eq!(app.anon().ask(INTROSPECTION).await.code(), "GRAPHQL_VALIDATION_FAILED");
    let hidden = "{ ...F } fragment F on Query { __type(name: \"Book\") { name } }";
    assert_eq!(app.anon().ask(hidden).await.code(), "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(app.anon().ask("{ __typename }").await.data(), "Query");
    assert_eq!(app.anon().get("/schema.graphql").await.status, 404);
    assert_eq!(app.anon().ask("{ viewer { id } }").await.data(), json!(null));
}
