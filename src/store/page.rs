//! Keyset pagination, independent of the database: which rows to query, and what the page contains.

/// The end of a list from which a page is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// `first`.
    Front,
    /// `last`.
    Back,
}

/// A part of a list: at most `limit` rows from one end of the range between two positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageRequest<P> {
    pub(crate) limit: usize,
    pub(crate) end: End,
    /// Only rows after this position.
    pub(crate) after: Option<P>,
    /// Only rows before this position.
    pub(crate) before: Option<P>,
}

/// The rows of a page, in the order of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<T>,
    /// Whether the range has more rows than the limit.
    pub(crate) more: bool,
}

/// Whether the list has rows beyond one end of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HasMore<P> {
    /// Known from the page itself.
    Known(bool),
    /// True if the list has a row at this position or after it.
    AnyFrom(P),
    /// True if the list has a row at this position or before it.
    AnyUpTo(P),
}

impl<P: Clone> PageRequest<P> {
    /// How many rows to query: one more than the limit shows whether there are more.
    pub(crate) fn fetch_limit(&self) -> usize {
        self.limit + 1
    }

    /// Makes a page from the rows of the query. They are in query order: forwards from the start of the
    /// range, or backwards from its end.
    pub(crate) fn collect<T>(&self, mut rows: Vec<T>) -> Page<T> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        if self.end == End::Back {
            rows.reverse();
        }
        Page { rows, more }
    }

    /// Whether the list has rows after the page.
    pub(crate) fn next(&self, more: bool) -> HasMore<P> {
        match (self.end, &self.before) {
            (End::Front, _) if more => HasMore::Known(true),
            (_, Some(before)) => HasMore::AnyFrom(before.clone()),
            (_, None) => HasMore::Known(false),
        }
    }

    /// Whether the list has rows before the page.
    pub(crate) fn previous(&self, more: bool) -> HasMore<P> {
        match (self.end, &self.after) {
            (End::Back, _) if more => HasMore::Known(true),
            (_, Some(after)) => HasMore::AnyUpTo(after.clone()),
            (_, None) => HasMore::Known(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rows of a list 0, 1, 2 … as a database would return them.
    fn query(length: usize, request: &PageRequest<usize>) -> Page<usize> {
        let between = (0..length)
            .filter(|row| request.after.is_none_or(|after| *row > after))
            .filter(|row| request.before.is_none_or(|before| *row < before));
        let rows = request.fetch_limit();
        request.collect(match request.end {
            End::Front => between.take(rows).collect(),
            End::Back => between.rev().take(rows).collect(),
        })
    }

    fn holds(length: usize, beyond: &HasMore<usize>) -> bool {
        match beyond {
            HasMore::Known(known) => *known,
            HasMore::AnyFrom(position) => (0..length).any(|row| row >= *position),
            HasMore::AnyUpTo(position) => (0..length).any(|row| row <= *position),
        }
    }

    proptest! {
        #[test]
        fn has_next_and_has_previous_are_exact(
            length in 0usize..30,
            limit in 1usize..12,
            from_start: bool,
            after in prop::option::of(0usize..32),
            before in prop::option::of(0usize..32),
        ) {
            let end = if from_start { End::Front } else { End::Back };
            let request = PageRequest { limit, end, after, before };
            let page = query(length, &request);
            prop_assert!(page.rows.len() <= limit);
            prop_assert!(page.rows.is_sorted());
            if let (Some(first), Some(last)) = (page.rows.first(), page.rows.last()) {
                prop_assert_eq!(holds(length, &request.next(page.more)), last + 1 < length);
                prop_assert_eq!(holds(length, &request.previous(page.more)), *first > 0);
            }
        }

        #[test]
        fn paging_returns_every_row_once(length in 0usize..60, limit in 1usize..9, from_start: bool) {
            let end = if from_start { End::Front } else { End::Back };
            let mut request = PageRequest { limit, end, after: None, before: None };
            let mut seen = Vec::new();
            loop {
                let page = query(length, &request);
                match end {
                    End::Front => {
                        seen.extend(&page.rows);
                        request.after = page.rows.last().copied();
                    }
                    End::Back => {
                        seen.splice(0..0, page.rows.iter().copied());
                        request.before = page.rows.first().copied();
                    }
                }
                if !page.more {
                    break;
                }
            }
            prop_assert_eq!(seen, (0..length).collect::<Vec<_>>());
        }
    }
}
