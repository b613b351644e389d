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

use super::variables::VariableValues;

/// Fields by response key, in the order in which the keys appear first. The fields of a key are merged:
/// validation ensures that they are the same field with the same arguments.
pub(super) type FieldGroups<'a> = IndexMap<&'a str, Vec<&'a Node<Field>>>;

/// The condition of a `@skip` or `@include` is null. Only a variable with a default can be null there.
#[derive(Debug)]
pub(super) struct NullCondition<'a> {
    /// The name of the directive, with its `@`.
    pub(super) directive: &'a str,
}

/// Collects the fields that `object_type` returns for selection sets that are merged.
pub(super) fn collect_fields<'a>(
    schema: &'a Valid<Schema>,
    document: &'a ExecutableDocument,
    variables: &VariableValues<'_>,
    object_type: &str,
    sets: impl IntoIterator<Item = &'a SelectionSet>,
) -> Result<FieldGroups<'a>, NullCondition<'a>> {
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

struct Collector<'a, 'v> {
    schema: &'a Valid<Schema>,
    document: &'a ExecutableDocument,
    variables: &'v VariableValues<'v>,
    object_type: &'v str,
    /// Fragments that have been expanded. A second spread of one adds nothing.
    expanded: HashSet<&'a str>,
    groups: FieldGroups<'a>,
}

impl<'a> Collector<'a, '_> {
    fn add(&mut self, set: &'a SelectionSet) -> Result<(), NullCondition<'a>> {
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

    fn is_included(&self, directives: &'a DirectiveList) -> Result<bool, NullCondition<'a>> {
        Ok(!self.condition(directives, "skip", "@skip")?.unwrap_or(false)
            && self.condition(directives, "include", "@include")?.unwrap_or(true))
    }

    /// The value of a directive's `if`; `None` if the directive is absent.
    fn condition(
        &self,
        directives: &'a DirectiveList,
        name: &str,
        directive: &'static str,
    ) -> Result<Option<bool>, NullCondition<'a>> {
        let Some(directives) = directives.get(name) else { return Ok(None) };
        match directives.specified_argument_by_name("if").map(|value| &**value) {
            Some(Value::Boolean(value)) => Ok(Some(*value)),
            Some(Value::Variable(variable)) => match self.variables.get(variable) {
                Some(ConstValue::Boolean(value)) => Ok(Some(*value)),
                _ => Err(NullCondition { directive }),
            },
            _ => Err(NullCondition { directive }),
        }
    }
}
