//! Statistics of a library.

use async_graphql::SimpleObject;

use super::connection::saturating_i32;
use super::reading_status::ReadingStatus;
use crate::store::books;

/// Statistics of the viewer's library. Counts above 2,147,483,647 are this number.
#[derive(Debug, SimpleObject)]
pub(in crate::graphql) struct ReadingStats {
    /// Number of all books in the library.
    total: i32,
    /// Number of books with the status `READ`; with `year`, of those that were finished in it.
    read: i32,
    /// Sum of `pageCount` over the books of `read`.
    pages_read: i32,
    /// Average rating of the books of `read`, 1 to 5; null if none of them is rated.
    average_rating: Option<f64>,
    /// Number of all books in the library by their status: each status, then null.
    by_status: Vec<StatusCount>,
    /// Number of books by the month in which they were finished, of any status: the 12 months of `year`, or of
    /// the current year in UTC.
    by_month: Vec<MonthCount>,
}

/// Number of books with a status.
#[derive(Debug, SimpleObject)]
struct StatusCount {
    /// The status; null for books without one.
    status: Option<ReadingStatus>,
    /// Number of books.
    count: i32,
}

/// Number of books that were finished in a month.
#[derive(Debug, SimpleObject)]
struct MonthCount {
    /// The month, 1 to 12.
    month: i32,
    /// Number of books.
    count: i32,
}

impl From<books::ReadingStats> for ReadingStats {
    fn from(stats: books::ReadingStats) -> Self {
        let by_status = stats.by_status.into_iter().map(|(status, count)| StatusCount {
            status: status.map(ReadingStatus::from),
            count: saturating_i32(count),
        });
        let by_month = (1..).zip(stats.by_month);
        Self {
            total: saturating_i32(stats.total),
            read: saturating_i32(stats.read),
            pages_read: saturating_i32(stats.pages_read),
            average_rating: stats.average_rating,
            by_status: by_status.collect(),
            by_month: by_month
                .map(|(month, count)| MonthCount { month, count: saturating_i32(count) })
                .collect(),
        }
    }
}
