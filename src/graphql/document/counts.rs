//! Counts the parts of a document and measures how deep its literals and types nest. Validation visits these
//! parts repeatedly, so they must be bounded first.

use apollo_compiler::Node;
use apollo_compiler::ast::{
    DirectiveList, Document, FragmentDefinition, OperationDefinition, Type, Value,
};
use async_graphql::ServerError;

use super::visit::{Visitor, walk};
use crate::config::Limits;
use crate::graphql::error::{ErrorCode, server_error};

/// Rejects a document that has too many operations, fragments, variables or directives, or a literal or a
/// type that nests too deep.
pub(super) fn check(document: &Document, limits: &Limits) -> Result<(), ServerError> {
    let mut counts = DocumentCounts::default();
    walk(document, &mut counts);
    for (number, most, what) in [
        (counts.operations, limits.operations, "operations"),
        (counts.fragments, limits.fragments, "fragments"),
        (counts.variables, limits.variables, "variables"),
        (counts.directives, limits.directives, "directives"),
        (counts.nesting, limits.literal_nesting, "levels of nested lists and objects"),
    ] {
        if number > most {
            let message = format!("A document can have at most {most} {what}.");
            return Err(server_error(ErrorCode::QueryTooComplex, message));
        }
    }
    Ok(())
}

#[derive(Debug, Default)]
struct DocumentCounts {
    operations: usize,
    fragments: usize,
    variables: usize,
    directives: usize,
    /// The nesting of the deepest literal or type.
    nesting: usize,
}

impl Visitor for DocumentCounts {
    fn operation(&mut self, operation: &Node<OperationDefinition>) {
        self.operations += 1;
        self.variables += operation.variables.len();
        for variable in &operation.variables {
            self.nesting = self.nesting.max(depth_of_type(&variable.ty));
        }
    }

    fn fragment(&mut self, _: &Node<FragmentDefinition>) {
        self.fragments += 1;
    }

    fn directives(&mut self, directives: &DirectiveList) {
        self.directives += directives.len();
    }

    fn value(&mut self, value: &Node<Value>) {
        self.nesting = self.nesting.max(depth_of_value(value));
    }
}

fn depth_of_value(value: &Node<Value>) -> usize {
    let deepest = match &**value {
        Value::List(items) => items.iter().map(depth_of_value).max(),
        Value::Object(fields) => fields.iter().map(|(_, field)| depth_of_value(field)).max(),
        _ => return 0,
    };
    1 + deepest.unwrap_or(0)
}

fn depth_of_type(ty: &Type) -> usize {
    match ty {
        Type::List(inner) | Type::NonNullList(inner) => 1 + depth_of_type(inner),
        Type::Named(_) | Type::NonNullNamed(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use apollo_compiler::parser::Parser;

    use super::*;

    fn is_refused(document: &str) -> bool {
        let document = Parser::new().parse_ast(document, "document").expect("a document");
        check(&document, &Limits::default()).is_err()
    }

    fn many(number: usize, each: impl Fn(usize) -> String) -> String {
        (0..number).map(each).collect()
    }

    #[test]
    fn each_limit_is_exact() {
        let operations = |it| many(it, |it| format!("query A{it} {{ a }} "));
        let fragments = |it| many(it, |it| format!("fragment F{it} on Q {{ a }} ")) + "{ a }";
        let variables = |it| format!("query({}) {{ a }}", many(it, |it| format!("$v{it}: A ")));
        let directives = |it| format!("{{ a {} }}", "@d ".repeat(it));
        let literal = |it: usize| {
            format!("{{ a(b: {{ c: {}1{} }}) }}", "[".repeat(it - 1), "]".repeat(it - 1))
        };
        let ty = |it| format!("query($v: {}A{}) {{ a }}", "[".repeat(it), "]".repeat(it));
        for (most, at_the_limit, one_past_it) in [
            (20, operations(20), operations(21)),
            (50, fragments(50), fragments(51)),
            (100, variables(100), variables(101)),
            (50, directives(50), directives(51)),
            (32, literal(32), literal(33)),
            (32, ty(32), ty(33)),
        ] {
            assert!(!is_refused(&at_the_limit), "{most}: {at_the_limit}");
            assert!(is_refused(&one_past_it), "{most}: {one_past_it}");
        }
    }
}
