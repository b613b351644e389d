//! Fields that fail before they are resolved.
//!
//! A field whose arguments cannot be coerced fails like one whose resolver returned an error (GraphQL
//! specification, section 6.4.1): if it is nullable, it is null. async-graphql 8.0.0-rc.5 fails the parent
//! object instead, nullable or not (<https://github.com/async-graphql/async-graphql/issues/1272>), and
//! treats a null condition of `@skip` or `@include` as false. So the converter of documents adds a directive
//! to such a field. The directive is not part of the schema, and no client can send it.

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
pub(super) enum Target {
    NullableField,
    NonNullField,
    /// The object that the field belongs to: its selection set cannot be collected.
    Object,
}

impl Target {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NullableField => "NULLABLE_FIELD",
            Self::NonNullField => "NON_NULL_FIELD",
            Self::Object => "OBJECT",
        }
    }
}

/// The directive that makes a field fail with this message.
pub(super) fn directive(target: Target, reason: String, pos: Pos) -> Positioned<Directive> {
    let name = |name| Positioned::new(Name::new(name), pos);
    let value = |value| Positioned::new(value, pos);
    let arguments = vec![
        (name(TARGET), value(InputValue::Enum(Name::new(target.as_str())))),
        (name(REASON), value(InputValue::String(reason))),
    ];
    Positioned::new(Directive { name: name(DIRECTIVE), arguments }, pos)
}

/// Whether a selection set contains a field that fails, at any depth.
pub(super) fn any_in(set: &SelectionSet) -> bool {
    set.items.iter().any(|selection| {
        let inner = match &selection.node {
            Selection::Field(field) => &field.node.selection_set,
            Selection::InlineFragment(fragment) => &fragment.node.selection_set,
            Selection::FragmentSpread(_) => return false,
        };
        fails(&selection.node) || any_in(&inner.node)
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
        let targets = [Target::NullableField, Target::NonNullField, Target::Object];
        let target = targets.into_iter().find(|target| {
            matches!(argument(TARGET), Some(InputValue::Enum(name)) if name == target.as_str())
        });
        let reason = match argument(REASON) {
            Some(InputValue::String(reason)) => reason.clone(),
            _ => String::new(),
        };
        // Only `directive` creates this directive, always with both arguments.
        Ok(Box::new(Fail { target: target.unwrap_or(Target::NonNullField), reason }))
    }
}

struct Fail {
    target: Target,
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
        if self.target == Target::Object {
            error.path.pop();
        }
        // Added at once with its path: for an error below a list element, async-graphql overwrites the path
        // with the path of the element.
        ctx.add_error(error);
        match self.target {
            Target::NullableField => Ok(None),
            Target::NonNullField | Target::Object => Err(propagation()),
        }
    }
}
