//! Panics and too many concurrent operations. These tests define a schema whose resolvers panic or
//! block.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{EmptySubscription, MergedObject, Object};
use bookshelf::config::Config;
use bookshelf::graphql::DynSchema;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::{GRAPHQL_RESPONSE, TestApp, wait_until};

#[derive(Clone)]
struct Faulty {
    begun: Arc<Semaphore>,
    may_end: Arc<Semaphore>,
}

#[Object]
impl Faulty {
    async fn well(&self) -> bool {
        true
    }

    async fn panic(&self) -> bool {
        assert!(self.may_end.is_closed(), "a secret that is in no response");
        true
    }

    /// Blocks until the test permits it to end.
    async fn wait(&self) -> bool {
        self.begun.add_permits(1);
        self.may_end.acquire().await.is_ok()
    }
}

#[derive(MergedObject)]
struct Query(Faulty);

#[derive(MergedObject)]
struct Mutation(Faulty);

async fn app(configure: impl FnOnce(&mut Config)) -> (TestApp, Faulty) {
    let empty = || Arc::new(Semaphore::new(0));
    let faulty = Faulty { begun: empty(), may_end: empty() };
    let schema = DynSchema::new(Query(faulty.clone()), Mutation(faulty.clone()), EmptySubscription);
    (TestApp::serving(Some(schema), configure).await, faulty)
}

#[tokio::test]
async fn a_panic_returns_an_internal_error_with_the_request_id() {
    let (app, _) = app(|config| config.limits.concurrent_operations = 1).await;
    let modern = app.anon().with_header("accept", GRAPHQL_RESPONSE);
    for document in ["{ panic }", "mutation { panic }", "{ well panic }"] {
        let response = modern.ask(document).await;
        response.assert_error_with_status(500, "INTERNAL_SERVER_ERROR");
        let error = response.error();
        assert_eq!(error["message"], "Something went wrong on our side.");
        assert_eq!(error["extensions"]["requestId"].as_str(), response.header("x-request-id"));
        assert!(!response.text.contains("secret"), "{response:?}");
        // The permit is released.
        assert_eq!(modern.ask("{ well }").await.json(), json!({ "data": { "well": true } }));
    }
}

#[tokio::test]
async fn concurrent_operations_over_the_limit_are_rejected() {
    for kind in ["query", "mutation"] {
        let (app, faulty) = app(|config| config.limits.concurrent_operations = 2).await;
        let modern = app.anon().with_header("accept", GRAPHQL_RESPONSE);
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let actor = modern.clone();
                tokio::spawn(async move { actor.ask(&format!("{kind} {{ wait }}")).await })
            })
            .collect();
        faulty.begun.acquire_many(2).await.expect("both permits in use").forget();
        let rejected = modern.ask("{ well }").await;
        rejected.assert_error_with_status(503, "SERVICE_UNAVAILABLE");
        assert_eq!(rejected.header("retry-after"), Some("1"));
        // The check of readiness counts as an operation, that of liveness does not.
        assert_eq!(app.anon().get("/health/ready").await.status, 503);
        assert_eq!(app.anon().get("/health/live").await.status, 200);
        faulty.may_end.add_permits(1_000);
        for waiting in waiting {
            assert_eq!(waiting.await.expect("a response").data(), json!(true));
        }
        assert_eq!(modern.ask("{ well }").await.data(), json!(true));
        assert_eq!(app.anon().get("/health/ready").await.status, 200);
    }
}

#[tokio::test]
async fn a_timed_out_mutation_holds_its_permit_until_it_ends() {
    let (app, faulty) = app(|config| {
        config.limits.concurrent_operations = 1;
        config.limits.operation_timeout = Duration::from_millis(10);
    })
    .await;
    let modern = app.anon().with_header("accept", GRAPHQL_RESPONSE);
    modern.ask("mutation { wait }").await.assert_error("TIMEOUT");
    modern.ask("{ well }").await.assert_error("SERVICE_UNAVAILABLE");
    faulty.may_end.add_permits(1);
    wait_until("the permit is released", async || modern.ask("{ well }").await.is_ok()).await;
    assert_eq!(modern.ask("{ wait }").await.data(), json!(true));
}

#[tokio::test]
async fn a_mutation_that_does_not_end_releases_its_permit_after_30_seconds() {
    let (app, _) = app(|config| {
        config.limits.concurrent_operations = 1;
        config.limits.operation_timeout = Duration::from_millis(10);
    })
    .await;
    app.anon().ask("mutation { wait }").await.assert_error("TIMEOUT");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(29)).await;
    app.anon().ask("{ well }").await.assert_error("SERVICE_UNAVAILABLE");
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
    wait_until("the permit is released", async || app.anon().ask("{ well }").await.is_ok()).await;
}

/// Load balancers keep idle connections for 60 s, and must not outlive the server's.
#[test]
fn idle_connections_are_kept_longer_than_load_balancers_keep_them() {
    let limits = bookshelf::config::Limits::default();
    assert_eq!(limits.keep_alive_timeout, Duration::from_secs(75));
}
