//! Names the part of a variable's value that is invalid, and what was expected there. A message does not repeat
//! the value, which may be a secret, and contains names of the schema only if clients can read it.

use apollo_compiler::Schema;
use apollo_compiler::ast::{Type, VariableDefinition};
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::schema::{ExtendedType, InputObjectType};

use super::messages::{did_you_mean, is_short_name, suggestions};
use crate::graphql::scalars;

/// Integers up to this size are exact as a `Float`.
const MAX_EXACT_INTEGER: f64 = 9_007_199_254_740_991.0;

/// A part of a value that is invalid.
#[derive(Debug)]
pub(super) struct InvalidValue<'a> {
    /// The fields and indexes that lead to the part, such as `.books[2].title`; empty for the whole value.
    path: String,
    problem: Problem<'a>,
}

#[derive(Debug)]
enum Problem<'a> {
    /// The value has another type.
    Type { expected: &'a Type, suggestions: Vec<&'a str> },
    /// The value is null or absent.
    Missing { expected: &'a Type, is_null: bool },
    /// An input object has no such field. The name is `None` if it is not like the name of a field.
    UnknownField { object: &'a str, name: Option<String>, suggestions: Vec<&'a str> },
}

impl<'a> InvalidValue<'a> {
    /// The first part of a value that is invalid for the type (section 3 of the GraphQL specification, "Input
    /// Coercion" of each type). `None` if all parts are valid.
    pub(super) fn find(schema: &'a Schema, ty: &'a Type, value: &JsonValue) -> Option<Self> {
        let new = |problem| Some(Self { path: String::new(), problem });
        if value.is_null() {
            let missing = Problem::Missing { expected: ty, is_null: true };
            return ty.is_non_null().then_some(missing).and_then(new);
        }
        if ty.is_list() {
            let item_type = ty.item_type();
            let JsonValue::Array(items) = value else {
                return Self::find(schema, item_type, value);
            };
            return items.iter().enumerate().find_map(|(index, item)| {
                Some(Self::find(schema, item_type, item)?.below(&format!("[{index}]")))
            });
        }
        let name = ty.inner_named_type().as_str();
        let mismatch = |suggestions| new(Problem::Type { expected: ty, suggestions });
        match (schema.types.get(name)?, value) {
            (ExtendedType::Scalar(_), _) if is_valid_scalar(name, value) => None,
            (ExtendedType::Enum(definition), JsonValue::String(given)) => {
                if definition.values.contains_key(given.as_str()) {
                    return None;
                }
                let names: Vec<&str> = definition.values.keys().map(AsRef::as_ref).collect();
                mismatch(suggestions(given.as_str(), &names))
            }
            (ExtendedType::InputObject(object), JsonValue::Object(fields)) => {
                Self::find_in_object(schema, object, fields)
            }
            _ => mismatch(Vec::new()),
        }
    }

    fn find_in_object(
        schema: &'a Schema,
        object: &'a InputObjectType,
        given: &JsonMap,
    ) -> Option<Self> {
        let unknown = given.keys().find(|name| !object.fields.contains_key(name.as_str()));
        if let Some(name) = unknown {
            let name = name.as_str();
            let names: Vec<&str> = object.fields.keys().map(AsRef::as_ref).collect();
            let problem = Problem::UnknownField {
                object: object.name.as_str(),
                name: is_short_name(name).then(|| name.to_owned()),
                suggestions: suggestions(name, &names),
            };
            return Some(Self { path: String::new(), problem });
        }
        object.fields.iter().find_map(|(name, field)| {
            let invalid = match given.get(name.as_str()) {
                Some(value) => Self::find(schema, &field.ty, value),
                None => (field.ty.is_non_null() && field.default_value.is_none()).then(|| {
                    let problem = Problem::Missing { expected: &field.ty, is_null: false };
                    Self { path: String::new(), problem }
                }),
            };
            Some(invalid?.below(&format!(".{name}")))
        })
    }

    fn below(self, step: &str) -> Self {
        Self { path: format!("{step}{}", self.path), ..self }
    }
}

/// Describes the invalid value of a variable; `None` if it has no value. `introspection`: whether clients can read
/// the schema.
pub(super) fn describe(
    schema: &Schema,
    introspection: bool,
    definition: &VariableDefinition,
    value: Option<&JsonValue>,
) -> String {
    let variable = &definition.name;
    let Some(value) = value else {
        return format!("Variable \"${variable}\" has no value: expected {}.", definition.ty);
    };
    let start = format!("Variable \"${variable}\" has an invalid value");
    let Some(InvalidValue { path, problem }) = InvalidValue::find(schema, &definition.ty, value)
    else {
        return format!("{start}.");
    };
    // A field that is missing is a name of the schema.
    let path = match (&problem, path.rsplit_once('.')) {
        (Problem::Missing { is_null: false, .. }, Some((parent, _))) if !introspection => parent,
        _ => &path,
    };
    let place = if path.is_empty() { String::new() } else { format!(" at \"{variable}{path}\"") };
    let what = match &problem {
        Problem::Type { expected, .. } if introspection => format!("expected {expected}"),
        Problem::Type { .. } => "another type was expected".to_owned(),
        Problem::Missing { expected, is_null } if introspection => {
            format!("expected {expected}, but it is {}", if *is_null { "null" } else { "missing" })
        }
        Problem::Missing { is_null: true, .. } => "it cannot be null".to_owned(),
        Problem::Missing { .. } => "a required field is missing".to_owned(),
        Problem::UnknownField { object, name, .. } => {
            let name = name.as_ref().map_or_else(String::new, |name| format!(" \"{name}\""));
            let of = if introspection { format!(" of {object}") } else { String::new() };
            format!("unknown field{name}{of}")
        }
    };
    let similar = match &problem {
        Problem::Type { suggestions, .. } | Problem::UnknownField { suggestions, .. }
            if introspection =>
        {
            did_you_mean(suggestions)
        }
        _ => None,
    };
    let question = similar.map_or_else(String::new, |question| format!(" {question}"));
    format!("{start}{place}: {what}.{question}")
}

/// Whether a value that is not null is valid for a scalar, with the rules of apollo-compiler for those of the
/// specification.
fn is_valid_scalar(name: &str, value: &JsonValue) -> bool {
    match name {
        "Int" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "Float" => {
            value.is_f64() || value.as_f64().is_some_and(|number| number.abs() <= MAX_EXACT_INTEGER)
        }
        "String" => value.is_string(),
        "Boolean" => value.is_boolean(),
        "ID" => value.is_string() || value.is_i64(),
        custom => scalars::is_valid(custom, value.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(ty: &str, value: serde_json::Value, introspection: bool) -> String {
        let sdl = format!(
            "scalar DateTime enum Order {{ TITLE AUTHOR }}
             input Range {{ least: Int most: Int! }}
             input Input {{ title: String! rating: Int = 3 tags: [String!] range: Range order: Order at: DateTime }}
             type Query {{ field(argument: {ty}): Int }}"
        );
        let schema = Schema::parse_and_validate(sdl, "schema").expect("a schema");
        let field = schema.type_field("Query", "field").expect("a field");
        let definition = VariableDefinition {
            name: apollo_compiler::name!("input"),
            ty: field.arguments[0].ty.clone(),
            default_value: None,
            directives: Default::default(),
            description: None,
        };
        describe(&schema, introspection, &definition, Some(&value.into()))
    }

    #[test]
    fn the_path_and_the_expected_type_are_named() {
        let title = "hunter2";
        for (ty, value, expected, without_schema) in [
            ("Int", json!("hunter2"), ": expected Int.", ": another type was expected."),
            ("Int", json!(1.5), ": expected Int.", ": another type was expected."),
            ("Int!", json!(null), ": expected Int!, but it is null.", ": it cannot be null."),
            (
                "[[ID!]]!",
                json!([["a"], ["b", true]]),
                " at \"input[1][1]\": expected ID!.",
                " at \"input[1][1]\": another type was expected.",
            ),
            (
                "Input!",
                json!({ "title": title, "rating": "hunter2" }),
                " at \"input.rating\": expected Int.",
                " at \"input.rating\": another type was expected.",
            ),
            (
                "Input",
                json!({ "title": title, "tags": ["a", null] }),
                " at \"input.tags[1]\": expected String!, but it is null.",
                " at \"input.tags[1]\": it cannot be null.",
            ),
            (
                "[Input]",
                json!([{ "title": title }, { "title": title, "range": { "least": 1 } }]),
                " at \"input[1].range.most\": expected Int!, but it is missing.",
                " at \"input[1].range\": a required field is missing.",
            ),
            (
                "Input",
                json!({}),
                " at \"input.title\": expected String!, but it is missing.",
                ": a required field is missing.",
            ),
            (
                "Input",
                json!({ "title": title, "ratng": 5 }),
                ": unknown field \"ratng\" of Input. Did you mean \"rating\", \"range\" or \"at\"?",
                ": unknown field \"ratng\".",
            ),
            (
                "Input",
                json!({ "title": title, "range": { "hunter 2": 5 } }),
                " at \"input.range\": unknown field of Range.",
                " at \"input.range\": unknown field.",
            ),
            (
                "Input",
                json!({ "title": title, "order": "TITEL" }),
                " at \"input.order\": expected Order. Did you mean \"TITLE\"?",
                " at \"input.order\": another type was expected.",
            ),
            (
                "Input",
                json!({ "title": title, "at": "hunter2" }),
                " at \"input.at\": expected DateTime.",
                " at \"input.at\": another type was expected.",
            ),
            ("Input", json!(["hunter2"]), ": expected Input.", ": another type was expected."),
        ] {
            for (introspection, end) in [(true, expected), (false, without_schema)] {
                let message = message(ty, value.clone(), introspection);
                assert_eq!(message, format!("Variable \"$input\" has an invalid value{end}"));
            }
        }
    }

    #[test]
    fn long_names_are_not_repeated() {
        let message = message("Input", json!({ "x".repeat(61): 1 }), true);
        assert_eq!(message, "Variable \"$input\" has an invalid value: unknown field of Input.");
    }
}
