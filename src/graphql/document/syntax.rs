//! The syntax of documents, exactly as specified (GraphQL specification, section 2).

use apollo_compiler::ast::{Definition, Document, Selection};
use apollo_compiler::parser::Parser;
use apollo_parser::{Lexer, Token, TokenKind};
use async_graphql::ServerError;

use super::SOURCE;
use super::line_index::LineIndex;
use crate::graphql::error::{ErrorCode, server_error};

/// The number of tokens of a document. Counting stops at `most` + 1.
pub(super) fn count_tokens(text: &str, most: usize) -> usize {
    tokens(text).take(most + 1).count()
}

/// Parses a document. A syntax error has a position but does not contain the text there, because responses
/// never repeat the document.
pub(super) fn parse(text: &str) -> Result<Document, ServerError> {
    let document = Parser::new().parse_ast(text, SOURCE).map_err(|failed| {
        use apollo_compiler::diagnostic::ToCliReport;

        let first = failed.errors.iter().next().and_then(|first| first.error.location());
        error(text, first.map_or(text.len(), |place| place.offset()))
    })?;
    match first_unread(text, &document) {
        Some(place) => Err(error(text, place)),
        None => Ok(document),
    }
}

fn error(text: &str, place: usize) -> ServerError {
    let pos = LineIndex::new(text).at(place);
    let message = format!("Syntax error in line {}, column {}.", pos.line, pos.column);
    let mut error = server_error(ErrorCode::GraphqlParseFailed, message);
    error.locations.push(pos);
    error
}

/// The position of the first text that the parser has ignored: apollo-parser 0.9.0-beta.2 parses
/// `(first first: 1)` as `(first: 1)`, and it accepts empty selection sets. So the parsed document is
/// serialised again. The first token of the text that differs is the syntax error.
fn first_unread(text: &str, document: &Document) -> Option<usize> {
    let written = document.serialize().no_indent().to_string();
    let (mut text_tokens, mut parsed_tokens) = (tokens(text), tokens(&written));
    loop {
        let (token, expected) = match (text_tokens.next(), parsed_tokens.next()) {
            (None, None) => break,
            (Some(token), Some(expected)) => (token, expected),
            (Some(token), None) => return Some(token.index()),
            (None, Some(_)) => return Some(text.len()),
        };
        // `query { … }` and `{ … }` are the same.
        let (token, expected) = match (token.data(), expected.data()) {
            ("query", "{") => (text_tokens.next().unwrap_or(token), expected),
            ("{", "query") => (token, parsed_tokens.next().unwrap_or(expected)),
            _ => (token, expected),
        };
        let is_same = match token.kind() {
            // The same string can be written in several ways.
            TokenKind::StringValue => expected.kind() == TokenKind::StringValue,
            _ => token.data() == expected.data(),
        };
        if !is_same {
            return Some(token.index());
        }
    }
    first_empty_set(document)
}

fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let ignored = [TokenKind::Whitespace, TokenKind::Comment, TokenKind::Comma, TokenKind::Eof];
    Lexer::new(text).filter_map(Result::ok).filter(move |it| !ignored.contains(&it.kind()))
}

/// The position of the first operation, fragment or field with an empty selection set.
fn first_empty_set(document: &Document) -> Option<usize> {
    fn within(selections: &[Selection], place: usize) -> Option<usize> {
        if selections.is_empty() {
            return Some(place);
        }
        selections.iter().find_map(|selection| match selection {
            Selection::Field(field) => {
                within(field.selection_set.as_deref()?, field.location()?.offset())
            }
            Selection::InlineFragment(fragment) => {
                within(&fragment.selection_set, fragment.location()?.offset())
            }
            Selection::FragmentSpread(_) => None,
        })
    }
    document.definitions.iter().find_map(|definition| match definition {
        Definition::OperationDefinition(it) => within(&it.selection_set, it.location()?.offset()),
        Definition::FragmentDefinition(it) => within(&it.selection_set, it.location()?.offset()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_position(text: &str) -> Option<(usize, usize)> {
        let error = parse(text).err()?;
        error.locations.first().map(|pos| (pos.line, pos.column))
    }

    #[test]
    fn syntax_errors_ignored_by_the_parser_are_located() {
        assert_eq!(error_position("{ books(first first: 1) { totalCount } }"), Some((1, 15)));
        assert_eq!(error_position("{ books(first: null null) { totalCount } }"), Some((1, 21)));
        assert_eq!(error_position("{ a @include(if true) }"), Some((1, 13)));
        assert_eq!(error_position("{\n  viewer { }\n}"), Some((2, 3)));
        assert_eq!(error_position("query A { }"), Some((1, 1)));
        assert_eq!(error_position("{ a"), Some((1, 4)));
        assert_eq!(error_position(""), Some((1, 1)));
    }

    #[test]
    fn every_valid_document_syntax_is_accepted() {
        for text in [
            "query { a }",
            "{ a } { b } query { c }",
            "query{a}query B{b}",
            "query @d { query }",
            "\u{feff}{ a, b,,, c } # end",
            "query Q($a: [Int!]! = [1, -2.5e3] @d, $b: B = { c: \"\\u0041\", d: \"\"\"block\"\"\" }) { a(b: $a) }",
            "mutation { a } subscription { b } fragment F on A @d { ...F ... on B { c } ... @d { e } }",
            "{ a(b: null, c: true, d: E, e: [], f: {}, g: [[1]]) }",
            "{ __typename } type A { b: Int }",
            "\"described\" query A(\"what it is\" $a: Int) { a }",
        ] {
            assert_eq!(error_position(text), None, "{text}");
        }
    }
}
