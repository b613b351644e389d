//! Whether a document answers with some member twice.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned};

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// Whether two fields anywhere answer under the same name, so that their answers have to be merged
/// (GraphQL specification, section 6.3.2). Of types that exclude each other it says so too.
pub(super) fn any(document: &ExecutableDocument) -> bool {
    let mut operations = document.operations.iter();
    operations.any(|(_, it)| any_in(&it.node.selection_set.node, &document.fragments))
}

fn any_in(set: &SelectionSet, fragments: &Fragments) -> bool {
    let (mut fields, mut names) = (Vec::new(), HashSet::new());
    collect(set, fragments, &mut fields);
    fields.iter().any(|field| {
        !names.insert(&field.response_key().node) || any_in(&field.selection_set.node, fragments)
    })
}

/// Fragments that contain themselves have been refused before.
fn collect<'a>(set: &'a SelectionSet, fragments: &'a Fragments, fields: &mut Vec<&'a Field>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => fields.push(&field.node),
            Selection::InlineFragment(fragment) => {
                collect(&fragment.node.selection_set.node, fragments, fields);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = fragments.get(&spread.node.fragment_name.node) {
                    collect(&fragment.node.selection_set.node, fragments, fields);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn what_stands_there_twice_is_found_wherever_it_stands() {
        for (repeats, text) in [
            (false, "{ a { b c } d: a { b } }"),
            (false, "{ a { b ...F } } fragment F on A { c { b } }"),
            (true, "{ a a }"),
            (true, "{ a { b } c { d { e e } } }"),
            (true, "{ a b: c ... { b } }"),
            (true, "{ a { ...F } } fragment F on A { b ... on B { b } }"),
            (true, "{ a { ...F ...F } } fragment F on A { b }"),
        ] {
            assert_eq!(any(&parse_query(text).expect("a document")), repeats, "{text}");
        }
    }
}
