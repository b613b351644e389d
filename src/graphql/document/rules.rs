//! Rules of the GraphQL specification that apollo-compiler 2.0.0-beta.2 does not check as graphql-js does.

use std::collections::HashSet;

use apollo_compiler::ast::{Document, OperationDefinition, OperationType, Type, Value};
use apollo_compiler::executable::{ExecutableDocument, Selection, SelectionSet};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Node, Schema};

use super::root_fields::root_fields;
use super::uploads;
use super::visit::{Visitor, walk};
use crate::graphql::scalars;

/// The message and the location of a violation.
pub(super) type Violation = (&'static str, Option<SourceSpan>);

/// Input objects with a repeated field (section 5.6.3), null defaults of non-null types (5.6.1),
/// subscriptions with several root fields (5.2.4.1), and strings that look like uploaded files.
pub(super) fn violations(document: &Document) -> Vec<Violation> {
    let mut rules = ExtraRules { document, violations: Vec::new() };
    walk(document, &mut rules);
    rules.violations
}

struct ExtraRules<'a> {
    document: &'a Document,
    violations: Vec<Violation>,
}

impl Visitor for ExtraRules<'_> {
    fn operation(&mut self, operation: &Node<OperationDefinition>) {
        for variable in &operation.variables {
            if let Some(default) = &variable.default_value
                && default.is_null()
                && variable.ty.is_non_null()
            {
                let message = "The default of a non-null variable cannot be null.";
                self.violations.push((message, default.location()));
            }
        }
        if operation.operation_type == OperationType::Subscription
            && root_fields(self.document, &operation.selection_set).len() > 1
        {
            let message = "A subscription must have exactly one root field.";
            self.violations.push((message, operation.location()));
        }
    }

    fn value(&mut self, value: &Node<Value>) {
        match &**value {
            Value::List(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(fields) => {
                let mut seen = HashSet::new();
                for (name, field) in fields {
                    if !seen.insert(name.as_str()) {
                        let message = "An input object cannot repeat a field.";
                        self.violations.push((message, name.location()));
                    }
                    self.value(field);
                }
            }
            Value::String(text) if uploads::is_upload_token(text) => {
                let message = "A file must be sent as a part of a multipart request.";
                self.violations.push((message, value.location()));
            }
            _ => {}
        }
    }
}

/// Literals that are invalid for a custom scalar (section 5.6.1): apollo-compiler accepts any literal.
pub(super) fn invalid_scalars(
    document: &ExecutableDocument,
    schema: &Schema,
) -> Vec<(String, Option<SourceSpan>)> {
    let mut check = ScalarCheck { schema, violations: Vec::new() };
    for operation in document.operations.iter() {
        for variable in &operation.variables {
            variable.default_value.iter().for_each(|default| check.value(&variable.ty, default));
        }
        check.selections(&operation.selection_set);
    }
    document.fragments.values().for_each(|fragment| check.selections(&fragment.selection_set));
    check.violations
}

struct ScalarCheck<'a> {
    schema: &'a Schema,
    violations: Vec<(String, Option<SourceSpan>)>,
}

impl ScalarCheck<'_> {
    fn selections(&mut self, set: &SelectionSet) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    for argument in &field.arguments {
                        if let Some(it) = field.definition.argument_by_name(&argument.name) {
                            self.value(&it.ty, &argument.value);
                        }
                    }
                    field.selection_set.iter().for_each(|set| self.selections(set));
                }
                Selection::InlineFragment(fragment) => self.selections(&fragment.selection_set),
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn value(&mut self, ty: &Type, value: &Node<Value>) {
        let name = ty.inner_named_type();
        match (&**value, self.schema.types.get(name)) {
            (Value::Variable(_) | Value::Null, _) => {}
            (Value::List(items), _) if ty.is_list() => {
                items.iter().for_each(|item| self.value(ty.item_type(), item));
            }
            (Value::Object(fields), Some(ExtendedType::InputObject(object))) => {
                for (field, value) in fields {
                    if let Some(definition) = object.fields.get(field) {
                        self.value(&definition.ty, value);
                    }
                }
            }
            (literal, Some(ExtendedType::Scalar(_)))
                if !scalars::is_valid(name, literal.as_str()) =>
            {
                let message = format!("Expected a valid {name}.");
                self.violations.push((message, value.location()));
            }
            _ => {}
        }
    }
}
