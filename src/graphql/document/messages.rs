//! The messages of syntax and validation errors: what was expected, and where. They do not repeat values of a
//! document, which may be secrets, and contain names of the schema only if clients can read it.

use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::DiagnosticData;
use apollo_compiler::{Name, Schema};
use apollo_parser::TokenKind;

use super::syntax::{LineIndex, tokens};

/// How many names a message suggests.
const MAX_SUGGESTIONS: usize = 3;

/// Longer names are not compared with those of the schema.
const MAX_COMPARED_CHARS: usize = 60;

/// Describes validation errors for a schema.
#[derive(Clone, Copy)]
pub(super) struct Messages<'a> {
    pub(super) schema: &'a Schema,
    /// Whether clients can read the schema.
    pub(super) introspection: bool,
}

impl<'a> Messages<'a> {
    /// The message of an error of apollo-compiler, which has the texts of graphql-js for most errors.
    pub(super) fn validation(self, error: &DiagnosticData) -> String {
        let name = error.unstable_error_name().unwrap_or_default();
        let message = match name {
            // graphql-js repeats the value.
            "UnsupportedValueType" | "IntCoercionError" | "FloatCoercionError" => None,
            _ => error.unstable_compat_message(),
        };
        let message = message.unwrap_or_else(|| error.to_string());
        let message = match name {
            "UndefinedArgument" => without_argument(&message),
            "MissingSubselection" => self.with_field_type(&message),
            _ => message,
        };
        let quoted: Vec<&str> = message.split('"').skip(1).step_by(2).collect();
        if !self.introspection {
            return without_schema_names(name, quoted.first().copied()).unwrap_or(message);
        }
        let suggestions = match quoted.first() {
            Some(given) => suggestions(given, &self.candidates(name, quoted.get(1).copied())),
            None => Vec::new(),
        };
        let message = match (name, &*quoted) {
            ("UndefinedField", [field, parent, ..]) => {
                format!("Type `{parent}` does not have a field `{field}`.")
            }
            _ => message.clone(),
        };
        match did_you_mean(&suggestions) {
            Some(question) => format!("{message} {question}"),
            None => message,
        }
    }

    /// `Field "books" of type "Query" must …` with the type of the field instead of that of its parent, which
    /// apollo-compiler inserts.
    fn with_field_type(self, message: &str) -> String {
        let mut quoted = message.split('"').skip(1).step_by(2);
        let (Some(field), Some(parent)) = (quoted.next(), quoted.next()) else {
            return message.to_owned();
        };
        match self.schema.type_field(parent, field) {
            Ok(definition) => {
                let (wrong, right) = (format!("\"{parent}\""), format!("\"{}\"", definition.ty));
                message.replacen(&wrong, &right, 1)
            }
            Err(_) => message.to_owned(),
        }
    }

    /// The names that are possible where an unknown one was found. `parent` is what the name belongs to.
    fn candidates(self, error: &str, parent: Option<&str>) -> Vec<&'a str> {
        let names = |type_name: &str| -> Vec<&'a str> {
            match self.schema.types.get(type_name) {
                Some(ExtendedType::Object(it)) => it.fields.keys().map(AsRef::as_ref).collect(),
                Some(ExtendedType::Interface(it)) => it.fields.keys().map(AsRef::as_ref).collect(),
                Some(ExtendedType::InputObject(it)) => {
                    it.fields.keys().map(AsRef::as_ref).collect()
                }
                Some(ExtendedType::Enum(it)) => it.values.keys().map(AsRef::as_ref).collect(),
                _ => Vec::new(),
            }
        };
        match (error, parent) {
            ("UndefinedField" | "UndefinedInputValue" | "UndefinedEnumValue", Some(parent)) => {
                names(parent)
            }
            ("UndefinedArgument", Some(field)) => {
                let Some((parent, field)) = field.split_once('.') else { return Vec::new() };
                let Ok(field) = self.schema.type_field(parent, field) else { return Vec::new() };
                field.arguments.iter().map(|argument| argument.name.as_str()).collect()
            }
            (
                "UndefinedDefinition"
                | "UndefinedTypeInNamedFragmentTypeCondition"
                | "UndefinedTypeInInlineFragmentTypeCondition",
                None,
            ) => {
                let names = self.schema.types.keys().map(AsRef::as_ref);
                names.filter(|name: &&str| !name.starts_with("__")).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// `Unknown argument "a" on field "Query.books(a:)".` without `(a:)`, which repeats the name.
fn without_argument(message: &str) -> String {
    match message.rsplit_once('(') {
        Some((start, _)) => format!("{start}\"."),
        None => message.to_owned(),
    }
}

/// The messages of errors that would otherwise contain names of the schema. `given` is a name from the document.
fn without_schema_names(error: &str, given: Option<&str>) -> Option<String> {
    let given = given.unwrap_or_default();
    Some(match error {
        "UndefinedField" => format!("Unknown field \"{given}\"."),
        "UndefinedArgument" => format!("Unknown argument \"{given}\"."),
        "UndefinedInputValue" => format!("Unknown input field \"{given}\"."),
        "UndefinedEnumValue" => "Unknown enum value.".to_owned(),
        "RequiredArgument" => "A required argument is missing.".to_owned(),
        "RequiredField" => "A required input field is missing.".to_owned(),
        "UnsupportedValueType" => "The value has another type than expected.".to_owned(),
        "MissingSubselection" => format!("Field \"{given}\" must have a selection of subfields."),
        "SubselectionOnScalarType" | "SubselectionOnEnumType" => {
            format!("Field \"{given}\" must not have a selection of subfields.")
        }
        "InvalidFragmentSpread" => "The fragment can never apply here.".to_owned(),
        "DisallowedVariableUsage" => {
            format!("Variable \"{given}\" has another type than expected here.")
        }
        "ConflictingFieldType" => {
            format!("Fields \"{given}\" conflict because they return different types.")
        }
        "OneOfInputObjectFieldCount" => "Exactly one field must be given.".to_owned(),
        _ => return None,
    })
}

/// The names that are most similar to a given one, by the rule of graphql-js.
pub(super) fn suggestions<'a>(given: &str, names: &[&'a str]) -> Vec<&'a str> {
    let given = given.to_lowercase();
    if given.chars().count() > MAX_COMPARED_CHARS {
        return Vec::new();
    }
    let max_distance = given.chars().count() * 2 / 5 + 1;
    let mut similar: Vec<(usize, &str)> = names
        .iter()
        .map(|name| (strsim::osa_distance(&given, &name.to_lowercase()), *name))
        .filter(|(distance, _)| *distance <= max_distance)
        .collect();
    similar.sort_unstable();
    similar.into_iter().take(MAX_SUGGESTIONS).map(|(_, name)| name).collect()
}

/// Whether a text may be a name of a schema, and is short enough to be repeated in a message.
pub(super) fn is_short_name(text: &str) -> bool {
    text.len() <= MAX_COMPARED_CHARS && Name::is_valid_syntax(text)
}

pub(super) fn did_you_mean(names: &[&str]) -> Option<String> {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let (last, others) = quoted.split_last()?;
    Some(match others {
        [] => format!("Did you mean {last}?"),
        others => format!("Did you mean {} or {last}?", others.join(", ")),
    })
}

/// The message of a syntax error. `parser` is the message of the parser, if the parser has found the error.
pub(super) fn syntax(text: &str, offset: usize, parser: Option<&str>) -> String {
    let pos = LineIndex::new(text).at(offset);
    let found = found(text, offset);
    let what = match parser.map(|it| it.strip_prefix("syntax error: ").unwrap_or(it)) {
        Some(message) => match message.strip_prefix("expected ") {
            Some(expected) => format!("expected {}, found {found}", readable(expected)),
            None if message.starts_with("Unexpected <EOF>") => {
                format!("expected an operation, found {found}")
            }
            None => message.trim_end_matches('.').to_owned(),
        },
        None => format!("{found} is not expected here"),
    };
    format!("Syntax error in line {}, column {}: {what}.", pos.line, pos.column)
}

/// What the parser expected, without what it found, which may be long or secret.
fn readable(expected: &str) -> &str {
    let expected = expected.split(", got ").next().unwrap_or(expected);
    match expected {
        "R_CURLY" => "\"}\"",
        "R_PAREN" => "\")\"",
        "R_BRACK" => "\"]\"",
        "AT" => "\"@\"",
        "a Name" => "a name",
        "a valid Value" => "a value",
        "a Type" | "a type" | "item type" => "a type",
        "a Selection Set" | "Selection Set" => "a selection set in braces",
        "definition" | "a definition" | "a StringValue, Name or OperationDefinition" => {
            "\"query\", \"mutation\", \"subscription\", \"fragment\" or \"{\""
        }
        other => other,
    }
}

/// Describes the token at an offset.
fn found(text: &str, offset: usize) -> String {
    let token = text.get(offset..).and_then(|rest| tokens(rest).next());
    let Some(token) = token else { return "the end of the document".to_owned() };
    match token.kind() {
        TokenKind::Name => "a name".to_owned(),
        TokenKind::StringValue => "a string".to_owned(),
        TokenKind::Int => "an integer".to_owned(),
        TokenKind::Float => "a number".to_owned(),
        _ => format!("\"{}\"", token.data()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names_are_suggested() {
        let names = ["books", "booksPage", "book", "viewer", "node", "nodes"];
        assert_eq!(suggestions("boks", &names), ["books", "book"]);
        assert_eq!(suggestions("BOOKPAGE", &names), ["booksPage", "book", "books"]);
        assert_eq!(suggestions("veiwer", &names), ["viewer"]);
        assert!(suggestions("password", &names).is_empty());
        assert!(suggestions(&"b".repeat(30_000), &names).is_empty());
        assert_eq!(did_you_mean(&["a"]).as_deref(), Some("Did you mean \"a\"?"));
        assert_eq!(
            did_you_mean(&["a", "b", "c"]).as_deref(),
            Some("Did you mean \"a\", \"b\" or \"c\"?")
        );
        assert_eq!(did_you_mean(&[]), None);
    }
}
