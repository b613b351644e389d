//! The viewer's imports.

use async_graphql::{Context, ID, Object};

use crate::graphql::context::ContextExt;
use crate::graphql::error::Nullable;
use crate::graphql::types::import_job::ImportJob;
use crate::id::ImportId;

#[derive(Debug, Default)]
pub(super) struct ImportQuery;

#[Object]
impl ImportQuery {
    /// The viewer's import with this id; null if the id is malformed, or if the import does not exist any more or
    /// belongs to another user.
    async fn import_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the import.")] id: ID,
    ) -> Nullable<ImportJob> {
        let viewer = match ctx.viewer() {
            Ok(viewer) => viewer,
            Err(failure) => return Some(Err(failure)),
        };
        ImportJob::find(ctx, viewer, ImportId::parse(&id)?).await.transpose()
    }
}
