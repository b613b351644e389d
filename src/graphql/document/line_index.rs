//! Lines and columns in a document (GraphQL specification, section 7.1.4: both count from 1).

use async_graphql::Pos;

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
