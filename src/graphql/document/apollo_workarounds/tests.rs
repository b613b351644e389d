//! Defects of apollo-compiler and its parser. If a test fails, upstream has fixed its defect.

use apollo_compiler::parser::Parser;
use apollo_compiler::response::JsonValue;

use super::*;

fn schema() -> Valid<Schema> {
    let sdl = "scalar Date \
               input Input { a: Int } \
               type Query { required(i: Int!): Int list(l: [Int]): Int object(o: Input): Int date(d: Date): Int } \
               type Subscription { event: Int }";
    Schema::parse_and_validate(sdl, "schema").expect("a schema")
}

/// Whether apollo-compiler itself accepts a document.
fn is_accepted(document: &str) -> bool {
    ExecutableDocument::parse_and_validate(&schema(), document, "document").is_ok()
}

/// "`(i i: 1)` is parsed as `(i: 1)`. Expected (section 2.6): a syntax error, since the first `i` has no value".
#[test]
fn arguments_without_a_value_are_ignored() {
    let parsed = Parser::new().parse_ast("{ required(i i: 1) }", "document").expect("no error");
    assert_eq!(parsed.serialize().no_indent().to_string(), "{ required(i: 1) }");
}

/// "`$i: Int = null` is accepted for an argument of type `Int!`. Expected (section 5.8.5): an error, since
/// `hasNonNullVariableDefaultValue` is false; `is_variable_usage_allowed` tests whether there is a default".
#[test]
fn a_null_default_allows_a_variable_in_a_non_null_position() {
    assert!(!is_accepted("query($i: Int) { required(i: $i) }"));
    assert!(is_accepted("query($i: Int = null) { required(i: $i) }"));
}

/// "`subscription { event event }` is rejected. Expected (section 5.2.4.1): it is valid, since the grouped field
/// set has one entry".
#[test]
fn a_repeated_root_field_of_a_subscription_is_counted_twice() {
    assert!(is_accepted("subscription { event }"));
    let failed = ExecutableDocument::parse_and_validate(
        &schema(),
        "subscription { event event }",
        "document",
    );
    let errors = failed.expect_err("an error").errors;
    assert!(errors.iter().all(|error| is_about_root_fields(&error.error.to_string())));
}

/// "`{ object(o: { a: 1, a: 2 }) }` is accepted. Expected (section 5.6.3): an error".
#[test]
fn an_input_object_can_repeat_a_field() {
    assert!(is_accepted("{ object(o: { a: 1, a: 2 }) }"));
}

/// "`{ list(l: [1]) list(l: [1, 2]) }` is accepted. Expected (section 5.3.2): the fields conflict; `same_value`
/// zips the lists without a comparison of their lengths".
#[test]
fn a_list_equals_its_prefix() {
    assert!(!is_accepted("{ list(l: [1]) list(l: [2]) }"));
    assert!(is_accepted("{ list(l: [1]) list(l: [1, 2]) }"));
}

/// "A schema cannot define how a custom scalar is coerced. Expected (sections 3.5, 5.6.1 and 6.1.2): literals
/// and values of variables that the scalar does not accept are errors".
#[test]
fn a_custom_scalar_accepts_any_value() {
    assert!(is_accepted("{ date(d: { a: [5] }) }"));
    let coerced = coerce("query($d: Date) { date(d: $d) }", "d", JsonValue::from(5));
    assert!(coerced.is_ok());
}

/// "The error of a value that cannot be coerced contains the value, which may be a secret, and has no location.
/// Expected: the location of the variable (section 7.1.4)".
#[test]
fn errors_of_coercion_contain_the_value_but_no_location() {
    let coerced = coerce("query($i: Int!) { required(i: $i) }", "i", JsonValue::from("secret"));
    let error = coerced.expect_err("an error");
    assert!(error.message().to_string().contains("secret"));
    assert!(error.location().is_none());
}

/// "Introspection can nest without a limit. graphql-js rejects this with `MaxIntrospectionDepthRule`".
#[test]
fn validation_does_not_limit_introspection() {
    let fields = "fields { type { ".repeat(4) + "name" + &" } }".repeat(4);
    assert!(is_accepted(&format!("{{ __type(name: \"Query\") {{ {fields} }} }}")));
}

fn coerce(
    document: &str,
    variable: &str,
    value: JsonValue,
) -> Result<Valid<JsonMap>, request::RequestError> {
    let schema = schema();
    let document = ExecutableDocument::parse_and_validate(&schema, document, "document");
    let document = document.expect("a document");
    let operation = document.operations.get(None).expect("an operation");
    let values = JsonMap::from_iter([(variable.into(), value)]);
    request::coerce_variable_values(&schema, operation, &values)
}
