//! Filters for the books of a library.

use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr};
use sea_orm::{ColumnTrait, Condition};

use crate::clock::Timestamp;
use crate::entity::book::Column;
use crate::input::isbn::Isbn;
use crate::input::text::fold;

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

    pub(super) fn condition(&self) -> Condition {
        let unrated = self.unrated.map(|unrated| {
            if unrated { Column::Rating.is_null() } else { Column::Rating.is_not_null() }
        });
        let mut condition = Condition::all()
            .add_option(self.isbn.as_ref().map(|isbn| Column::Isbn.eq(isbn.as_str())))
            .add_option(self.min_rating.map(|rating| Column::Rating.gte(rating)))
            .add_option(self.max_rating.map(|rating| Column::Rating.lte(rating)))
            .add_option(unrated)
            .add_option(self.created_after.map(|instant| Column::CreatedAt.gt(instant)))
            .add_option(self.created_before.map(|instant| Column::CreatedAt.lt(instant)));
        for word in &self.words {
            condition = condition.add(occurs(word));
        }
        condition
    }
}

/// Matches books that contain the word. An ISBN matches in any spelling.
fn occurs(word: &str) -> Condition {
    let pattern = format!("%{}%", escaped(&fold(word)));
    let like = |column: Column| Expr::col(column).like(LikeExpr::new(&pattern).escape('\\'));
    let isbn = Isbn::parse(word).ok().flatten();
    Condition::any()
        .add(like(Column::TitleFolded))
        .add(like(Column::AuthorFolded))
        .add(like(Column::NotesFolded))
        .add(like(Column::Isbn))
        .add_option(isbn.map(|isbn| Column::Isbn.eq(isbn.as_str())))
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
