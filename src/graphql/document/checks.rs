//! The rules of the GraphQL specification in which apollo-compiler 2.0.0-beta.2 differs from
//! graphql-js.

use std::collections::HashSet;

use apollo_compiler::Node;
use apollo_compiler::ast::{Definition, DirectiveList, Document, OperationType, Selection, Value};
use apollo_compiler::parser::SourceSpan;
use async_graphql::ServerError;

use super::positions::Positions;
use super::uploads;
use crate::graphql::error::{ErrorCode, server_error};

/// Refuses an input object that has a field twice (section 5.6.3), a null that is the default of what
/// cannot be null (5.6.1), a subscription to more than one field (5.2.4.1), and what looks like a file
/// but is none.
pub(super) fn check(text: &str, document: &Document) -> Result<(), Vec<ServerError>> {
    let mut faults = Faults::default();
    for definition in &document.definitions {
        match definition {
            Definition::OperationDefinition(operation) => {
                for variable in &operation.variables {
                    if let Some(default) = &variable.default_value {
                        if default.is_null() && variable.ty.is_non_null() {
                            faults.add("null is no default for this type.", default.location());
                        }
                        faults.in_value(default);
                    }
                    faults.in_directives(&variable.directives);
                }
                if operation.operation_type == OperationType::Subscription
                    && response_keys(document, &operation.selection_set).len() > 1
                {
                    let message = "A subscription has one root field.";
                    faults.add(message, operation.location());
                }
                faults.in_directives(&operation.directives);
                faults.in_selections(&operation.selection_set);
            }
            Definition::FragmentDefinition(fragment) => {
                faults.in_directives(&fragment.directives);
                faults.in_selections(&fragment.selection_set);
            }
            _ => {}
        }
    }
    faults.into_result(text)
}

/// Under which names these selections answer; a field that is there twice answers once. Fragments
/// that contain themselves have been refused before.
fn response_keys<'a>(document: &'a Document, selections: &'a [Selection]) -> HashSet<&'a str> {
    let mut keys = HashSet::new();
    for selection in selections {
        match selection {
            Selection::Field(field) => {
                keys.insert(field.alias.as_ref().unwrap_or(&field.name).as_str());
            }
            Selection::InlineFragment(fragment) => {
                keys.extend(response_keys(document, &fragment.selection_set));
            }
            Selection::FragmentSpread(spread) => {
                let named = document.definitions.iter().find_map(|definition| match definition {
                    Definition::FragmentDefinition(it) if it.name == spread.fragment_name => {
                        Some(it)
                    }
                    _ => None,
                });
                if let Some(fragment) = named {
                    keys.extend(response_keys(document, &fragment.selection_set));
                }
            }
        }
    }
    keys
}

#[derive(Default)]
struct Faults(Vec<(&'static str, Option<SourceSpan>)>);

impl Faults {
    fn add(&mut self, message: &'static str, location: Option<SourceSpan>) {
        self.0.push((message, location));
    }

    fn in_selections(&mut self, selections: &[Selection]) {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    field.arguments.iter().for_each(|argument| self.in_value(&argument.value));
                    self.in_directives(&field.directives);
                    self.in_selections(field.selection_set.as_deref().unwrap_or_default());
                }
                Selection::InlineFragment(fragment) => {
                    self.in_directives(&fragment.directives);
                    self.in_selections(&fragment.selection_set);
                }
                Selection::FragmentSpread(spread) => self.in_directives(&spread.directives),
            }
        }
    }

    fn in_directives(&mut self, directives: &DirectiveList) {
        let arguments = directives.iter().flat_map(|directive| &directive.arguments);
        arguments.for_each(|argument| self.in_value(&argument.value));
    }

    fn in_value(&mut self, value: &Node<Value>) {
        match &**value {
            Value::List(items) => items.iter().for_each(|item| self.in_value(item)),
            Value::Object(fields) => {
                let mut seen = HashSet::new();
                for (name, field) in fields {
                    if !seen.insert(name.as_str()) {
                        self.add("An input object has each field once.", name.location());
                    }
                    self.in_value(field);
                }
            }
            Value::String(text) if uploads::is_mark(text) => {
                self.add("A file comes as a part of a multipart request.", value.location());
            }
            _ => {}
        }
    }

    fn into_result(self, text: &str) -> Result<(), Vec<ServerError>> {
        if self.0.is_empty() {
            return Ok(());
        }
        let positions = Positions::new(text);
        let error = |(message, location): (&str, Option<SourceSpan>)| {
            let mut error = server_error(ErrorCode::GraphqlValidationFailed, message);
            error.locations.extend(location.map(|span| positions.at(span.offset())));
            error
        };
        Err(self.0.into_iter().map(error).collect())
    }
}
