//! The values of variables: uploaded files are inserted (GraphQL multipart request specification), and the values
//! are coerced to the types that the operation declares (GraphQL specification, section 6.1.2).

use std::collections::HashSet;
use std::convert::Infallible;

use apollo_compiler::ast::{self, VariableDefinition};
use apollo_compiler::executable::{DirectiveList, Operation, SelectionSet};
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Node, Schema};
use async_graphql::{Name, ServerError, UploadValue, Variables};
use async_graphql_value::ConstValue;
use serde_json::{Map, Value};

use super::apollo_workarounds::coerce_variable_values;
use super::invalid_value;
use super::syntax::LineIndex;
use crate::graphql::error::{ErrorCode, server_error};
use crate::graphql::request::Upload;
use crate::graphql::upload::{self, UPLOAD_SCALAR};

/// Estimated size in memory of the definition of a variable without its default, in bytes.
const BYTES_PER_DEFINITION: usize = 400;

/// Estimated size in memory of a coerced value without its text, in bytes.
const BYTES_PER_VALUE: usize = 80;

/// Estimated size in memory of a literal without its text, in bytes.
const BYTES_PER_LITERAL: usize = 100;

/// The variables that an operation declares.
#[derive(Debug)]
pub(super) struct VariableDefinitions(Option<Operation>);

impl VariableDefinitions {
    /// `variables` are those of the parsed document: validation removes defaults that are null.
    pub(super) fn new(operation: &Operation, variables: &[Node<VariableDefinition>]) -> Self {
        Self((!variables.is_empty()).then(|| Operation {
            description: None,
            operation_type: operation.operation_type,
            name: operation.name.clone(),
            variables: variables.to_vec(),
            directives: DirectiveList::default(),
            selection_set: SelectionSet::new(operation.selection_set.ty.clone()),
        }))
    }

    fn definitions(&self) -> impl Iterator<Item = &Node<VariableDefinition>> {
        self.0.iter().flat_map(|operation| &operation.variables)
    }

    /// Whether the operation declares this variable.
    pub(super) fn declares(&self, name: &str) -> bool {
        self.definitions().any(|variable| variable.name == name)
    }

    /// Whether a variable can contain a file.
    pub(super) fn take_files(&self, schema: &Valid<Schema>) -> bool {
        let types = self.definitions().map(|variable| variable.ty.inner_named_type());
        types.into_iter().any(|name| contains_file(schema, name, &mut HashSet::new()))
    }

    /// Estimated size in memory, in bytes.
    pub(super) fn estimated_bytes(&self) -> usize {
        let defaults = self.definitions().map(|variable| {
            BYTES_PER_DEFINITION + variable.default_value.as_deref().map_or(0, bytes_of_literal)
        });
        defaults.sum()
    }

    /// Coerces the values of a request. A variable without a value takes its default; without a default,
    /// it is absent. `values` has declared variables only. `introspection`: whether errors may contain names of
    /// the schema, and `text` is the document, for their locations.
    pub(super) fn coerce(
        &self,
        schema: &Valid<Schema>,
        introspection: bool,
        values: Map<String, Value>,
        text: &str,
    ) -> Result<Variables, ServerError> {
        let Some(operation) = &self.0 else { return Ok(Variables::default()) };
        let values: JsonMap =
            values.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let coerced = coerce_variable_values(schema, operation, &values).map_err(|definition| {
            let Some(definition) = definition else {
                return server_error(ErrorCode::BadUserInput, "The variables are invalid.");
            };
            let value = values.get(definition.name.as_str());
            let message = invalid_value::describe(schema, introspection, definition, value);
            let mut error = server_error(ErrorCode::BadUserInput, message);
            let location = definition.location();
            error.locations.extend(location.map(|span| LineIndex::new(text).at(span.offset())));
            error
        })?;
        let coerced = coerced.into_iter();
        let coerced = coerced.map(|(name, value)| (Name::new(name.as_str()), constant(value)));
        let mut variables = Variables::default();
        variables.extend(coerced);
        Ok(variables)
    }
}

/// The values of the variables on which the shape of an operation can depend: its selections, its arguments,
/// and the fields that fail before they are resolved.
pub(super) trait VariableLookup {
    /// Why there are no values.
    type Error;

    /// The coerced value of a variable; `None` if it is absent.
    fn value(&self, variable: &str) -> Result<Option<&ConstValue>, Self::Error>;
}

/// The variables of a request.
impl VariableLookup for Variables {
    type Error = Infallible;

    fn value(&self, variable: &str) -> Result<Option<&ConstValue>, Infallible> {
        Ok(self.get(variable))
    }
}

/// Stands for the variables while there is no request.
pub(super) struct NoRequest;

/// The shape of the operation depends on variables, so it can be converted only for a request.
#[derive(Debug)]
pub(super) struct DependsOnVariables;

impl VariableLookup for NoRequest {
    type Error = DependsOnVariables;

    fn value(&self, _: &str) -> Result<Option<&ConstValue>, DependsOnVariables> {
        Err(DependsOnVariables)
    }
}

/// JSON has one type of number: `1.0` becomes the integer 1, at any depth.
pub(super) fn normalize_integers(variables: Map<String, Value>) -> Map<String, Value> {
    fn normalize(value: Value) -> Value {
        match value {
            Value::Number(number) if number.is_f64() => match number.as_f64() {
                #[expect(clippy::cast_possible_truncation, reason = "an integer below 2^53")]
                Some(float) if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => {
                    Value::from(float as i64)
                }
                _ => Value::Number(number),
            },
            Value::Array(items) => Value::Array(items.into_iter().map(normalize).collect()),
            Value::Object(fields) => Value::Object(normalize_integers(fields)),
            other => other,
        }
    }
    variables.into_iter().map(|(name, value)| (name, normalize(value))).collect()
}

/// Inserts files into the variables at their paths. Each of these values must be null.
pub(super) fn insert_uploads(
    variables: &mut Map<String, Value>,
    uploads: Vec<Upload>,
) -> Result<Vec<UploadValue>, ServerError> {
    if variables.values().any(contains_upload_token) {
        let message = "A file must be sent as a part of a multipart request.";
        return Err(server_error(ErrorCode::BadUserInput, message));
    }
    let mut files = Vec::with_capacity(uploads.len());
    for Upload { file, places } in uploads {
        for place in places {
            let Some(null @ Value::Null) = value_at(variables, &place) else {
                let message = "Each path in map must refer to a variable that is null.";
                return Err(server_error(ErrorCode::BadRequest, message));
            };
            *null = Value::String(upload::token(files.len()));
        }
        files.push(file);
    }
    Ok(files)
}

fn contains_upload_token(value: &Value) -> bool {
    match value {
        Value::String(text) => upload::is_token(text),
        Value::Array(items) => items.iter().any(contains_upload_token),
        Value::Object(fields) => fields.values().any(contains_upload_token),
        _ => false,
    }
}

fn value_at<'a>(variables: &'a mut Map<String, Value>, path: &str) -> Option<&'a mut Value> {
    let mut steps = path.strip_prefix("variables.")?.split('.');
    let first = variables.get_mut(steps.next()?)?;
    steps.try_fold(first, |value, step| match value {
        Value::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
        Value::Object(fields) => fields.get_mut(step),
        _ => None,
    })
}

/// Whether an input type is that of files or contains it, at any depth. `seen` has the input objects that were
/// already searched.
fn contains_file<'a>(schema: &'a Schema, name: &'a str, seen: &mut HashSet<&'a str>) -> bool {
    match schema.types.get(name) {
        Some(ExtendedType::Scalar(_)) => name == UPLOAD_SCALAR,
        Some(ExtendedType::InputObject(object)) if seen.insert(name) => {
            let mut types = object.fields.values().map(|field| field.ty.inner_named_type());
            types.any(|name| contains_file(schema, name, seen))
        }
        _ => false,
    }
}

/// Estimated size in memory of coerced values, in bytes.
pub(super) fn estimated_bytes(variables: &Variables) -> usize {
    variables.iter().map(|(name, value)| BYTES_PER_VALUE + name.len() + bytes_of_value(value)).sum()
}

fn bytes_of_value(value: &ConstValue) -> usize {
    BYTES_PER_VALUE
        + match value {
            ConstValue::String(text) => text.len(),
            ConstValue::Enum(name) => name.len(),
            ConstValue::List(items) => items.iter().map(bytes_of_value).sum(),
            ConstValue::Object(fields) => {
                fields.iter().map(|(name, value)| name.len() + bytes_of_value(value)).sum()
            }
            _ => 0,
        }
}

fn bytes_of_literal(literal: &ast::Value) -> usize {
    BYTES_PER_LITERAL
        + match literal {
            ast::Value::String(text) => text.len(),
            ast::Value::List(items) => items.iter().map(|item| bytes_of_literal(item)).sum(),
            ast::Value::Object(fields) => {
                fields.iter().map(|(name, field)| name.len() + bytes_of_literal(field)).sum()
            }
            _ => 0,
        }
}

fn constant(value: JsonValue) -> ConstValue {
    match value {
        JsonValue::Null => ConstValue::Null,
        JsonValue::Bool(value) => ConstValue::Boolean(value),
        JsonValue::Number(number) => ConstValue::Number(number),
        JsonValue::String(text) => ConstValue::String(text.as_str().to_owned()),
        JsonValue::Array(items) => ConstValue::List(items.into_iter().map(constant).collect()),
        JsonValue::Object(fields) => {
            let fields = fields.into_iter();
            ConstValue::Object(
                fields.map(|(name, value)| (Name::new(name.as_str()), constant(value))).collect(),
            )
        }
    }
}
