//! The syntax of documents: tokens, positions, and the traversal of a parsed document as it is written.

use apollo_compiler::Node;
use apollo_compiler::ast::{
    Definition, DirectiveList, Document, FragmentDefinition, OperationDefinition, Selection, Value,
};
use apollo_compiler::parser::SourceSpan;
use apollo_parser::{Lexer, Token, TokenKind};
use async_graphql::Pos;

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
