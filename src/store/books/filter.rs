//! Filters for the books of a library.

use super::model::Column;
use crate::clock::Timestamp;
use crate::input::isbn::Isbn;
use crate::input::text::fold;
use crate::store::db::sql::Sql;

/// All given conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BookFilter {
    /// Search words, as typed; each must occur in the book, in upper or lower case.
    pub(crate) words: Vec<String>,
    pub(crate) isbn: Option<Isbn>,
    pub(crate) min_rating: Option<i32>,
    pub(crate) max_rating: Option<i32>,
    pub(crate) unrated: Option<bool>,
    /// Later than this.
    pub(crate) created_after: Option<Timestamp>,
    /// Earlier than this.
    pub(crate) created_before: Option<Timestamp>,
}

impl BookFilter {
    /// Whether all books match.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Appends ` AND …` for each condition.
    pub(super) fn push_conditions(&self, sql: &mut Sql) {
        if let Some(isbn) = &self.isbn {
            sql.push(" AND ").column(Column::Isbn).push(" = ").bind(isbn.clone());
        }
        if let Some(rating) = self.min_rating {
            sql.push(" AND ").column(Column::Rating).push(" >= ").bind(rating);
        }
        if let Some(rating) = self.max_rating {
            sql.push(" AND ").column(Column::Rating).push(" <= ").bind(rating);
        }
        if let Some(unrated) = self.unrated {
            sql.push(" AND ").column(Column::Rating);
            sql.push(if unrated { " IS NULL" } else { " IS NOT NULL" });
        }
        if let Some(instant) = self.created_after {
            sql.push(" AND ").column(Column::CreatedAt).push(" > ").bind(instant);
        }
        if let Some(instant) = self.created_before {
            sql.push(" AND ").column(Column::CreatedAt).push(" < ").bind(instant);
        }
        for word in &self.words {
            sql.push(" AND ");
            push_occurs(sql, word);
        }
    }
}

/// Appends the condition for books that contain the word. An ISBN matches in any spelling.
fn push_occurs(sql: &mut Sql, word: &str) {
    const SEARCHED: [Column; 4] =
        [Column::TitleFolded, Column::AuthorFolded, Column::NotesFolded, Column::Isbn];

    let pattern = format!("%{}%", escaped(&fold(word)));
    sql.push("(").join(" OR ", SEARCHED, |sql, column| {
        sql.column(column).push(" LIKE ").bind(pattern.as_str()).push(" ESCAPE '\\'");
    });
    if let Ok(Some(isbn)) = Isbn::parse(word) {
        sql.push(" OR ").column(Column::Isbn).push(" = ").bind(isbn);
    }
    sql.push(")");
}

/// Escapes the wildcards of `LIKE`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
