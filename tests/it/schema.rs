//! The schema: it matches the committed file, and every element has a description.

use async_graphql::{EmptyMutation, EmptySubscription, Object};
use bookshelf::graphql::DynSchema;
use serde_json::{Value, json};

use crate::support::TestApp;

#[test]
fn the_committed_schema_is_up_to_date() {
    let committed = include_str!("../../schema.graphql");
    let printed = bookshelf::graphql::sdl();
    let differs =
        printed.lines().zip(committed.lines()).find(|(printed, committed)| printed != committed);
    assert_eq!(differs, None, "to update it: cargo run -- schema > schema.graphql");
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
async fn every_schema_element_has_a_description() {
    let app = TestApp::start().await;
    let schema = app.anon().ask(INTROSPECTION).await.data();
    let mut seen = 0;
    let mut undescribed = Vec::new();
    for described in schema["types"].as_array().unwrap() {
        let name = described["name"].as_str().unwrap();
        let built_in = ["Boolean", "Float", "ID", "Int", "String"].contains(&name);
        if !name.starts_with("__") && !built_in {
            collect_undescribed(described, name, &mut seen, &mut undescribed);
        }
    }
    assert_eq!(undescribed, Vec::<String>::new(), "without a description");
    assert!(seen > 150, "only {seen} elements were checked");
}

fn collect_undescribed(
    element: &Value,
    path: &str,
    seen: &mut usize,
    undescribed: &mut Vec<String>,
) {
    *seen += 1;
    if element["description"].as_str().is_none_or(|text| text.trim().len() < 5) {
        undescribed.push(path.to_owned());
    }
    for members in ["fields", "args", "inputFields", "enumValues"] {
        for member in element[members].as_array().into_iter().flatten() {
            collect_undescribed(
                member,
                &format!("{path}.{}", member["name"].as_str().unwrap()),
                seen,
                undescribed,
            );
        }
    }
}

#[tokio::test]
async fn disabling_introspection_hides_the_schema() {
    let app = TestApp::with_config(|config| config.introspection = false).await;
    app.anon().ask(INTROSPECTION).await.assert_error("GRAPHQL_VALIDATION_FAILED");
    let hidden = "{ ...F } fragment F on Query { __type(name: \"Book\") { name } }";
    app.anon().ask(hidden).await.assert_error("GRAPHQL_VALIDATION_FAILED");
    assert_eq!(app.anon().ask("{ __typename }").await.data(), "Query");
    assert_eq!(app.anon().get("/schema.graphql").await.status, 404);
    assert_eq!(app.anon().ask("{ viewer { id } }").await.data(), json!(null));
}

struct Query;

#[Object]
impl Query {
    async fn only_in_this_test(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn the_schema_file_is_the_schema_that_is_served() {
    let schema = DynSchema::new(Query, EmptyMutation, EmptySubscription);
    let app = TestApp::with_schema(schema).await;
    let response = app.anon().get("/schema.graphql").await;
    assert!(response.text.contains("onlyInThisTest: Boolean!"), "{response:?}");
    assert!(!response.text.contains("Book"), "{response:?}");
    let standard = TestApp::start().await.anon().get("/schema.graphql").await;
    assert_ne!(response.header("etag"), standard.header("etag"));
}
