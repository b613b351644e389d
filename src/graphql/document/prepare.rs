//! Prepares the text of a document: it is parsed, checked against the limits, validated (GraphQL specification,
//! section 5), costed and converted. apollo-compiler parses and validates, because it agrees with graphql-js where
//! async-graphql does not.

use std::collections::HashSet;
use std::sync::Arc;

use apollo_compiler::ast::{self, Definition, OperationDefinition, Selection, Value};
use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::executable::ExecutableDocument;
use apollo_compiler::parser::{Parser, SourceSpan};
use apollo_compiler::validation::Valid;
use apollo_compiler::{Node, Schema};
use async_graphql::{Pos, ServerError};

use super::apollo_workarounds::{self, Violation, first_ignored_text, sentence};
use super::convert::{self, Converter};
use super::cost::Cost;
use super::limits::{self, RootFields};
use super::messages::{self, Messages};
use super::model::{Document, Executable, Operation, hash};
use super::syntax::{LineIndex, Visitor, tokens, walk};
use super::variables::{DependsOnVariables, NoRequest, VariableDefinitions};
use crate::config::Limits;
use crate::graphql::error::{ApiError, ErrorCode, server_error};
use crate::graphql::request::OperationInfo;
use crate::graphql::upload::is_token;

/// Estimated size in memory of one token of a document that is kept in apollo-compiler's form, in bytes: 155
/// were measured for a list of books with a condition.
const BYTES_PER_TOKEN: usize = 160;

/// Estimated size in memory of an operation without its fields and variables, in bytes.
const BYTES_PER_OPERATION: usize = 1_000;

/// Prepares documents for one schema.
#[derive(Debug)]
pub(super) struct DocumentPreparer {
    pub(super) schema: Valid<Schema>,
    pub(super) introspection: bool,
    pub(super) limits: Limits,
}

impl DocumentPreparer {
    /// `sdl` is the schema in the Schema Definition Language.
    ///
    /// # Errors
    /// If the schema is invalid.
    pub(super) fn new(sdl: &str, introspection: bool, limits: &Limits) -> anyhow::Result<Self> {
        Ok(Self { schema: parse_schema(sdl)?, introspection, limits: limits.clone() })
    }

    /// Parses a document, rejects it if validation would cost too much, and validates it. `charge` is called
    /// before the document is parsed. It receives the number of tokens and may reject the request.
    pub(super) fn prepare(
        &self,
        text: &str,
        charge: impl FnOnce(usize) -> Result<(), ApiError>,
    ) -> Result<Document, Vec<ServerError>> {
        if text.len() > self.limits.document_bytes {
            let message =
                format!("A document can have at most {} bytes.", self.limits.document_bytes);
            return Err(vec![server_error(ErrorCode::PayloadTooLarge, message)]);
        }
        let tokens = tokens(text).take(self.limits.document_tokens + 1).count();
        if tokens > self.limits.document_tokens {
            let message =
                format!("A document can have at most {} tokens.", self.limits.document_tokens);
            return Err(vec![server_error(ErrorCode::TooManyTokens, message)]);
        }
        charge(tokens).map_err(|error| vec![error.into_server_error()])?;
        let parsed = parse(text).map_err(|error| vec![error])?;
        let root_fields =
            limits::check(text, &parsed, &self.limits).map_err(|error| vec![error])?;
        let messages = Messages { schema: &self.schema, introspection: self.introspection };
        let max_errors = self.limits.errors;
        let valid = validate(text, &parsed, &root_fields, &self.schema, messages, max_errors)?;
        if !self.introspection && root_fields.iter().any(RootFields::use_introspection) {
            let message = "Introspection is disabled.";
            return Err(vec![server_error(ErrorCode::GraphqlValidationFailed, message)]);
        }
        let operations = self.operations(text, &parsed, &root_fields, valid);
        let bytes = estimated_bytes(text, tokens, &operations);
        Ok(Document { text: text.into(), hash: hash(text), bytes, operations })
    }

    /// The operations of a valid document.
    fn operations(
        &self,
        text: &str,
        parsed: &ast::Document,
        root_fields: &[RootFields<'_>],
        valid: Valid<ExecutableDocument>,
    ) -> Vec<Operation> {
        let document = Arc::new(valid.into_inner());
        let positions = LineIndex::new(text);
        let operations = parsed.definitions.iter().filter_map(|definition| match definition {
            Definition::OperationDefinition(operation) => Some(operation),
            _ => None,
        });
        let operations = operations.zip(root_fields).filter_map(|(parsed, root_fields)| {
            let name = parsed.name.as_ref().map(ToString::to_string);
            let operation = document.operations.get(name.as_deref()).ok()?;
            let converter = Converter {
                schema: &self.schema,
                document: &document,
                operation,
                positions: &positions,
                variables: &NoRequest,
            };
            let executable = match converter.convert() {
                Ok(executable) => Executable::Fixed(executable),
                Err(DependsOnVariables) => Executable::PerRequest {
                    operation: Node::clone(operation),
                    document: Arc::clone(&document),
                },
            };
            Some(Operation {
                cost: Cost::new(&document, operation),
                attempts: root_fields.auth_attempts(),
                variables: VariableDefinitions::new(operation, &parsed.variables),
                executable,
                info: OperationInfo {
                    kind: convert::kind(parsed.operation_type),
                    name: name.map(Into::into),
                },
            })
        });
        operations.collect()
    }
}

/// Estimated size in memory of a document, in bytes.
fn estimated_bytes(text: &str, tokens: usize, operations: &[Operation]) -> usize {
    let mut depends_on_variables = false;
    let mut bytes = text.len();
    for Operation { cost, variables, executable, .. } in operations {
        bytes += BYTES_PER_OPERATION + cost.bytes() + variables.estimated_bytes();
        match executable {
            Executable::Fixed(executable) => bytes += convert::estimated_bytes(executable),
            Executable::PerRequest { .. } => depends_on_variables = true,
        }
    }
    if depends_on_variables { bytes + BYTES_PER_TOKEN * tokens } else { bytes }
}

/// Parses a document. A syntax error has a position but does not contain the text there, because responses
/// never repeat the document.
fn parse(text: &str) -> Result<ast::Document, ServerError> {
    let document = Parser::new().parse_ast(text, "document").map_err(|failed| {
        let first = failed.errors.iter().next();
        let location = first.as_ref().and_then(|first| first.error.location());
        let message = first.as_ref().map(|first| first.error.to_string());
        let offset = location.map_or(text.len(), |place| place.offset());
        syntax_error(text, offset, message.as_deref())
    })?;
    if let Some(offset) = first_ignored_text(text, &document) {
        return Err(syntax_error(text, offset, None));
    }
    match EmptySelectionSet::find(&document) {
        Some(offset) => {
            let pos = LineIndex::new(text).at(offset);
            let message = format!(
                "Syntax error in line {}, column {}: expected at least one field between {{ and }}.",
                pos.line, pos.column
            );
            Err(located(server_error(ErrorCode::GraphqlParseFailed, message), pos))
        }
        None => Ok(document),
    }
}

/// `parser` is the message of the parser, if the parser has found the error.
fn syntax_error(text: &str, offset: usize, parser: Option<&str>) -> ServerError {
    let message = messages::syntax(text, offset, parser);
    let error = server_error(ErrorCode::GraphqlParseFailed, message);
    located(error, LineIndex::new(text).at(offset))
}

fn located(mut error: ServerError, pos: Pos) -> ServerError {
    error.locations.push(pos);
    error
}

/// Finds the first operation, fragment or field with an empty selection set. Like graphql-js, this server rejects
/// them; apollo-compiler accepts them, as the September 2026 edition of the specification does.
#[derive(Default)]
struct EmptySelectionSet {
    offset: Option<usize>,
}

impl EmptySelectionSet {
    fn find(document: &ast::Document) -> Option<usize> {
        let mut found = Self::default();
        walk(document, &mut found);
        found.offset
    }
}

impl Visitor for EmptySelectionSet {
    fn selection_set(&mut self, set: &[Selection], location: Option<SourceSpan>) {
        if set.is_empty() && self.offset.is_none() {
            self.offset = location.map(|span| span.offset());
        }
    }
}

/// Parses and validates a schema in the Schema Definition Language.
fn parse_schema(sdl: &str) -> anyhow::Result<Valid<Schema>> {
    Schema::parse_and_validate(sdl, "schema")
        .map_err(|error| anyhow::anyhow!("the schema is invalid: {}", error.errors))
}

/// Validates a document against the schema. `root_fields` are those of its operations, in the order of the
/// document. Returns all its errors together, at most `max_errors`.
fn validate(
    text: &str,
    document: &ast::Document,
    root_fields: &[RootFields<'_>],
    schema: &Valid<Schema>,
    messages: Messages<'_>,
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
                .map(|it| Violation::new(messages.validation(it.error), it.error.location()));
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
            Value::String(text) if is_token(text) => {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn error_position(text: &str) -> Option<(usize, usize)> {
        let error = parse(text).err()?;
        error.locations.first().map(|pos| (pos.line, pos.column))
    }

    #[test]
    fn syntax_errors_ignored_by_the_parser_are_located() {
        assert_eq!(error_position("{ books(first first: 1) { totalCount } }"), Some((1, 15)));
        assert_eq!(error_position("{ books(first: null null) { totalCount } }"), Some((1, 21)));
        assert_eq!(error_position("{ a @include(if true) }"), Some((1, 13)));
        assert_eq!(error_position("{\n  viewer { }\n}"), Some((2, 3)));
        assert_eq!(error_position("query A { }"), Some((1, 1)));
        assert_eq!(error_position("{ a"), Some((1, 4)));
        assert_eq!(error_position(""), Some((1, 1)));
    }

    #[test]
    fn every_valid_document_syntax_is_accepted() {
        for text in [
            "query { a }",
            "{ a } { b } query { c }",
            "query{a}query B{b}",
            "query @d { query }",
            "\u{feff}{ a, b,,, c } # end",
            "query Q($a: [Int!]! = [1, -2.5e3] @d, $b: B = { c: \"\\u0041\", d: \"\"\"block\"\"\" }) { a(b: $a) }",
            "mutation { a } subscription { b } fragment F on A @d { ...F ... on B { c } ... @d { e } }",
            "{ a(b: null, c: true, d: E, e: [], f: {}, g: [[1]]) }",
            "{ __typename } type A { b: Int }",
            "\"described\" query A(\"what it is\" $a: Int) { a }",
        ] {
            assert_eq!(error_position(text), None, "{text}");
        }
    }
}
