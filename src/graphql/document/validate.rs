//! Validation of documents (GraphQL specification, section 5). apollo-compiler validates them, because it
//! agrees with graphql-js where async-graphql does not.

use std::borrow::Cow;

use apollo_compiler::ast::{self, Definition};
use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::introspection::check_max_depth;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Node, Schema};
use async_graphql::ServerError;

use super::line_index::LineIndex;
use super::{SOURCE, apollo_workarounds, rules};
use crate::graphql::error::{ErrorCode, server_error};

/// Parses and validates a schema in the Schema Definition Language.
pub(super) fn schema(sdl: &str) -> anyhow::Result<Valid<Schema>> {
    Schema::parse_and_validate(sdl, SOURCE)
        .map_err(|error| anyhow::anyhow!("the schema is invalid: {}", error.errors))
}

/// Validates a document against the schema. Returns all its errors together, at most `most_errors`.
pub(super) fn validate(
    text: &str,
    document: &ast::Document,
    schema: &Valid<Schema>,
    most_errors: usize,
) -> Result<Valid<ExecutableDocument>, Vec<ServerError>> {
    let valid = match without_null_defaults(document).to_executable_validate(schema) {
        Ok(valid) => valid,
        // apollo-compiler counts a repeated root field twice; `rules` counts it once.
        Err(failed)
            if failed.errors.iter().all(|it| is_about_root_fields(&it.error.to_string())) =>
        {
            Valid::assume_valid(failed.partial)
        }
        Err(failed) => {
            let found = failed.errors.iter().take(most_errors);
            return Err(errors(text, found.map(|it| (it.error.to_string(), it.error.location()))));
        }
    };
    let violations = rules::violations(document).into_iter();
    let violations = violations
        .map(|(message, place)| (message.to_owned(), place))
        .chain(
            apollo_workarounds::conflicting_list_arguments(document, schema)
                .map(|message| (message, None)),
        )
        .chain(rules::invalid_scalars(&valid, schema));
    let errors = errors(text, violations.take(most_errors));
    if !errors.is_empty() {
        return Err(errors);
    }
    for operation in valid.operations.iter() {
        check_max_depth(&valid, operation).map_err(|_| {
            let message = "Introspection can nest at most three lists.";
            vec![server_error(ErrorCode::QueryTooDeep, message)]
        })?;
    }
    Ok(valid)
}

/// Removes defaults that are null. A variable with such a default is allowed only where a variable without
/// a default is (section 5.8.5), but apollo-compiler allows it elsewhere too.
fn without_null_defaults(document: &ast::Document) -> Cow<'_, ast::Document> {
    let mut document = Cow::Borrowed(document);
    for index in 0..document.definitions.len() {
        let Definition::OperationDefinition(operation) = &document.definitions[index] else {
            continue;
        };
        let has_null = |it: &Node<ast::VariableDefinition>| {
            it.default_value.as_ref().is_some_and(|default| default.is_null())
        };
        if !operation.variables.iter().any(has_null) {
            continue;
        }
        if let Definition::OperationDefinition(operation) =
            &mut document.to_mut().definitions[index]
        {
            for variable in operation.make_mut().variables.iter_mut().filter(|it| has_null(it)) {
                variable.make_mut().default_value = None;
            }
        }
    }
    document
}

fn is_about_root_fields(message: &str) -> bool {
    message.ends_with("can only have one root field")
}

fn errors(
    text: &str,
    violations: impl Iterator<Item = (String, Option<SourceSpan>)>,
) -> Vec<ServerError> {
    let positions = LineIndex::new(text);
    let error = |(message, location): (String, Option<SourceSpan>)| {
        let mut error = server_error(ErrorCode::GraphqlValidationFailed, sentence(&message));
        error.locations.extend(location.map(|span| positions.at(span.offset())));
        error
    };
    violations.map(error).collect()
}

/// A message of apollo-compiler as a sentence: it starts in lower case and has no full stop.
pub(super) fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    let text = format!("{}{}", first.unwrap_or_default(), chars.as_str());
    if text.ends_with('.') { text } else { text + "." }
}
