//! Selections of a parsed document with their fragments expanded: size, cycles and root fields.
//!
//! If each fragment spreads the next one twice, 25 levels take 833 bytes and half a minute to walk. So the
//! expanded size of each fragment is computed once and cached.

use std::collections::{BTreeMap, HashMap};

use apollo_compiler::ast::{Definition, Document, FragmentSpread, Selection};
use apollo_compiler::{Name, Node};
use async_graphql::ServerError;

use super::syntax::LineIndex;
use crate::graphql::error::{ErrorCode, server_error};

/// The size of a selection set.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SelectionSize {
    pub(super) selections: u64,
    pub(super) aliases: u64,
    /// The nesting of fields.
    pub(super) depth: u64,
    /// The nesting of selections of any kind.
    pub(super) nesting: u64,
}

impl SelectionSize {
    /// The combined size of two selection sets.
    pub(super) fn and(self, other: Self) -> Self {
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

/// Expands the fragments of a parsed document. This traversal is not `syntax::walk`: it follows the spreads of
/// fragments.
pub(super) struct FragmentExpander<'a> {
    text: &'a str,
    bodies: HashMap<&'a str, &'a [Selection]>,
    /// The expanded size of each fragment; `None` while it is being computed.
    sizes: HashMap<&'a str, Option<SelectionSize>>,
    /// The spreads that lead to the current fragment.
    spreads: Vec<&'a Node<FragmentSpread>>,
}

impl<'a> FragmentExpander<'a> {
    /// # Errors
    /// If two fragments have the same name.
    pub(super) fn new(text: &'a str, document: &'a Document) -> Result<Self, ServerError> {
        let mut bodies = HashMap::new();
        for definition in &document.definitions {
            if let Definition::FragmentDefinition(fragment) = definition
                && bodies.insert(fragment.name.as_str(), &*fragment.selection_set).is_some()
            {
                return Err(repeated_name(text, &fragment.name));
            }
        }
        Ok(Self { text, bodies, sizes: HashMap::new(), spreads: Vec::new() })
    }

    /// The expanded size of a selection set. Visits each fragment once.
    ///
    /// # Errors
    /// If a fragment contains itself.
    pub(super) fn size(&mut self, set: &'a [Selection]) -> Result<SelectionSize, ServerError> {
        let mut size = SelectionSize::default();
        for selection in set {
            size = size.and(match selection {
                Selection::Field(field) => {
                    let mut size = self.size(field.selection_set.as_deref().unwrap_or(&[]))?;
                    size.aliases = size.aliases.saturating_add(field.alias.is_some().into());
                    size.within(1)
                }
                Selection::InlineFragment(fragment) => {
                    self.size(&fragment.selection_set)?.within(0)
                }
                Selection::FragmentSpread(spread) => {
                    self.spreads.push(spread);
                    let size = self.fragment_size(&spread.fragment_name)?.within(0);
                    self.spreads.pop();
                    size
                }
            });
        }
        Ok(size)
    }

    /// The expanded size of a fragment.
    ///
    /// # Errors
    /// If it contains itself.
    pub(super) fn fragment_size(&mut self, name: &'a str) -> Result<SelectionSize, ServerError> {
        match self.sizes.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(self.cycle(name)),
            None => {}
        }
        // Validation reports an unknown fragment.
        let Some(body) = self.bodies.get(name).copied() else {
            return Ok(SelectionSize::default());
        };
        self.sizes.insert(name, None);
        let size = self.size(body)?;
        self.sizes.insert(name, Some(size));
        Ok(size)
    }

    /// The names of the root fields in a selection set, by response key. Visits a fragment at each of its
    /// spreads, so sizes must be limited before.
    pub(super) fn root_fields(&self, set: &'a [Selection]) -> BTreeMap<&'a str, &'a str> {
        let mut fields = BTreeMap::new();
        for selection in set {
            let inner = match selection {
                Selection::Field(field) => {
                    let key = field.alias.as_ref().unwrap_or(&field.name);
                    fields.insert(key.as_str(), field.name.as_str());
                    continue;
                }
                Selection::InlineFragment(fragment) => Some(&*fragment.selection_set),
                Selection::FragmentSpread(spread) => {
                    self.bodies.get(spread.fragment_name.as_str()).copied()
                }
            };
            fields.extend(inner.into_iter().flat_map(|inner| self.root_fields(inner)));
        }
        fields
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
