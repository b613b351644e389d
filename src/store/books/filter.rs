//! Filters for the books of a library.

use std::collections::BTreeSet;
use std::time::Duration;

use sea_orm::DbBackend;

use super::model::Column;
use crate::clock::Timestamp;
use crate::id::BookId;
use crate::input::isbn::Isbn;
use crate::input::reading_status::ReadingStatus;
use crate::input::search::{Search, Word};
use crate::input::tags::Tag;
use crate::store::db::CONTAINS_FUNCTION;
use crate::store::db::sql::Sql;

/// All given conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BookFilter {
    pub(crate) search: Option<Search>,
    pub(crate) isbn: Option<Isbn>,
    pub(crate) min_rating: Option<i32>,
    pub(crate) max_rating: Option<i32>,
    pub(crate) unrated: Option<bool>,
    /// Later than this.
    pub(crate) created_after: Option<Timestamp>,
    /// Earlier than this.
    pub(crate) created_before: Option<Timestamp>,
    /// Any of these; no book matches none.
    pub(crate) status: Option<BTreeSet<ReadingStatus>>,
    /// Regardless of case.
    pub(crate) tag: Option<Tag>,
}

impl BookFilter {
    /// Whether all books match.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many words are searched for.
    pub(crate) fn search_words(&self) -> usize {
        self.search.as_ref().map_or(0, |search| search.words.len())
    }

    /// Appends ` AND …` for each condition.
    pub(super) fn push_conditions(&self, sql: &mut Sql) {
        if let Some(isbn) = &self.isbn {
            sql.push(" AND ").column(Column::Isbn).push(" = ").bind(isbn.clone());
        }
        if let Some(rating) = self.min_rating {
            sql.push(" AND ").column(Column::Rating).push(" >= ").bind(within_column(rating));
        }
        if let Some(rating) = self.max_rating {
            sql.push(" AND ").column(Column::Rating).push(" <= ").bind(within_column(rating));
        }
        if let Some(unrated) = self.unrated {
            sql.push(" AND ").column(Column::Rating);
            sql.push(if unrated { " IS NULL" } else { " IS NOT NULL" });
        }
        if let Some(instant) = self.created_after {
            let first_after = BookId::first_at(instant + Duration::from_millis(1));
            sql.push(" AND ").column(Column::Id).push(" >= ").bind(first_after);
        }
        if let Some(instant) = self.created_before {
            sql.push(" AND ").column(Column::Id).push(" < ").bind(BookId::first_at(instant));
        }
        match &self.status {
            Some(none) if none.is_empty() => {
                sql.push(" AND 1 = 0");
            }
            Some(any) => {
                sql.push(" AND ").column(Column::Status).push(" IN (");
                sql.join(", ", any, |sql, status| {
                    sql.bind(*status);
                });
                sql.push(")");
            }
            None => {}
        }
        if let Some(tag) = &self.tag {
            sql.push(" AND ");
            push_any_contains(sql, &[Column::TagKeys], &tag.key_among_others());
        }
        if let Some(search) = &self.search {
            sql.push(" AND (").join(" AND ", &search.words, push_occurs);
            push_isbn_contains(sql, &search.isbns);
            sql.push(")");
        }
    }
}

/// Length of a word, in bytes, up to which PostgreSQL's `position` is used. Its time can grow with the length
/// of the text times that of the word; for words up to this length it is the fastest in any case.
const SHORT_WORD_BYTES: usize = 32;

/// Appends the condition for books in which the word occurs.
fn push_occurs(sql: &mut Sql, word: &Word) {
    const SEARCHED: [Column; 5] = [
        Column::TitleFolded,
        Column::AuthorFolded,
        Column::PublisherFolded,
        Column::TagsFolded,
        Column::NotesFolded,
    ];

    sql.push("(");
    push_any_contains(sql, &SEARCHED, &word.folded);
    push_isbn_contains(sql, &word.isbns);
    sql.push(")");
}

/// Appends ` OR …` for books whose ISBN contains one of these texts.
fn push_isbn_contains(sql: &mut Sql, isbns: &[String]) {
    for digits in isbns {
        sql.push(" OR ");
        push_any_contains(sql, &[Column::Isbn], digits);
    }
}

/// A rating to compare with. Beyond the ratings that exist, all compare alike, but the column is a small integer.
fn within_column(rating: i32) -> i32 {
    rating.clamp(0, 6)
}

/// Appends the condition that one of the columns contains the text, compared byte by byte. Unlike `LIKE`, its time
/// does not grow with the length of the text times that of the column.
fn push_any_contains(sql: &mut Sql, columns: &[Column], text: &str) {
    match sql.backend() {
        DbBackend::Postgres if text.len() <= SHORT_WORD_BYTES => {
            sql.join(" OR ", columns, |sql, column| {
                sql.push("position(").bind(text).push(" IN ").column(*column).push(") > 0");
            });
        }
        // An automaton that reads each character once. After `***=`, no character is special (PostgreSQL,
        // section 9.7.3.4).
        DbBackend::Postgres => {
            sql.join(" OR ", columns, |sql, column| {
                sql.column(*column).push(" ~ ").bind(format!("***={text}"));
            });
        }
        _ => {
            sql.push(CONTAINS_FUNCTION).push("(").bind(text).push(", ");
            sql.columns(columns.iter().copied()).push(")");
        }
    }
}
