//! The columns of a book, each declared once: what is selected, how it is read, and what an insert and an
//! update bind follow from the declaration at the end of this file.

use sea_orm::{IdenStatic, Value};

use crate::clock::Timestamp;
pub(crate) use crate::entity::book::Column;
use crate::id::{BookId, UserId};
use crate::input::author::Author;
use crate::input::calendar_date::CalendarDate;
use crate::input::isbn::Isbn;
use crate::input::notes::Notes;
use crate::input::page_count::PageCount;
use crate::input::published_year::PublishedYear;
use crate::input::publisher::Publisher;
use crate::input::rating::Rating;
use crate::input::read_count::ReadCount;
use crate::input::reading_status::ReadingStatus;
use crate::input::tags::Tags;
use crate::input::text::{fold, fold_for_index};
use crate::input::title::Title;
use crate::store::db::row::RowReader;
use crate::store::error::{QueryError, StoreError};
use crate::store::quota;

/// A set of columns of a book. Its id and its owner's id are always read and not part of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BookColumns(u64);

impl BookColumns {
    /// All columns that a book is read from.
    pub(crate) fn all() -> Self {
        Book::COLUMNS.iter().fold(Self::default(), |columns, column| columns.with(*column))
    }

    /// The set with this column too.
    pub(crate) fn with(self, column: Column) -> Self {
        Self(self.0 | 1 << column as u64)
    }

    /// The columns of both sets.
    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn contains(self, column: Column) -> bool {
        self.0 & 1 << column as u64 != 0
    }

    /// What a statement selects, in the order in which [`Book::read`] reads it.
    pub(super) fn to_select(self) -> impl Iterator<Item = Column> {
        let selected = Book::COLUMNS.iter().copied().filter(move |column| self.contains(*column));
        [Column::OwnerId, Column::Id].into_iter().chain(selected)
    }
}

/// A column that a statement writes, with its value.
pub(super) struct Assignment {
    pub(super) column: Column,
    pub(super) value: Value,
    /// Whether the value is derived from another column of the same statement.
    pub(super) folded: bool,
}

/// The values that a statement writes.
#[derive(Default)]
pub(super) struct Assignments(Vec<Assignment>);

impl Assignments {
    pub(super) fn set(&mut self, column: Column, value: impl Into<Value>) {
        self.0.push(Assignment { column, value: value.into(), folded: false });
    }

    fn set_folded(&mut self, column: Column, value: impl Into<Value>) {
        self.0.push(Assignment { column, value: value.into(), folded: true });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The texts that count as the size of a book, with the bytes of each.
    pub(super) fn texts(&self) -> impl Iterator<Item = (Column, i32)> {
        self.0.iter().filter(|assignment| !assignment.folded).filter_map(|assignment| {
            let Value::String(text) = &assignment.value else { return None };
            let bytes = text.as_ref().map_or(0, String::len);
            Some((assignment.column, i32::try_from(bytes).unwrap_or(i32::MAX)))
        })
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = Column> {
        self.0.iter().map(|assignment| assignment.column)
    }
}

impl IntoIterator for Assignments {
    type Item = Assignment;
    type IntoIter = std::vec::IntoIter<Assignment>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl NewBook {
    /// The size of the book in its library.
    pub(crate) fn kibibytes(&self) -> i64 {
        let Self { title, author, isbn, tags, publisher, notes, .. } = self;
        let texts = [
            Some(title.as_str().len()),
            Some(author.as_str().len()),
            isbn.as_ref().map(|isbn| isbn.as_str().len()),
            // One separator between two tags.
            tags.as_ref().map(|tags| tags.iter().map(|tag| tag.len() + 1).sum::<usize>() - 1),
            publisher.as_ref().map(|publisher| publisher.as_str().len()),
            notes.as_ref().map(|notes| notes.as_str().len()),
        ];
        let bytes: usize = texts.into_iter().flatten().sum();
        quota::kibibytes(i32::try_from(bytes).unwrap_or(i32::MAX))
    }
}

/// A column was used that the statement did not select.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the column {0} of a book was not selected")]
struct NotSelected(&'static str);

fn selected<T>(column: Column, value: Option<&T>) -> Result<&T, StoreError> {
    value.ok_or_else(|| StoreError::internal(NotSelected(column.as_str())))
}

/// Declares the columns of a book.
///
/// - `program`: columns that the program sets, each with its value in a book that is inserted at a time.
/// - `owner`: columns that the owner of the book sets, each with the type of its validated value. `folded`
///   names the columns with the folded text, for comparison, sorting and search, each with the function that makes it.
macro_rules! book_columns {
    (
        program { $($field:ident: $Type:ty = $Column:ident, initially $initial:expr;)+ }
        owner {
            $($input:ident: $Input:ty = $InputColumn:ident
                $(, folded $Folded:ident by $fold:expr)*;)+
        }
    ) => {
        /// A book, with the columns that were selected. The others cannot be read: their accessors return an
        /// error.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) struct Book {
            pub(crate) id: BookId,
            pub(crate) owner_id: UserId,
            $($field: Option<$Type>,)+
            $($input: Option<$Input>,)+
        }

        /// The values of a book to insert.
        #[derive(Clone, Debug)]
        pub(crate) struct NewBook {
            $(pub(crate) $input: $Input,)+
        }

        /// The changes of an update; `None` keeps a value.
        #[derive(Clone, Debug, Default)]
        pub(crate) struct BookChanges {
            $(pub(crate) $input: Option<$Input>,)+
        }

        // The types are those of the entity.
        const _: fn(crate::entity::book::Model) = |entity| {
            $(let _: $Type = entity.$field;)+
            $(let _: $Input = entity.$input;)+
        };

        impl Book {
            const COLUMNS: &'static [Column] = &[$(Column::$Column,)+ $(Column::$InputColumn,)+];

            /// When the book was added to the library.
            pub(crate) fn created_at(&self) -> Timestamp {
                self.id.created_at()
            }

            /// Whether all of these columns were selected.
            pub(crate) fn has(&self, columns: BookColumns) -> bool {
                true $(&& (self.$field.is_some() || !columns.contains(Column::$Column)))+
                $(&& (self.$input.is_some() || !columns.contains(Column::$InputColumn)))+
            }

            /// Reads the columns of [`BookColumns::to_select`].
            pub(super) fn read(
                row: &mut RowReader<'_>,
                columns: BookColumns,
            ) -> Result<Self, QueryError> {
                Ok(Self {
                    owner_id: row.read()?,
                    id: row.read()?,
                    $($field: columns.contains(Column::$Column).then(|| row.read()).transpose()?,)+
                    $($input: columns
                        .contains(Column::$InputColumn)
                        .then(|| row.read())
                        .transpose()?,)+
                })
            }

            $(
                /// An error if the column was not selected.
                pub(crate) fn $field(&self) -> Result<&$Type, StoreError> {
                    selected(Column::$Column, self.$field.as_ref())
                }
            )+
            $(
                /// An error if the column was not selected.
                pub(crate) fn $input(&self) -> Result<&$Input, StoreError> {
                    selected(Column::$InputColumn, self.$input.as_ref())
                }
            )+
        }

        impl Book {
            /// The values that the owner has set. An error if a column was not selected.
            pub(crate) fn values(&self) -> Result<NewBook, StoreError> {
                Ok(NewBook { $($input: self.$input()?.clone(),)+ })
            }
        }

        impl NewBook {
            /// Makes changes.
            pub(crate) fn apply(&mut self, changes: &BookChanges) {
                $(if let Some(value) = &changes.$input {
                    self.$input = value.clone();
                })+
            }

            /// The changes that make `changed` of this book, without those that change nothing.
            pub(crate) fn changes_to(&self, changed: &Self) -> BookChanges {
                BookChanges {
                    $($input: (self.$input != changed.$input).then(|| changed.$input.clone()),)+
                }
            }

            /// All columns of a new book but its size and its idempotency key.
            pub(super) fn assignments(
                &self,
                id: BookId,
                owner_id: UserId,
                now: Timestamp,
            ) -> Assignments {
                let Self { $($input,)+ } = self;
                let mut assignments = Assignments::default();
                assignments.set(Column::OwnerId, owner_id);
                assignments.set(Column::Id, id);
                $(assignments.set(Column::$Column, $initial(now));)+
                $(
                    assignments.set(Column::$InputColumn, $input.clone());
                    $(assignments.set_folded(Column::$Folded, $fold($input));)*
                )+
                assignments
            }

            /// The book as it is after its insert.
            pub(super) fn into_book(self, id: BookId, owner_id: UserId, now: Timestamp) -> Book {
                Book {
                    id,
                    owner_id,
                    $($field: Some($initial(now)),)+
                    $($input: Some(self.$input),)+
                }
            }
        }

        impl BookChanges {
            /// Whether nothing changes.
            pub(crate) fn is_empty(&self) -> bool {
                let Self { $($input,)+ } = self;
                true $(&& $input.is_none())+
            }

            /// Whether the book has other values. An error if a column was not selected.
            pub(super) fn differ_from(&self, book: &Book) -> Result<bool, StoreError> {
                Ok(false $(|| match &self.$input {
                    Some(value) => value != book.$input()?,
                    None => false,
                })+)
            }

            /// The columns that change, and their folded columns.
            pub(super) fn assignments(&self) -> Assignments {
                let Self { $($input,)+ } = self;
                let mut assignments = Assignments::default();
                $(
                    if let Some($input) = $input {
                        assignments.set(Column::$InputColumn, $input.clone());
                        $(assignments.set_folded(Column::$Folded, $fold($input));)*
                    }
                )+
                assignments
            }
        }
    };
}

book_columns! {
    program {
        version: i32 = Version, initially |_| 1;
        updated_at: Timestamp = UpdatedAt, initially |now| now;
    }
    owner {
        title: Title = Title, folded TitleFolded by |title: &Title| fold_for_index(title.as_str());
        author: Author = Author, folded AuthorFolded by |author: &Author| fold_for_index(author.as_str());
        isbn: Option<Isbn> = Isbn;
        rating: Option<Rating> = Rating;
        status: Option<ReadingStatus> = Status;
        started_on: Option<CalendarDate> = StartedOn;
        finished_on: Option<CalendarDate> = FinishedOn;
        read_count: ReadCount = ReadCount;
        published_year: Option<PublishedYear> = PublishedYear;
        page_count: Option<PageCount> = PageCount;
        tags: Option<Tags> = Tags,
            folded TagsFolded by |tags: &Option<Tags>| tags.as_ref().map(Tags::folded),
            folded TagKeys by |tags: &Option<Tags>| tags.as_ref().map(Tags::keys);
        publisher: Option<Publisher> = Publisher,
            folded PublisherFolded by |publisher: &Option<Publisher>| publisher.as_ref().map(|publisher| fold(publisher.as_str()));
        notes: Option<Notes> = Notes,
            folded NotesFolded by |notes: &Option<Notes>| notes.as_ref().map(|notes| fold(notes.as_str()));
    }
}
