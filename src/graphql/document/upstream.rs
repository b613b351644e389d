//! Cases in which async-graphql 8.0.0-rc.5 does not execute as specified. `convert` and `failing_field` work
//! around them. If a test here fails, upstream has fixed its case, and the workaround can be removed.

use std::sync::atomic::{AtomicI32, Ordering};

use async_graphql::{
    Context, EmptyMutation, EmptySubscription, Error, Object, Request, Schema, SimpleObject,
    ValidationMode, Variables,
};
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};

#[derive(SimpleObject)]
struct Item {
    nested: Failing,
}

struct Failing;

#[Object]
impl Failing {
    async fn works(&self) -> bool {
        true
    }

    #[expect(clippy::unused_async, reason = "async-graphql requires it")]
    async fn fails(&self) -> Result<bool, Error> {
        Err("failed".into())
    }
}

struct Query;

#[Object]
impl Query {
    async fn page(&self, #[graphql(default = 1)] page: i32) -> i32 {
        page
    }

    async fn nullable(&self, id: i32) -> Option<i32> {
        Some(id)
    }

    async fn failing(&self) -> Option<Failing> {
        Some(Failing)
    }

    async fn items(&self) -> Option<Vec<Item>> {
        Some(vec![Item { nested: Failing }])
    }
}

struct Mutation;

#[Object]
impl Mutation {
    async fn add(&self, ctx: &Context<'_>) -> i32 {
        #[expect(clippy::disallowed_methods, reason = "a schema without a request context")]
        ctx.data_unchecked::<AtomicI32>().fetch_add(1, Ordering::Relaxed)
    }
}

struct Subscription;

#[async_graphql::Subscription]
impl Subscription {
    async fn events(&self) -> impl Stream<Item = i32> {
        stream::iter([1])
    }
}

async fn run(query: &str, variables: Value) -> Value {
    let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
    let request = Request::new(query).variables(Variables::from_json(variables));
    serde_json::to_value(schema.execute(request).await).expect("JSON")
}

/// <https://github.com/async-graphql/async-graphql/pull/1827>
#[tokio::test]
async fn conditions_ignore_the_defaults_of_variables() {
    let response = run("query($b: Boolean = true) { page @include(if: $b) }", json!({})).await;
    assert_eq!(response, json!({ "data": {} }));
}

/// Without async-graphql's own validation, a null condition counts as false. No issue is known.
#[tokio::test]
async fn a_null_condition_is_false() {
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription);
    let schema = schema.validation_mode(ValidationMode::Fast).finish();
    let query = "query($b: Boolean = true) { page @include(if: $b) a: page @skip(if: $b) }";
    let request = Request::new(query).variables(Variables::from_json(json!({ "b": null })));
    let response = serde_json::to_value(schema.execute(request).await).expect("JSON");
    assert_eq!(response, json!({ "data": { "a": 1 } }));
}

/// An argument takes its default only if it is missing in the document (section 6.4.1). No issue is known:
/// "`arg: Int! = 1` with `arg: $v` and `$v: Int` absent fails with `expected Int, found null`".
#[tokio::test]
async fn an_absent_variable_is_null_for_an_argument_with_a_default() {
    let response = run("query($p: Int) { page(page: $p) }", json!({})).await;
    assert_eq!(response["data"], Value::Null);
    assert_eq!(response["errors"][0]["path"], json!(["page"]));
}

/// <https://github.com/async-graphql/async-graphql/issues/1272>
#[tokio::test]
async fn an_invalid_argument_fails_the_parent_of_a_nullable_field() {
    let response = run("query($i: Int = 1) { page nullable(id: $i) }", json!({ "i": null })).await;
    assert_eq!(response["data"], Value::Null);
}

/// <https://github.com/async-graphql/async-graphql/issues/1840> is the case of nested lists.
#[tokio::test]
async fn fields_with_the_same_response_key_are_resolved_separately() {
    let schema = Schema::build(Query, Mutation, EmptySubscription).data(AtomicI32::new(1)).finish();
    let response = schema.execute("mutation { add add a: add }").await;
    assert_eq!(response.data.into_json().expect("JSON"), json!({ "add": 1, "a": 3 }));
    let response = run("{ failing { works } failing { fails } }", json!({})).await;
    assert_eq!(response["data"], json!({ "failing": { "works": true } }));
}

/// `resolve_list` overwrites the path of an error below a list element. No issue is known:
/// "the path of an error in a non-null field below a list ends at the element".
#[tokio::test]
async fn the_path_of_an_error_below_a_list_element_is_truncated() {
    let response = run("{ items { nested { fails } } }", json!({})).await;
    assert_eq!(response["errors"][0]["path"], json!(["items", 0]));
}

/// The root field of a subscription is searched outside of fragments only. No issue is known:
/// "`subscription { ... on Subscription { events } }` ends at once, without an event or an error".
#[tokio::test]
async fn a_subscription_is_not_found_in_a_fragment() {
    let schema = Schema::new(Query, EmptyMutation, Subscription);
    let responses = schema.execute_stream("subscription { ... { events } }").collect::<Vec<_>>();
    assert_eq!(responses.await.len(), 0);
}
