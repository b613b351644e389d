//! Documents as they are written: tokens, positions, and two traversals of the parsed document. One visits each
//! part once; the other expands fragments, for the size of the selections, cycles and root fields.

use std::collections::{BTreeMap, HashMap};

use apollo_compiler::ast::{
    Definition, DirectiveList, Document, FragmentDefinition, FragmentSpread, OperationDefinition,
    Selection, Value,
};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node};
use apollo_parser::{Lexer, Token, TokenKind};
use async_graphql::{Pos, ServerError};

use crate::graphql::error::{ErrorCode, server_error};

/// The tokens of a text that are not ignored (GraphQL specification, section 2.1.7).
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let ignored = [TokenKind::Whitespace, TokenKind::Comment, TokenKind::Comma, TokenKind::Eof];
    Lexer::new(text).filter_map(Result::ok).filter(move |it| !ignored.contains(&it.kind()))
}

/// Lines and columns in a document; both count from 1 (GraphQL specification, section 7.1.4).
pub(super) struct LineIndex<'a> {
    text: &'a str,
    /// The byte offset of the start of each line.
    lines: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let ends_line = |index: &usize| match bytes[*index] {
            b'\n' => true,
            b'\r' => bytes.get(index + 1) != Some(&b'\n'),
            _ => false,
        };
        let breaks = (0..bytes.len()).filter(ends_line);
        let lines = std::iter::once(0).chain(breaks.map(|index| index + 1)).collect();
        Self { text, lines }
    }

    /// The line and the column of a byte offset.
    pub(super) fn at(&self, offset: usize) -> Pos {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| self.lines.get(line)).copied();
        let before = self.text.get(start.unwrap_or(0)..offset).unwrap_or_default();
        Pos { line, column: before.chars().count() + 1 }
    }
}

/// Receives the parts of a document.
pub(super) trait Visitor {
    fn operation(&mut self, _: &Node<OperationDefinition>) {}

    fn fragment(&mut self, _: &Node<FragmentDefinition>) {}

    /// A selection set, and the location of the operation, the fragment or the field that it belongs to.
    fn selection_set(&mut self, _: &[Selection], _: Option<SourceSpan>) {}

    fn directives(&mut self, _: &DirectiveList) {}

    /// The value of an argument or the default of a variable, including the values inside it.
    fn value(&mut self, _: &Node<Value>) {}
}

/// Visits operations and fragments as they are written, each part once, without expanding fragments. So it is
/// safe for documents of which only the number of tokens is limited.
pub(super) fn walk(document: &Document, visitor: &mut impl Visitor) {
    for definition in &document.definitions {
        match definition {
            Definition::OperationDefinition(operation) => {
                visitor.operation(operation);
                for variable in &operation.variables {
                    variable.default_value.iter().for_each(|default| visitor.value(default));
                    directives(&variable.directives, visitor);
                }
                directives(&operation.directives, visitor);
                selection_set(&operation.selection_set, operation.location(), visitor);
            }
            Definition::FragmentDefinition(fragment) => {
                visitor.fragment(fragment);
                directives(&fragment.directives, visitor);
                selection_set(&fragment.selection_set, fragment.location(), visitor);
            }
            _ => {}
        }
    }
}

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

/// Expands the fragments of a parsed document. Unlike `walk`, this traversal follows the spreads of fragments.
///
/// If each fragment spreads the next one twice, 25 levels take 833 bytes and half a minute to walk. So the
/// expanded size of each fragment is computed once and cached.
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

fn selection_set(set: &[Selection], location: Option<SourceSpan>, visitor: &mut impl Visitor) {
    visitor.selection_set(set, location);
    for selection in set {
        match selection {
            Selection::Field(field) => {
                field.arguments.iter().for_each(|argument| visitor.value(&argument.value));
                directives(&field.directives, visitor);
                if let Some(set) = &field.selection_set {
                    selection_set(set, field.location(), visitor);
                }
            }
            Selection::InlineFragment(fragment) => {
                directives(&fragment.directives, visitor);
                selection_set(&fragment.selection_set, fragment.location(), visitor);
            }
            Selection::FragmentSpread(spread) => directives(&spread.directives, visitor),
        }
    }
}

fn directives(list: &DirectiveList, visitor: &mut impl Visitor) {
    visitor.directives(list);
    let arguments = list.iter().flat_map(|directive| &directive.arguments);
    arguments.for_each(|argument| visitor.value(&argument.value));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_one_based_and_count_characters() {
        let positions = LineIndex::new("{\n  é x\r\n}");
        let at = |offset| {
            let pos = positions.at(offset);
            (pos.line, pos.column)
        };
        assert_eq!((at(0), at(2), at(4), at(7)), ((1, 1), (2, 1), (2, 3), (2, 5)));
        assert_eq!((at(10), at(11), at(99)), ((3, 1), (3, 2), (3, 1)));
    }

    #[test]
    fn a_lone_carriage_return_ends_a_line() {
        let positions = LineIndex::new("{\r a\r\n b\r}");
        let line = |offset| positions.at(offset).line;
        assert_eq!((line(0), line(3), line(7), line(9)), (1, 2, 3, 4));
    }
}
