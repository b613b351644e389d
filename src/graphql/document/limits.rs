//! Checks the size of a document before anything walks it.
//!
//! If each fragment spreads the next one twice, 25 levels take 833 bytes and half a minute to walk. So the
//! expanded size of each fragment is computed once and cached.

use std::collections::HashMap;

use apollo_compiler::ast::{Definition, Document, FragmentSpread, Selection};
use apollo_compiler::{Name, Node};
use async_graphql::ServerError;

use super::line_index::LineIndex;
use super::{counts, root_fields};
use crate::config::Limits;
use crate::graphql::error::{ErrorCode, server_error};

/// How deep selections may nest, including fragments: the executor walks them recursively.
const MAX_NESTING: u64 = 32;

/// Rejects a document that has too many parts, or a fragment that contains itself. Also rejects one that,
/// after its fragments are expanded, has too many selections, aliases or root fields, or nests too deep.
pub(super) fn check(text: &str, document: &Document, limits: &Limits) -> Result<(), ServerError> {
    counts::check(document, limits)?;
    let mut bodies = HashMap::new();
    for definition in &document.definitions {
        if let Definition::FragmentDefinition(fragment) = definition
            && bodies.insert(fragment.name.as_str(), &*fragment.selection_set).is_some()
        {
            return Err(repeated_name(text, &fragment.name));
        }
    }
    let mut expansion =
        FragmentExpander { text, bodies, known: HashMap::new(), spreads: Vec::new() };
    let (mut whole, mut largest_fragment, mut most_aliases) = (SelectionSize::default(), 0, 0);
    // Fragments first: like graphql-js, a cycle is reported from its first fragment in the document.
    for definition in &document.definitions {
        // Unused fragments count too, because validation walks them.
        if let Definition::FragmentDefinition(fragment) = definition {
            let size = expansion.of_fragment(&fragment.name)?;
            largest_fragment = largest_fragment.max(size.selections);
        }
    }
    for definition in &document.definitions {
        if let Definition::OperationDefinition(operation) = definition {
            let size = expansion.of(&operation.selection_set)?;
            most_aliases = most_aliases.max(size.aliases);
            whole = whole.and(size);
        }
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
    for (deep, most, what) in [
        (whole.depth, limits.depth, "Fields can nest"),
        (whole.nesting, MAX_NESTING, "Fields and fragments together can nest"),
    ] {
        if deep > most {
            let message = format!("{what} at most {most} levels deep.");
            return Err(server_error(ErrorCode::QueryTooDeep, message));
        }
    }
    root_fields::check(document, limits)
}

/// The size of a selection set.
#[derive(Clone, Copy, Debug, Default)]
struct SelectionSize {
    selections: u64,
    aliases: u64,
    /// The nesting of fields.
    depth: u64,
    /// The nesting of selections of any kind.
    nesting: u64,
}

impl SelectionSize {
    /// The combined size of two selection sets.
    fn and(self, other: Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            aliases: self.aliases.saturating_add(other.aliases),
            depth: self.depth.max(other.depth),
            nesting: self.nesting.max(other.nesting),
        }
    }

    /// The size of a selection that contains this one. `fields` is 1 for a field and 0 for a fragment.
    fn within(self, fields: u64) -> Self {
        Self {
            selections: self.selections.saturating_add(1),
            aliases: self.aliases,
            depth: self.depth + fields,
            nesting: self.nesting + 1,
        }
    }
}

/// The error of a second fragment with the same name (section 5.5.1.1). It is raised before fragments are
/// expanded: which of the two a spread means is not defined.
fn repeated_name(text: &str, name: &Name) -> ServerError {
    let message = "The names of fragments must be unique.";
    let mut error = server_error(ErrorCode::GraphqlValidationFailed, message);
    let offset = name.location().map(|span| span.offset());
    error.locations.extend(offset.map(|offset| LineIndex::new(text).at(offset)));
    error
}

struct FragmentExpander<'a> {
    text: &'a str,
    bodies: HashMap<&'a str, &'a [Selection]>,
    /// The expanded size of each fragment; `None` while it is being computed.
    known: HashMap<&'a str, Option<SelectionSize>>,
    /// The spreads that lead to the current fragment.
    spreads: Vec<&'a Node<FragmentSpread>>,
}

impl<'a> FragmentExpander<'a> {
    fn of(&mut self, set: &'a [Selection]) -> Result<SelectionSize, ServerError> {
        let mut size = SelectionSize::default();
        for selection in set {
            size = size.and(match selection {
                Selection::Field(field) => {
                    let mut size = self.of(field.selection_set.as_deref().unwrap_or(&[]))?;
                    size.aliases = size.aliases.saturating_add(field.alias.is_some().into());
                    size.within(1)
                }
                Selection::InlineFragment(fragment) => self.of(&fragment.selection_set)?.within(0),
                Selection::FragmentSpread(spread) => {
                    self.spreads.push(spread);
                    let size = self.of_fragment(&spread.fragment_name)?.within(0);
                    self.spreads.pop();
                    size
                }
            });
        }
        Ok(size)
    }

    fn of_fragment(&mut self, name: &'a str) -> Result<SelectionSize, ServerError> {
        match self.known.get(name) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err(self.cycle(name)),
            None => {}
        }
        // Validation reports an unknown fragment.
        let Some(body) = self.bodies.get(name).copied() else {
            return Ok(SelectionSize::default());
        };
        self.known.insert(name, None);
        let size = self.of(body)?;
        self.known.insert(name, Some(size));
        Ok(size)
    }

    /// The error of a fragment that contains itself, located at each spread of the cycle.
    fn cycle(&self, name: &str) -> ServerError {
        let message = "A fragment cannot contain itself.";
        let mut error = server_error(ErrorCode::GraphqlValidationFailed, message);
        let before = &self.spreads[..self.spreads.len().saturating_sub(1)];
        let entry = before.iter().rposition(|spread| spread.fragment_name == name);
        let spreads = &self.spreads[entry.map_or(0, |entry| entry + 1)..];
        let positions = LineIndex::new(self.text);
        let offsets = spreads.iter().filter_map(|spread| Some(spread.location()?.offset()));
        error.locations.extend(offsets.map(|offset| positions.at(offset)));
        error
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

    fn refusal(document: &str) -> Option<&'static str> {
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
        assert_eq!(refusal(&doubling(4)), None);
        for levels in [12, 25, 60, 400] {
            assert_eq!(refusal(&doubling(levels)), Some("QUERY_TOO_COMPLEX"), "{levels}");
        }
        let unused = doubling(25).replace("{ ...F0 }", "{ __typename }");
        assert_eq!(refusal(&unused), Some("QUERY_TOO_COMPLEX"));
    }

    #[test]
    fn fragments_with_the_same_name_are_rejected_before_they_are_expanded() {
        let (cycle, leaf) = ("fragment A on Query { ...A }", "fragment A on Query { __typename }");
        for document in [format!("{{ ...A }} {cycle} {leaf}"), format!("{{ ...A }} {leaf} {cycle}")]
        {
            assert_eq!(refusal(&document), Some("GRAPHQL_VALIDATION_FAILED"), "{document}");
        }
        // A second definition of each fragment hides the doubling chain.
        let leaves: String =
            (0..24).map(|level| format!("fragment F{level} on Query {{ __typename }}")).collect();
        assert_eq!(refusal(&(doubling(24) + &leaves)), Some("GRAPHQL_VALIDATION_FAILED"));
    }

    #[test]
    fn fragments_count_once_per_spread() {
        let fields = "__typename ".repeat(60);
        let chain: String = (0..25)
            .map(|it| format!("fragment F{it} on Query {{ {fields} ...F{} }}", it + 1))
            .collect();
        let document = format!("{{ ...F0 }} {chain} fragment F25 on Query {{ __typename }}");
        assert_eq!(refusal(&document), None);
        assert_eq!(refusal(&document.replace("...F0", "...F0 ...F0")), Some("QUERY_TOO_COMPLEX"));
    }

    #[test]
    fn fragment_cycles_are_rejected() {
        let circle = "{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...A ...A }";
        assert_eq!(refusal(circle), Some("GRAPHQL_VALIDATION_FAILED"));
        let apart = "{ __typename } fragment A on Query { ...A }";
        assert_eq!(refusal(apart), Some("GRAPHQL_VALIDATION_FAILED"));
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
        assert_eq!(refusal(&nested("a {", 14)), None);
        assert_eq!(refusal(&nested("a {", 15)), Some("QUERY_TOO_DEEP"));
        assert_eq!(refusal(&nested("... {", 30)), None);
        assert_eq!(refusal(&nested("... {", 32)), Some("QUERY_TOO_DEEP"));
    }

    #[test]
    fn selection_limit_is_exact() {
        let fields = |number: usize| format!("{{ {} }}", "__typename ".repeat(number));
        assert_eq!(refusal(&fields(2_000)), None);
        assert_eq!(refusal(&fields(2_001)), Some("QUERY_TOO_COMPLEX"));
    }
}
