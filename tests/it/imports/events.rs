//! What subscribers to changes of books receive of an import.

use serde_json::json;

use super::numbered;
use crate::support::TestApp;

const CHANGES: &str = "subscription { bookChanged { kind book { title } } }";

#[tokio::test]
async fn a_small_import_publishes_each_change() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut events = alice.subscribe("text/event-stream", CHANGES).await;
    assert_eq!(events.frame().await.as_deref(), Some(":\n\n"));
    alice.add_book(json!({ "title": "Book 1", "author": "Author 1" })).await;
    assert_eq!(events.next().await["data"]["bookChanged"]["kind"], "CREATED");
    let file = "Title,Author,Rating\nBook 1,Author 1,5\nBook 2,Author 2,4\n";
    alice.import_to_end(file, json!({ "dryRun": true })).await;
    alice.import_to_end(file, json!({})).await;
    for (kind, title) in [("CREATED", "Book 2"), ("UPDATED", "Book 1")] {
        let event = events.next().await;
        let expected = json!({ "kind": kind, "book": { "title": title } });
        assert_eq!(event["data"]["bookChanged"], expected);
    }
    alice.add_book(json!({ "title": "Next", "author": "A" })).await;
    assert_eq!(events.next().await["data"]["bookChanged"]["book"]["title"], "Next");
}

#[tokio::test]
async fn a_large_import_asks_subscribers_on_every_instance_to_read_the_library_again() {
    let app = TestApp::start().await;
    let second = app.second_instance().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let mut subscribed = vec![alice.subscribe("text/event-stream", CHANGES).await];
    if app.database.is_postgres() {
        let elsewhere = alice.clone().on_instance(&second.router);
        subscribed.push(elsewhere.subscribe("text/event-stream", CHANGES).await);
    }
    let mut other = bob.subscribe("text/event-stream", CHANGES).await;
    assert_eq!(other.frame().await.as_deref(), Some(":\n\n"));
    for events in &mut subscribed {
        assert_eq!(events.frame().await.as_deref(), Some(":\n\n"));
    }
    alice.import_to_end(numbered(500), json!({})).await;
    for events in &mut subscribed {
        let last = events.next().await;
        assert_eq!(last["errors"][0]["extensions"]["code"], "SUBSCRIBER_TOO_SLOW", "{last}");
        assert_eq!(events.frame().await.as_deref(), Some("event: complete\ndata:\n\n"));
    }
    bob.add_book(json!({ "title": "Next", "author": "A" })).await;
    assert_eq!(other.next().await["data"]["bookChanged"]["book"]["title"], "Next");
}
