//! The tags and the statistics of the viewer's library.

use async_graphql::{Context, Object};

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::types::reading_stats::ReadingStats;
use crate::graphql::types::tag::Tag;

/// Size of the JSON of a tag besides its name: `{"name":"","bookCount":1},`.
const TAG_BYTES: usize = 26;

#[derive(Debug, Default)]
pub(super) struct ReadingQuery;

#[Object]
impl ReadingQuery {
    /// The tags of the viewer's books, most used first, then by name; at most 10,000. Tags that differ in case
    /// only are one.
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<Tag>> {
        let owner = ctx.viewer()?.user;
        ctx.charge_scan(owner, 0).await?;
        let size = ctx.response_size();
        size.wait_for_turn().await;
        let tags = ctx.store().books().tags(ctx.scans(), owner, &size.read).await?;
        size.add_written(tags.iter().map(|tag| tag.name.len() + TAG_BYTES).sum())?;
        Ok(tags.into_iter().map(Tag::from).collect())
    }

    /// Statistics of the viewer's library.
    async fn stats(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The year for `read`, `pagesRead`, `averageRating` and `byMonth`. If absent or \
                          null, all books that were read, and the months of the current year in UTC."
        )]
        year: Option<i32>,
    ) -> Result<ReadingStats> {
        let owner = ctx.viewer()?.user;
        ctx.charge_scan(owner, 0).await?;
        let months_of = year.unwrap_or_else(|| ctx.now().utc_year());
        let books = ctx.store().books();
        let stats = books.reading_stats(ctx.scans(), owner, months_of, year.is_some()).await?;
        Ok(stats.into())
    }
}
