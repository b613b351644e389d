//! What happens inside stays there, and too much of it is told at once. With a schema of these tests'
//! own, whose resolvers misbehave.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{EmptySubscription, MergedObject, Object};
use bookshelf::config::Config;
use bookshelf::graphql::DynSchema;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::TestApp;

#[derive(Clone)]
struct Misbehaving {
    begun: Arc<Semaphore>,
    may_end: Arc<Semaphore>,
}

#[Object]
impl Misbehaving {
    async fn well(&self) -> bool {
        true
    }

    async fn panic(&self) -> bool {
        assert!(self.may_end.is_closed(), "a secret that is in no answer");
        true
    }

    /// Until it may end.
    async fn wait(&self) -> bool {
        self.begun.add_permits(1);
        self.may_end.acquire().await.is_ok()
    }
}

#[derive(MergedObject)]
struct Query(Misbehaving);

#[derive(MergedObject)]
struct Mutation(Misbehaving);

async fn app(configure: impl FnOnce(&mut Config)) -> (TestApp, Misbehaving) {
    let none = || Arc::new(Semaphore::new(0));
    let its = Misbehaving { begun: none(), may_end: none() };
    let schema = DynSchema::new(Query(its.clone()), Mutation(its.clone()), EmptySubscription);
    (TestApp::serving(Some(schema), configure).await, its)
}

#[tokio::test]
async fn a_panic_is_one_answer_with_its_number_and_the_server_goes_on() {
    let (app, _) = app(|config| config.limits.concurrent_operations = 1).await;
    let modern = app.anon().with_header("accept", "application/graphql-response+json");
    for document in ["{ panic }", "mutation { panic }", "{ well panic }"] {
        let answer = modern.ask(document).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (500, "INTERNAL_SERVER_ERROR".into()));
        let error = answer.error();
        assert_eq!(error["message"], "Something went wrong on our side.");
        assert_eq!(error["extensions"]["requestId"].as_str(), answer.header("x-request-id"));
        assert!(!answer.text.contains("secret"), "{answer:?}");
        // Its place is free again.
        assert_eq!(modern.ask("{ well }").await.json(), json!({ "data": { "well": true } }));
    }
}

#[tokio::test]
async fn too_many_operations_at_once_are_told_so_at_once() {
    for kind in ["query", "mutation"] {
        let (app, its) = app(|config| config.limits.concurrent_operations = 2).await;
        let modern = app.anon().with_header("accept", "application/graphql-response+json");
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let actor = modern.clone();
                tokio::spawn(async move { actor.ask(&format!("{kind} {{ wait }}")).await })
            })
            .collect();
        its.begun.acquire_many(2).await.expect("both places taken").forget();
        let refused = modern.ask("{ well }").await;
        assert_eq!((refused.status.as_u16(), refused.code()), (503, "SERVICE_UNAVAILABLE".into()));
        assert_eq!(refused.header("retry-after"), Some("1"));
        // What costs nothing is served all the same.
        assert_eq!(app.anon().get("/health/live").await.status, 200);
        its.may_end.add_permits(1_000);
        for waiting in waiting {
            assert_eq!(waiting.await.expect("an answer").data(), json!(true));
        }
        assert_eq!(modern.ask("{ well }").await.data(), json!(true));
    }
}

#[tokio::test]
async fn a_mutation_keeps_its_place_until_it_ends() {
    let (app, its) = app(|config| {
        config.limits.concurrent_operations = 1;
        config.limits.operation_timeout = Duration::from_millis(10);
    })
    .await;
    let modern = app.anon().with_header("accept", "application/graphql-response+json");
    assert_eq!(modern.ask("mutation { wait }").await.code(), "TIMEOUT");
    assert_eq!(modern.ask("{ well }").await.code(), "SERVICE_UNAVAILABLE");
    its.may_end.add_permits(1);
    while modern.ask("{ well }").await.status != 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(modern.ask("{ wait }").await.data(), json!(true));
}
