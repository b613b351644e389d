//! Validation of documents (GraphQL specification, section 5). apollo-compiler validates them, because it
//! agrees with graphql-js where async-graphql does not.

use std::collections::HashSet;

use apollo_compiler::ast::{self, OperationDefinition, Value};
use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Node, Schema};
use async_graphql::ServerError;

use super::apollo_workarounds::{self, Violation, sentence};
use super::limits::RootFields;
use super::syntax::{LineIndex, Visitor, walk};
use super::variables::is_upload_token;
use crate::graphql::error::{ErrorCode, server_error};

/// Parses and validates a schema in the Schema Definition Language.
pub(super) fn schema(sdl: &str) -> anyhow::Result<Valid<Schema>> {
    Schema::parse_and_validate(sdl, "schema")
        .map_err(|error| anyhow::anyhow!("the schema is invalid: {}", error.errors))
}

/// Validates a document against the schema. `root_fields` are those of its operations, in the order of the
/// document. Returns all its errors together, at most `max_errors`.
pub(super) fn validate(
    text: &str,
    document: &ast::Document,
    root_fields: &[RootFields<'_>],
    schema: &Valid<Schema>,
    max_errors: usize,
) -> Result<Valid<ExecutableDocument>, Vec<ServerError>> {
    let without_null_defaults = apollo_workarounds::without_null_defaults(document);
    let is_about_root_fields = apollo_workarounds::is_about_root_fields;
    let valid = match without_null_defaults.to_executable_validate(schema) {
        Ok(valid) => valid,
        Err(failed)
            if failed.errors.iter().all(|it| is_about_root_fields(&it.error.to_string())) =>
        {
            Valid::assume_valid(failed.partial)
        }
        Err(failed) => {
            let violations = failed
                .errors
                .iter()
                .map(|it| Violation::new(it.error.to_string(), it.error.location()));
            return Err(errors(text, violations.take(max_errors)));
        }
    };
    let mut rules = ExtraRules { root_fields: root_fields.iter(), violations: Vec::new() };
    walk(document, &mut rules);
    let conflict = apollo_workarounds::conflicting_list_arguments(document, schema);
    let violations = rules
        .violations
        .into_iter()
        .chain(conflict.map(|message| Violation::new(message, None)))
        .chain(apollo_workarounds::invalid_scalar_literals(&valid, schema));
    let errors = errors(text, violations.take(max_errors));
    if !errors.is_empty() {
        return Err(errors);
    }
    if !valid.operations.iter().all(|it| apollo_workarounds::limits_introspection(&valid, it)) {
        let message = "Introspection can nest at most three lists.";
        return Err(vec![server_error(ErrorCode::QueryTooDeep, message)]);
    }
    Ok(valid)
}

/// Rules that apollo-compiler does not check as specified, and one of this server: a string in a document cannot
/// look like an uploaded file.
struct ExtraRules<'a> {
    /// The root fields of the operations that follow.
    root_fields: std::slice::Iter<'a, RootFields<'a>>,
    violations: Vec<Violation>,
}

impl Visitor for ExtraRules<'_> {
    fn operation(&mut self, operation: &Node<OperationDefinition>) {
        let variables = operation.variables.iter();
        self.violations.extend(variables.filter_map(|it| apollo_workarounds::null_default(it)));
        let root_fields = self.root_fields.next();
        self.violations
            .extend(root_fields.and_then(|it| apollo_workarounds::many_root_fields(operation, it)));
    }

    fn value(&mut self, value: &Node<Value>) {
        match &**value {
            Value::List(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(fields) => {
                let mut seen = HashSet::new();
                for (name, field) in fields {
                    self.violations.extend(apollo_workarounds::repeated_field(name, &mut seen));
                    self.value(field);
                }
            }
            Value::String(text) if is_upload_token(text) => {
                let message = "A file must be sent as a part of a multipart request.";
                self.violations.push(Violation::new(message, value.location()));
            }
            _ => {}
        }
    }
}

fn errors(text: &str, violations: impl Iterator<Item = Violation>) -> Vec<ServerError> {
    let positions = LineIndex::new(text);
    let error = |Violation { message, location }| {
        let mut error = server_error(ErrorCode::GraphqlValidationFailed, sentence(&message));
        error.locations.extend(location.map(|span| positions.at(span.offset())));
        error
    };
    violations.map(error).collect()
}
