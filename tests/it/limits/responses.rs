//! The size of responses.

use serde_json::json;

use crate::support::{Actor, GRAPHQL_RESPONSE, TestApp, TestResponse};

/// A server with one user who has some books with long notes, and this limit of the bytes of a response.
async fn library(books: usize, response_bytes: usize) -> (TestApp, Actor) {
    let app = TestApp::with_config(|config| {
        config.limits.response_bytes = response_bytes;
        config.limits.cost = 100_000;
    })
    .await;
    let alice = app.alice().await.with_header("accept", GRAPHQL_RESPONSE);
    for number in 0..books {
        let notes = "\"é\"\n".repeat(1_000) + &number.to_string();
        alice.add_book(json!({ "title": "T", "author": "A", "notes": notes })).await;
    }
    (app, alice)
}

/// Asserts that the response is too large, and that it contains nothing else.
fn assert_too_large(response: &TestResponse) {
    assert!(response.text.len() < 1_000, "{} bytes", response.text.len());
    response.assert_error_with_status(400, "RESPONSE_TOO_LARGE");
    let body = response.json();
    assert_eq!(body.get("data"), None, "{response:?}");
    assert_eq!(body["errors"].as_array().expect("errors").len(), 1, "{response:?}");
    assert_eq!(response.error().get("path"), None, "{response:?}");
}

#[tokio::test]
async fn a_response_may_have_as_many_bytes_as_the_limit_but_not_one_more() {
    let (app, alice) = library(3, 1 << 20).await;
    let id =
        alice.ask("{ books(first: 1) { nodes { id } } }").await.data()["nodes"][0]["id"].clone();
    for query in [
        "{ books { nodes { id notes } } }".to_owned(),
        "{ a: books { nodes { notes } } b: books { edges { cursor node { notes } } } }".to_owned(),
        "{ booksPage { items { notes title } pages } }".to_owned(),
        // A single object, which is null if its field fails.
        format!("{{ book(id: {id}) {{ notes again: notes }} }}"),
        // Resolved field by field.
        format!("{{ nodes(ids: [{id}, {id}]) {{ ... on Book {{ notes }} }} }}"),
        "{ books { nodes { owner { books { nodes { notes } } } } } }".to_owned(),
        // Without any book.
        "{ __schema { types { name description } } }".to_owned(),
    ] {
        let complete = alice.ask(&query).await;
        complete.assert_ok();
        let limited = |bytes| {
            app.second_instance_with(move |config| {
                config.limits.response_bytes = bytes;
                config.limits.cost = 100_000;
            })
        };
        let exact = limited(complete.text.len()).await;
        let response = alice.clone().on_instance(&exact.router).ask(&query).await;
        assert!(response.text == complete.text, "{query}: {:.200}", response.text);
        let smaller = limited(complete.text.len() - 1).await;
        assert_too_large(&alice.clone().on_instance(&smaller.router).ask(&query).await);
    }
}

#[tokio::test]
async fn a_too_large_response_fails_before_all_of_it_is_read() {
    let (app, alice) = library(10, 100_000).await;
    // Each list has about 50,000 bytes of notes in the database.
    let lists: String = (0..20).map(|n| format!("a{n}: books {{ nodes {{ notes }} }} ")).collect();
    app.take_statements();
    assert_too_large(&alice.ask(&format!("{{ {lists} }}")).await);
    let statements = app.take_statements();
    let pages = statements.iter().filter(|sql| sql.contains("\"notes\"")).count();
    if app.database.url().starts_with("sqlite") {
        assert!(pages <= 3, "{pages} lists were read");
    }
    // Only what is selected counts.
    let pages: String =
        (0..20).map(|n| format!("a{n}: booksPage {{ items {{ title }} }} ")).collect();
    assert!(alice.ask(&format!("{{ {pages} }}")).await.is_ok());
}

#[tokio::test]
async fn ids_that_are_repeated_are_read_once() {
    let (app, alice) = library(4, 30_000).await;
    let books = alice.ask("{ books { nodes { id } } }").await.data();
    let ids: Vec<_> = books["nodes"].as_array().unwrap().iter().map(|book| &book["id"]).collect();
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    alice.run(nodes, json!({ "ids": ids })).await.assert_ok();
    let repeated: Vec<_> = std::iter::repeat_n(ids[0], 100).collect();
    alice.run(nodes, json!({ "ids": repeated })).await.assert_ok();
    let smaller = app.second_instance_with(|config| config.limits.response_bytes = 15_000).await;
    let alice = alice.on_instance(&smaller.router);
    assert_too_large(&alice.run(nodes, json!({ "ids": ids })).await);
}

#[tokio::test]
async fn each_event_of_a_subscription_has_the_whole_limit() {
    let (_app, alice) = library(0, 10_000).await;
    let mut events = alice
        .subscribe("text/event-stream", "subscription { bookChanged { book { notes } } }")
        .await;
    for _ in 0..5 {
        let notes = "n".repeat(4_000);
        alice.add_book(json!({ "title": "T", "author": "A", "notes": notes })).await;
        let event = events.next().await;
        assert_eq!(event["data"]["bookChanged"]["book"]["notes"], "n".repeat(4_000));
    }
}
