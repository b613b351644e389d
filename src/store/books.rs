//! Books.

mod batch;
mod export;
mod filter;
mod list;
mod model;
mod order;
mod read;
mod reading;
mod stats;
mod tags;
mod update;
mod write;

pub(crate) use batch::{BookBatch, BookKeys, BookUpdate, TitleKey};
pub(crate) use filter::BookFilter;
#[cfg(feature = "benchmarks")]
pub(crate) use list::first_page_sql;
pub(crate) use list::{BookList, PageSelection};
pub(crate) use model::{Book, BookChanges, BookColumns, Column, NewBook};
pub(crate) use order::{BookOrder, BookOrderField, Direction, KeysetPosition, Relative, SortKey};
pub(crate) use stats::ReadingStats;
pub(crate) use tags::TagCount;
pub(crate) use update::UpdateOutcome;
pub(crate) use write::CreateOutcome;
