//! Looks a document over before anything walks it.
//!
//! A fragment that spreads another twice, which spreads another twice …: 25 levels take 833 bytes
//! and half a minute to walk. So what each fragment expands to is computed once and remembered.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, ServerError};

use super::error::{ErrorCode, server_error};

/// Refuses a document whose fragments contain themselves, or that has more than `most` selections
/// once its fragments are expanded.
pub(super) fn check(document: &ExecutableDocument, most: u64) -> Result<(), ServerError> {
    let mut expansion = Expansion { document, fragments: HashMap::new() };
    let mut selections = 0u64;
    for (_, operation) in document.operations.iter() {
        let set = &operation.node.selection_set.node;
        selections = selections.saturating_add(expansion.of(set)?);
    }
    if selections > most {
        let message = format!("The document selects more than {most} fields.");
        return Err(server_error(ErrorCode::QueryTooComplex, message));
    }
    Ok(())
}

struct Expansion<'a> {
    document: &'a ExecutableDocument,
    /// What each fragment expands to; none while that is being found out.
    fragments: HashMap<&'a Name, Option<u64>>,
}

impl<'a> Expansion<'a> {
    fn of(&mut self, set: &'a SelectionSet) -> Result<u64, ServerError> {
        let mut selections = 0u64;
        for selection in &set.items {
            let inner = match &selection.node {
                Selection::Field(field) => self.of(&field.node.selection_set.node)?,
                Selection::InlineFragment(fragment) => {
                    self.of(&fragment.node.selection_set.node)?
                }
                Selection::FragmentSpread(spread) => {
                    self.of_fragment(&spread.node.fragment_name.node)?
                }
            };
            selections = selections.saturating_add(inner).saturating_add(1);
        }
        Ok(selections)
    }

    fn of_fragment(&mut self, name: &'a Name) -> Result<u64, ServerError> {
        match self.fragments.get(name) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => {
                let message = "A fragment cannot contain itself.";
                return Err(server_error(ErrorCode::GraphqlValidationFailed, message));
            }
            None => {}
        }
        // An unknown fragment is for validation to name.
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(0);
        };
        self.fragments.insert(name, None);
        let selections = self.of(&fragment.node.selection_set.node)?;
        self.fragments.insert(name, Some(selections));
        Ok(selections)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::Value;
    use async_graphql::parser::parse_query;

    use super::*;

    fn refusal(document: &str) -> Option<Value> {
        let document = parse_query(document).expect("a document");
        let error = check(&document, 2_000).err()?;
        error.extensions.and_then(|extensions| extensions.get("code").cloned())
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
    fn doubling_fragments_are_counted_not_walked() {
        assert_eq!(refusal(&doubling(4)), None);
        for levels in [12, 25, 60, 400] {
            assert_eq!(refusal(&doubling(levels)), Some("QUERY_TOO_COMPLEX".into()), "{levels}");
        }
    }

    #[test]
    fn a_fragment_that_contains_itself_is_refused() {
        let circle = "{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...A ...A }";
        assert_eq!(refusal(circle), Some("GRAPHQL_VALIDATION_FAILED".into()));
    }

    #[test]
    fn the_limit_is_exact() {
        let fields = |number: usize| format!("{{ {} }}", "__typename ".repeat(number));
        assert_eq!(refusal(&fields(2_000)), None);
        assert_eq!(refusal(&fields(2_001)), Some("QUERY_TOO_COMPLEX".into()));
    }
}
