//! Checks the size of a document before validation and conversion walk it, and the number of root fields of
//! its operations.

use std::collections::BTreeMap;

use apollo_compiler::Node;
use apollo_compiler::ast::{
    Definition, DirectiveList, Document, FragmentDefinition, OperationDefinition, OperationType,
    Type, Value,
};
use async_graphql::ServerError;

use super::syntax::{FragmentExpander, SelectionSize, Visitor, walk};
use crate::config::Limits;
use crate::graphql::error::{ErrorCode, server_error};

/// How deep selections may nest, including fragments: the executor walks them recursively.
const MAX_NESTING: u64 = 32;

/// Root fields that sign in or verify credentials.
const SIGN_IN: [&str; 4] = ["register", "login", "refreshToken", "changePassword"];

/// The root fields of an operation. Each is like a separate request. A repeated field counts once, because it is
/// executed once.
pub(super) struct RootFields<'a> {
    kind: OperationType,
    /// Their names, by response key.
    names: BTreeMap<&'a str, &'a str>,
}

/// Number of root fields of an operation that are rate-limited by client address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuthAttempts {
    /// `login`. For `refreshToken`, only failed calls count, after they have run.
    pub(crate) sign_ins: u32,
    pub(crate) registrations: u32,
}

/// Rejects a document that has too many parts, or a fragment that contains itself. Also rejects one that,
/// after its fragments are expanded, has too many selections, aliases or root fields, or nests too deep.
/// Returns the root fields of each operation, in the order of the document.
pub(super) fn check<'a>(
    text: &'a str,
    document: &'a Document,
    limits: &Limits,
) -> Result<Vec<RootFields<'a>>, ServerError> {
    let mut counts = DocumentCounts::default();
    walk(document, &mut counts);
    counts.check(limits)?;
    let mut fragments = FragmentExpander::new(text, document)?;
    check_size(document, &mut fragments, limits)?;
    let root_fields: Vec<_> = operations(document)
        .map(|operation| RootFields {
            kind: operation.operation_type,
            names: fragments.root_fields(&operation.selection_set),
        })
        .collect();
    root_fields.iter().try_for_each(|fields| fields.check(limits))?;
    Ok(root_fields)
}

fn operations(document: &Document) -> impl Iterator<Item = &Node<OperationDefinition>> {
    document.definitions.iter().filter_map(|definition| match definition {
        Definition::OperationDefinition(operation) => Some(operation),
        _ => None,
    })
}

/// Checks the size of the selections, with fragments expanded.
fn check_size<'a>(
    document: &'a Document,
    fragments: &mut FragmentExpander<'a>,
    limits: &Limits,
) -> Result<(), ServerError> {
    let (mut whole, mut largest_fragment, mut most_aliases) = (SelectionSize::default(), 0, 0);
    // Fragments first: like graphql-js, a cycle is reported from its first fragment in the document.
    for definition in &document.definitions {
        // Unused fragments count too, because validation walks them.
        if let Definition::FragmentDefinition(fragment) = definition {
            let size = fragments.fragment_size(&fragment.name)?;
            largest_fragment = largest_fragment.max(size.selections);
        }
    }
    for operation in operations(document) {
        let size = fragments.size(&operation.selection_set)?;
        most_aliases = most_aliases.max(size.aliases);
        whole = whole.and(size);
    }
    if whole.selections.max(largest_fragment) > limits.expanded_selections {
        let message =
            format!("The document has more than {} selections.", limits.expanded_selections);
        return Err(server_error(ErrorCode::QueryTooComplex, message));
    }
    if most_aliases > limits.aliases {
        let message = format!("An operation can have at most {} aliases.", limits.aliases);
        return Err(server_error(ErrorCode::TooManyAliases, message));
    }
    for (number, max, what) in [
        (whole.depth, limits.depth, "Fields can nest"),
        (whole.nesting, MAX_NESTING, "Fields and fragments together can nest"),
    ] {
        if number > max {
            let message = format!("{what} at most {max} levels deep.");
            return Err(server_error(ErrorCode::QueryTooDeep, message));
        }
    }
    Ok(())
}

impl RootFields<'_> {
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether `__schema` or `__type` is selected.
    pub(super) fn use_introspection(&self) -> bool {
        self.count(&["__schema", "__type"]) > 0
    }

    pub(super) fn auth_attempts(&self) -> AuthAttempts {
        if self.kind != OperationType::Mutation {
            return AuthAttempts::default();
        }
        let count = |names| u32::try_from(self.count(names)).unwrap_or(u32::MAX);
        AuthAttempts { sign_ins: count(&["login"]), registrations: count(&["register"]) }
    }

    /// The number of fields with one of these names.
    fn count(&self, names: &[&str]) -> usize {
        self.names.values().filter(|name| names.contains(*name)).count()
    }

    /// The limit is lowest for fields that could be used to guess passwords and tokens.
    fn check(&self, limits: &Limits) -> Result<(), ServerError> {
        let is_mutation = self.kind == OperationType::Mutation;
        let (mutations, sign_ins) = match is_mutation {
            true => (self.len(), self.count(&SIGN_IN)),
            false => (0, 0),
        };
        for (number, max, what) in [
            (self.len(), limits.root_fields, "root fields"),
            (mutations, limits.mutation_root_fields, "mutations"),
            (
                sign_ins,
                limits.auth_mutations,
                "of the fields register, login, refreshToken and changePassword",
            ),
        ] {
            if number > max {
                let message = format!("An operation can have at most {max} {what}.");
                return Err(server_error(ErrorCode::QueryTooComplex, message));
            }
        }
        Ok(())
    }
}

/// The number of parts of a document, and how deep its literals and types nest. Validation visits these parts
/// repeatedly, so they must be bounded first.
#[derive(Debug, Default)]
struct DocumentCounts {
    operations: usize,
    fragments: usize,
    variables: usize,
    directives: usize,
    /// The nesting of the deepest literal or type.
    nesting: usize,
}

impl DocumentCounts {
    fn check(&self, limits: &Limits) -> Result<(), ServerError> {
        for (number, max, what) in [
            (self.operations, limits.operations, "operations"),
            (self.fragments, limits.fragments, "fragments"),
            (self.variables, limits.variables, "variables"),
            (self.directives, limits.directives, "directives"),
            (self.nesting, limits.literal_nesting, "levels of nested lists and objects"),
        ] {
            if number > max {
                let message = format!("A document can have at most {max} {what}.");
                return Err(server_error(ErrorCode::QueryTooComplex, message));
            }
        }
        Ok(())
    }
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

    fn error(text: &str) -> Option<ServerError> {
        let document = Parser::new().parse_ast(text, "document").expect("a document");
        check(text, &document, &Limits::default()).err()
    }

    fn error_code(document: &str) -> Option<&'static str> {
        let error = error(document)?;
        error.source::<ErrorCode>().map(|code| code.as_str())
    }

    fn doubling(levels: usize) -> String {
        let mut document = "{ ...F0 }".to_owned();
        for level in 0..levels {
            let next = level + 1;
            document += &format!("fragment F{level} on Query {{ ...F{next} ...F{next} }}");
        }
        document + &format!("fragment F{levels} on Query {{ __typename }}")
    }

    #[test]
    fn doubling_fragments_are_counted_without_expansion() {
        assert_eq!(error_code(&doubling(4)), None);
        for levels in [12, 25, 60, 400] {
            assert_eq!(error_code(&doubling(levels)), Some("QUERY_TOO_COMPLEX"), "{levels}");
        }
        let unused = doubling(25).replace("{ ...F0 }", "{ __typename }");
        assert_eq!(error_code(&unused), Some("QUERY_TOO_COMPLEX"));
    }

    #[test]
    fn fragments_with_the_same_name_are_rejected_before_they_are_expanded() {
        let (cycle, leaf) = ("fragment A on Query { ...A }", "fragment A on Query { __typename }");
        for document in [format!("{{ ...A }} {cycle} {leaf}"), format!("{{ ...A }} {leaf} {cycle}")]
        {
            assert_eq!(error_code(&document), Some("GRAPHQL_VALIDATION_FAILED"), "{document}");
        }
        // A second definition of each fragment hides the doubling chain.
        let leaves: String =
            (0..24).map(|level| format!("fragment F{level} on Query {{ __typename }}")).collect();
        assert_eq!(error_code(&(doubling(24) + &leaves)), Some("GRAPHQL_VALIDATION_FAILED"));
    }

    #[test]
    fn fragments_count_once_per_spread() {
        let fields = "__typename ".repeat(60);
        let chain: String = (0..25)
            .map(|it| format!("fragment F{it} on Query {{ {fields} ...F{} }}", it + 1))
            .collect();
        let document = format!("{{ ...F0 }} {chain} fragment F25 on Query {{ __typename }}");
        assert_eq!(error_code(&document), None);
        assert_eq!(
            error_code(&document.replace("...F0", "...F0 ...F0")),
            Some("QUERY_TOO_COMPLEX")
        );
    }

    #[test]
    fn fragment_cycles_are_rejected() {
        let circle = "{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...A ...A }";
        assert_eq!(error_code(circle), Some("GRAPHQL_VALIDATION_FAILED"));
        let apart = "{ __typename } fragment A on Query { ...A }";
        assert_eq!(error_code(apart), Some("GRAPHQL_VALIDATION_FAILED"));
        let columns = |document| {
            let locations = error(document).expect("an error").locations;
            locations.iter().map(|pos| pos.column).collect::<Vec<_>>()
        };
        assert_eq!(columns("{ ...A } fragment A on Query { ...A }"), [32]);
        // As graphql-js has them: from the first fragment of the cycle in the document.
        let circle = "{ ...B } fragment A on Query { ...B } fragment B on Query { ...A }";
        assert_eq!(columns(circle), [32, 61]);
        let later = "{ ...C } fragment C on Query { ...A } fragment A on Query { a { ...A } }";
        assert_eq!(columns(later), [65]);
    }

    #[test]
    fn depth_limit_is_exact() {
        let nested = |open: &str, levels: usize| {
            format!("{{ {} x {} }}", open.repeat(levels), "}".repeat(levels))
        };
        assert_eq!(error_code(&nested("a {", 14)), None);
        assert_eq!(error_code(&nested("a {", 15)), Some("QUERY_TOO_DEEP"));
        assert_eq!(error_code(&nested("... {", 30)), None);
        assert_eq!(error_code(&nested("... {", 32)), Some("QUERY_TOO_DEEP"));
    }

    #[test]
    fn selection_limit_is_exact() {
        let fields = |number: usize| format!("{{ {} }}", "__typename ".repeat(number));
        assert_eq!(error_code(&fields(2_000)), None);
        assert_eq!(error_code(&fields(2_001)), Some("QUERY_TOO_COMPLEX"));
    }
    fn is_rejected(document: &str) -> bool {
        error_code(document) == Some("QUERY_TOO_COMPLEX")
    }

    fn many(number: usize, write: impl Fn(usize) -> String) -> String {
        (0..number).map(write).collect()
    }

    #[test]
    fn limits_of_counts_are_exact() {
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
            assert!(!is_rejected(&at_the_limit), "{most}: {at_the_limit}");
            assert!(is_rejected(&one_past_it), "{most}: {one_past_it}");
        }
    }
}
