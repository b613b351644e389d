//! Workarounds for async-graphql 8.0.0-rc.5, and for each of its defects a test that fails when upstream has
//! fixed it. Then the workaround can be removed.
//!
//! Most defects are avoided by `document::convert`, which hands over operations without conditions, fragments
//! and repeated response keys (sections of the GraphQL specification in parentheses):
//!
//! - A field is resolved as often as it is selected, and the results are merged (6.3.2). So a mutation runs
//!   twice, and an error of one occurrence is lost in the other. The case of nested lists is
//!   <https://github.com/async-graphql/async-graphql/issues/1840>.
//! - `@skip` and `@include` ignore the defaults of variables (6.1.2):
//!   <https://github.com/async-graphql/async-graphql/pull/1827>.
//! - A null condition of `@skip` or `@include` counts as false (6.3.2, 6.4.1). No issue is known.
//! - An argument whose variable is absent is null instead of its default (6.4.1). No issue is known.
//! - The root field of a subscription is not found in a fragment (6.2.3.1). No issue is known.
//!
//! A field whose arguments cannot be coerced fails like one whose resolver returned an error (6.4.1): if it is
//! nullable, it is null. async-graphql fails the parent object instead, nullable or not
//! (<https://github.com/async-graphql/async-graphql/issues/1272>). So the converter adds the directive of this
//! file to such a field, and to a field of an object whose condition is null. The directive is not part of the
//! schema, and no client can send it.
//!
//! The path of an error below a list element ends at the element (7.1.4). No issue is known. The directive of
//! this file and `direct_json` add such errors to the response themselves.

use std::borrow::Cow;

use async_graphql::async_trait::async_trait;
use async_graphql::parser::types::{Directive, Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextDirective, CustomDirective, CustomDirectiveFactory, Name, Pos, Positioned,
    ResolveFut, ServerResult, Value,
};
use async_graphql_value::Value as InputValue;

use super::error::{ErrorCode, propagation, server_error};

const DIRECTIVE: &str = "fail";
const REASON: &str = "reason";
const TARGET: &str = "target";

/// What fails: it becomes null, or it makes its parent fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailTarget {
    NullableField,
    NonNullField,
    /// The object that the field belongs to: its selection set cannot be collected.
    Object,
}

impl FailTarget {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NullableField => "NULLABLE_FIELD",
            Self::NonNullField => "NON_NULL_FIELD",
            Self::Object => "OBJECT",
        }
    }
}

/// The directive that makes a field fail with this message.
pub(super) fn fail_directive(
    target: FailTarget,
    reason: String,
    pos: Pos,
) -> Positioned<Directive> {
    let name = |name| Positioned::new(Name::new(name), pos);
    let value = |value| Positioned::new(value, pos);
    let arguments = vec![
        (name(TARGET), value(InputValue::Enum(Name::new(target.as_str())))),
        (name(REASON), value(InputValue::String(reason))),
    ];
    Positioned::new(Directive { name: name(DIRECTIVE), arguments }, pos)
}

/// Whether a selection set contains a field that fails, at any depth.
pub(super) fn contains_failing_field(set: &SelectionSet) -> bool {
    set.items.iter().any(|selection| {
        let inner = match &selection.node {
            Selection::Field(field) => &field.node.selection_set,
            Selection::InlineFragment(fragment) => &fragment.node.selection_set,
            Selection::FragmentSpread(_) => return false,
        };
        fails(&selection.node) || contains_failing_field(&inner.node)
    })
}

fn fails(selection: &Selection) -> bool {
    matches!(selection, Selection::Field(Positioned { node: Field { directives, .. }, .. })
        if !directives.is_empty())
}

/// Implements the directive for async-graphql.
pub(super) struct FailDirective;

impl CustomDirectiveFactory for FailDirective {
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(DIRECTIVE)
    }

    /// Registers nothing, so that the directive is not part of the schema.
    fn register(&self, _: &mut Registry) {}

    fn create(
        &self,
        _: &ContextDirective<'_>,
        directive: &Directive,
    ) -> ServerResult<Box<dyn CustomDirective>> {
        let argument = |name| directive.get_argument(name).map(|value| &value.node);
        let targets = [FailTarget::NullableField, FailTarget::NonNullField, FailTarget::Object];
        let target = targets.into_iter().find(|target| {
            matches!(argument(TARGET), Some(InputValue::Enum(name)) if name == target.as_str())
        });
        let reason = match argument(REASON) {
            Some(InputValue::String(reason)) => reason.clone(),
            _ => String::new(),
        };
        // Only `fail_directive` creates this directive, always with both arguments.
        Ok(Box::new(Fail { target: target.unwrap_or(FailTarget::NonNullField), reason }))
    }
}

struct Fail {
    target: FailTarget,
    reason: String,
}

#[async_trait]
impl CustomDirective for Fail {
    async fn resolve_field(
        &self,
        ctx: &Context<'_>,
        _: ResolveFut<'_>,
    ) -> ServerResult<Option<Value>> {
        let mut error = server_error(ErrorCode::BadUserInput, self.reason.clone());
        error.locations.push(ctx.item.pos);
        let mut error = ctx.set_error_path(error);
        if self.target == FailTarget::Object {
            error.path.pop();
        }
        // Added at once with its path: for an error below a list element, async-graphql overwrites the path
        // with the path of the element.
        ctx.add_error(error);
        match self.target {
            FailTarget::NullableField => Ok(None),
            FailTarget::NonNullField | FailTarget::Object => Err(propagation()),
        }
    }
}

#[cfg(test)]
mod tests {
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

    /// <https://github.com/async-graphql/async-graphql/pull/1827>. Section 6.1.2: the variable is true.
    #[tokio::test]
    async fn conditions_ignore_the_defaults_of_variables() {
        let response = run("query($b: Boolean = true) { page @include(if: $b) }", json!({})).await;
        assert_eq!(response, json!({ "data": {} }));
    }

    /// No issue is known: "`@include(if: $b)` and `@skip(if: $b)` with `$b: Boolean = true` and the value null: with
    /// `ValidationMode::Fast`, null counts as false. Expected (section 6.4.1): an error, since `if` is non-null".
    #[tokio::test]
    async fn a_null_condition_is_false() {
        let schema = Schema::build(Query, EmptyMutation, EmptySubscription);
        let schema = schema.validation_mode(ValidationMode::Fast).finish();
        let query = "query($b: Boolean = true) { page @include(if: $b) a: page @skip(if: $b) }";
        let request = Request::new(query).variables(Variables::from_json(json!({ "b": null })));
        let response = serde_json::to_value(schema.execute(request).await).expect("JSON");
        assert_eq!(response, json!({ "data": { "a": 1 } }));
    }

    /// No issue is known: "`page(page: $p)` with the argument `page: Int! = 1` and `$p: Int` absent fails with
    /// `expected Int, found null`. Expected (section 6.4.1): the argument takes its default, 1".
    #[tokio::test]
    async fn an_absent_variable_is_null_for_an_argument_with_a_default() {
        let response = run("query($p: Int) { page(page: $p) }", json!({})).await;
        assert_eq!(response["data"], Value::Null);
        assert_eq!(response["errors"][0]["path"], json!(["page"]));
    }

    /// <https://github.com/async-graphql/async-graphql/issues/1272>. Section 6.4.1: only the field is null.
    #[tokio::test]
    async fn an_invalid_argument_fails_the_parent_of_a_nullable_field() {
        let response =
            run("query($i: Int = 1) { page nullable(id: $i) }", json!({ "i": null })).await;
        assert_eq!(response["data"], Value::Null);
    }

    /// <https://github.com/async-graphql/async-graphql/issues/1840> is the case of nested lists. Section 6.3.2: `add`
    /// runs once, and `failing` is one field with the selections of both.
    #[tokio::test]
    async fn fields_with_the_same_response_key_are_resolved_separately() {
        let schema =
            Schema::build(Query, Mutation, EmptySubscription).data(AtomicI32::new(1)).finish();
        let response = schema.execute("mutation { add add a: add }").await;
        assert_eq!(response.data.into_json().expect("JSON"), json!({ "add": 1, "a": 3 }));
        let response = run("{ failing { works } failing { fails } }", json!({})).await;
        assert_eq!(response["data"], json!({ "failing": { "works": true } }));
    }

    /// No issue is known: "`{ items { nested { fails } } }`, where `fails` fails: `resolve_list` overwrites the path of
    /// the error with `[items, 0]`. Expected (section 7.1.4): `[items, 0, nested, fails]`".
    #[tokio::test]
    async fn the_path_of_an_error_below_a_list_element_is_truncated() {
        let response = run("{ items { nested { fails } } }", json!({})).await;
        assert_eq!(response["errors"][0]["path"], json!(["items", 0]));
    }

    /// No issue is known: "`subscription { ... on Subscription { events } }` ends at once, without an event or an
    /// error. Expected (section 6.2.3.1): the events of the field, since fragments are expanded".
    #[tokio::test]
    async fn a_subscription_is_not_found_in_a_fragment() {
        let schema = Schema::new(Query, EmptyMutation, Subscription);
        let responses =
            schema.execute_stream("subscription { ... { events } }").collect::<Vec<_>>();
        assert_eq!(responses.await.len(), 0);
    }
}
