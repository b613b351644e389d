//! The subscription to the progress of an import.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::numbered;
use crate::support::{Actor, StreamReader, TestApp, counts};

const PROGRESS: &str = "subscription($id: ID!) { importProgress(id: $id) {
    id state total created updated skipped failed rows(first: 1) { totalCount nodes { title } }
} }";

const COMPLETE: &str = "event: complete\ndata:\n\n";

async fn follow(actor: &Actor, id: &Value) -> StreamReader {
    let mut events = actor.subscribe_with("text/event-stream", PROGRESS, json!({ "id": id })).await;
    assert_eq!(events.frame().await.as_deref(), Some(":\n\n"));
    events
}

#[tokio::test]
async fn progress_is_sent_at_once_every_second_and_at_the_end_on_every_instance() {
    let app = TestApp::start().await;
    let second = app.second_instance().await;
    let alice = app.alice().await;
    let started = alice.import(numbered(6_000), json!({})).await.payload();
    let id = &started["job"]["id"];
    let elsewhere = alice.clone().on_instance(&second.router);
    for actor in [&alice, &elsewhere] {
        let mut events = follow(actor, id).await;
        let (mut last, mut sent_at) = (0, Instant::now());
        loop {
            let event = events.next().await;
            let job = &event["data"]["importProgress"];
            assert_eq!((&job["id"], &job["total"]), (id, &json!(6_000)), "{event}");
            assert!(sent_at.elapsed() < Duration::from_secs(10), "{:?}", sent_at.elapsed());
            let created = counts(job)[0];
            assert_eq!(job["rows"]["totalCount"], created);
            assert!(created >= last, "{event}");
            (last, sent_at) = (created, Instant::now());
            if job["state"] != "RUNNING" {
                assert_eq!((&job["state"], created), (&json!("DONE"), 6_000));
                break;
            }
        }
        assert_eq!(events.frame().await.as_deref(), Some(COMPLETE));
        assert_eq!(events.frame().await, None);
    }
}

#[tokio::test]
async fn an_import_that_does_not_exist_has_no_progress() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let job = alice.import_to_end(numbered(1), json!({})).await;
    for id in [&job["id"], &json!("import_01h455vb4pex5vsknk084sn02q"), &json!("nonsense")] {
        let mut events =
            bob.subscribe_with("text/event-stream", PROGRESS, json!({ "id": id })).await;
        let mut text = String::new();
        while let Some(frame) = events.frame().await {
            text += &frame;
        }
        assert!(text.contains("BAD_USER_INPUT") && text.contains("You have no import"), "{text}");
    }
}
