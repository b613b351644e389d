//! Workarounds for apollo-compiler 2.0.0-beta.2 and its parser, apollo-parser 0.9.0-beta.2. For each defect,
//! `tests` has a test that fails when upstream has fixed it. Then the workaround can be removed. No issues of
//! <https://github.com/apollographql/apollo-rs> were found for these defects; the comments of the tests can be
//! filed as issues. Sections are those of the GraphQL specification.

use std::borrow::Cow;
use std::collections::HashSet;

use apollo_compiler::ast::{
    Definition, Document, OperationDefinition, OperationType, Selection, Type, Value,
    VariableDefinition,
};
use apollo_compiler::executable::{self, ExecutableDocument, Operation};
use apollo_compiler::introspection::check_max_depth;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::response::JsonMap;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Node, Schema, request};
use apollo_parser::TokenKind;

use super::invalid_value::InvalidValue;
use super::limits::RootFields;
use super::syntax::tokens;
use crate::graphql::scalars;

/// A violation of a validation rule.
pub(super) struct Violation {
    pub(super) message: Cow<'static, str>,
    pub(super) location: Option<SourceSpan>,
}

impl Violation {
    pub(super) fn new(message: impl Into<Cow<'static, str>>, location: Option<SourceSpan>) -> Self {
        Self { message: message.into(), location }
    }
}

/// A message of apollo-compiler as a sentence. The message starts in lower case and has no full stop.
pub(super) fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    let text = format!("{}{}", first.unwrap_or_default(), chars.as_str());
    if text.ends_with(['.', '?']) { text } else { text + "." }
}

/// The position of the first text that the parser has ignored. apollo-parser 0.9.0-beta.2 parses
/// `(first first: 1)` as `(first: 1)`; section 2.6 requires a colon and a value. So the parsed document is
/// serialised again. The first token of the text that differs is the syntax error.
pub(super) fn first_ignored_text(text: &str, document: &Document) -> Option<usize> {
    let written = document.serialize().no_indent().to_string();
    let (mut text_tokens, mut parsed_tokens) = (tokens(text), tokens(&written));
    loop {
        let (token, expected) = match (text_tokens.next(), parsed_tokens.next()) {
            (None, None) => return None,
            (Some(token), Some(expected)) => (token, expected),
            (Some(token), None) => return Some(token.index()),
            (None, Some(_)) => return Some(text.len()),
        };
        // `query { … }` and `{ … }` are the same.
        let (token, expected) = match (token.data(), expected.data()) {
            ("query", "{") => (text_tokens.next().unwrap_or(token), expected),
            ("{", "query") => (token, parsed_tokens.next().unwrap_or(expected)),
            _ => (token, expected),
        };
        let is_same = match token.kind() {
            // The same string can be written in several ways.
            TokenKind::StringValue => expected.kind() == TokenKind::StringValue,
            _ => token.data() == expected.data(),
        };
        if !is_same {
            return Some(token.index());
        }
    }
}

/// Removes defaults that are null. A variable with such a default is allowed only where a variable without
/// a default is (section 5.8.5), but apollo-compiler allows it elsewhere too.
pub(super) fn without_null_defaults(document: &Document) -> Cow<'_, Document> {
    let mut document = Cow::Borrowed(document);
    for index in 0..document.definitions.len() {
        let Definition::OperationDefinition(operation) = &document.definitions[index] else {
            continue;
        };
        let has_null = |it: &Node<VariableDefinition>| {
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

/// The default of a non-null variable cannot be null (section 5.6.1). apollo-compiler checks this, but not for the
/// defaults that `without_null_defaults` removes.
pub(super) fn null_default(variable: &VariableDefinition) -> Option<Violation> {
    let default = variable.default_value.as_ref()?;
    (default.is_null() && variable.ty.is_non_null()).then(|| {
        let message = "The default of a non-null variable cannot be null.";
        Violation::new(message, default.location())
    })
}

/// Whether an error of apollo-compiler is about the number of root fields of a subscription. It counts a repeated
/// field twice, so `many_root_fields` replaces the rule.
pub(super) fn is_about_root_fields(message: &str) -> bool {
    message.ends_with("can only have one root field")
}

/// A subscription must have one root field, which may be repeated (section 5.2.4.1).
pub(super) fn many_root_fields(
    operation: &Node<OperationDefinition>,
    root_fields: &RootFields<'_>,
) -> Option<Violation> {
    let is_subscription = operation.operation_type == OperationType::Subscription;
    (is_subscription && root_fields.len() > 1).then(|| {
        let message = "A subscription must have exactly one root field.";
        Violation::new(message, operation.location())
    })
}

/// An input object cannot repeat a field (section 5.6.3), but apollo-compiler accepts it. `seen` has the names of
/// the fields before this one.
pub(super) fn repeated_field<'a>(name: &'a Name, seen: &mut HashSet<&'a str>) -> Option<Violation> {
    (!seen.insert(name.as_str()))
        .then(|| Violation::new("An input object cannot repeat a field.", name.location()))
}

/// Fields with the same response key must have the same arguments (section 5.3.2), but apollo-compiler treats
/// two lists as equal if one of them is a prefix of the other. So the document is validated again with every
/// list replaced by a string, which is equal to another only if all elements are. Returns the first conflict of
/// arguments and ignores all other errors.
pub(super) fn conflicting_list_arguments(
    document: &Document,
    schema: &Valid<Schema>,
) -> Option<String> {
    let mut lists = 0;
    let mut with_texts = document.clone();
    for definition in &mut with_texts.definitions {
        let selections = match definition {
            Definition::OperationDefinition(it) => &mut it.make_mut().selection_set,
            Definition::FragmentDefinition(it) => &mut it.make_mut().selection_set,
            _ => continue,
        };
        replace_lists(selections, &mut lists);
    }
    if lists < 2 {
        return None; // A conflict needs two lists.
    }
    let failed = with_texts.to_executable_validate(schema).err()?;
    let mut messages = failed.errors.iter().map(|it| it.error.to_string());
    messages.find(|it| it.starts_with("operation must not provide conflicting field arguments"))
}

/// Unlike `syntax::walk`, this traversal changes the document.
fn replace_lists(selections: &mut [Selection], lists: &mut usize) {
    for selection in selections {
        match selection {
            Selection::Field(field) => {
                let field = field.make_mut();
                for argument in &mut field.arguments {
                    replace_lists_in_value(&mut argument.make_mut().value, lists);
                }
                replace_lists(field.selection_set.as_deref_mut().unwrap_or_default(), lists);
            }
            Selection::InlineFragment(fragment) => {
                replace_lists(&mut fragment.make_mut().selection_set, lists);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn replace_lists_in_value(value: &mut Node<Value>, lists: &mut usize) {
    match value.make_mut() {
        list @ Value::List(_) => {
            *lists += 1;
            *list = Value::String(list.serialize().no_indent().to_string());
        }
        Value::Object(fields) => {
            fields.iter_mut().for_each(|(_, field)| replace_lists_in_value(field, lists));
        }
        _ => {}
    }
}

/// Literals that are invalid for a custom scalar (section 5.6.1): apollo-compiler accepts any literal.
pub(super) fn invalid_scalar_literals(
    document: &ExecutableDocument,
    schema: &Schema,
) -> Vec<Violation> {
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

/// A traversal of the typed document, because only that has the types of arguments. Visits each fragment once.
struct ScalarCheck<'a> {
    schema: &'a Schema,
    violations: Vec<Violation>,
}

impl ScalarCheck<'_> {
    fn selections(&mut self, set: &executable::SelectionSet) {
        for selection in &set.selections {
            match selection {
                executable::Selection::Field(field) => {
                    for argument in &field.arguments {
                        if let Some(it) = field.definition.argument_by_name(&argument.name) {
                            self.value(&it.ty, &argument.value);
                        }
                    }
                    field.selection_set.iter().for_each(|set| self.selections(set));
                }
                executable::Selection::InlineFragment(fragment) => {
                    self.selections(&fragment.selection_set);
                }
                executable::Selection::FragmentSpread(_) => {}
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
                self.violations.push(Violation::new(message, value.location()));
            }
            _ => {}
        }
    }
}

/// Whether an operation selects at most three levels of introspected lists. apollo-compiler has the rule
/// `MaxIntrospectionDepthRule` of graphql-js (<https://github.com/apollographql/apollo-rs/pull/904>), but does not
/// apply it during validation.
pub(super) fn limits_introspection(
    document: &Valid<ExecutableDocument>,
    operation: &Operation,
) -> bool {
    check_max_depth(document, operation).is_ok()
}

/// Coerces the values of variables (section 6.1.2). The errors of apollo-compiler contain the value, which may be a
/// secret, but not the variable, and custom scalars are not checked: `coerce_variable_value` in its
/// `resolvers/input_coercion.rs` has no hook.
///
/// # Errors
/// The variable whose value is invalid; `None` if it is not clear.
pub(super) fn coerce_variable_values<'a>(
    schema: &Valid<Schema>,
    operation: &'a Operation,
    values: &JsonMap,
) -> Result<JsonMap, Option<&'a Node<VariableDefinition>>> {
    let coerce = |operation: &Operation| request::coerce_variable_values(schema, operation, values);
    let Ok(coerced) = coerce(operation) else {
        return Err(operation.variables.iter().find(|definition| {
            let variables = vec![Node::clone(definition)];
            coerce(&Operation { variables, ..operation.clone() }).is_err()
        }));
    };
    let is_invalid = |definition: &&Node<VariableDefinition>| {
        let value = coerced.get(definition.name.as_str());
        value.is_some_and(|value| InvalidValue::find(schema, &definition.ty, value).is_some())
    };
    match operation.variables.iter().find(is_invalid) {
        Some(definition) => Err(Some(definition)),
        None => Ok(coerced.into_inner()),
    }
}

#[cfg(test)]
mod tests;
