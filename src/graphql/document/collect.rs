//! Field collection (GraphQL specification, section 6.3.2): the fields that an object type returns after
//! `@skip` and `@include` are applied and fragments are expanded.

use std::collections::HashSet;

use apollo_compiler::executable::{
    DirectiveList, ExecutableDocument, Field, Selection, SelectionSet, Value,
};
use apollo_compiler::validation::Valid;
use apollo_compiler::{Node, Schema};
use async_graphql::indexmap::IndexMap;
use async_graphql_value::ConstValue;

use super::variables::VariableLookup;

/// Fields by response key, in the order in which the keys appear first. The fields of a key are merged:
/// validation ensures that they are the same field with the same arguments.
pub(super) type FieldGroups<'a> = IndexMap<&'a str, Vec<&'a Node<Field>>>;

/// Why the fields of a selection set cannot be collected.
#[derive(Debug)]
pub(super) enum CollectError<E> {
    /// The condition of a `@skip` or `@include` is null. Only a variable with a default can be null there.
    NullCondition {
        /// The name of the directive, with its `@`.
        directive: &'static str,
    },
    /// The value of a variable cannot be read.
    Variables(E),
}

/// Collects the fields that an object type returns. This is the traversal of the typed document as a request
/// executes it: conditions are applied, and a fragment is expanded once in a selection set.
struct Collector<'a, 'v, V> {
    schema: &'a Valid<Schema>,
    document: &'a ExecutableDocument,
    variables: &'v V,
    object_type: &'v str,
    /// Fragments that have been expanded. A second spread of one adds nothing.
    expanded: HashSet<&'a str>,
    groups: FieldGroups<'a>,
}

/// Collects the fields that `object_type` returns for selection sets that are merged.
pub(super) fn collect_fields<'a, V: VariableLookup>(
    schema: &'a Valid<Schema>,
    document: &'a ExecutableDocument,
    variables: &V,
    object_type: &str,
    sets: impl IntoIterator<Item = &'a SelectionSet>,
) -> Result<FieldGroups<'a>, CollectError<V::Error>> {
    let mut collector = Collector {
        schema,
        document,
        variables,
        object_type,
        expanded: HashSet::new(),
        groups: IndexMap::new(),
    };
    for set in sets {
        collector.add(set)?;
    }
    Ok(collector.groups)
}

impl<'a, V: VariableLookup> Collector<'a, '_, V> {
    fn add(&mut self, set: &'a SelectionSet) -> Result<(), CollectError<V::Error>> {
        for selection in &set.selections {
            if !self.is_included(selection.directives())? {
                continue;
            }
            match selection {
                Selection::Field(field) => {
                    self.groups.entry(field.response_name().as_str()).or_default().push(field);
                }
                Selection::InlineFragment(fragment) => {
                    if fragment.type_condition.as_ref().is_none_or(|it| self.applies(it)) {
                        self.add(&fragment.selection_set)?;
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    if let Some(fragment) = fragment
                        && self.expanded.insert(fragment.name.as_str())
                        && self.applies(&fragment.selection_set.ty)
                    {
                        self.add(&fragment.selection_set)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn applies(&self, type_condition: &str) -> bool {
        type_condition == self.object_type
            || self.schema.is_subtype(type_condition, self.object_type)
    }

    fn is_included(&self, directives: &'a DirectiveList) -> Result<bool, CollectError<V::Error>> {
        Ok(!self.condition(directives, "skip", "@skip")?.unwrap_or(false)
            && self.condition(directives, "include", "@include")?.unwrap_or(true))
    }

    /// The value of a directive's `if`; `None` if the directive is absent.
    fn condition(
        &self,
        directives: &'a DirectiveList,
        name: &str,
        directive: &'static str,
    ) -> Result<Option<bool>, CollectError<V::Error>> {
        let Some(directives) = directives.get(name) else { return Ok(None) };
        match directives.specified_argument_by_name("if").map(|value| &**value) {
            Some(Value::Boolean(value)) => Ok(Some(*value)),
            Some(Value::Variable(variable)) => match self.variables.value(variable) {
                Ok(Some(ConstValue::Boolean(value))) => Ok(Some(*value)),
                Ok(_) => Err(CollectError::NullCondition { directive }),
                Err(error) => Err(CollectError::Variables(error)),
            },
            _ => Err(CollectError::NullCondition { directive }),
        }
    }
}
